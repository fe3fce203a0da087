/* What the x86 targets share; used under a region of SSE4.2 or more. */

INLINE __m128i load128(const char *p) { return _mm_loadu_si128((const __m128i *)p); }

#define HAVE_STREAM
INLINE void vec_fence(void) { _mm_sfence(); }
