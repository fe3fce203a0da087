/* Kernels on elements that are a step apart; included after kernels.h by targets of 16-byte vectors, since elements
 * come and go one by one. Such a target has vec_gather and vec_scatter (elements a step apart in memory), evens
 * (those at even places of two vectors) and reverse. */

enum stride_kind { REPEATED, UNIT, REVERSED, EVERY_OTHER, ANY };

INLINE enum stride_kind kind_of(ptrdiff_t step, int width)
{
    if (step == 0) {
        return REPEATED;
    }
    if (step == width) {
        return UNIT;
    }
    if (step == -width) {
        return REVERSED;
    }
    return step == 2 * width ? EVERY_OTHER : ANY;
}

/* A constant where the kind is. */
INLINE ptrdiff_t step_of(enum stride_kind kind, int bits, ptrdiff_t step)
{
    switch (kind) {
        case REPEATED: return 0;
        case UNIT: return bits / 8;
        case REVERSED: return -bits / 8;
        case EVERY_OTHER: return bits / 4;
        default: return step;
    }
}

/* EVERY_OTHER also reads the element behind the last of the vector. */
INLINE vec load_lanes(int bits, enum stride_kind kind, const char *p, ptrdiff_t step)
{
    switch (kind) {
        case REPEATED: return vec_set(bits, load_element(bits, p));
        case UNIT: return vec_load(bits, p);
        case REVERSED: return reverse(bits, vec_load(bits, p + bits / 8 - 16));
        case EVERY_OTHER: return evens(bits, vec_load(bits, p), vec_load(bits, p + 16));
        default: return vec_gather(bits, p, step);
    }
}

/* The kinds of stride are constants where the caller's are. */
INLINE void strided_as(enum form form, int bits, enum stride_kind out_kind, enum stride_kind dy_kind,
                       enum stride_kind x_kind, char *out, const char *dy, const char *x, ptrdiff_t n,
                       const ptrdiff_t step[N_OPERANDS], const struct dtype *dtype)
{
    const ptrdiff_t lanes = VEC_BYTES(bits) * 8 / bits;
    const ptrdiff_t out_step = step_of(out_kind, bits, step[OUTPUT]), dy_step = step_of(dy_kind, bits, step[DY]);
    const ptrdiff_t x_step = step_of(x_kind, bits, step[X]);
    const struct constants c = constants_of(form, bits, dy, dtype);
#if defined(__GNUC__) || defined(__clang__) /* two loops of their own, not one that compares `unrolled` as it goes */
#pragma GCC unroll 2
#endif
    for (int unrolled = out_kind == UNIT ? 4 : 1; unrolled > 0; unrolled /= 4) { /* gains up to a quarter */
        for (; n > unrolled * lanes; n -= unrolled * lanes) { /* the last vector would have no element behind it */
            for (int t = 0; t < unrolled; t++) {
                const vec s = load_lanes(bits, x_kind, x, x_step);
                const vec v = is_each(form) ? load_lanes(bits, dy_kind, dy, dy_step) : c.splat;
                if (out_kind == UNIT) {
                    vec_store(bits, out, kept(form, bits, s, v, &c));
                }
                else {
                    vec_scatter(bits, out, out_step, kept(form, bits, s, v, &c));
                }
                out += lanes * out_step;
                dy += lanes * dy_step;
                x += lanes * x_step;
            }
        }
    }
    for (; n > 0; n--) {
        const vec s = vec_load_part(x, bits / 8);
        const vec v = is_each(form) ? vec_load_part(dy, bits / 8) : c.splat;
        vec_store_part(out, kept(form, bits, s, v, &c), bits / 8);
        out += out_step;
        dy += dy_step;
        x += x_step;
    }
}

INLINE void strided(enum form form, int bits, char *to, const char *dy, const char *x, ptrdiff_t n,
                    const ptrdiff_t step[N_OPERANDS], const struct dtype *dtype)
{
    const enum stride_kind x_kind = kind_of(step[X], bits / 8);
    const enum stride_kind out_kind = kind_of(step[OUTPUT], bits / 8) == UNIT ? UNIT : ANY;
    const enum stride_kind dy_kind = is_each(form) ? kind_of(step[DY], bits / 8) : x_kind;
#define CASE(out, in)                                                                                                  \
    if (out_kind == (out) && dy_kind == (in) && x_kind == (in)) {                                                      \
        strided_as(form, bits, out, in, in, to, dy, x, n, step, dtype);                                                \
    }                                                                                                                  \
    else
    CASE(UNIT, EVERY_OTHER) CASE(UNIT, REVERSED) CASE(UNIT, ANY) CASE(ANY, UNIT) CASE(ANY, EVERY_OTHER) CASE(ANY, ANY)
    {
        strided_as(form, bits, out_kind, dy_kind, x_kind, to, dy, x, n, step, dtype);
    }
#undef CASE
}

#define STRIDED(form, bits)                                                                                            \
    static void strided_##form##_##bits(char *out, const char *dy, const char *x, ptrdiff_t n,                         \
                                        const ptrdiff_t step[N_OPERANDS], const struct dtype *dtype)                   \
    {                                                                                                                  \
        strided(form, bits, out, dy, x, n, step, dtype);                                                               \
    }
EACH_KERNEL(STRIDED)
