/* 32-byte vectors, x86-64 with AVX2. */
#include "target.h"
#ifdef ARCH_X86
REGION_BEGIN("avx2")

typedef __m256i vec;
#define VEC_BYTES(bits) 32
#define SHORTEST_ROW 32
#define OP(name) _mm256_##name
#define ALL(name) _mm256_##name##_si256
#define SET1_64 _mm256_set1_epi64x
#include "vec_x86.h"

INLINE vec vec_load_parts(const char *p, ptrdiff_t step)
{
    return _mm256_inserti128_si256(_mm256_castsi128_si256(load128(p)), load128(p + step), 1);
}

#include "kernels.h"
#include "transpose.h"
REGION_END

extern const struct target target_sse42;
const struct target target_avx2 = {
    .name = "avx2",
    .needs = CPU_SSE42 | CPU_AVX2,
    .narrower = &target_sse42,
    .shortest_row = SHORTEST_ROW,
    .vector_bytes = 32,
    .rows = TABLE(rows),
    .streamed = TABLE(streamed),
    .transpose = WIDTHS(transpose),
    .fence = vec_fence,
};
#endif
