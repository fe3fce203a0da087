/* A target is a region of code under a target attribute (GCC, Clang) or plain intrinsics (MSVC): no compiler
 * flag is needed, and none may raise the baseline, or the lesser targets would crash on the CPUs they are for.
 */
#ifndef REGION_H
#define REGION_H
#include "relu.h"

#define REGION_PRAGMA(text) _Pragma(#text)
#if defined(__clang__)
#define REGION_BEGIN(isa) REGION_PRAGMA(clang attribute push(__attribute__((target(isa))), apply_to = function))
#define REGION_END _Pragma("clang attribute pop")
#elif defined(__GNUC__)
#define REGION_BEGIN(isa) _Pragma("GCC push_options") REGION_PRAGMA(GCC target(isa))
#define REGION_END _Pragma("GCC pop_options")
#else
#define REGION_BEGIN(isa)
#define REGION_END
#endif

/* GCC would rather load a vector twice, once as an operand in memory, than keep it in a register; where loads
 * cross cache lines that makes a pass up to a half longer. */
#if defined(__GNUC__) && !defined(__clang__)
#define LOAD_ONCE(v) __asm__("" : "+x"(v))
#else
#define LOAD_ONCE(v) (void)(v)
#endif

#if defined(__AVX__) && !defined(_MSC_VER)
#error "Build without -march or -mavx: the SIMD targets are chosen when the package is imported."
#endif

#endif
