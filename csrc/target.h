/* How a SIMD target's file is compiled: a region of code under a target attribute (GCC, Clang) or plain intrinsics
 * (MSVC), so that no compiler flag is needed. Whoever raises the baseline by CFLAGS (-march=native) gets a build for
 * that CPU; wheels must not, and are built with RELU_EXT_CHECK_BASELINE. */
#ifndef TARGET_H
#define TARGET_H
#include "relu.h"

#ifdef ARCH_X86
#include <immintrin.h>
#if defined(_MSC_VER) && defined(__clang__) /* whose immintrin.h leaves out what the baseline lacks */
#include <smmintrin.h>
#include <avxintrin.h>
#include <avx2intrin.h>
#include <avx512fintrin.h>
#include <avx512bwintrin.h>
#include <avx512vlintrin.h>
#endif
#endif

#define TARGET_PRAGMA(text) _Pragma(#text)
#if defined(__clang__)
#define REGION_BEGIN(isa) TARGET_PRAGMA(clang attribute push(__attribute__((target(isa))), apply_to = function))
#define REGION_END _Pragma("clang attribute pop")
#elif defined(__GNUC__)
#define REGION_BEGIN(isa) _Pragma("GCC push_options") TARGET_PRAGMA(GCC target(isa))
#define REGION_END _Pragma("GCC pop_options")
#else
#define REGION_BEGIN(isa)
#define REGION_END
#endif

/* GCC loads a vector twice, once as an operand in memory, rather than keep it in a register; where loads cross cache
 * lines that makes a pass up to a half longer. */
#if defined(__GNUC__) && !defined(__clang__) && defined(ARCH_X86)
#define LOAD_ONCE(v) __asm__("" : "+v"(v))
#else
#define LOAD_ONCE(v) (void)(v)
#endif

#if defined(RELU_EXT_CHECK_BASELINE) && (defined(__AVX__) || defined(__SSE4_2__))
#error "The baseline is raised: this build would not run on every CPU of its architecture."
#endif

#endif
