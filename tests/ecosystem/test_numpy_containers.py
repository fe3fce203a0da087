"""NumPy's own containers beside np.maximum; docs/containers.md lists the differences."""

import numpy as np
import pytest
from reference import OPS, WIDTHS, assert_same, operands

from relu_ext import dead_units, relu, relu_backward, relu_backward_strict

X = [-1.5, -0.0, 0.0, 2.5, np.nan, -np.inf]


def masked(x=X, mask=(0, 0, 0, 0, 0, 1)) -> np.ma.MaskedArray:
    return np.ma.array(x, mask=mask, fill_value=-99)


def test_masked_array_as_by_maximum():
    m = masked()
    ours, numpys = relu(m), np.maximum(0, m)
    assert type(ours) is type(numpys) is np.ma.MaskedArray
    assert_same(ours.mask, numpys.mask)
    assert ours.fill_value == numpys.fill_value == -99
    np.testing.assert_array_equal(ours.data, numpys.data)  # also what is under the mask
    assert np.signbit(m.data[1])  # of which np.maximum makes either zero, by the CPU
    assert not np.signbit(ours.data).any()
    assert_same(masked(), m)
    assert relu(masked().harden_mask()).hardmask
    assert relu(np.ma.masked) is np.ma.masked is np.maximum(0, np.ma.masked)


@pytest.mark.parametrize("dtype", WIDTHS, ids=str)
@pytest.mark.parametrize("op", OPS, ids=repr)
def test_masked_arrays_of_every_width(op, dtype):
    args = operands(op, 50, dtype)
    masks = [np.arange(50) % k == 0 for k in (3, 5)][: len(args)]
    result = op.ufunc(*[np.ma.array(a, mask=mask) for a, mask in zip(args, masks, strict=True)])
    assert_same(result.mask, np.logical_or.reduce(masks))
    assert_same(result.compressed(), op.contract(*args)[~result.mask])
    if len(args) == 2:
        m = np.ma.array(args[1], mask=masks[1])
        assert_same(op.ufunc(args[0], m).mask, np.maximum(args[0], m).mask)


def test_masked_array_in_place():
    m, n = masked(), masked()
    assert relu(m, out=m) is m
    np.maximum(0, n, out=n)
    assert_same(m.mask, n.mask)
    np.testing.assert_array_equal(m.data, n.data)
    out = np.ma.zeros(len(X))
    assert relu(masked(), out=out) is out
    assert_same(out.mask, masked().mask)


def test_the_mask_of_the_result_is_that_of_the_operand():
    """NumPy does so for each ufunc of one operand."""
    for ufunc in (np.abs, relu):
        m = masked()
        ufunc(m)[0] = np.ma.masked
        assert m.mask[0]
    for copied in (lambda m: np.maximum(0, m), lambda m: relu(m.copy())):
        m = masked()
        copied(m)[0] = np.ma.masked
        assert not m.mask[0]


def test_the_maximum_of_np_ma_loses_nan():
    m = masked()
    assert np.ma.maximum(m, 0)[4] == 0
    assert np.isnan(relu(m)[4])


def test_dead_units_leaves_masked_samples_out():
    m = np.ma.array([[-1.0, 2.0, 5.0], [-1.0, -3.0, 5.0]], mask=[[0, 1, 1], [0, 0, 1]])
    dead = dead_units(m)
    assert dead.tolist() == [True, True, None]


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_matrix():
    x = np.matrix(X).reshape(2, 3)
    ours, numpys = relu(x), np.maximum(0, x)
    assert type(ours) is type(numpys) is np.matrix
    np.testing.assert_array_equal(ours, numpys)
    for op in OPS:
        args = [x, x[::-1]][: op.ufunc.nin]
        result = op.ufunc(*args)
        assert type(result) is np.matrix
        assert_same(result, op.contract(*map(np.asarray, args)))
    assert type(relu_backward(np.ones((2, 3)), x)) is type(np.maximum(np.ones((2, 3)), x)) is np.matrix
    assert dead_units(x).shape == (1, 3)
    assert relu(x, out=x) is x
    assert_same(x, ours)


@pytest.fixture
def path(tmp_path):
    np.array(X, "f4").tofile(tmp_path / "x")
    return tmp_path / "x"


def test_memmap_in_place_on_disk(path):
    x = np.array(X, "f4")
    mapped = np.memmap(path, "f4", mode="r+")
    assert type(relu(mapped)) is type(np.maximum(0, mapped)) is np.ndarray
    assert_same(np.fromfile(path, "f4"), x)
    assert type(relu(mapped, out=mapped)) is type(np.maximum(0, x, out=mapped)) is np.memmap
    dy = np.arange(1, len(X) + 1, dtype="f4")
    for result, expected in (
        (lambda: relu(x, out=mapped), relu(x)),
        (lambda: relu_backward_strict(dy, mapped, out=mapped), relu_backward_strict(dy, x)),
    ):
        assert result() is mapped
        mapped.flush()
        assert_same(np.fromfile(path, "f4"), expected)
        assert_same(np.memmap(path, "f4", mode="r"), expected)


def test_memmap_past_a_page_and_off_its_start(tmp_path):
    """An offset that is no multiple of a page, nor of a vector."""
    x = operands(OPS[0], 100_003, np.dtype("f4"))[0]
    (tmp_path / "x").write_bytes(b"head" + x.tobytes() + b"tail")
    mapped = np.memmap(tmp_path / "x", "f4", mode="r+", offset=4, shape=x.shape)
    relu(mapped, out=mapped)
    mapped.flush()
    assert (tmp_path / "x").read_bytes() == b"head" + relu(x).tobytes() + b"tail"


def test_memmap_that_is_not_to_be_written(path):
    mapped = np.memmap(path, "f4", mode="r")
    for call in (np.maximum, relu, relu_backward):
        with pytest.raises(ValueError, match="read-only"):
            call(*[mapped] * call.nin, out=mapped)
    copied = np.memmap(path, "f4", mode="c")
    assert_same(relu(copied, out=copied), relu(np.array(X, "f4")))
    copied.flush()
    assert_same(np.fromfile(path, "f4"), np.array(X, "f4"))
