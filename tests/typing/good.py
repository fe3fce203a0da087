"""Calls that type checkers accept, and the types they give them.

`tests/test_typing.py` checks this file with mypy and pyright, and also runs it: what is accepted here has to work.
"""

from collections.abc import Callable
from typing import Any, Literal, TypeAlias, TypeVar, assert_type

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

import relu_ext
from relu_ext import relu, relu_backward, relu_backward_strict, relu_grad, relu_grad_strict

Matrix: TypeAlias = np.ndarray[tuple[int, int], np.dtype[np.float64]]
FloatT = TypeVar("FloatT", bound=np.floating[Any])

f16: NDArray[np.float16] = np.ones(3, np.float16)
f32: NDArray[np.float32] = np.ones(3, np.float32)
f64: NDArray[np.float64] = np.ones(3, np.float64)
longdouble: NDArray[np.longdouble] = np.ones(3, np.longdouble)
i64: NDArray[np.int64] = np.ones(3, np.int64)
i8: NDArray[np.int8] = np.ones(3, np.int8)
u64: NDArray[np.uint64] = np.ones(3, np.uint64)
objects: NDArray[np.object_] = np.array([1, 2.5, 3], np.object_)
mask: NDArray[np.bool] = np.ones(3, np.bool)
unknown: NDArray[Any] = np.ones(3)
matrix: Matrix = np.ones((2, 3))
anything: Any = f32


class Tagged(np.ndarray[tuple[int], np.dtype[np.float32]]):
    """A subclass of ndarray."""


class Duck:
    """An object that handles ufuncs itself, as a DataFrame does."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> "Duck":
        return self


tagged = f32.view(Tagged)
duck = Duck()

# --- Functions that are annotated in the usual ways


def annotated(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return relu(x)


def annotated_gradient(dy: NDArray[np.float32], x: NDArray[np.float32]) -> NDArray[np.float32]:
    return relu_backward(dy, x)


def generic(x: NDArray[FloatT]) -> NDArray[FloatT]:
    return relu(x)


def generic_gradient(x: NDArray[FloatT]) -> NDArray[FloatT]:
    return relu_backward(x, x)


def of_any_dtype(x: NDArray[Any]) -> NDArray[Any]:
    return relu_backward(relu(x), relu_grad(x))


def array_like(x: ArrayLike) -> NDArray[Any]:
    return relu_backward(relu(x), np.asarray(x))


def to_dtype(x: NDArray[np.float32], dtype: DTypeLike) -> Any:
    return relu(x, dtype=dtype)


def array_or_number(x: NDArray[np.float64] | float) -> NDArray[np.float64] | np.float64:
    return relu(x)


assert_type(annotated(f32), NDArray[np.float32])
assert_type(annotated_gradient(f32, f32), NDArray[np.float32])
assert_type(generic(f16), NDArray[np.float16])
assert_type(generic_gradient(f64), NDArray[np.float64])
of_any_dtype(f32)
array_like([1.0])
array_or_number(1.0)
to_dtype(f32, "float64")

# --- One input: an array gives an array of its dtype, shape and class

assert_type(relu(f16), NDArray[np.float16])
assert_type(relu(f32), NDArray[np.float32])
assert_type(relu(longdouble), NDArray[np.longdouble])
assert_type(relu(i8), NDArray[np.int8])
assert_type(relu(u64), NDArray[np.uint64])
assert_type(relu(objects), NDArray[np.object_])
assert_type(relu(mask), NDArray[np.intp])
assert_type(relu(matrix), Matrix)
assert_type(relu(tagged), Tagged)
assert_type(relu_grad(f16), NDArray[np.float16])
assert_type(relu_grad(i8), NDArray[np.int8])
assert_type(relu_grad(matrix), Matrix)
assert_type(relu_grad_strict(f32), NDArray[np.float32])
assert_type(relu_grad_strict(u64), NDArray[np.uint64])
shape: tuple[int, ...] = relu(unknown).shape + relu_grad(unknown).shape

# --- a scalar gives a NumPy scalar

assert_type(relu(np.float32(1)), np.float32)
assert_type(relu(np.float64(1)), np.float64)
assert_type(relu(np.int8(1)), np.int8)
assert_type(relu(np.bool(True)), np.intp)
assert_type(relu(True), np.intp)
assert_type(relu(1), np.intp)
assert_type(relu(1.0), np.float64)
assert_type(relu_grad(np.float16(1)), np.float16)
assert_type(relu_grad(1), np.intp)
assert_type(relu_grad_strict(1.0), np.float64)

# --- and other objects

assert_type(relu([1.0, -1.0]), NDArray[Any])
assert_type(relu([[True, False]]), NDArray[Any])
assert_type(relu((f32, f32)), NDArray[Any])
assert_type(relu(range(3)), NDArray[Any])
assert_type(relu_grad([[1], [2]]), NDArray[Any])
assert_type(relu_grad_strict([np.float32(1)]), NDArray[Any])
assert_type(relu(duck), Duck)
assert_type(relu_grad(duck), Duck)
assert_type(relu(anything), Any)

# --- Two inputs

assert_type(relu_backward(f32, f32), NDArray[np.float32])
assert_type(relu_backward(f16, f16), NDArray[np.float16])
assert_type(relu_backward(i8, i8), NDArray[np.int8])
assert_type(relu_backward(u64, u64), NDArray[np.uint64])
assert_type(relu_backward(i64, i64), NDArray[np.int64])
assert_type(relu_backward(matrix, matrix), Matrix)
assert_type(relu_backward_strict(f64, f64), NDArray[np.float64])
relu_backward_strict(longdouble, longdouble)
assert_type(relu_backward(f32, f64), NDArray[Any])
assert_type(relu_backward(mask, f32), NDArray[Any])  # dy may be boolean, x may not
assert_type(relu_backward_strict(i8, f32), NDArray[Any])
assert_type(relu_backward(objects, objects), NDArray[Any])
shape = relu_backward(unknown, f32).shape + relu_backward(unknown, unknown).shape

assert_type(relu_backward(1.0, f32), NDArray[np.float32])
assert_type(relu_backward(f32, 1), NDArray[np.float32])
assert_type(relu_backward(1, i8), NDArray[np.int8])
assert_type(relu_backward_strict(i8, 1), NDArray[np.int8])
assert_type(relu_backward(i8, 1.5), NDArray[Any])  # float64
assert_type(relu_backward(f32, np.float32(1)), NDArray[np.float32])
assert_type(relu_backward(np.float32(1), f32), NDArray[np.float32])
assert_type(relu_backward(f32, np.float64(1)), NDArray[Any])  # float64, though np.float64 is a subclass of float
assert_type(relu_backward(np.float64(1), f32), NDArray[Any])

assert_type(relu_backward(np.float32(1), np.float32(1)), np.float32)
assert_type(relu_backward(1, 1), np.intp)
assert_type(relu_backward_strict(1.0, 1), np.float64)
assert_type(relu_backward(np.float32(1), 1.0), Any)
assert_type(relu_backward(1.0, np.float32(1)), Any)

assert_type(relu_backward([1.0], [2.0]), NDArray[Any])
assert_type(relu_backward(f32, [1.0, 2.0, 3.0]), NDArray[Any])
assert_type(relu_backward_strict([1.0, 2.0, 3.0], f32), NDArray[Any])
assert_type(relu_backward(duck, duck), Duck)
assert_type(relu_backward(duck, f32), Duck)
assert_type(relu_backward(1.0, duck), Duck)
assert_type(relu_backward_strict(f32, duck), Duck)

# --- out, where, dtype and the other keywords

assert_type(relu(f32, out=f64), NDArray[np.float64])
assert_type(relu([1.0, 2.0, 3.0], out=(f64,)), NDArray[np.float64])
assert_type(relu(f32, out=tagged), Tagged)
assert_type(relu(f32, out=None), NDArray[np.float32])
assert_type(relu_grad(f32, out=f32), NDArray[np.float32])
assert_type(relu_grad_strict(1.0, out=f32), NDArray[np.float32])
assert_type(relu_backward(f32, f32, out=f64), NDArray[np.float64])
assert_type(relu_backward(1, 1, out=f64), NDArray[np.float64])
assert_type(relu_backward_strict(f32, f32, out=(f32,)), NDArray[np.float32])

assert_type(relu(f32, where=mask, out=f32), NDArray[np.float32])
assert_type(relu(f32, where=[True, False, True], out=f32), NDArray[np.float32])
assert_type(relu(f32, where=True), NDArray[np.float32])
assert_type(relu_backward(f32, f32, where=mask, out=f32), NDArray[np.float32])

assert_type(relu(f32, dtype=np.float64), NDArray[np.float64])
assert_type(relu(mask, dtype=np.float32), NDArray[np.float32])
assert_type(relu(matrix, dtype=np.dtype(np.longdouble)), np.ndarray[tuple[int, int], np.dtype[np.longdouble]])
assert_type(relu(1, dtype=np.float32), np.float32)
assert_type(relu([1], dtype=np.float32), NDArray[np.float32])
assert_type(relu(f32, dtype=None), NDArray[np.float32])
assert_type(relu(f32, dtype="float64"), Any)
assert_type(relu(duck, dtype=np.float32), Duck)
assert_type(relu_grad(i8, dtype=np.float32), NDArray[np.float32])
assert_type(relu_grad_strict(1.0, dtype=np.float32), np.float32)
assert_type(relu_backward(f32, f32, dtype=np.float64), NDArray[np.float64])
assert_type(relu_backward(1, 1, dtype=np.float64), np.float64)
assert_type(relu_backward_strict(f32, f32, dtype="float64"), Any)
assert_type(relu(f32, dtype=np.float64, out=f64), NDArray[np.float64])

assert_type(relu(f32, casting="same_kind", order="K", subok=True), NDArray[np.float32])
assert_type(relu(f32, signature="d->d"), Any)
assert_type(relu(f32, signature=(np.float64, np.float64)), Any)
assert_type(relu_backward(f32, f32, signature="dd->d", casting="unsafe"), Any)

# --- Attributes and methods

assert_type(relu.__name__, Literal["relu"])
assert_type(relu_backward_strict.__name__, Literal["relu_backward_strict"])
assert_type(relu.nin, Literal[1])
assert_type(relu.nout, Literal[1])
assert_type(relu.nargs, Literal[2])
assert_type(relu_backward.nin, Literal[2])
assert_type(relu_backward.nargs, Literal[3])
assert_type(relu.ntypes, Literal[16])
assert_type(relu_grad.ntypes, Literal[15])
assert_type(relu.identity, None)
assert_type(relu_backward.signature, None)
names: list[str] = [*relu.types, *relu_backward.types]

assert_type(relu.at(f32, [0, 1]), None)
assert_type(relu_backward.at(f32, [0, 1], 1.0), None)
assert_type(relu_backward.outer(f32, f32), NDArray[Any])
assert_type(relu_backward.accumulate(f32), NDArray[Any])
assert_type(relu_backward.reduceat(f32, [0, 1]), NDArray[Any])
assert_type(relu_backward.reduce(f32, axis=0), Any)

# --- Where a ufunc or a function is asked for


def apply_ufunc(ufunc: np.ufunc, x: NDArray[np.float32]) -> object:
    return ufunc(*[x] * ufunc.nin)


def apply(function: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> NDArray[np.float32]:
    return function(f32)


for ufunc in (relu, relu_grad, relu_grad_strict, relu_backward, relu_backward_strict):
    apply_ufunc(ufunc, f32)
apply(relu)
apply(relu_grad)
activations: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {"relu": relu, "tanh": np.tanh}

# --- The rest of the package

assert_type(relu_ext.simd_target, str)
assert_type(relu_ext.simd_targets, tuple[str, ...])
