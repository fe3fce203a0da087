"""Awkward arrays beside np.maximum; what differs is in docs/containers.md."""

import numpy as np
import pytest
from reference import OPS, WIDTHS, assert_same, operands

from relu_ext import dead_units, relu, relu_backward, relu_backward_strict, relu_grad, relu_grad_strict

ak = pytest.importorskip("awkward", reason="awkward is not installed: pip install '.[ecosystem]'")

RAGGED = [[-1.5, -0.0, 0.0], [], [2.5, np.nan]]
ARRAYS = {
    "ragged": ak.Array(RAGGED),
    "regular": ak.Array(np.array([[-1.5, 2.0], [0.0, -4.0]], "f4")),
    "None": ak.Array([-1.5, None, 2.5, 0.0]),
    "None among lists": ak.Array([[-1.5, None], None, [2.5]]),
    "masked": ak.mask(ak.Array([-1.5, 2.5, -3.0]), [True, False, True]),
    "union": ak.Array([-1.5, [2.5, -3.0]]),
    "picked": ak.Array([-1, 2, 0])[[1, 0, 1]],
    "parameters": ak.with_parameter(ak.Array([-1.5, 2.5]), "unit", "m"),
    "nothing": ak.Array([]),
}


@pytest.mark.parametrize("dtype", WIDTHS, ids=str)
@pytest.mark.parametrize("op", OPS, ids=repr)
def test_every_width(op, dtype):
    args = [a.view(a.dtype.str) for a in operands(op, 50, dtype)]
    result = op.ufunc(*[ak.unflatten(a, [20, 0, 30]) for a in args])
    assert type(result) is ak.Array
    assert ak.num(result).tolist() == [20, 0, 30]
    assert_same(ak.to_numpy(ak.flatten(result)), op.contract(*args))


@pytest.mark.parametrize("x", ARRAYS.values(), ids=ARRAYS)
def test_as_by_maximum(x):
    ours, numpys = relu(x), np.maximum(0, x)
    assert type(ours) is type(numpys) is ak.Array
    assert ours.type == numpys.type
    assert ak.array_equal(ours, numpys, equal_nan=True)
    for op in OPS:
        result = op.ufunc(*[x] * op.ufunc.nin)
        assert result.type == numpys.type
        assert ak.is_none(result, axis=-1).tolist() == ak.is_none(x, axis=-1).tolist()


def test_negative_zeros():
    x = ak.Array(RAGGED)
    assert np.signbit(np.maximum(0, x)[0, 1])
    assert not np.signbit(relu(x)[0, 1])


def test_attributes_are_kept():
    x = ak.Array([-1.0, 2.0], attrs={"title": "t"})
    assert relu(x).attrs == np.maximum(0, x).attrs == {"title": "t"}


def test_none_stays():
    x = ARRAYS["None among lists"]
    assert relu_grad(x).tolist() == relu_grad_strict(x).tolist() == [[0.0, None], None, [1.0]]
    assert relu_grad(ARRAYS["None"]).tolist() == [0.0, None, 1.0, 1.0]


@pytest.mark.parametrize("backward", [relu_backward, relu_backward_strict])
def test_backward_as_maximum(backward):
    dy, x = ak.Array([1.0, 2.0, None, 4.0]), ak.Array([-1.0, None, 2.0, 4.0])
    assert backward(dy, x).tolist() == [0.0, None, None, 4.0]
    plain, ragged = np.array([1.0, 2.0, 3.0]), ak.Array(RAGGED)
    small = ak.values_astype(ak.Array([-1, 2, 0]), "i1")
    for args in ((dy, x), (ragged + 1, ragged), (plain, ragged), (ragged, plain), (1, ragged), (plain, small)):
        result, maximum = backward(*args), np.maximum(*args)
        assert type(result) is type(maximum) is ak.Array
        assert result.type == maximum.type
    # One number of the array to each list, as awkward broadcasts.
    assert backward(plain, ragged).tolist() == [[0.0, *backward([1.0, 1.0], [-0.0, 0.0])], [], [3.0, 3.0]]
    for ufunc in (np.maximum, backward):
        with pytest.raises(ValueError, match="cannot broadcast nested list"):
            ufunc(ak.Array([[1.0], [2.0], [3.0, 4.0]]), ragged)


@pytest.mark.parametrize(
    ("x", "error"),
    [
        (ak.Array([{"a": -1.0}]), ValueError),
        (ak.zip({"a": [-1.0]}, with_name="P"), TypeError),
        (ak.Array(["a"]), TypeError),
    ],
    ids=["record", "named record", "string"],
)
def test_what_is_refused_as_by_maximum(x, error):
    with pytest.raises(error):
        np.maximum(0, x)
    for op in OPS:
        with pytest.raises(error):
            op.ufunc(*[x] * op.ufunc.nin)


def test_fields_of_a_record():
    x = ak.Array([{"a": -1.0, "b": [2, -3]}, {"a": 2.0, "b": []}])
    result = ak.zip({name: relu(x[name]) for name in ak.fields(x)}, depth_limit=1)
    assert result.type == x.type
    assert result.tolist() == [{"a": 0.0, "b": [2, 0]}, {"a": 2.0, "b": []}]


def test_time_differences_are_left_to_maximum():
    x = ak.Array(np.array([-1, 1], "m8[s]"))
    assert np.maximum(0, x).to_numpy().tolist() == np.array([0, 1], "m8[s]").tolist()
    with pytest.raises(TypeError, match="relu: x is timedelta64"):
        relu(x)


def test_a_mask_is_refused():
    x = ak.Array(RAGGED)
    assert relu(x > 0).type == np.maximum(0, x > 0).type
    for call in (relu_grad, lambda mask: relu_backward(x, mask)):
        with pytest.raises(TypeError, match="x is boolean"):
            call(x > 0)


def test_out_and_in_place():
    x = ak.Array(RAGGED)
    for ufunc, args in ((np.maximum, (0, x)), (relu, (x,)), (relu_backward, (x, x))):
        with pytest.raises(TypeError, match="NotImplemented"):
            ufunc(*args, out=x)
    expected = relu(x)
    numbers = ak.to_numpy(ak.flatten(x, axis=None))  # a view, where all lists lie in one piece of memory
    relu(numbers, out=numbers)
    assert ak.array_equal(x, expected, equal_nan=True)


def test_dead_units():
    assert_same(dead_units(ARRAYS["regular"]), np.array([True, False]))
    for x in (ak.Array([[-1.0, 2.0, -3.0], [3.0, -1.0]]), ak.Array([[-1.0, 2.0, -3.0], [3.0, None, -1.0]])):
        with pytest.raises(ValueError, match="cannot convert"):
            dead_units(x)
        assert ak.all(x <= 0, axis=0).tolist() == [False, False, True]
