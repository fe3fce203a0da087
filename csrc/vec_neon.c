/* 16-byte vectors, 64-bit Arm: NEON is part of the baseline. */
#define TARGET neon
#include "relu.h"
#ifdef ARCH_ARM
#include <arm_neon.h>

typedef uint8x16_t vec128, vec;
#define VEC_BYTES(bits) 16

INLINE vec128 load128(const char *p) { return vld1q_u8((const uint8_t *)p); }
INLINE void store128(char *p, vec128 v) { vst1q_u8((uint8_t *)p, v); }
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

/* A part of n < 16 bytes is two overlapping halves, loaded from its two ends and stored to them again. */
INLINE vec vec_load_part(const char *p, ptrdiff_t n)
{
    uint64_t ends[2] = {0, 0};
    if (n >= 8) {
        memcpy(&ends[0], p, 8);
        memcpy(&ends[1], p + n - 8, 8);
    }
    else if (n >= 4) {
        memcpy(&ends[0], p, 4);
        memcpy(&ends[1], p + n - 4, 4);
    }
    else if (n >= 2) {
        memcpy(&ends[0], p, 2);
        memcpy(&ends[1], p + n - 2, 2);
    }
    else {
        memcpy(&ends[0], p, 1);
    }
    return U64(vcombine_u64(vcreate_u64(ends[0]), vcreate_u64(ends[1])));
}

INLINE void vec_store_part(char *p, vec v, ptrdiff_t n)
{
    uint64_t first = vgetq_lane_u64(vreinterpretq_u64_u8(v), 0),
             last = vgetq_lane_u64(vreinterpretq_u64_u8(v), 1);
    if (n >= 8) {
        memcpy(p, &first, 8);
        memcpy(p + n - 8, &last, 8);
    }
    else if (n >= 4) {
        memcpy(p, &first, 4);
        memcpy(p + n - 4, &last, 4);
    }
    else if (n >= 2) {
        memcpy(p, &first, 2);
        memcpy(p + n - 2, &last, 2);
    }
    else {
        memcpy(p, &first, 1);
    }
}

/* For transpose.h. Arm has no store that is sure to go past the cache, so there is no vec_stream. */
#define HAVE_ZIP
INLINE vec vec_load_parts(const char *p, ptrdiff_t step)
{
    (void)step;
    return load128(p);
}

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
#define HAVE_STRIDED
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

INLINE vec vec_load_each(int bits, const char *p, ptrdiff_t step)
{
    char block[16];
    for (int k = 0; k < 128 / bits; k++) {
        memcpy(block + k * (bits / 8), p + k * step, (size_t)bits / 8);
    }
    return load128(block);
}

INLINE void vec_store_each(int bits, char *p, ptrdiff_t step, vec v)
{
    char block[16];
    store128(block, v);
    for (int k = 0; k < 128 / bits; k++) {
        memcpy(p + k * step, block + k * (bits / 8), (size_t)bits / 8);
    }
}

#include "kernels.h"
#include "strided.h"
#include "transpose.h"
#endif
