/* The operations on elements that are a step apart; included after kernels.h.
 *
 * With HAVE_STRIDED, vec has 16 bytes and a target offers evens (of two vectors), reverse, and vec_load_each
 * and vec_store_each (elements a step apart, to and from one vector). 16 bytes are enough here: the elements
 * come and go one at a time. */

#ifndef HAVE_STRIDED
INLINE vec vec_load_each(int bits, const char *p, ptrdiff_t step)
{
    (void)step;
    return vec_load(bits, p);
}
INLINE void vec_store_each(int bits, char *p, ptrdiff_t step, vec v)
{
    (void)step;
    vec_store(bits, p, v);
}
#endif

enum steps { CONTIGUOUS, BACKWARDS, EVERY_OTHER, ANY };

INLINE enum steps steps_of(ptrdiff_t step, int width)
{
#ifdef HAVE_STRIDED
    return step == width ? CONTIGUOUS : step == -width ? BACKWARDS : step == 2 * width ? EVERY_OTHER : ANY;
#else
    return (void)step, (void)width, ANY;
#endif
}

/* EVERY_OTHER also reads the element behind the last of the vector. */
INLINE vec load_steps(int bits, enum steps steps, const char *p, ptrdiff_t step)
{
#ifdef HAVE_STRIDED
    switch (steps) {
        case CONTIGUOUS: return vec_load(bits, p);
        case BACKWARDS: return reverse(bits, vec_load(bits, p + bits / 8 - 16));
        case EVERY_OTHER: return evens(bits, vec_load(bits, p), vec_load(bits, p + 16));
        case ANY: break;
    }
#endif
    (void)steps;
    return vec_load_each(bits, p, step);
}

/* Into and out of the first place of a vector. */
INLINE vec load_one(int bits, const char *p)
{
    return VEC_BYTES(bits) * 8 == bits ? vec_load(bits, p) : vec_load_part(p, bits / 8);
}

INLINE void store_one(int bits, char *p, vec v)
{
    if (VEC_BYTES(bits) * 8 == bits) {
        vec_store(bits, p, v);
    }
    else {
        vec_store_part(p, v, bits / 8);
    }
}

/* n elements, each a step of its operand from the one before. The steps are constants where this is called with
 * constants, and looked at for each vector otherwise. */
INLINE void strided_by(enum op op, int bits, enum steps out_steps, enum steps dy_steps, enum steps x_steps,
                       char *out, const char *dy, const char *x, ptrdiff_t n, const ptrdiff_t step[N_OPERANDS],
                       const struct dtype *dtype)
{
    const ptrdiff_t lanes = VEC_BYTES(bits) * 8 / bits;
    const ptrdiff_t out_step = step[OUT], dy_step = has_dy(op) ? step[DY] : 0, x_step = step[X];
    const struct constants c = constants_of(op, bits, dtype);
    UNROLL_4                        /* the step of two and backwards gain a quarter */
    for (; n > lanes; n -= lanes) { /* the last vector would have no element behind it */
        vec s = load_steps(bits, x_steps, x, x_step);
        vec v = select(op, bits, s, has_dy(op) ? load_steps(bits, dy_steps, dy, dy_step) : s, &c);
        if (out_steps == CONTIGUOUS) {
            vec_store(bits, out, v);
        }
        else {
            vec_store_each(bits, out, out_step, v);
        }
        out += lanes * out_step;
        dy += lanes * dy_step;
        x += lanes * x_step;
    }
    for (; n > 0; n--) {
        vec s = load_one(bits, x);
        store_one(bits, out, select(op, bits, s, has_dy(op) ? load_one(bits, dy) : s, &c));
        out += out_step;
        dy += dy_step;
        x += x_step;
    }
}

INLINE void strided(enum op op, int bits, char *out, const char *dy, const char *x, ptrdiff_t n,
                    const ptrdiff_t step[N_OPERANDS], const struct dtype *dtype)
{
    const enum steps out_steps = steps_of(step[OUT], bits / 8), x_steps = steps_of(step[X], bits / 8);
    const enum steps dy_steps = has_dy(op) ? steps_of(step[DY], bits / 8) : x_steps;
    const int is_dense = out_steps == CONTIGUOUS, is_alike = dy_steps == x_steps;
#define CASE(condition, out_steps, in_steps)                                                                   \
    if (is_alike && x_steps == (in_steps) && (condition)) {                                                    \
        strided_by(op, bits, out_steps, in_steps, in_steps, out, dy, x, n, step, dtype);                       \
        return;                                                                                                \
    }
    CASE(is_dense, CONTIGUOUS, EVERY_OTHER)
    CASE(is_dense, CONTIGUOUS, BACKWARDS)
    CASE(is_dense, CONTIGUOUS, ANY)
    CASE(!is_dense, ANY, CONTIGUOUS)
    CASE(!is_dense, ANY, EVERY_OTHER)
    CASE(!is_dense, ANY, ANY)
#undef CASE
    strided_by(op, bits, out_steps, dy_steps, x_steps, out, dy, x, n, step, dtype);
}

STRIDED_KERNELS
