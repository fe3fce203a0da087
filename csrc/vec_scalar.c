/* One element at a time, on any CPU: what the other targets are measured against. */
#define TARGET scalar
#include "relu.h"

typedef int64_t vec;
#define VEC_BYTES(bits) ((bits) / 8)

INLINE vec vec_load(int bits, const char *p) { return load_element(bits, p); }

/* Wraps v to the width. */
INLINE vec vec_set(int bits, int64_t v)
{
    switch (bits) {
        case 8: return (int8_t)v;
        case 16: return (int16_t)v;
        case 32: return (int32_t)v;
        default: return v;
    }
}

INLINE void vec_store(int bits, char *p, vec v)
{
    int8_t b = (int8_t)v;
    int16_t h = (int16_t)v;
    int32_t w = (int32_t)v;
    switch (bits) {
        case 8: memcpy(p, &b, 1); return;
        case 16: memcpy(p, &h, 2); return;
        case 32: memcpy(p, &w, 4); return;
        default: memcpy(p, &v, 8); return;
    }
}

INLINE vec vec_keep(int bits, vec s, vec bias, vec limit, vec v)
{
    vec moved = vec_set(bits, (int64_t)((uint64_t)s - (uint64_t)bias));
    return v & -(int64_t)(moved >= limit);
}

INLINE vec vec_nonzero(int bits, vec s, vec v)
{
    (void)bits;
    return v & -(int64_t)(s != 0);
}

/* A vector is an element here, so there are no parts of one. */
INLINE vec vec_load_part(const char *p, ptrdiff_t n)
{
    (void)p, (void)n;
    return 0;
}
INLINE void vec_store_part(char *p, vec v, ptrdiff_t n) { (void)p, (void)v, (void)n; }

#include "kernels.h"
#include "strided.h"
#include "transpose.h"
