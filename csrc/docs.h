/* Docstrings of the ufuncs, in numpydoc's form; NumPy puts the signature above them. */
#ifndef DOCS_H
#define DOCS_H

/* clang-format off */
#define DOC_OUT_WHERE \
    "out : ndarray, or tuple of one ndarray, optional\n" \
    "    Where the result goes; it must have the broadcast shape. It may be an operand\n" \
    "    itself, or overlap one.\n" \
    "where : array_like of bool, optional\n" \
    "    Elements where this is False are left as `out` has them, or uninitialised\n" \
    "    without an `out`.\n" \
    "**kwargs\n" \
    "    As of every ufunc: `dtype`, `casting`, `order`, `subok`, `signature`.\n" \
    "\n"

#define DOC_DTYPES \
    "    Integers, float16, float32, float64, longdouble or object (by Python's\n" \
    "    comparison), and bfloat16 and float8 of ml_dtypes when that is in use.\n"

#define DOC_X \
    "x : array_like\n" \
    "    Input of the ReLU, of any shape.\n" \
    DOC_DTYPES

#define DOC_DY_X(which) \
    "dy : array_like\n" \
    "    Gradient of the loss with respect to ``relu(x)`` (``x1`` in the signature).\n" \
    "x : array_like\n" \
    "    " which " (``x2`` in the signature), broadcast against `dy`.\n" \
    DOC_DTYPES \
    DOC_OUT_WHERE

#define DOC_NO_FLAGS \
    "It is a select on the bits of `x`: nothing is rounded, no warning and no\n" \
    "floating-point flag is raised by any input. "

#define DOC_NO_MASK \
    "TypeError\n" \
    "    For complex, string, datetime and structured input, and for a boolean `x`: from\n" \
    "    a mask it cannot be told which gradient was meant. Pass the input itself.\n" \
    "ValueError\n" \
    "    If shapes do not broadcast, or `out` is read-only.\n" \
    "\n"

#define DOC_IN_PLACE \
    "A trap: after ``relu(x, out=x)`` the input is gone, and its output is never\n" \
    "negative, so `relu_backward` would let every gradient pass. `relu_backward_strict`\n" \
    "gives the same for `x` and for ``relu(x)``. As a rule of thumb, ``> 0`` or ``<= 0``\n" \
    "in the line that is replaced, or only relu's output at hand, means strict.\n" \
    "\n"

#define DOC_STRICT_SOURCE \
    "Zero at zero is the choice of PyTorch, TensorFlow, JAX and scikit-learn; any\n" \
    "value of [0, 1] is a subgradient there.\n" \
    "\n"

#define RELU_DOC \
    "Rectified linear unit, element-wise: ``max(0, x)``.\n" \
    "\n" \
    "Exactly ``np.where(x <= 0, 0, x)``, in x's dtype.\n" \
    "\n" \
    "Parameters\n" \
    "----------\n" \
    DOC_X \
    "    Booleans give integers, as ``np.maximum(0, x)`` does.\n" \
    DOC_OUT_WHERE \
    "Returns\n" \
    "-------\n" \
    "y : ndarray or scalar\n" \
    "    Of x's shape and dtype. A scalar if `x` is one.\n" \
    "\n" \
    "Raises\n" \
    "------\n" \
    "TypeError\n" \
    "    For complex, string, datetime and structured input.\n" \
    "ValueError\n" \
    "    If shapes do not broadcast, or `out` is read-only.\n" \
    "\n" \
    "See Also\n" \
    "--------\n" \
    "relu_backward, relu_backward_strict : the gradient, given that of the output.\n" \
    "dead_units : finds units whose input is never positive.\n" \
    "\n" \
    "Notes\n" \
    "-----\n" \
    DOC_NO_FLAGS "Zeros in the result are +0.0, also for\n" \
    "-0.0. A NaN is not <= 0 and stays as it is, with sign and payload.\n" \
    "\n" \
    "``relu(x, out=x)`` works in place; then use `relu_backward_strict`.\n" \
    "\n" \
    "References\n" \
    "----------\n" \
    "V. Nair and G. E. Hinton, \"Rectified linear units improve restricted Boltzmann\n" \
    "machines\", ICML 2010.\n" \
    "\n" \
    "Examples\n" \
    "--------\n" \
    ">>> import numpy as np\n" \
    ">>> from relu_ext import relu\n" \
    ">>> relu(np.array([-2, -1, 0, 1, 2]))\n" \
    "array([0, 0, 0, 1, 2])\n" \
    ">>> relu(np.array([-1.5, -0.0, np.nan, np.inf]))\n" \
    "array([ 0.,  0., nan, inf])\n" \
    "\n" \
    "In place, as ``np.maximum(x, 0, out=x)``:\n" \
    "\n" \
    ">>> x = np.array([[-1.0, 2.0], [3.0, -4.0]])\n" \
    ">>> _ = relu(x, out=x)\n" \
    ">>> x\n" \
    "array([[0., 2.],\n" \
    "       [3., 0.]])\n"

#define GRAD_DOC_OF(head, condition, source, other, values, at_zero) \
    head \
    "\n" \
    "Exactly ``np.where(x " condition " 0, 0, 1)``, in x's dtype.\n" \
    "\n" \
    "Parameters\n" \
    "----------\n" \
    DOC_X \
    DOC_OUT_WHERE \
    "Returns\n" \
    "-------\n" \
    "g : ndarray or scalar\n" \
    "    Ones and zeros, of x's shape and dtype. A scalar if `x` is one.\n" \
    "\n" \
    "Raises\n" \
    "------\n" \
    DOC_NO_MASK \
    "See Also\n" \
    "--------\n" \
    other \
    "\n" \
    "Notes\n" \
    "-----\n" \
    DOC_NO_FLAGS at_zero "\n" \
    "NaN compares false, so its gradient is 1.\n" \
    "\n" \
    source \
    "To multiply the result by `dy` costs two passes and an array more than the\n" \
    "backward function that does both.\n" \
    "\n" \
    "Examples\n" \
    "--------\n" \
    ">>> import numpy as np\n" \
    values

#define GRAD_DOC GRAD_DOC_OF( \
    "Derivative of ReLU with 1 at zero, element-wise: 1 for non-negative x, else 0.\n", "<", \
    "ReLU has no derivative at 0; 1 is its derivative from the right.\n\n", \
    "relu_grad_strict : the same with 0 at zero.\n" \
    "relu_backward : the chain rule with this derivative, in one pass.\n", \
    ">>> from relu_ext import relu_grad\n" \
    ">>> relu_grad(np.array([-1.0, -0.0, 0.0, 2.0]))\n" \
    "array([0., 1., 1., 1.])\n", \
    "Both +0.0 and\n-0.0 give 1.")

#define GRAD_STRICT_DOC GRAD_DOC_OF( \
    "Derivative of ReLU with 0 at zero, element-wise: 1 for positive x, else 0.\n", "<=", \
    DOC_STRICT_SOURCE, \
    "relu_grad : the same with 1 at zero.\n" \
    "relu_backward_strict : the chain rule with this derivative, in one pass.\n", \
    ">>> from relu_ext import relu_grad_strict\n" \
    ">>> relu_grad_strict(np.array([-1.0, -0.0, 0.0, 2.0]))\n" \
    "array([0., 0., 0., 1.])\n", \
    "Both +0.0 and\n-0.0 give 0.")

#define BACKWARD_DOC_OF(head, condition, which, other, source, at_zero, example) \
    head \
    "\n" \
    "Exactly ``np.where(x " condition " 0, 0, dy)``, in the common dtype of `dy` and `x`: one\n" \
    "pass and no temporary.\n" \
    "\n" \
    "Parameters\n" \
    "----------\n" \
    DOC_DY_X(which) \
    "Returns\n" \
    "-------\n" \
    "dx : ndarray or scalar\n" \
    "    Gradient of the loss with respect to `x`, of the broadcast shape. A scalar if\n" \
    "    both are.\n" \
    "\n" \
    "Raises\n" \
    "------\n" \
    DOC_NO_MASK \
    "See Also\n" \
    "--------\n" \
    other \
    "\n" \
    "Notes\n" \
    "-----\n" \
    DOC_NO_FLAGS at_zero "\n" \
    "It selects where ``dy * mask`` multiplies: infinities, NaNs and subnormals in `dy`\n" \
    "pass whole or are replaced whole by +0.0. A NaN in `x` lets `dy` pass.\n" \
    "\n" \
    source \
    DOC_IN_PLACE \
    "Examples\n" \
    "--------\n" \
    ">>> import numpy as np\n" \
    example

#define BACKWARD_DOC BACKWARD_DOC_OF( \
    "Gradient of ReLU with 1 at zero, chained: `dy` where x is non-negative, else 0.\n", "<", \
    "Input of the ReLU; not its output", \
    "relu_backward_strict : the same with 0 at zero; takes relu's output as well.\n" \
    "relu_grad : the derivative alone.\n", \
    "ReLU has no derivative at 0; 1 is its derivative from the right.\n\n", \
    "`dy` passes at\n+0.0 and -0.0.", \
    ">>> from relu_ext import relu_backward\n" \
    ">>> relu_backward(np.array([1.0, 2.0, np.inf]), np.array([3.0, 0.0, -1.0]))\n" \
    "array([1., 2., 0.])\n")

#define BACKWARD_STRICT_DOC BACKWARD_DOC_OF( \
    "Gradient of ReLU with 0 at zero, chained: `dy` where x is positive, else 0.\n", "<=", \
    "Input of the ReLU, or its output", \
    "relu_backward : the same with 1 at zero; takes the input only.\n" \
    "relu_grad_strict : the derivative alone.\n", \
    DOC_STRICT_SOURCE, \
    "`dy` is stopped\nat +0.0 and -0.0.", \
    ">>> from relu_ext import relu, relu_backward_strict\n" \
    ">>> dy, x = np.array([1.0, 2.0, np.inf]), np.array([3.0, 0.0, -1.0])\n" \
    ">>> relu_backward_strict(dy, x)\n" \
    "array([1., 0., 0.])\n" \
    ">>> relu_backward_strict(dy, relu(x, out=x))\n" \
    "array([1., 0., 0.])\n")
/* clang-format on */

#endif
