/* 16-byte vectors, x86-64 with SSE4.2 (whose 64-bit comparison the rule needs). */
#include "target.h"
#ifdef ARCH_X86
REGION_BEGIN("sse4.2")

typedef __m128i vec;
#define VEC_BYTES(bits) 16
#define OP(name) _mm_##name
#define ALL(name) _mm_##name##_si128
#define SET1_64 _mm_set1_epi64x
#include "vec_x86.h"

INLINE vec vec_of(uint64_t low, uint64_t high) { return _mm_set_epi64x((int64_t)high, (int64_t)low); }
INLINE void vec_halves(vec v, uint64_t half[2])
{
    half[0] = (uint64_t)_mm_cvtsi128_si64(v);
    half[1] = (uint64_t)_mm_extract_epi64(v, 1);
}
#include "vec_16.h"

/* For strided.h. */
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
        case 16: return _mm_shuffle_epi8(v, _mm_setr_epi8(14, 15, 12, 13, 10, 11, 8, 9, 6, 7, 4, 5, 2, 3, 0, 1));
        case 32: return _mm_shuffle_epi32(v, 0x1B);
        default: return _mm_shuffle_epi32(v, 0x4E);
    }
}

#define FOUR(m, k) m(k), m(k + 1), m(k + 2), m(k + 3)
#define SIXTEEN(m) FOUR(m, 0), FOUR(m, 4), FOUR(m, 8), FOUR(m, 12)
#define GET(k) (int)load_element(bits, p + (k) * step)
#define INSERT_8(k) low = _mm_insert_epi8(low, GET(k), k), high = _mm_insert_epi8(high, GET(8 + k), k)
#define INSERT_16(k) low = _mm_insert_epi16(low, GET(k), k), high = _mm_insert_epi16(high, GET(4 + k), k)

INLINE vec vec_gather(int bits, const char *p, ptrdiff_t step)
{
    vec low = _mm_setzero_si128(), high = low; /* two chains: GCC takes longer for one, and for _mm_setr_epi8 */
    switch (bits) {
        case 8: FOUR(INSERT_8, 0), FOUR(INSERT_8, 4); break;
        case 16: FOUR(INSERT_16, 0); break;
        case 32: return _mm_setr_epi32(FOUR(GET, 0));
        default: return vec_of(load_piece(64, p), load_piece(64, p + step));
    }
    return _mm_unpacklo_epi64(low, high);
}

#define PUT_8(k) store_element(8, p + (k) * step, (uint64_t)_mm_extract_epi8(v, k))
#define PUT_16(k) store_element(16, p + (k) * step, (uint64_t)_mm_extract_epi16(v, k))
#define PUT_32(k) store_element(32, p + (k) * step, (uint64_t)_mm_extract_epi32(v, k))

INLINE void vec_scatter(int bits, char *p, ptrdiff_t step, vec v)
{
    switch (bits) {
        case 8: SIXTEEN(PUT_8); return;
        case 16: FOUR(PUT_16, 0), FOUR(PUT_16, 4); return;
        case 32: FOUR(PUT_32, 0); return;
        default: _mm_storel_epi64((__m128i *)p, v); _mm_storel_epi64((__m128i *)(p + step), _mm_unpackhi_epi64(v, v));
    }
}

#include "kernels.h"
#include "strided.h"
#include "transpose.h"
REGION_END

const struct target target_sse42 = {
    .name = "sse42",
    .needs = CPU_SSE42,
    .vector_bytes = 16,
    .rows = TABLE(rows),
    .streamed = TABLE(streamed),
    .strided = TABLE(strided),
    .transpose = WIDTHS(transpose),
    .fence = vec_fence,
};
#endif
