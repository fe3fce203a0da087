/* 16-byte vectors, x86-64 with SSE4.2 (whose 64-bit compare the rule needs), and the moves of all x86 targets.
 */
#define TARGET sse42
#include "region.h"
#ifdef ARCH_X86
#include <immintrin.h>
REGION_BEGIN("sse4.2")

#include "vec128_x86.h"
typedef vec128 vec;
#define VEC_BYTES(bits) 16

INLINE vec vec_load(int bits, const char *p)
{
    (void)bits;
    return load128(p);
}
INLINE void vec_store(int bits, char *p, vec v)
{
    (void)bits;
    store128(p, v);
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

INLINE vec vec_load_part(const char *p, ptrdiff_t n) { return load128_part(p, n); }
INLINE void vec_store_part(char *p, vec v, ptrdiff_t n) { store128_part(p, v, n); }

#include "kernels.h"
#include "moves.h"
REGION_END
#endif
