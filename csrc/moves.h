/* Ways between strided and contiguous memory, for the blocks of walk.c; included after kernels.h.
 *
 * With HAVE_VEC128 a target offers load128, store128, shuffle128 (by bytes, an index of 0x80 or more gives 0),
 * or128, zip_low and zip_high (interleave the lower or upper halves). 16 bytes are enough here: a move is bound
 * by its loads and stores, and wider vectors would need lane-crossing steps. */
#include <string.h>

INLINE void copy_element(int bits, char *to, const char *from)
{
    switch (bits) {
        case 8: memcpy(to, from, 1); return;
        case 16: memcpy(to, from, 2); return;
        case 32: memcpy(to, from, 4); return;
        default: memcpy(to, from, 8); return;
    }
}

INLINE void copy_strided(int bits, char *to, ptrdiff_t to_step, const char *from, ptrdiff_t from_step,
                         ptrdiff_t n)
{
    for (; n >= 4; n -= 4) {
        copy_element(bits, to, from);
        copy_element(bits, to + to_step, from + from_step);
        copy_element(bits, to + 2 * to_step, from + 2 * from_step);
        copy_element(bits, to + 3 * to_step, from + 3 * from_step);
        to += 4 * to_step;
        from += 4 * from_step;
    }
    for (; n > 0; n--) {
        copy_element(bits, to, from);
        to += to_step;
        from += from_step;
    }
}

INLINE void gather(int bits, char *to, const char *from, ptrdiff_t step, ptrdiff_t n)
{
    const int width = bits / 8;
#ifdef HAVE_VEC128
    const int lanes = 16 / width;
    unsigned char low[16], high[16];
    if (step == 2 * width) {
        for (int k = 0; k < 16; k++) {
            int even = k % 8 / width * 2 * width + k % width;
            low[k] = (unsigned char)(k < 8 ? even : 0x80);
            high[k] = (unsigned char)(k < 8 ? 0x80 : even);
        }
        vec128 a = load128((const char *)low), b = load128((const char *)high);
        /* n > lanes, not >=: the last element of a pair of vectors is an odd one, perhaps not ours to read. */
        for (; n > lanes; n -= lanes, from += 32, to += 16) {
            store128(to, or128(shuffle128(load128(from), a), shuffle128(load128(from + 16), b)));
        }
    }
    else if (step == -width) {
        for (int k = 0; k < 16; k++) {
            low[k] = (unsigned char)((lanes - 1 - k / width) * width + k % width);
        }
        vec128 reverse = load128((const char *)low);
        for (; n >= lanes; n -= lanes, from -= 16, to += 16) {
            store128(to, shuffle128(load128(from + width - 16), reverse));
        }
    }
#endif
    copy_strided(bits, to, width, from, step, n);
}

INLINE void scatter(int bits, char *to, ptrdiff_t step, const char *from, ptrdiff_t n)
{
    copy_strided(bits, to, step, from, bits / 8, n);
}

INLINE void transpose(int bits, char *to, ptrdiff_t to_step, const char *from, ptrdiff_t from_step,
                      ptrdiff_t rows, ptrdiff_t cols)
{
    const int width = bits / 8;
#ifdef HAVE_VEC128
    enum { MAX_LANES = 16 };
    const int lanes = 16 / width;
    if (rows >= lanes && cols >= lanes) {
        /* The last square of each side overlaps the one before it. */
        for (ptrdiff_t c0 = 0; c0 < cols; c0 += lanes) {
            ptrdiff_t c = c0 + lanes <= cols ? c0 : cols - lanes;
            for (ptrdiff_t r0 = 0; r0 < rows; r0 += lanes) {
                ptrdiff_t r = r0 + lanes <= rows ? r0 : rows - lanes;
                vec128 v[MAX_LANES], zipped[MAX_LANES];
                for (int k = 0; k < lanes; k++) {
                    v[k] = load128(from + (c + k) * from_step + r * width);
                }
                /* To interleave vector k with vector k + lanes / 2 moves the bits of an element's place
                 * (vector, lane) round by one; after log2(lanes) times the two halves have changed places. */
                for (int done = 1; done < lanes; done *= 2) {
                    for (int k = 0; k < lanes / 2; k++) {
                        zipped[2 * k] = zip_low(bits, v[k], v[k + lanes / 2]);
                        zipped[2 * k + 1] = zip_high(bits, v[k], v[k + lanes / 2]);
                    }
                    for (int k = 0; k < lanes; k++) {
                        v[k] = zipped[k];
                    }
                }
                for (int k = 0; k < lanes; k++) {
                    store128(to + (r + k) * to_step + c * width, v[k]);
                }
            }
        }
        return;
    }
#endif
    for (ptrdiff_t c = 0; c < cols; c++) {
        copy_strided(bits, to + c * width, to_step, from + c * from_step, width, rows);
    }
}

#define MOVES(bits)                                                                                            \
    static void gather_##bits(char *to, const char *from, ptrdiff_t step, ptrdiff_t n)                         \
    {                                                                                                          \
        gather(bits, to, from, step, n);                                                                       \
    }                                                                                                          \
    static void scatter_##bits(char *to, ptrdiff_t step, const char *from, ptrdiff_t n)                        \
    {                                                                                                          \
        scatter(bits, to, step, from, n);                                                                      \
    }                                                                                                          \
    static void transpose_##bits(char *to, ptrdiff_t to_step, const char *from, ptrdiff_t from_step,           \
                                 ptrdiff_t rows, ptrdiff_t cols)                                               \
    {                                                                                                          \
        transpose(bits, to, to_step, from, from_step, rows, cols);                                             \
    }
MOVES(8)
MOVES(16)
MOVES(32)
MOVES(64)

const struct moves JOIN(moves_, TARGET) = {
    .gather = WIDTHS(gather),
    .scatter = WIDTHS(scatter),
    .transpose = WIDTHS(transpose),
};
