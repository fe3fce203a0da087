"""bfloat16 and float8 of ml_dtypes: taken when they turn up, never imported. Their values: test_values."""

import numpy as np
import pytest
from reference import BACKWARD, BUILTIN, OPS, USER, USER_NAMES, Op, assert_same, operands, python

ml_dtypes = pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed")

from relu_ext import _core, relu, relu_backward  # noqa: E402

#: All that ml_dtypes has and that is no row: without sign or zero, narrower, or complex.
OTHER_NAMES = sorted({name for name in ml_dtypes.__all__ if hasattr(getattr(ml_dtypes, name), "dtype")} - {*USER_NAMES})


def test_it_is_not_imported():
    code = (
        "import sys, numpy as np, relu_ext\n"
        "relu_ext.relu(-1.0); relu_ext.relu_backward(np.int8(1), np.float16(1))\n"
        "relu_ext.dead_units([[1]]); relu_ext.show_runtime()\n"
        "try: relu_ext.relu_grad(1j)\n"
        "except TypeError: print('ml_dtypes' in sys.modules)"
    )
    assert python(code).split("\n")[-1] == "False"


@pytest.mark.parametrize("first", ["ml_dtypes", "relu_ext"])
@pytest.mark.parametrize("name", USER_NAMES)
def test_whichever_is_imported_first(first, name):
    code = (
        f"import {first}, numpy as np, relu_ext\n"
        "relu_ext.relu(np.float32(1)); relu_ext.relu_backward(np.int8(1), np.float32(1))\n"
        "import ml_dtypes\n"
        f"x = np.array([-1, 0, 2], ml_dtypes.{name})\n"
        "for _ in range(3):\n"
        f"    for f in [getattr(relu_ext, name) for name in {[op.ufunc.__name__ for op in OPS]}]:\n"
        "        assert f(*[x] * f.nin).dtype == x.dtype\n"
        "assert relu_ext.relu(x, dtype=x.dtype).dtype == x.dtype\n"
        "assert relu_ext.relu(x[0]).dtype == x.dtype\n"
        "print(relu_ext.relu(x).astype(float).tolist())"
    )
    assert python(code) == "[0.0, 0.0, 2.0]"


@pytest.mark.parametrize(
    "call",
    [
        "relu(x)",
        "relu(x[0])",
        "relu(x[::2])",
        "relu(x, out=x.copy())",
        "relu(x, out=x.astype('f4'))",
        "relu(x.astype('f4'), out=x.copy(), casting='unsafe')",
        "relu(x, where=x == x, out=x.copy())",
        "relu.at(x.copy(), [0])",
        "relu(x.astype('f4'), signature=(x.dtype, None), casting='unsafe')",
        "relu(x.astype('f4'), dtype=x.dtype, casting='unsafe')",
        "relu_backward(*[x.astype('f4')] * 2, signature=(x.dtype, x.dtype, None), casting='unsafe')",
        "relu(x.astype('f4'), signature=(x.dtype, x.dtype), casting='unsafe')",
        "relu_backward(*[x.astype('f4')] * 2, signature=(x.dtype,) * 3, casting='unsafe')",
        "relu_backward(x, x.astype('f4'))",
        "relu_backward(1, x)",
        "relu_backward(x, x.astype(object))",
        "relu_backward.outer(x, x)",
        "relu_backward.accumulate(x)",
    ],
)
def test_whatever_the_first_call_is(call):
    code = (
        "import ml_dtypes, numpy as np\n"
        "from relu_ext import relu, relu_backward\n"
        "x = np.array([-1, 0, 2], ml_dtypes.bfloat16)\n"
        f"{call}\n"
        "for f in (relu, relu_backward):\n"
        "    for y in (f(*[x] * f.nin), f(*[x] * f.nin, out=x.copy())):\n"
        "        print(y.dtype, y.astype(int).tolist())"
    )
    assert python(code).split("\n") == ["bfloat16 [0, 0, 2]"] * 4


def test_first_calls_race_in_threads():
    code = (
        "import threading, numpy as np, relu_ext, ml_dtypes\n"
        "dtypes = ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2\n"
        "start, results = threading.Barrier(15), []\n"
        "def run(x):\n"
        "    start.wait()\n"
        f"    for f in [getattr(relu_ext, name) for name in {[op.ufunc.__name__ for op in OPS]}]:\n"
        "        results.append(f(*[x] * f.nin).dtype == x.dtype)\n"
        "        results.append(f(*[x[::2]] * f.nin).dtype == x.dtype)\n"
        "threads = [threading.Thread(target=run, args=[np.ones(3, dtypes[k % 3])]) for k in range(15)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
        "print(len(results), all(results))"
    )
    assert python(code) == "150 True"


@pytest.mark.parametrize("op", OPS, ids=repr)
@pytest.mark.parametrize("dtype", USER, ids=str)
def test_methods_and_where(dtype, op: Op):
    args = operands(op, 100, dtype)
    out = np.zeros(100, dtype)
    mask = np.arange(100) % 3 == 0
    op.ufunc(*args, out=out, where=mask)
    assert_same(out[mask], op.contract(*args)[mask])
    assert not out[~mask].view("u1").any()


@pytest.mark.parametrize("other", [*BUILTIN, *map(np.dtype, "gFO"), *USER], ids=str)
@pytest.mark.parametrize("dtype", USER, ids=str)
@pytest.mark.parametrize("op", BACKWARD, ids=repr)
def test_mixed_dtypes_are_promoted_as_by_maximum(op, dtype, other):
    a, b = np.array([5, 1, 2, 4]).astype(dtype), np.array([1, 0, 2, 3]).astype(other)
    if other.kind != "u":
        b[0] = -1
    for args in ((a, b), (b, a)):
        try:
            common = np.maximum(*args).dtype
        except TypeError:
            common = None
        if common is None or common.kind == "c":
            with pytest.raises(TypeError):
                op.ufunc(*args)
        else:
            result = op.ufunc(*args)
            assert result.dtype == common
            np.testing.assert_array_equal(result, op.contract(*[arg.astype(common) for arg in args]))


def test_a_mask_is_refused():
    with pytest.raises(TypeError, match="x is boolean"):
        relu_backward(np.ones(3, ml_dtypes.bfloat16), np.ones(3, bool))


@pytest.mark.parametrize("name", OTHER_NAMES)
@pytest.mark.parametrize("op", OPS, ids=repr)
def test_formats_that_are_no_rows(op, name):
    x = np.ones(3, getattr(ml_dtypes, name))
    operand = "x" if op.ufunc.nin == 1 else "dy"
    advice = "which has no order.*complex64" if "complex" in name else "and of ml_dtypes only bfloat16"
    for _ in range(2):
        with pytest.raises(TypeError, match=f"{op!r}: {operand} is {name}, {advice}"):
            op.ufunc(*[x] * op.ufunc.nin)


def test_the_table_has_them_all():
    signed = {name for name in dir(ml_dtypes) if name.startswith("float8_")} - {"float8_e8m0fnu"}
    assert signed | {"bfloat16"} <= set(USER_NAMES)
    assert {"int4", "uint4"} <= set(OTHER_NAMES)
    assert [row[0] for row in _core.dtype_table()][-len(USER_NAMES) :] == USER_NAMES
    assert relu(np.ones(1, ml_dtypes.bfloat16)).dtype == ml_dtypes.bfloat16


@pytest.mark.parametrize("name", [op.ufunc.__name__ for op in OPS])
def test_a_dtype_that_is_asked_for(name):
    """On the first call as well, and of operands that have another."""
    code = (
        "import ml_dtypes, numpy as np, relu_ext\n"
        f"f = relu_ext.{name}\n"
        "for dtype in ('f4', 'f4', ml_dtypes.bfloat16, ml_dtypes.float8_e5m2, 'e'):\n"
        "    x = np.array([-1, 0, 2]).astype(dtype)\n"
        "    try: y = f(*[x] * f.nin, dtype=ml_dtypes.bfloat16)\n"
        "    except TypeError as error: print('Cannot cast' in str(error))\n"
        "    else: print(y.dtype, bool(np.all(y == f(*[x] * f.nin).astype(y.dtype))))\n"
        "try: f(*[x] * f.nin, dtype=ml_dtypes.int4)\n"
        "except TypeError as error: print('dtype=int4 is not supported' in str(error))"
    )
    assert python(code).split("\n") == ["bfloat16 True"] * 5 + ["True"]
