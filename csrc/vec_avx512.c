/* 64-byte vectors, x86-64 with AVX-512 F, BW and VL. */
#include "target.h"
#ifdef ARCH_X86
#if defined(__clang__) && __clang_major__ >= 18 && __clang_major__ < 22
REGION_BEGIN("avx512f,avx512bw,avx512vl,evex512") /* in these Clangs 512-bit vectors are a feature of their own */
#else
REGION_BEGIN("avx512f,avx512bw,avx512vl")
#endif

typedef __m512i vec;
#define VEC_BYTES(bits) 64
#define SHORTEST_ROW 192 /* loads of 64 bytes across cache lines take up to twice the time of AVX2's */
#define OP(name) _mm512_##name
#define ALL(name) _mm512_##name##_si512
#define SET1_64 _mm512_set1_epi64
#define HAVE_MASKS
#define PREFETCH_INPUTS 3072
#define PREFETCH_STREAMED 24576
#include "vec_x86.h"

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

INLINE vec vec_load_parts(const char *p, ptrdiff_t step)
{
    vec v = _mm512_castsi128_si512(load128(p));
    v = _mm512_inserti32x4(v, load128(p + step), 1);
    v = _mm512_inserti32x4(v, load128(p + 2 * step), 2);
    return _mm512_inserti32x4(v, load128(p + 3 * step), 3);
}

#include "kernels.h"
#include "transpose.h"
REGION_END

extern const struct target target_avx2;
const struct target target_avx512 = {
    .name = "avx512",
    .needs = CPU_SSE42 | CPU_AVX2 | CPU_AVX512,
    .narrower = &target_avx2,
    .shortest_row = SHORTEST_ROW,
    .vector_bytes = 64,
    .rows = TABLE(rows),
    .streamed = TABLE(streamed),
    .transpose = WIDTHS(transpose),
    .fence = vec_fence,
};
#endif
