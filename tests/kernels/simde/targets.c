/* In the place of dispatch.c: its targets, of every architecture here, on a CPU that can run each of them. */
#define dispatch_init dispatch_init_by_cpu
#include "dispatch.c"
#undef dispatch_init

void dispatch_init(void) { features = ~0u; }
