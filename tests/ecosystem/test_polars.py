"""polars beside np.maximum; what differs is in docs/containers.md."""

import numpy as np
import pytest
from reference import OPS, UNARY, WIDTHS, assert_same, operands

from relu_ext import dead_units, relu, relu_backward, relu_backward_strict, relu_grad, relu_grad_strict

pl = pytest.importorskip("polars", reason="polars is not installed: pip install '.[ecosystem]'")
from polars.testing import assert_frame_equal, assert_series_equal  # noqa: E402

X = [-1.5, -0.0, 0.0, None, 2.5, np.nan, -np.inf]
GRADIENTS = [op for op in OPS if op.ufunc is not relu]


def series(name: str, a: np.ndarray) -> "pl.Series":
    return pl.Series(name, a.view(a.dtype.str))  # polars does not know the dtype of C's long long


def frame() -> "pl.DataFrame":
    return pl.DataFrame({"f": pl.Series([-1.5, None, 2.0, 0.0], dtype=pl.Float32), "i": [-1, 0, None, 3]})


@pytest.mark.parametrize("dtype", [dtype for dtype in WIDTHS if dtype != "e"], ids=str)
@pytest.mark.parametrize("op", OPS, ids=repr)
def test_series(op, dtype):
    args = operands(op, 50, dtype)
    result = op.ufunc(*[series(name, a) for name, a in zip("ns", args, strict=False)])
    assert type(result) is pl.Series
    assert result.name == "n"
    assert result.dtype == series("n", args[0]).dtype
    assert_same(result.to_numpy(), op.contract(*args).view(args[0].dtype.str))


@pytest.mark.parametrize("dtype", ["Float32", "Float64", "Int64", "UInt64"])
def test_as_by_maximum(dtype):
    s = pl.Series("n", [1, 0, None, 3] if dtype == "UInt64" else [-1, 0, None, 3], dtype=getattr(pl, dtype))
    assert_series_equal(relu(s), np.maximum(0, s))
    parts = pl.concat([s, s], rechunk=False)
    assert_series_equal(relu(parts), np.maximum(0, parts))
    assert_series_equal(relu(s.clear()), np.maximum(0, s.clear()))


def test_negative_zeros():
    s = pl.Series("n", X)
    assert_series_equal(relu(s), np.maximum(0, s))
    assert np.signbit(np.maximum(0, s)[1])
    assert not np.signbit(relu(s)[1])


@pytest.mark.parametrize("dtype", ["Int8", "Int16", "Int32", "UInt8", "UInt16", "UInt32"])
def test_narrow_integers_keep_their_dtype(dtype):
    """polars takes the first loop of a ufunc whose result can hold the operands."""
    s = pl.Series("n", [1, 0, None, 3], dtype=getattr(pl, dtype))
    assert_series_equal(relu(s), np.maximum(0, s))
    assert_frame_equal(s.to_frame().select(relu(pl.all())), s.to_frame().select(np.maximum(0, pl.all())))
    for op in GRADIENTS:
        assert op.ufunc(*[s] * op.ufunc.nin).dtype == s.dtype


def test_null_stays_and_nan_is_a_number():
    x = pl.Series("x", X)
    assert np.maximum(0, x).is_null().to_list() == [value is None for value in X]
    assert_series_equal(relu_grad(x), pl.Series("x", [0.0, 1.0, 1.0, None, 1.0, 1.0, 0.0]))
    assert_series_equal(relu_grad_strict(x), pl.Series("x", [0.0, 0.0, 0.0, None, 1.0, 1.0, 0.0]))


@pytest.mark.parametrize("backward", [relu_backward, relu_backward_strict])
def test_backward_as_maximum(backward):
    dy, x = pl.Series("dy", [1.0, 2.0, 3.0, None]), pl.Series("x", [-1.0, None, 2.0, 4.0])
    assert_series_equal(backward(dy, x), pl.Series("dy", [0.0, None, 3.0, None]))
    plain = np.array([1.0, 2.0, 3.0, 4.0])
    for args in ((dy, x), (plain, x), (dy, plain), (dy.cast(pl.Float32), x.cast(pl.Int8)), (dy.cast(pl.UInt8), x)):
        result, maximum = backward(*args), np.maximum(*args)
        assert type(result) is type(maximum) is pl.Series
        assert (result.name, result.dtype) == (maximum.name, maximum.dtype)
        assert result.is_null().to_list() == maximum.is_null().to_list()
    assert backward(plain, x).to_list() == [0.0, None, 3.0, 4.0]
    assert backward(dy, plain).to_list() == [1.0, 2.0, 3.0, None]


@pytest.mark.parametrize(
    "s",
    [
        pl.Series([True, False]),
        pl.Series(["a", "b"]),
        pl.Series([[1.0, -2.0], [3.0]]),
        pl.Series([-1, 2]).cast(pl.Duration),
        *([pl.Series([1.0, -2.0], dtype=pl.Float16)] if hasattr(pl, "Float16") else []),
    ],
    ids=lambda s: str(s.dtype),
)
def test_other_dtypes_as_by_maximum(s):
    try:
        expected = np.maximum(0, s)
    except (TypeError, NotImplementedError) as error:
        for op in OPS:
            with pytest.raises(type(error)):
                op.ufunc(*[s] * op.ufunc.nin)
    else:
        assert_series_equal(relu(s), expected)


def test_what_is_refused_as_by_maximum():
    s = pl.Series([-1.0, 2.0])
    for ufunc, args in ((np.maximum, (0, s)), (relu, (s,)), (relu_backward, (s, s))):
        for out in (s, np.empty(2)):
            with pytest.raises(TypeError, match="out"):
                ufunc(*args, out=out)
    for ufunc in (np.maximum, relu_backward):
        with pytest.raises(NotImplementedError, match="__call__"):
            ufunc.outer(s, s)
        with pytest.raises(TypeError, match="unsupported type 'list'"):
            ufunc([1.0, 2.0], s)


def test_a_mask_is_refused():
    s = pl.Series([-1.0, 2.0])
    with pytest.raises(TypeError, match="x is boolean"):
        relu_backward(s, (s > 0).to_numpy())
    with pytest.raises(TypeError):  # polars hands it over as no array at all
        relu_backward(s, s > 0)
    with pytest.raises(TypeError, match="x is boolean"):
        relu_grad(pl.DataFrame({"mask": s > 0}))


@pytest.mark.parametrize("op", UNARY, ids=repr)
def test_expressions(op):
    df = frame()
    expected = pl.DataFrame([op.ufunc(column) for column in df])
    assert_frame_equal(df.select(op.ufunc(pl.all())), expected)
    lazy = df.lazy().select(op.ufunc(pl.all()))
    assert lazy.collect_schema() == expected.schema
    assert_frame_equal(lazy.collect(), expected)
    if op.ufunc is relu:
        assert_frame_equal(expected, df.select(np.maximum(0, pl.all())))


def test_an_expression_of_two_columns():
    df = pl.DataFrame({"dy": [1.0, 2.0, None, 4.0], "x": [-1, None, 3, 4]})
    for backward in (relu_backward, relu_backward_strict):
        result = df.with_columns(dx=backward(pl.col("dy"), pl.col("x")))
        assert result["dx"].to_list() == [0.0, None, None, 4.0]
        assert result.schema == df.with_columns(dx=np.maximum(pl.col("dy"), pl.col("x"))).schema


@pytest.mark.parametrize("op", OPS, ids=repr)
def test_a_dataframe_becomes_an_array_and_its_nulls_nan(op):
    df = frame()
    args = [df] * op.ufunc.nin
    result = op.ufunc(*args)
    assert type(result) is type(np.maximum(0, df)) is np.ndarray
    assert_same(result, op.contract(*[df.to_numpy()] * op.ufunc.nin))
    assert np.isnan(np.maximum(0, df)[1, 0])
    with pytest.raises(TypeError, match="ArrayType"):
        op.ufunc(*args, out=df)


def test_gradients_of_a_dataframe_with_nulls():
    df = frame()
    assert relu_grad(df)[1, 0] == relu_grad_strict(df)[1, 0] == 1
    assert df.select(relu_grad(pl.all()))["f"].to_list() == [0.0, None, 1.0, 1.0]


def test_dead_units():
    df = pl.DataFrame({"a": [-1.0, -2.0], "b": [-1.0, 2.0]})
    assert_same(dead_units(df), np.array([True, False]))
    assert_frame_equal(df.select((pl.all() <= 0).all()), pl.DataFrame({"a": [True], "b": [False]}))
    assert dead_units(df["a"])
