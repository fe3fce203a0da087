"""Many threads at once: inputs that all of them read, outputs that lie between each other's, first calls that race.

Arrays are large enough that the GIL is released, where there is one, so that kernels do run side by side.
"""

import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from reference import OPS, assert_same, operands

import relu_ext
from relu_ext import _core

THREADS, ROUNDS = 6, 3
ROWS, COLUMNS = 96, 131  # no column begins where a vector would
DTYPES = [np.dtype(c) for c in "bhfd"]  # one of each width


@pytest.fixture(autouse=True)
def _many_switches() -> Iterator[None]:
    """Have threads change places as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def race(jobs: Sequence[Callable[[int], None]]) -> None:
    """Do each job in all threads at once, which hand it their number; raise what the first to fail raises."""
    start = threading.Barrier(THREADS)

    def run(k: int) -> None:
        try:
            for job in jobs:
                start.wait()
                job(k)
        except BaseException:
            start.abort()
            raise

    with ThreadPoolExecutor(THREADS) as pool:
        errors = [done.exception() for done in [pool.submit(run, k) for k in range(THREADS)]]
    for error in errors:
        if error and not isinstance(error, threading.BrokenBarrierError):
            raise error


def in_rows(a: np.ndarray) -> np.ndarray:
    return a.reshape(ROWS, COLUMNS)


def in_columns(a: np.ndarray) -> np.ndarray:
    return np.asfortranarray(in_rows(a))


def every_other(a: np.ndarray) -> np.ndarray:
    return in_rows(np.repeat(a, 2)[::2])


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_shared_inputs(dtype, target):
    """Every function on the same operands, in all layouts that are walked in different ways, into fresh memory."""
    calls = []
    for op in OPS:
        args = operands(op, ROWS * COLUMNS, dtype)
        expected = op.contract(*args)
        calls += [(op, [layout(a) for a in args], layout(expected)) for layout in (in_rows, in_columns, every_other)]
        calls.append((op, [in_columns(args[0]), in_rows(args[-1])][-op.ufunc.nin :], in_rows(expected)))

    def job(k: int) -> None:
        for turn in range(len(calls)):
            op, args, expected = calls[(turn + k) % len(calls)]
            assert_same(op.ufunc(*args), expected)
            out = np.empty_like(args[0])
            assert op.ufunc(*args, out=out) is out
            assert_same(out, expected)

    race([job] * ROUNDS)


def shares(shape: tuple[int, int]) -> list[Callable[[np.ndarray, int], np.ndarray]]:
    """Ways to share an array out among the threads so that everyone's elements have strangers for neighbours."""
    rows, columns = shape
    row_cuts = [rows * k // THREADS for k in range(THREADS + 1)]
    column_cuts = [columns * k // THREADS for k in range(THREADS + 1)]
    cuts = [rows * columns * k // THREADS + k % 3 for k in range(THREADS)] + [rows * columns]
    cuts[0] = 0
    return [
        lambda a, k: a.reshape(-1)[cuts[k] : cuts[k + 1]],
        lambda a, k: a[row_cuts[k] : row_cuts[k + 1]],
        lambda a, k: a[:, column_cuts[k] : column_cuts[k + 1]],
        lambda a, k: a[:, k::THREADS],
        lambda a, k: a[:, column_cuts[k] : column_cuts[k + 1]].T,
        lambda a, k: a.reshape(-1)[k::THREADS][::-1],
    ]


@pytest.mark.parametrize("in_place", [False, True], ids=["out", "in place"])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_one_output_in_shares(dtype, in_place, target):
    """A store that reaches into a neighbour's elements, if only to write back what it found, undoes his work."""
    jobs, checks = [], []
    for op in OPS:
        args = [in_rows(a) for a in operands(op, ROWS * COLUMNS, dtype)]
        expected = op.contract(*args)
        for share in shares(expected.shape) * ROUNDS:
            out = args[-1].copy() if in_place else np.full_like(expected, 77)
            inputs = [*args[:-1], out if in_place else args[-1]]

            def job(k: int, op=op, share=share, out=out, inputs=inputs) -> None:
                op.ufunc(*[share(a, k) for a in inputs], out=share(out, k))

            jobs.append(job)
            checks.append((out, expected))
    race(jobs)
    for out, expected in checks:
        assert_same(out, expected)


def test_targets_change_during_calls():
    """A call ends with the target with which it began, whatever another thread chooses meanwhile."""
    before, jobs = relu_ext.simd_target, []
    for op in OPS:
        args = [in_columns(a) for a in operands(op, ROWS * COLUMNS, np.dtype("f"))]
        expected = op.contract(*args)

        def job(k: int, op=op, args=args, expected=expected) -> None:
            for name in relu_ext.simd_targets:
                if k == 0:
                    _core.set_simd_target(name)
                else:
                    assert_same(op.ufunc(*args), expected, f"{op.ufunc.__name__}, {name}:")

        jobs.append(job)
    try:
        race(jobs * ROUNDS)
    finally:
        _core.set_simd_target(before)


# Both scripts below call every function with [-1, 0, 2].
EXPECTED = """
expected = {
    "relu": [0, 0, 2],
    "relu_grad": [0, 1, 1],
    "relu_grad_strict": [0, 0, 1],
    "relu_backward": [0, 0, 2],
    "relu_backward_strict": [0, 0, 2],
}
"""

# 16 threads import the package and call each function for the first time, every thread with another one.
FIRST_CALLS = (
    EXPECTED
    + """
import sys, threading
import numpy as np

dtypes = ["f4", "O", "i1", "g", "?"]
if sys.argv[1:] == ["ml_dtypes"]:
    import ml_dtypes
    dtypes[1:1] = [ml_dtypes.bfloat16, ml_dtypes.float8_e5m2]
arrays = [np.array([0, 1, 0], d) if d == "?" else np.array([-1, 0, 2], d) for d in dtypes]
turns = [(name, x) for x in arrays for name in expected]
start, results = threading.Barrier(16), []

def results_of(name, x):
    function = getattr(relu_ext, name)
    args = [x] * function.nin
    if x.dtype == bool and name != "relu":
        try:
            return [function(*args)]
        except TypeError as error:
            return ["x is boolean" in str(error)]
    out = np.zeros(3, np.intp if x.dtype == bool else x.dtype)
    right = [0, 1, 0] if x.dtype == bool else expected[name]
    calls = [{}, {"out": out}, {"out": out, "where": np.full(3, True)}]
    got = [function(*args, **call) for call in calls]
    return [y.dtype == out.dtype and y.astype(float).tolist() == right for y in got]

def run(k):
    global relu_ext
    start.wait()
    import relu_ext
    for turn in range(len(turns)):
        results.extend(results_of(*turns[(turn + k) % len(turns)]))

sys.setswitchinterval(1e-6)
threads = [threading.Thread(target=run, args=(k,)) for k in range(16)]
[t.start() for t in threads]; [t.join() for t in threads]
print(len(results) // 16, all(r is True for r in results))
"""
)


# Every function meets a dtype of ml_dtypes for the first time, each in threads of its own.
REGISTRATION = (
    EXPECTED
    + """
import sys, threading
import numpy as np, ml_dtypes, relu_ext

sys.setswitchinterval(1e-6)
dtypes = [np.dtype(d) for d in (ml_dtypes.bfloat16, ml_dtypes.float8_e5m2, ml_dtypes.float8_e4m3fn)]
names = [name for name in expected for _ in range(3)]
results = []

def first_calls(k, functions, start):
    function, dtype = functions[names[k]], dtypes[k % 3]
    x = np.array([-1, 0, 2], dtype)
    args, out = [x] * function.nin, np.zeros(3, dtype)
    calls = [{}, {"out": out}, {"dtype": dtype}, {"out": out, "where": np.full(3, True)}]
    start.wait()
    for turn in range(4):
        y = function(*args, **calls[(turn + k) % 4])
        results.append(y.dtype == dtype and y.astype(float).tolist() == expected[names[k]])

functions, start = {name: getattr(relu_ext, name) for name in expected}, threading.Barrier(15)
threads = [threading.Thread(target=first_calls, args=(k, functions, start)) for k in range(15)]
[t.start() for t in threads]; [t.join() for t in threads]
print(len(results), all(results))
"""
)


def python(code: str, *args: str) -> str:
    command = [sys.executable, "-W", "error", "-c", code, *args]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip() + result.stderr


@pytest.mark.parametrize("also", [None, "ml_dtypes"])
def test_first_calls_race(also):
    if also:
        pytest.importorskip(also)
    dtypes = 6 if also else 4
    assert python(FIRST_CALLS, *[also] if also else []) == f"{dtypes * 5 * 3 + 3 + 4} True"


@pytest.mark.parametrize("_", range(8))
def test_functions_register_dtypes_at_once(_):
    pytest.importorskip("ml_dtypes")
    assert python(REGISTRATION) == f"{15 * 4} True"


@pytest.mark.skipif(not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this Python always has a GIL")
def test_free_threading_stays_on():
    assert python("import sys, numpy, relu_ext; print(sys._is_gil_enabled())") == "False"
