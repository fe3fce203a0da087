"""Arrays without elements: alone, beside others that they are broadcast with, as output, in every method."""

import numpy as np
import pytest
from reference import BACKWARD, OPS, assert_same

SHAPES = [(0,), (0, 3), (3, 0), (2, 0, 3)]


def layouts(shape: tuple[int, ...]) -> list[np.ndarray]:
    """Return arrays of that shape, dense, transposed, cut out of a larger one, and with swapped bytes."""
    larger = np.ones([n + 4 for n in shape], "f4")
    cut = larger[tuple(slice(2, 2 + n) for n in shape)]
    return [np.ones(shape, "f4"), np.ones(shape[::-1], "f4").T, cut, np.ones(shape, ">f4")]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("op", OPS, ids=repr)
def test_in_any_layout(op, shape):
    for x in layouts(shape):
        native = np.ones(shape, "f4")
        assert_same(op.ufunc(*[x] * op.ufunc.nin), native)
        for out in layouts(shape)[:3]:
            assert op.ufunc(*[x] * op.ufunc.nin, out=out) is out
        assert_same(op.ufunc(*[x] * op.ufunc.nin, where=np.zeros(shape, bool), out=native), native)


@pytest.mark.parametrize("op", BACKWARD, ids=repr)
@pytest.mark.parametrize(
    "shapes",
    [
        ((0, 3), (3,)),
        ((3,), (0, 3)),
        ((0, 1), (1, 3)),
        ((2, 0, 3), (2, 1, 3)),
        ((1, 3), (0, 1)),
        ((0,), ()),
        ((), (0,)),
    ],
    ids=str,
)
def test_broadcast_with_what_is_not_empty(op, shapes):
    shape = np.broadcast_shapes(*shapes)
    for dy in (np.ones(shapes[0], "f4"), np.ones(shapes[0], "f4", order="F")):
        x = np.ones(shapes[1], "f4")
        assert_same(op.ufunc(dy, x), np.ones(shape, "f4"))
        out = np.ones(shape, "f4")
        assert op.ufunc(dy, x, out=out) is out
    with pytest.raises(ValueError, match="broadcast"):
        op.ufunc(np.ones((0, 3), "f4"), np.ones((2, 3), "f4"))


@pytest.mark.parametrize("op", BACKWARD, ids=repr)
def test_methods(op):
    assert_same(op.ufunc.accumulate(np.ones((0, 3), "f4")), np.ones((0, 3), "f4"))
    assert_same(op.ufunc.reduce(np.ones((3, 0), "f4")), np.ones(0, "f4"))
    assert_same(op.ufunc.outer(np.ones(0, "f4"), np.ones(4, "f4")), np.ones((0, 4), "f4"))
    with pytest.raises(ValueError, match="zero-size"):
        op.ufunc.reduce(np.ones((0, 3), "f4"))
