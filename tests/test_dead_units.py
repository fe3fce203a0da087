import tracemalloc

import numpy as np
import pytest
from reference import BUILTIN, DTYPES, values

import relu_ext
from relu_ext import dead_units, relu, relu_grad_strict

AXES = [0, 1, -1, (0, 1), None]


def test_units_through_which_nothing_passes():
    x = np.array([[-1, 2, -0.0, np.nan, -np.inf, np.nan], [-3, -1, 0.0, -1, np.inf, np.nan]], "f4")
    assert dead_units(x).tolist() == [True, False, True, False, False, False]
    with np.errstate(all="raise"):
        assert dead_units(relu(x)).tolist() == dead_units(x).tolist()
    assert dead_units(x, axis=1).tolist() == [False, False]
    assert dead_units(x, axis=None) == np.False_
    assert dead_units([[-1, 1], [0, -1]]).tolist() == [True, False]


def test_channels_of_a_convolution():
    x = np.full((2, 3, 4, 4), -1.0)
    x[1, 2, 0, 3] = 1
    assert dead_units(x, axis=(0, 2, 3)).tolist() == [True, True, False]


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("dtype", [*DTYPES, *map(np.dtype, ["g", "O", ">f2", ">f4", ">i8"])], ids=str)
def test_it_is_exactly_the_line(dtype, axis):
    """Few rows, so that about half of the units are dead; every kind of value turns up."""
    plain = dtype if dtype in DTYPES else np.dtype("f8") if dtype.char in "gO" else dtype.newbyteorder("=")
    for rows in (1, 2, 3):
        with np.errstate(invalid="ignore"):
            x = values(rows * 300, plain, seed=rows).reshape(rows, 300).astype(dtype)
        with np.errstate(all="raise"):
            dead = dead_units(x, axis)
        expected = ~relu_grad_strict(x).astype(bool).any(axis)
        assert dead.dtype == bool
        np.testing.assert_array_equal(dead, expected)
        assert type(dead) is type(expected)


@pytest.mark.parametrize("dtype", BUILTIN, ids=str)
def test_memory(dtype):
    """One boolean an element; of 16-bit floats also what relu_grad_strict gives."""
    x = np.zeros((1000, 1000), dtype)
    tracemalloc.start()
    try:
        dead_units(x)
        assert tracemalloc.get_traced_memory()[1] < x.size * (3 if dtype == np.float16 else 1) + 100_000
    finally:
        tracemalloc.stop()


def test_batch_by_batch():
    """A unit that is dead in one batch only is not dead; the lines are those of the docstring."""
    first, *others = np.array([[[-1.0, -1, 2]], [[-1.0, 3, -1]], [[-1.0, -1, -1]]])
    dead = dead_units(first)
    for batch in others:
        dead &= dead_units(batch)
    assert dead.tolist() == [True, False, False]
    assert "dead &= dead_units(batch)" in relu_ext.dead_units.__doc__


@pytest.mark.parametrize(
    "x",
    [
        np.array([True, False]),
        [np.True_, True],
        np.array([-1, True], object),
        np.array([1j]),
        np.array(["a"]),
        np.array([1], "m8[s]"),
        np.array([1], "M8[s]"),
        np.zeros(2, "i4,f4"),
        [None],
    ],
    ids=repr,
)
def test_what_relu_grad_strict_refuses(x):
    with pytest.raises(TypeError) as theirs:
        relu_grad_strict(x)
    with pytest.raises(TypeError) as ours:
        dead_units(x)
    assert str(ours.value) == str(theirs.value).replace("relu_grad_strict", "dead_units")


def test_axes():
    for x, axis in ((np.ones(3), 1), (5.0, 0), (np.array(5.0), 0), (np.ones((2, 3)), (0, 2)), (5.0, -1)):
        with pytest.raises(np.exceptions.AxisError):
            dead_units(x, axis=axis)
    with pytest.raises(ValueError, match="repeated axis"):
        dead_units(np.ones((2, 3)), axis=(0, -2))
    assert dead_units(5.0, axis=None) == np.False_
    assert dead_units(-5.0, axis=None) == np.True_


@pytest.mark.parametrize("dtype", ["f2", "f4", "i2", "O"])
def test_empty(dtype):
    with pytest.raises(ValueError, match="no samples"):
        dead_units(np.ones((0, 3), dtype))
    with pytest.raises(ValueError, match="no samples"):
        dead_units(np.ones((0, 3), dtype), axis=None)
    assert dead_units(np.ones((3, 0), dtype)).shape == (0,)
