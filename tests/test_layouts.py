"""Every stride, alignment, byte order, broadcast, alias and overlap, beside NumPy's way and on copies."""

from itertools import product

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided
from reference import BACKWARD, OPS, UNARY, WIDTHS, Op, assert_same, operands, values

import relu_ext

SHAPE = (2, 5, 23, 18)


def _rows(a: np.ndarray, pad: int) -> np.ndarray:
    """Return `a` as the middle of a wider array."""
    wide = np.zeros((*a.shape[:-1], a.shape[-1] + 2 * pad), a.dtype)
    wide[..., pad:-pad] = a
    return wide[..., pad:-pad]


def _every(a: np.ndarray, step: int) -> np.ndarray:
    """Return `a` as every step-th element of a longer last axis."""
    long = np.zeros((*a.shape[:-1], a.shape[-1] * abs(step)), a.dtype)
    view = long[..., ::step]
    view[...] = a
    return view


def _in_order(a: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Return `a` with the axes lying in memory in the order given."""
    return a.transpose(axes).copy().transpose(np.argsort(axes))


def _shifted(a: np.ndarray) -> np.ndarray:
    """Return `a` at an odd address."""
    room = np.zeros(a.nbytes + 1, np.uint8)
    view = room[1:].view(a.dtype).reshape(a.shape)
    view[...] = a
    return view


def _flipped(a: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    return np.flip(np.flip(a, axes).copy(), axes)


#: The same values in another layout; all can be written to.
LAYOUTS = {
    "C": lambda a: a.copy(),
    "F": lambda a: _in_order(a, (3, 2, 1, 0)),
    "NHWC": lambda a: _in_order(a, (0, 2, 3, 1)),
    "last two swapped": lambda a: _in_order(a, (0, 1, 3, 2)),
    "cut": lambda a: _rows(a, 1),
    "cut NHWC": lambda a: _rows(a.transpose(0, 2, 3, 1), 2).transpose(0, 3, 1, 2),
    "step 2": lambda a: _every(a, 2),
    "step 3": lambda a: _every(a, 3),
    "step 7": lambda a: _every(a, 7),
    "step -1": lambda a: _flipped(a, (3,)),
    "step -2": lambda a: _every(a, -2),
    "first axis back": lambda a: _flipped(a, (0,)),
    "all axes back": lambda a: _flipped(a, (0, 1, 2, 3)),
    "unaligned": _shifted,
    "swapped bytes": lambda a: a.astype(a.dtype.newbyteorder()),
}
#: Only to be read.
BROADCAST = {
    "one": lambda a: np.broadcast_to(a[:1, :1, :1, :1], a.shape),
    "row": lambda a: np.broadcast_to(a[:1, :1, :1, :], a.shape),
    "column": lambda a: np.broadcast_to(a[:, :, :, :1], a.shape),
    "channel": lambda a: np.broadcast_to(a[:1, :, :1, :1], a.shape),
}
INPUTS = LAYOUTS | BROADCAST


def block(dtype: np.dtype, seed: int = 0) -> np.ndarray:
    with np.errstate(all="ignore"):
        return values(int(np.prod(SHAPE)), dtype, seed).reshape(SHAPE)


def in_layout(name: str, a: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        return INPUTS[name](a)


def numpy_way(op: Op, *args: np.ndarray, **kwargs: object) -> np.ndarray:
    """The same ufunc by NumPy's machinery: a keyword that changes nothing leads past the short way."""
    return op.ufunc(*args, subok=True, **kwargs)


def check(op: Op, args: list[np.ndarray], out: np.ndarray | None, what: str) -> None:
    """Both ways against the contract on copies, and against each other in layout."""
    native = [a.astype(a.dtype.newbyteorder("=")) for a in args]
    expected = op.contract(*[a.copy() for a in native])
    for way in (op.ufunc, lambda *a, **k: numpy_way(op, *a, **k)):
        if out is not None:
            out[...] = 0
        result = way(*args) if out is None else way(*args, out=out)
        assert out is None or result is out
        assert_same(result.astype(result.dtype.newbyteorder("=")), expected, what)
    if out is None:
        fresh, numpys = op.ufunc(*args), numpy_way(op, *args)
        assert fresh.strides == numpys.strides, what
        assert fresh.flags == numpys.flags, what
        assert fresh.dtype == numpys.dtype


@pytest.mark.parametrize("dtype", WIDTHS, ids=str)
@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("op", UNARY, ids=repr)
def test_unary(op, name, dtype, target):
    x = in_layout(name, block(dtype))
    check(op, [x], None, name)
    for out in LAYOUTS:
        check(op, [x], in_layout(out, np.zeros(SHAPE, dtype)), f"{name} into {out}:")


@pytest.mark.parametrize("dtype", [np.dtype(c) for c in "befd"], ids=str)
@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("op", BACKWARD, ids=repr)
def test_backward(op, name, dtype, target):
    dy = in_layout(name, block(dtype, 1))
    for other in INPUTS:
        x = in_layout(other, block(dtype, 2))
        check(op, [dy, x], None, f"{name}, {other}:")
        for out in ("C", "F", "NHWC", "cut", "step 2", "step -1"):
            check(op, [dy, x], in_layout(out, np.zeros(SHAPE, dtype)), f"{name}, {other} into {out}:")


@pytest.mark.parametrize("dtype", WIDTHS, ids=str)
@pytest.mark.parametrize("op", OPS, ids=repr)
def test_planes_of_every_small_size(op, dtype, target):
    """Rows and columns from 1 to a little over a register's square, equal and crossed."""
    for rows, columns in product([1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33], repeat=2):
        a = [v.reshape(rows, columns) for v in operands(op, rows * columns, dtype)]
        across = [np.asfortranarray(v) for v in a]
        check(op, a, None, f"{rows} x {columns}")
        check(op, across, None, f"{rows} x {columns}")
        check(op, a, across[0].copy("K"), f"{rows} x {columns} across")
        if op.ufunc.nin == 2:
            check(op, [a[0], across[1]], None, f"{rows} x {columns} mixed")
            check(op, [across[0], a[1]], None, f"{rows} x {columns} mixed")


@pytest.mark.parametrize("op", OPS, ids=repr)
@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 3), (1,), (1, 1), (5, 1), (1, 5), (2, 1, 3), (1,) * 20])
def test_empty_and_single(op, shape, target):
    size = int(np.prod(shape))
    args = [v.reshape(shape) for v in operands(op, size, np.dtype("f4"))]
    check(op, args, None, str(shape))
    check(op, args, np.zeros(shape, "f4", order="F"), str(shape))


def test_many_axes(target):
    x = values(2**13 * 3, np.dtype("f4")).reshape((2,) * 13 + (3,))
    for view in (x, x.T, np.moveaxis(x, 0, 5), x[::-1, :, ::-1]):
        check(UNARY[0], [view], None, str(view.strides))


@pytest.mark.parametrize("op", OPS, ids=repr)
def test_broadcasting_of_shapes(op, target):
    for shapes in [((4, 1, 5), (3, 1)), ((5,), (2, 5)), ((1, 1), (70, 3)), ((), (6,)), ((6,), ())]:
        args = [values(int(np.prod(s)), np.dtype("f4"), k).reshape(s) for k, s in enumerate(shapes)]
        args = args[-op.ufunc.nin :]
        shape = np.broadcast_shapes(*[a.shape for a in args])
        expected = np.broadcast_to(op.contract(*[np.broadcast_to(a, shape) for a in args]), shape)
        assert_same(op.ufunc(*args), expected)
        out = np.zeros((2, *shape), "f4")  # an output may have more axes
        assert_same(op.ufunc(*args, out=out), np.broadcast_to(expected, out.shape))


# Outputs that overlap an operand: as if the operand had been copied first.


@pytest.mark.parametrize("dtype", [np.dtype(c) for c in "bhfd"], ids=str)
@pytest.mark.parametrize("op", OPS, ids=repr)
def test_overlap_in_a_line(op, dtype, target):
    n, steps = 40, (1, 2, 3, -1, -2)
    base = values(200, dtype)
    other = values(n, dtype, 9)
    for out_step, in_step, shift in product(steps, steps, (-41, -17, -2, -1, 0, 1, 2, 5, 16, 33)):
        for position in range(op.ufunc.nin):
            room = base.copy()

            def view(start, step, room=room):
                first = start if step > 0 else start + (n - 1) * -step
                return as_strided(room[first:], (n,), (step * room.itemsize,))

            out, aliased = view(45, out_step), view(45 + shift, in_step)
            args = [other] * op.ufunc.nin
            args[position] = aliased
            expected = op.contract(*[a.copy() for a in args])
            untouched = np.ones(room.shape, bool)
            as_strided(untouched[(out.ctypes.data - room.ctypes.data) // room.itemsize :], (n,), (out_step,))[:] = False
            op.ufunc(*args, out=out)
            what = f"out {out_step}, in {in_step}, shifted by {shift}"
            assert_same(out, expected, what)
            assert_same(room[untouched], base[untouched], what)


@pytest.mark.parametrize("op", OPS, ids=repr)
@pytest.mark.parametrize("side", [5, 16, 40, 130])
def test_overlap_in_a_plane(op, side, target):
    for view_out, view_in in [
        (lambda a: a, lambda a: a.T),
        (lambda a: a[::-1], lambda a: a),
        (lambda a: a[:, ::-1], lambda a: a.T),
        (lambda a: a[1:], lambda a: a[:-1]),
        (lambda a: a[:-1], lambda a: a[1:]),
        (lambda a: a[:, 1:], lambda a: a[:, :-1]),
        (lambda a: a[:, :-1], lambda a: a[:, 1:]),
        (lambda a: a, lambda a: a[:1]),
        (lambda a: a, lambda a: a[:, 1:2]),
        (lambda a: a.T, lambda a: a.T),
        (lambda a: a[::2, ::2], lambda a: a[::2, ::2]),
    ]:
        a = values(side * side, np.dtype("f4")).reshape(side, side)
        out = view_out(a)
        other = values(out.size, np.dtype("f4"), 5).reshape(out.shape)
        args = [other, view_in(a)][-op.ufunc.nin :]
        expected = np.broadcast_to(op.contract(*[x.copy() for x in args]), out.shape).copy()
        op.ufunc(*args, out=out)
        assert_same(out, expected)


def test_overlap_shifted_by_single_bytes(target):
    for shift in range(-9, 10):
        room = np.frombuffer(bytearray(np.random.default_rng(0).bytes(512)), np.uint8)
        x, out = room[16:416].view("f4"), room[16 + shift : 416 + shift].view("f4")
        expected = UNARY[0].contract(x.copy())
        relu_ext.relu(x, out=out)
        assert_same(out, expected, f"shifted by {shift}")


@pytest.mark.parametrize("op", OPS, ids=repr)
def test_windows_that_overlap_themselves(op, target):
    """A sliding window as input, and as input and output both (where NumPy's rule is element by element)."""
    line = values(300, np.dtype("f4"))
    window = as_strided(line, (100, 50), (4, 8))
    args = [window] * op.ufunc.nin
    assert_same(op.ufunc(*args), op.contract(*args))


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.dtype(c) for c in "bhfd"], ids=str)
@pytest.mark.parametrize("op", OPS, ids=repr)
def test_every_layout_streamed(op, dtype, target, streaming):
    for names in product(INPUTS, repeat=op.ufunc.nin):
        args = [in_layout(name, block(dtype, k)) for k, name in enumerate(names)]
        for out in ("C", "NHWC", "cut", "unaligned"):
            check(op, args, in_layout(out, np.zeros(SHAPE, dtype)), f"{', '.join(names)} into {out}:")


@pytest.mark.parametrize("dtype", [np.dtype(c) for c in "bhfd"], ids=str)
@pytest.mark.parametrize("op", OPS, ids=repr)
def test_streamed_outputs(op, dtype, target, streaming):
    """Written past the cache, to a start that is no cache line's; read-only operands stay."""
    n = 2**18 // dtype.itemsize + 1003
    args = [np.resize(v, n) for v in operands(op, 5003, dtype)]
    expected = op.contract(*args)
    room = np.full(n + 40, 1, dtype)
    for start in (0, 1, 7):
        out = room[start : start + n]
        op.ufunc(*args, out=out)
        assert_same(out, expected, f"from element {start}")
        assert np.all(room[start + n :] == 1)
        room[:] = 1
    unaligned = np.zeros(n * dtype.itemsize + 1, "u1")[1:].view(dtype)
    assert_same(op.ufunc(*args, out=unaligned), expected, "at an odd address")
    square = args[-1][: n // 1024 * 1024].reshape(-1, 1024)
    out = np.zeros(square.shape, dtype)
    args = [square.T.copy().T, square][-op.ufunc.nin :]
    assert_same(op.ufunc(*args, out=out), op.contract(*args))


@pytest.mark.parametrize("dtype", [np.dtype(c) for c in "bhfd"], ids=str)
@pytest.mark.parametrize("op", OPS, ids=repr)
def test_ends_of_streamed_tiles(op, dtype, target, streaming):
    """A transposed x, in tiles whose last is shorter than what may be written past the cache, as the first may be."""
    width, pitch = dtype.itemsize, 4096 + 256
    rows = 64 // width
    for start in (0, width, 64 - width):  # bytes behind a cache line
        room = np.ones(rows * pitch + 64, "u1")
        room = room[-room.ctypes.data % 64 :][: rows * pitch].view(dtype)
        for columns in [(4096 + more) // width for more in (8, 24, 40, 72, 104, 200)]:
            room[:] = 1
            out = as_strided(room[start // width :], (rows, columns), (pitch, width))
            args = [np.resize(v, (columns, rows)) for v in operands(op, 5003, dtype)]
            args = [args[0].T.copy(), args[-1].T][-op.ufunc.nin :]
            op.ufunc(*args, out=out)
            assert_same(out, op.contract(*args), f"{columns} columns from byte {start}")
            out[...] = 1
            assert np.all(room == 1)
