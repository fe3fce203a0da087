"""Try every float32: all 2**32 patterns through the five functions on every SIMD target, bit by bit.

    python tools/exhaust.py               all of them, with a progress bar
    python tools/exhaust.py --part 3/8    the fourth of eight parts
    python tools/exhaust.py --chunks 4    the first four chunks of it

What is expected comes from the contract's lines of NumPy, once a chunk for all targets. A gradient that is handed
back is the pattern of its x with all bits turned round, end to end: so every value occurs as dy as well, each beside
another x, and none is like its neighbours. Ends at the first difference, with its operands, and exits with 1.
"""

import argparse
import sys
from time import perf_counter

import numpy as np
from common import PROJECT
from tqdm import tqdm

import relu_ext
from relu_ext import _core

sys.path.append(str(PROJECT / "tests"))
from reference import OPS, Op

CHUNK = 1 << 22  # values; a chunk's arrays are a few times the cache
CHUNKS = (1 << 32) // CHUNK


def reversed_bits(bits: np.ndarray) -> np.ndarray:
    """Return each pattern with its first bit last: the bytes swapped, then the bits within each."""
    turned = bits.byteswap()
    for shift, mask in ((4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555)):
        turned = (turned >> np.uint32(shift)) & np.uint32(mask) | (turned & np.uint32(mask)) << np.uint32(shift)
    return turned


def first_difference(op: Op, operands: tuple[np.ndarray, ...], expected: np.ndarray) -> str | None:
    """Return the first result that is not the expected one, in words and bits, or None."""
    got = op.ufunc(*operands).view(np.uint32)
    if np.array_equal(got, expected):
        return None
    at = int(np.flatnonzero(got != expected)[0])
    shown = ", ".join(f"{a[at]!r} (0x{a.view(np.uint32)[at]:08X})" for a in operands)
    return f"{relu_ext.simd_target}: {op} of {shown} is 0x{got[at]:08X}, not 0x{expected[at]:08X}"


def try_chunk(index: int, targets: tuple[str, ...]) -> str | None:
    """Compare chunk `index` on every target; return the first difference or None."""
    bits = np.arange(index * CHUNK, (index + 1) * CHUNK, dtype=np.uint32)
    x, dy = bits.view(np.float32), reversed_bits(bits).view(np.float32)
    trials: list[tuple[Op, tuple[np.ndarray, ...], np.ndarray]] = []
    for op in OPS:
        operands = (dy, x) if op.ufunc.nin == 2 else (x,)
        trials.append((op, operands, op.contract(*operands).view(np.uint32)))
    for target in targets:
        _core.set_simd_target(target)
        for trial in trials:
            if difference := first_difference(*trial):
                return difference
    return None


def part_of(text: str) -> range:
    """Read "K/N" as the chunks of the part numbered K, from 0, of N."""
    part, _, parts = text.partition("/")
    k, n = int(part), int(parts)
    if not 0 <= k < n <= CHUNKS:
        raise ValueError
    return range(CHUNKS * k // n, CHUNKS * (k + 1) // n)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", type=part_of, default=range(CHUNKS), metavar="K/N", help="part K, from 0, of N")
    parser.add_argument("--chunks", type=int, default=CHUNKS, help=f"at most as many chunks, of {CHUNK} values each")
    options = parser.parse_args()
    chunks, targets = options.part[: max(1, options.chunks)], relu_ext.simd_targets  # a run of nothing proves nothing
    print(f"relu_ext {relu_ext.__version__} from {relu_ext.__path__[0]}, on {', '.join(targets)}")
    start = perf_counter()
    with tqdm(total=len(chunks) * CHUNK, unit="value", unit_scale=True, mininterval=1) as progress:
        for chunk in chunks:
            if difference := try_chunk(chunk, targets):
                progress.close()
                print(difference)
                return 1
            progress.update(CHUNK)
    values = len(chunks) * CHUNK
    print(
        f"{values} values of float32 through {len(OPS)} functions on {len(targets)} targets: "
        f"{values * len(OPS) * len(targets)} results, all as expected, in {perf_counter() - start:.0f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
