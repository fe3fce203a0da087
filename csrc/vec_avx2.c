/* 32-byte vectors, x86-64 with AVX2. */
#define TARGET avx2
#include "region.h"
#ifdef ARCH_X86
#include <immintrin.h>
REGION_BEGIN("avx2")

#include "vec_x86.h"
typedef __m256i vec;
#define NARROWER sse42
#define NARROWER_BELOW 32
#define VEC_BYTES(bits) 32

INLINE vec vec_load(int bits, const char *p)
{
    (void)bits;
    vec v = _mm256_loadu_si256((const __m256i *)p);
    LOAD_ONCE(v);
    return v;
}
INLINE void vec_store(int bits, char *p, vec v)
{
    (void)bits;
    _mm256_storeu_si256((__m256i *)p, v);
}

INLINE void vec_stream(char *p, vec v) { _mm256_stream_si256((__m256i *)p, v); }

INLINE vec vec_set(int bits, int64_t v)
{
    switch (bits) {
        case 8: return _mm256_set1_epi8((char)v);
        case 16: return _mm256_set1_epi16((short)v);
        case 32: return _mm256_set1_epi32((int)v);
        default: return _mm256_set1_epi64x(v);
    }
}

INLINE vec vec_keep(int bits, vec s, vec bias, vec limit, vec v)
{
    switch (bits) {
        case 8: return _mm256_andnot_si256(_mm256_cmpgt_epi8(limit, _mm256_sub_epi8(s, bias)), v);
        case 16: return _mm256_andnot_si256(_mm256_cmpgt_epi16(limit, _mm256_sub_epi16(s, bias)), v);
        case 32: return _mm256_andnot_si256(_mm256_cmpgt_epi32(limit, _mm256_sub_epi32(s, bias)), v);
        default: return _mm256_andnot_si256(_mm256_cmpgt_epi64(limit, _mm256_sub_epi64(s, bias)), v);
    }
}

INLINE vec vec_nonzero(int bits, vec s, vec v)
{
    vec zero = _mm256_setzero_si256();
    switch (bits) {
        case 8: return _mm256_andnot_si256(_mm256_cmpeq_epi8(s, zero), v);
        case 16: return _mm256_andnot_si256(_mm256_cmpeq_epi16(s, zero), v);
        case 32: return _mm256_andnot_si256(_mm256_cmpeq_epi32(s, zero), v);
        default: return _mm256_andnot_si256(_mm256_cmpeq_epi64(s, zero), v);
    }
}

/* For transpose.h. */
#define HAVE_ZIP
INLINE vec vec_load_parts(const char *p, ptrdiff_t step)
{
    return _mm256_inserti128_si256(_mm256_castsi128_si256(load128(p)), load128(p + step), 1);
}

INLINE vec zip_low(int bits, vec a, vec b)
{
    switch (bits) {
        case 8: return _mm256_unpacklo_epi8(a, b);
        case 16: return _mm256_unpacklo_epi16(a, b);
        case 32: return _mm256_unpacklo_epi32(a, b);
        default: return _mm256_unpacklo_epi64(a, b);
    }
}

INLINE vec zip_high(int bits, vec a, vec b)
{
    switch (bits) {
        case 8: return _mm256_unpackhi_epi8(a, b);
        case 16: return _mm256_unpackhi_epi16(a, b);
        case 32: return _mm256_unpackhi_epi32(a, b);
        default: return _mm256_unpackhi_epi64(a, b);
    }
}

#include "kernels.h"
#include "transpose.h"
REGION_END
#endif
