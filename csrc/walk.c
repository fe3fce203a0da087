/* One pass over operands of any layout.
 *
 * Axes are put into the output's order and joined where they can be. What is left is walked in tiles of the
 * output's innermost axis `i` and one other, `j`, so small that a tile stays in the L1 cache. An operand
 * that is contiguous along i is used where it lies. One that is contiguous along j instead (x an NHWC view, dy
 * in C order) is transposed into a block, one that is contiguous along neither is gathered into it, and an
 * output that is strided, or large enough to go past the cache, is written to a block first. So the kernels
 * know contiguous rows only. */
#include "relu.h"

#define BLOCK_BYTES 4096

struct axis {
    ptrdiff_t n, step[N_OPERANDS];
};

struct plan {
    const struct dtype *dtype;
    kernel *kernel;
    const struct moves *moves;
    struct axis i, j, outer[MAX_DIMS];
    int n_outer;
    ptrdiff_t tile_i, tile_j;
    enum { DIRECT, GATHER, TRANSPOSE, UNUSED } way[N_OPERANDS];
    int stream;
};

static ptrdiff_t smaller(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

static int is_joined(const struct axis *outer, const struct axis *inner)
{
    for (int k = 0; k < N_OPERANDS; k++) {
        if (outer->step[k] != inner->n * inner->step[k]) {
            return 0;
        }
    }
    return 1;
}

/* Fills axes[] in the output's order, outermost first, forward in the output, axes of length 1 left out and
 * neighbours joined; returns how many, or -1 where there is nothing to do. Moves data to the first element. */
static int normalise(const struct view *view, struct axis *axes, char **data)
{
    int count = 0;
    for (int d = 0; d < view->nd; d++) {
        struct axis axis = {view->shape[d], {0}};
        if (axis.n == 0) {
            return -1;
        }
        if (axis.n == 1) {
            continue;
        }
        for (int k = 0; k < N_OPERANDS; k++) {
            axis.step[k] = view->step[d][k];
            if (view->step[d][OUT] < 0) {
                data[k] += (axis.n - 1) * axis.step[k];
                axis.step[k] = -axis.step[k];
            }
        }
        int at = count++;
        for (; at > 0 && axes[at - 1].step[OUT] < axis.step[OUT]; at--) {
            axes[at] = axes[at - 1];
        }
        axes[at] = axis;
    }
    int kept = 0;
    for (int a = 0; a < count; a++) {
        if (kept > 0 && is_joined(&axes[kept - 1], &axes[a])) {
            ptrdiff_t n = axes[kept - 1].n;
            axes[kept - 1] = axes[a];
            axes[kept - 1].n *= n;
        }
        else {
            axes[kept++] = axes[a];
        }
    }
    return kept;
}

/* The axis to tile with i: one along which an operand is contiguous that is not so along i, else the next. */
static int second_axis(const struct axis *axes, int count, ptrdiff_t width)
{
    const struct axis *i = &axes[count - 1];
    for (int a = count - 2; a >= 0; a--) {
        for (int k = DY; k < N_OPERANDS; k++) {
            if (axes[a].step[k] == width && i->step[k] != width) {
                return a;
            }
        }
    }
    return count - 2;
}

static void make_plan(struct plan *plan, enum op op, const struct dtype *dtype, const struct axis *axes,
                      int count, int stream)
{
    const ptrdiff_t width = dtype->width;
    const struct axis alone = {1, {width, width, width}};
    int second = count > 1 ? second_axis(axes, count, width) : -1, blocks = 0, transposed = 0;
    plan->dtype = dtype;
    plan->moves = active_target->moves;
    plan->i = count > 0 ? axes[count - 1] : alone;
    plan->j = second >= 0 ? axes[second] : alone;
    plan->n_outer = 0;
    for (int a = 0; a < count - 1; a++) {
        if (a != second) {
            plan->outer[plan->n_outer++] = axes[a];
        }
    }
    for (int k = 0; k < N_OPERANDS; k++) {
        plan->way[k] = plan->i.step[k] == width                                ? DIRECT
                       : k != OUT && plan->j.n > 1 && plan->j.step[k] == width ? TRANSPOSE
                                                                               : GATHER;
    }
    if (!has_dy(op)) {
        plan->way[DY] = UNUSED;
    }
    const struct kernels *kernels = active_target->kernels;
    plan->stream = stream && plan->way[OUT] == DIRECT && plan->i.n * width >= BLOCK_BYTES;
    plan->kernel = (plan->stream ? kernels->stream : kernels->run)[op][width_index(dtype->width)];
    for (int k = 0; k < N_OPERANDS; k++) {
        blocks |= plan->way[k] != DIRECT && plan->way[k] != UNUSED;
        transposed |= plan->way[k] == TRANSPOSE;
    }
    plan->tile_i = plan->i.n;
    plan->tile_j = plan->j.n;
    if (blocks) {
        /* Transposing, a tile's rows are two cache lines in either direction. */
        ptrdiff_t elements = BLOCK_BYTES / width, side = width == 1 ? 64 : 32;
        plan->tile_i = smaller(plan->i.n, transposed && plan->j.n >= 4 ? side : elements);
        plan->tile_j = smaller(plan->j.n, elements / plan->tile_i);
    }
}

/* Brings the tile of operand k, `from`, into block; its rows are then ni elements apart. */
static void bring(const struct plan *plan, int k, char *block, const char *from, ptrdiff_t ni, ptrdiff_t nj)
{
    const int w = width_index(plan->dtype->width);
    const ptrdiff_t pitch = ni * plan->dtype->width;
    if (plan->way[k] == TRANSPOSE) {
        plan->moves->transpose[w](block, pitch, from, plan->i.step[k], nj, ni);
        return;
    }
    for (ptrdiff_t r = 0; r < nj; r++) {
        plan->moves->gather[w](block + r * pitch, from + r * plan->j.step[k], plan->i.step[k], ni);
    }
}

/* One (i, j) plane. */
static void run_plane(const struct plan *plan, char *const data[N_OPERANDS])
{
#ifdef _MSC_VER
    __declspec(align(64)) char block[N_OPERANDS][BLOCK_BYTES];
#else
    char block[N_OPERANDS][BLOCK_BYTES] __attribute__((aligned(64)));
#endif
    const char *filled[N_OPERANDS] = {0};
    const ptrdiff_t width = plan->dtype->width;
    for (ptrdiff_t j0 = 0, nj; j0 < plan->j.n; j0 += nj) {
        nj = smaller(plan->tile_j, plan->j.n - j0);
        for (ptrdiff_t i0 = 0, ni; i0 < plan->i.n; i0 += ni) {
            char *place[N_OPERANDS], *p[N_OPERANDS];
            ptrdiff_t step[N_OPERANDS], bytes;
            int packed = 1;
            for (int k = 0; k < N_OPERANDS; k++) {
                place[k] = data[k] + j0 * plan->j.step[k] + i0 * plan->i.step[k];
            }
            ni = smaller(plan->tile_i, plan->i.n - i0);
            if (plan->stream && (uintptr_t)place[OUT] % 64) {
                /* Whole cache lines from the second tile on. */
                ni = smaller(ni, (ptrdiff_t)(64 - (uintptr_t)place[OUT] % 64 + (uintptr_t)width - 1) / width);
            }
            bytes = ni * width;
            for (int k = 0; k < N_OPERANDS; k++) {
                int direct = plan->way[k] == DIRECT || plan->way[k] == UNUSED;
                p[k] = direct ? place[k] : block[k];
                step[k] = direct ? plan->j.step[k] : bytes;
                packed &= step[k] == bytes || plan->way[k] == UNUSED;
                if (!direct && k != OUT && filled[k] != place[k]) {
                    bring(plan, k, block[k], place[k], ni, nj);
                    /* A repeated element stays where it is; the first tile is the largest. */
                    filled[k] =
                        plan->i.step[k] == 0 && plan->j.step[k] == 0 && ni == plan->tile_i ? place[k] : 0;
                }
            }
            if (packed) {
                plan->kernel(p[OUT], p[DY], p[X], nj * bytes, 1, step, plan->dtype);
            }
            else {
                plan->kernel(p[OUT], p[DY], p[X], bytes, nj, step, plan->dtype);
            }
            for (ptrdiff_t r = 0; plan->way[OUT] != DIRECT && r < nj; r++) {
                char *to = place[OUT] + r * plan->j.step[OUT];
                plan->moves->scatter[width_index(plan->dtype->width)](to, plan->i.step[OUT], p[OUT] + r * bytes,
                                                                      ni);
            }
        }
    }
}

void walk(enum op op, const struct dtype *dtype, const struct view *view, int stream)
{
    struct axis axes[MAX_DIMS];
    struct plan plan;
    char *data[N_OPERANDS] = {view->data[OUT], view->data[DY], view->data[X]};
    ptrdiff_t at[MAX_DIMS] = {0};
    int count = normalise(view, axes, data), a;
    if (count < 0) {
        return;
    }
    make_plan(&plan, op, dtype, axes, count, stream);
    do {
        run_plane(&plan, data);
        for (a = plan.n_outer - 1; a >= 0; a--) {
            const struct axis *axis = &plan.outer[a];
            ptrdiff_t by = ++at[a] < axis->n ? 1 : 1 - axis->n;
            for (int k = 0; k < N_OPERANDS; k++) {
                data[k] += by * axis->step[k];
            }
            if (by == 1) {
                break;
            }
            at[a] = 0;
        }
    } while (a >= 0);
    if (plan.stream) {
        active_target->kernels->fence();
    }
}
