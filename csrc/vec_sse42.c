/* 16-byte vectors, x86-64 with SSE4.2 (whose 64-bit compare the rule needs), and the strided kernels of all x86
 * targets.
 */
#define TARGET sse42
#include "region.h"
#ifdef ARCH_X86
#include <immintrin.h>
REGION_BEGIN("sse4.2")

#include "vec_x86.h"
typedef __m128i vec;
#define VEC_BYTES(bits) 16

INLINE vec vec_load(int bits, const char *p)
{
    (void)bits;
    vec v = load128(p);
    LOAD_ONCE(v);
    return v;
}
INLINE void vec_store(int bits, char *p, vec v)
{
    (void)bits;
    _mm_storeu_si128((__m128i *)p, v);
}

INLINE void vec_stream(char *p, vec v) { _mm_stream_si128((__m128i *)p, v); }

INLINE vec vec_set(int bits, int64_t v)
{
    switch (bits) {
        case 8: return _mm_set1_epi8((char)v);
        case 16: return _mm_set1_epi16((short)v);
        case 32: return _mm_set1_epi32((int)v);
        default: return _mm_set1_epi64x(v);
    }
}

INLINE vec vec_keep(int bits, vec s, vec bias, vec limit, vec v)
{
    switch (bits) {
        case 8: return _mm_andnot_si128(_mm_cmpgt_epi8(limit, _mm_sub_epi8(s, bias)), v);
        case 16: return _mm_andnot_si128(_mm_cmpgt_epi16(limit, _mm_sub_epi16(s, bias)), v);
        case 32: return _mm_andnot_si128(_mm_cmpgt_epi32(limit, _mm_sub_epi32(s, bias)), v);
        default: return _mm_andnot_si128(_mm_cmpgt_epi64(limit, _mm_sub_epi64(s, bias)), v);
    }
}

INLINE vec vec_nonzero(int bits, vec s, vec v)
{
    vec zero = _mm_setzero_si128();
    switch (bits) {
        case 8: return _mm_andnot_si128(_mm_cmpeq_epi8(s, zero), v);
        case 16: return _mm_andnot_si128(_mm_cmpeq_epi16(s, zero), v);
        case 32: return _mm_andnot_si128(_mm_cmpeq_epi32(s, zero), v);
        default: return _mm_andnot_si128(_mm_cmpeq_epi64(s, zero), v);
    }
}

/* A part of n < 16 bytes is held as two overlapping halves of 8, 4 or 2 bytes, loaded from its two ends and
 * stored to them again: no byte outside it is touched, and kernels do not care where in a vector an element
 * lies. */
INLINE vec vec_load_part(const char *p, ptrdiff_t n)
{
    if (n >= 8) {
        vec first = _mm_loadl_epi64((const __m128i *)p);
        return _mm_unpacklo_epi64(first, _mm_loadl_epi64((const __m128i *)(p + n - 8)));
    }
    if (n >= 4) {
        int32_t ends[2];
        memcpy(&ends[0], p, 4);
        memcpy(&ends[1], p + n - 4, 4);
        return _mm_insert_epi32(_mm_cvtsi32_si128(ends[0]), ends[1], 1);
    }
    if (n >= 2) {
        uint16_t ends[2];
        memcpy(&ends[0], p, 2);
        memcpy(&ends[1], p + n - 2, 2);
        return _mm_insert_epi16(_mm_cvtsi32_si128(ends[0]), ends[1], 1);
    }
    return _mm_cvtsi32_si128(*(const unsigned char *)p);
}

INLINE void vec_store_part(char *p, vec v, ptrdiff_t n)
{
    int32_t low = _mm_cvtsi128_si32(v);
    if (n >= 8) {
        _mm_storel_epi64((__m128i *)p, v);
        _mm_storel_epi64((__m128i *)(p + n - 8), _mm_unpackhi_epi64(v, v));
    }
    else if (n >= 4) {
        int32_t high = _mm_extract_epi32(v, 1);
        memcpy(p, &low, 4);
        memcpy(p + n - 4, &high, 4);
    }
    else if (n >= 2) {
        uint16_t first = (uint16_t)low, last = (uint16_t)((uint32_t)low >> 16);
        memcpy(p, &first, 2);
        memcpy(p + n - 2, &last, 2);
    }
    else {
        *p = (char)low;
    }
}

/* For transpose.h. */
#define HAVE_ZIP
INLINE vec vec_load_parts(const char *p, ptrdiff_t step)
{
    (void)step;
    return load128(p);
}

INLINE vec zip_low(int bits, vec a, vec b)
{
    switch (bits) {
        case 8: return _mm_unpacklo_epi8(a, b);
        case 16: return _mm_unpacklo_epi16(a, b);
        case 32: return _mm_unpacklo_epi32(a, b);
        default: return _mm_unpacklo_epi64(a, b);
    }
}

INLINE vec zip_high(int bits, vec a, vec b)
{
    switch (bits) {
        case 8: return _mm_unpackhi_epi8(a, b);
        case 16: return _mm_unpackhi_epi16(a, b);
        case 32: return _mm_unpackhi_epi32(a, b);
        default: return _mm_unpackhi_epi64(a, b);
    }
}

/* For strided.h. */
#define HAVE_STRIDED
INLINE vec evens(int bits, vec a, vec b)
{
    const vec of_bytes = _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, -1, -1, -1, -1, -1, -1, -1, -1);
    const vec of_words = _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, -1, -1, -1, -1, -1, -1, -1, -1);
    switch (bits) {
        case 8: return _mm_unpacklo_epi64(_mm_shuffle_epi8(a, of_bytes), _mm_shuffle_epi8(b, of_bytes));
        case 16: return _mm_unpacklo_epi64(_mm_shuffle_epi8(a, of_words), _mm_shuffle_epi8(b, of_words));
        case 32: return _mm_unpacklo_epi64(_mm_shuffle_epi32(a, 0x08), _mm_shuffle_epi32(b, 0x08));
        default: return _mm_unpacklo_epi64(a, b);
    }
}

INLINE vec reverse(int bits, vec v)
{
    switch (bits) {
        case 8: return _mm_shuffle_epi8(v, _mm_setr_epi8(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
        case 16:
            return _mm_shuffle_epi8(v, _mm_setr_epi8(14, 15, 12, 13, 10, 11, 8, 9, 6, 7, 4, 5, 2, 3, 0, 1));
        case 32: return _mm_shuffle_epi32(v, 0x1B);
        default: return _mm_shuffle_epi32(v, 0x4E);
    }
}

INLINE vec vec_load_each(int bits, const char *p, ptrdiff_t step)
{
    vec low = vec_load_part(p, bits / 8), high = low;
#define AT(k) (int)load_element(bits, p + (k) * step)
    switch (bits) {
        case 8: high = vec_load_part(p + 8 * step, 1);
#define PAIR(k) low = _mm_insert_epi8(low, AT(k), k), high = _mm_insert_epi8(high, AT(8 + (k)), k)
            PAIR(1), PAIR(2), PAIR(3), PAIR(4), PAIR(5), PAIR(6), PAIR(7);
#undef PAIR
            return _mm_unpacklo_epi64(low, high);
        case 16: high = vec_load_part(p + 4 * step, 2);
#define PAIR(k) low = _mm_insert_epi16(low, AT(k), k), high = _mm_insert_epi16(high, AT(4 + (k)), k)
            PAIR(1), PAIR(2), PAIR(3);
#undef PAIR
            return _mm_unpacklo_epi64(low, high);
        case 32:
            high = vec_load_part(p + 2 * step, 4);
            return _mm_unpacklo_epi64(_mm_insert_epi32(low, AT(1), 1), _mm_insert_epi32(high, AT(3), 1));
        default: return _mm_unpacklo_epi64(low, vec_load_part(p + step, 8));
    }
#undef AT
}

INLINE void store_int(char *p, int v) { memcpy(p, &v, 4); }
INLINE void store_word(char *p, int v)
{
    uint16_t word = (uint16_t)v;
    memcpy(p, &word, 2);
}

INLINE void vec_store_each(int bits, char *p, ptrdiff_t step, vec v)
{
    switch (bits) {
#define PUT(k) p[(k) * step] = (char)_mm_extract_epi8(v, k)
        case 8:
            PUT(0), PUT(1), PUT(2), PUT(3), PUT(4), PUT(5), PUT(6), PUT(7);
            PUT(8), PUT(9), PUT(10), PUT(11), PUT(12), PUT(13), PUT(14), PUT(15);
            return;
#undef PUT
#define PUT(k) store_word(p + (k) * step, _mm_extract_epi16(v, k))
        case 16: PUT(0), PUT(1), PUT(2), PUT(3), PUT(4), PUT(5), PUT(6), PUT(7); return;
#undef PUT
#define PUT(k) store_int(p + (k) * step, _mm_extract_epi32(v, k))
        case 32: PUT(0), PUT(1), PUT(2), PUT(3); return;
#undef PUT
        default:
            _mm_storel_epi64((__m128i *)p, v);
            _mm_storel_epi64((__m128i *)(p + step), _mm_unpackhi_epi64(v, v));
    }
}

#include "kernels.h"
#include "strided.h"
#include "transpose.h"
REGION_END
#endif
