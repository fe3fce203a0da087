"""What the contract says of every value, dtype, length and place, on every SIMD target."""

import numpy as np
import pytest
from reference import BACKWARD, DTYPES, OPS, SMALL, UNARY, WIDTHS, assert_same, every_value, operands, values

import relu_ext

pytestmark = pytest.mark.usefixtures("target")


def test_the_example_of_the_readme():
    assert relu_ext.relu(np.array([-2, -1, 0, 1, 2])).tolist() == [0, 0, 0, 1, 2]


@pytest.mark.parametrize("dtype", SMALL, ids=str)
@pytest.mark.parametrize("op", UNARY, ids=repr)
def test_every_value_of_a_small_dtype(op, dtype):
    x = every_value(dtype)
    assert_same(op.ufunc(x), op.contract(x))


@pytest.mark.parametrize("dtype", SMALL, ids=str)
@pytest.mark.parametrize("op", BACKWARD, ids=repr)
def test_every_x_and_every_dy_of_a_small_dtype(op, dtype):
    x = every_value(dtype)
    for dy in (x, x[::-1].copy(), np.random.default_rng(0).permutation(x)):
        assert_same(op.ufunc(dy, x), op.contract(dy, x))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("op", OPS, ids=repr)
def test_every_length(op, dtype):
    """From nothing to several vectors of the widest target, and some that fill a block or a page."""
    vectors = 5 * 64 // dtype.itemsize
    for n in [*range(vectors + 10), 1000, 4095, 4096, 4097, 20_011]:
        args = operands(op, n, dtype)
        assert_same(op.ufunc(*args), op.contract(*args), f"{n} elements:")


@pytest.mark.parametrize("dtype", WIDTHS, ids=str)
@pytest.mark.parametrize("op", OPS, ids=repr)
def test_every_start_writes_its_own_bytes_only(op, dtype):
    """Outputs at every place in a cache line, in bytes, with all that lies around them untouched."""
    for n in [1, 2, 3, 7, 15, 16, 17, 31, 33, 64, 65, 127, 200]:
        args = operands(op, n, dtype)
        expected = op.contract(*args)
        room = np.frombuffer(bytearray(b"\xa5") * (expected.nbytes + 192), np.uint8)
        start = -room.ctypes.data % 64 + 64
        for byte in range(64):
            room[:] = 0xA5
            own = slice(start + byte - 32, start + byte - 32 + expected.nbytes)
            op.ufunc(*args, out=room[own].view(dtype))
            assert_same(room[own].view(dtype), expected, f"{n} elements at byte {byte}:")
            room[own] = 0xA5
            assert np.all(room == 0xA5), (n, byte)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("op", OPS, ids=repr)
def test_in_place(op, dtype):
    for n in [*range(70), 4099]:
        for k in range(op.ufunc.nin):
            args = operands(op, n, dtype)
            expected = op.contract(*args)
            result = op.ufunc(*args, out=args[k])
            assert result is args[k]
            assert_same(result, expected, f"{n} elements into operand {k}:")


@pytest.mark.parametrize("op", BACKWARD, ids=repr)
def test_one_array_as_both_operands(op):
    x = values(300, np.dtype("f4"))
    assert_same(op.ufunc(x, x), op.contract(x, x))
    expected = op.contract(x, x)
    assert_same(op.ufunc(x, x, out=x), expected)


@pytest.mark.parametrize("dtype", [np.dtype(c) for c in "efdg"], ids=str)
@pytest.mark.parametrize("op", OPS, ids=repr)
def test_no_floating_point_flag(op, dtype):
    """Not even of signalling NaNs, subnormals and infinities."""
    if dtype.char == "g":
        args = [np.array([np.nan, -np.nan, np.inf, -np.inf, 1e-4940, -0.0], dtype)] * op.ufunc.nin
    else:
        args = operands(op, 1000, dtype)
    with np.errstate(all="raise"):
        op.ufunc(*args)
        op.ufunc(*[a[::3] for a in args])
        for scalars in zip(*args, strict=True):
            op.ufunc(*scalars)


@pytest.mark.parametrize("op", OPS, ids=repr)
def test_long_double(op):
    x = np.array([-1, -0.0, 0.0, 1, -np.inf, np.inf, np.nan, -np.nan, -1e-320, 1e-320], np.longdouble)
    x = np.tile(x, 3) + np.repeat([0, 0, np.longdouble(2) ** -60], 10)
    for args in ([x, x[::-1]][-op.ufunc.nin :], [x[::2], x[::-2]][-op.ufunc.nin :]):
        result, expected = op.ufunc(*args), op.contract(*args)
        assert result.dtype == np.longdouble
        # Padding has no meaning, so the bits are compared by what they mean.
        np.testing.assert_array_equal(result, expected)
        np.testing.assert_array_equal(np.signbit(result), np.signbit(expected))


def test_bool_is_an_integer_as_in_maximum():
    x = np.array([[True, False], [False, True]])
    for view in (x, x[:, ::-1], x[::2, 0]):
        assert_same(relu_ext.relu(view), np.maximum(0, view))


def test_zeros_are_positive_and_nan_keeps_its_payload():
    for bits in (0x7FC00001, 0xFFC12345, 0x7F800001, 0xFF812345):
        x = np.full(20, bits, np.uint32).view(np.float32)
        assert_same(relu_ext.relu(x), x)
        assert_same(relu_ext.relu_grad_strict(x), np.ones(20, np.float32))
    x = np.full(20, -0.0, np.float32)
    assert not np.signbit(relu_ext.relu(x)).any()
    assert not np.signbit(relu_ext.relu_backward_strict(x, x)).any()
    assert np.signbit(relu_ext.relu_backward(x, x)).all()  # dy itself, and dy is -0.0


def test_backward_selects_where_a_product_would_make_nan():
    dy = np.array([np.inf, -np.inf, np.nan, 1e-45], np.float32)
    assert_same(relu_ext.relu_backward(dy, -np.ones(4, "f4")), np.zeros(4, "f4"))
    assert_same(relu_ext.relu_backward(dy, np.ones(4, "f4")), dy)


def test_strict_backward_takes_the_output_of_relu():
    x, dy = values(2000, np.dtype("f4"), 1), values(2000, np.dtype("f4"), 2)
    expected = relu_ext.relu_backward_strict(dy, x)
    assert_same(relu_ext.relu_backward_strict(dy, relu_ext.relu(x)), expected)
