/* The contract between the rooms: what a dtype is, what a SIMD target offers, who calls whom.
 *
 * Calls go downwards only: module.c registers, fastcall.c and loops.c receive operands and hand them to
 * walk.c, walk.c cuts them into rows, and a target's kernels (kernels.h, strided.h, transpose.h) work on those.
 * Every operation is a select on the bits of x (see `struct dtype`), so no kernel holds a floating-point
 * instruction and none can round, warn or touch a NaN. */
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

#if defined(_MSC_VER) && !defined(__clang__)
#define INLINE static __forceinline
#else
#define INLINE static inline __attribute__((always_inline))
#endif

#if defined(__clang__)
#define UNROLL_4 _Pragma("unroll 4")
#elif defined(__GNUC__)
#define UNROLL_4 _Pragma("GCC unroll 4")
#else
#define UNROLL_4
#endif

#if !defined(_MSC_VER)
#define PREFETCH(p) __builtin_prefetch(p)
#elif defined(ARCH_X86)
#include <intrin.h>
#define PREFETCH(p) _mm_prefetch(p, _MM_HINT_T0)
#else
#define PREFETCH(p) ((void)(p))
#endif

/* Of n bytes. Inline, as is whatever only calls it: GCC takes a function that only prefetches for one without
 * an effect, and drops its call. */
INLINE void prefetch(const char *p, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i += 64) {
        PREFETCH(p + i);
    }
}

enum op { RELU, GRAD, BACKWARD, GRAD_STRICT, BACKWARD_STRICT, N_OPS };

INLINE int has_dy(enum op op) { return op == BACKWARD || op == BACKWARD_STRICT; }

/* keep(s, v): v where s - bias >= limit, signed and wrapping, else 0; s are the bits of x. */
struct rule {
    int64_t bias, limit;
};

/* One row of dtypes.def. `relu` keeps what is not <= 0 (the strict pair drops the zeros too), `grad` keeps
 * what is not < 0; `one` is the bits of 1. */
struct dtype {
    int type_num;
    int width; /* bytes */
    const char *name;
    struct rule relu, grad;
    int64_t one;
};

/* Operands are always in this order. Unary operations leave DY alone. */
enum { OUT, DY, X, N_OPERANDS };

/* n of something, a step of each operand apart, in bytes. */
struct axis {
    ptrdiff_t n, step[N_OPERANDS];
};

static const struct axis ALONE = {1, {0}};

/* A kernel works on planes of rows of n contiguous bytes. The rows are done one after the other, each read
 * before it is written: an output may be an operand itself. Without a dy it is NULL; a gradient that is given
 * one takes the first element of each of its rows for 1, which is backward where dy repeats along the rows. */
typedef void kernel(char *out, const char *dy, const char *x, ptrdiff_t n, const struct axis *rows,
                    const struct axis *planes, const struct dtype *dtype);

enum { N_WIDTHS = 4 }; /* 1, 2, 4 and 8 bytes */

INLINE int width_index(int width) { return width == 1 ? 0 : width == 2 ? 1 : width == 4 ? 2 : 3; }

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

/* `stream` does the same with non-temporal stores, past the cache, where the CPU has them: out is apart from dy
 * and x, its rows start at a multiple of the width, and fence() follows the last. `fill` repeats one element
 * over n > 0 bytes. */
struct kernels {
    kernel *run[N_OPS][N_WIDTHS], *stream[N_OPS][N_WIDTHS];
    void (*fence)(void);
    void (*fill[N_WIDTHS])(char *to, const char *from, ptrdiff_t n);
};

/* The operation on n elements that are a step apart, one after the other. */
typedef void strided_kernel(char *out, const char *dy, const char *x, ptrdiff_t n,
                            const ptrdiff_t step[N_OPERANDS], const struct dtype *dtype);

struct strided_kernels {
    strided_kernel *of[N_OPS][N_WIDTHS];
};

/* to[r][c] = from[c][r]; rows of `from` and of `to` are contiguous, their starts a step apart. */
typedef void transposition(char *to, ptrdiff_t to_step, const char *from, ptrdiff_t from_step, ptrdiff_t rows,
                           ptrdiff_t cols);

struct transpositions {
    transposition *of[N_WIDTHS];
};

struct target {
    const char *name;
    unsigned needs; /* enum cpu */
    const struct kernels *kernels;
    const struct strided_kernels *strided;
    const struct transpositions *transpositions;
};

/* dispatch.c */
extern const struct target *active_target;
extern ptrdiff_t stream_threshold; /* bytes of output from which streaming pays */
void dispatch_init(void);          /* asks the CPU, and makes the widest target the active one */
int target_count(void);
const struct target *target_at(int index);
int target_is_usable(const struct target *target);
int target_choose(const char *name); /* -1 where there is no such usable target */

/* walk.c: one operation over operands of any layout. Axes are in any order, strides in bytes. */
enum { MAX_DIMS = 64 };

struct view {
    int nd;
    ptrdiff_t shape[MAX_DIMS];
    ptrdiff_t step[MAX_DIMS][N_OPERANDS];
    char *data[N_OPERANDS];
};

/* Whether writing the output in any order but element by element could change what is yet to be read of operand
 * k; of more than a line, whether they touch at all. */
int is_order_bound(const struct view *view, int k, ptrdiff_t width);
void walk(enum op op, const struct dtype *dtype, const struct view *view, int stream);

#endif
