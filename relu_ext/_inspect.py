"""What looks at things rather than computing them: dead units, and the runtime."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING, Any

import numpy as np

from relu_ext import _core

if TYPE_CHECKING:  # costs a third of the import otherwise
    from numpy.typing import ArrayLike


def dead_units(x: ArrayLike, axis: int | tuple[int, ...] | None = 0) -> Any:
    """Find dead units: those whose pre-activation is never positive.

    A ReLU unit that is negative for every sample has output 0 and gradient 0, so
    training does not move it any more.

    Parameters
    ----------
    x : array_like
        Pre-activations of a layer, or its activations ``relu(x)``, over as many samples
        as possible, of any real dtype: of shape ``(samples, units)``, or for a
        convolution ``(samples, channels, height, width)`` with ``axis=(0, 2, 3)``.
    axis : int, tuple of int or None, optional
        The axis or axes that samples lie along; 0 by default, None for all.

    Returns
    -------
    dead : ndarray of bool, or bool
        True where no element along `axis` is greater than zero; of x's shape without
        `axis`. Zeros of either sign and NaN are not greater than zero.

    Raises
    ------
    TypeError
        If `x` is boolean (a mask) or complex.
    ValueError
        If `x` is empty along `axis`: nothing is known then.
    numpy.exceptions.AxisError
        If `x` has no such axis.

    See Also
    --------
    relu : the unit itself.

    Notes
    -----
    For the "dying ReLU" see L. Lu et al., "Dying ReLU and Initialization: Theory and
    Numerical Examples", Commun. Comput. Phys. 28 (2020). A lower learning rate, another
    initialisation of the biases, or normalisation are the usual cures.

    Examples
    --------
    >>> import numpy as np
    >>> from relu_ext import dead_units
    >>> x = np.array([[-1.0, 2.0, -0.5], [-3.0, -1.0, 0.0]])
    >>> dead_units(x)
    array([ True, False,  True])
    """
    x = np.asanyarray(x)
    if x.dtype.kind in "bc":
        raise TypeError(f"dead_units needs the pre-activations themselves, not an array of {x.dtype}")
    dead = ~np.any(x > 0, axis=axis)
    if x.size == 0 and dead.size > 0:
        raise ValueError("dead_units of an empty axis: there are no samples to judge by")
    return dead


def show_runtime() -> None:
    """Print versions, the machine's SIMD targets and the one in use.

    In the manner of `numpy.show_runtime`, and for the same purpose: a bug report.

    Examples
    --------
    >>> import relu_ext
    >>> relu_ext.show_runtime()  # doctest: +ELLIPSIS
    relu_ext:       ...
    SIMD in use:    ...
    """
    from relu_ext import __version__

    table = _core.simd_table()
    found = [name for name, usable in table if usable]
    rows = {
        "relu_ext": __version__,
        "NumPy": np.__version__,
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": platform.platform(),
        "SIMD found": " ".join(found),
        "SIMD not found": " ".join(name for name, usable in table if not usable) or "-",
        "SIMD in use": _core.get_simd_target(),
        "streams from": f"{_core.get_stream_threshold() >> 20} MB of output",
    }
    for name, value in rows.items():
        print(f"{name + ':':<16}{value}")
