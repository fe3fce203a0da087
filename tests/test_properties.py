"""Any operands at all against the contract, by chance: what hypothesis finds, it shrinks to something readable."""

import numpy as np
import pytest

pytest.importorskip("hypothesis", reason="hypothesis is not installed")
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes
from numpy.lib.stride_tricks import as_strided
from reference import BUILTIN, DTYPES, OPS, Op, assert_same, values

MOST_BYTES = 1 << 16


@st.composite
def layouts(draw, shape: tuple[int, ...], dtype: np.dtype, room: np.ndarray, written: bool = False) -> np.ndarray:
    """A view of `room`, of the given shape: any order of axes, steps of -3 to 3, gaps, any first byte."""
    order = draw(st.permutations(range(len(shape))))
    strides, reach = [0] * len(shape), dtype.itemsize
    for axis in order:
        smallest = 1 if written else 0  # a written element is not repeated
        step = draw(st.integers(smallest, 3)) * (reach if written else dtype.itemsize)
        strides[axis] = step
        reach += step * (shape[axis] - 1) if shape[axis] else 0
    first = draw(st.integers(0, 65))
    backwards = [axis for axis in range(len(shape)) if draw(st.booleans())]
    if reach + first > room.nbytes:
        strides = list(np.empty(shape, dtype).strides)
        backwards, first = [], 0
    for axis in backwards:
        first += strides[axis] * max(0, shape[axis] - 1)
        strides[axis] = -strides[axis]
    byte_order = draw(st.sampled_from("=S")) if dtype in BUILTIN else "="
    typed = dtype.newbyteorder(byte_order)
    return np.ndarray(shape, typed, room, first, tuple(strides))


@st.composite
def calls(draw) -> tuple[Op, list[np.ndarray], np.ndarray | None, np.ndarray | None]:
    op = draw(st.sampled_from(OPS))
    dtype = draw(st.sampled_from(DTYPES))
    dims = draw(st.integers(0, 4))
    most = {0: 1, 1: 2000, 2: 70, 3: 18, 4: 9}[dims]  # so that the room is large enough
    shapes = draw(mutually_broadcastable_shapes(num_shapes=op.ufunc.nin, max_dims=dims, max_side=most))
    shape = shapes.result_shape
    one_room = draw(st.booleans())  # so that operands and output overlap
    seeds = st.integers(0, 99)
    rooms = [values(MOST_BYTES // dtype.itemsize, dtype, draw(seeds)).view("u1") for _ in range(op.ufunc.nin + 1)]
    if one_room:
        rooms = [rooms[0]] * len(rooms)
    args = [draw(layouts(s, dtype, room)) for s, room in zip(shapes.input_shapes, rooms, strict=False)]
    out = draw(layouts(shape, dtype, rooms[-1], written=True)) if draw(st.booleans()) else None
    where = np.random.default_rng(draw(seeds)).random(shape) < 0.5 if draw(st.integers(0, 3)) == 0 else None
    return op, args, out, where


@settings(max_examples=1000, deadline=None, suppress_health_check=list(HealthCheck))
@given(calls())
def test_any_call(call):
    op, args, out, where = call
    native = [np.array(a, a.dtype.newbyteorder("=")) for a in args]  # copies
    shape = np.broadcast_shapes(*[a.shape for a in native])
    expected = np.broadcast_to(op.contract(*np.broadcast_arrays(*native)), shape)
    if out is None and where is None:
        assert_same(op.ufunc(*args), expected)
        return
    if out is None:
        out = np.zeros(shape, native[0].dtype)
    before = np.array(out, out.dtype.newbyteorder("="))
    kwargs = {} if where is None else {"where": where}
    result = op.ufunc(*args, out=out, **kwargs)
    assert result is out
    after = np.array(out, out.dtype.newbyteorder("="))
    assert_same(after, expected if where is None else np.where(where, expected, before))


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(OPS),
    st.sampled_from(BUILTIN),
    st.sampled_from(BUILTIN),
    st.sampled_from([None, *BUILTIN]),
    st.sampled_from(["no", "equiv", "safe", "same_kind", "unsafe"]),
)
def test_casting_is_that_of_numpy(op, one, other, out, casting):
    """As np.maximum or np.abs cast, or refuse to, so do these."""
    arrays = [np.ones(3, one), np.ones(3, other)][: op.ufunc.nin]
    target = None if out is None else np.zeros(3, out)
    like = np.maximum if op.ufunc.nin == 2 else np.positive

    def outcome(ufunc: np.ufunc) -> object:
        try:
            return ufunc(*arrays, out=target, casting=casting).dtype
        except TypeError as error:
            return type(error).__name__

    assert outcome(op.ufunc) == outcome(like)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 60), st.integers(1, 3), st.integers(-60, 60), st.integers(-3, 3).filter(bool), st.booleans())
def test_windows_of_one_line(n, out_step, shift, in_step, accumulate):
    """Overlap at every distance, as if operands had been copied; accumulate one element at a time."""
    line = values(600, np.dtype("f4"))
    for op in OPS:
        room = line.copy()
        first = 300 + shift
        x = as_strided(room[first:], (n,), (in_step * 4,))
        if accumulate and op.ufunc.nin == 2:
            expected = [x[0]]
            for value in x[1:]:
                expected.append(op.contract(expected[-1], value))
            assert_same(op.ufunc.accumulate(x), np.array(expected, "f4"))
            continue
        out = as_strided(room[300:], (n,), (out_step * 4,))
        args = [x.copy()] * (op.ufunc.nin - 1) + [x]
        expected = op.contract(*[a.copy() for a in args])
        op.ufunc(*args, out=out)
        assert_same(out, expected)
