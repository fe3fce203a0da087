"""ReLU and its gradient for NumPy arrays.

Five ufuncs, each exactly one line of NumPy and one pass over memory:

=============================  ===============================  ==============================
`relu(x)`                      ``np.where(x <= 0, 0, x)``
`relu_grad(x)`                 ``np.where(x < 0, 0, 1)``        derivative with 1 at zero
`relu_backward(dy, x)`         ``np.where(x < 0, 0, dy)``       the chain rule with it
`relu_grad_strict(x)`          ``np.where(x <= 0, 0, 1)``       derivative with 0 at zero
`relu_backward_strict(dy, x)`  ``np.where(x <= 0, 0, dy)``      the chain rule with it
=============================  ===============================  ==============================

and `dead_units`, which finds the units that have stopped learning.
"""

import os

try:
    from relu_ext import _core
except ImportError as _error:
    raise ImportError(
        f"{_error}\nIn a checkout of relu_ext, run `pip install -e .` to build the C extension"
    ) from _error

from relu_ext._core import relu, relu_backward, relu_backward_strict, relu_grad, relu_grad_strict
from relu_ext._inspect import dead_units, show_runtime

__version__ = "0.1.0"
__all__ = [
    "dead_units",
    "relu",
    "relu_backward",
    "relu_backward_strict",
    "relu_grad",
    "relu_grad_strict",
    "show_runtime",
    "simd_target",
    "simd_targets",
]

#: Names of the SIMD targets that this machine can run, slowest first.
simd_targets: tuple[str, ...] = tuple(name for name, usable in _core.simd_table() if usable)

#: Name of the SIMD target in use: the last of `simd_targets`, or what RELU_EXT_SIMD asked for.
simd_target: str


def __getattr__(name: str) -> str:
    if name == "simd_target":  # looked up anew each time: tests switch it
        return _core.get_simd_target()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__


if _wanted := os.environ.get("RELU_EXT_SIMD"):
    if _wanted not in simd_targets:
        raise ImportError(f"RELU_EXT_SIMD={_wanted!r}: this machine can run {', '.join(simd_targets)}")
    _core.set_simd_target(_wanted)
