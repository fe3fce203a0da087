"""Pickling, copying, and workers: the functions travel under their public names."""

import copy
import pickle
import subprocess
import sys

import pytest
from reference import OPS, python

import relu_ext

# Each is a script of its own, since what pickle writes depends on what was imported, and in which order.
POOL = """
{first}
import multiprocessing
import numpy as np
{second}

if __name__ == "__main__":
    arrays = [np.array([-1.0, k]) for k in range(4)]
    with multiprocessing.get_context({method!r}).Pool(2) as pool:
        print([y.tolist() for y in pool.map(relu, arrays)])
"""
JOBLIB = """
{first}
import joblib
import numpy as np
{second}

if __name__ == "__main__":
    arrays = [np.array([-1.0, k]) for k in range(4)]
    print([y.tolist() for y in joblib.Parallel(2)(joblib.delayed(relu)(x) for x in arrays)])
"""


@pytest.mark.parametrize("op", OPS, ids=repr)
def test_pickled_by_the_public_name(op):
    assert op.ufunc.__module__ == "relu_ext"
    assert op.ufunc.__qualname__ == op.ufunc.__name__ == repr(op)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        written = pickle.dumps(op.ufunc, protocol)
        assert b"relu_ext" in written
        assert b"_core" not in written
        assert pickle.loads(written) is op.ufunc
    assert copy.copy(op.ufunc) is copy.deepcopy(op.ufunc) is copy.deepcopy([op.ufunc])[0] is op.ufunc


def test_cloudpickle():
    cloudpickle = pytest.importorskip("cloudpickle", reason="cloudpickle is not installed")
    for op in OPS:
        written = cloudpickle.dumps(lambda x, f=op.ufunc: f(*[x] * f.nin))
        assert b"_core" not in written
        assert pickle.loads(written)(2.0) in (1.0, 2.0)


EARLY = """
import pickle, sys, types

class Lazy(types.ModuleType):
    def __getattr__(self, name):
        raise ImportError(f"searched for {name}")

early = sys.modules["early"] = types.ModuleType("early")
lazy = sys.modules["lazy"] = Lazy("lazy")
import relu_ext
early.relu = relu_ext.relu
print(pickle.dumps(relu_ext.relu, 0).split(b"\\n")[0].decode())
del early.relu
print(pickle.loads(pickle.dumps(relu_ext.relu)) is relu_ext.relu)
"""


def test_no_other_module_is_searched():
    """pickle searches all modules for a function without __module__; some import, and fail, on attribute access."""
    assert python(EARLY).split() == ["crelu_ext", "True"]


def run_script(path, text: str) -> None:
    path.write_text(text)
    result = subprocess.run([sys.executable, path], capture_output=True, text=True, check=False, timeout=240)
    assert result.stdout.strip() == "[[0.0, 0.0], [0.0, 1.0], [0.0, 2.0], [0.0, 3.0]]", result.stderr


IMPORTS = {"first": ("from relu_ext import relu", ""), "last": ("", "from relu_ext import relu")}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has spawn only")
@pytest.mark.parametrize("imported", IMPORTS)
@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_multiprocessing(tmp_path, method, imported):
    first, second = IMPORTS[imported]
    run_script(tmp_path / "script.py", POOL.format(method=method, first=first, second=second))


@pytest.mark.parametrize("imported", IMPORTS)
def test_joblib(tmp_path, imported):
    pytest.importorskip("joblib", reason="joblib is not installed")
    first, second = IMPORTS[imported]
    run_script(tmp_path / "script.py", JOBLIB.format(first=first, second=second))


def test_the_module_names_its_functions():
    for op in OPS:
        assert getattr(sys.modules[op.ufunc.__module__], op.ufunc.__qualname__) is op.ufunc
    assert relu_ext.dead_units.__module__.startswith("relu_ext")
