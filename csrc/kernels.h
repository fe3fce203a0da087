/* The kernels, written once over the vectors of a target and compiled for each operation and width in it.
 *
 * A vec_<target>.c defines TARGET, vec, VEC_BYTES(bits) and the functions vec_load, vec_store, vec_set,
 * vec_load_part, vec_store_part (n < VEC_BYTES bytes of contiguous elements), vec_keep (struct rule) and
 * vec_nonzero (v where s is not zero, else 0), and includes this file. `bits` is always a constant. */

struct constants {
    vec bias, limit, one;
};

INLINE vec select(enum op op, int bits, vec s, vec dy, const struct constants *c)
{
    switch (op) {
        case RELU: return vec_keep(bits, s, c->bias, c->limit, s);
        case GRAD: return vec_keep(bits, s, c->bias, c->limit, c->one);
        case BACKWARD: return vec_keep(bits, s, c->bias, c->limit, dy);
        /* Strict: where relu(x) is not zero. */
        case GRAD_STRICT: return vec_nonzero(bits, vec_keep(bits, s, c->bias, c->limit, s), c->one);
        default: return vec_nonzero(bits, vec_keep(bits, s, c->bias, c->limit, s), dy);
    }
}

INLINE vec vec_at(enum op op, int bits, const char *dy, const char *x, ptrdiff_t i, const struct constants *c)
{
    vec s = vec_load(bits, x + i);
    return select(op, bits, s, has_dy(op) ? vec_load(bits, dy + i) : s, c);
}

/* The first and the last vector are computed before anything is stored and stored after everything else, so
 * they may overlap the vectors between them even where out is x or dy. That makes the stores between them
 * aligned, and leaves no scalar tail. */
INLINE void run_row(enum op op, int bits, char *out, const char *dy, const char *x, ptrdiff_t n,
                    const struct constants *c)
{
    const ptrdiff_t size = VEC_BYTES(bits);
    if (n < size) {
        if (n > 0) {
            vec s = vec_load_part(x, n);
            vec_store_part(out, select(op, bits, s, has_dy(op) ? vec_load_part(dy, n) : s, c), n);
        }
        return;
    }
    vec first = vec_at(op, bits, dy, x, 0, c), last = vec_at(op, bits, dy, x, n - size, c);
    ptrdiff_t i = size - (ptrdiff_t)((uintptr_t)out & (uintptr_t)(size - 1));
    if (i % (bits / 8)) {
        i = size; /* the elements straddle: no start is better than another */
    }
    for (; i + 4 * size <= n; i += 4 * size) {
        vec a = vec_at(op, bits, dy, x, i, c), b = vec_at(op, bits, dy, x, i + size, c);
        vec d = vec_at(op, bits, dy, x, i + 2 * size, c), e = vec_at(op, bits, dy, x, i + 3 * size, c);
        vec_store(bits, out + i, a);
        vec_store(bits, out + i + size, b);
        vec_store(bits, out + i + 2 * size, d);
        vec_store(bits, out + i + 3 * size, e);
    }
    for (; i + size <= n; i += size) {
        vec_store(bits, out + i, vec_at(op, bits, dy, x, i, c));
    }
    vec_store(bits, out, first);
    vec_store(bits, out + n - size, last);
}

INLINE void run(enum op op, int bits, char *out, const char *dy, const char *x, ptrdiff_t n, ptrdiff_t rows,
                const ptrdiff_t *step, const struct dtype *dtype)
{
    const struct rule *rule = op == GRAD || op == BACKWARD ? &dtype->grad : &dtype->relu;
    const struct constants c = {vec_set(bits, rule->bias), vec_set(bits, rule->limit),
                                vec_set(bits, dtype->one)};
    run_row(op, bits, out, dy, x, n, &c);
    while (--rows > 0) {
        out += step[OUT];
        dy += has_dy(op) ? step[DY] : 0;
        x += step[X];
        run_row(op, bits, out, dy, x, n, &c);
    }
}

#define KERNEL(op, bits)                                                                                       \
    static void op##_##bits(char *out, const char *dy, const char *x, ptrdiff_t n, ptrdiff_t rows,             \
                            const ptrdiff_t step[N_OPERANDS], const struct dtype *dtype)                       \
    {                                                                                                          \
        run(op, bits, out, dy, x, n, rows, step, dtype);                                                       \
    }
#define KERNELS(op) KERNEL(op, 8) KERNEL(op, 16) KERNEL(op, 32) KERNEL(op, 64)
#define WIDTHS(name) {name##_8, name##_16, name##_32, name##_64}

KERNELS(RELU)
KERNELS(GRAD)
KERNELS(BACKWARD)
KERNELS(GRAD_STRICT)
KERNELS(BACKWARD_STRICT)

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

const struct kernels JOIN(kernels_, TARGET) = {{
    [RELU] = WIDTHS(RELU),
    [GRAD] = WIDTHS(GRAD),
    [BACKWARD] = WIDTHS(BACKWARD),
    [GRAD_STRICT] = WIDTHS(GRAD_STRICT),
    [BACKWARD_STRICT] = WIDTHS(BACKWARD_STRICT),
}};
