"""Faults injected: allocations that fail in first calls, signals, fork, the interpreter's end, reload, subinterpreters.

Most of it happens in processes of its own, since it happens once in a process or ends it.
"""

import os
import signal
import subprocess
import sys
import sysconfig
import threading
import time

import numpy as np
import pytest
from reference import OPS, assert_same, values

from relu_ext import relu

HANG = 120  # seconds until something hung is given up; no test depends on how fast it is
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals and fork")


def python(code: str, *args: str) -> str:
    """Run code in a fresh interpreter that takes warnings for errors; return what it wrote, anywhere."""
    command = [sys.executable, "-W", "error", "-c", code, *args]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=HANG)
    assert result.returncode == 0, result.stdout + result.stderr
    return (result.stdout + result.stderr).strip()


# Allocations. Each k-th one fails in a child of its own, so that every call is the first of its kind.

NO_MEMORY = """
import copy, os, pickle, sys
import _testcapi
import numpy as np
import relu_ext
from relu_ext import relu, relu_backward, relu_grad

try: import ml_dtypes
except ImportError: ml_dtypes = None
try: import cloudpickle
except ImportError: cloudpickle = None

f4, i1, f8 = (np.array([-1, 0, 2], d) for d in ("f4", "i1", "f8"))
out, bits, written = np.zeros(3, "f4"), f4 > 0, pickle.dumps(relu)
if ml_dtypes:
    bf16, int4 = f4.astype(ml_dtypes.bfloat16), i1.astype(ml_dtypes.int4)

def result_or_error(call):
    try: return call()
    except Exception as error: return error

def judged(got, expected):
    if isinstance(got, Exception):
        return "right" if isinstance(expected, type) and isinstance(got, expected) else got
    same = got.astype(float).tolist() == expected if isinstance(got, np.ndarray) else got == expected
    return "right" if same else f"wrong: {got!r}"

def is_allowed(failure):
    # Python (where a frame is left) and NumPy return NULL without an exception at places, and NumPy tells a loop that
    # it could not add to its cache as one that is there already.
    return isinstance(failure, (MemoryError, SystemError)) or "has already been registered with" in str(failure)

def child(call, expected, k):
    sys.stderr = None  # where NumPy prints errors that it goes on after
    _testcapi.set_nomemory(k, k + 1)
    try: got = result_or_error(call)
    finally: _testcapi.remove_mem_hooks()
    first, second = judged(got, expected), judged(result_or_error(call), expected)
    if second != "right" or (first != "right" and not is_allowed(first)):
        print(f"{k}: {first!r}, then {second!r}", flush=True)
        os._exit(2)
    os._exit(first != "right")

call, expected = eval("lambda: " + sys.argv[1]), eval(sys.argv[2])
failures = quiet = k = 0
while quiet < 40:
    pid = os.fork()
    if pid == 0:
        child(call, expected, k)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    # NumPy crashes at places while it adds loops and casts of a registered dtype, in np.add(bf16, f4) as well.
    if code < 0 and not ("bf16" in sys.argv[1] or "int4" in sys.argv[1]):
        print(f"{k}: killed by {-code}", flush=True)
    failures, quiet, k = failures + (code == 1), 0 if code else quiet + 1, k + 1
print("some failed" if failures else "none failed")
"""

RESULT = "[0, 0, 2]"
FIRST_CALLS = {
    "relu(bf16)": RESULT,
    "relu(bf16, out=out, where=f4 < 9)": RESULT,
    "relu(f4, dtype=bf16.dtype, casting='unsafe')": RESULT,
    "relu(f4, signature=(bf16.dtype, bf16.dtype), casting='unsafe')": RESULT,
    "relu_backward(f4, f4, signature=(bf16.dtype, bf16.dtype, None), casting='unsafe')": RESULT,
    "relu_backward(bf16, f4)": RESULT,
    "relu_backward(f8, bf16)": RESULT,
    "relu_backward(1, bf16)": "[0, 1, 1]",
    "relu_backward(f4, i1)": RESULT,
    "relu_backward(2, f4)": "[0, 2, 2]",
    "relu_backward(1.5, i1)": "[0, 1.5, 1.5]",
    "relu(bits)": "[0, 0, 1]",
    "relu([-1, 0, 2])": RESULT,
    "relu(1j)": "TypeError",
    "relu(int4)": "TypeError",
    "relu(0, f4)": "TypeError",
    "relu_backward(f4)": "TypeError",
    "relu_grad(bits)": "TypeError",
    "relu(np.array([None]))": "TypeError",
    "relu([[1, 2], [3]])": "ValueError",
    "pickle.dumps(relu)": "written",
    "pickle.loads(written)": "relu",
    "copy.copy(relu)": "relu",
    "copy.deepcopy([relu])": "[relu]",
    "cloudpickle.dumps(relu)": "cloudpickle.dumps(relu)",
}


@POSIX
@pytest.mark.allocations
@pytest.mark.skipif(bool(sysconfig.get_config_var("Py_GIL_DISABLED")), reason="NumPy's own ufuncs crash there")
@pytest.mark.parametrize("call", FIRST_CALLS)
def test_a_first_call_without_memory(call):
    """Right, or a MemoryError and then right: nothing is half done."""
    pytest.importorskip("_testcapi", reason="this Python has no _testcapi")
    for name, word in {"ml_dtypes": "bf16", "cloudpickle": "cloudpickle"}.items():
        if word in call:
            pytest.importorskip(name, reason=f"{name} is not installed")
    assert python(NO_MEMORY, call, FIRST_CALLS[call]) == "some failed"


def test_a_registration_that_fails_is_done_again():
    """Half of a loop, after which NumPy would not ask for the other half."""
    pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed")
    code = (
        "import ml_dtypes, numpy as np\n"
        "from relu_ext import _core, relu\n"
        "add, turns = _core.register_dtype, iter(range(99))\n"
        "def register_dtype(*args):\n"
        "    if next(turns) % 3 == 0: raise MemoryError\n"
        "    add(*args)\n"
        "_core.register_dtype = register_dtype\n"
        "x = np.array([-1, 0, 2], ml_dtypes.bfloat16)\n"
        "print(relu(x, where=x == x, out=x.copy()).tolist(), next(turns) > 8)"
    )
    assert python(code) == "[0.0, 0.0, 2.0] True"


# Signals

LARGE = 1 << 22  # elements: a call takes milliseconds


@POSIX
def test_a_signal_waits_for_the_end_of_the_call():
    x, out = values(LARGE, np.dtype("f4")), np.empty(LARGE, "f4")
    expected, seen = OPS[0].contract(x), []
    before = signal.signal(signal.SIGALRM, lambda *_: seen.append((out[0], out[-1])))
    x[[0, -1]] = expected[[0, -1]] = 5
    try:
        signal.setitimer(signal.ITIMER_REAL, 1e-3, 1e-3)
        for _ in range(10):
            out.fill(77)
            relu(x, out=out)
            assert_same(out, expected)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert (5, 5) in seen
    assert set(seen) <= {(77, 77), (5, 5)}


@POSIX
@pytest.mark.subprocess
def test_an_interrupt_leaves_nothing_half_written():
    code = (
        "import os, signal, threading, numpy as np\n"
        "from relu_ext import relu\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell's background jobs ignore it
        f"x, out = np.full({LARGE}, 5, 'f4'), np.empty({LARGE}, 'f4')\n"
        "states = set()\n"
        "for _ in range(20):\n"
        "    out.fill(77)\n"
        "    try:\n"
        "        timer = threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGINT))\n"
        "        timer.start()\n"  # with a name: an exception that is raised while it is deleted would be lost
        "        while True: relu(x, out=out); out.fill(77)\n"
        "    except KeyboardInterrupt: pass\n"
        "    assert (out == out[0]).all()\n"
        "    assert (relu(x) == 5).all()\n"
        "    states.add(float(out[0]))\n"
        "print(states <= {5.0, 77.0})"
    )
    assert python(code) == "True"


@pytest.mark.parametrize("op", OPS, ids=repr)
def test_other_threads_go_on_during_a_call(op):
    """Nobody else takes the GIL by force in this time, so it is given up."""
    args, turns, done = [np.ones(LARGE, "f4")] * op.ufunc.nin, [0], threading.Event()

    def work() -> None:
        while not done.is_set():
            turns[0] += 1
            time.sleep(0)

    before = sys.getswitchinterval()
    thread = threading.Thread(target=work)
    thread.start()
    try:
        sys.setswitchinterval(HANG)
        went_on = 0
        for _ in range(50):
            start = turns[0]
            op.ufunc(*args)
            went_on += turns[0] > start
            if went_on:
                break
    finally:
        sys.setswitchinterval(before)
        done.set()
        thread.join()
    assert went_on


# Fork

FORK = """
import os, signal, sys, threading, time, warnings
import numpy as np
import relu_ext
from relu_ext import _errors

def fork_and_call(functions, dtype):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from 3.12 on, of a process with threads
        pid = os.fork()
    if pid == 0:
        signal.alarm(60)
        for f in functions:
            for n in (3, 10_000):
                y = f(*[np.array([-1, 5] * n, dtype)] * f.nin)
                assert (y.astype("i8").reshape(n, 2) == y[:2].astype("i8")).all() and y[0] == 0 and y[1] != 0
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

functions = [getattr(relu_ext, name) for name in sys.argv[2:]]
"""

BUSY = """
done, x = threading.Event(), np.ones(1 << 18, "f4")
def work():
    while not done.is_set():
        for f in functions:
            f(*[x] * f.nin); f(*[x[::3]] * f.nin); f(*[[-1.0, 2.0]] * f.nin)
threads = [threading.Thread(target=work) for _ in range(4)]
[t.start() for t in threads]
print({fork_and_call(functions, "f4") for _ in range(8)})
done.set()
[t.join() for t in threads]
"""

# A thread is about to add loops; the child's first call of that dtype adds them as well.
REGISTERING = """
import ml_dtypes
there = threading.Event()
def work():
    with _errors._registering:
        there.set()
        time.sleep(0.3)
thread = threading.Thread(target=work)
thread.start()
there.wait()
print({fork_and_call(functions, ml_dtypes.bfloat16)})
thread.join()
"""


@pytest.mark.subprocess
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.parametrize("beside", [BUSY, REGISTERING], ids=["busy threads", "a registration"])
def test_fork(beside):
    if beside is REGISTERING:
        pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed")
    assert python(FORK + beside, "-", *map(repr, OPS)) == "{0}"


# The interpreter's end

END = """
import atexit, os, sys, threading
import numpy as np
from relu_ext import relu, relu_backward, relu_grad

x, i1, mask, fixed = np.array([-1, 2], "f4"), np.array([-1, 2], "i1"), np.array([True]), np.ones(2, "f4")
fixed.flags.writeable = False

def calls(x=x, i1=i1, mask=mask, fixed=fixed, relu=relu, relu_backward=relu_backward, relu_grad=relu_grad, os=os):
    def told(call):
        try: return call().tolist()
        except Exception as error: return str(error)[:30]
    for call in (
        lambda: relu(x), lambda: relu([-1, 2]), lambda: relu_backward(x, i1), lambda: relu(1j), lambda: relu(0, x),
        lambda: relu_grad(mask), lambda: relu(x, out=fixed), lambda: relu([[1, 2], [3]]), lambda: relu([None, None])
    ):
        os.write(1, f"{told(call)}\\n".encode())

class Last:
    def __del__(self, calls=calls):
        calls()
"""
TOLD = """[0.0, 2.0]
[0, 2]
[0.0, 2.0]
relu: x is complex128, which h
relu takes the array alone, no
relu_grad: x is boolean, and t
output array is read-only
relu: rows of different length
relu: an object in x cannot be"""
IN_THE_END = {
    "atexit": "atexit.register(calls)",
    "__del__": "last = Last()",
    "__del__ in a cycle": "last = Last(); last.last = last",
}


@pytest.mark.subprocess
@pytest.mark.parametrize("called_before", [False, True])
@pytest.mark.parametrize("by", IN_THE_END)
def test_calls_while_python_ends(by, called_before):
    """Results and messages as ever, although nothing can be imported any more."""
    expected = "\n".join([TOLD] * (1 + called_before))
    assert python(END + f"{'calls()' if called_before else ''}\n{IN_THE_END[by]}") == expected


@pytest.mark.subprocess
def test_daemon_threads_are_in_calls_while_python_ends():
    code = (
        "import threading, numpy as np, relu_ext\n"
        f"functions = [getattr(relu_ext, name) for name in {[repr(op) for op in OPS]}]\n"
        "x, started = np.ones(1 << 20, 'f4'), threading.Barrier(len(functions) + 1)\n"
        "def work(f):\n"
        "    f(*[x] * f.nin)\n"
        "    started.wait()\n"
        "    while True: f(*[x] * f.nin, out=x); f(*[x[::3]] * f.nin); f(*[[-1.0, 2.0]] * f.nin)\n"
        "for f in functions: threading.Thread(target=work, args=(f,), daemon=True).start()\n"
        "started.wait()"
    )
    for _ in range(3):
        assert python(code) == ""


# Importing again

AGAIN = {
    "reload": "importlib.reload(relu_ext)",
    "reload of _core": "importlib.reload(relu_ext._core)",
    "reload of _errors": "importlib.reload(relu_ext._errors)",
    "_core alone": "del sys.modules['relu_ext._core']; import relu_ext._core as core; relu = core.relu",
    "all": "for name in [n for n in sys.modules if n.startswith('relu_ext')]: del sys.modules[name]",
    "gone": "for name in [n for n in sys.modules if n.startswith('relu_ext')]: sys.modules[name] = None",
}


@pytest.mark.subprocess
@pytest.mark.parametrize("how", AGAIN)
def test_importing_again_gives_the_same_functions(how):
    """Old references meet a dtype of ml_dtypes for the first time after it, and are pickled."""
    pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed")
    after = "" if how == "gone" else "import relu_ext\nassert pickle.loads(pickle.dumps(old)) is old is relu_ext.relu\n"
    code = (
        "import importlib, pickle, sys, ml_dtypes, numpy as np, relu_ext\n"
        "old, old_backward, written = relu_ext.relu, relu_ext.relu_backward, pickle.dumps(relu_ext.relu)\n"
        "bf16, f8 = (np.array([-1, 0, 2], d) for d in (ml_dtypes.bfloat16, ml_dtypes.float8_e5m2))\n"
        "assert (old_backward(bf16, bf16) == [0, 0, 2]).all()\n"
        f"{AGAIN[how]}\n"
        f"{after}"
        "for function in (old, old_backward):\n"
        "    for x in (bf16, f8):\n"
        "        for options in ({}, {'where': x == x, 'out': x.copy()}, {'dtype': x.dtype}):\n"
        "            assert (function(*[x] * function.nin, **options) == [0, 0, 2]).all()\n"
        "try: old(1j)\n"
        "except TypeError as error: print(error)"
    )
    assert python(code).startswith("relu: x is complex128, which has no order")


# Subinterpreters

ATTEMPT = "try: import relu_ext\nexcept ImportError as error: print(error, flush=True)"
SUBINTERPRETERS = {
    "legacy": "import _testcapi\nfor _ in range(2): assert _testcapi.run_in_subinterp(code) == 0",
    "isolated": (
        "try: import _interpreters as subinterpreters\n"
        "except ImportError: import _xxsubinterpreters as subinterpreters\n"
        "for _ in range(2):\n"
        "    made = subinterpreters.create()\n"
        "    subinterpreters.run_string(made, code)\n"
        "    subinterpreters.destroy(made)"
    ),
}


@pytest.mark.subprocess
@pytest.mark.parametrize("first", ["", "numpy", "relu_ext"])
@pytest.mark.parametrize("kind", SUBINTERPRETERS)
def test_a_subinterpreter_is_refused(kind, first):
    """By Python from 3.12 on, but not in interpreters that share the GIL; afterwards the main one imports as ever."""
    for module in {"legacy": ["_testcapi"], "isolated": ["_interpreters", "_xxsubinterpreters"]}[kind]:
        try:
            __import__(module)
            break
        except ImportError:
            continue
    else:
        pytest.skip("this Python has no such module")
    code = (
        f"{f'import {first}' if first else ''}\n"
        f"code = {ATTEMPT!r}\n{SUBINTERPRETERS[kind]}\n"
        "import relu_ext; print(relu_ext.relu([-1, 2]).tolist())"
    )
    refusal = "module relu_ext._core does not support loading in subinterpreters"
    assert python(code).split("\n") == [refusal, refusal, "[0, 2]"]
