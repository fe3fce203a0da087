/* What x86 targets have in common. Before this a target defines vec, OP(name) and ALL(name), its intrinsics for
 * lanes and for whole vectors, and SET1_64; HAVE_MASKS where comparisons give masks. */

INLINE vec vec_load(int bits, const char *p)
{
    (void)bits;
    vec v = ALL(loadu)((const void *)p);
    LOAD_ONCE(v);
    return v;
}

INLINE void vec_store(int bits, char *p, vec v) { (void)bits, ALL(storeu)((void *)p, v); }

#define HAVE_STREAM
INLINE void vec_stream(char *p, vec v) { ALL(stream)((void *)p, v); }
static void vec_fence(void) { _mm_sfence(); }

INLINE vec vec_set(int bits, int64_t v)
{
    switch (bits) {
        case 8: return OP(set1_epi8)((char)v);
        case 16: return OP(set1_epi16)((short)v);
        case 32: return OP(set1_epi32)((int)v);
        default: return SET1_64(v);
    }
}

#ifndef HAVE_MASKS
INLINE vec vec_keep(int bits, vec s, vec bias, vec limit, vec v)
{
    switch (bits) {
        case 8: return ALL(andnot)(OP(cmpgt_epi8)(limit, OP(sub_epi8)(s, bias)), v);
        case 16: return ALL(andnot)(OP(cmpgt_epi16)(limit, OP(sub_epi16)(s, bias)), v);
        case 32: return ALL(andnot)(OP(cmpgt_epi32)(limit, OP(sub_epi32)(s, bias)), v);
        default: return ALL(andnot)(OP(cmpgt_epi64)(limit, OP(sub_epi64)(s, bias)), v);
    }
}

INLINE vec vec_nonzero(int bits, vec s, vec v)
{
    const vec zero = ALL(setzero)();
    switch (bits) {
        case 8: return ALL(andnot)(OP(cmpeq_epi8)(s, zero), v);
        case 16: return ALL(andnot)(OP(cmpeq_epi16)(s, zero), v);
        case 32: return ALL(andnot)(OP(cmpeq_epi32)(s, zero), v);
        default: return ALL(andnot)(OP(cmpeq_epi64)(s, zero), v);
    }
}
#endif

/* For transpose.h. */
#define HAVE_ZIP
INLINE __m128i load128(const char *p) { return _mm_loadu_si128((const void *)p); }

INLINE vec zip_low(int bits, vec a, vec b)
{
    switch (bits) {
        case 8: return OP(unpacklo_epi8)(a, b);
        case 16: return OP(unpacklo_epi16)(a, b);
        case 32: return OP(unpacklo_epi32)(a, b);
        default: return OP(unpacklo_epi64)(a, b);
    }
}

INLINE vec zip_high(int bits, vec a, vec b)
{
    switch (bits) {
        case 8: return OP(unpackhi_epi8)(a, b);
        case 16: return OP(unpackhi_epi16)(a, b);
        case 32: return OP(unpackhi_epi32)(a, b);
        default: return OP(unpackhi_epi64)(a, b);
    }
}
