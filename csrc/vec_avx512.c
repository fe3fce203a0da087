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

#include "vec_x86.h"
typedef __m512i vec;
#define NARROWER avx2
#define NARROWER_BELOW 192
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

INLINE void vec_stream(char *p, vec v) { _mm512_stream_si512((void *)p, v); }

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

/* For transpose.h. */
#define HAVE_ZIP
INLINE vec vec_load_parts(const char *p, ptrdiff_t step)
{
    vec v = _mm512_castsi128_si512(load128(p));
    v = _mm512_inserti32x4(v, load128(p + step), 1);
    v = _mm512_inserti32x4(v, load128(p + 2 * step), 2);
    return _mm512_inserti32x4(v, load128(p + 3 * step), 3);
}

INLINE vec zip_low(int bits, vec a, vec b)
{
    switch (bits) {
        case 8: return _mm512_unpacklo_epi8(a, b);
        case 16: return _mm512_unpacklo_epi16(a, b);
        case 32: return _mm512_unpacklo_epi32(a, b);
        default: return _mm512_unpacklo_epi64(a, b);
    }
}

INLINE vec zip_high(int bits, vec a, vec b)
{
    switch (bits) {
        case 8: return _mm512_unpackhi_epi8(a, b);
        case 16: return _mm512_unpackhi_epi16(a, b);
        case 32: return _mm512_unpackhi_epi32(a, b);
        default: return _mm512_unpackhi_epi64(a, b);
    }
}

#include "kernels.h"
#include "transpose.h"
REGION_END
#endif
