"""Docstrings, signatures and names of the ufuncs; NumPy lets them be set from 2.2 on."""

import sys

from relu_ext import _core

_OUT_WHERE = """out : ndarray or tuple of one ndarray, optional
    Where the result is stored, by keyword only. It must have the broadcast shape, and
    may be an input itself or overlap one. A new array by default.
where : array_like of bool, optional
    Elements where this is False keep what `out` holds there, or are uninitialized
    without an `out`.
casting, order, dtype, subok, signature : optional
    As for every ufunc of NumPy.
"""

_DTYPES = """    Integers, float16, float32, float64, longdouble or object (compared by Python), and
    bfloat16 and float8 of ml_dtypes when that package is in use.
"""

_X = f"""x : array_like
    Input of the ReLU, of any shape and layout.
{_DTYPES}"""

_NO_FLAGS = """The result is a selection by the bits of `x`: nothing is rounded, and no input raises a
floating-point flag. Casts that NumPy makes before and after may warn."""

_RAISES = """Raises
------
TypeError
    For complex numbers, text, dates, time differences and structured dtypes; for too
    many positional arguments.{mask}
ValueError
    If shapes do not broadcast, or `out` is read-only.
"""

_MASK = """ For a boolean `x`, also among objects: a mask does
    not tell which gradient was meant. Pass the input of ReLU itself."""

_TRAP = """After ``relu(x, out=x)`` the input is gone, and the output is never negative, so
`relu_backward` would let every gradient pass. `relu_backward_strict` gives the same for
`x` and for ``relu(x)``. As a rule of thumb, ``> 0`` or ``<= 0`` in the line that is
replaced, or only the output of ReLU at hand, means strict."""

_FROM_THE_RIGHT = "ReLU has no derivative at 0; 1 is its derivative from the right."

_SUBGRADIENT = """0 at zero is the choice of PyTorch, TensorFlow, JAX and scikit-learn. ReLU has no
derivative there; every value of [0, 1] is a subgradient."""

_RELU = f"""Rectified linear unit, element-wise: ``max(0, x)``.

Exactly ``np.where(x <= 0, 0, x)``, in the dtype of `x`.

Parameters
----------
{_X}    Booleans give integers, as ``np.maximum(0, x)`` does.
{_OUT_WHERE}
Returns
-------
y : ndarray or scalar
    Of the shape and dtype of `x`. A scalar if `x` is one.

{_RAISES.format(mask="")}
See Also
--------
relu_backward, relu_backward_strict : the gradient, given that of the output.
dead_units : finds units whose input is never positive.

Notes
-----
{_NO_FLAGS}

Zeros in the result are +0.0, also for -0.0. A NaN is not <= 0 and stays as it is, with
its sign and payload.

``relu(x, out=x)`` works in place; use `relu_backward_strict` after it.

References
----------
V. Nair and G. E. Hinton, "Rectified linear units improve restricted Boltzmann
machines", ICML 2010.

Examples
--------
>>> import numpy as np
>>> from relu_ext import relu
>>> relu(np.array([-2, -1, 0, 1, 2]))
array([0, 0, 0, 1, 2])
>>> relu(np.array([-1.5, -0.0, np.nan, np.inf]))
array([ 0.,  0., nan, inf])

In place, as ``np.maximum(x, 0, out=x)``:

>>> x = np.array([[-1.0, 2.0], [3.0, -4.0]])
>>> _ = relu(x, out=x)
>>> x
array([[0., 2.],
       [3., 0.]])
"""


def _grad(name: str, at_zero: int, for_ones: str, condition: str, other: str, source: str) -> str:
    backward = name.replace("grad", "backward")
    return f"""Derivative of ReLU with {at_zero} at zero, element-wise: 1 for {for_ones} x, else 0.

Exactly ``np.where(x {condition} 0, 0, 1)``, in the dtype of `x`.

Parameters
----------
{_X}{_OUT_WHERE}
Returns
-------
g : ndarray or scalar
    Ones and zeros, of the shape and dtype of `x`. A scalar if `x` is one.

{_RAISES.format(mask=_MASK)}
See Also
--------
{other} : the same with {1 - at_zero} at zero.
{backward} : the chain rule with this derivative, in one pass.

Notes
-----
{_NO_FLAGS}

Both +0.0 and -0.0 give {at_zero}. NaN compares false, so its gradient is 1.

{source}

To multiply the result by `dy` takes two passes and one array more than
``{backward}(dy, x)``.

Examples
--------
>>> import numpy as np
>>> from relu_ext import {name}
>>> {name}(np.array([-1.0, -0.0, 0.0, 2.0]))
array([0., {at_zero}., {at_zero}., 1.])
"""


def _backward(name: str, at_zero: int, where: str, condition: str, x: str, others: str, source: str) -> str:
    return f"""Gradient of ReLU with {at_zero} at zero, chained: `dy` where x is {where}, else 0.

Exactly ``np.where(x {condition} 0, 0, dy)``, in the common dtype of `dy` and `x`, in one
pass and without a temporary array.

Parameters
----------
dy : array_like
    Gradient of the loss with respect to ``relu(x)``, of any shape and layout.
x : array_like
    {x}, broadcast against `dy`.
{_DTYPES}{_OUT_WHERE}
Returns
-------
dx : ndarray or scalar
    Gradient of the loss with respect to `x`, of the broadcast shape. A scalar if both
    inputs are.

{_RAISES.format(mask=_MASK)}
See Also
--------
{others}

Notes
-----
{_NO_FLAGS}

At +0.0 and -0.0 the result is {"`dy`" if at_zero else "+0.0"}. A NaN in `x` keeps `dy`.

``dy * mask`` multiplies, and makes NaN of an infinity times 0. Here every `dy`,
infinities and NaN included, is either kept bit for bit or replaced by +0.0.

{source}

{_TRAP}

Examples
--------
>>> import numpy as np
>>> from relu_ext import relu, {name}
>>> dy, x = np.array([1.0, 2.0, np.inf]), np.array([3.0, 0.0, -1.0])
>>> {name}(dy, x)
array([1., {2 * at_zero}., 0.])
"""


_DOCS = {
    "relu": _RELU,
    "relu_grad": _grad("relu_grad", 1, "non-negative", "<", "relu_grad_strict", _FROM_THE_RIGHT),
    "relu_grad_strict": _grad("relu_grad_strict", 0, "positive", "<=", "relu_grad", _SUBGRADIENT),
    "relu_backward": _backward(
        "relu_backward",
        1,
        "non-negative",
        "<",
        "Input of the ReLU; not its output",
        "relu_backward_strict : the same with 0 at zero; takes the output of ReLU as well.\n"
        "relu_grad : the derivative alone.",
        _FROM_THE_RIGHT,
    ),
    "relu_backward_strict": _backward(
        "relu_backward_strict",
        0,
        "positive",
        "<=",
        "Input of the ReLU, or its output",
        "relu_backward : the same with 1 at zero; takes the input only.\nrelu_grad_strict : the derivative alone.",
        _SUBGRADIENT,
    )
    + """
From the output of ReLU, which took the place of its input:

>>> relu_backward_strict(dy, relu(x, out=x))
array([1., 0., 0.])
""",
}

_KEYWORDS = {"out": None, "where": True, "casting": "same_kind", "order": "K", "dtype": None, "subok": True}
_KEYWORDS["signature"] = None


def describe_ufuncs() -> None:
    """Give each ufunc its docstring, its signature, and the names that it is imported and pickled by."""
    inspect = sys.modules.get("inspect")  # NumPy has loaded it, from 2.4 on; it would be most of the import
    for name, doc in _DOCS.items():
        ufunc = getattr(_core, name)
        inputs = ("dy", "x")[-ufunc.nin :]
        keywords = ", ".join(f"{keyword}={default!r}" for keyword, default in _KEYWORDS.items())
        ufunc.__doc__ = f"{name}({', '.join(inputs)}, /, *, {keywords})\n\n{doc}"
        ufunc.__module__, ufunc.__qualname__ = "relu_ext", name
        if inspect:
            parameters = [inspect.Parameter(k, inspect.Parameter.POSITIONAL_ONLY) for k in inputs]
            parameters += [
                inspect.Parameter(k, inspect.Parameter.KEYWORD_ONLY, default=v) for k, v in _KEYWORDS.items()
            ]
            ufunc.__signature__ = inspect.Signature(parameters)
