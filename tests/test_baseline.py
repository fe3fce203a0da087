"""The instructions that every file may use: as many as CFLAGS say, and in wheels no more than every CPU has."""

import platform
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted(map(str, (ROOT / "csrc").glob("vec_*.c")))
CHECK = "-DRELU_EXT_CHECK_BASELINE"
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
WHEELS = PYPROJECT["tool"]["cibuildwheel"]


@pytest.fixture(params=["gcc", "clang"])
def compiler(request: pytest.FixtureRequest) -> str:
    """Whichever of GCC and Clang is there, where there is something for it to compile."""
    if not SOURCES or platform.machine().lower() not in ("x86_64", "amd64"):
        pytest.skip("needs the C, and the flags are those of x86-64")
    if not shutil.which(request.param):
        pytest.skip(f"needs {request.param}")
    return request.param


def run(compiler: str, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [compiler, "-std=c11", "-Wall", "-Wextra", *flags, *SOURCES]
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)


def test_a_build_for_one_cpu(compiler):
    result = run(compiler, "-mavx2", "-fsyntax-only")
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize("flag", ["-msse4.2", "-mavx2"])
def test_a_wheel_is_not_built_for_one_cpu(compiler, flag):
    refused = run(compiler, flag, "-E", CHECK)
    assert refused.returncode != 0
    message = "The baseline is raised: this build would not run on every CPU of its architecture."
    assert refused.stderr.count(message) >= len(SOURCES)


def test_a_wheel_is_built_for_every_cpu(compiler):
    assert run(compiler, "-E", CHECK).returncode == 0


def test_wheels_are_built_with_the_check():
    assert WHEELS["linux"]["environment"]["CFLAGS"] == CHECK
    assert WHEELS["macos"]["environment"]["CFLAGS"] == CHECK
    assert WHEELS["windows"]["environment"]["CL"] == CHECK.replace("-D", "/D")
    assert not any("environment" in override for override in WHEELS["overrides"])


def test_wheels_are_tested_with_whatever_has_wheels():
    everything = {re.match(r"[\w-]+", line)[0] for line in PYPROJECT["project"]["optional-dependencies"]["test"]}
    musl, without_migrate = (set(override["test-requires"]) for override in WHEELS["overrides"])
    assert musl == everything - {"ml_dtypes", "z3-solver"}
    assert without_migrate == everything - {"libcst", "nbformat"}
