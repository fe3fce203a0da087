/* Which SIMD targets this machine can run, and the one in use. The only place that looks at the CPU. */
#include "relu.h"

#ifdef ARCH_X86
#ifdef _MSC_VER
#include <intrin.h>
static void cpuid(unsigned leaf, unsigned subleaf, unsigned r[4]) { __cpuidex((int *)r, (int)leaf, (int)subleaf); }
static unsigned xgetbv(void) { return (unsigned)_xgetbv(0); }
#else
#include <cpuid.h>
static void cpuid(unsigned leaf, unsigned subleaf, unsigned r[4])
{
    __cpuid_count(leaf, subleaf, r[0], r[1], r[2], r[3]);
}
static unsigned xgetbv(void)
{
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}
#endif
enum { EAX, EBX, ECX, EDX };

static unsigned cpu_features(void)
{
    unsigned r[4], found = 0, saved = 0, highest;
    cpuid(0, 0, r);
    highest = r[EAX];
    cpuid(1, 0, r);
    if (r[ECX] >> 20 & 1) {
        found |= CPU_SSE42;
    }
    if (r[ECX] >> 27 & 1) { /* OSXSAVE: xgetbv may be asked */
        saved = xgetbv();
    }
    if (highest >= 7) {
        cpuid(7, 0, r);
        if ((saved & 0x06) == 0x06 && r[EBX] >> 5 & 1) { /* XMM and YMM state */
            found |= CPU_AVX2;
        }
        const unsigned f_bw_vl = 1u << 16 | 1u << 30 | 1u << 31;
        if ((saved & 0xE6) == 0xE6 && (r[EBX] & f_bw_vl) == f_bw_vl) { /* mask and ZMM state as well */
            found |= CPU_AVX512;
        }
    }
    return found;
}
#else
static unsigned cpu_features(void) { return 0; }
#endif

#define TARGET(name) extern const struct target target_##name;
#include "targets.def"
#undef TARGET
#define TARGET(name) &target_##name,
const struct target *const targets[] = {
#include "targets.def"
    NULL};
#undef TARGET

const struct target *active_target = &target_scalar;
static unsigned features;
/* Measured: docs/decisions.md. Not half of the cache that the CPU reports: a virtual machine has that of its host. */
ptrdiff_t stream_threshold = (ptrdiff_t)16 << 20;

int target_is_usable(const struct target *target) { return (target->needs & ~features) == 0; }

int target_choose(const char *name)
{
    for (int i = 0; targets[i]; i++) {
        if (strcmp(targets[i]->name, name) == 0 && target_is_usable(targets[i])) {
            STORE_ATOMIC(&active_target, targets[i]);
            return 0;
        }
    }
    return -1;
}

void dispatch_init(void)
{
    features = cpu_features();
    for (int i = 0; targets[i]; i++) {
        target_choose(targets[i]->name); /* the last that can run stays */
    }
}
