"""Check the SIMD targets of the installed relu_ext: that exactly the named ones can run here, and compute rightly.

    python tools/check_targets.py scalar sse42

The widest has to be in use, the others have to be refused, and each has to give what the contract says, over every
pattern of 8 and 16 bits, the like of 32 and 64, and contiguous, strided, reversed and transposed arrays. It is what
aarch64.py and cpu_models.py run in QEMU; the tests go further, but need pytest and minutes.
"""

import sys

import numpy as np
from common import PROJECT

import relu_ext
from relu_ext import _core

sys.path.append(str(PROJECT / "tests"))
from reference import OPS

DTYPES = "bBhHiIqQefd"


def patterns(kind: str) -> np.ndarray:
    """Return every pattern of a dtype's upper 16 bits over zeros, then over random bits."""
    width = np.dtype(kind).itemsize
    upper = np.arange(1 << 16).astype(f"u{width}") << max(0, 8 * width - 16)
    lower = np.random.default_rng(0).integers(1 << max(0, 8 * width - 16), size=upper.size, dtype=f"u{width}")
    return np.concatenate([upper, upper | lower]).view(kind)


def check_values(kind: str) -> int:
    """Compare all functions with the contract; return the number of elements."""
    elements = 0
    x = patterns(kind)
    for a in (x, x[3::2], x[::-1], x.reshape(64, -1).T, x[1:8], x[:0]):
        dy = np.ascontiguousarray(a[::-1])
        for op in OPS:
            operands = (dy, a) if op.ufunc.nin == 2 else (a,)
            want, got = op.contract(*operands), op.ufunc(*operands)
            if got.dtype != want.dtype or got.tobytes() != want.tobytes():
                raise SystemExit(f"{relu_ext.simd_target}: {op} of {x.dtype}, shape {a.shape}: wrong")
            elements += a.size
    return elements


def main() -> None:
    expected = tuple(sys.argv[1:])
    relu_ext.show_runtime()
    if relu_ext.simd_targets != expected or relu_ext.simd_target != expected[-1]:
        raise SystemExit(f"expected {' '.join(expected)}, and the last of them in use")
    elements = 0
    for name, usable in _core.simd_table():
        if usable:
            _core.set_simd_target(name)
            elements += sum(check_values(kind) for kind in DTYPES)
            continue
        try:
            _core.set_simd_target(name)
        except ValueError:
            continue
        raise SystemExit(f"{name} cannot run here, but is not refused")
    print(f"{elements} elements are what the contract says")


if __name__ == "__main__":
    main()
