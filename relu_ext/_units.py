"""Dead units: those that have stopped learning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from relu_ext._core import relu_grad_strict

if TYPE_CHECKING:  # costs a third of the import otherwise
    from numpy.typing import ArrayLike


def dead_units(x: ArrayLike, axis: int | tuple[int, ...] | None = 0) -> Any:
    """Find dead units: those through which no gradient passes.

    A ReLU unit whose input is zero or negative for every sample has output 0 and
    gradient 0, so training does not change it any more.

    Exactly ``~relu_grad_strict(x).astype(bool).any(axis)``.

    Parameters
    ----------
    x : array_like
        Inputs of a layer's ReLU, or its outputs ``relu(x)``, over as many samples as
        possible, of any real dtype: of shape ``(samples, units)``, or for a convolution
        ``(samples, channels, height, width)`` with ``axis=(0, 2, 3)``.
    axis : int, tuple of int or None, optional
        The axis or axes of the samples; 0 by default, None for all.

    Returns
    -------
    dead : ndarray of bool, or bool
        True where every element along `axis` is zero (of either sign) or negative; of
        the shape of `x` without `axis`. NaN is neither: gradients pass through it, so a
        unit with a NaN is not dead.

    Raises
    ------
    TypeError
        For what `relu_grad_strict` refuses: a boolean `x` (a mask), complex numbers,
        text, dates, time differences and structured dtypes.
    ValueError
        If `x` is empty along `axis`: there are no samples to judge by.
    numpy.exceptions.AxisError
        If `x` has no such axis.

    See Also
    --------
    relu : the unit itself.

    Notes
    -----
    Judge by a whole epoch rather than one batch: a unit that is dead in one batch may
    be alive in the next. Keep what is dead in all of them::

        dead = dead_units(first_batch)
        for batch in other_batches:
            dead &= dead_units(batch)

    For the "dying ReLU" see L. Lu et al., "Dying ReLU and Initialization: Theory and
    Numerical Examples", Commun. Comput. Phys. 28 (2020). A lower learning rate, another
    initialization of the biases, or normalization are the usual cures.

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
