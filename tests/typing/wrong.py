"""Calls that type checkers report.

`tests/test_typing.py` checks that mypy and pyright each report the lines that end in `# error`, and no others.
"""

import numpy as np
from numpy.typing import NDArray

import relu_ext
from relu_ext import relu, relu_backward, relu_backward_strict, relu_grad, relu_grad_strict

x: NDArray[np.float32] = np.ones(3, np.float32)
mask: NDArray[np.bool] = np.ones(3, np.bool)
z: NDArray[np.complex128] = np.ones(3, np.complex128)

# The number of inputs; out is a keyword
relu()  # error
relu_grad()  # error
relu_grad_strict()  # error
relu_backward(x)  # error
relu_backward_strict(x)  # error
relu(0, x)  # error
relu(x, x)  # error
relu(x, None)  # error
relu(x, x, x)  # error
relu_grad(x, x)  # error
relu_grad_strict(x, x)  # error
relu_backward(x, x, x)  # error
relu_backward_strict(x, x, x)  # error

# The inputs have no keywords
relu(x=x)  # error
relu_backward(dy=x, x=x)  # error
relu_backward_strict(x, x=x)  # error

# Keywords that there are not
relu(x, axis=0)  # error
relu(x, keepdims=True)  # error
relu_grad(x, inplace=True)  # error
relu_backward(x, x, axis=0)  # error

# Keywords of a wrong type
relu(x, out=[1.0])  # error
relu(x, out=(x, x))  # error
relu(x, where=x)  # error
relu(x, casting="any")  # error
relu(x, order="R")  # error
relu_backward(x, x, out=1.0)  # error
relu_backward_strict(x, x, casting="any")  # error

# A gradient cannot be told from a mask, and there is none of complex numbers or text
relu_grad(mask)  # error
relu_grad(np.bool(True))  # error
relu_grad_strict(mask)  # error
relu_grad_strict(mask, dtype=np.float32)  # error
relu_grad(mask, out=x)  # error
relu_backward(x, mask)  # error
relu_backward(1.0, mask)  # error
relu_backward_strict(mask, mask)  # error
relu_backward_strict(x, mask, out=x)  # error
relu_grad(z)  # error
relu_backward(z, z)  # error
relu_grad("text")  # error

# Objects that are neither arrays nor numbers
relu(None)  # error
relu(object())  # error
relu_grad(None)  # error
relu_backward(x, None)  # error
relu_backward(None, x)  # error


# The dtype of the result. (Returned at once, it would escape mypy, which then tries the overload for any dtype.)
def doubled(a: NDArray[np.float64]) -> NDArray[np.float32]:
    result = relu(a)
    return result  # error


def mixed(dy: NDArray[np.float64], a: NDArray[np.float64]) -> NDArray[np.float32]:
    result = relu_backward(dy, a)
    return result  # error


def to_dtype(a: NDArray[np.float32]) -> NDArray[np.float32]:
    return relu(a, dtype=np.float64)  # error


def to_out(a: NDArray[np.float32], out: NDArray[np.float64]) -> NDArray[np.float32]:
    return relu(a, out=out)  # error


# The arguments of at
relu.at(x, 0, x)  # error
relu_backward.at(x, 0)  # error

# Names that there are not
print(relu.gradient)  # error
print(relu_ext.no_such_name)  # error
print(relu_ext.simd_target.bits)  # error


# One input is too few for these, which never return: what follows such a call is not checked
def reduce() -> None:
    relu.reduce(x)  # error in newer NumPy


def accumulate() -> None:
    relu_grad.accumulate(x)  # error in newer NumPy


def reduceat() -> None:
    relu_grad_strict.reduceat(x, [0])  # error in newer NumPy


def outer() -> None:
    relu.outer(x, x)  # error in newer NumPy
