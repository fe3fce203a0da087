"""Error messages of the ufuncs: the function, what is wrong, what to write instead.

The C calls `explain` with one of their names, the ufunc's, what is wrong and the exception that is already set, if one
is. Each returns the exception to raise, or None where it knows nothing better.
"""

import os
import sys
from _thread import RLock  # threading would be imported for it alone
from typing import Any

import numpy as np

from relu_ext import _core

_NAMES_OF_ROWS = {name for name, *_ in _core.dtype_table()}
_registering = RLock()  # type numbers are shared by the five ufuncs
if hasattr(os, "register_at_fork"):  # a child has nobody to release what another thread holds
    os.register_at_fork(
        before=_registering.acquire, after_in_parent=_registering.release, after_in_child=_registering.release
    )

_CHAIN_RULE = {
    "relu_grad": "; the chain rule is relu_backward(dy, x)",
    "relu_grad_strict": "; the chain rule is relu_backward_strict(dy, x)",
}

#: What is wrong with scalar types that have no loop, and what to write, by the first that fits.
_ADVICE = (
    (np.complexfloating, "which has no order; pass real numbers, for example {}.real"),
    ((np.character, str), "which is text; convert it to numbers, for example {}.astype(float)"),
    (np.datetime64, "and dates have no zero; pass numbers, for example ({} - start) / np.timedelta64(1, 's')"),
    (np.timedelta64, "which has a unit; pass numbers, for example {} / np.timedelta64(1, 's')"),
    (np.void, "which is not a number; pass one field of a structured array, for example {}['name']"),
)
_ADVICE_ON_ML_DTYPES = (
    "and of ml_dtypes only bfloat16 and the float8 formats with a sign and a zero are supported; "
    "cast it first, for example {}.astype(np.float32)"
)
_ADVICE_ON_ML_COMPLEX = "which has no order; pass real numbers, for example {}.astype(np.complex64).real"


def positional(name: str, args: tuple[object, ...], _: object) -> TypeError:
    """Too few or too many positional arguments."""
    inputs = "dy, x" if "backward" in name else "x"
    if len(args) == 2 and inputs == "x" and np.isscalar(args[0]):
        wrong = f"takes the array alone, not {name}(0, x)"
    else:
        wrong = f"takes {inputs.replace(',', ' and')} by position, {len(args)} given"
    advice = f"write {name}({inputs}), or {name}({inputs}, out=y) with an output"
    return TypeError(f"{name} {wrong}: {advice}{_CHAIN_RULE.get(name, '')}")


def mask(name: str, *_: object) -> TypeError:
    """A boolean x of a gradient function."""
    return TypeError(
        f"{name}: x is boolean, and the gradient cannot be told from a mask; pass the input of relu itself "
        "(or, with a strict function, its output)"
    )


def dtypes(name: str, scalar_types: tuple[type, ...], _: object) -> TypeError | None:
    """The scalar types of the inputs, and of `dtype=` if given; None where there is a loop, or NumPy may know one."""
    inputs = ("dy", "x") if "backward" in name else ("x",)
    if len(scalar_types) > len(inputs):  # casting= says what NumPy may cast to it
        operands = {"dtype": scalar_types[-1]}
    else:
        operands = dict(zip(inputs, scalar_types, strict=True))
    if name != "relu" and scalar_types[len(inputs) - 1] is np.bool:
        return mask(name)
    if "ml_dtypes" in [scalar_type.__module__ for scalar_type in scalar_types]:
        _register(getattr(_core, name))
    for operand, scalar_type in operands.items():
        advice = _advice(scalar_type)
        if advice and operand == "dtype":
            return TypeError(
                f"{name}: dtype={scalar_type.__name__} is not supported; write a real dtype, or leave it out"
            )
        if advice:
            return TypeError(f"{name}: {operand} is {scalar_type.__name__}, {advice.format(operand)}")
    return None


def _register(ufunc: np.ufunc) -> None:
    """Add the loops for those rows of ml_dtypes that the imported ml_dtypes has; import nothing."""
    ml_dtypes = sys.modules.get("ml_dtypes")
    with _registering:
        for name in _NAMES_OF_ROWS:
            if hasattr(ml_dtypes, name):
                row = ufunc, name, np.dtype(getattr(ml_dtypes, name))
                try:
                    _core.register_dtype(*row)
                except MemoryError:  # perhaps with half of a loop added, for which NumPy does not ask here again
                    _core.register_dtype(*row)


def _advice(scalar_type: type) -> str | None:
    for types, advice in _ADVICE:
        if issubclass(scalar_type, types):
            return advice
    if scalar_type.__module__ == "ml_dtypes" and scalar_type.__name__ not in _NAMES_OF_ROWS:
        return _ADVICE_ON_ML_COMPLEX if "complex" in scalar_type.__name__ else _ADVICE_ON_ML_DTYPES
    return None


def comparison(name: str, what: tuple[object], error: Exception) -> TypeError | None:
    """An object that cannot be compared with 0; an exception of the object's own class says more."""
    if type(error) is not TypeError:
        return None
    (x,) = what
    if x is None:
        advice = "pass np.nan for a missing value"
    elif isinstance(x, list | tuple):
        advice = "pass rows of equal length"
    else:
        advice = "pass real numbers"
    better = TypeError(f"{name}: an object in x cannot be compared with 0: {error}; {advice}")
    better.__cause__ = error
    return better


def failure(name: str, args: tuple[object, ...], error: Exception) -> Exception | None:
    """An error of NumPy's machinery that does not name the function or the dtype."""
    if type(error) is TypeError:
        for operand, arg in zip(("dy", "x")[-len(args) :], args, strict=True):
            if type(arg) is complex:  # promoted before dtypes are looked at
                return TypeError(f"{name}: {operand} is complex128, {_ADVICE[0][1].format(operand)}")
    if type(error) is ValueError and "inhomogeneous" in str(error):
        better = ValueError(f"{name}: rows of different lengths are not an array: {error} Pass rows of equal length")
        better.__cause__ = error
        return better
    return None


def explain(how: str, *told: Any) -> Exception | None:
    """Answer the C, which names one of the functions above."""
    answer: Exception | None = globals()[how](*told)
    return answer
