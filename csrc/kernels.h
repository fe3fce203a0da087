/* The kernels, written once over the vectors of a target and compiled for each operation and width in it.
 *
 * A vec_<target>.c defines TARGET, vec, VEC_BYTES(bits) and the functions vec_load, vec_store, vec_set,
 * vec_load_part, vec_store_part (n < VEC_BYTES bytes of contiguous elements), vec_keep (struct rule) and
 * vec_nonzero (v where s is not zero, else 0), and includes this file. With HAVE_STREAM it also has vec_stream,
 * a non-temporal store to aligned memory, and vec_fence. `bits` and `past_cache` are always constants. */

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

INLINE void put(int bits, int past_cache, char *p, vec v)
{
#ifdef HAVE_STREAM
    if (past_cache) {
        vec_stream(p, v);
        return;
    }
#endif
    (void)past_cache;
    vec_store(bits, p, v);
}

/* The first and the last vector are computed before anything is stored and stored after everything else, so
 * they may overlap the vectors between them even where out is x or dy. That makes the stores between them
 * aligned, and leaves no scalar tail. */
INLINE void run_row(enum op op, int bits, int past_cache, char *out, const char *dy, const char *x, ptrdiff_t n,
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
    if (!past_cache && i % (bits / 8)) {
        i = size; /* the elements straddle: no start is better than another */
    }
    for (; i + 4 * size <= n; i += 4 * size) {
        vec a = vec_at(op, bits, dy, x, i, c), b = vec_at(op, bits, dy, x, i + size, c);
        vec d = vec_at(op, bits, dy, x, i + 2 * size, c), e = vec_at(op, bits, dy, x, i + 3 * size, c);
        put(bits, past_cache, out + i, a);
        put(bits, past_cache, out + i + size, b);
        put(bits, past_cache, out + i + 2 * size, d);
        put(bits, past_cache, out + i + 3 * size, e);
    }
    for (; i + size <= n; i += size) {
        put(bits, past_cache, out + i, vec_at(op, bits, dy, x, i, c));
    }
    vec_store(bits, out, first);
    vec_store(bits, out + n - size, last);
}

INLINE void run(enum op op, int bits, int past_cache, char *out, const char *dy, const char *x, ptrdiff_t n,
                ptrdiff_t rows, const ptrdiff_t *step, const struct dtype *dtype)
{
    const struct rule *rule = op == GRAD || op == BACKWARD ? &dtype->grad : &dtype->relu;
    const struct constants c = {vec_set(bits, rule->bias), vec_set(bits, rule->limit),
                                vec_set(bits, dtype->one)};
    run_row(op, bits, past_cache, out, dy, x, n, &c);
    while (--rows > 0) {
        out += step[OUT];
        dy += has_dy(op) ? step[DY] : 0;
        x += step[X];
        run_row(op, bits, past_cache, out, dy, x, n, &c);
    }
}

#define KERNEL(name, op, bits, past_cache)                                                                     \
    static void name##_##bits(char *out, const char *dy, const char *x, ptrdiff_t n, ptrdiff_t rows,           \
                              const ptrdiff_t step[N_OPERANDS], const struct dtype *dtype)                     \
    {                                                                                                          \
        run(op, bits, past_cache, out, dy, x, n, rows, step, dtype);                                           \
    }
#define KERNELS_OF(name, op, past_cache)                                                                       \
    KERNEL(name, op, 8, past_cache)                                                                            \
    KERNEL(name, op, 16, past_cache)                                                                           \
    KERNEL(name, op, 32, past_cache)                                                                           \
    KERNEL(name, op, 64, past_cache)
#ifdef HAVE_STREAM
#define KERNELS(op) KERNELS_OF(run_##op, op, 0) KERNELS_OF(stream_##op, op, 1)
#else
#define KERNELS(op) KERNELS_OF(run_##op, op, 0)
#endif
KERNELS(RELU)
KERNELS(GRAD)
KERNELS(BACKWARD)
KERNELS(GRAD_STRICT)
KERNELS(BACKWARD_STRICT)

#define WIDTHS(name) {name##_8, name##_16, name##_32, name##_64}
#define TABLE(name)                                                                                            \
    {[RELU] = WIDTHS(name##_RELU),                                                                             \
     [GRAD] = WIDTHS(name##_GRAD),                                                                             \
     [BACKWARD] = WIDTHS(name##_BACKWARD),                                                                     \
     [GRAD_STRICT] = WIDTHS(name##_GRAD_STRICT),                                                               \
     [BACKWARD_STRICT] = WIDTHS(name##_BACKWARD_STRICT)}

static void fence(void)
{
#ifdef HAVE_STREAM
    vec_fence();
#endif
}

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

const struct kernels JOIN(kernels_, TARGET) = {
    .run = TABLE(run),
#ifdef HAVE_STREAM
    .stream = TABLE(stream),
#else
    .stream = TABLE(run),
#endif
    .fence = fence,
};
