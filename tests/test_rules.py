"""The rows of dtypes.def, read from the built module, proved equal to the contract for every value."""

import pytest

from relu_ext import _core

z3 = pytest.importorskip("z3", reason="z3-solver is not installed")

ROWS = {name: row for name, *row in _core.dtype_table()}
FLOATS = {
    "float16": z3.Float16(),
    "bfloat16": z3.FPSort(8, 8),
    "float32": z3.Float32(),
    "float64": z3.Float64(),
    "float8_e5m2": z3.FPSort(5, 3),
    "float8_e4m3": z3.FPSort(4, 4),
    "float8_e3m4": z3.FPSort(3, 5),
}
INTEGERS = [name for name in ROWS if "float" not in name]


def keep(bits, rule, value):
    """Build what a kernel computes: `value` where bits - bias >= limit, signed and wrapping, else 0."""
    bias, limit = rule
    return z3.If(bits - bias >= z3.BitVecVal(limit, bits.size()), value, z3.BitVecVal(0, bits.size()))


def strictly(bits, rule, value):
    zero = z3.BitVecVal(0, bits.size())
    return z3.If(keep(bits, rule, bits) != zero, value, zero)


def prove(claim) -> None:
    solver = z3.Solver()
    solver.add(z3.Not(claim))
    assert solver.check() == z3.unsat, solver.model()


def prove_all_five(name, bits, value, is_negative, is_not_positive) -> None:
    _, relu, grad, one = ROWS[name]
    zero, one = z3.BitVecVal(0, bits.size()), z3.BitVecVal(one, bits.size())
    prove(keep(bits, relu, bits) == z3.If(is_not_positive, zero, bits))
    prove(keep(bits, grad, one) == z3.If(is_negative, zero, one))
    prove(keep(bits, grad, value) == z3.If(is_negative, zero, value))
    prove(strictly(bits, relu, one) == z3.If(is_not_positive, zero, one))
    prove(strictly(bits, relu, value) == z3.If(is_not_positive, zero, value))


@pytest.mark.parametrize("name", FLOATS)
def test_floats(name):
    sort, width = FLOATS[name], ROWS[name][0]
    x, dy = z3.BitVecs("x dy", 8 * width)
    number, zero = z3.fpBVToFP(x, sort), z3.FPVal(0, sort)
    prove(z3.fpBVToFP(z3.BitVecVal(ROWS[name][3], 8 * width), sort) == z3.FPVal(1, sort))
    prove_all_five(name, x, dy, z3.fpLT(number, zero), z3.fpLEQ(number, zero))


@pytest.mark.parametrize("name", INTEGERS)
def test_integers(name):
    x, dy = z3.BitVecs("x dy", 8 * ROWS[name][0])
    unsigned = name.startswith("u")
    prove_all_five(name, x, dy, z3.BoolVal(False) if unsigned else x < 0, x == 0 if unsigned else x <= 0)


def test_every_row_is_proved_here_or_tried_value_by_value():
    """The formats without IEEE's infinities are no sort of Z3's; test_values tries each of their 256 values."""
    left = set(ROWS) - set(FLOATS) - set(INTEGERS)
    assert all(ROWS[name][0] == 1 for name in left), left


def test_a_wrong_row_is_found():
    row = list(ROWS["float32"])
    row[1] = (0, row[1][1] - 1)  # -inf is kept
    ROWS["wrong"] = row
    x, dy = z3.BitVecs("x dy", 32)
    number, zero = z3.fpBVToFP(x, z3.Float32()), z3.FPVal(0, z3.Float32())
    with pytest.raises(AssertionError):
        prove_all_five("wrong", x, dy, z3.fpLT(number, zero), z3.fpLEQ(number, zero))
    del ROWS["wrong"]
