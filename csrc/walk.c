/* One pass over operands of any layout.
 *
 * Axes are put into the output's order and joined where they can be. What is left is walked in planes of the
 * output's innermost axis `i` and one other, `j`. Operands that are contiguous along i are the kernels'
 * business, rows at a time. One that is contiguous along j instead (x an NHWC view, dy in C order) is
 * transposed into a block, and one that repeats an element along i is written out in a block, tile by tile, so
 * that block and tile stay in the L1 cache. Where an operand has another stride along i, each row is done by
 * the target's `strided`. Past the cache, rows that are short are packed into a block first. */
#include "relu.h"

enum { BLOCK_BYTES = 8192, LINE_BYTES = 64 };

struct blocks {
#ifdef _MSC_VER
    __declspec(align(64)) char of[N_OPERANDS][BLOCK_BYTES];
#else
    char of[N_OPERANDS][BLOCK_BYTES] __attribute__((aligned(64)));
#endif
};

struct plan {
    const struct dtype *dtype;
    const struct target *target;
    enum op op;
    kernel *run;
    int width_index, is_strided, is_direct, stream, is_packed, asks_ahead;
    struct axis i, j, planes, outer[MAX_DIMS];
    int n_outer;
    ptrdiff_t tile_i, tile_j;
    enum { DIRECT, STRIDED, TRANSPOSED, REPEATED, AS_ONE, PACKED, UNUSED } way[N_OPERANDS];
};

static ptrdiff_t smaller(ptrdiff_t a, ptrdiff_t b) { return a < b ? a : b; }

struct extent {
    uintptr_t low, high;
};

static struct extent extent_of(const struct view *view, int k, ptrdiff_t width)
{
    struct extent extent = {(uintptr_t)view->data[k], (uintptr_t)view->data[k] + (uintptr_t)width};
    for (int d = 0; d < view->nd; d++) {
        ptrdiff_t reach = (view->shape[d] - 1) * view->step[d][k];
        if (reach < 0) {
            extent.low += (uintptr_t)reach;
        }
        else {
            extent.high += (uintptr_t)reach;
        }
    }
    return extent;
}

int is_order_bound(const struct view *view, int k, ptrdiff_t width)
{
    const ptrdiff_t step = view->step[0][OUT];
    if (view->nd == 1 && view->data[k] == view->data[OUT] && view->step[0][k] == step &&
        (step >= width || -step >= width)) {
        return 0; /* each element onto itself */
    }
    struct extent out = extent_of(view, OUT, width), in = extent_of(view, k, width);
    return out.low < in.high && in.low < out.high;
}

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

/* The axis to walk with i: one along which an operand is contiguous that is not so along i, else the next. */
static int second_axis(const struct axis *axes, int count, ptrdiff_t width)
{
    const struct axis *i = &axes[count - 1];
    for (int a = count - 2; a >= 0; a--) {
        for (int k = DY; k < N_OPERANDS; k++) {
            if (axes[a].step[k] == width && i->step[k] != width && i->step[k] != 0) {
                return a;
            }
        }
    }
    return count - 2;
}

/* Whether operand k has no gaps, in the output's order. */
static int is_flat(const struct axis *axes, int count, int k, ptrdiff_t width)
{
    for (int a = count - 1; a >= 0; width *= axes[a--].n) {
        if (axes[a].step[k] != width) {
            return 0;
        }
    }
    return 1;
}

static void make_plan(struct plan *plan, enum op op, const struct dtype *dtype, const struct axis *axes,
                      int count, int stream)
{
    const ptrdiff_t width = dtype->width, block = BLOCK_BYTES / width;
    ptrdiff_t bytes = width;
    const struct axis alone = {1, {width, width, width}};
    int second = count > 1 ? second_axis(axes, count, width) : -1, is_transposed = 0, in_block = 0;
    plan->op = op;
    plan->dtype = dtype;
    plan->width_index = width_index(dtype->width);
    plan->target = active_target;
    plan->i = count > 0 ? axes[count - 1] : alone;
    plan->j = second >= 0 ? axes[second] : alone;
    plan->n_outer = 0;
    for (int a = 0; a < count - 1; a++) {
        if (a != second) {
            plan->outer[plan->n_outer++] = axes[a];
        }
    }
    plan->is_strided = 0;
    for (int k = 0; k < N_OPERANDS; k++) {
        plan->way[k] = k == DY && !has_dy(op)                                ? UNUSED
                       : plan->i.step[k] == width                            ? DIRECT
                       : k != OUT && plan->i.step[k] == 0                    ? REPEATED
                       : k != OUT && second >= 0 && plan->j.step[k] == width ? TRANSPOSED
                                                                             : STRIDED;
        plan->is_strided |= plan->way[k] == STRIDED;
        is_transposed |= plan->way[k] == TRANSPOSED;
    }
    if (plan->way[DY] == REPEATED && !plan->is_strided) { /* one dy a row: what grad takes for 1 */
        plan->way[DY] = AS_ONE;
        plan->op = op == BACKWARD ? GRAD : GRAD_STRICT;
    }
    plan->is_direct = 1;
    for (int k = 0; k < N_OPERANDS; k++) {
        in_block |= plan->way[k] == TRANSPOSED || plan->way[k] == REPEATED;
        plan->is_direct &= plan->way[k] == DIRECT || plan->way[k] == AS_ONE || plan->way[k] == UNUSED;
    }
    /* Rows of less than half a block begin and end with parts of cache lines too often. */
    plan->stream = stream && !plan->is_strided && plan->i.n * width >= BLOCK_BYTES / 2 &&
                   !(is_transposed && plan->j.step[OUT] % LINE_BYTES);
    plan->is_packed = stream && plan->is_direct && !plan->stream && second == count - 2 &&
                      plan->way[DY] != AS_ONE && is_flat(axes, count, OUT, width);
    plan->is_direct &= !plan->stream && !plan->is_packed;
    for (int k = DY; plan->is_packed && k < N_OPERANDS; k++) {
        if (plan->way[k] == DIRECT && !is_flat(axes, count, k, width)) {
            plan->way[k] = PACKED;
        }
    }
    plan->stream |= plan->is_packed;
    for (int a = 0; a < count; a++) {
        bytes *= axes[a].n;
    }
    plan->asks_ahead = is_transposed && bytes >= stream_threshold;
    plan->planes = plan->is_direct && plan->n_outer > 0 ? plan->outer[--plan->n_outer] : ALONE;
    plan->run = (plan->stream ? plan->target->kernels->stream
                              : plan->target->kernels->run)[plan->op][plan->width_index];
    plan->tile_i = plan->i.n;
    plan->tile_j = plan->j.n;
    if (in_block) {
        /* Transposing, one line of the operand by many rows: longer rows of the output were worth more than a
         * square (on Zen 5 a third less time), as its rows are often a multiple of 4 KB apart and so share the
         * cache's sets. */
        plan->tile_i = smaller(plan->i.n, is_transposed ? BLOCK_BYTES / LINE_BYTES : block);
        plan->tile_j = smaller(plan->j.n, block / plan->tile_i);
        plan->tile_i = smaller(plan->i.n, block / plan->tile_j);
    }
}

/* Brings the tile of operand k, `from`, into `block`, its rows one behind the other. */
static void bring(const struct plan *plan, int k, char *block, const char *from, ptrdiff_t ni, ptrdiff_t nj)
{
    const ptrdiff_t bytes = ni * plan->dtype->width;
    if (plan->way[k] == TRANSPOSED) {
        plan->target->transpositions->of[plan->width_index](block, bytes, from, plan->i.step[k], nj, ni);
        return;
    }
    for (ptrdiff_t r = 0; r < nj; r++) {
        plan->target->kernels->fill[plan->width_index](block + r * bytes, from + r * plan->j.step[k], bytes);
    }
}

/* Asks for what follows the tile at p along i. */
INLINE void ask_ahead(const struct plan *plan, char *const p[N_OPERANDS], ptrdiff_t ni, ptrdiff_t nj)
{
    for (int k = DY; k < N_OPERANDS; k++) {
        const int is_transposed = plan->way[k] == TRANSPOSED;
        const ptrdiff_t step = (is_transposed ? plan->i : plan->j).step[k];
        const ptrdiff_t rows = is_transposed ? ni : nj, bytes = (is_transposed ? nj : ni) * plan->dtype->width;
        if (is_transposed || plan->way[k] == DIRECT) {
            for (ptrdiff_t r = 0; r < rows; r++) {
                prefetch(p[k] + ni * plan->i.step[k] + r * step, bytes);
            }
        }
    }
}

static void run(const struct plan *plan, char *const p[N_OPERANDS], ptrdiff_t n, const struct axis *rows,
                const struct axis *planes)
{
    plan->run(p[OUT], plan->way[DY] == UNUSED ? NULL : p[DY], p[X], n, rows, planes, plan->dtype);
}

/* The operation on a tile; p and the axes are those of the operands or of their blocks. */
static void run_tile(const struct plan *plan, char *p[N_OPERANDS], const struct axis *i, const struct axis *j)
{
    const ptrdiff_t bytes = i->n * plan->dtype->width;
    if (plan->is_strided) {
        for (ptrdiff_t r = 0; r < j->n; r++) {
            plan->target->strided->of[plan->op][plan->width_index](p[OUT], p[DY], p[X], i->n, i->step,
                                                                   plan->dtype);
            for (int k = 0; k < N_OPERANDS; k++) {
                p[k] += j->step[k];
            }
        }
    }
    else if (j->step[OUT] == bytes && j->step[X] == bytes &&
             (plan->way[DY] == UNUSED || (j->step[DY] == bytes && plan->way[DY] != AS_ONE))) {
        run(plan, p, j->n * bytes, &ALONE, &ALONE);
    }
    else {
        run(plan, p, bytes, j, &ALONE);
    }
}

/* One (i, j) plane, tile by tile. */
static void run_plane(const struct plan *plan, char *const data[N_OPERANDS])
{
    struct blocks block;
    const ptrdiff_t width = plan->dtype->width;
    struct axis i = plan->i, j = plan->j;
    for (ptrdiff_t j0 = 0; j0 < plan->j.n; j0 += j.n) {
        j.n = smaller(plan->tile_j, plan->j.n - j0);
        for (ptrdiff_t i0 = 0; i0 < plan->i.n; i0 += i.n) {
            char *p[N_OPERANDS];
            for (int k = 0; k < N_OPERANDS; k++) {
                p[k] = data[k] + j0 * plan->j.step[k] + i0 * plan->i.step[k];
            }
            i.n = smaller(plan->tile_i, plan->i.n - i0);
            if (plan->stream && i.n > 64 &&
                (uintptr_t)p[OUT] % 64) { /* whole cache lines from the second tile on */
                i.n = smaller(i.n, (ptrdiff_t)(64 - (uintptr_t)p[OUT] % 64) / width);
            }
            if (plan->asks_ahead) {
                ask_ahead(plan, p, i.n, j.n);
            }
            for (int k = 0; k < N_OPERANDS; k++) {
                if (plan->way[k] == TRANSPOSED || plan->way[k] == REPEATED) {
                    bring(plan, k, block.of[k], p[k], i.n, j.n);
                    p[k] = block.of[k];
                    i.step[k] = width;
                    j.step[k] = i.n * width;
                }
            }
            run_tile(plan, p, &i, &j);
        }
    }
}

/* Rows too short to be streamed one by one, of an output without gaps: operands that have gaps are packed into
 * blocks, and what is in them is streamed up to the end of a cache line. */
struct pack {
    char *next[N_OPERANDS]; /* to be done, of those without gaps */
    ptrdiff_t filled;
    struct blocks block;
};

static void stream_packed(const struct plan *plan, struct pack *pack, ptrdiff_t n)
{
    char *p[N_OPERANDS];
    for (int k = 0; k < N_OPERANDS; k++) {
        p[k] = plan->way[k] == PACKED ? pack->block.of[k] : pack->next[k];
    }
    run(plan, p, n, &ALONE, &ALONE);
    pack->filled -= n;
    for (int k = 0; k < N_OPERANDS; k++) {
        if (plan->way[k] == PACKED) {
            memcpy(pack->block.of[k], pack->block.of[k] + n, (size_t)pack->filled);
        }
        else {
            pack->next[k] += n;
        }
    }
}

static void pack_plane(const struct plan *plan, char *const data[N_OPERANDS], struct pack *pack)
{
    const ptrdiff_t bytes = plan->i.n * plan->dtype->width;
    struct dtype copied = *plan->dtype; /* whose relu keeps everything */
    copied.relu = (struct rule){0, INT64_MIN >> (64 - 8 * copied.width)};
    struct axis rows;
    rows.step[OUT] = bytes;
    for (ptrdiff_t j0 = 0; j0 < plan->j.n; j0 += rows.n) {
        rows.n = smaller((BLOCK_BYTES / 2 - pack->filled) / bytes + 1, plan->j.n - j0);
        for (int k = DY; k < N_OPERANDS; k++) {
            if (plan->way[k] == PACKED) {
                rows.step[X] = plan->j.step[k];
                plan->target->kernels->run[RELU][plan->width_index](pack->block.of[k] + pack->filled, NULL,
                                                                    data[k] + j0 * plan->j.step[k], bytes,
                                                                    &rows, &ALONE, &copied);
            }
        }
        pack->filled += rows.n * bytes;
        if (pack->filled >= BLOCK_BYTES / 2) {
            stream_packed(plan, pack,
                          pack->filled - (ptrdiff_t)((uintptr_t)(pack->next[OUT] + pack->filled) % LINE_BYTES));
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
    struct pack pack;
    memcpy(pack.next, data, sizeof data);
    pack.filled = 0;
    do {
        if (plan.is_direct) {
            run(&plan, data, plan.i.n * dtype->width, &plan.j, &plan.planes);
        }
        else if (plan.is_packed) {
            pack_plane(&plan, data, &pack);
        }
        else {
            run_plane(&plan, data);
        }
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
    if (plan.is_packed) {
        stream_packed(&plan, &pack, pack.filled);
    }
    if (plan.stream) {
        plan.target->kernels->fence();
    }
}
