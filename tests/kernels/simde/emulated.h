/* Included before all else (-include), so that SIMDe stands in for the intrinsics of every target and any machine
 * runs them all, as plain C. Nothing in csrc/ is changed for it. */
#include "relu.h"
#include <stdio.h>
#include <stdlib.h>
#undef ARCH_X86
#undef ARCH_ARM
#include "target.h" /* no architecture is defined: it asks for no header of intrinsics */
#define ARCH_X86 1
#define ARCH_ARM 1

/* Code for the targets' instructions would need a CPU that has them. */
#undef REGION_BEGIN
#undef REGION_END
#define REGION_BEGIN(isa)
#define REGION_END

/* Everything inlined, as the kernels are, takes GCC fifteen times as long to compile. */
#undef INLINE
#define INLINE static inline
#define SIMDE_NO_INLINE

#define SIMDE_NO_NATIVE
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>

/* SIMDe's is a macro of four arguments, and csrc/vec_sse42.c gives them as one macro. */
#undef _mm_setr_epi32
#define _mm_setr_epi32 simde_mm_setr_epi32

/* SIMDe 0.7.4 has none. Like the instruction, it refuses an address that is not aligned. */
static inline void stream_512(void *p, simde__m512i v)
{
    if ((uintptr_t)p % 64) {
        puts("avx512: MISMATCH: a non-temporal store to a misaligned address");
        exit(1);
    }
    simde_mm512_storeu_si512(p, v);
}
#undef _mm512_stream_si512
#define _mm512_stream_si512 stream_512
