"""ReLU and its gradient for NumPy arrays.

Five ufuncs. Each is equal to one line of NumPy, and makes one pass over memory:

=============================  ===============================  ==============================
`relu(x)`                      ``np.where(x <= 0, 0, x)``
`relu_grad(x)`                 ``np.where(x < 0, 0, 1)``        derivative with 1 at zero
`relu_backward(dy, x)`         ``np.where(x < 0, 0, dy)``       the chain rule with it
`relu_grad_strict(x)`          ``np.where(x <= 0, 0, 1)``       derivative with 0 at zero
`relu_backward_strict(dy, x)`  ``np.where(x <= 0, 0, dy)``      the chain rule with it
=============================  ===============================  ==============================

`dead_units` finds the units that have stopped learning.
"""

from typing import TYPE_CHECKING

try:
    import relu_ext._core as _core
except ModuleNotFoundError as _error:
    if _error.name == "relu_ext._core":
        _error.msg += "\nIn a checkout of relu_ext, run `pip install -e .` to build the C extension"
    raise

from relu_ext import _docs, _errors, _runtime
from relu_ext._core import relu, relu_backward, relu_backward_strict, relu_grad, relu_grad_strict
from relu_ext._runtime import show_runtime, simd_targets
from relu_ext._units import dead_units

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

#: Name of the SIMD target in use: the last of `simd_targets`, or the one named by RELU_EXT_SIMD.
simd_target: str


if not TYPE_CHECKING:  # with it type checkers would accept any name

    def __getattr__(name: str) -> str:
        if name == "simd_target":  # looked up each time: tests change it
            return _core.get_simd_target()
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return ["__version__", *__all__]


_core.explain = _errors.explain
_docs.describe_ufuncs()
_runtime.choose_target()
