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
 * aligned, and leaves no scalar tail. Past the cache they are stored only where they are needed: a plain store
 * beside a non-temporal one into the same cache line would send the line out twice. */
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
    if (past_cache) {
        i &= size - 1;
        if (i > 0) {
            vec_store(bits, out, first);
        }
    }
    else if (i % (bits / 8)) {
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
    if (!past_cache) {
        vec_store(bits, out, first);
    }
    if (!past_cache || i < n) {
        vec_store(bits, out + n - size, last);
    }
}

INLINE struct constants constants_of(enum op op, int bits, const struct dtype *dtype)
{
    const struct rule *rule = op == GRAD || op == BACKWARD ? &dtype->grad : &dtype->relu;
    return (struct constants){vec_set(bits, rule->bias), vec_set(bits, rule->limit), vec_set(bits, dtype->one)};
}

INLINE void rows_of(enum op op, int bits, int past_cache, char *out, const char *dy, const char *x, ptrdiff_t n,
                    ptrdiff_t rows, const ptrdiff_t *step, const struct dtype *dtype)
{
    const struct constants c = constants_of(op, bits, dtype);
    run_row(op, bits, past_cache, out, dy, x, n, &c);
    while (--rows > 0) {
        out += step[OUT];
        dy += has_dy(op) ? step[DY] : 0;
        x += step[X];
        run_row(op, bits, past_cache, out, dy, x, n, &c);
    }
}

/* Repeats the element at `from` over n bytes. */
INLINE void fill(int bits, char *to, const char *from, ptrdiff_t n)
{
    const ptrdiff_t size = VEC_BYTES(bits);
    const vec v = vec_set(bits, load_element(bits, from));
    if (n < size) {
        vec_store_part(to, v, n);
        return;
    }
    for (ptrdiff_t i = 0; i + size <= n; i += size) {
        vec_store(bits, to + i, v);
    }
    vec_store(bits, to + n - size, v);
}

#define OPS_AND_WIDTHS(macro)                                                                                  \
    macro(RELU, 8) macro(RELU, 16) macro(RELU, 32) macro(RELU, 64) macro(GRAD, 8) macro(GRAD, 16)              \
        macro(GRAD, 32) macro(GRAD, 64) macro(BACKWARD, 8) macro(BACKWARD, 16) macro(BACKWARD, 32)             \
            macro(BACKWARD, 64) macro(GRAD_STRICT, 8) macro(GRAD_STRICT, 16) macro(GRAD_STRICT, 32)            \
                macro(GRAD_STRICT, 64) macro(BACKWARD_STRICT, 8) macro(BACKWARD_STRICT, 16)                    \
                    macro(BACKWARD_STRICT, 32) macro(BACKWARD_STRICT, 64)

#define WIDTHS(name) {name##_8, name##_16, name##_32, name##_64}
#define TABLE(name)                                                                                            \
    {[RELU] = WIDTHS(name##_RELU),                                                                             \
     [GRAD] = WIDTHS(name##_GRAD),                                                                             \
     [BACKWARD] = WIDTHS(name##_BACKWARD),                                                                     \
     [GRAD_STRICT] = WIDTHS(name##_GRAD_STRICT),                                                               \
     [BACKWARD_STRICT] = WIDTHS(name##_BACKWARD_STRICT)}

#define KERNEL(name, op, bits, past_cache)                                                                     \
    static void name##_##op##_##bits(char *out, const char *dy, const char *x, ptrdiff_t n, ptrdiff_t rows,    \
                                     const ptrdiff_t step[N_OPERANDS], const struct dtype *dtype)              \
    {                                                                                                          \
        rows_of(op, bits, past_cache, out, dy, x, n, rows, step, dtype);                                       \
    }
#define RUN(op, bits) KERNEL(run, op, bits, 0)
OPS_AND_WIDTHS(RUN)
#ifdef HAVE_STREAM
#define STREAM(op, bits) KERNEL(stream, op, bits, 1)
OPS_AND_WIDTHS(STREAM)
static void fence(void) { vec_fence(); }
#define STREAM_TABLE TABLE(stream)
#else
static void fence(void) {}
#define STREAM_TABLE TABLE(run)
#endif

#define FILL(bits)                                                                                             \
    static void fill_##bits(char *to, const char *from, ptrdiff_t n) { fill(bits, to, from, n); }
FILL(8)
FILL(16)
FILL(32)
FILL(64)

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

const struct kernels JOIN(kernels_, TARGET) = {
    .run = TABLE(run), .stream = STREAM_TABLE, .fence = fence, .fill = WIDTHS(fill)};
