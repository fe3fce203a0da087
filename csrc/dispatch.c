/* Which SIMD targets this machine can run, and the one in use. The only place that asks the CPU anything. */
#include "relu.h"

/* A feature counts only when the operating system also saves the registers it needs (xgetbv). */
enum cpu { CPU_SSE42 = 1, CPU_AVX2 = 2, CPU_AVX512 = 4 };

#ifdef ARCH_X86
#ifdef _MSC_VER
#include <intrin.h>
static void cpuid(unsigned leaf, unsigned subleaf, unsigned r[4])
{
    __cpuidex((int *)r, (int)leaf, (int)subleaf);
}
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

/* Bytes of the last-level cache that this core shares, 0 where the CPU does not say. */
static ptrdiff_t cache_size(void)
{
    unsigned r[4], leaf = 4;
    ptrdiff_t size = 0;
    cpuid(0x80000000u, 0, r);
    if (r[EAX] >= 0x8000001Du) {
        cpuid(0x80000001u, 0, r);
        if (r[ECX] >> 22 & 1) { /* AMD's leaf, of the same form as Intel's leaf 4 */
            leaf = 0x8000001Du;
        }
    }
    cpuid(0, 0, r);
    if (leaf == 4 && r[EAX] < 4) {
        return 0;
    }
    for (unsigned level = 0; level < 8; level++) {
        cpuid(leaf, level, r);
        if ((r[EAX] & 31) == 0) {
            break;
        }
        ptrdiff_t ways = (r[EBX] >> 22) + 1, parts = (r[EBX] >> 12 & 1023) + 1, line = (r[EBX] & 4095) + 1;
        size = ways * parts * line * ((ptrdiff_t)r[ECX] + 1);
    }
    return size;
}
#else
static unsigned cpu_features(void) { return 0; }
static ptrdiff_t cache_size(void) { return 0; }
#endif

#define TARGET(name, needs, strided)                                                                           \
    extern const struct kernels kernels_##name;                                                                \
    extern const struct transpositions transpositions_##name;
#include "targets.def"
#undef TARGET
extern const struct strided_kernels strided_scalar, strided_sse42, strided_avx512, strided_neon;

#define TARGET(name, needs, strided)                                                                           \
    {#name, needs, &kernels_##name, &strided_##strided, &transpositions_##name},
static const struct target targets[] = {
#include "targets.def"
};
#undef TARGET
enum { N_TARGETS = sizeof targets / sizeof *targets };

const struct target *active_target = &targets[0];
static unsigned features;
ptrdiff_t stream_threshold;

int target_count(void) { return N_TARGETS; }

const struct target *target_at(int index) { return &targets[index]; }

int target_is_usable(const struct target *target) { return (target->needs & ~features) == 0; }

int target_choose(const char *name)
{
    for (int i = 0; i < N_TARGETS; i++) {
        if (strcmp(targets[i].name, name) == 0 && target_is_usable(&targets[i])) {
            active_target = &targets[i];
            return 0;
        }
    }
    return -1;
}

void dispatch_init(void)
{
    features = cpu_features();
    for (int i = 0; i < N_TARGETS; i++) {
        if (target_is_usable(&targets[i])) {
            active_target = &targets[i]; /* the last that can run stays */
        }
    }
    /* Half of the cache: an output of that size and its input no longer fit. Measured on Zen 3 and Zen 4 with
     * 32 MB, where non-temporal stores lose below 16 MB and win above. The bounds hold where the CPU does not
     * say, or (in virtual machines) says the whole host's. */
    const ptrdiff_t half = cache_size() / 2, least = (ptrdiff_t)4 << 20, most = (ptrdiff_t)32 << 20;
    stream_threshold = half == 0 ? (ptrdiff_t)16 << 20 : half < least ? least : half > most ? most : half;
}
