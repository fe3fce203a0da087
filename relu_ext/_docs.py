"""Docstrings, signatures and names of the ufuncs, which can be set from NumPy 2.2 on."""

import sys

from relu_ext import _core

_OUT_WHERE = """out : ndarray or tuple of one ndarray, optional
    Where the result is stored, by keyword only. It must have the broadcast shape, and
    may be an input itself or overlap one. A new array by default.
where : array_like of bool, optional
    Elements where this is False keep their value in `out`, or are uninitialized
    without an `out`.
casting, order, dtype, subok, signature : optional
    As for every NumPy ufunc; see `numpy.ufunc`.
"""

_DTYPES = """    Integers, float16, float32, float64, longdouble or object (compared by Python), and
    bfloat16 and float8 of ml_dtypes.
"""

_X = f"""x : array_like
    Input of the ReLU, of any shape and layout.
{_DTYPES}"""

_NO_FLAGS = """The function selects by the bits of `x`: nothing is rounded, and no input raises a
floating-point flag. Casts that NumPy makes before or after may warn."""

_RAISES = """Raises
------
TypeError
    For complex numbers, text, dates, time differences and structured dtypes, and for
    too many positional arguments.{mask}
ValueError
    If shapes do not broadcast, or `out` is read-only.
"""

_MASK = """ For a boolean `x`, or booleans in an
    object array: a mask does not tell which gradient was meant. Pass the input of ReLU."""

_TRAP = """After ``relu(x, out=x)`` the input is gone, and the output is never negative, so
`relu_backward` would let every gradient pass. `relu_backward_strict` gives the same
result for `x` and for ``relu(x)``. A rule of thumb: use the strict function if the line
that you replace has ``> 0`` or ``<= 0``, or if you only have the output of ReLU."""

_FROM_THE_RIGHT = """ReLU has no derivative at 0. 1 is its derivative from the right, as in the definition
f'(x) = 1 for x >= 0."""

_SUBGRADIENT = """ReLU has no derivative at 0. 0 is what PyTorch, TensorFlow, JAX and scikit-learn use
there; every value of [0, 1] is a subgradient."""

_RELU = f"""Rectified linear unit, element-wise: ``max(0, x)``.

Exactly ``np.where(x <= 0, 0, x)``, in the dtype of `x`.

Parameters
----------
{_X}    Booleans give integers, as ``np.maximum(0, x)`` does.
{_OUT_WHERE}
Returns
-------
y : ndarray or scalar
    The result, with the shape and dtype of `x`. A scalar if `x` is one.

{_RAISES.format(mask="")}
See Also
--------
relu_backward, relu_backward_strict : the gradient with respect to `x`.
dead_units : finds units whose input is never positive.

Notes
-----
{_NO_FLAGS}

Zeros in the result are +0.0, also for -0.0. A NaN is not <= 0 and is kept, with its
sign and payload.

``relu(x, out=x)`` works in place. Use `relu_backward_strict` after it.

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
    Ones and zeros, with the shape and dtype of `x`. A scalar if `x` is one.

{_RAISES.format(mask=_MASK)}
See Also
--------
{other} : the same with {1 - at_zero} at zero.
{backward} : the chain rule with this derivative, in one pass.

Notes
-----
{_NO_FLAGS}

Both +0.0 and -0.0 give {at_zero}. Comparisons with NaN are false, so NaN gives 1.

{source}

For the product of `dy` and this result use ``{backward}(dy, x)``:
it takes one pass less, and no array for the derivative.

Examples
--------
>>> import numpy as np
>>> from relu_ext import {name}
>>> {name}(np.array([-1.0, -0.0, 0.0, 2.0]))
array([0., {at_zero}., {at_zero}., 1.])
"""


def _backward(name: str, at_zero: int, where: str, condition: str, x: str, others: str, source: str) -> str:
    return f"""Backward pass of ReLU with {at_zero} at zero: `dy` where x is {where}, else 0.

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
    Gradient of the loss with respect to `x`, with the broadcast shape. A scalar if both
    inputs are.

{_RAISES.format(mask=_MASK)}
See Also
--------
{others}

Notes
-----
{_NO_FLAGS}

At +0.0 and -0.0 the result is {"`dy`" if at_zero else "+0.0"}. A NaN in `x` keeps `dy`.

``dy * mask`` gives NaN where `dy` is infinite and `mask` is 0. Here each element of
`dy`, infinities and NaN included, is either kept bit for bit or replaced by +0.0.

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
With the output of ReLU, computed in place:

>>> relu_backward_strict(dy, relu(x, out=x))
array([1., 0., 0.])
""",
}

_KEYWORDS = {"out": None, "where": True, "casting": "same_kind", "order": "K", "dtype": None, "subok": True}
_KEYWORDS["signature"] = None


def describe_ufuncs() -> None:
    """Set each ufunc's docstring and signature, and the names by which it is imported and pickled."""
    inspect = sys.modules.get("inspect")  # from 2.4 on NumPy imports it; it is slow to import
    for name, doc in _DOCS.items():
        ufunc = getattr(_core, name)
        inputs = ("dy", "x")[-ufunc.nin :]
        keywords = ", ".join(f"{keyword}={default!r}" for keyword, default in _KEYWORDS.items())
        try:
            ufunc.__doc__ = f"{name}({', '.join(inputs)}, /, *, {keywords})\n\n{doc}"
        except AttributeError:  # not writable before
            found = sys.modules["numpy"].__version__
            hint = "pip install 'numpy>=2.2'"
            raise ImportError(f"relu_ext requires NumPy 2.2 or later, not {found}: {hint}") from None
        ufunc.__module__, ufunc.__qualname__ = "relu_ext", name
        if inspect:
            parameters = [inspect.Parameter(k, inspect.Parameter.POSITIONAL_ONLY) for k in inputs]
            parameters += [
                inspect.Parameter(k, inspect.Parameter.KEYWORD_ONLY, default=v) for k, v in _KEYWORDS.items()
            ]
            ufunc.__signature__ = inspect.Signature(parameters)
