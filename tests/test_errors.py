"""Calls that cannot be right: what they are told, and that nothing is written."""

import inspect
from decimal import Decimal

import numpy as np
import pytest
from reference import BACKWARD, OPS, UNARY, assert_same

from relu_ext import relu

try:
    import ml_dtypes
except ImportError:
    ml_dtypes = None


class Subclass(np.ndarray):
    pass


class Container:
    """Takes part in ufuncs as pandas, Dask and others do: by unwrapping, and passing on all that it was given."""

    def __init__(self, values):
        self.values = values

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return getattr(ufunc, method)(*[i.values if isinstance(i, Container) else i for i in inputs], **kwargs)


WRAPPED = [np.asarray, lambda x: x.view(Subclass), np.ma.asarray, Container]


# Positional arguments


@pytest.mark.parametrize("wrap", WRAPPED)
@pytest.mark.parametrize("op", UNARY, ids=repr)
def test_a_number_before_the_array(op, wrap):
    for zero in (0, 0.0, np.float32(0), False):
        x = np.array([-1.0, 2.0, -3.0])
        with pytest.raises(TypeError, match=rf"^{op!r} takes the array alone, not {op!r}\(0, x\): write {op!r}\(x\)"):
            op.ufunc(zero, wrap(x))
        assert_same(x, np.array([-1.0, 2.0, -3.0]))


@pytest.mark.parametrize("wrap", WRAPPED)
@pytest.mark.parametrize("op", OPS, ids=repr)
def test_too_many_or_too_few_positional_arguments(op, wrap):
    x, y = np.array([-1.0, 2.0, -3.0]), np.array([5.0, 6.0, 7.0])
    one_too_many = [*[wrap(x)] * op.ufunc.nin, wrap(y)]
    calls = [one_too_many, [*one_too_many, wrap(y)], [wrap(x)] * (op.ufunc.nin - 1)]
    calls += [[*[wrap(x)] * op.ufunc.nin, extra] for extra in (0, None, 1.5, (y,))]
    for args in calls:
        for kwargs in ({}, {"out": y}, {"where": True}):
            with pytest.raises(TypeError, match=rf"^{op!r} takes .*{len(args)} given: write {op!r}\(.*x, out=y\)"):
                op.ufunc(*args, **kwargs)
    assert_same(x, np.array([-1.0, 2.0, -3.0]))
    assert_same(y, np.array([5.0, 6.0, 7.0]))


@pytest.mark.parametrize("op", UNARY[1:], ids=repr)
def test_the_chain_rule_is_named(op):
    with pytest.raises(TypeError, match=repr(op).replace("grad", "backward") + r"\(dy, x\)"):
        op.ufunc(np.ones(3), np.ones(3))


@pytest.mark.parametrize("op", OPS, ids=repr)
def test_every_way_to_call(op):
    x = np.ones(3)
    args = [x] * op.ufunc.nin
    for call in (op.ufunc, op.ufunc.__call__, lambda *a: type(op.ufunc).__call__(op.ufunc, *a)):
        assert_same(call(*args), x)
        with pytest.raises(TypeError, match=f"{op!r} takes"):
            call(*args, x)
    names = list(inspect.signature(op.ufunc).parameters)
    assert names[: op.ufunc.nin + 1] == [*["dy", "x"][-op.ufunc.nin :], "out"]
    with pytest.raises(TypeError, match="too many positional"):
        inspect.signature(op.ufunc).bind(*args, x)


# Dtypes

WRONG = {
    "complex128": (np.array([1j]), r"has no order; pass real numbers, for example {}\.real"),
    "complex64": (np.array([1j], "c8"), r"has no order; pass real numbers, for example {}\.real"),
    "str_": (np.array(["a"]), r"is text; convert it to numbers, for example {}\.astype\(float\)"),
    "bytes_": (np.array([b"a"]), r"is text; convert it"),
    "str": (np.array(["a"], np.dtypes.StringDType()), r"is text; convert it"),
    "datetime64": (np.array(["2020-01-01"], "M8[D]"), r"dates have no zero; pass numbers, for example \({} - start\)"),
    "timedelta64": (np.array([1], "m8[s]"), r"has a unit; pass numbers, for example {} / np\.timedelta64"),
    "void": (np.zeros(1, "i4,f4"), r"is not a number; pass one field of a structured array, for example {}\["),
}
if ml_dtypes:
    WRONG["float8_e8m0fnu"] = np.ones(1, ml_dtypes.float8_e8m0fnu), r"only bfloat16 and .* {}\.astype\(np\.float32\)"
    WRONG["int4"] = np.ones(1, ml_dtypes.int4), r"only bfloat16 and .* cast it first"


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("op", OPS, ids=repr)
def test_wrong_dtypes(op, name):
    x, advice = WRONG[name]
    places = {"x": ([np.ones(1), x] if op.ufunc.nin == 2 else [x])}
    if op.ufunc.nin == 2:
        places["dy"] = [x, np.ones(1)]
    for operand, args in places.items():
        for call_args in (args, [a[0] for a in args], [np.broadcast_to(a, (2, 3)) for a in args]):
            with pytest.raises(TypeError, match=f"^{op!r}: {operand} is {name}_?, .*{advice.format(operand)}"):
                op.ufunc(*call_args)
        with pytest.raises(TypeError, match=f"^{op!r}: {operand} is {name}"):
            op.ufunc(*args, out=np.empty(1))


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("op", BACKWARD, ids=repr)
def test_wrong_dtypes_beside_objects(op, name):
    """NumPy would make objects of them, and so let any dy pass."""
    x, advice = WRONG[name]
    objects = np.array([1], object)
    for operand, args in {"x": [objects, x], "dy": [x, objects]}.items():
        with pytest.raises(TypeError, match=f"^{op!r}: {operand} is {name}_?, .*{advice.format(operand)}"):
            op.ufunc(*args)


@pytest.mark.parametrize("op", BACKWARD, ids=repr)
def test_methods_refuse_the_same(op):
    for call in (
        lambda x: op.ufunc.reduce(x),
        lambda x: op.ufunc.outer(np.ones(2), x),
        lambda x: op.ufunc.at(np.ones(2), [0], x),
    ):
        with pytest.raises(TypeError, match="complex128, which has no order"):
            call(np.array([1j, 2j]))


@pytest.mark.parametrize("op", OPS, ids=repr)
def test_pythons_complex_numbers(op):
    operand = {1: ["x"], 2: ["dy", "x"]}[op.ufunc.nin]
    for k, name in enumerate(operand):
        args = [np.ones(2)] * op.ufunc.nin
        args[k] = 1j
        with pytest.raises(TypeError, match=f"^{op!r}: {name} is complex128, which has no order"):
            op.ufunc(*args)


@pytest.mark.parametrize("op", OPS, ids=repr)
def test_objects_that_are_no_numbers(op):
    for bad, advice in (
        (None, "pass np.nan for a missing value"),
        ([1, 2], "pass rows of equal length"),
        ("a", "pass real numbers"),
        (1j, "pass real numbers"),
        ({}, "pass real numbers"),
    ):
        x = np.empty(3, object)
        x[:] = [1, 2, 0]
        x[2] = bad
        with pytest.raises(TypeError, match=f"^{op!r}: an object in x cannot be compared with 0: .*; {advice}") as info:
            op.ufunc(*[x] * op.ufunc.nin)
        assert isinstance(info.value.__cause__, TypeError)
        assert "not supported between" in str(info.value.__cause__)
    with pytest.raises(TypeError, match=r"np\.nan"):
        op.ufunc(*[None] * op.ufunc.nin)


class Undecided:
    """Has a TypeError of its own for comparisons."""

    class Error(TypeError):
        pass

    def __lt__(self, other):
        raise self.Error("undecided")

    __le__ = __lt__


@pytest.mark.parametrize("op", OPS, ids=repr)
def test_an_error_of_the_objects_own_class_stays(op):
    with pytest.raises(Undecided.Error, match=r"^undecided$"):
        op.ufunc(*[np.array([Undecided()])] * op.ufunc.nin)


@pytest.mark.parametrize("op", OPS, ids=repr)
def test_ragged_lists(op):
    for ragged in ([[1, 2], [3]], [[1], 2], ((1, 2), (3,)), [np.ones(2), np.ones(3)]):
        with pytest.raises(
            ValueError, match=f"^{op!r}: .*rows of different lengths.*Pass rows of equal length"
        ) as info:
            op.ufunc(*[ragged] * op.ufunc.nin)
        assert isinstance(info.value.__cause__, ValueError)
    with pytest.raises(ValueError, match="broadcast"):
        op.ufunc(*[np.ones(2)] * op.ufunc.nin, out=np.ones(3))


@pytest.mark.parametrize("op", OPS, ids=repr)
def test_a_dtype_that_is_asked_for_and_has_no_loop(op):
    for dtype, name in ((complex, "complex128"), (str, "str_"), ("V", "void")):
        with pytest.raises(TypeError, match=f"^{op!r}: dtype={name} is not supported; write a real dtype"):
            op.ufunc(*[np.ones(2)] * op.ufunc.nin, dtype=dtype)


def test_what_numpy_casts_by_request_is_cast():
    x = np.array([1 + 2j, -1 + 2j])
    with pytest.warns(np.exceptions.ComplexWarning):
        assert_same(relu(x, dtype=float, casting="unsafe"), np.array([1.0, 0.0]))
    assert_same(relu(np.array([-1.0, 2.0]), out=np.zeros(2, complex)), np.array([0, 2 + 0j]))
    assert relu(np.array(["1"]).astype(object).astype(int)).tolist() == [1]
    assert relu(Decimal("-1.5")) == 0
