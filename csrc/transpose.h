/* Transposition; included after kernels.h.
 *
 * With HAVE_ZIP a target has, in parts of 16 bytes, zip_low and zip_high (interleave the lower or upper halves of each
 * part of two vectors) and vec_load_parts (a vector whose parts lie a step apart in memory).
 *
 * It is done in squares of lanes x lanes, as many side by side as a vector has parts; the last of each side overlaps
 * the one before it. To interleave vector k with vector k + lanes / 2 rotates the bits of an element's place
 * (vector, lane) by one; after log2(lanes) times the two halves have changed places. */

INLINE void transpose(int bits, char *to, ptrdiff_t to_step, const char *from, ptrdiff_t from_step, ptrdiff_t rows,
                      ptrdiff_t cols)
{
    const int width = bits / 8;
#ifdef HAVE_ZIP
    enum { MAX_LANES = 16 };
    const ptrdiff_t lanes = 16 / width, wide = VEC_BYTES(bits) / width;
    if (rows >= lanes && cols >= wide) {
        for (ptrdiff_t c0 = 0; c0 < cols; c0 += wide) {
            ptrdiff_t c = c0 + wide <= cols ? c0 : cols - wide;
            for (ptrdiff_t r0 = 0; r0 < rows; r0 += lanes) {
                ptrdiff_t r = r0 + lanes <= rows ? r0 : rows - lanes;
                vec v[MAX_LANES], zipped[MAX_LANES];
                for (int k = 0; k < lanes; k++) {
                    v[k] = vec_load_parts(from + (c + k) * from_step + r * width, lanes * from_step);
                }
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
                    vec_store(bits, to + (r + k) * to_step + c * width, v[k]);
                }
            }
        }
        return;
    }
#endif
    for (ptrdiff_t c = 0; c < cols; c++) {
        for (ptrdiff_t r = 0; r < rows; r++) {
            memcpy(to + r * to_step + c * width, from + c * from_step + r * width, bits / 8);
        }
    }
}

#define TRANSPOSE(bits)                                                                                                \
    static void transpose_##bits(char *to, ptrdiff_t to_step, const char *from, ptrdiff_t from_step, ptrdiff_t rows,   \
                                 ptrdiff_t cols)                                                                       \
    {                                                                                                                  \
        transpose(bits, to, to_step, from, from_step, rows, cols);                                                     \
    }
TRANSPOSE(8) TRANSPOSE(16) TRANSPOSE(32) TRANSPOSE(64)
