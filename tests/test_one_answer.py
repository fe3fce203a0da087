"""The short way and NumPy's machinery give one answer: values, layout, warnings, errors, and no byte beside it."""

import warnings
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from itertools import permutations, product
from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided
from reference import OPS, UNARY, USER, WIDTHS, values

ROOM = 6000  # bytes, in which all operands of a call lie
DTYPES = [np.dtype(c) for c in "bBhHiIlLqQefd"] + USER[:2]
LENGTHS = [0, 1, 1, 2, 3, 5, 7, 16, 31, 67]


def described(dtype: np.dtype) -> tuple[Any, ...]:
    """What `==` between dtypes passes over as well."""
    return dtype, dtype.names, dtype.metadata, dtype.isnative, repr(dtype)


def told(call: Callable[[], Any]) -> tuple[Any, tuple[Any, ...]]:
    """Return what a call returns, and everything to be seen of that: or its error; and its warnings."""
    result = error = None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = call()
        except Exception as e:
            error = type(e), str(e)
    seen = [error, [(w.category, str(w.message), w.filename) for w in caught], type(result)]
    if error is None:
        a = np.asarray(result)
        seen += [described(a.dtype), a.shape, a.strides, str(a.flags), a.tobytes()]
    return result, tuple(seen)


def assert_one_answer(op, make: Callable[[], tuple[list, dict]], room: np.ndarray, what: object) -> tuple[Any, ...]:
    """Call by both ways from the same bytes in `room`, on operands made anew: a warning may change their flags."""
    before, seen, after = room.copy(), [], []
    for leads_past in ({}, {"subok": True}):
        room[:] = before
        args, kwargs = make()
        result, answer = told(partial(op.ufunc, *args, **kwargs, **leads_past))
        assert answer[0] is not None or kwargs.get("out") is None or result is kwargs["out"], what
        seen.append(answer)
        after.append(room.copy())
    for short, numpys in zip(*seen, strict=True):
        assert short == numpys, what
    assert np.array_equal(*after), what
    return seen[0]


def flagged(a: np.ndarray) -> np.ndarray:
    """Return a view of `a` that NumPy takes for one of np.broadcast_arrays: it warns when it is written to."""
    return np.broadcast_arrays(a[np.newaxis], np.zeros((2, *[1] * a.ndim)))[0][0, ...]


# Random calls


def random_shape(rng: np.random.Generator) -> tuple[int, ...]:
    shape: list[int] = []
    for length in rng.choice(LENGTHS, rng.integers(0, 6)):
        if np.prod([*shape, length]) <= 500:
            shape.append(int(length))
    return tuple(shape)


def random_strides(rng: np.random.Generator, shape: tuple[int, ...], width: int) -> list[int]:
    """As of an array whose axes lie in any order, with steps added, or of no array at all."""
    strides, span = [0] * len(shape), width * int(rng.choice([1, 1, 1, 2, 3]))
    for axis in rng.permutation(len(shape)) if rng.random() < 0.6 else range(len(shape))[::-1]:
        strides[axis] = span
        span = span * max(shape[axis], 1) + width * int(rng.choice([0, 0, 0, 1]))
    kind = rng.random()
    for axis in range(len(shape)):
        if kind < 0.25 and rng.random() < 0.5:
            strides[axis] = int(rng.choice([0, width, -width, 2 * width, int(rng.integers(-9, 9))]))
        elif kind < 0.5 and rng.random() < 0.5:
            strides[axis] *= -1
    return strides


def random_view(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype, start: int | None = None) -> tuple:
    """Return shape, dtype, offset and strides of a view of the room."""
    while True:
        strides = random_strides(rng, shape, dtype.itemsize)
        reach = [(n - 1) * step for n, step in zip(shape, strides, strict=True) if n > 0]
        low, high = -sum(min(r, 0) for r in reach), sum(max(r, 0) for r in reach) + dtype.itemsize
        if low + high < ROOM:
            break
    offset = int(rng.integers(low, ROOM - high)) if start is None else start + int(rng.integers(-3, 4)) * dtype.itemsize
    offset -= offset % dtype.itemsize if rng.random() < 0.8 else 0
    return shape, dtype, min(max(offset, low), ROOM - high), strides


def with_fewer_axes(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape that broadcasts to the given one."""
    return tuple(1 if rng.random() < 0.3 else n for n in shape[int(rng.integers(0, len(shape) + 1)) :])


def random_call(rng: np.random.Generator) -> tuple[Any, ...]:
    """Return an operation, the views that are its inputs, the one that is `out`, and what is done to that."""
    op = OPS[rng.integers(len(OPS))]
    dtype, shape = DTYPES[rng.integers(len(DTYPES))], random_shape(rng)
    shapes = [shape if rng.random() < 0.7 else with_fewer_axes(rng, shape) for _ in range(op.ufunc.nin)]
    other = DTYPES[rng.integers(len(DTYPES))]
    dtypes = [other if rng.random() < 0.05 else dtype for _ in shapes]
    args = [random_view(rng, s, d) for s, d in zip(shapes, dtypes, strict=True)]
    kind = rng.choice(["none", "same", "overlapping", "other", "read-only", "shape", "dtype", "warn", "fresh"])
    if kind == "same":
        return op, args, args[int(rng.integers(len(args)))], kind
    if kind == "shape":
        shape = (*shape[:-1], 2) if rng.random() < 0.5 else (2, *shape)
    start = args[-1][2] if kind == "overlapping" else None
    return op, args, random_view(rng, shape, other if kind == "dtype" else dtype, start), kind


def view_of(room: np.ndarray, view: tuple[Any, ...]) -> np.ndarray:
    shape, dtype, offset, strides = view
    return np.ndarray(shape, dtype, room, offset, strides)


def operands_of(room: np.ndarray, call: tuple[Any, ...]) -> tuple[list[np.ndarray], dict[str, np.ndarray]]:
    _, views, out_view, kind = call
    args, out = [view_of(room, view) for view in views], view_of(room, out_view)
    if kind == "none":
        return args, {}
    if kind == "same":
        out = args[views.index(out_view)]
    if kind == "fresh":
        out = np.zeros(out.shape, out.dtype)
    if kind == "warn":
        out = flagged(out)
    if kind == "read-only":
        out.flags.writeable = False
    return args, {"out": out}


@pytest.mark.parametrize("seed", range(4))
def test_random_calls(seed, target):
    """A few thousand; where one fails, the seed and the call's number make it again."""
    rng = np.random.default_rng(seed)
    room = np.frombuffer(bytearray(ROOM), np.uint8)
    kinds = set()
    for number in range(1000):
        room[:] = np.frombuffer(rng.bytes(ROOM), np.uint8)
        call = random_call(rng)
        seen = assert_one_answer(call[0], lambda call=call: operands_of(room, call), room, (seed, number, call))
        kinds.add((call[3], seen[0] is None, bool(seen[1])))
    assert len(kinds) > 12, kinds  # with and without errors and warnings


# Kinds of operands that the short way has to leave to NumPy


@pytest.mark.parametrize("shift", [0, 1])
@pytest.mark.parametrize("op", OPS, ids=repr)
def test_strides_of_axes_of_length_one(op, shift):
    """They mean nothing, but a result has NumPy's."""
    shapes = [*permutations((1, 3, 2)), *permutations((1, 4, 1, 3)), (5, 1), (1, 5), (1, 1)]
    room = np.zeros(ROOM, np.uint8)
    for shape, order, dtype in product(shapes, "CF", WIDTHS):
        x = room[shift : shift + int(np.prod(shape)) * dtype.itemsize].view(dtype).reshape(shape, order=order)
        for dy in (x, x[(0,) * x.ndim + (...,)], x[..., :1], x[:1]):
            assert_one_answer(op, lambda dy=dy, x=x: ([dy, x][-op.ufunc.nin :], {}), room, (shape, order, dtype))


@pytest.mark.parametrize("op", OPS, ids=repr)
@pytest.mark.parametrize("action", ["always", "error"])
def test_out_from_broadcast_arrays(op, action):
    """NumPy deprecates writing to it: one warning, as of np.positive, and none when it is written to again."""
    room = np.zeros(ROOM, np.uint8)
    args = [np.arange(-10, 10, dtype="f4").reshape(4, 5)] * op.ufunc.nin
    whole = room[:80].view("f4").reshape(4, 5)
    makers = [
        lambda: flagged(whole),
        lambda: flagged(whole.reshape(5, 4).T),
        lambda: flagged(whole[:, ::-1]),
        lambda: flagged(whole.astype("f8")),
        lambda: np.broadcast_arrays(whole[0], whole)[0],
        lambda: np.broadcast_arrays(whole[:, :1], whole)[0],
    ]
    for make in makers:
        outs = [make(), make()]
        for is_first in (True, False):
            told_by = []
            for function, out in zip((partial(np.positive, args[-1]), partial(op.ufunc, *args)), outs, strict=True):
                with warnings.catch_warnings(record=True) as caught:
                    warnings.simplefilter(action)
                    raises = pytest.raises(DeprecationWarning) if action == "error" else nullcontext()
                    with raises:
                        function(out=out)
                told_by.append([(w.category, str(w.message)) for w in caught])
            assert told_by[0] == told_by[1]
            assert len(told_by[1]) == (is_first and action == "always")
        assert_one_answer(op, lambda make=make: (args, {"out": make()}), room, action)


SELF_OVERLAPPING = [
    ((3, 2), (8, 16)),
    ((7,), (0,)),
    ((5, 4), (0, 8)),
    ((4, 3), (8, 0)),
    ((3, 9), (-8, 8)),
    ((9, 3), (8, -8)),
    ((2, 3, 4), (16, -8, 8)),
    ((40,), (4,)),
    ((40,), (-4,)),
    ((6, 6), (3, 5)),
    ((8, 70), (72, 8)),
]


def self_overlapping(rng: np.random.Generator, width: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the shape and the strides of an array of which some elements share memory."""
    shape = tuple(int(n) for n in rng.integers(2, 7, rng.integers(1, 5)))
    steps = np.array([-3, -2, -1, 0, 1, 2, 3]) * (1 if rng.random() < 0.2 else width)
    return shape, tuple(int(step) for step in rng.choice(steps, len(shape)))


@pytest.mark.parametrize("dtype", WIDTHS, ids=str)
@pytest.mark.parametrize("op", OPS, ids=repr)
def test_out_that_overlaps_itself(op, dtype, target):
    """It shows in which order elements are written."""
    rng = np.random.default_rng(0)
    scaled = [(shape, tuple(s * dtype.itemsize // 8 for s in strides)) for shape, strides in SELF_OVERLAPPING]
    for shape, strides in [*scaled, *[self_overlapping(rng, dtype.itemsize) for _ in range(60)]]:
        room = values(ROOM // dtype.itemsize, dtype).view(np.uint8)
        middle = room[ROOM // 2 :].view(dtype)
        out = as_strided(middle, shape, strides)
        fitting = [values(out.size, dtype, k).reshape(shape) for k in range(2)]
        crossed = [np.asfortranarray(fitting[0]), fitting[1][..., ::-1]]
        less = [fitting[0][..., :1], fitting[1][0]]
        within = [as_strided(middle[k:], shape, strides) for k in (0, 1)]
        for args in (fitting, crossed, less, [fitting[0], less[1]], [fitting[0], out], within, [within[1], crossed[1]]):
            args = args[-op.ufunc.nin :]
            assert_one_answer(op, lambda args=args, out=out: (args, {"out": out}), room, (shape, strides))


@pytest.mark.parametrize("dtype", [np.dtype(c) for c in "bhiq"], ids=str)
def test_out_that_overlaps_itself_as_numpys_own_functions_write_it(dtype, target):
    rng = np.random.default_rng(1)
    for _ in range(200):
        shape, strides = self_overlapping(rng, dtype.itemsize)
        x = np.abs(values(int(np.prod(shape)), dtype) // 2).reshape(shape)
        x = [x, np.asfortranarray(x), x[..., ::-1], x[:1]][rng.integers(4)]
        rooms = [np.zeros(ROOM // dtype.itemsize, dtype) for _ in range(2)]
        for function, room in zip([np.positive, UNARY[0].ufunc], rooms, strict=True):
            function(x, out=as_strided(room[len(room) // 2 :], shape, strides))
        assert np.array_equal(*rooms), (shape, strides, x.strides)


#: Dtypes with the type number of a plain one, which the result must not take over (or must, as NumPy has it).
DECORATED = [
    np.dtype((np.int32, {"lo": (np.int16, 0), "hi": (np.int16, 2)})),
    np.dtype((np.uint8, {"all": (np.uint8, 0)})),
    np.dtype("f4", metadata={"unit": "m"}),
    np.dtype("f2", metadata={}),
    np.dtype("f8").newbyteorder(),
]


@pytest.mark.parametrize("op", OPS, ids=repr)
@pytest.mark.parametrize("decorated", DECORATED, ids=repr)
def test_dtypes_with_named_parts_or_metadata(op, decorated):
    room = np.zeros(ROOM, np.uint8)
    plain = np.dtype(decorated.char)
    for shape, size in [((6,), 6), ((2, 3), 6), ((0,), 0), ((), 1)]:
        for kinds in product((plain, decorated), repeat=op.ufunc.nin + 1):
            args = [values(size, plain, k).astype(kind).reshape(shape) for k, kind in enumerate(kinds[:-1])]
            args = [a.view(kind) for a, kind in zip(args, kinds, strict=False)]
            out = np.zeros(shape, kinds[-1])
            for kwargs in ({}, {"out": out}):
                assert_one_answer(op, lambda args=args, kw=kwargs: (args, kw), room, (kinds, shape))
