/* One element at a time, on any CPU: what the other targets are compared with. */
#include "relu.h"

typedef int64_t vec;
#define VEC_BYTES(bits) ((bits) / 8)
#define HAVE_ONE_LANE

INLINE vec vec_load(int bits, const char *p) { return load_element(bits, p); }
INLINE void vec_store(int bits, char *p, vec v) { store_element(bits, p, (uint64_t)v); }

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

INLINE vec vec_keep(int bits, vec s, vec bias, vec limit, vec v)
{
    const vec moved = vec_set(bits, (int64_t)((uint64_t)s - (uint64_t)bias));
    return v & -(int64_t)(moved >= limit);
}

INLINE vec vec_nonzero(int bits, vec s, vec v) { return (void)bits, v & -(int64_t)(s != 0); }

#include "kernels.h"
#include "transpose.h"

const struct target target_scalar = {
    .name = "scalar",
    .vector_bytes = 1,
    .rows = TABLE(rows),
    .transpose = WIDTHS(transpose),
};
