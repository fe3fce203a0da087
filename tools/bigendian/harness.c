/* Checks the C below NumPy (kernels.h, strided.h, transpose.h, walk.c) on every SIMD target that the machine
 * can run, against the contract written anew over numbers, where the kernels know bits only. Needs neither
 * Python nor NumPy, so it runs on machines for which there is no NumPy; ../bigendian.py builds it. It says what
 * it checked, or shows the first mismatch and exits with 1.
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

static const char *const op_names[N_OPS] = {"relu", "relu_grad", "relu_backward", "relu_grad_strict",
                                            "relu_backward_strict"};

enum { SIZE = 1 << 21 };
static _Alignas(64) char filled[SIZE], got[SIZE], want[SIZE];

static const struct target *target;
static const struct dtype *dtype;   /* the row under test, */
static const struct format *format; /* and what it means */
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
static double number(uint64_t bits)
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
    const double size =
        ldexp(hidden + (double)mantissa, (exponent ? exponent : 1) - format->bias - format->mantissa);
    return negative ? -size : size;
}

/* The contract: np.where(x <= 0, 0, x) and its four sisters. */
static uint64_t answer(enum op op, uint64_t dy, uint64_t x)
{
    const double value = number(x);
    const uint64_t one = (uint64_t)dtype->one & (sign_bit() | (sign_bit() - 1));
    switch (op) {
        case RELU: return value <= 0 ? 0 : x;
        case GRAD: return value < 0 ? 0 : one;
        case BACKWARD: return value < 0 ? 0 : dy;
        case GRAD_STRICT: return value <= 0 ? 0 : one;
        default: return value <= 0 ? 0 : dy;
    }
}

/* Random bits, or the neighbours of a border between kinds of numbers; of either sign. */
static uint64_t some_bits(void)
{
    const uint64_t normal = (uint64_t)1 << format->mantissa, infinite = sign_bit() - normal;
    const uint64_t borders[] = {0, normal, (uint64_t)dtype->one, infinite};
    uint64_t bits = random_in(0, 1) ? random_bits() : borders[random_in(0, 3)] + (uint64_t)random_in(-1, 1);
    return random_in(0, 1) ? bits : bits ^ sign_bit();
}

static void fill(ptrdiff_t bytes)
{
    for (ptrdiff_t i = 0; i < bytes; i += dtype->width) {
        put(filled + i, dtype->width, some_bits());
    }
}

static void start(ptrdiff_t bytes)
{
    memcpy(got, filled, (size_t)bytes);
    memcpy(want, filled, (size_t)bytes);
    n_calls++;
}

static void show_element(enum op op, ptrdiff_t out, ptrdiff_t dy, ptrdiff_t x)
{
    const int width = dtype->width;
    if (memcmp(got + out, want + out, (size_t)width) != 0) {
        fail("%s of %s: dy %#llx, x %#llx (%g): want %#llx, got %#llx", op_names[op], dtype->name,
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

enum way { RUN, STREAM, STRIDED }; /* STRIDED: the rows are of one element */

static void check_call(enum op op, enum way way, const struct rows *c, ptrdiff_t bytes)
{
    static char row[SIZE];
    const int width = dtype->width, w = width_index(width);
    char *out = got + c->at[OUT], *dy = has_dy(op) ? got + c->at[DY] : NULL, *x = got + c->at[X];
    start(bytes);
    if (way == STRIDED) {
        target->strided->of[op][w](out, dy, x, c->rows, c->step, dtype);
    }
    else {
        kernel *run = way == RUN ? target->kernels->run[op][w] : target->kernels->stream[op][w];
        struct axis rows = {c->rows, {0}}, planes = ALONE; /* two planes where the rows are even in number */
        memcpy(rows.step, c->step, sizeof rows.step);
        if (c->rows % 2 == 0) {
            rows.n = c->rows / 2;
            planes.n = 2;
            for (int k = 0; k < N_OPERANDS; k++) {
                planes.step[k] = rows.n * rows.step[k];
            }
        }
        run(out, dy, x, c->n * width, &rows, &planes, dtype);
        target->kernels->fence();
    }
    for (ptrdiff_t r = 0; r < c->rows; r++) {
        const ptrdiff_t dy_at = c->at[DY] + r * c->step[DY], x_at = c->at[X] + r * c->step[X];
        for (ptrdiff_t i = 0; i < c->n * width; i += width) {
            put(row + i, width, answer(op, get(want + dy_at + i, width), get(want + x_at + i, width)));
        }
        memcpy(want + c->at[OUT] + r * c->step[OUT], row, (size_t)(c->n * width));
    }
    n_elements += (unsigned long long)(c->n * c->rows);
    if (memcmp(got, want, (size_t)bytes) == 0) {
        return;
    }
    printf("n %td, rows %td; out, dy, x at %td %td %td, steps %td %td %td\n", c->n, c->rows, c->at[OUT],
           c->at[DY], c->at[X], c->step[OUT], c->step[DY], c->step[X]);
    for (ptrdiff_t r = 0; r < c->rows; r++) {
        for (ptrdiff_t i = 0; i < c->n * width; i += width) {
            show_element(op, c->at[OUT] + r * c->step[OUT] + i, c->at[DY] + r * c->step[DY] + i,
                         c->at[X] + r * c->step[X] + i);
        }
    }
    fail("%s of %s writes beside its output", op_names[op], dtype->name);
}

/* The plain kernel, and the streaming one where that may be called. */
static void check_kernel(enum op op, const struct rows *c, ptrdiff_t bytes)
{
    check_call(op, RUN, c, bytes);
    if (c->is_apart && c->at[OUT] % dtype->width == 0 && c->step[OUT] % dtype->width == 0) {
        check_call(op, STREAM, c, bytes);
    }
}

/* Where the output lies. */
enum place { APART, ON_X, ON_DY, N_PLACES };

static int is_possible(enum op op, enum place place) { return place != ON_DY || has_dy(op); }

static void take_place(struct rows *c, enum place place)
{
    const int k = place == ON_X ? X : place == ON_DY ? DY : OUT;
    c->is_apart = place == APART;
    c->at[OUT] = c->at[k];
    c->step[OUT] = c->step[k];
}

/* Every pattern of 8 and 16 bits, and as many of 32 and 64. */
static void check_patterns(void)
{
    const ptrdiff_t width = dtype->width, n = 1 << 16, third = n * width + 64;
    fill(3 * third);
    for (ptrdiff_t i = 0; i < n && width <= 2; i++) {
        put(filled + 2 * third + i * width, dtype->width, (uint64_t)i);
    }
    for (enum op op = RELU; op < N_OPS; op++) {
        for (enum place place = APART; place < N_PLACES; place++) {
            struct rows c = {{0, third, 2 * third}, {0}, n, 1, 0};
            take_place(&c, place);
            if (is_possible(op, place)) {
                check_kernel(op, &c, 3 * third);
            }
        }
    }
}

/* Rows of every length to 40 and some longer ones, aligned and not. */
static void check_lengths(void)
{
    enum { THIRD = 1024 };
    const ptrdiff_t width = dtype->width, shifts[] = {0, 1, width, 24};
    for (ptrdiff_t n = 0; n * width <= THIRD - 128; n += n < 40 ? 1 : random_in(1, 64)) {
        fill(3 * THIRD);
        for (enum op op = RELU; op < N_OPS; op++) {
            for (enum place place = APART; place < N_PLACES; place++) {
                for (int s = 0; s < 4 && is_possible(op, place); s++) {
                    const ptrdiff_t out = 64 + shifts[random_in(0, 3)], dy = THIRD + shifts[s];
                    const ptrdiff_t x = 2 * THIRD + shifts[random_in(0, 3)];
                    struct rows c = {{out, dy, x}, {0}, n, 1, 0};
                    take_place(&c, place);
                    check_kernel(op, &c, 3 * THIRD);
                }
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
    for (int call = 0; call < CALLS; call++) {
        const enum op op = (enum op)(call % N_OPS);
        struct rows c = {.n = random_in(0, 20), .rows = random_in(1, 9)};
        for (int k = 0; k < N_OPERANDS; k++) {
            c.at[k] = k * THIRD + THIRD / 2 + random_in(0, 64);
            c.step[k] = random_in(0, 1) ? c.n * width : random_in(-200, 200);
        }
        take_place(&c, (enum place)random_in(APART, has_dy(op) ? ON_DY : ON_X));
        if (random_in(0, 7) == 0) { /* as accumulate wants it: each element made of the one before */
            c.n = 1;
            c.is_apart = 0;
            c.at[OUT] = c.at[DY] + width;
            c.step[OUT] = c.step[DY] = width;
        }
        check_kernel(op, &c, 3 * THIRD);
    }
}

/* Elements a step apart: the steps that have shuffles of their own, none, and others; in place as well. */
static void check_strided(void)
{
    enum { THIRD = 8192, CALLS = 600 };
    const ptrdiff_t width = dtype->width,
                    steps[] = {width, -width, 2 * width, -2 * width, 3 * width, 37, -50, 0};
    fill(3 * THIRD);
    for (int call = 0; call < CALLS; call++) {
        const enum op op = (enum op)(call % N_OPS);
        const enum place place = (enum place)random_in(APART, has_dy(op) ? ON_DY : ON_X);
        struct rows c = {.n = 1, .rows = random_in(0, 60)};
        for (int k = 0; k < N_OPERANDS; k++) {
            c.at[k] = k * THIRD + THIRD / 2 + random_in(0, 64);
            c.step[k] = steps[random_in(0, k == OUT || place != APART ? 6 : 7)];
        }
        take_place(&c, place);
        check_call(op, STRIDED, &c, 3 * THIRD);
    }
}

static void compare_moved(const char *what, int width, ptrdiff_t bytes, ptrdiff_t rows, ptrdiff_t cols)
{
    n_elements += (unsigned long long)(rows * cols);
    for (ptrdiff_t i = 0; i < bytes; i++) {
        if (got[i] != want[i]) {
            fail("%s of %td x %td elements of %d bytes: byte %td is %#x, not %#x", what, rows, cols, width, i,
                 (unsigned char)got[i], (unsigned char)want[i]);
        }
    }
}

/* One element, repeated. */
static void check_fill(int width)
{
    for (ptrdiff_t n = 1; n <= 300; n++) {
        const ptrdiff_t to = 64 + random_in(0, 16), from = random_in(0, 16);
        start(4096);
        target->kernels->fill[width_index(width)](got + to, got + from, n * width);
        for (ptrdiff_t i = 0; i < n; i++) {
            memcpy(want + to + i * width, want + from, (size_t)width);
        }
        compare_moved("fill", width, 4096, 1, n);
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
            target->transpositions->of[width_index(width)](got + 16, to_step, got + from, from_step, rows,
                                                           cols);
            for (ptrdiff_t r = 0; r < rows; r++) {
                for (ptrdiff_t c = 0; c < cols; c++) {
                    memcpy(want + 16 + r * to_step + c * width, want + from + c * from_step + r * width,
                           (size_t)width);
                }
            }
            compare_moved("transpose", width, 2 * HALF, rows, cols);
        }
    }
}

/* Operands of up to four axes, each in an order of axes of its own, padded, reversed, and inputs repeated; one
 * behind the other from the start of the array. Returns its length. */
static ptrdiff_t lay_out(struct view *view, ptrdiff_t at[N_OPERANDS])
{
    static const ptrdiff_t longest[] = {0, 5000, 70, 17, 8};
    const ptrdiff_t width = dtype->width;
    ptrdiff_t end = 64;
    view->nd = (int)random_in(0, 4);
    for (int d = 0; d < view->nd; d++) {
        view->shape[d] = random_in(0, 15) ? random_in(1, longest[view->nd]) : 0;
    }
    for (int k = 0; k < N_OPERANDS; k++) {
        ptrdiff_t step = width * (random_in(0, 3) ? 1 : random_in(1, 3));
        const int first = (int)random_in(0, 3), by = random_in(0, 1) ? 1 : 3;
        at[k] = end;
        for (int i = 0; i < 4; i++) {
            const int d = (first + i * by) % 4;
            if (d >= view->nd || view->shape[d] == 0 || (k != OUT && random_in(0, 7) == 0)) {
                continue; /* a step of 0 */
            }
            view->step[d][k] = random_in(0, 3) ? step : -step;
            at[k] += view->step[d][k] < 0 ? (view->shape[d] - 1) * step : 0;
            step = step * view->shape[d] + (random_in(0, 3) ? 0 : width);
        }
        end += step + random_in(0, 2) * width;
    }
    return end + 64;
}

static void next(ptrdiff_t index[4], const struct view *view)
{
    for (int d = view->nd - 1; d >= 0 && ++index[d] == view->shape[d]; d--) {
        index[d] = 0;
    }
}

static void check_walk(void)
{
    enum { CALLS = 200 };
    fill(SIZE / 2);
    for (int call = 0; call < CALLS; call++) {
        const enum op op = (enum op)(call % N_OPS);
        struct view view = {0};
        ptrdiff_t at[N_OPERANDS], index[4] = {0}, elements = 1;
        const ptrdiff_t bytes = lay_out(&view, at);
        const int in_place = random_in(0, 3) == 0;
        if (bytes > SIZE / 2) {
            fail("SIZE is too small for an array of %td bytes", bytes);
        }
        for (int k = 0; k < N_OPERANDS; k++) {
            at[k] = k == X && in_place ? at[OUT] : at[k];
            view.data[k] = got + at[k];
        }
        for (int d = 0; d < view.nd; d++) {
            view.step[d][X] = in_place ? view.step[d][OUT] : view.step[d][X];
            elements *= view.shape[d];
        }
        start(bytes);
        walk(op, dtype, &view, (int)random_in(0, 1));
        for (ptrdiff_t e = 0; e < elements; e++, next(index, &view)) {
            ptrdiff_t out = at[OUT], dy = at[DY], x = at[X];
            for (int d = 0; d < view.nd; d++) {
                out += index[d] * view.step[d][OUT];
                dy += index[d] * view.step[d][DY];
                x += index[d] * view.step[d][X];
            }
            put(want + out, dtype->width,
                answer(op, get(want + dy, dtype->width), get(want + x, dtype->width)));
            show_element(op, out, dy, x);
        }
        n_elements += (unsigned long long)elements;
        if (memcmp(got, want, (size_t)bytes) != 0) {
            fail("walk with %s of %s writes beside its output", op_names[op], dtype->name);
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
    if (number((uint64_t)row->one & (sign_bit() | (sign_bit() - 1))) != 1) {
        fail("the bits of one of %s are not those of 1", row->name);
    }
}

static void check_target(void)
{
    random_state = 20260101;
    n_calls = n_elements = 0;
    target_choose(target->name); /* for walk() */
    for (int i = 0; i < N_DTYPES; i++) {
        take_dtype(&dtypes[i]);
        check_patterns();
        check_lengths();
        check_rows();
        check_strided();
        check_walk();
    }
    for (int width = 1; width <= 8; width *= 2) {
        check_fill(width);
        check_transpose(width);
    }
    printf("%s: %d operations, %d dtypes: %llu calls, %llu elements as they have to be\n", target->name, N_OPS,
           N_DTYPES, n_calls, n_elements);
}

int main(void)
{
    const uint16_t two_bytes = 1;
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ); /* nothing is lost if a target crashes */
    dispatch_init();
    printf("%s-endian, %zu-bit; %s is chosen\n", *(const char *)&two_bytes ? "little" : "big",
           8 * sizeof(void *), active_target->name);
    for (int i = 0; i < target_count(); i++) {
        target = target_at(i);
        if (target_is_usable(target)) {
            check_target();
        }
    }
    return 0;
}
