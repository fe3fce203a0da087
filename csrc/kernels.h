/* Kernels on rows of contiguous bytes, written once over the vectors of a target and compiled for each form and width.
 *
 * A vec_<target>.c defines vec, VEC_BYTES(bits) and vec_load, vec_store, vec_set (an element in all places),
 * vec_keep (struct rule) and vec_nonzero (v where s is not zero, else 0), and includes this file. A target without a
 * narrower one also has vec_load_part and vec_store_part, of 0 < n < VEC_BYTES bytes of whole elements, which touch
 * no byte beside them; another sets SHORTEST_ROW. With HAVE_STREAM it has vec_stream, a non-temporal store to
 * aligned memory, and vec_fence. PREFETCH_INPUTS and PREFETCH_STREAMED say how many bytes ahead to prefetch, where
 * that pays, for rows of two inputs and for one input beside non-temporal stores. `form`, `bits`, `length` and
 * `is_streamed` are constants. */

#ifndef PREFETCH_INPUTS
enum { PREFETCH_INPUTS = 0, PREFETCH_STREAMED = 0 };
#endif
#ifndef SHORTEST_ROW
enum { SHORTEST_ROW = 0 };
#endif
#ifndef HAVE_STREAM
#define vec_stream(p, v) vec_store(bits, p, v)
#endif

/* Of n bytes. Always inline: GCC drops the call of a function that only prefetches. */
INLINE void prefetch(const char *p, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i += 64) {
#if defined(__GNUC__) || defined(__clang__)
        __builtin_prefetch(p + i);
#endif
    }
}

struct constants {
    vec bias, limit, splat;
};

INLINE int is_strict(enum form form) { return form == SPLAT_STRICT || form == EACH_STRICT; }
INLINE int is_splat(enum form form) { return form == SPLAT || form == SPLAT_STRICT; }
INLINE int is_each(enum form form) { return form == EACH || form == EACH_STRICT; }

/* What a form keeps of the bits s of x: s itself, the row's element of dy, or the vector of dy. */
INLINE vec kept(enum form form, int bits, vec s, vec dy, const struct constants *c)
{
    const vec v = form == KEEP_X ? s : dy;
    if (is_strict(form)) { /* where relu(x) is not zero */
        return vec_nonzero(bits, vec_keep(bits, s, c->bias, c->limit, s), v);
    }
    return vec_keep(bits, s, c->bias, c->limit, v);
}

INLINE vec vec_at(enum form form, int bits, const char *dy, const char *x, ptrdiff_t i, const struct constants *c)
{
    const vec s = vec_load(bits, x + i);
    return kept(form, bits, s, is_each(form) ? vec_load(bits, dy + i) : c->splat, c);
}

INLINE void store(int bits, int is_streamed, char *p, vec v)
{
    if (is_streamed) {
        vec_stream(p, v);
    }
    else {
        vec_store(bits, p, v);
    }
}

#define AT(i) vec_at(form, bits, dy, x, i, c)

/* Rows of less than a vector, of one, of up to two, up to four, and longer. Vectors at the ends overlap their
 * neighbours, so there is no scalar tail. Those that overlap are computed before either is stored: out may be an
 * input. */
enum length { PART, ONE, TWO, FOUR, LONG };

INLINE void short_row(enum form form, int bits, enum length length, char *out, const char *dy, const char *x,
                      ptrdiff_t n, const struct constants *c)
{
    const ptrdiff_t size = VEC_BYTES(bits);
    if (length == PART) {
#ifdef HAVE_ONE_LANE /* any row */
        for (ptrdiff_t i = 0; i < n; i += size) {
            vec_store(bits, out + i, AT(i));
        }
#elif defined(HAVE_PARTS)
        if (n > 0) {
            const vec s = vec_load_part(x, n);
            vec_store_part(out, kept(form, bits, s, is_each(form) ? vec_load_part(dy, n) : c->splat, c), n);
        }
#endif
    }
    else if (length == ONE) {
        vec_store(bits, out, AT(0));
    }
    else if (length == TWO) {
        const vec a = AT(0), b = AT(n - size);
        vec_store(bits, out, a);
        vec_store(bits, out + n - size, b);
    }
    else {
        const vec a = AT(0), b = AT(size), d = AT(n - 2 * size), e = AT(n - size);
        vec_store(bits, out, a);
        vec_store(bits, out + size, b);
        vec_store(bits, out + n - 2 * size, d);
        vec_store(bits, out + n - size, e);
    }
}

/* More than four vectors. The stores between the ends are aligned; memory is accessed in order. */
INLINE void long_row(enum form form, int bits, int is_streamed, char *out, const char *dy, const char *x, ptrdiff_t n,
                     const struct constants *c)
{
    const ptrdiff_t size = VEC_BYTES(bits);
    ptrdiff_t i = size - (ptrdiff_t)((uintptr_t)out & (uintptr_t)(size - 1));
    if (!is_streamed && i % (bits / 8)) {
        i = size; /* misaligned elements: no start is better than another */
    }
    const vec first = AT(0), next = AT(i);
    store(bits, is_streamed && i == size, out, first);
    store(bits, is_streamed, out + i, next);
    for (i += size; i + 5 * size <= n; i += 4 * size) {
        if (PREFETCH_INPUTS && is_each(form)) {
            prefetch(x + i + PREFETCH_INPUTS, 4 * size);
            prefetch(dy + i + PREFETCH_INPUTS, 4 * size);
        }
        else if (PREFETCH_STREAMED && is_streamed) {
            prefetch(x + i + PREFETCH_STREAMED, 4 * size);
        }
        const vec a = AT(i), b = AT(i + size), d = AT(i + 2 * size), e = AT(i + 3 * size);
        store(bits, is_streamed, out + i, a);
        store(bits, is_streamed, out + i + size, b);
        store(bits, is_streamed, out + i + 2 * size, d);
        store(bits, is_streamed, out + i + 3 * size, e);
    }
    for (; i + 2 * size <= n; i += size) {
        store(bits, is_streamed, out + i, AT(i));
    }
    const vec before_last = AT(i), last = AT(n - size);
    store(bits, is_streamed, out + i, before_last);
    if (i + size < n) {
        vec_store(bits, out + n - size, last);
    }
}
#undef AT

INLINE struct constants constants_of(enum form form, int bits, const char *dy, const struct dtype *dtype)
{
    const struct rule *rule = form == SPLAT || form == EACH ? &dtype->grad : &dtype->relu;
    const int64_t splat = is_splat(form) ? load_element(bits, dy) : 0;
    return (struct constants){vec_set(bits, rule->bias), vec_set(bits, rule->limit), vec_set(bits, splat)};
}

INLINE void rows_of(enum form form, int bits, int is_streamed, enum length length, char *out, const char *dy,
                    const char *x, ptrdiff_t n, const struct axis *rows, const struct axis *planes,
                    const struct dtype *dtype)
{
    struct constants c = constants_of(form, bits, dy, dtype);
    const struct axis row = *rows; /* a copy: as far as the compiler knows, a store could change the axis itself */
    const int is_one_dy = row.step[DY] == 0 && planes->step[DY] == 0;
    for (ptrdiff_t p = 0; p < planes->n; p++) {
        char *to = out;
        const char *d = dy, *s = x;
        for (ptrdiff_t r = 0; r < row.n; r++) {
            if (is_splat(form) && !is_one_dy) {
                c.splat = vec_set(bits, load_element(bits, d));
            }
            if (length == LONG) {
                long_row(form, bits, is_streamed, to, d, s, n, &c);
            }
            else {
                short_row(form, bits, length, to, d, s, n, &c);
            }
            to += row.step[OUTPUT];
            d += row.step[DY];
            s += row.step[X];
        }
        out += planes->step[OUTPUT];
        dy += planes->step[DY];
        x += planes->step[X];
    }
}

#define ROWS_OF(length) rows_of(form, bits, 0, length, out, dy, x, n, rows, planes, dtype)
INLINE void rows_of_any(enum form form, int bits, char *out, const char *dy, const char *x, ptrdiff_t n,
                        const struct axis *rows, const struct axis *planes, const struct dtype *dtype)
{
    const ptrdiff_t size = VEC_BYTES(bits);
    if (SHORTEST_ROW == 0 && (VEC_BYTES(64) == 8 || n < size)) {
        ROWS_OF(PART);
    }
    else if (SHORTEST_ROW <= size && n == size) {
        ROWS_OF(ONE);
    }
    else if (SHORTEST_ROW <= 2 * size && n <= 2 * size) {
        ROWS_OF(TWO);
    }
    else if (n <= 4 * size) {
        ROWS_OF(FOUR);
    }
    else {
        ROWS_OF(LONG);
    }
}
#undef ROWS_OF

#define EACH_WIDTH(macro, form) macro(form, 8) macro(form, 16) macro(form, 32) macro(form, 64)
#define EACH_KERNEL(macro)                                                                                             \
    EACH_WIDTH(macro, KEEP_X)                                                                                          \
    EACH_WIDTH(macro, SPLAT) EACH_WIDTH(macro, EACH) EACH_WIDTH(macro, SPLAT_STRICT) EACH_WIDTH(macro, EACH_STRICT)

#define WIDTHS(name) {name##_8, name##_16, name##_32, name##_64}
#define TABLE(name)                                                                                                    \
    {WIDTHS(name##_KEEP_X), WIDTHS(name##_SPLAT), WIDTHS(name##_EACH), WIDTHS(name##_SPLAT_STRICT),                    \
     WIDTHS(name##_EACH_STRICT)}

#define KERNEL(name, rows_function, ...)                                                                               \
    static void name(char *out, const char *dy, const char *x, ptrdiff_t n, const struct axis *rows,                   \
                     const struct axis *planes, const struct dtype *dtype)                                             \
    {                                                                                                                  \
        rows_function(__VA_ARGS__, out, dy, x, n, rows, planes, dtype);                                                \
    }
#define ROWS(form, bits) KERNEL(rows_##form##_##bits, rows_of_any, form, bits)
EACH_KERNEL(ROWS)
#ifdef HAVE_STREAM
#define STREAMED(form, bits) KERNEL(streamed_##form##_##bits, rows_of, form, bits, 1, LONG)
EACH_KERNEL(STREAMED)
#endif
