"""The SIMD target, selected by the CPU or by RELU_EXT_SIMD, and the versions for a bug report."""

import os
import platform

import numpy as np

from relu_ext import _core

#: Names of the SIMD targets that this machine can run, slowest first.
simd_targets: tuple[str, ...] = tuple(name for name, usable in _core.simd_table() if usable)


def choose_target() -> None:
    """Select the SIMD target that the environment variable names, if it is set."""
    wanted = os.environ.get("RELU_EXT_SIMD")
    if wanted and wanted not in simd_targets:
        raise ImportError(f"RELU_EXT_SIMD={wanted!r}: this machine can run {', '.join(simd_targets)}")
    if wanted:
        _core.set_simd_target(wanted)


def show_runtime() -> None:
    """Print versions, the machine's SIMD targets and the one in use.

    Include the output in a bug report, as that of `numpy.show_runtime`.

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
        "streaming": f"stores bypass the cache from {_core.get_stream_threshold() >> 20} MB of output on",
    }
    for name, value in rows.items():
        print(f"{name + ':':<16}{value}")
