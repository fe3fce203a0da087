"""What a ufunc is expected to do beside computing: arguments, methods, casts, overrides, errors."""

import os
import sys
import threading
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from reference import BACKWARD, OPS, UNARY, Op, assert_same, operands, values

import relu_ext

GRADIENTS = [op for op in OPS if op.ufunc is not relu_ext.relu]
F4 = np.dtype("f4")


def in_order(op: Op, dy: object, x: object) -> list[object]:
    return [dy, x][-op.ufunc.nin :]


# Arguments


@pytest.mark.parametrize("op", OPS, ids=repr)
def test_every_way_to_pass_out(op):
    args = operands(op, 50, F4)
    expected = op.contract(*args)
    out = np.empty(50, F4)
    for call in (lambda: op.ufunc(*args, out=out), lambda: op.ufunc(*args, out=(out,))):
        out[:] = 7
        assert call() is out
        assert_same(out, expected)
    for call in (
        lambda: op.ufunc(*args, out=None),
        lambda: op.ufunc(*args, out=(None,)),
        lambda: op.ufunc(*args, **{}),
    ):
        assert_same(call(), expected)


@pytest.mark.parametrize("op", OPS, ids=repr)
def test_out_of_another_dtype_is_cast_to(op):
    args = operands(op, 50, F4)
    args = [np.nan_to_num(a, nan=1, posinf=2, neginf=-2) for a in args]
    out = np.empty(50, "f8")
    assert op.ufunc(*args, out=out) is out
    assert_same(out, op.contract(*args).astype("f8"))
    with pytest.raises(TypeError, match="same_kind"):
        op.ufunc(*args, out=np.empty(50, "i4"))


@pytest.mark.parametrize("op", OPS, ids=repr)
def test_where(op):
    args = operands(op, 200, F4)
    mask = np.random.default_rng(0).random(200) < 0.4
    out = np.full(200, 7, F4)
    expected = np.where(mask, op.contract(*args), out)
    assert op.ufunc(*args, out=out, where=mask) is out
    assert_same(out, expected)
    line = np.full((3, 200), 7, F4)
    op.ufunc(*args, out=line, where=np.array([[True], [False], [True]]))
    assert_same(line[1], np.full(200, 7, F4))
    assert_same(line[2], op.contract(*args))


@pytest.mark.parametrize("op", OPS, ids=repr)
def test_dtype_casting_order_and_signature(op):
    x = np.array([-1, 0, 2], np.int16)
    args = in_order(op, x, x)
    assert_same(op.ufunc(*args, dtype="f8"), op.contract(*[a.astype("f8") for a in args]))
    assert_same(op.ufunc(*args, signature="d" * op.ufunc.nin + "->d"), op.contract(*[a.astype("f8") for a in args]))
    with pytest.raises(TypeError):
        op.ufunc(*args, dtype="f8", casting="no")
    plane = np.ones((3, 4), F4)
    assert op.ufunc(*in_order(op, plane, plane), order="F").flags.f_contiguous
    assert op.ufunc(*in_order(op, plane.T, plane.T)).flags.f_contiguous


@pytest.mark.parametrize("op", BACKWARD, ids=repr)
def test_mixed_dtypes_are_promoted(op):
    for dy, x in [
        ("f4", "f8"),
        ("f8", "f4"),
        ("i1", "u1"),
        ("i8", "f4"),
        ("f2", "i1"),
        ("u8", "i8"),
        ("?", "f4"),
    ]:
        a, b = np.array([0, 1, 1]).astype(dy), np.array([1, 0, 1]).astype(x)
        common = np.result_type(a, b)
        assert_same(op.ufunc(a, b), op.contract(a.astype(common), b.astype(common)))
    assert op.ufunc(np.ones(3, F4), 1.0).dtype == F4  # a Python scalar does not promote
    assert op.ufunc(2, np.ones(3, F4)).dtype == F4


@pytest.mark.parametrize("op", OPS, ids=repr)
def test_scalars_and_lists(op):
    for dy, x in [(3, -1), (3, 0), (3, 2), (2.5, -0.0), (2.5, 1.5), (np.float16(2), np.float16(-1))]:
        args = in_order(op, dy, x)
        result = op.ufunc(*args)
        assert isinstance(result, np.generic)
        assert_same(result, op.contract(*[np.asarray(a) for a in args]))
    zero_d = np.array(-2.0)
    assert isinstance(op.ufunc(*in_order(op, zero_d, zero_d)), np.float64)
    out = np.array(5.0)
    assert op.ufunc(*in_order(op, zero_d, zero_d), out=out) is out
    assert out == 0
    assert_same(
        op.ufunc(*in_order(op, [[1, 2], [3, 4]], [[-1, 0], [1, 2]])),
        op.contract(*in_order(op, np.array([[1, 2], [3, 4]]), np.array([[-1, 0], [1, 2]]))),
    )


# Methods


@pytest.mark.parametrize("op", UNARY, ids=repr)
def test_at(op):
    x = np.array([-3, -2, -1, 0, 1, 2, 3], F4)
    expected = x.copy()
    for index in (0, 2, 2, 6):
        expected[index] = op.contract(expected[index])
    op.ufunc.at(x, [0, 2, 2, 6])
    assert_same(x, expected)


@pytest.mark.parametrize("op", BACKWARD, ids=repr)
def test_binary_methods(op):
    dy, x = operands(op, 100, F4)
    at, expected = dy.copy(), dy.copy()
    op.ufunc.at(at, [0, 5, 5, 99], x[:4])
    for index, value in zip([0, 5, 5, 99], x[:4], strict=True):
        expected[index] = op.contract(expected[index], value)
    assert_same(at, expected)

    assert_same(op.ufunc.outer(dy[:9], x), op.contract(np.broadcast_to(dy[:9, None], (9, 100)), x))

    running = [dy[0]]
    for value in dy[1:]:
        running.append(op.contract(running[-1], value))
    assert_same(op.ufunc.accumulate(dy), np.array(running, F4))
    assert_same(op.ufunc.reduce(dy), running[-1])
    assert_same(op.ufunc.reduce(dy.reshape(4, 25), axis=1), op.ufunc.accumulate(dy.reshape(4, 25), axis=1)[:, -1])
    assert_same(op.ufunc.reduce(dy.reshape(4, 25), axis=0), op.ufunc.accumulate(dy.reshape(4, 25), axis=0)[-1])
    assert_same(op.ufunc.reduceat(dy, [0, 40]), np.array([op.ufunc.reduce(dy[:40]), op.ufunc.reduce(dy[40:])]))


# Other kinds of array


@pytest.mark.parametrize("op", OPS, ids=repr)
def test_subclasses_stay(op):
    class Tagged(np.ndarray):
        pass

    x = values(30, F4).view(Tagged)
    assert type(op.ufunc(*in_order(op, x, x))) is Tagged
    assert type(op.ufunc(*in_order(op, x, x), subok=False)) is np.ndarray
    masked = np.ma.array([1.0, -1.0, 2.0], mask=[False, False, True])
    result = op.ufunc(*in_order(op, masked, masked))
    assert result.mask.tolist() == [False, False, True]


@pytest.mark.parametrize("op", OPS, ids=repr)
def test_overrides_are_asked(op):
    class Mine:
        def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
            return ufunc, method, len(inputs), sorted(kwargs)

    class Never:
        __array_ufunc__ = None

    plain = np.ones(3, F4)
    assert op.ufunc(*in_order(op, plain, Mine())) == (op.ufunc, "__call__", op.ufunc.nin, [])
    assert op.ufunc(*in_order(op, plain, plain), out=Mine()) == (op.ufunc, "__call__", op.ufunc.nin, ["out"])
    with pytest.raises(TypeError, match="does not support ufuncs"):
        op.ufunc(*in_order(op, plain, Never()))


# Errors: of the kind that NumPy raises, and nothing half-written.


@pytest.mark.parametrize("op", GRADIENTS, ids=repr)
def test_masks_are_refused(op):
    mask = np.array([True, False, True])
    for dy in (np.ones(3, F4), np.ones(3, "i8"), mask, 1.0, np.ones(3, object)):
        for x in (mask, True, np.True_, [True, False, False], np.broadcast_to(mask, (2, 3))):
            for kwargs in ({}, {"dtype": "f4"}, {"out": np.empty((2, 3), F4)}, {"casting": "unsafe"}):
                with pytest.raises(TypeError, match=f"{op!r}: x is boolean.*pass the input"):
                    op.ufunc(*in_order(op, dy, x), **kwargs)


@pytest.mark.parametrize("bool_", [bool, np.bool])
@pytest.mark.parametrize("op", GRADIENTS, ids=repr)
def test_masks_of_objects_are_refused(op, bool_):
    """pandas makes objects of a boolean Series that it reindexes."""
    for items in ([True, False], [True, float("nan")], [-1, 2.5, True]):
        x = np.array([bool_(item) if item is True else item for item in items], object)
        for dy in (np.ones(len(items), object), np.ones(len(items)), 1):
            out = np.full(len(items), None)
            with pytest.raises(TypeError, match=f"{op!r}: x is boolean.*pass the input"):
                op.ufunc(*in_order(op, dy, x), out=out)
            assert out[[item is True for item in items]].tolist() == [None] * items.count(True)
    assert relu_ext.relu(np.array([bool_(True), -1], object)).tolist() == [True, 0]


def test_a_boolean_dy_is_taken():
    assert relu_ext.relu_backward(np.array([True, False], object), np.array([-1, 1], object)).tolist() == [0, False]
    assert_same(relu_ext.relu_backward(np.array([True, True]), np.array([-1, 1], "i2")), np.array([0, 1], "i2"))


@pytest.mark.parametrize("op", OPS, ids=repr)
def test_bad_outputs(op):
    args = operands(op, 12, F4)
    fixed = np.full(12, 3, F4)
    fixed.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        op.ufunc(*args, out=fixed)
    assert np.all(fixed == 3)
    for shape in [(11,), (3, 4), (1,), ()]:
        with pytest.raises(ValueError, match="broadcast"):
            op.ufunc(*args, out=np.zeros(shape, F4))
    with pytest.raises(TypeError, match="arrays"):
        op.ufunc(*args, out=[0.0] * 12)
    with pytest.raises((TypeError, ValueError)):
        op.ufunc(*args, out=(np.empty(12, F4), np.empty(12, F4)))
    with pytest.raises(TypeError, match="unexpected keyword"):
        op.ufunc(*args, wrong=1)
    with pytest.raises(ValueError, match="broadcast"):
        op.ufunc(*in_order(op, np.ones(3, F4), np.ones(4, F4)), out=np.ones(5, F4))


def test_dtype_with_metadata_is_numpys_business():
    x = np.array([-1, 1], np.dtype("f4", metadata={"unit": "V"}))
    assert_same(relu_ext.relu(x), np.array([0, 1], F4))


# The interpreter


@pytest.mark.parametrize("op", OPS, ids=repr)
def test_references_of_operands(op):
    args = operands(op, 20, F4)
    out = np.empty(20, F4)
    across = [np.asfortranarray(a.reshape(4, 5)) for a in args]
    cases = [(args, None), (args, out), ([a[::2] for a in args], None), (across, np.empty((4, 5), F4))]
    for arrays, target in cases:
        before = [sys.getrefcount(a) for a in [*arrays, target, F4]]
        for _ in range(10):
            op.ufunc(*arrays, out=target)
        assert [sys.getrefcount(a) for a in [*arrays, target, F4]] == before


def gil_is_released_by(call: Callable[[], object]) -> bool:
    """Whether another thread that wants the GIL gets it in a few of `call`, however long the switch interval."""
    go, ran = threading.Lock(), []
    go.acquire()
    thread = threading.Thread(target=lambda: go.acquire() and ran.append(True))
    thread.start()
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    try:
        go.release()
        for _ in range(20):
            call()
            if ran:
                return True
        return False
    finally:
        sys.setswitchinterval(interval)
        thread.join()


@pytest.mark.skipif(not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="there is no GIL")
@pytest.mark.parametrize("op", OPS, ids=repr)
def test_gil_is_released(op):
    x = np.ones((4096, 4096), F4)
    out = np.empty_like(x)
    args = [x] * op.ufunc.nin
    assert not gil_is_released_by(lambda: op.ufunc(*[a[0, :10] for a in args]))
    assert gil_is_released_by(lambda: op.ufunc(*args, out=out))
    assert gil_is_released_by(lambda: op.ufunc(*[a[:, ::2] for a in args], out=out[:, ::2]))


def free_memory() -> int:
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return 0


@pytest.mark.memory
@pytest.mark.skipif(free_memory() < 6 << 30, reason="needs 6 GiB of free memory")
@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("op", OPS, ids=repr)
def test_more_than_2_31_elements(op, step):
    n = 2**31 + 70
    x = np.zeros(n * step, np.int8)[::step]
    places = [0, 1, 2**31 - 1, 2**31, 2**31 + 1, n - 1]
    x[places] = [-1, 1, -2, 2, -3, 3]
    some = [x[places]] * op.ufunc.nin
    op.ufunc(*[x] * op.ufunc.nin, out=x)
    assert_same(x[places], op.contract(*some))


# Objects: by Python's own comparison.


@pytest.mark.parametrize("op", OPS, ids=repr)
def test_objects(op):
    items = [
        -1,
        0,
        2,
        -0.5,
        10**30,
        -(10**30),
        Fraction(-1, 3),
        Fraction(1, 3),
        Decimal(-1),
        Decimal(1),
        float("inf"),
        float("nan"),
    ]
    x, dy = np.array(items, object), np.array(items[::-1], object)
    for args in (in_order(op, dy, x), in_order(op, dy[::-2], x[::2])):
        result, expected = op.ufunc(*args), op.contract(*args)
        assert result.dtype == object
        assert [(type(a), a) for a in result] == [(type(a), a) for a in expected]


class Compared:
    """Counts comparisons, and raises at the one asked for."""

    def __init__(self, fail: bool = False) -> None:
        self.fail = fail

    def __lt__(self, other: object) -> bool:
        if self.fail:
            raise RuntimeError("compared")
        return False

    __le__ = __lt__


@pytest.mark.parametrize("op", OPS, ids=repr)
def test_an_error_in_a_comparison_reaches_the_caller(op):
    x = np.array([Compared() for _ in range(5)] + [Compared(fail=True)] + [Compared()] * 5, object)
    out = np.array(["before"] * 11, object)
    with pytest.raises(RuntimeError, match="compared"):
        op.ufunc(*in_order(op, np.arange(11).astype(object), x), out=out)
    assert out[5:].tolist() == ["before"] * 6
    for bad in ("text", None, 1j, [1]):
        items = np.empty(2, object)
        items[:] = [1, bad]
        with pytest.raises(TypeError, match="not supported between"):
            op.ufunc(*in_order(op, items, items))


@pytest.mark.parametrize("op", OPS, ids=repr)
def test_references_of_objects(op):
    dy, x, old, failing = object(), Compared(), object(), Compared(fail=True)
    watched = [dy, x, old, failing]

    def counts() -> list[int]:
        return [sys.getrefcount(o) for o in watched]

    before = counts()
    arrays = [np.array([o] * 40, object) for o in (dy, x, old, failing)]
    held = counts()
    for _ in range(3):
        result = op.ufunc(*in_order(op, arrays[0], arrays[1]))
        assert result[0] == (1 if "grad" in repr(op) else dy if op.ufunc.nin == 2 else x)
        out = arrays[2].copy()
        op.ufunc(*in_order(op, arrays[0], arrays[1]), out=out)
        with pytest.raises(RuntimeError):
            op.ufunc(*in_order(op, arrays[0], arrays[3]), out=out)
        with pytest.raises(RuntimeError):
            op.ufunc(*in_order(op, arrays[0], arrays[3]))
        in_place = arrays[1].copy()
        op.ufunc(*in_order(op, arrays[0], in_place), out=in_place)
    del result, out, in_place
    assert counts() == held
    del arrays
    assert counts() == before
