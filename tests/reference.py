"""The contract: five lines of NumPy, which every test compares bits against, and the values to try."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import relu_ext

try:
    import ml_dtypes
except ImportError:
    ml_dtypes = None


class Op(NamedTuple):
    ufunc: np.ufunc
    line: Callable[..., Any]

    def contract(self, *args: Any) -> Any:
        with np.errstate(all="ignore"):  # the comparisons of ml_dtypes warn of NaN
            return self.line(*args)

    def __repr__(self) -> str:
        return self.ufunc.__name__


def _constant(value: int, like: np.ndarray) -> np.ndarray:
    """Keep the operand's dtype: NumPy's own 0 and 1 would promote ml_dtypes."""
    return np.array(value, like.dtype)


OPS = [
    Op(relu_ext.relu, lambda x: np.where(x <= 0, _constant(0, x), x)),
    Op(relu_ext.relu_grad, lambda x: np.where(x < 0, _constant(0, x), _constant(1, x))),
    Op(relu_ext.relu_backward, lambda dy, x: np.where(x < 0, _constant(0, dy), dy)),
    Op(relu_ext.relu_grad_strict, lambda x: np.where(x <= 0, _constant(0, x), _constant(1, x))),
    Op(relu_ext.relu_backward_strict, lambda dy, x: np.where(x <= 0, _constant(0, dy), dy)),
]
UNARY = [op for op in OPS if op.ufunc.nin == 1]
BACKWARD = [op for op in OPS if op.ufunc.nin == 2]

#: Every dtype with loops over bits; long double, object and bool have tests of their own.
BUILTIN = [np.dtype(c) for c in "bBhHiIlLqQefd"]
USER_NAMES = [
    "bfloat16",
    "float8_e3m4",
    "float8_e4m3",
    "float8_e4m3fn",
    "float8_e5m2",
    "float8_e4m3b11fnuz",
    "float8_e4m3fnuz",
    "float8_e5m2fnuz",
]
USER = [np.dtype(getattr(ml_dtypes, name)) for name in USER_NAMES if hasattr(ml_dtypes, name)]
DTYPES = BUILTIN + USER
SMALL = [dtype for dtype in DTYPES if dtype.itemsize <= 2]
#: One float and one integer of each width.
WIDTHS = [np.dtype(c) for c in "bhefidq"]


def every_value(dtype: np.dtype) -> np.ndarray:
    """All values of a dtype of one or two bytes."""
    return np.arange(1 << 8 * dtype.itemsize, dtype=f"u{dtype.itemsize}").view(dtype)


def values(n: int, dtype: np.dtype, seed: int = 0) -> np.ndarray:
    """Return n values, half of them around the edges: zeros, ones, infinities, NaN payloads, subnormals."""
    bits = 8 * dtype.itemsize
    rng = np.random.default_rng([seed, n])
    edges = [0, 1 << (bits - 1), (1 << bits) - 1]
    if dtype.kind == "f" or dtype in USER:
        magnitude = (1 << (bits - 1)) - 1
        for special in (np.inf, 1.0):
            edge = int(np.array(special).astype(dtype).view(f"u{dtype.itemsize}")) & magnitude
            edges += [edge, edge | 1 << (bits - 1)]
    mask = (1 << bits) - 1
    edges = [(edge + step) & mask for edge in edges for step in (-1, 0, 1)]
    at_edges = rng.choice(np.array(edges, f"u{dtype.itemsize}"), n)
    anything = np.frombuffer(rng.bytes(n * dtype.itemsize), f"u{dtype.itemsize}")
    return np.where(rng.random(n) < 0.5, at_edges, anything).view(dtype)


def operands(op: Op, n: int, dtype: np.dtype) -> list[np.ndarray]:
    return [values(n, dtype, seed) for seed in range(op.ufunc.nin)]


def assert_same(actual: Any, expected: Any, message: str = "") -> None:
    """Assert the same dtype, shape and bits, so also the same zeros and NaNs."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.dtype == expected.dtype, message
    assert actual.shape == expected.shape, message
    a = np.ascontiguousarray(actual).reshape(-1).view(np.uint8)
    b = np.ascontiguousarray(expected).reshape(-1).view(np.uint8)
    wrong = np.flatnonzero((a != b).reshape(-1, actual.dtype.itemsize).any(axis=1)) if a.size else []
    assert len(wrong) == 0, (
        f"{message} {len(wrong)} of {actual.size} differ, first at {wrong[0]}: "
        f"{actual.ravel()[wrong[0]]!r}, not {expected.ravel()[wrong[0]]!r}"
    )


def python(code: str) -> str:
    """Run code in a fresh interpreter that takes warnings for errors; return what it printed."""
    result = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()
