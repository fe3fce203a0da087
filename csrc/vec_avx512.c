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

#include "vec128_x86.h"
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

/* Two overlapping halves again: a masked store would stall the loads of the next short row beside it. */
INLINE vec vec_load_part(const char *p, ptrdiff_t n)
{
    if (n >= 32) {
        vec first = _mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)p));
        return _mm512_inserti64x4(first, _mm256_loadu_si256((const __m256i *)(p + n - 32)), 1);
    }
    if (n >= 16) {
        return _mm512_inserti32x4(_mm512_castsi128_si512(load128(p)), load128(p + n - 16), 1);
    }
    return _mm512_castsi128_si512(load128_part(p, n));
}

INLINE void vec_store_part(char *p, vec v, ptrdiff_t n)
{
    if (n >= 32) {
        _mm256_storeu_si256((__m256i *)p, _mm512_castsi512_si256(v));
        _mm256_storeu_si256((__m256i *)(p + n - 32), _mm512_extracti64x4_epi64(v, 1));
    }
    else if (n >= 16) {
        store128(p, _mm512_castsi512_si128(v));
        store128(p + n - 16, _mm512_extracti32x4_epi32(v, 1));
    }
    else {
        store128_part(p, _mm512_castsi512_si128(v), n);
    }
}

/* For transpose.h. */
#define HAVE_ZIP
#define NARROWER avx2
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
