/* 16-byte vectors, 64-bit Arm: NEON is part of the baseline. */
#include "relu.h"
#ifdef ARCH_ARM
#include <arm_neon.h>

typedef uint8x16_t vec;
#define VEC_BYTES(bits) 16

INLINE vec vec_load(int bits, const char *p) { return (void)bits, vld1q_u8((const uint8_t *)p); }
INLINE void vec_store(int bits, char *p, vec v) { (void)bits, vst1q_u8((uint8_t *)p, v); }

#define S8 vreinterpretq_s8_u8
#define S16 vreinterpretq_s16_u8
#define S32 vreinterpretq_s32_u8
#define S64 vreinterpretq_s64_u8
#define U16(v) vreinterpretq_u8_u16(v)
#define U32(v) vreinterpretq_u8_u32(v)
#define U64(v) vreinterpretq_u8_u64(v)

INLINE vec vec_set(int bits, int64_t v)
{
    switch (bits) {
        case 8: return vdupq_n_u8((uint8_t)v);
        case 16: return U16(vdupq_n_u16((uint16_t)v));
        case 32: return U32(vdupq_n_u32((uint32_t)v));
        default: return U64(vdupq_n_u64((uint64_t)v));
    }
}

INLINE vec vec_keep(int bits, vec s, vec bias, vec limit, vec v)
{
    switch (bits) {
        case 8: return vandq_u8(v, vcgeq_s8(vsubq_s8(S8(s), S8(bias)), S8(limit)));
        case 16: return vandq_u8(v, U16(vcgeq_s16(vsubq_s16(S16(s), S16(bias)), S16(limit))));
        case 32: return vandq_u8(v, U32(vcgeq_s32(vsubq_s32(S32(s), S32(bias)), S32(limit))));
        default: return vandq_u8(v, U64(vcgeq_s64(vsubq_s64(S64(s), S64(bias)), S64(limit))));
    }
}

INLINE vec vec_nonzero(int bits, vec s, vec v)
{
    switch (bits) {
        case 8: return vandq_u8(v, vtstq_s8(S8(s), S8(s)));
        case 16: return vandq_u8(v, U16(vtstq_s16(S16(s), S16(s))));
        case 32: return vandq_u8(v, U32(vtstq_s32(S32(s), S32(s))));
        default: return vandq_u8(v, U64(vtstq_s64(S64(s), S64(s))));
    }
}

INLINE vec vec_of(uint64_t low, uint64_t high) { return U64(vcombine_u64(vcreate_u64(low), vcreate_u64(high))); }
INLINE void vec_halves(vec v, uint64_t half[2])
{
    half[0] = vgetq_lane_u64(vreinterpretq_u64_u8(v), 0);
    half[1] = vgetq_lane_u64(vreinterpretq_u64_u8(v), 1);
}
#include "vec_16.h"

/* For transpose.h. Arm has no store that is sure to bypass the cache, so there is no vec_stream. */
#define HAVE_ZIP
INLINE vec zip_low(int bits, vec a, vec b)
{
    switch (bits) {
        case 8: return vzip1q_u8(a, b);
        case 16: return U16(vzip1q_u16(vreinterpretq_u16_u8(a), vreinterpretq_u16_u8(b)));
        case 32: return U32(vzip1q_u32(vreinterpretq_u32_u8(a), vreinterpretq_u32_u8(b)));
        default: return U64(vzip1q_u64(vreinterpretq_u64_u8(a), vreinterpretq_u64_u8(b)));
    }
}

INLINE vec zip_high(int bits, vec a, vec b)
{
    switch (bits) {
        case 8: return vzip2q_u8(a, b);
        case 16: return U16(vzip2q_u16(vreinterpretq_u16_u8(a), vreinterpretq_u16_u8(b)));
        case 32: return U32(vzip2q_u32(vreinterpretq_u32_u8(a), vreinterpretq_u32_u8(b)));
        default: return U64(vzip2q_u64(vreinterpretq_u64_u8(a), vreinterpretq_u64_u8(b)));
    }
}

/* For strided.h. */
INLINE vec evens(int bits, vec a, vec b)
{
    switch (bits) {
        case 8: return vuzp1q_u8(a, b);
        case 16: return U16(vuzp1q_u16(vreinterpretq_u16_u8(a), vreinterpretq_u16_u8(b)));
        case 32: return U32(vuzp1q_u32(vreinterpretq_u32_u8(a), vreinterpretq_u32_u8(b)));
        default: return U64(vuzp1q_u64(vreinterpretq_u64_u8(a), vreinterpretq_u64_u8(b)));
    }
}

INLINE vec reverse(int bits, vec v)
{
    switch (bits) {
        case 8: v = vrev64q_u8(v); break;
        case 16: v = U16(vrev64q_u16(vreinterpretq_u16_u8(v))); break;
        case 32: v = U32(vrev64q_u32(vreinterpretq_u32_u8(v))); break;
        default: break;
    }
    return vextq_u8(v, v, 8);
}

INLINE vec vec_gather(int bits, const char *p, ptrdiff_t step)
{
    char lanes[16];
    for (int k = 0; k < 128 / bits; k++) {
        memcpy(lanes + k * (bits / 8), p + k * step, (size_t)bits / 8);
    }
    return vec_load(bits, lanes);
}

INLINE void vec_scatter(int bits, char *p, ptrdiff_t step, vec v)
{
    char lanes[16];
    vec_store(bits, lanes, v);
    for (int k = 0; k < 128 / bits; k++) {
        memcpy(p + k * step, lanes + k * (bits / 8), (size_t)bits / 8);
    }
}

#include "kernels.h"
#include "strided.h"
#include "transpose.h"

const struct target target_neon = {
    .name = "neon",
    .vector_bytes = 16,
    .rows = TABLE(rows),
    .strided = TABLE(strided),
    .transpose = WIDTHS(transpose),
};
#endif
