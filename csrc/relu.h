/* Types and interfaces of the C below NumPy. Calls go downwards only:
 *
 *   module.c registers the ufuncs, fastcall.c and loops.c receive their operands,
 *   walk.c    run() divides operands of any layout into rows, by the axes that layout.c orders and joins,
 *   vec_*.c   a SIMD target's kernels on such rows: kernels.h, strided.h, transpose.h.
 *
 * Every operation is a selection by the bits of x (see `struct dtype`), so no kernel holds a floating-point
 * instruction, and none can round, warn or change a NaN. */
#ifndef RELU_H
#define RELU_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) || defined(_M_X64)
#define ARCH_X86 1
#elif defined(__aarch64__) || defined(_M_ARM64)
#define ARCH_ARM 1
#endif

/* Atomics are for what threads read while another may write it. MSVC accesses an aligned word as a whole. */
#if defined(_MSC_VER) && !defined(__clang__)
#define INLINE static __forceinline
#define LOAD_ATOMIC(p) (*(p))
#define STORE_ATOMIC(p, v) (*(p) = (v))
#else
#define INLINE static inline __attribute__((always_inline))
#define LOAD_ATOMIC(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define STORE_ATOMIC(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)
#endif

/* What the user calls. */
enum op { RELU, GRAD, BACKWARD, GRAD_STRICT, BACKWARD_STRICT, N_OPS };
#define EACH_OP(macro) macro(RELU) macro(GRAD) macro(BACKWARD) macro(GRAD_STRICT) macro(BACKWARD_STRICT)

/* What a kernel keeps where x is not dropped: x itself, one element of dy per row, or dy element by element. The
 * strict forms drop zeros too. The gradients are backward with a dy of 1, repeated. */
enum form { KEEP_X, SPLAT, EACH, SPLAT_STRICT, EACH_STRICT, N_FORMS };

INLINE int has_dy(enum op op) { return op == BACKWARD || op == BACKWARD_STRICT; }

/* keep(s, v): v where s - bias >= limit, signed and wrapping, else 0; s are the bits of x. */
struct rule {
    int64_t bias, limit;
};

/* One row of dtypes.def. `relu` keeps what is not <= 0 (the strict forms drop the zeros too), `grad` keeps what is
 * not < 0; `one` is the bits of 1. */
struct dtype {
    int type_num;
    int width; /* bytes */
    const char *name;
    struct rule relu, grad;
    int64_t one;
};

/* The order of operands everywhere. (Windows' headers define OUT.) */
enum { OUTPUT, DY, X, N_OPERANDS };

/* n of something, a step of each operand apart, in bytes. */
struct axis {
    ptrdiff_t n, step[N_OPERANDS];
};

static const struct axis ALONE = {1, {0}};

enum { MAX_DIMS = 64 };

/* Operands of any layout. Axes are in any order. */
struct view {
    int nd;
    struct axis axis[MAX_DIMS];
    char *data[N_OPERANDS];
};

enum { N_WIDTHS = 4 }; /* 1, 2, 4 and 8 bytes */

INLINE int width_index(int width) { return width / 2 - width / 8; }

/* The bits of an element as a signed integer; `bits` is its width. */
INLINE int64_t load_element(int bits, const char *p)
{
    int8_t b;
    int16_t h;
    int32_t w;
    int64_t d;
    switch (bits) {
        case 8: memcpy(&b, p, 1); return b;
        case 16: memcpy(&h, p, 2); return h;
        case 32: memcpy(&w, p, 4); return w;
        default: memcpy(&d, p, 8); return d;
    }
}

INLINE void store_element(int bits, char *p, uint64_t v)
{
    const uint8_t b = (uint8_t)v;
    const uint16_t h = (uint16_t)v;
    const uint32_t w = (uint32_t)v;
    switch (bits) {
        case 8: memcpy(p, &b, 1); return;
        case 16: memcpy(p, &h, 2); return;
        case 32: memcpy(p, &w, 4); return;
        default: memcpy(p, &v, 8); return;
    }
}

/* Planes of rows of contiguous bytes, each of which is read before it is written: `out` may be an input itself. */
typedef void row_kernel(char *out, const char *dy, const char *x, ptrdiff_t bytes, const struct axis *rows,
                        const struct axis *planes, const struct dtype *dtype);

/* n elements that are a step apart, one after the other. */
typedef void strided_kernel(char *out, const char *dy, const char *x, ptrdiff_t n, const ptrdiff_t step[N_OPERANDS],
                            const struct dtype *dtype);

/* to[r][c] = from[c][r]; rows of `from` and of `to` are contiguous, their starts a step apart. */
typedef void transposition(char *to, ptrdiff_t to_step, const char *from, ptrdiff_t from_step, ptrdiff_t rows,
                           ptrdiff_t cols);

/* CPU features; each counts only when the operating system saves the registers that it needs. */
enum cpu { CPU_SSE42 = 1, CPU_AVX2 = 2, CPU_AVX512 = 4 };

/* A SIMD target. `streamed` does as `rows` with non-temporal stores: out is aligned to the element and apart from
 * the inputs, rows have at least STREAMED_ROW bytes, and fence() follows the last one. */
struct target {
    const char *name;
    unsigned needs; /* enum cpu */
    const struct target *narrower;
    ptrdiff_t shortest_row; /* rows of fewer bytes are the narrower target's */
    ptrdiff_t vector_bytes;
    row_kernel *rows[N_FORMS][N_WIDTHS];
    row_kernel *streamed[N_FORMS][N_WIDTHS];    /* all NULL where stores cannot bypass the cache */
    strided_kernel *strided[N_FORMS][N_WIDTHS]; /* NULL: the narrower target's, or rows of one element */
    transposition *transpose[N_WIDTHS];
    void (*fence)(void);
};

enum { STREAMED_ROW = 512 };

/* dispatch.c */
extern const struct target *active_target;
extern ptrdiff_t stream_threshold;           /* bytes of output from which streaming pays */
void dispatch_init(void);                    /* asks the CPU, and makes the widest target the active one */
extern const struct target *const targets[]; /* slowest first, and NULL */
int target_is_usable(const struct target *target);
int target_choose(const char *name); /* -1 where there is no such usable target */

/* layout.c. order_axes puts the axes of `view` in the output's order, outermost first, drops those of length 1, and
 * turns those along which the output runs backwards, to which it moves `data`. Returns how many there are, or -1 where
 * there is no element. join_axes joins neighbours where the outer continues the inner, for all operands. */
int order_axes(struct view *view);
int join_axes(struct axis *axes, int count);
int continues(const struct axis *outer, const struct axis *inner);

int may_touch(const struct view *view, int k, ptrdiff_t width); /* whether input k and the output are not apart */
int may_overlap_itself(struct view *view, ptrdiff_t width);     /* the output; puts the axes in order */

/* Whether to write the output in any order could change what is yet to be read of input k. A line may be its output. */
INLINE int overlaps(const struct view *view, int k, ptrdiff_t width)
{
    const struct axis *line = &view->axis[0];
    const ptrdiff_t step = line->step[OUTPUT] < 0 ? -line->step[OUTPUT] : line->step[OUTPUT];
    if (view->nd == 1 && line->step[k] == line->step[OUTPUT] && step >= width) {
        const ptrdiff_t span = (line->n - 1) * step + width;
        const ptrdiff_t shift = (ptrdiff_t)((uintptr_t)view->data[k] - (uintptr_t)view->data[OUTPUT]);
        return shift != 0 && shift < span && -shift < span; /* unshifted, each element replaces itself */
    }
    return may_touch(view, k, width);
}

/* walk.c. `view` has no dy where the operation has none, and is used up. */
void run(const struct target *target, enum op op, const struct dtype *dtype, struct view *view, int may_stream);
/* The same for one axis, element by element in order: where the output overlaps an input, as in accumulate. */
void run_in_order(const struct target *target, enum op op, const struct dtype *dtype, struct view *view);

#endif
