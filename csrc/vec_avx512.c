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

/* Strided, where all operands have a step of two (the real parts of complex numbers): with masks nothing has to
 * be gathered, and what lies between stays untouched. All else is left to SSE4.2. */
extern const struct strided_kernels strided_sse42;

INLINE vec load_masked(int bits, __mmask64 mask, const char *p)
{
    switch (bits) {
        case 8: return _mm512_maskz_loadu_epi8(mask, p);
        case 16: return _mm512_maskz_loadu_epi16((__mmask32)mask, p);
        case 32: return _mm512_maskz_loadu_epi32((__mmask16)mask, p);
        default: return _mm512_maskz_loadu_epi64((__mmask8)mask, p);
    }
}

INLINE void store_masked(int bits, __mmask64 mask, char *p, vec v)
{
    switch (bits) {
        case 8: _mm512_mask_storeu_epi8(p, mask, v); return;
        case 16: _mm512_mask_storeu_epi16(p, (__mmask32)mask, v); return;
        case 32: _mm512_mask_storeu_epi32(p, (__mmask16)mask, v); return;
        default: _mm512_mask_storeu_epi64(p, (__mmask8)mask, v); return;
    }
}

INLINE void strided(enum op op, int bits, char *out, const char *dy, const char *x, ptrdiff_t n,
                    const ptrdiff_t step[N_OPERANDS], const struct dtype *dtype)
{
    const ptrdiff_t two = bits / 4, lanes = 64 / two;
    if (step[OUT] != two || step[X] != two || (has_dy(op) && step[DY] != two)) {
        strided_sse42.of[op][width_index(bits / 8)](out, dy, x, n, step, dtype);
        return;
    }
    const struct constants c = constants_of(op, bits, dtype);
    for (ptrdiff_t i = 0; n > 0; n -= lanes, i += 64) {
        __mmask64 mask = 0x5555555555555555;
        if (n < lanes) {
            mask &= ((__mmask64)1 << 2 * n) - 1;
        }
        PREFETCH(out + i + AHEAD_OF_ROWS); /* masks hide from the hardware's prefetcher what comes next */
        PREFETCH(x + i + AHEAD_OF_ROWS);
        if (has_dy(op)) {
            PREFETCH(dy + i + AHEAD_OF_ROWS);
        }
        vec s = load_masked(bits, mask, x + i);
        store_masked(bits, mask, out + i,
                     select(op, bits, s, has_dy(op) ? load_masked(bits, mask, dy + i) : s, &c));
    }
}

STRIDED_KERNELS
REGION_END
#endif
