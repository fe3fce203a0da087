"""Dtypes that other packages register with NumPy, and an ml_dtypes that is not the one that the rows were made for."""

import numpy as np
import pytest
from reference import OPS, assert_same, python

rational = pytest.importorskip("numpy._core._rational_tests", reason="this NumPy came without its tests").rational


@pytest.mark.parametrize("op", OPS, ids=repr)
def test_a_dtype_without_a_row_is_cast_where_numpy_casts_it(op):
    x = np.array([rational(-1, 2), rational(0), rational(3, 2)])
    args, as_floats = [x] * op.ufunc.nin, [x.astype("f8")] * op.ufunc.nin
    for _ in range(2):
        assert_same(op.ufunc(*args), op.contract(*as_floats))


def test_a_dtype_without_a_row_does_not_import_ml_dtypes():
    code = (
        "import sys, numpy as np, relu_ext\n"
        "from numpy._core._rational_tests import rational\n"
        "print(relu_ext.relu(np.array([rational(-1), rational(2)])), 'ml_dtypes' in sys.modules)"
    )
    assert python(code) == "[0. 2.] False"


def test_an_ml_dtypes_that_lacks_a_format():
    """An older one, or a later one that has dropped it: the others are there all the same."""
    pytest.importorskip("ml_dtypes")
    code = (
        "import ml_dtypes, numpy as np, relu_ext\n"
        "first, other = ml_dtypes.bfloat16, ml_dtypes.float8_e5m2\n"
        "del ml_dtypes.float8_e4m3fn\n"
        "for dtype in (first, other):\n"
        "    for f in (relu_ext.relu, relu_ext.relu_backward):\n"
        "        y = f(*[np.array([-1, 2], dtype)] * f.nin)\n"
        "        print(y.dtype, y.astype(int).tolist())"
    )
    assert python(code).split("\n") == ["bfloat16 [0, 2]"] * 2 + ["float8_e5m2 [0, 2]"] * 2


def test_an_ml_dtypes_whose_name_is_no_dtype():
    """What NumPy says of it reaches the caller, and once it is mended all is well."""
    pytest.importorskip("ml_dtypes")
    code = (
        "import ml_dtypes, numpy as np, relu_ext\n"
        "x, kept = np.array([-1, 2], ml_dtypes.bfloat16), ml_dtypes.float8_e4m3fn\n"
        "ml_dtypes.float8_e4m3fn = 5\n"
        "try: relu_ext.relu(x)\n"
        "except TypeError as error: print(error)\n"
        "ml_dtypes.float8_e4m3fn = kept\n"
        "print(relu_ext.relu(x).dtype, relu_ext.relu(np.array([-1, 2], kept)).dtype)"
    )
    assert python(code).split("\n") == ["Cannot interpret '5' as a data type", "bfloat16 float8_e4m3fn"]
