"""h5py's datasets and zarr's arrays beside np.maximum; docs/containers.md shows how to work on them in pieces."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from reference import OPS, WIDTHS, assert_same, operands

from relu_ext import dead_units, relu, relu_backward, relu_grad

X = np.array([[-1.5, -0.0, 0.0], [2.5, np.nan, -np.inf], [1.0, -1.0, 3.0]], "f4")


@pytest.fixture(params=["h5py", "zarr"])
def stored(request, tmp_path) -> Iterator[Callable[[np.ndarray], Any]]:
    """Return a function that writes an array to a file in chunks of two rows, and returns the library's object."""
    library = pytest.importorskip(request.param, reason=f"{request.param} is not installed: pip install '.[ecosystem]'")

    def chunks(a: np.ndarray) -> tuple[int, ...]:
        return (2, *a.shape[1:])

    if request.param == "zarr":
        group = library.open_group(tmp_path / "x", mode="w")

        def write(a: np.ndarray) -> Any:
            name = f"x{len(list(group.array_keys()))}"
            array = group.create_array(name, shape=a.shape, dtype=a.dtype.str, chunks=chunks(a))
            array[...] = a
            return array

        yield write
    else:
        with library.File(tmp_path / "x", "w") as file:
            yield lambda a: file.create_dataset(f"x{len(file)}", data=a, chunks=chunks(a))


@pytest.mark.parametrize("dtype", [*WIDTHS, np.dtype("B"), np.dtype("f4").newbyteorder()], ids=str)
@pytest.mark.parametrize("op", OPS, ids=repr)
def test_every_width(op, dtype, stored):
    plain = [a.reshape(5, 10) for a in operands(op, 50, dtype.newbyteorder("="))]
    plain = [a.astype(dtype.str) for a in plain]
    args = [stored(a) for a in plain]
    result = op.ufunc(*args)
    assert type(result) is np.ndarray
    expected = op.contract(*plain).astype(dtype.newbyteorder("=").str)
    assert_same(result, expected)
    assert_same(args[0][...], plain[0])
    if len(args) == 2:
        assert_same(op.ufunc(args[0], plain[1]), expected)
        assert_same(op.ufunc(plain[0], args[1]), expected)


def test_as_by_maximum(stored):
    x = stored(X)
    ours, numpys = relu(x), np.maximum(0, x)
    assert type(ours) is type(numpys) is np.ndarray
    assert ours.dtype == numpys.dtype
    np.testing.assert_array_equal(ours, numpys)
    assert np.signbit(numpys[0, 1])
    assert not np.signbit(ours[0, 1])
    for ufunc in (np.maximum, relu_backward):
        assert type(ufunc(x, x)) is type(ufunc(X, x)) is type(ufunc(x, X)) is np.ndarray


def test_out(stored):
    """Of an array in memory, but not of the object, which is no array."""
    x = stored(X)
    for ufunc, args in ((np.maximum, (0, x)), (relu, (x,)), (relu_backward, (x, x))):
        with pytest.raises(TypeError, match="ArrayType"):
            ufunc(*args, out=x)
        out = np.empty_like(X)
        assert ufunc(*args, out=out) is out
    assert_same(x[...], X)


def test_in_place_on_disk(stored):
    x = stored(X)
    x[...] = relu(x)
    assert_same(x[...], relu(X))


def test_chunk_by_chunk(stored):
    x = stored(X)
    if hasattr(x, "iter_chunks"):
        for chunk in x.iter_chunks():
            x[chunk] = relu(x[chunk])
    else:
        for index in np.ndindex(x.cdata_shape):
            x.blocks[index] = relu(x.blocks[index])
    assert_same(x[...], relu(X))


def test_dask(stored):
    da = pytest.importorskip("dask.array", reason="dask.array is not installed: pip install '.[ecosystem]'")
    x = stored(X)
    lazy = relu(da.from_array(x, chunks=x.chunks))
    assert lazy.chunks == ((2, 1), (3,))
    assert_same(lazy.compute(), relu(X))


def test_rows_by_rows(stored):
    x, dy = stored(X), stored(X + 1)
    for start in range(0, len(X), x.chunks[0]):
        rows = slice(start, start + x.chunks[0])
        dy[rows] = relu_backward(dy[rows], x[rows])
    assert_same(dy[...], relu_backward(X + 1, X))


def test_a_mask_is_refused(stored):
    mask = stored(X > 0)
    assert_same(relu(mask), np.maximum(0, mask))
    for call in (relu_grad, lambda x: relu_backward(X, x)):
        with pytest.raises(TypeError, match="x is boolean"):
            call(mask)


def test_dead_units(stored):
    x = np.array([[-1.0, 2.0], [-1.0, -3.0], [0.0, 1.0]])
    assert_same(dead_units(stored(x)), np.array([True, False]))
