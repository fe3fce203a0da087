/* Axes of views: their order, which of them are one, and whether operands overlap. Knows no kernels. */
#include "relu.h"

struct extent {
    uintptr_t low, high;
};

static struct extent extent_of(const struct view *view, int k, ptrdiff_t width)
{
    struct extent extent = {(uintptr_t)view->data[k], (uintptr_t)view->data[k] + (uintptr_t)width};
    for (int d = 0; d < view->nd; d++) {
        const ptrdiff_t reach = (view->axis[d].n - 1) * view->axis[d].step[k];
        *(reach < 0 ? &extent.low : &extent.high) += (uintptr_t)reach;
    }
    return extent;
}

int may_touch(const struct view *view, int k, ptrdiff_t width)
{
    const struct extent out = extent_of(view, OUTPUT, width), in = extent_of(view, k, width);
    return out.low < in.high && in.low < out.high;
}

/* Of axes in order: none steps back into what the axes inside of it span. */
int may_overlap_itself(struct view *view, ptrdiff_t width)
{
    ptrdiff_t span = width;
    for (int a = order_axes(view) - 1; a >= 0; a--) {
        if (view->axis[a].step[OUTPUT] < span) {
            return 1;
        }
        span += (view->axis[a].n - 1) * view->axis[a].step[OUTPUT];
    }
    return 0;
}

/* Moves data to the last element along the axis, and steps back from there. */
static void turn(struct axis *axis, char *data[N_OPERANDS])
{
    for (int k = 0; k < N_OPERANDS; k++) {
        data[k] += (axis->n - 1) * axis->step[k];
        axis->step[k] = -axis->step[k];
    }
}

int order_axes(struct view *view)
{
    int count = 0;
    for (int d = 0; d < view->nd; d++) {
        struct axis axis = view->axis[d];
        if (axis.n == 0) {
            return -1;
        }
        if (axis.n == 1) {
            continue;
        }
        if (axis.step[OUTPUT] < 0) {
            turn(&axis, view->data);
        }
        int at = count++;
        for (; at > 0 && view->axis[at - 1].step[OUTPUT] < axis.step[OUTPUT]; at--) {
            view->axis[at] = view->axis[at - 1];
        }
        view->axis[at] = axis;
    }
    return count;
}

int continues(const struct axis *outer, const struct axis *inner)
{
    for (int k = 0; k < N_OPERANDS; k++) {
        if (outer->step[k] != inner->n * inner->step[k]) {
            return 0;
        }
    }
    return 1;
}

int join_axes(struct axis *axes, int count)
{
    int kept = 0;
    for (int a = 0; a < count; a++) {
        if (kept > 0 && continues(&axes[kept - 1], &axes[a])) {
            const ptrdiff_t n = axes[kept - 1].n;
            axes[kept - 1] = axes[a];
            axes[kept - 1].n *= n;
        }
        else {
            axes[kept++] = axes[a];
        }
    }
    return kept;
}
