/* Checks the C below NumPy (kernels.h, strided.h, transpose.h, layout.c, walk.c) on every SIMD target that the
 * machine can run, against the contract written anew over numbers, where the kernels know bits only. It says what
 * it checked, or shows the first mismatch and exits with 1:
 *
 *   harness [TARGET [SHARE]]
 *
 * checks one target only (or all), with about SHARE times fewer calls. It needs neither Python nor NumPy:
 * ../test_kernels.py builds it for this machine, ../../tools/compilers.py with other compilers, for other machines.
 *
 * Every operand lies in one array, of which there are three: as filled, as the function under test leaves it,
 * and as it has to be. They are compared whole, so a byte written beside the output is seen as well. */
#include "relu.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NPY_SIZEOF_SHORT sizeof(short)
#define NPY_SIZEOF_INT sizeof(int)
#define NPY_SIZEOF_LONG sizeof(long)
#define NPY_SIZEOF_LONGLONG sizeof(long long)
#define BUILTIN(type_num, name, width, ...) {0, width, name, __VA_ARGS__},
#define USER(name, width, ...) {0, width, name, __VA_ARGS__},
static const struct dtype dtypes[] = {
#include "dtypes.def"
};
enum { N_DTYPES = sizeof dtypes / sizeof *dtypes };

/* What the bits of a dtype stand for. FN has one NaN, all ones but for the sign, and no infinity; FNUZ has one
 * NaN, where -0.0 would be. */
static const struct format {
    const char *name;
    enum { SIGNED_INT, UNSIGNED_INT, C_FLOAT, IEEE, FN, FNUZ } kind;
    int mantissa, bias;
} formats[] = {
    {"byte", SIGNED_INT, 0, 0},          {"ubyte", UNSIGNED_INT, 0, 0},   {"short", SIGNED_INT, 0, 0},
    {"ushort", UNSIGNED_INT, 0, 0},      {"intc", SIGNED_INT, 0, 0},      {"uintc", UNSIGNED_INT, 0, 0},
    {"long", SIGNED_INT, 0, 0},          {"ulong", UNSIGNED_INT, 0, 0},   {"longlong", SIGNED_INT, 0, 0},
    {"ulonglong", UNSIGNED_INT, 0, 0},   {"float16", IEEE, 10, 15},       {"float32", C_FLOAT, 23, 127},
    {"float64", C_FLOAT, 52, 1023},      {"bfloat16", IEEE, 7, 127},      {"float8_e3m4", IEEE, 4, 3},
    {"float8_e4m3", IEEE, 3, 7},         {"float8_e4m3fn", FN, 3, 7},     {"float8_e5m2", IEEE, 2, 15},
    {"float8_e4m3b11fnuz", FNUZ, 3, 11}, {"float8_e4m3fnuz", FNUZ, 3, 8}, {"float8_e5m2fnuz", FNUZ, 2, 16},
};
_Static_assert(sizeof formats / sizeof *formats == N_DTYPES, "dtypes.def and formats have a line for each dtype");

static const char *const op_names[N_OPS] = {"relu", "relu_grad", "relu_backward", "relu_grad_strict",
                                            "relu_backward_strict"};
static const char *const form_names[N_FORMS] = {"KEEP_X", "SPLAT", "EACH", "SPLAT_STRICT", "EACH_STRICT"};

static int is_splat(enum form form) { return form == SPLAT || form == SPLAT_STRICT; }

enum { SIZE = 1 << 22 };
static _Alignas(64) char filled[SIZE], got[SIZE], want[SIZE];

static const struct target *target;
static const struct dtype *dtype;   /* the row under test, */
static const struct format *format; /* and what it means */
static int share = 1;               /* so many times fewer calls */
static unsigned long long n_calls, n_elements;

static void fail(const char *text, ...)
{
    va_list args;
    va_start(args, text);
    printf("%s: MISMATCH: ", target->name);
    vprintf(text, args);
    putchar('\n');
    va_end(args);
    exit(1);
}

/* A generator of our own (xorshift64*), so that every machine and target is given the same cases. */
static uint64_t random_state;

static uint64_t random_bits(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 0x2545F4914F6CDD1Du;
}

/* From low to high, both included. */
static ptrdiff_t random_in(ptrdiff_t low, ptrdiff_t high)
{
    return low + (ptrdiff_t)((random_bits() >> 11) % (uint64_t)(high - low + 1));
}

/* One element, in the machine's byte order. */
static uint64_t get(const char *p, int width)
{
    uint8_t b;
    uint16_t h;
    uint32_t w;
    uint64_t d;
    switch (width) {
        case 1: memcpy(&b, p, 1); return b;
        case 2: memcpy(&h, p, 2); return h;
        case 4: memcpy(&w, p, 4); return w;
        default: memcpy(&d, p, 8); return d;
    }
}

static void put(char *p, int width, uint64_t bits)
{
    uint8_t b = (uint8_t)bits;
    uint16_t h = (uint16_t)bits;
    uint32_t w = (uint32_t)bits;
    switch (width) {
        case 1: memcpy(p, &b, 1); return;
        case 2: memcpy(p, &h, 2); return;
        case 4: memcpy(p, &w, 4); return;
        default: memcpy(p, &bits, 8); return;
    }
}

static uint64_t sign_bit(void) { return (uint64_t)1 << (8 * dtype->width - 1); }

/* The number that bits stand for; of integers near enough to be compared with zero. */
static double number_of(uint64_t bits)
{
    const int negative = (bits & sign_bit()) != 0;
    const uint64_t rest = bits & (sign_bit() - 1);
    const uint64_t mantissa = rest & (((uint64_t)1 << format->mantissa) - 1);
    const int exponent = (int)(rest >> format->mantissa), top = (int)((sign_bit() - 1) >> format->mantissa);
    switch (format->kind) {
        case SIGNED_INT: return negative ? -(double)(sign_bit() - rest) : (double)rest;
        case UNSIGNED_INT: return (double)bits;
        case C_FLOAT:
            if (dtype->width == 4) {
                uint32_t word = (uint32_t)bits;
                float value;
                memcpy(&value, &word, 4);
                return value;
            }
            double value;
            memcpy(&value, &bits, 8);
            return value;
        case IEEE:
            if (exponent == top) {
                return mantissa ? (double)NAN : negative ? -HUGE_VAL : HUGE_VAL;
            }
            break;
        case FN:
            if (rest == sign_bit() - 1) {
                return (double)NAN;
            }
            break;
        case FNUZ:
            if (bits == sign_bit()) {
                return (double)NAN;
            }
            break;
    }
    const double hidden = exponent ? ldexp(1, format->mantissa) : 0;
    const double size = ldexp(hidden + (double)mantissa, (exponent ? exponent : 1) - format->bias - format->mantissa);
    return negative ? -size : size;
}

static double numbers[1 << 16]; /* of every pattern of 8 or 16 bits: ldexp() would take most of the time */

static double number(uint64_t bits) { return dtype->width <= 2 ? numbers[bits] : number_of(bits); }

/* The contract: np.where(x <= 0, 0, v) of the strict kinds, and np.where(x < 0, 0, v) of the others. */
static uint64_t keep(int drops_zero, uint64_t v, uint64_t x)
{
    const double value = number(x);
    return (drops_zero ? value <= 0 : value < 0) ? 0 : v;
}

static uint64_t answer_of_form(enum form form, uint64_t dy, uint64_t x)
{
    return keep(form != SPLAT && form != EACH, form == KEEP_X ? x : dy, x);
}

static uint64_t answer_of_op(enum op op, uint64_t dy, uint64_t x)
{
    const uint64_t one = (uint64_t)dtype->one & (sign_bit() | (sign_bit() - 1));
    return keep(op != GRAD && op != BACKWARD, op == RELU ? x : has_dy(op) ? dy : one, x);
}

/* Random bits, or the neighbours of a border between kinds of numbers; of either sign. */
static uint64_t some_bits(void)
{
    const uint64_t normal = (uint64_t)1 << format->mantissa, infinite = sign_bit() - normal;
    const uint64_t borders[] = {0, normal, (uint64_t)dtype->one, infinite};
    uint64_t bits = random_in(0, 1) ? random_bits() : borders[random_in(0, 3)] + (uint64_t)random_in(-1, 1);
    return random_in(0, 1) ? bits : bits ^ sign_bit();
}

/* Random elements up to a prime number of them, which then repeat: out of step with any layout. */
static void fill(ptrdiff_t bytes)
{
    const ptrdiff_t most = 65521 * dtype->width, drawn = bytes < most ? bytes : most;
    for (ptrdiff_t i = 0; i < drawn; i += dtype->width) {
        put(filled + i, dtype->width, some_bits());
    }
    for (ptrdiff_t i = drawn; i < bytes; i += drawn) {
        memcpy(filled + i, filled, (size_t)(bytes - i < drawn ? bytes - i : drawn));
    }
}

static void start(ptrdiff_t bytes)
{
    memcpy(got, filled, (size_t)bytes);
    memcpy(want, filled, (size_t)bytes);
    n_calls++;
}

static void show_element(const char *what, ptrdiff_t out, ptrdiff_t dy, ptrdiff_t x)
{
    const int width = dtype->width;
    if (memcmp(got + out, want + out, (size_t)width) != 0) {
        fail("%s of %s: dy %#llx, x %#llx (%g): want %#llx, got %#llx", what, dtype->name,
             (unsigned long long)get(filled + dy, width), (unsigned long long)get(filled + x, width),
             number(get(filled + x, width)), (unsigned long long)get(want + out, width),
             (unsigned long long)get(got + out, width));
    }
}

/* A call: where in the array each operand starts, how many elements a row has, and how far rows are apart. */
struct rows {
    ptrdiff_t at[N_OPERANDS], step[N_OPERANDS], n, rows;
    int is_apart; /* no input lies where the output does */
};

enum way { ROWS, STREAMED, STRIDED }; /* STRIDED: the rows are of one element */

static const char *const way_names[] = {"rows", "streamed", "strided"};

static void call_strided(enum form form, const struct rows *c)
{
    const struct target *has_it = target;
    const int w = width_index(dtype->width);
    while (has_it->strided[form][w] == NULL) {
        has_it = has_it->narrower;
    }
    has_it->strided[form][w](got + c->at[OUTPUT], got + c->at[DY], got + c->at[X], c->rows, c->step, dtype);
}

static void call_rows(enum form form, enum way way, const struct rows *c)
{
    const int w = width_index(dtype->width);
    const ptrdiff_t bytes = c->n * dtype->width;
    const struct target *long_enough = target;
    struct axis rows = {c->rows, {0}}, planes = ALONE; /* two planes where the rows are even in number */
    memcpy(rows.step, c->step, sizeof rows.step);
    if (c->rows % 2 == 0) {
        rows.n = c->rows / 2;
        planes.n = 2;
        for (int k = 0; k < N_OPERANDS; k++) {
            planes.step[k] = rows.n * rows.step[k];
        }
    }
    while (bytes < long_enough->shortest_row) {
        long_enough = long_enough->narrower;
    }
    row_kernel *const kernel = (way == ROWS ? long_enough->rows : target->streamed)[form][w];
    kernel(got + c->at[OUTPUT], got + c->at[DY], got + c->at[X], bytes, &rows, &planes, dtype);
    if (way == STREAMED) {
        target->fence();
    }
}

/* Row by row, each read before it is written. */
static void expect_rows(enum form form, const struct rows *c)
{
    static char row[SIZE];
    const int width = dtype->width;
    for (ptrdiff_t r = 0; r < c->rows; r++) {
        const char *dy = want + c->at[DY] + r * c->step[DY], *x = want + c->at[X] + r * c->step[X];
        for (ptrdiff_t i = 0; i < c->n * width; i += width) {
            put(row + i, width, answer_of_form(form, get(dy + (is_splat(form) ? 0 : i), width), get(x + i, width)));
        }
        memcpy(want + c->at[OUTPUT] + r * c->step[OUTPUT], row, (size_t)(c->n * width));
    }
    n_elements += (unsigned long long)(c->n * c->rows);
}

static void check_call(enum form form, enum way way, const struct rows *c, ptrdiff_t bytes)
{
    char what[64];
    start(bytes);
    if (way == STRIDED) {
        call_strided(form, c);
    }
    else {
        call_rows(form, way, c);
    }
    expect_rows(form, c);
    if (memcmp(got, want, (size_t)bytes) == 0) {
        return;
    }
    snprintf(what, sizeof what, "%s, %s", way_names[way], form_names[form]);
    printf("n %td, rows %td; out, dy, x at %td %td %td, steps %td %td %td\n", c->n, c->rows, c->at[OUTPUT], c->at[DY],
           c->at[X], c->step[OUTPUT], c->step[DY], c->step[X]);
    for (ptrdiff_t r = 0; r < c->rows; r++) {
        for (ptrdiff_t i = 0; i < c->n * dtype->width; i += dtype->width) {
            show_element(what, c->at[OUTPUT] + r * c->step[OUTPUT] + i,
                         c->at[DY] + r * c->step[DY] + (is_splat(form) ? 0 : i), c->at[X] + r * c->step[X] + i);
        }
    }
    fail("%s of %s writes beside its output", what, dtype->name);
}

static int may_stream_rows(enum form form, const struct rows *c)
{
    const int width = dtype->width;
    return target->streamed[form][width_index(width)] != NULL && c->is_apart && c->n * width >= STREAMED_ROW &&
           c->at[OUTPUT] % width == 0 && c->step[OUTPUT] % width == 0;
}

/* The plain kernel, and the streaming one where that may be called. */
static void check_kernel(enum form form, const struct rows *c, ptrdiff_t bytes)
{
    check_call(form, ROWS, c, bytes);
    if (may_stream_rows(form, c)) {
        check_call(form, STREAMED, c, bytes);
    }
}

/* Where the output lies. */
enum place { APART, ON_X, ON_DY, N_PLACES };

static int is_possible(enum form form, enum place place)
{
    return place != ON_DY || form == EACH || form == EACH_STRICT;
}

static enum place some_place(enum form form)
{
    return (enum place)random_in(APART, is_possible(form, ON_DY) ? ON_DY : ON_X);
}

static void take_place(struct rows *c, enum place place)
{
    const int k = place == ON_X ? X : place == ON_DY ? DY : OUTPUT;
    c->is_apart = place == APART;
    c->at[OUTPUT] = c->at[k];
    c->step[OUTPUT] = c->step[k];
}

/* Every pattern of 8 and 16 bits, and as many of 32 and 64, or a share. */
static void check_patterns(void)
{
    const ptrdiff_t width = dtype->width, n = width <= 2 ? 1 << 16 : (1 << 16) / share, third = n * width + 64;
    fill(3 * third);
    for (ptrdiff_t i = 0; i < n && width <= 2; i++) {
        put(filled + 2 * third + i * width, dtype->width, (uint64_t)i);
    }
    for (enum form form = KEEP_X; form < N_FORMS; form++) {
        for (enum place place = APART; place < N_PLACES; place++) {
            struct rows c = {{0, third, 2 * third}, {0}, n, 1, 0};
            take_place(&c, place);
            if (is_possible(form, place)) {
                check_kernel(form, &c, 3 * third);
            }
        }
    }
}

/* Rows of every length to five of the widest vectors and some longer ones, aligned and not. */
static void check_lengths(void)
{
    enum { THIRD = 1024 };
    const ptrdiff_t width = dtype->width, shifts[] = {0, 1, width, 24};
    for (ptrdiff_t n = 0; n * width <= THIRD - 128; n += n * width < 5 * 64 ? 1 : random_in(1, 64)) {
        fill(3 * THIRD);
        for (enum form form = KEEP_X; form < N_FORMS; form++) {
            for (enum place place = APART; place < N_PLACES; place++) {
                for (ptrdiff_t s = random_in(0, share - 1); s < 4 && is_possible(form, place); s += share) {
                    const ptrdiff_t out = 64 + shifts[random_in(0, 3)], dy = THIRD + shifts[s];
                    const ptrdiff_t x = 2 * THIRD + shifts[random_in(0, 3)];
                    struct rows c = {{out, dy, x}, {0}, n, 1, 0};
                    take_place(&c, place);
                    check_kernel(form, &c, 3 * THIRD);
                }
            }
        }
    }
}

/* Two rows past the cache, from the shortest that may be, of every length (or a share of them) and begun anywhere in
 * a cache line. */
static void check_streamed(void)
{
    enum { THIRD = 4096, LONGER = 600 };
    const ptrdiff_t width = dtype->width;
    fill(3 * THIRD);
    for (ptrdiff_t n = STREAMED_ROW / width; n * width <= STREAMED_ROW + LONGER; n += random_in(1, 2 * share - 1)) {
        for (enum form form = KEEP_X; form < N_FORMS; form++) {
            struct rows c = {.n = n, .rows = 2, .is_apart = 1};
            for (int k = 0; k < N_OPERANDS; k++) {
                const ptrdiff_t unit = k == OUTPUT ? width : 1;
                c.at[k] = k * THIRD + 64 + random_in(0, 64 / unit) * unit;
                c.step[k] = n * width + random_in(0, 64 / unit) * unit;
            }
            if (may_stream_rows(form, &c)) {
                check_call(form, STREAMED, &c, 3 * THIRD);
            }
        }
    }
}

/* Rows any distance apart, forward, backward and onto one another. */
static void check_rows(void)
{
    enum { THIRD = 4096, CALLS = 200 };
    const ptrdiff_t width = dtype->width;
    fill(3 * THIRD);
    for (int call = 0; call < CALLS / share; call++) {
        const enum form form = (enum form)(call % N_FORMS);
        struct rows c = {.n = random_in(0, 20), .rows = random_in(1, 9)};
        for (int k = 0; k < N_OPERANDS; k++) {
            c.at[k] = k * THIRD + THIRD / 2 + random_in(0, 64);
            c.step[k] = random_in(0, 1) ? c.n * width : random_in(-200, 200);
        }
        take_place(&c, some_place(form));
        if (random_in(0, 7) == 0) { /* as accumulate wants it: each element made of the one before */
            const int k = form == KEEP_X || random_in(0, 1) ? X : DY;
            c.n = 1;
            c.is_apart = 0;
            c.at[OUTPUT] = c.at[k] + width;
            c.step[OUTPUT] = c.step[k] = width;
        }
        check_kernel(form, &c, 3 * THIRD);
    }
}

static int has_strided(const struct target *narrower)
{
    while (narrower != NULL && narrower->strided[KEEP_X][0] == NULL) {
        narrower = narrower->narrower;
    }
    return narrower != NULL;
}

/* Elements a step apart: the steps that have shuffles of their own, none, and others; in place as well. */
static void check_strided(void)
{
    enum { THIRD = 8192, CALLS = 1000 };
    const ptrdiff_t width = dtype->width, steps[] = {width, -width, 2 * width, -2 * width, 3 * width, 37, -50, 0};
    fill(3 * THIRD);
    for (int call = 0; call < CALLS / share && has_strided(target); call++) {
        const enum form form = (enum form)(call % N_FORMS);
        const enum place place = some_place(form);
        struct rows c = {.n = 1, .rows = random_in(0, 80)};
        for (int k = 0; k < N_OPERANDS; k++) {
            c.at[k] = k * THIRD + THIRD / 2 + random_in(0, 64);
            c.step[k] = steps[random_in(0, k == OUTPUT || place != APART ? 6 : 7)];
        }
        if (is_splat(form)) {
            c.step[DY] = 0;
        }
        take_place(&c, place);
        check_call(form, STRIDED, &c, 3 * THIRD);
    }
}

static void check_transpose(int width)
{
    enum { LONGEST = 35, HALF = 1 << 14 };
    for (ptrdiff_t rows = 0; rows <= LONGEST; rows++) {
        for (ptrdiff_t cols = 0; cols <= LONGEST; cols++) {
            ptrdiff_t to_step = cols * width + random_in(0, 20), from_step = rows * width + random_in(0, 20);
            ptrdiff_t from = HALF + random_in(0, 16);
            if (rows % 2) { /* as of a reversed axis */
                from += cols * from_step;
                from_step = -from_step;
            }
            start(2 * HALF);
            target->transpose[width_index(width)](got + 16, to_step, got + from, from_step, rows, cols);
            for (ptrdiff_t r = 0; r < rows; r++) {
                for (ptrdiff_t c = 0; c < cols; c++) {
                    memcpy(want + 16 + r * to_step + c * width, want + from + c * from_step + r * width, (size_t)width);
                }
            }
            n_elements += (unsigned long long)(rows * cols);
            if (memcmp(got, want, 2 * HALF) != 0) {
                fail("transpose of %td x %td elements of %d bytes", rows, cols, width);
            }
        }
    }
}

/* A view in the array: where its operands start. */
struct place_of_view {
    ptrdiff_t at[N_OPERANDS];
    int is_aligned; /* to the elements */
};

enum { TRIED_DIMS = 4 };

static ptrdiff_t count_of(const struct view *view)
{
    ptrdiff_t n = 1;
    for (int d = 0; d < view->nd; d++) {
        n *= view->axis[d].n;
    }
    return n;
}

/* Where element number e is, in C order. */
static ptrdiff_t offset_of(const struct view *view, ptrdiff_t e, int k)
{
    ptrdiff_t offset = 0;
    for (int d = view->nd - 1; d >= 0; d--) {
        offset += e % view->axis[d].n * view->axis[d].step[k];
        e /= view->axis[d].n;
    }
    return offset;
}

/* What op has to leave, each element made of what is in `inputs`: filled, or want where order matters. */
static void expect_view(enum op op, const struct view *view, const ptrdiff_t at[N_OPERANDS], const char *inputs)
{
    const int width = dtype->width;
    const ptrdiff_t n = count_of(view);
    for (ptrdiff_t e = 0; e < n; e++) {
        const uint64_t x = get(inputs + at[X] + offset_of(view, e, X), width);
        const uint64_t dy = has_dy(op) ? get(inputs + at[DY] + offset_of(view, e, DY), width) : 0;
        put(want + at[OUTPUT] + offset_of(view, e, OUTPUT), width, answer_of_op(op, dy, x));
    }
    n_elements += (unsigned long long)n;
}

static void print_view(const struct view *view, const ptrdiff_t at[N_OPERANDS])
{
    printf("out, dy, x at %td %td %td", at[OUTPUT], at[DY], at[X]);
    for (int d = 0; d < view->nd; d++) {
        const struct axis *axis = &view->axis[d];
        printf("; %td by %td %td %td", axis->n, axis->step[OUTPUT], axis->step[DY], axis->step[X]);
    }
    putchar('\n');
}

static void compare_view(const char *function, enum op op, const struct view *view, const ptrdiff_t at[N_OPERANDS],
                         ptrdiff_t bytes)
{
    char what[64];
    if (memcmp(got, want, (size_t)bytes) == 0) {
        return;
    }
    snprintf(what, sizeof what, "%s, %s", function, op_names[op]);
    print_view(view, at);
    for (ptrdiff_t e = 0; e < count_of(view); e++) {
        show_element(what, at[OUTPUT] + offset_of(view, e, OUTPUT), at[DY] + (has_dy(op) ? offset_of(view, e, DY) : 0),
                     at[X] + offset_of(view, e, X));
    }
    fail("%s of %s writes beside its output", what, dtype->name);
}

/* The view as run() is given it: without a dy where op has none. */
static struct view in_got(enum op op, const struct view *view, const ptrdiff_t at[N_OPERANDS])
{
    struct view given = *view;
    for (int k = 0; k < N_OPERANDS; k++) {
        given.data[k] = k != DY || has_dy(op) ? got + at[k] : NULL;
    }
    return given;
}

/* Sometimes a short axis, one of no element, or one long enough for non-temporal stores and more than a tile. */
static void choose_shape(struct view *view)
{
    static const ptrdiff_t longest[] = {0, 5000, 70, 17, 8}, beside_long[] = {0, 1, 12, 4, 2};
    const ptrdiff_t streamed = 4096 / dtype->width;
    view->nd = (int)random_in(0, TRIED_DIMS);
    const int long_axis = random_in(0, 3) ? -1 : (int)random_in(0, TRIED_DIMS - 1);
    for (int d = 0; d < view->nd; d++) {
        const ptrdiff_t most = long_axis < 0 ? longest[view->nd] : beside_long[view->nd];
        view->axis[d].n = random_in(0, 15) ? random_in(1, most) : random_in(0, 1);
        if (d == long_axis) {
            view->axis[d].n = random_in(streamed, streamed + 600);
        }
    }
}

static int longest_axis(const struct view *view)
{
    int longest = 0;
    for (int d = 1; d < view->nd; d++) {
        longest = view->axis[d].n > view->axis[longest].n ? d : longest;
    }
    return longest;
}

/* How far an operand reaches along an axis that takes the next step. */
static ptrdiff_t padded(ptrdiff_t reach, int is_aligned, int pads_lines)
{
    reach += random_in(0, 3) ? 0 : is_aligned ? dtype->width : 1;
    return pads_lines && reach >= STREAMED_ROW ? (reach + 63) / 64 * 64 : reach;
}

/* Steps of one operand: axes in an order of its own, padded, reversed, and of inputs repeated. Returns the bytes from
 * its start, and moves the start to the first element. */
static ptrdiff_t choose_steps(struct view *view, int k, int is_aligned, ptrdiff_t *at)
{
    const int has_long_rows = k == OUTPUT && random_in(0, 3); /* as non-temporal stores want them */
    const int first = has_long_rows ? longest_axis(view) : (int)random_in(0, TRIED_DIMS - 1);
    const int by = random_in(0, 1) ? 1 : 3, pads_lines = random_in(0, 1) != 0;
    ptrdiff_t step = dtype->width * (has_long_rows || random_in(0, 3) ? 1 : random_in(1, 3));
    for (int i = 0; i < TRIED_DIMS; i++) {
        struct axis *axis = &view->axis[(first + i * by) % TRIED_DIMS];
        if (axis - view->axis >= view->nd || axis->n == 0 || (k != OUTPUT && random_in(0, 7) == 0)) {
            continue; /* a step of 0 */
        }
        axis->step[k] = random_in(0, 3) ? step : -step;
        *at += axis->step[k] < 0 ? (axis->n - 1) * step : 0;
        step = padded(step * axis->n, is_aligned, pads_lines);
    }
    return step;
}

/* Operands one behind the other from the start of the array, or the output on an input. Returns its length. */
static ptrdiff_t lay_out(struct view *view, ptrdiff_t at[N_OPERANDS], int is_aligned, int on)
{
    const ptrdiff_t width = dtype->width;
    ptrdiff_t end = 64;
    choose_shape(view);
    for (int k = 0; k < N_OPERANDS; k++) {
        end += is_aligned ? random_in(0, 16) * width : random_in(0, 16 * width);
        at[k] = end;
        end += choose_steps(view, k, is_aligned, &at[k]) + width;
    }
    at[on] = at[OUTPUT];
    for (int d = 0; d < view->nd; d++) {
        view->axis[d].step[on] = view->axis[d].step[OUTPUT];
    }
    if (end + 64 > SIZE) {
        fail("SIZE is too small for an array of %td bytes", end + 64);
    }
    return end + 64;
}

static void check_run(void)
{
    enum { CALLS = 300 };
    const ptrdiff_t before = stream_threshold;
    fill(SIZE);
    for (int call = 0; call < CALLS / share; call++) {
        const enum op op = (enum op)(call % N_OPS);
        struct view view = {0};
        ptrdiff_t at[N_OPERANDS];
        const int is_aligned = random_in(0, 3) != 0, on = random_in(0, 3) ? OUTPUT : (int)random_in(DY, X);
        const ptrdiff_t bytes = lay_out(&view, at, is_aligned, on);
        const int may_stream = is_aligned && on == OUTPUT && random_in(0, 3);
        struct view given = in_got(op, &view, at), used = in_got(BACKWARD, &view, at);
        if (may_overlap_itself(&used, dtype->width)) {
            print_view(&view, at);
            fail("may_overlap_itself() where no element lies in another's steps");
        }
        stream_threshold = random_in(0, 1) ? 0 : before;
        start(bytes);
        run(target, op, dtype, &given, may_stream);
        expect_view(op, &view, at, filled);
        compare_view(may_stream ? "run, streaming" : "run", op, &view, at, bytes);
    }
    stream_threshold = before;
}

/* The bytes of every element of a small view, from the contract's side: which element wrote a byte, and whether
 * another did as well. */
enum { ARENA = 4096 };

static struct {
    int writer[ARENA]; /* 0: none, else an element's number and 1 */
    int is_shared[ARENA];
} bytes_of;

static int writes_a_byte_twice(const struct view *view, ptrdiff_t at)
{
    int found = 0;
    memset(&bytes_of, 0, sizeof bytes_of);
    for (int e = 0; e < count_of(view); e++) {
        const ptrdiff_t p = at + offset_of(view, e, OUTPUT);
        for (ptrdiff_t i = p; i < p + dtype->width; i++) {
            found |= bytes_of.is_shared[i] = bytes_of.writer[i] != 0;
            bytes_of.writer[i] = e + 1;
        }
    }
    return found;
}

/* Whether an element is read of what another one has written; of the bytes that writes_a_byte_twice() found. */
static int reads_what_is_written(const struct view *view, ptrdiff_t at, int k)
{
    for (int e = 0; e < count_of(view); e++) {
        const ptrdiff_t p = at + offset_of(view, e, k);
        for (ptrdiff_t i = p; i < p + dtype->width; i++) {
            if (bytes_of.is_shared[i] || (bytes_of.writer[i] != 0 && bytes_of.writer[i] != e + 1)) {
                return 1;
            }
        }
    }
    return 0;
}

/* Up to four short axes of any steps, so that operands lie in, between and beside one another. */
static void scatter(struct view *view, ptrdiff_t at[N_OPERANDS])
{
    static const ptrdiff_t longest[] = {0, 24, 9, 5, 4};
    const ptrdiff_t width = dtype->width, spread = random_in(0, 1) ? 24 : 300;
    view->nd = (int)(random_in(0, 1) ? 1 : random_in(0, TRIED_DIMS));
    const int is_alike = random_in(0, 1) != 0; /* all operands have the output's steps */
    for (int d = 0; d < view->nd; d++) {
        view->axis[d].n = random_in(0, 15) ? random_in(1, longest[view->nd]) : random_in(0, 1);
        for (int k = 0; k < N_OPERANDS; k++) {
            const ptrdiff_t step = random_in(0, 1) ? width * random_in(-3, 9) : random_in(-20, 20);
            view->axis[d].step[k] = k != OUTPUT && is_alike ? view->axis[d].step[OUTPUT] : step;
        }
    }
    for (int k = 0; k < N_OPERANDS; k++) {
        at[k] = ARENA / 2 + (random_in(0, 3) ? random_in(-spread, spread) : 0);
    }
}

static int is_apart(const struct view *view, const ptrdiff_t at[N_OPERANDS], int k)
{
    ptrdiff_t low[N_OPERANDS] = {ARENA, ARENA, ARENA}, high[N_OPERANDS] = {0};
    for (ptrdiff_t e = 0; e < count_of(view); e++) {
        for (int o = 0; o < N_OPERANDS; o++) {
            const ptrdiff_t p = at[o] + offset_of(view, e, o);
            low[o] = p < low[o] ? p : low[o];
            high[o] = p + dtype->width > high[o] ? p + dtype->width : high[o];
        }
    }
    return high[OUTPUT] <= low[k] || high[k] <= low[OUTPUT];
}

/* Input k does not disturb: it ends before the output or begins behind it, or is the output of one line. */
static int is_plainly_safe(const struct view *view, const ptrdiff_t at[N_OPERANDS], int k)
{
    const struct axis *line = &view->axis[0];
    const int is_output = at[k] == at[OUTPUT] && view->nd == 1 && line->step[k] == line->step[OUTPUT];
    return (is_output && labs((long)line->step[k]) >= dtype->width) || (count_of(view) > 0 && is_apart(view, at, k));
}

/* layout.c may take a view for overlapping that does not, but not the other way round. Returns whether it takes
 * the view for safe to write in any order. */
static int check_overlaps(const struct view *view, const struct view *given, const ptrdiff_t at[N_OPERANDS])
{
    struct view used = *given;
    const int may_itself = may_overlap_itself(&used, dtype->width);
    int is_safe = !may_itself;
    if (writes_a_byte_twice(view, at[OUTPUT]) && !may_itself) {
        print_view(view, at);
        fail("an output of %d-byte elements overlaps itself, unseen", dtype->width);
    }
    for (int k = DY; k < N_OPERANDS; k++) {
        const int says = overlaps(given, k, dtype->width);
        if ((reads_what_is_written(view, at[k], k) && !says) || (is_plainly_safe(view, at, k) && says)) {
            print_view(view, at);
            fail("overlaps() is %d of the output and operand %d, of %d-byte elements", says, k, dtype->width);
        }
        is_safe &= !says;
    }
    return is_safe;
}

/* Operands that may overlap: in any order where layout.c finds that safe, else element by element. */
static void check_overlapping(void)
{
    enum { CALLS = 600 };
    fill(ARENA);
    for (int call = 0; call < CALLS / share; call++) {
        const enum op op = (enum op)(call % N_OPS);
        struct view view = {0};
        ptrdiff_t at[N_OPERANDS];
        scatter(&view, at);
        struct view all = in_got(BACKWARD, &view, at), given = in_got(op, &view, at);
        const int is_safe = check_overlaps(&view, &all, at);
        if (is_safe) {
            start(ARENA);
            run(target, op, dtype, &given, 0);
            expect_view(op, &view, at, filled);
            compare_view("run", op, &view, at, ARENA);
        }
        if (view.nd == 1) {
            given = in_got(op, &view, at);
            start(ARENA);
            run_in_order(target, op, dtype, &given);
            expect_view(op, &view, at, want);
            compare_view("run_in_order", op, &view, at, ARENA);
        }
    }
}

static void take_dtype(const struct dtype *row)
{
    dtype = row;
    format = NULL;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (strcmp(formats[i].name, row->name) == 0) {
            format = &formats[i];
        }
    }
    if (format == NULL) {
        fail("a dtype without a line in `formats`: %s", row->name);
    }
    for (uint64_t bits = 0; row->width <= 2 && bits >> (8 * row->width) == 0; bits++) {
        numbers[bits] = number_of(bits);
    }
    if (number((uint64_t)row->one & (sign_bit() | (sign_bit() - 1))) != 1) {
        fail("the bits of one of %s are not those of 1", row->name);
    }
}

static void check_target(void)
{
    random_state = 20260101;
    n_calls = n_elements = 0;
    for (int i = 0; i < N_DTYPES; i++) {
        take_dtype(&dtypes[i]);
        check_patterns();
        check_lengths();
        check_streamed();
        check_rows();
        check_strided();
        check_run();
        check_overlapping();
    }
    for (int width = 1; width <= 8; width *= 2) {
        check_transpose(width);
    }
    printf("%s: %d operations, %d forms, %d dtypes: %llu calls, %llu elements as they have to be\n", target->name,
           N_OPS, N_FORMS, N_DTYPES, n_calls, n_elements);
}

int main(int argc, char **argv)
{
    const uint16_t two_bytes = 1;
    const char *const wanted = argc > 1 ? argv[1] : "all";
    int n_checked = 0;
    share = argc > 2 ? atoi(argv[2]) : 1;
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* nothing is lost if a target crashes */
    dispatch_init();
    printf("%s-endian, %zu-bit; %s is chosen\n", *(const char *)&two_bytes ? "little" : "big", 8 * sizeof(void *),
           active_target->name);
    for (int i = 0; targets[i]; i++) {
        target = targets[i];
        if (target_is_usable(target) && (strcmp(wanted, "all") == 0 || strcmp(wanted, target->name) == 0)) {
            check_target();
            n_checked++;
        }
    }
    if (n_checked == 0) {
        puts("no target was checked");
    }
    return n_checked == 0;
}
