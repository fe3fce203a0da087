"""pandas beside np.maximum; what differs is in docs/containers.md."""

from collections.abc import Callable

import numpy as np
import pytest
from reference import OPS, WIDTHS, assert_same, operands

from relu_ext import dead_units, relu, relu_backward, relu_backward_strict, relu_grad, relu_grad_strict

pd = pytest.importorskip("pandas", reason="pandas is not installed: pip install '.[ecosystem]'")
from pandas.testing import assert_frame_equal, assert_index_equal, assert_series_equal  # noqa: E402

X = [-1.5, -0.0, 0.0, 2.5, np.nan, -np.inf]


def mixed() -> "pd.DataFrame":
    return pd.DataFrame(
        {"f": X[:5], "i": [-1, 0, 2, 3, -4], "h": np.array(X[:5], "f4")},
        index=pd.Index(list("abcde"), name="rows"),
    )


def with_na() -> "pd.DataFrame":
    return pd.DataFrame(
        {"i": pd.array([-1, None, 2, 0], "Int64"), "f": pd.array([-1.5, 2.5, None, -0.0], "Float64")},
        index=list("abcd"),
    )


@pytest.mark.parametrize("dtype", WIDTHS, ids=str)
@pytest.mark.parametrize("op", OPS, ids=repr)
def test_series(op, dtype):
    args = operands(op, 50, dtype)
    index = pd.Index(np.arange(50) * 2, name="rows")
    result = op.ufunc(*[pd.Series(a, index, name="n") for a in args])
    assert type(result) is pd.Series
    assert result.name == "n"
    assert_index_equal(result.index, index)
    assert_same(result.to_numpy(), op.contract(*args))


def test_series_and_index_as_by_maximum():
    s = pd.Series(X, list("abcdef"), name="n")
    assert_series_equal(relu(s), np.maximum(0, s))
    assert np.signbit(np.maximum(0, s)["b"])
    assert not np.signbit(relu(s)["b"])
    index = pd.Index([-1, 0, 2], name="n")
    assert_index_equal(relu(index), np.maximum(0, index))
    assert_index_equal(relu(pd.RangeIndex(-2, 3)), np.maximum(0, pd.RangeIndex(-2, 3)))


@pytest.mark.parametrize("dtype", WIDTHS, ids=str)
def test_dataframe_of_one_dtype(dtype):
    """np.maximum meets the 0 as an array of int64, and so makes float32 into float64."""
    df = mixed().fillna(9).astype(dtype)
    wide = np.dtype("f8" if dtype.kind == "f" else "i8")
    assert_frame_equal(np.maximum(0, df), relu(df).astype(wide))
    assert set(relu(df).dtypes) == {dtype}
    assert_frame_equal(relu_backward(df, df), relu(df))


def test_columns_keep_their_dtypes():
    df = mixed()
    assert set(np.maximum(0, df).dtypes) == {np.dtype("f8")}
    assert_frame_equal(relu(df), df.apply(lambda column: np.maximum(0, column)))
    assert_frame_equal(relu(df), np.maximum(0, df), check_dtype=False)
    for op in OPS:
        if op.ufunc.nin == 1:
            result = op.ufunc(df)
            assert_index_equal(result.columns, df.columns)
            assert_index_equal(result.index, df.index)
            for name in df:
                assert_same(result[name].to_numpy(), op.contract(df[name].to_numpy()))


def test_a_column_of_booleans():
    df = pd.DataFrame({"b": [True, False], "i": [-1, 2]})
    assert set(np.maximum(0, df).dtypes) == {np.dtype("O")}
    assert_frame_equal(relu(df), df.apply(lambda column: np.maximum(0, column)))
    with pytest.raises(TypeError, match="x is boolean"):
        relu_grad(df)


@pytest.mark.parametrize("backward", [relu_backward, relu_backward_strict])
def test_two_dataframes_become_two_arrays_as_in_maximum(backward):
    df, dy = mixed(), relu(mixed()) + 1
    result = backward(dy, df)
    assert_series_equal(result.dtypes, np.maximum(dy, df).dtypes)
    by_column = pd.DataFrame({name: backward(dy[name], df[name]) for name in df})
    assert_series_equal(by_column.dtypes, df.dtypes)
    assert_frame_equal(result, by_column, check_dtype=False)


def test_two_dataframes_with_na():
    df = with_na()
    for ufunc in (np.maximum, relu_backward):
        with pytest.raises(TypeError, match="NA is ambiguous"):
            ufunc(df, df)
    by_column = pd.DataFrame({name: relu_backward(df[name], df[name]) for name in df})
    assert_frame_equal(by_column, relu(df))


def test_na_stays():
    df = with_na()
    for name in df:
        assert_series_equal(relu(df[name]), np.maximum(0, df[name]))
        assert_series_equal(relu_backward(df[name], df[name]), np.maximum(0, df[name]))
    with pytest.raises(TypeError, match="NA is ambiguous"):
        np.maximum(0, df)
    assert_frame_equal(relu(df), df.apply(lambda column: np.maximum(0, column)))
    for gradient, at_zero in ((relu_grad, 1), (relu_grad_strict, 0)):
        expected = {"i": pd.array([0, None, 1, at_zero], "Int64"), "f": pd.array([0, 1, None, at_zero], "Float64")}
        assert_frame_equal(gradient(df), pd.DataFrame(expected, index=df.index))


def test_a_dataframe_of_extension_dtypes_becomes_objects_in_maximum():
    for df in (with_na().fillna(9), with_na().fillna(9)[["i"]].assign(f=np.float32(-1))):
        assert set(np.maximum(0, df).dtypes) == {np.dtype("O")}
        assert_series_equal(relu(df).dtypes, df.dtypes)
        assert_frame_equal(relu(df), np.maximum(0, df), check_dtype=False)


@pytest.mark.parametrize("dtype", ["Int8", "UInt8", "Int32", "Int64", "Float32", "Float64"])
@pytest.mark.parametrize("op", OPS, ids=repr)
def test_nullable_dtypes_are_kept(op, dtype):
    s = pd.Series([3, 0, None, 2], list("abcd"), dtype, "n")
    result = op.ufunc(*[s] * op.ufunc.nin)
    assert_series_equal(relu(s), np.maximum(0, s))
    assert (result.dtype, result.name) == (s.dtype, "n")
    assert_index_equal(result.index, s.index)
    assert result.isna().tolist() == [False, False, True, False]


def test_nullable_booleans():
    s = pd.Series([True, None, False], dtype="boolean", name="n")
    assert_series_equal(relu(s), pd.Series([1, None, 0], dtype="Int64", name="n"))
    assert_series_equal(relu(s), np.maximum(0, s))
    assert relu(s.to_frame()).dtypes["n"] == "Int64"
    with pytest.raises(TypeError, match="NA is ambiguous"):
        np.maximum(0, s.to_frame())


def test_categories():
    s = pd.Series([1, -1, None]).astype("category")
    for ufunc, args in ((np.maximum, (0, s)), (relu, (s,)), (relu_backward, (s, s))):
        with pytest.raises(TypeError, match="dtype category cannot perform"):
            ufunc(*args)
    df = s.to_frame("n")
    with pytest.raises(TypeError, match="dtype category cannot perform"):
        relu(df)
    assert_frame_equal(np.maximum(0, df), relu(df.astype(float)))
    assert_frame_equal(relu_backward(df, df), relu(df.astype(float)))


@pytest.fixture
def arrow() -> Callable[[list, str], "pd.Series"]:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install '.[ecosystem]'")
    return lambda x, dtype: pd.Series(x, list("abcdef")[: len(x)], f"{dtype}[pyarrow]", "n")


ARROW = ["int8", "int16", "int32", "int64", "uint8", "halffloat", "float", "double"]


@pytest.mark.parametrize("dtype", ARROW)
@pytest.mark.parametrize("op", OPS, ids=repr)
def test_arrow_without_na(op, dtype, arrow):
    s = arrow([3, 0, 2] if dtype == "uint8" else [-3, 0, 2], dtype)
    assert_series_equal(relu(s), np.maximum(0, s))
    result = op.ufunc(*[s] * op.ufunc.nin)
    assert result.dtype == s.dtype
    assert_index_equal(result.index, s.index)
    assert_same(result.to_numpy(), op.contract(*[s.to_numpy()] * op.ufunc.nin))


@pytest.mark.parametrize("dtype", ["float", "double"])
def test_na_in_arrow_counts_as_nan(dtype, arrow):
    s = arrow([-1.5, 0.0, None, 2.5], dtype)
    assert_series_equal(relu(s), np.maximum(0, s))
    assert relu(s).isna().tolist() == [False, False, True, False]
    for gradient, expected in ((relu_grad, [0, 1, 1, 1]), (relu_grad_strict, [0, 0, 1, 1])):
        assert_series_equal(gradient(s), arrow(expected, dtype))
        assert gradient(s.astype("Float64")).isna().tolist() == [False, False, True, False]
        known = gradient(s).where(s.notna())
        assert_series_equal(known, arrow([*expected[:2], None, 1], dtype))
        assert_series_equal(gradient(s.to_frame())["n"], arrow(expected, dtype))


@pytest.mark.parametrize("backward", [relu_backward, relu_backward_strict])
def test_backward_with_na_in_arrow(backward, arrow):
    dy, x = arrow([5, None, 7, 8], "double"), arrow([-1, 2, None, 3], "double")
    assert np.maximum(dy, x).isna().tolist() == [False, True, True, False]
    passed, known = arrow([0, None, 7, 8], "double"), arrow([0, None, None, 8], "double")
    assert_series_equal(backward(dy, x), passed)
    assert_series_equal(backward(dy.astype("Float64"), x), passed)
    assert_series_equal(backward(dy, x.astype("Float64")), known)
    assert_series_equal(backward(dy, x).where(x.notna()), known)
    assert_series_equal(backward(np.array([5.0, 6.0, 7.0, 8.0]), x), arrow([0, 6, 7, 8], "double"))
    assert_series_equal(backward(dy, np.array([-1.0, 2.0, 3.0, 4.0])), passed)


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint8"])
def test_arrow_integers_with_na_become_float64_as_in_maximum(dtype, arrow):
    s = arrow([1, 0, None, 3], dtype)
    assert_series_equal(relu(s), np.maximum(0, s))
    for op in OPS:
        assert op.ufunc(*[s] * op.ufunc.nin).dtype == "double[pyarrow]"
    assert_series_equal(relu_grad(s), arrow([1, 1, 1, 1], "double"))
    assert_series_equal(relu_backward(s, s), arrow([1, 0, None, 3], "double"))
    assert_series_equal(relu(s.astype("Int64")).astype(s.dtype), s)
    assert_series_equal(relu_grad(s.astype("Int64")).astype(s.dtype), arrow([1, 1, None, 1], dtype))


def test_large_arrow_integers_with_na(arrow):
    s = arrow([2**62 + 1, None], "int64")
    for ufunc, args in ((np.maximum, (0, s)), (relu, (s,))):
        assert ufunc(*args)["a"] == 2**62
    assert relu(s.astype("Int64"))["a"] == 2**62 + 1


def test_nan_in_arrow_becomes_na_as_in_maximum(arrow):
    import pyarrow as pa

    s = pd.Series(pd.arrays.ArrowExtensionArray(pa.array([-0.0, float("nan"), None])))
    assert s.isna().tolist() == [False, False, True]
    assert relu(s).isna().tolist() == np.maximum(0, s).isna().tolist() == [False, True, True]
    assert np.signbit(np.maximum(0, s)[0])
    assert not np.signbit(relu(s)[0])


def test_a_dataframe_of_arrow_columns(arrow):
    df = pd.DataFrame({"f": arrow([-1, 2], "float"), "i": arrow([-1, 2], "int8")})
    assert set(np.maximum(0, df).dtypes) == {np.dtype("O")}
    assert_frame_equal(relu(df), df.apply(lambda column: np.maximum(0, column)))
    df = df.assign(f=arrow([-1, None], "float"))
    for ufunc, args in ((np.maximum, (0, df)), (relu_backward, (df, df))):
        with pytest.raises(TypeError, match="NA is ambiguous"):
            ufunc(*args)
    assert_frame_equal(relu(df), df.apply(lambda column: np.maximum(0, column)))


def test_arrow_booleans(arrow):
    s = arrow([True, False], "bool")
    assert_series_equal(relu(s), np.maximum(0, s))
    for call in (relu_grad, lambda x: relu_backward(arrow([1, 2], "double"), x)):
        with pytest.raises(TypeError, match="x is boolean"):
            call(s)
    s = arrow([True, None], "bool")
    for ufunc, args in ((np.maximum, (0, s)), (relu, (s,))):
        with pytest.raises(TypeError, match="NA is ambiguous"):
            ufunc(*args)


def test_arrow_out(arrow):
    s = arrow([-1, None, 2], "double")
    expected = relu(s)
    assert relu(s, out=s) is not s
    assert_series_equal(s, expected)


@pytest.mark.parametrize(
    "x",
    [
        pd.Series([True, False]),
        pd.Series([True, None], dtype="boolean"),
        pd.Series([-1, 2.5, 3], dtype=object),
        pd.Series([-1, None, 3], dtype=object),
        pd.Series(["a", "b"]),
        pd.Series([1, -1]).astype("category"),
        pd.Series(pd.to_datetime(["2020-01-01"])),
        pd.Series([-1, 2, None], dtype="Int8"),
        pd.Series(pd.arrays.SparseArray([-1.0, np.nan, np.nan, 2.0])),
    ],
    ids=lambda x: str(x.dtype),
)
def test_other_dtypes_as_by_maximum(x):
    try:
        expected = np.maximum(0, x)
    except TypeError:
        with pytest.raises(TypeError):
            relu(x)
    else:
        assert_series_equal(relu(x), expected)


def test_time_differences_are_left_to_maximum():
    x = pd.Series(pd.to_timedelta([-1, 1], "s"))
    assert np.maximum(0, x).tolist() == [pd.Timedelta(0), pd.Timedelta(1, "s")]
    with pytest.raises(TypeError, match="relu: x is timedelta64"):
        relu(x)


@pytest.mark.parametrize("mask", [pd.Series([1.0, -1.0]) > 0, pd.Series([True, None], dtype="boolean")])
def test_a_mask_is_refused(mask):
    for call in (relu_grad, lambda x: relu_backward(pd.Series([1.0, 2.0]), x)):
        with pytest.raises(TypeError, match="x is boolean"):
            call(mask)


def test_a_mask_that_was_reindexed_is_refused():
    """pandas makes an array of objects of it."""
    mask = (pd.Series([1.0, -1.0], list("ab")) > 0).reindex(list("abc"))
    assert mask.dtype == object
    for call in (relu_grad, relu_grad_strict, lambda x: relu_backward(pd.Series(1.0, list("abc")), x)):
        with pytest.raises(TypeError, match="x is boolean"):
            call(mask)


def test_the_slip_of_two_arguments_empties_nothing():
    for x in (pd.Series(X), pd.DataFrame({"a": X})):
        before = x.copy()
        for args in ((0, x), (x, 0), (x, x)):
            with pytest.raises(TypeError, match="relu takes"):
                relu(*args)
        assert x.equals(before)


def test_out():
    calls = {"ours": lambda x, out: relu(x, out=out), "numpys": lambda x, out: np.maximum(0, x, out=out)}
    seen = {}
    for name, call in calls.items():
        s = pd.Series(X, list("abcdef"), name="n")
        same_memory, array = s[:], np.empty(len(X))
        assert type(call(s, array)) is pd.Series
        result = call(s, s)
        assert result is not s
        df = mixed()[["f"]]
        call(df, df)
        seen[name] = s, result, same_memory, pd.Series(array), df["f"]
    for ours, numpys in zip(seen["ours"], seen["numpys"], strict=True):
        assert_series_equal(ours, numpys)
    df = mixed()
    relu(df, out=df)
    assert_frame_equal(df, relu(mixed()))
    with pytest.raises(TypeError, match="Invalid value"):  # float64 does not go into the column of integers
        np.maximum(0, df, out=df)


def test_operands_are_aligned_as_in_maximum():
    dy, x = pd.Series([5.0, 6.0, 7.0], list("abc"), name="dy"), pd.Series([-1.0, 0.0, 2.0, 3.0], list("cbad"))
    result, maximum = relu_backward(dy, x), np.maximum(dy, x)
    assert_index_equal(result.index, maximum.index)
    assert result.name is maximum.name is None
    assert_series_equal(result, pd.Series([5.0, 6.0, 0.0, np.nan], list("abcd")))
    frame = relu_backward(dy.to_frame("n"), x.to_frame("n"))
    assert_frame_equal(frame, result.to_frame("n"))
    # An array has no labels, so nothing is aligned.
    assert_series_equal(relu_backward(dy, x.to_numpy()[:3]), pd.Series([0.0, 6.0, 7.0], list("abc"), name="dy"))


def test_the_trap_of_a_label_that_x_lacks():
    dy, x = pd.Series([5.0, 6.0], list("ab")), pd.Series([-1.0], ["a"])
    assert np.isnan(np.maximum(dy, x)["b"])
    assert relu_backward(dy, x)["b"] == relu_backward_strict(dy, x)["b"] == 6
    assert_series_equal(relu_backward(dy.reindex(x.index), x), pd.Series([0.0], ["a"]))


def test_a_dataframe_with_a_series_is_refused_as_by_maximum():
    df = mixed()
    for ufunc in (np.maximum, relu_backward):
        with pytest.raises(NotImplementedError, match="mixed DataFrame and Series"):
            ufunc(df, df["f"])


def test_dead_units():
    df = pd.DataFrame({"a": [-1.0, 0.0], "b": [-1.0, np.nan]})
    assert_series_equal(df.apply(dead_units), pd.Series([True, False], ["a", "b"]))
    assert_same(dead_units(df), np.array([True, False]))
