"""Operands flush against memory that must not be touched: a byte read or written too much ends the process."""

import ctypes
import mmap
import subprocess
import sys
from itertools import product

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided
from reference import OPS, WIDTHS, assert_same, operands

pytestmark = pytest.mark.skipif(not hasattr(mmap, "PROT_READ"), reason="needs mprotect")

PAGE = mmap.PAGESIZE


class Fenced:
    """Two pages between two that cannot be touched."""

    def __init__(self) -> None:
        self._map = mmap.mmap(-1, 4 * PAGE)
        self._all = np.frombuffer(self._map, np.uint8)
        mprotect = ctypes.CDLL(None, use_errno=True).mprotect
        mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        for fence in (0, 3):
            if mprotect(self._all.ctypes.data + fence * PAGE, PAGE, 0) != 0:  # PROT_NONE
                raise OSError(ctypes.get_errno(), "mprotect")

    def copy(self, a: np.ndarray, at_end: bool, step: int) -> np.ndarray:
        """Return a copy of `a` that begins right after the first fence or ends right before the second."""
        span = max(0, (a.size - 1) * abs(step) + 1) * a.itemsize
        start = 3 * PAGE - span if at_end else PAGE
        view = self._all[start : start + span].view(a.dtype)[::step]
        view[...] = a
        return view


@pytest.fixture(scope="module")
def fenced() -> list[Fenced]:
    return [Fenced() for _ in range(3)]


@pytest.mark.parametrize("dtype", WIDTHS, ids=str)
@pytest.mark.parametrize("op", OPS, ids=repr)
def test_every_length_beside_fences(op, dtype, target, fenced):
    """Over several vectors of the widest target, and with a page between the fences filled to the last byte."""
    most = 2 * PAGE // dtype.itemsize
    for n in [*range(4 * 64 // dtype.itemsize + 3), most - 1, most]:
        args = operands(op, n, dtype)
        expected = op.contract(*args)
        for sides in product((False, True), repeat=op.ufunc.nin + 1):
            out, *near = (f.copy(a, side, 1) for f, a, side in zip(fenced, [expected, *args], sides, strict=False))
            out[:] = 1
            op.ufunc(*near, out=out)
            assert_same(out, expected, f"{n} elements, at the end: {sides}")
            assert_same(op.ufunc(*near), expected)


@pytest.mark.parametrize("step", [2, 3, -1, -2])
@pytest.mark.parametrize("dtype", WIDTHS, ids=str)
@pytest.mark.parametrize("op", OPS, ids=repr)
def test_strides_beside_fences(op, dtype, step, target, fenced):
    for n in [1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65]:
        args = operands(op, n, dtype)
        expected = op.contract(*args)
        for at_end in (False, True):
            out, *near = (f.copy(a, at_end, step) for f, a in zip(fenced, [expected, *args], strict=False))
            assert_same(op.ufunc(*near), expected, f"{n} elements")
            op.ufunc(*near, out=out)
            assert_same(out, expected, f"{n} elements")


@pytest.mark.parametrize("dtype", WIDTHS, ids=str)
@pytest.mark.parametrize("op", OPS, ids=repr)
def test_crossed_layouts_beside_fences(op, dtype, target, fenced):
    for rows, columns in [(1, 9), (5, 3), (16, 16), (17, 15), (33, 20)]:
        args = operands(op, rows * columns, dtype)
        args[-1] = fenced[1].copy(args[-1], True, 1)
        args = [args[0].reshape(rows, columns), args[-1].reshape(columns, rows).T][-op.ufunc.nin :]
        assert_same(op.ufunc(*args), op.contract(*args))


@pytest.mark.parametrize("dtype", WIDTHS, ids=str)
@pytest.mark.parametrize("op", OPS, ids=repr)
def test_streamed_rows_beside_fences(op, dtype, target, streaming, fenced):
    """Rows with gaps between them, which are packed before they are written."""
    for columns in (1, 5, 16, 43):
        rows, gap = 2 * PAGE // dtype.itemsize // (columns + 3), 3
        shape, steps = (rows, columns), ((columns + gap) * dtype.itemsize, dtype.itemsize)
        args = operands(op, rows * (columns + gap) - gap, dtype)
        args = [as_strided(f.copy(a, True, 1), shape, steps) for f, a in zip(fenced[1:], args, strict=False)]
        expected = op.contract(*args)
        out = fenced[0].copy(expected.ravel(), True, 1).reshape(shape)
        out[...] = 1
        op.ufunc(*args, out=out)
        assert_same(out, expected, f"rows of {columns}")


@pytest.mark.subprocess
def test_the_fences_hold():
    code = (
        "import numpy as np, sys; sys.path.insert(0, sys.argv[1])\n"
        "from test_fences import Fenced\n"
        "a = Fenced().copy(np.zeros(10, 'u1'), True, 1)\n"
        "np.lib.stride_tricks.as_strided(a, (11,)).copy()"
    )
    result = subprocess.run([sys.executable, "-c", code, __file__.rpartition("test_")[0]], check=False)
    assert result.returncode < 0
