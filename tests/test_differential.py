"""Random calls compared with the same calls of NumPy's own functions, for some seconds; for longer: tools/fuzz.py.

Then the comparison itself: it has to notice each kind of fault, and to print a script that shows it.
"""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from differential import Case, Difference, View, case_of, difference_in, script_of, shrink
from scripts import run

import relu_ext

CHUNK = 50  # seeds


@pytest.mark.parametrize("first", range(0, 6 * CHUNK, CHUNK))
def test_seeds(first, target):
    for seed in range(first, first + CHUNK):
        if difference_in(case_of(seed, target)):
            case, difference = shrink(case_of(seed, target))
            pytest.fail(f"seed {seed} on {target}: {difference.text}\n{script_of(case, difference)}")


def test_a_seed_makes_one_case():
    assert [case_of(seed) for seed in range(50)] == [case_of(seed) for seed in range(50)]
    assert len({case_of(seed) for seed in range(50)}) == 50


# Functions that are wrong, each in one thing


def given(out: Any) -> Any:
    return out[0] if isinstance(out, tuple) else out


def after(change: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    """Return what makes a wrong function of a right one, by a change to its result, which is told its `out`."""

    def wrong(function: np.ufunc) -> Callable[..., Any]:
        return lambda *args, **kwargs: change(function(*args, **kwargs), given(kwargs.get("out")))

    return wrong


def in_three_dimensions(change: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    return after(lambda result, out: change(result, out) if np.ndim(result) == 3 else result)


def other_dtype(result: Any, out: Any) -> Any:
    return result if out is not None else result.astype("f4" if result.dtype == "f8" else "f8", order="K")


def buffer_of(a: Any) -> np.ndarray | None:
    while isinstance(a, np.ndarray) and isinstance(a.base, np.ndarray):
        a = a.base
    return a if isinstance(a, np.ndarray) and a.dtype == np.uint8 else None


def byte_beside(result: Any, out: Any) -> Any:
    """Change the byte behind the last of `out`'s."""
    room = buffer_of(out)
    if room is not None and out.size:
        room[np.lib.array_utils.byte_bounds(out)[1] - room.ctypes.data] ^= 1
    return result


def other_order(result: Any, out: Any) -> Any:
    return result if out is not None or result.ndim < 2 else np.array(result, order="F", subok=True)


def warned(result: Any, out: Any) -> Any:
    warnings.warn("a warning too many", UserWarning, stacklevel=2)
    return result


def overflowed(result: Any, out: Any) -> Any:
    warnings.warn("overflow encountered", RuntimeWarning, stacklevel=2)
    return result


def other_bits(result: Any, out: Any) -> Any:
    """Give -0.0 for +0.0."""
    if isinstance(result, np.ndarray) and result.dtype == "f4" and out is None:
        result[result == 0] = -0.0
    return result


def read_only(result: Any, out: Any) -> Any:
    if out is None and isinstance(result, np.ndarray):
        result.flags.writeable = False
    return result


def without_an_error(function: np.ufunc) -> Callable[..., Any]:
    """Take shapes that do not fit for nothing to do."""

    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except ValueError:
            return given(kwargs.get("out"))

    return call


#: What is wrong, how it is called where it is found, and of how many dimensions the smallest case is.
WRONG = {
    "a dtype": (in_three_dimensions(other_dtype), "dtype", 3),
    "a byte beside out": (in_three_dimensions(byte_beside), "beside", 3),
    "the order of strides": (after(other_order), "strides", 2),
    "a warning": (in_three_dimensions(warned), "warnings", 3),
    "a floating-point warning": (in_three_dimensions(overflowed), "RuntimeWarning", 3),
    "the bits of a zero": (after(other_bits), "bits", 1),
    "out is not returned": (after(lambda result, out: result if out is None else out[...]), "returns out", 0),
    "out is copied": (after(lambda result, out: result if out is None else out.copy()), "strides", 1),
    "a flag": (after(read_only), "flags", 1),
    "an error": (without_an_error, "error", 1),
}


def found(wrong: Callable[..., Any], kind: str) -> tuple[Case, Difference]:
    """Return the first case in which the comparison sees that kind of thing."""
    for seed in range(2000):
        case = case_of(seed)
        difference = difference_in(case, wrong(getattr(relu_ext, case.name)))
        if difference and difference.kind.split(",")[0] == kind:
            return case, difference
    raise AssertionError("nothing was noticed")


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_noticed_and_shrunk(what, monkeypatch, capsys):
    wrong, kind, dims = WRONG[what]
    case, difference = found(wrong, kind)
    function = wrong(getattr(relu_ext, case.name))
    case, smaller = shrink(case, function)
    assert smaller.kind == difference.kind
    views = [view for view in (*case.args, case.out) if isinstance(view, View)]
    assert all(len(view.shape) <= dims and np.prod(view.shape) <= 9 for view in views), case
    assert not case.keywords
    assert case.where is None
    script = script_of(case, smaller)
    exec(compile(script, "<script>", "exec"), {})  # nothing is wrong with the package
    monkeypatch.setattr(relu_ext, case.name, function)
    with pytest.raises(AssertionError):
        exec(compile(script, "<script>", "exec"), {})
    assert case.name in script
    assert "error" in capsys.readouterr().out


def test_nothing_to_shrink():
    with pytest.raises(AssertionError, match="nothing is wrong"):
        shrink(case_of(0))


# In a process of its own, where nothing is remembered: mixed dtypes, with an `out` by which NumPy chooses another loop.
AFTER_ANOTHER_OUT = """
from differential import Case, View, difference_in
inputs = View((3,), {other!r}, 1 << 15, (1,)), View((3,), "ml_dtypes.float8_e4m3", 8, (1,))
with_out = View((3,), {out!r}, 16, (8,))
first = Case(0, "relu_backward", "add", "scalar", False, ('"b"', 0), inputs, with_out, out_as="out")
for case in (first, first._replace(like="maximum", out=None, out_as="")):
    difference = difference_in(case)
    assert difference is None, difference
"""


@pytest.mark.subprocess
@pytest.mark.parametrize("out", ['"m8[s]"', '"S3"'])
@pytest.mark.parametrize("other", ['"B"', '"?"'])
def test_what_numpy_remembers_is_no_difference(other, out, tmp_path):
    pytest.importorskip("ml_dtypes")
    script = AFTER_ANOTHER_OUT.format(other=other, out=out)
    done = run(["-c", script], tmp_path, PYTHONPATH=str(Path(__file__).parent))
    assert done.returncode == 0, done.stderr
