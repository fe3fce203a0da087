"""NumPy's own tests that walk over all its ufuncs, with the five put among them."""

import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("hypothesis", reason="NumPy's tests need hypothesis")

PLUGIN = """
import numpy as np
import relu_ext

for name in relu_ext.__all__:
    function = getattr(relu_ext, name)
    if isinstance(function, np.ufunc):
        setattr(np, name, function)
        setattr(np._core.umath, name, function)
"""


@pytest.mark.subprocess
def test_numpys_own_ufunc_tests(tmp_path):
    tests = [f"{np.__path__[0]}/_core/tests/{name}.py" for name in ("test_ufunc", "test_umath")]
    (tmp_path / "with_relu.py").write_text(PLUGIN)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "with_relu",
        "-k",
        "relu",
        "-W",
        "ignore",
        "-p",
        "no:cacheprovider",
    ]
    result = subprocess.run(
        [*command, *tests], cwd=tmp_path, env=None, capture_output=True, text=True, check=False, timeout=600
    )
    assert result.returncode == 0, result.stdout + result.stderr
    passed = int(result.stdout.split(" passed")[0].split()[-1])
    assert passed >= 5 * 4, result.stdout  # several tests of each of the five
