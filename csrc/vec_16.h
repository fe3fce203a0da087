/* What targets of 16-byte vectors have in common; they have vec_of and vec_halves, from and to two halves.
 *
 * A part of n < 16 bytes is held as two overlapping pieces of 8, 4 or 2 bytes, loaded from its two ends and stored
 * to them again: no byte beside it is touched, and kernels do not care where in a vector an element is. */

#define HAVE_PARTS
INLINE int bits_of_piece(ptrdiff_t n)
{
    if (n >= 8) {
        return 64;
    }
    if (n >= 4) {
        return 32;
    }
    return n >= 2 ? 16 : 8;
}

/* Zero-extended: memcpy into a part of the half would be stored and loaded again. */
INLINE uint64_t load_piece(int bits, const char *p)
{
    return (uint64_t)load_element(bits, p) & (~(uint64_t)0 >> (64 - bits));
}

INLINE vec vec_load_part(const char *p, ptrdiff_t n)
{
    const int bits = bits_of_piece(n);
    return vec_of(load_piece(bits, p), load_piece(bits, p + n - bits / 8));
}

INLINE void vec_store_part(char *p, vec v, ptrdiff_t n)
{
    const int bits = bits_of_piece(n);
    uint64_t half[2];
    vec_halves(v, half);
    store_element(bits, p, half[0]);
    store_element(bits, p + n - bits / 8, half[1]);
}

INLINE vec vec_load_parts(const char *p, ptrdiff_t step) { return (void)step, vec_load(8, p); }
