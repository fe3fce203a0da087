/* In the place of dispatch.c: every SIMD target of every architecture, and each of them can run. */
#include "relu.h"

#define TARGET(name) extern const struct target target_##name;
#include "targets.def"
#undef TARGET
#define TARGET(name) &target_##name,
const struct target *const targets[] = {
#include "targets.def"
    NULL};
#undef TARGET

const struct target *active_target = &target_scalar;
ptrdiff_t stream_threshold = (ptrdiff_t)16 << 20;

void dispatch_init(void) {}
int target_is_usable(const struct target *target) { return target != NULL; }
