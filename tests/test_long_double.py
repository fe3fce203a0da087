"""Long double in x86's 80 bits, of which many encodings are no number: never a flag or a warning, no bit changed."""

import platform
from itertools import product

import numpy as np
import pytest
from reference import BACKWARD, OPS, Op

LONG_DOUBLE = np.dtype("g")
IS_X87 = platform.machine().lower() in ("x86_64", "amd64", "i686") and np.finfo("g").nmant == 63
pytestmark = pytest.mark.skipif(not IS_X87, reason="long double has not the 80 bits of x86 here")

FIELDS = np.dtype(
    {
        "names": ["mantissa", "head"],  # the head: sign and exponent
        "formats": ["<u8", "<u2"],
        "offsets": [0, 8],
        "itemsize": LONG_DOUBLE.itemsize,
    }
)
MANTISSAS = [0, 1, (1 << 62) - 1, 1 << 62, (1 << 63) - 1, 1 << 63, (1 << 63) + 1, 3 << 62, (3 << 62) + 1, (1 << 64) - 1]
HEADS = [sign | exponent for sign in (0, 0x8000) for exponent in (0, 1, 0x3FFE, 0x3FFF, 0x7FFE, 0x7FFF)]


def encodings() -> np.ndarray:
    """Zeros, denormals and pseudo-denormals, unnormals, infinities, NaNs of both kinds, and their pseudo-forms."""
    bits = np.frombuffer(np.random.default_rng(0).bytes(160 * FIELDS.itemsize), FIELDS).copy()  # the padding is noise
    every = list(product(MANTISSAS, HEADS))
    bits["mantissa"][: len(every)], bits["head"][: len(every)] = zip(*every, strict=True)
    return bits.view(LONG_DOUBLE)


def kept(x: np.ndarray, drops_zeros: bool) -> np.ndarray:
    """By the bits: a NaN or what is no number is kept, of either sign, and of the rest what is not below zero."""
    bits = np.ascontiguousarray(x).view(FIELDS)
    mantissa, head = bits["mantissa"], bits["head"]
    exponent = head & 0x7FFF
    is_number = (exponent == 0) | (mantissa >> np.uint64(63) == 1)
    is_number &= (exponent != 0x7FFF) | (mantissa == np.uint64(1 << 63))
    is_zero = (exponent == 0) & (mantissa == 0)
    return ~is_number | ~(is_zero | (head >> 15 == 1)) | (is_zero & (not drops_zeros))


def expected(op: Op, *args: np.ndarray) -> list[tuple[int, int]]:
    name = repr(op)
    bits = np.ascontiguousarray(args[0]).view(FIELDS).copy()
    if "grad" in name:
        bits["mantissa"], bits["head"] = 1 << 63, 0x3FFF
    drop = ~kept(args[-1], name == "relu" or "strict" in name)
    bits["mantissa"][drop], bits["head"][drop] = 0, 0
    return [tuple(pair) for pair in bits.ravel().tolist()]


def bits_of(result: np.ndarray) -> list[tuple[int, int]]:
    """Without the padding."""
    assert result.dtype == LONG_DOUBLE
    return [tuple(pair) for pair in np.ascontiguousarray(result).view(FIELDS).ravel().tolist()]


@pytest.fixture(autouse=True)
def _raise_for_flags():
    with np.errstate(all="raise"):
        yield


def pair(op: Op) -> list[np.ndarray]:
    x = encodings()
    return [x[::-1].copy(), x][-op.ufunc.nin :]


@pytest.mark.parametrize("op", OPS, ids=repr)
def test_every_encoding(op):
    args = pair(op)
    for view in (lambda a: a, lambda a: a[::3], lambda a: a[::-1], lambda a: a.reshape(8, 20).T, lambda a: a[:1]):
        viewed = [view(a) for a in args]
        assert bits_of(op.ufunc(*viewed)) == expected(op, *viewed)
        assert bits_of(op.ufunc(*viewed, out=np.empty_like(viewed[0]))) == expected(op, *viewed)
        assert bits_of(op.ufunc(*viewed, subok=True)) == expected(op, *viewed)
    for scalars in zip(*args, strict=True):
        assert bits_of(np.asarray(op.ufunc(*scalars))) == expected(op, *map(np.asarray, scalars))


@pytest.mark.parametrize("op", OPS, ids=repr)
def test_in_place_and_shifted(op):
    for k in range(op.ufunc.nin):
        for step in (1, 2, -1):
            args = pair(op)
            args = [a[::step] for a in args]
            wanted = expected(op, *args)
            assert bits_of(op.ufunc(*args, out=args[k])) == wanted
        args = pair(op)
        views = [a[1:] for a in args]
        wanted = expected(op, *views)
        assert bits_of(op.ufunc(*views, out=args[k][:-1])) == wanted


@pytest.mark.parametrize("op", OPS, ids=repr)
def test_at_and_where(op):
    args = pair(op)
    x, every_third = args[-1], np.arange(len(args[-1])) % 3 == 0
    wanted = np.array(expected(op, *args))
    place = args[0].copy()
    op.ufunc.at(place, np.flatnonzero(every_third), *[x[every_third]] * (op.ufunc.nin - 1))
    before = np.array(bits_of(args[0]))
    assert np.array_equal(bits_of(place), np.where(every_third[:, None], wanted, before))
    out = args[0].copy()
    op.ufunc(*args, where=every_third, out=out)
    assert np.array_equal(bits_of(out), np.where(every_third[:, None], wanted, before))


def one_by_one(op: Op, rows: np.ndarray) -> list[list[tuple[int, int]]]:
    """What is left after each row, the first of which is the first dy."""
    dy, left = rows[0], []
    for x in rows[1:]:
        left.append(expected(op, dy, x))
        dy = np.zeros(len(x), FIELDS)
        dy[:] = left[-1]
    return left


@pytest.mark.parametrize("op", BACKWARD, ids=repr)
def test_reduce_and_accumulate(op):
    rows = encodings().reshape(8, 20)
    for view in (rows, rows[::-1], rows[:, ::2], np.asfortranarray(rows)):
        left = one_by_one(op, view)
        assert bits_of(op.ufunc.reduce(view, axis=0)) == left[-1]
        assert bits_of(op.ufunc.reduce(view.T, axis=1)) == left[-1]
        assert [bits_of(row) for row in op.ufunc.accumulate(view, axis=0)[1:]] == left


def test_the_encodings_are_taken_as_the_processor_takes_them():
    x = encodings()
    with np.errstate(all="ignore"):
        assert np.array_equal(kept(x, True), ~(x <= 0))
        assert np.array_equal(kept(x, False), ~(x < 0))
    with pytest.raises(FloatingPointError, match="invalid"):
        x + 0
