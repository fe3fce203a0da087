/* The kernels, written once over the vectors of a target and compiled for each operation and width in it.
 *
 * A vec_<target>.c defines TARGET, vec, VEC_BYTES(bits) and the functions vec_load, vec_store, vec_set,
 * vec_keep (struct rule) and vec_nonzero (v where s is not zero, else 0), and includes this file. Rows of less
 * than a vector are either the business of the target that it names as NARROWER, with all rows of less than
 * NARROWER_BELOW bytes, or it has vec_load_part and vec_store_part (n < VEC_BYTES bytes of contiguous
 * elements). With HAVE_STREAM it also has vec_stream, a non-temporal store to aligned memory, and vec_fence.
 * `bits`, `past_cache` and `length` are always constants. */

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

#ifdef NARROWER
extern const struct kernels JOIN(kernels_, NARROWER);
#endif

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

/* Bytes from what is computed to what is asked for. On Zen 5 they are much the same from 1 to 4 KB for two
 * operands, from 8 to 16 KB across gaps between rows, and from 16 to 32 KB past the cache. */
enum { AHEAD = 3072, AHEAD_OF_ROWS = 8192, AHEAD_PAST_CACHE = 24576 };

#define AT(i) vec_at(op, bits, dy, x, i, c)

/* Rows of less than a vector, of one, of up to two, up to four, and longer. Vectors at the ends overlap their
 * neighbours, so that there is no scalar tail. Those that overlap are computed before either is stored: out may
 * be x or dy. */
enum length { PART, ONE, TWO, FOUR, LONG };

INLINE void short_row(enum op op, int bits, enum length length, char *out, const char *dy, const char *x,
                      ptrdiff_t n, const struct constants *c)
{
    const ptrdiff_t size = VEC_BYTES(bits);
#ifndef NARROWER
    if (length == PART) {
        if (n > 0) {
            vec s = vec_load_part(x, n);
            vec_store_part(out, select(op, bits, s, has_dy(op) ? vec_load_part(dy, n) : s, c), n);
        }
        return;
    }
#endif
    if (length == ONE) {
        vec_store(bits, out, AT(0));
    }
    else if (length == TWO) {
        vec a = AT(0), b = AT(n - size);
        vec_store(bits, out, a);
        vec_store(bits, out + n - size, b);
    }
    else {
        vec a = AT(0), b = AT(size), d = AT(n - 2 * size), e = AT(n - size);
        vec_store(bits, out, a);
        vec_store(bits, out + size, b);
        vec_store(bits, out + n - 2 * size, d);
        vec_store(bits, out + n - size, e);
    }
}

/* The stores between the ends are aligned. Memory is met in order. */
INLINE void long_row(enum op op, int bits, int past_cache, char *out, const char *dy, const char *x,
                     ptrdiff_t n, const struct constants *c)
{
    const ptrdiff_t size = VEC_BYTES(bits);
    ptrdiff_t i = size - (ptrdiff_t)((uintptr_t)out & (uintptr_t)(size - 1));
    if (!past_cache && i % (bits / 8)) {
        i = size; /* the elements straddle: no start is better than another */
    }
    vec first = AT(0), next = AT(i);
    put(bits, past_cache && i == size, out, first);
    put(bits, past_cache, out + i, next);
    for (i += size; i + 5 * size <= n; i += 4 * size) {
        if (has_dy(op)) { /* two streams are more than the hardware's prefetcher keeps ahead of */
            prefetch(x + i + AHEAD, 4 * size);
            prefetch(dy + i + AHEAD, 4 * size);
        }
        else if (past_cache) { /* and one stream beside non-temporal stores */
            prefetch(x + i + AHEAD_PAST_CACHE, 4 * size);
        }
        vec a = AT(i), b = AT(i + size), d = AT(i + 2 * size), e = AT(i + 3 * size);
        put(bits, past_cache, out + i, a);
        put(bits, past_cache, out + i + size, b);
        put(bits, past_cache, out + i + 2 * size, d);
        put(bits, past_cache, out + i + 3 * size, e);
    }
    for (; i + 2 * size <= n; i += size) {
        put(bits, past_cache, out + i, AT(i));
    }
    vec before_last = AT(i), last = AT(n - size);
    put(bits, past_cache, out + i, before_last);
    if (i + size < n) {
        vec_store(bits, out + n - size, last);
    }
}
#undef AT

INLINE struct constants constants_of(enum op op, int bits, const struct dtype *dtype)
{
    const struct rule *rule = op == GRAD || op == BACKWARD ? &dtype->grad : &dtype->relu;
    return (struct constants){vec_set(bits, rule->bias), vec_set(bits, rule->limit), vec_set(bits, dtype->one)};
}

INLINE void rows_of(enum op op, int bits, int past_cache, enum length length, char *out, const char *dy,
                    const char *x, ptrdiff_t n, const struct axis *rows, const struct axis *planes,
                    const struct dtype *dtype)
{
    struct constants c = constants_of(op, bits, dtype);
    const int is_row_of_one = (op == GRAD || op == GRAD_STRICT) && dy != NULL;
    const int steps_dy = has_dy(op) || is_row_of_one;
    const struct axis row = *rows, plane = *planes; /* copies, as a store could change the axes themselves */
    const ptrdiff_t rows_ahead = AHEAD_OF_ROWS / (n + 64) + 1;
    const int is_alone = row.n * plane.n == 1;
    for (ptrdiff_t p = 0; p < plane.n; p++) {
        char *to = out;
        const char *d = dy, *s = x;
        for (ptrdiff_t r = 0; r < row.n; r++) {
            if (is_row_of_one) {
                c.one = vec_set(bits, load_element(bits, d));
            }
            if (length == LONG) {
                long_row(op, bits, past_cache, to, d, s, n, &c);
            }
            else {
                if (!is_alone) { /* gaps between rows hide from the hardware's prefetcher what comes next */
                    prefetch(s + rows_ahead * row.step[X], n);
                    if (has_dy(op)) {
                        prefetch(d + rows_ahead * row.step[DY], n);
                    }
                }
                short_row(op, bits, length, to, d, s, n, &c);
            }
            to += row.step[OUT];
            s += row.step[X];
            if (steps_dy) {
                d += row.step[DY];
            }
        }
        out += plane.step[OUT];
        x += plane.step[X];
        if (steps_dy) {
            dy += plane.step[DY];
        }
    }
}

INLINE void any_rows_of(enum op op, int bits, int past_cache, char *out, const char *dy, const char *x,
                        ptrdiff_t n, const struct axis *rows, const struct axis *planes,
                        const struct dtype *dtype)
{
    const ptrdiff_t size = VEC_BYTES(bits);
#define ROWS_OF(length) rows_of(op, bits, past_cache, length, out, dy, x, n, rows, planes, dtype)
#ifdef NARROWER
    if (n < NARROWER_BELOW) {
        JOIN(kernels_, NARROWER).run[op][width_index(bits / 8)](out, dy, x, n, rows, planes, dtype);
        return;
    }
#else
    if (n < size) {
        ROWS_OF(PART);
        return;
    }
#endif
    if (n == size) {
        ROWS_OF(ONE);
    }
    else if (n <= 2 * size) {
        ROWS_OF(TWO);
    }
    else if (n <= 4 * size) {
        ROWS_OF(FOUR);
    }
    else {
        ROWS_OF(LONG);
    }
#undef ROWS_OF
}

/* Repeats the element at `from` over n bytes. */
INLINE void fill(int bits, char *to, const char *from, ptrdiff_t n)
{
    const ptrdiff_t size = VEC_BYTES(bits);
    const vec v = vec_set(bits, load_element(bits, from));
    if (n < size) {
#ifdef NARROWER
        JOIN(kernels_, NARROWER).fill[width_index(bits / 8)](to, from, n);
#else
        vec_store_part(to, v, n);
#endif
        return;
    }
    for (ptrdiff_t i = 0; i + size <= n; i += size) {
        vec_store(bits, to + i, v);
    }
    vec_store(bits, to + n - size, v);
}

#define EACH_WIDTH(macro, op) macro(op, 8) macro(op, 16) macro(op, 32) macro(op, 64)
#define EACH_OP_AND_WIDTH(macro)                                                                               \
    EACH_WIDTH(macro, RELU)                                                                                    \
    EACH_WIDTH(macro, GRAD)                                                                                    \
    EACH_WIDTH(macro, BACKWARD)                                                                                \
    EACH_WIDTH(macro, GRAD_STRICT)                                                                             \
    EACH_WIDTH(macro, BACKWARD_STRICT)

#define WIDTHS(name) {name##_8, name##_16, name##_32, name##_64}
#define TABLE(name)                                                                                            \
    {[RELU] = WIDTHS(name##_RELU),                                                                             \
     [GRAD] = WIDTHS(name##_GRAD),                                                                             \
     [BACKWARD] = WIDTHS(name##_BACKWARD),                                                                     \
     [GRAD_STRICT] = WIDTHS(name##_GRAD_STRICT),                                                               \
     [BACKWARD_STRICT] = WIDTHS(name##_BACKWARD_STRICT)}

#define KERNEL(name, op, bits, past_cache)                                                                     \
    static void name##_##op##_##bits(char *out, const char *dy, const char *x, ptrdiff_t n,                    \
                                     const struct axis *rows, const struct axis *planes,                       \
                                     const struct dtype *dtype)                                                \
    {                                                                                                          \
        any_rows_of(op, bits, past_cache, out, dy, x, n, rows, planes, dtype);                                 \
    }
/* For strided.h and its like: the table of a target's strided(). */
#define STRIDED(op, bits)                                                                                      \
    static void strided_##op##_##bits(char *out, const char *dy, const char *x, ptrdiff_t n,                   \
                                      const ptrdiff_t step[N_OPERANDS], const struct dtype *dtype)             \
    {                                                                                                          \
        strided(op, bits, out, dy, x, n, step, dtype);                                                         \
    }
#define STRIDED_KERNELS                                                                                        \
    EACH_OP_AND_WIDTH(STRIDED)                                                                                 \
    const struct strided_kernels JOIN(strided_, TARGET) = {TABLE(strided)};

#define RUN(op, bits) KERNEL(run, op, bits, 0)
EACH_OP_AND_WIDTH(RUN)
#ifdef HAVE_STREAM
#define STREAM(op, bits) KERNEL(stream, op, bits, 1)
EACH_OP_AND_WIDTH(STREAM)
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

const struct kernels JOIN(kernels_, TARGET) = {
    .run = TABLE(run), .stream = STREAM_TABLE, .fence = fence, .fill = WIDTHS(fill)};
