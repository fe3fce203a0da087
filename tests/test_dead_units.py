import numpy as np
import pytest

from relu_ext import dead_units, relu


def test_units_that_are_never_positive():
    x = np.array([[-1, 2, -0.0, np.nan, -np.inf], [-3, -1, 0.0, -1, np.inf]], "f4")
    assert dead_units(x).tolist() == [True, False, True, True, False]
    with np.errstate(all="raise"):
        assert dead_units(relu(x)).tolist() == [True, False, True, True, False]
    assert dead_units(x, axis=1).tolist() == [False, False]
    assert dead_units(x, axis=None) == np.False_
    assert dead_units([[-1, 1], [0, -1]]).tolist() == [True, False]


def test_channels_of_a_convolution():
    x = np.full((2, 3, 4, 4), -1.0)
    x[1, 2, 0, 3] = 1
    assert dead_units(x, axis=(0, 2, 3)).tolist() == [True, True, False]


@pytest.mark.parametrize("dtype", "bBhHiIlLqQefdgO")
def test_real_dtypes(dtype):
    x = np.array([[0, 1], [0, 0]]).astype(dtype)
    dead = dead_units(x)
    assert dead.dtype == bool
    assert dead.tolist() == [True, False]


def test_errors():
    for mask in (np.array([True, False]), np.array([1j])):
        with pytest.raises(TypeError, match="pre-activations"):
            dead_units(mask)
    with pytest.raises(np.exceptions.AxisError):
        dead_units(np.ones(3), axis=1)
    with pytest.raises(TypeError):
        dead_units(np.array(["a"]))
    with pytest.raises(ValueError, match="no samples"):
        dead_units(np.ones((0, 3)))
    assert dead_units(np.ones((3, 0))).shape == (0,)
