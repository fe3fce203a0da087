"""Dead units: units that have stopped learning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from relu_ext._core import relu_grad_strict

if TYPE_CHECKING:  # costs a third of the import otherwise
    from numpy.typing import ArrayLike


def dead_units(x: ArrayLike, axis: int | tuple[int, ...] | None = 0) -> Any:
    """Find dead units: units through which no gradient passes.

    A ReLU unit whose input is zero or negative for every sample has output 0 and
    gradient 0, so training no longer changes it.

    Equal to ``~relu_grad_strict(x).astype(bool).any(axis)``.

    Parameters
    ----------
    x : array_like
        Inputs of a layer's ReLU, or its outputs ``relu(x)``, of any real dtype, over as
        many samples as possible. The shape is ``(samples, units)``, or for a
        convolution ``(samples, channels, height, width)`` with ``axis=(0, 2, 3)``.
    axis : int, tuple of int or None, optional
        The axis or axes of the samples; 0 by default, None for all.

    Returns
    -------
    dead : ndarray of bool, or bool
        True where every element along `axis` is negative or a zero of either sign. The
        shape is that of `x` without `axis`. NaN is neither, and gradients pass through
        it, so a unit with a NaN is not dead.

    Raises
    ------
    TypeError
        For the same dtypes as `relu_grad_strict`: boolean (a mask), complex, text,
        dates, time differences and structured dtypes.
    ValueError
        If `x` is empty along `axis`, so that there are no samples.
    numpy.exceptions.AxisError
        If `x` does not have such an axis.

    See Also
    --------
    relu : the function of the unit.

    Notes
    -----
    Use a whole epoch rather than one batch: a unit that is dead in one batch may be
    alive in the next. These lines find the units that are dead in all batches::

        dead = dead_units(first_batch)
        for batch in other_batches:
            dead &= dead_units(batch)

    For the "dying ReLU" see L. Lu et al., "Dying ReLU and Initialization: Theory and
    Numerical Examples", Commun. Comput. Phys. 28 (2020). The usual remedies are a lower
    learning rate, another initialization of the biases, or normalization.

    Examples
    --------
    >>> import numpy as np
    >>> from relu_ext import dead_units
    >>> x = np.array([[-1.0, 2.0, -0.5], [-3.0, -1.0, 0.0]])
    >>> dead_units(x)
    array([ True, False,  True])
    """
    x = np.asanyarray(x)
    if axis is not None:
        axis = normalize_axis_tuple(axis, x.ndim)
    # NumPy compares floats of 8 and 16 bits one by one, and objects by Python.
    is_compared_fast = x.dtype.kind in "iu" or (x.dtype.kind == "f" and x.dtype.itemsize > 2)
    try:
        relu_grad_strict(np.empty(0, x.dtype))
        if not is_compared_fast:
            x = relu_grad_strict(x)
    except TypeError as error:
        raise TypeError(str(error).replace("relu_grad_strict", "dead_units")) from error
    if not is_compared_fast and x.dtype.itemsize <= 2:
        x = x.view(f"u{x.dtype.itemsize}")  # zero stays zero, ones are greater
    with np.errstate(invalid="ignore"):  # signalling NaNs of long double
        dead = np.less_equal(x, 0).all(axis)
    if x.size == 0 and dead.size > 0:
        raise ValueError("dead_units: x is empty along axis, so there are no samples to judge by")
    return dead
