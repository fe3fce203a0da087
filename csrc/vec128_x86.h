/* What the x86 targets share: 16-byte vectors and parts of one. Used under a region of SSE4.2 or more.
 *
 * A part of n < 16 bytes is held as two overlapping halves of 8, 4 or 2 bytes, loaded from its two ends and
 * stored to them again: no byte outside it is touched, and kernels do not care where in a vector an element
 * lies. */

typedef __m128i vec128;

INLINE vec128 load128(const char *p) { return _mm_loadu_si128((const __m128i *)p); }
INLINE void store128(char *p, vec128 v) { _mm_storeu_si128((__m128i *)p, v); }

INLINE vec128 load128_part(const char *p, ptrdiff_t n)
{
    if (n >= 8) {
        vec128 first = _mm_loadl_epi64((const __m128i *)p);
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

INLINE void store128_part(char *p, vec128 v, ptrdiff_t n)
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

#define HAVE_STREAM
INLINE void vec_fence(void) { _mm_sfence(); }
