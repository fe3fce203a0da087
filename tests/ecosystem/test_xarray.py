"""xarray beside np.maximum; what differs is in docs/containers.md."""

import numpy as np
import pytest
from reference import OPS, UNARY, WIDTHS, assert_same, operands

from relu_ext import dead_units, relu, relu_backward, relu_backward_strict

xr = pytest.importorskip("xarray", reason="xarray is not installed: pip install '.[ecosystem]'")


def array() -> "xr.DataArray":
    return xr.DataArray(
        [[-1.5, -0.0, 0.0], [np.nan, -np.inf, 2.5]],
        dims=("sample", "unit"),
        coords={"sample": [10, 20], "unit": ["a", "b", "c"], "other": ("unit", [-1.0, -2.0, 3.0])},
        name="z",
        attrs={"units": "m"},
    )


def dataset() -> "xr.Dataset":
    return xr.Dataset({"z": array(), "counts": ("sample", np.array([-1, 2], "i2"))}, attrs={"title": "t"})


@pytest.mark.parametrize("keep_attrs", [True, False, "default"])
@pytest.mark.parametrize("make", [array, dataset, lambda: array().variable], ids=["DataArray", "Dataset", "Variable"])
def test_labels_as_by_maximum(make, keep_attrs):
    x = make()
    with xr.set_options(keep_attrs=keep_attrs):
        ours, numpys = relu(x), np.maximum(0, x)
    xr.testing.assert_identical(ours, numpys)  # dimensions, coordinates, names, attributes, and values under ==
    xr.testing.assert_identical(x, make())
    data = [v.data for v in ours.data_vars.values()] if isinstance(x, xr.Dataset) else [ours.data]
    assert not any(np.signbit(d).any() for d in data)


@pytest.mark.parametrize("dtype", WIDTHS, ids=str)
@pytest.mark.parametrize("op", OPS, ids=repr)
def test_every_width(op, dtype):
    args = [a.reshape(5, 10) for a in operands(op, 50, dtype)]
    result = op.ufunc(*[xr.DataArray(a, dims=("sample", "unit")) for a in args])
    assert type(result) is xr.DataArray
    assert result.dims == ("sample", "unit")
    assert_same(result.values, op.contract(*args))


@pytest.mark.parametrize("op", UNARY, ids=repr)
def test_each_variable_of_a_dataset_keeps_its_dtype(op):
    x, result = dataset(), op.ufunc(dataset())
    for name in x:
        assert_same(result[name].values, op.contract(x[name].values))


@pytest.mark.parametrize("backward", [relu_backward, relu_backward_strict])
def test_operands_are_matched_by_name_as_in_maximum(backward):
    x = array()
    plain = np.arange(1.0, 7.0).reshape(2, 3)
    dy = xr.DataArray(plain, dims=x.dims, coords={name: x[name] for name in ("sample", "unit")})
    expected = backward(plain, x.values)
    for other in (dy, dy.transpose(), dy.sel(unit=["c", "a", "b"]), dy.transpose().sel(sample=[20, 10])):
        result, maximum = backward(other, x), np.maximum(other, x)
        assert result.dims == maximum.dims == other.dims
        xr.testing.assert_identical(result.coords.to_dataset(), maximum.coords.to_dataset())
        assert result.name == maximum.name
        assert result.attrs == maximum.attrs
        assert_same(result.transpose(*x.dims).sel(unit=x.unit, sample=x.sample).values, expected)
    by_unit = xr.DataArray([5.0, 6.0, 7.0], dims="unit")
    result = backward(by_unit, x)
    assert result.dims == np.maximum(by_unit, x).dims == ("unit", "sample")
    assert_same(result.values, backward(np.broadcast_to([5.0, 6.0, 7.0], (2, 3)), x.values).T)
    assert_same(backward(plain, x).values, expected)


def test_labels_that_only_one_operand_has():
    x, dy = array(), xr.DataArray([5.0, 6.0], dims="sample", coords={"sample": [20, 30]})
    inner = relu_backward(dy, x)
    xr.testing.assert_identical(inner.coords.to_dataset(), np.maximum(dy, x).coords.to_dataset())
    assert_same(inner.values, np.array([[5.0, 0.0, 5.0]]))
    with xr.set_options(arithmetic_join="outer"):
        outer, maximum = relu_backward(dy, x), np.maximum(dy, x)
        assert outer.sample.values.tolist() == maximum.sample.values.tolist() == [10, 20, 30]
        assert np.isnan(maximum.sel(sample=30)).all()
        assert (outer.sel(sample=30) == 6).all()  # x is NaN there, and NaN lets dy pass
    with xr.set_options(arithmetic_join="exact"):
        for ufunc in (np.maximum, relu_backward):
            with pytest.raises(ValueError, match="cannot align"):
                ufunc(dy, x)


def test_in_place():
    x = array()
    for call in (relu, np.positive):
        with pytest.raises(NotImplementedError, match="`out`"):
            call(x, out=x)
    expected = relu(array())
    relu(x.values, out=x.values)
    xr.testing.assert_identical(x, expected)


def test_a_mask_is_refused():
    with pytest.raises(TypeError, match="x is boolean"):
        relu_backward(array(), array() > 0)


def test_dead_units():
    dead = array().reduce(dead_units, "sample")
    assert dead.dims == ("unit",)
    assert_same(dead.values, np.array([False, True, False]))
    assert dead.unit.values.tolist() == ["a", "b", "c"]
    assert_same(dead_units(array()), dead.values)
