/* 64-byte vectors, x86-64 with AVX-512 F, BW and VL. */
#define TARGET avx512
#include "region.h"
#ifdef ARCH_X86
#include <immintrin.h>
#if defined(__clang__) && __clang_major__ >= 18 && __clang_major__ < 22
REGION_BEGIN(
    "avx512f,avx512bw,avx512vl,evex512") /* these Clangs take 512-bit vectors for a feature of its own */
#else
REGION_BEGIN("avx512f,avx512bw,avx512vl")
#endif

typedef __m512i vec;
#define VEC_BYTES(bits) 64

INLINE vec vec_load(int bits, const char *p)
{
    (void)bits;
    return _mm512_loadu_si512(p);
}
INLINE void vec_store(int bits, char *p, vec v)
{
    (void)bits;
    _mm512_storeu_si512(p, v);
}

#define HAVE_STREAM
INLINE void vec_stream(char *p, vec v) { _mm512_stream_si512((void *)p, v); }
INLINE void vec_fence(void) { _mm_sfence(); }

INLINE vec vec_set(int bits, int64_t v)
{
    switch (bits) {
        case 8: return _mm512_set1_epi8((char)v);
        case 16: return _mm512_set1_epi16((short)v);
        case 32: return _mm512_set1_epi32((int)v);
        default: return _mm512_set1_epi64(v);
    }
}

INLINE vec vec_keep(int bits, vec s, vec bias, vec limit, vec v)
{
    switch (bits) {
        case 8: return _mm512_maskz_mov_epi8(_mm512_cmpge_epi8_mask(_mm512_sub_epi8(s, bias), limit), v);
        case 16: return _mm512_maskz_mov_epi16(_mm512_cmpge_epi16_mask(_mm512_sub_epi16(s, bias), limit), v);
        case 32: return _mm512_maskz_mov_epi32(_mm512_cmpge_epi32_mask(_mm512_sub_epi32(s, bias), limit), v);
        default: return _mm512_maskz_mov_epi64(_mm512_cmpge_epi64_mask(_mm512_sub_epi64(s, bias), limit), v);
    }
}

INLINE vec vec_nonzero(int bits, vec s, vec v)
{
    switch (bits) {
        case 8: return _mm512_maskz_mov_epi8(_mm512_test_epi8_mask(s, s), v);
        case 16: return _mm512_maskz_mov_epi16(_mm512_test_epi16_mask(s, s), v);
        case 32: return _mm512_maskz_mov_epi32(_mm512_test_epi32_mask(s, s), v);
        default: return _mm512_maskz_mov_epi64(_mm512_test_epi64_mask(s, s), v);
    }
}

INLINE __mmask64 vec_first(ptrdiff_t n) { return ((__mmask64)1 << n) - 1; } /* 0 <= n < 64 */
INLINE vec vec_load_part(const char *p, ptrdiff_t n) { return _mm512_maskz_loadu_epi8(vec_first(n), p); }
INLINE void vec_store_part(char *p, vec v, ptrdiff_t n) { _mm512_mask_storeu_epi8(p, vec_first(n), v); }

#include "kernels.h"
REGION_END
#endif
