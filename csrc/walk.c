/* One operation over operands of any layout: the only way to the kernels.
 *
 * A line of contiguous elements is one kernel call. Any other layout becomes a plan: the output's two innermost
 * axes, `inner` and `second`, span a plane, whose rows a kernel does; the outer axes are walked plane by plane. An
 * input that is contiguous along `second` instead of `inner` lies across: its planes are transposed tile by tile
 * into a block in the L1 cache. CONTRIBUTING.md follows one such call. */
#include "relu.h"
#include <stdlib.h>

enum { BLOCK_BYTES = 8192, LINE_BYTES = 64 };

struct plan;
typedef void do_rows(const struct plan *plan, char *const data[N_OPERANDS], const struct axis *inner,
                     const struct axis *second);

struct plan {
    const struct target *target;
    const struct dtype *dtype;
    do_rows *rows; /* contiguous_rows or strided_rows */
    enum form form;
    int is_streamed;
    int lies_across[N_OPERANDS];
    struct axis inner, second, planes, *outer;
    int n_outer;
    char *memory; /* NULL without tiles; else a block for each input, where its tiles are transposed to */
};

static ptrdiff_t smaller(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

/* Calls the kernel for rows of so many bytes. */
INLINE void run_rows(const struct target *target, int is_streamed, enum form form, const struct dtype *dtype,
                     char *const *data, ptrdiff_t bytes, const struct axis *rows, const struct axis *planes)
{
    const int w = width_index(dtype->width);
    while (bytes < target->shortest_row) {
        target = target->narrower;
    }
    row_kernel *const kernel = is_streamed ? target->streamed[form][w] : target->rows[form][w];
    kernel(data[OUTPUT], data[DY], data[X], bytes, rows, planes, dtype);
}

static enum form form_of(enum op op, int repeats_dy)
{
    static const enum form forms[N_OPS][2] = {
        [RELU] = {KEEP_X, KEEP_X},
        [GRAD] = {EACH, SPLAT},
        [BACKWARD] = {EACH, SPLAT},
        [GRAD_STRICT] = {EACH_STRICT, SPLAT_STRICT},
        [BACKWARD_STRICT] = {EACH_STRICT, SPLAT_STRICT},
    };
    return forms[op][repeats_dy];
}

/* Gives operations without a dy one: the gradients the element 1, repeated, and relu its output, which is not read. */
static void complete(struct view *view, enum op op, const struct dtype *dtype)
{
    const int16_t one = 1;
    const int is_big_endian = *(const char *)&one == 0;
    if (has_dy(op)) {
        return;
    }
    view->data[DY] = op == RELU ? view->data[OUTPUT] : (char *)&dtype->one + (is_big_endian ? 8 - dtype->width : 0);
    for (int d = 0; d < view->nd; d++) {
        view->axis[d].step[DY] = op == RELU ? view->axis[d].step[OUTPUT] : 0;
    }
}

static int is_contiguous(const struct axis *axis, ptrdiff_t width)
{
    return axis->step[OUTPUT] == width && axis->step[X] == width && (axis->step[DY] == width || axis->step[DY] == 0);
}

static void contiguous_rows(const struct plan *plan, char *const data[N_OPERANDS], const struct axis *inner,
                            const struct axis *second)
{
    const int is_one_row = continues(second, inner);
    const ptrdiff_t bytes = inner->n * plan->dtype->width * (is_one_row ? second->n : 1);
    run_rows(plan->target, plan->is_streamed && bytes >= STREAMED_ROW, plan->form, plan->dtype, data, bytes,
             is_one_row ? &ALONE : second, &plan->planes);
}

static void strided_rows(const struct plan *plan, char *const data[N_OPERANDS], const struct axis *inner,
                         const struct axis *second)
{
    const struct target *target = plan->target;
    const int w = width_index(plan->dtype->width);
    char *p[N_OPERANDS] = {data[OUTPUT], data[DY], data[X]};
    while (target->strided[plan->form][w] == NULL && target->narrower) {
        target = target->narrower;
    }
    strided_kernel *const kernel = target->strided[plan->form][w];
    if (kernel == NULL) { /* elements are rows, and rows planes */
        run_rows(target, 0, plan->form, plan->dtype, data, plan->dtype->width, inner, second);
        return;
    }
    for (ptrdiff_t r = 0; r < second->n; r++) {
        kernel(p[OUTPUT], p[DY], p[X], inner->n, inner->step, plan->dtype);
        for (int k = 0; k < N_OPERANDS; k++) {
            p[k] += second->step[k];
        }
    }
}

static int lies_across(const struct axis *inner, const struct axis *second, int k, ptrdiff_t width)
{
    const int is_splat_dy = k == DY && inner->step[k] == 0;
    return inner->step[k] != width && second->step[k] == width && !is_splat_dy;
}

/* The axis that spans the planes with the innermost one: along which an input lies across, else the next. */
static int second_axis(const struct axis *axes, int count, ptrdiff_t width)
{
    for (int a = count - 2; a >= 0; a--) {
        if (lies_across(&axes[count - 1], &axes[a], DY, width) || lies_across(&axes[count - 1], &axes[a], X, width)) {
            return a;
        }
    }
    return count - 2;
}

/* Divides `axes` into inner, second and outer ones; the outer ones stay where they are. */
static void take_axes(struct plan *plan, struct axis *axes, int count)
{
    const ptrdiff_t width = plan->dtype->width;
    const int second = count > 1 ? second_axis(axes, count, width) : -1;
    const struct axis alone = {1, {width, width, width}};
    plan->inner = count > 0 ? axes[count - 1] : alone;
    plan->second = second >= 0 ? axes[second] : ALONE;
    plan->planes = ALONE;
    plan->outer = axes;
    plan->n_outer = 0;
    for (int a = 0; a < count - 1; a++) {
        if (a != second) {
            plan->outer[plan->n_outer++] = axes[a];
        }
    }
}

static void make_plan(struct plan *plan, enum op op, struct axis *axes, int count, int may_stream)
{
    const ptrdiff_t width = plan->dtype->width;
    take_axes(plan, axes, count);
    struct axis in_tile = plan->inner;
    plan->lies_across[OUTPUT] = 0;
    for (int k = DY; k < N_OPERANDS; k++) {
        plan->lies_across[k] = lies_across(&plan->inner, &plan->second, k, width);
        if (plan->lies_across[k]) {
            in_tile.step[k] = width;
        }
    }
    const int has_tiles = plan->lies_across[DY] || plan->lies_across[X];
    plan->rows = is_contiguous(&in_tile, width) ? contiguous_rows : strided_rows;
    plan->memory = has_tiles ? malloc((N_OPERANDS - 1) * BLOCK_BYTES + LINE_BYTES) : NULL;
    if (has_tiles && plan->memory == NULL) {              /* without memory: slower, but right */
        plan->lies_across[DY] = plan->lies_across[X] = 0; /* not reached: the operands left memory for two blocks */
        plan->rows = strided_rows;                        /* not reached: the operands left memory for two blocks */
    }
    plan->form = form_of(op, plan->inner.step[DY] == 0);
    /* Short rows share too many cache lines with their neighbours, and so do tiles whose rows are no lines apart. */
    plan->is_streamed = may_stream && plan->target->fence && plan->rows == contiguous_rows &&
                        plan->inner.n * width >= BLOCK_BYTES / 2 &&
                        !(has_tiles && plan->second.step[OUTPUT] % LINE_BYTES);
    if (plan->rows == contiguous_rows && plan->memory == NULL && plan->n_outer > 0) {
        plan->planes = plan->outer[--plan->n_outer];
    }
}

/* The axes come by value: those of transposed inputs are the block's. */
static void do_tile(const struct plan *plan, char *p[N_OPERANDS], struct axis inner, struct axis second)
{
    const ptrdiff_t bytes = inner.n * plan->dtype->width;
    const struct target *target = plan->target;
    while (bytes < target->vector_bytes && target->narrower) {
        target = target->narrower;
    }
    for (int k = DY; k < N_OPERANDS; k++) {
        if (plan->lies_across[k]) {
            char *block = plan->memory + LINE_BYTES - (uintptr_t)plan->memory % LINE_BYTES + (k - DY) * BLOCK_BYTES;
            target->transpose[width_index(plan->dtype->width)](block, bytes, p[k], inner.step[k], second.n, inner.n);
            p[k] = block;
            inner.step[k] = plan->dtype->width;
            second.step[k] = bytes;
        }
    }
    plan->rows(plan, p, &inner, &second);
}

/* A plane, tile by tile. A tile is one cache line of the input across by 128 elements along the output: squares take
 * half as long again, since rows of the output are often a multiple of 4 KB apart and share the cache's sets. */
static void tiled_rows(const struct plan *plan, char *const data[N_OPERANDS])
{
    const ptrdiff_t width = plan->dtype->width, block = BLOCK_BYTES / width;
    const ptrdiff_t second_n = smaller(plan->second.n, block / smaller(plan->inner.n, BLOCK_BYTES / LINE_BYTES));
    const ptrdiff_t inner_n = smaller(plan->inner.n, block / second_n);
    struct axis inner = plan->inner, second = plan->second;
    for (ptrdiff_t at_second = 0; at_second < plan->second.n; at_second += second.n) {
        second.n = smaller(second_n, plan->second.n - at_second);
        for (ptrdiff_t at_inner = 0; at_inner < plan->inner.n; at_inner += inner.n) {
            char *p[N_OPERANDS];
            for (int k = 0; k < N_OPERANDS; k++) {
                p[k] = data[k] + at_second * plan->second.step[k] + at_inner * plan->inner.step[k];
            }
            const ptrdiff_t misaligned = (ptrdiff_t)((uintptr_t)p[OUTPUT] % LINE_BYTES);
            inner.n = smaller(inner_n, plan->inner.n - at_inner);
            if (plan->is_streamed && misaligned && inner.n > LINE_BYTES) { /* whole lines from the next tile on */
                inner.n = (LINE_BYTES - misaligned) / width;
            }
            do_tile(plan, p, inner, second);
        }
    }
}

/* Moves data to the next plane; 0 after the last. `at` counts along the outer axes. */
static int next_plane(const struct plan *plan, ptrdiff_t *at, char *data[N_OPERANDS])
{
    for (int a = plan->n_outer - 1; a >= 0; a--) {
        const struct axis *axis = &plan->outer[a];
        const int is_last = ++at[a] == axis->n;
        for (int k = 0; k < N_OPERANDS; k++) {
            data[k] += (is_last ? 1 - axis->n : 1) * axis->step[k];
        }
        if (!is_last) {
            return 1;
        }
        at[a] = 0;
    }
    return 0;
}

static void run_plane_by_plane(const struct target *target, enum op op, const struct dtype *dtype, struct view *view,
                               int may_stream)
{
    struct plan plan = {.target = target, .dtype = dtype};
    ptrdiff_t at[MAX_DIMS] = {0};
    const int count = order_axes(view);
    if (count < 0) {
        return;
    }
    make_plan(&plan, op, view->axis, join_axes(view->axis, count), may_stream);
    do {
        if (plan.memory) {
            tiled_rows(&plan, view->data);
        }
        else {
            plan.rows(&plan, view->data, &plan.inner, &plan.second);
        }
    } while (next_plane(&plan, at, view->data));
    free(plan.memory);
    if (plan.is_streamed) {
        target->fence();
    }
}

void run(const struct target *target, enum op op, const struct dtype *dtype, struct view *view, int may_stream)
{
    const struct axis *line = &view->axis[0];
    complete(view, op, dtype);
    if (view->nd != 1 || may_stream || !is_contiguous(line, dtype->width)) {
        run_plane_by_plane(target, op, dtype, view, may_stream);
        return;
    }
    run_rows(target, 0, form_of(op, line->step[DY] == 0), dtype, view->data, line->n * dtype->width, &ALONE, &ALONE);
}

void run_in_order(const struct target *target, enum op op, const struct dtype *dtype, struct view *view)
{
    complete(view, op, dtype);
    run_rows(target, 0, form_of(op, !has_dy(op)), dtype, view->data, dtype->width, &view->axis[0], &ALONE);
}
