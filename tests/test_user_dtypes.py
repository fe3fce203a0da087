"""bfloat16 and float8 of ml_dtypes: taken when they turn up, never imported. Their values: test_values."""

import numpy as np
import pytest
from reference import OPS, USER, USER_NAMES, Op, assert_same, operands, python

ml_dtypes = pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed")

from relu_ext import _core, relu, relu_backward  # noqa: E402


def test_it_is_not_imported():
    assert python("import sys, relu_ext; relu_ext.relu(-1.0); print('ml_dtypes' in sys.modules)") == "False"


@pytest.mark.parametrize("first", ["ml_dtypes", "relu_ext"])
@pytest.mark.parametrize("name", USER_NAMES)
def test_whichever_is_imported_first(first, name):
    code = (
        f"import {first}, numpy as np, relu_ext\n"
        "relu_ext.relu(np.float32(1)); relu_ext.relu_backward(np.int8(1), np.float32(1))\n"
        "import ml_dtypes\n"
        f"x = np.array([-1, 0, 2], ml_dtypes.{name})\n"
        "for _ in range(3):\n"
        "    for y in (relu_ext.relu(x), relu_ext.relu_grad(x), relu_ext.relu_backward(x, x)):\n"
        "        assert y.dtype == x.dtype, y.dtype\n"
        "assert relu_ext.relu(x, dtype=x.dtype).dtype == x.dtype\n"
        "assert relu_ext.relu(x[0]).dtype == x.dtype\n"
        "print(relu_ext.relu(x).astype(float).tolist())"
    )
    assert python(code) == "[0.0, 0.0, 2.0]"


def test_first_calls_race_in_threads():
    code = (
        "import threading, numpy as np, relu_ext, ml_dtypes\n"
        "x = np.array([-1, 0, 2], ml_dtypes.bfloat16)\n"
        "start, results = threading.Barrier(16), []\n"
        "def run():\n"
        "    start.wait()\n"
        "    for f in (relu_ext.relu, relu_ext.relu_grad, relu_ext.relu_grad_strict):\n"
        "        results.append(f(x).dtype == x.dtype)\n"
        "        results.append(f(x[::2]).dtype == x.dtype)\n"
        "threads = [threading.Thread(target=run) for _ in range(16)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]\n"
        "print(len(results), all(results))"
    )
    assert python(code) == "96 True"


@pytest.mark.parametrize("op", OPS, ids=repr)
@pytest.mark.parametrize("dtype", USER, ids=str)
def test_methods_and_where(dtype, op: Op):
    args = operands(op, 100, dtype)
    out = np.zeros(100, dtype)
    mask = np.arange(100) % 3 == 0
    op.ufunc(*args, out=out, where=mask)
    assert_same(out[mask], op.contract(*args)[mask])
    assert not out[~mask].view("u1").any()


@pytest.mark.parametrize("other", ["f2", "f4", "f8", "i1", "i8", "g", ml_dtypes.float8_e5m2], ids=str)
def test_mixed_dtypes_are_promoted_as_by_maximum(other):
    a, b = np.ones(3, ml_dtypes.bfloat16), np.ones(3, other)
    for args in ((a, b), (b, a)):
        try:
            expected = np.maximum(*args).dtype
        except TypeError:
            with pytest.raises(TypeError):
                relu_backward(*args)
        else:
            assert relu_backward(*args).dtype == expected


def test_a_mask_is_refused():
    with pytest.raises(TypeError, match="x is boolean"):
        relu_backward(np.ones(3, ml_dtypes.bfloat16), np.ones(3, bool))


@pytest.mark.parametrize("name", ["float8_e8m0fnu", "int4", "uint2", "float4_e2m1fn", "float6_e2m3fn"])
@pytest.mark.parametrize("op", OPS, ids=repr)
def test_formats_that_are_no_rows(op, name):
    if not hasattr(ml_dtypes, name):
        pytest.skip(f"this ml_dtypes has no {name}")
    x = np.ones(3, getattr(ml_dtypes, name))
    for _ in range(2):
        with pytest.raises(TypeError, match=f"{op!r} does not support .*{name}.*bfloat16"):
            op.ufunc(*[x] * op.ufunc.nin)


def test_the_table_has_them_all():
    assert [row[0] for row in _core.dtype_table()][-len(USER_NAMES) :] == USER_NAMES
    assert relu(np.ones(1, ml_dtypes.bfloat16)).dtype == ml_dtypes.bfloat16
