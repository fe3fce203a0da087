"""The C below NumPy on every SIMD target, checked by a program that needs no Python: kernels/harness.c.

It is built twice. One build has this machine's targets. The other has those of every architecture, with SIMDe's
functions in plain C for their intrinsics (kernels/simde), so that a machine without AVX-512, or without NEON, checks
those kernels as well: their arithmetic, tails, transposition and streaming.
"""

import os
import re
import shlex
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import relu_ext
from relu_ext import _core

pytestmark = pytest.mark.subprocess

KERNELS = Path(__file__).resolve().parent / "kernels"
HARNESS = KERNELS / "harness.c"
CSRC = KERNELS.parents[1] / "csrc"
SHARE = "4"  # so many times fewer calls than `python tools/compilers.py gcc-native` makes


def find_compiler() -> list[str]:
    """Return the command of a compiler that takes GCC's options; MSVC does not."""
    named = [] if os.name == "nt" else [os.environ.get("CC", "")]
    for name in [*named, "cc", "gcc", "clang"]:
        command = shlex.split(name)
        if command and shutil.which(command[0]):
            return command
    return []


if not CSRC.is_dir():
    pytest.skip("csrc is not beside the tests", allow_module_level=True)
COMPILER = find_compiler()
if not COMPILER:
    pytest.skip("there is no C compiler: cc, gcc or clang", allow_module_level=True)

OUR_TARGETS = [name for name, _ in _core.simd_table()]
ALL_TARGETS = re.findall(r"^TARGET\((\w+)\)", (CSRC / "targets.def").read_text(encoding="utf-8"), re.MULTILINE)


def run(*command: object, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], input=text, capture_output=True, text=True, check=False)


def check(*command: object) -> str:
    result = run(*command)
    if result.returncode != 0:
        pytest.fail(f"{shlex.join(result.args)}\nends with {result.returncode}\n{result.stderr}{result.stdout}")
    return result.stdout


def build(folder: Path, sources: list[Path], *flags: object) -> Path:
    """Build the harness with `sources`, a file for each core at once."""

    def compile_one(source: Path) -> Path:
        # Kernels take GCC three times as long to compile at -O2 as at -Og, and run as fast: the harness takes the time.
        level = "-O2" if source == HARNESS else "-Og"
        check(*COMPILER, "-std=c11", level, *flags, f"-I{CSRC}", "-c", source, "-o", folder / f"{source.stem}.o")
        return folder / f"{source.stem}.o"

    sources = [*sorted(CSRC.glob("vec_*.c")), HARNESS, CSRC / "layout.c", CSRC / "walk.c", *sources]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(compile_one, sources))
    program = folder / "harness.exe"
    check(*COMPILER, *objects, *([] if os.name == "nt" else ["-lm"]), "-o", program)
    return program


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("native"), [CSRC / "dispatch.c"])


@pytest.fixture(scope="module")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if run(*COMPILER, "-E", "-", text="#include <simde/x86/avx512.h>").returncode != 0:
        pytest.skip("libsimde-dev is not installed: apt-get install libsimde-dev")
    simde = KERNELS / "simde"
    flags = [f"-I{simde}", "-include", "emulated.h", "-fwrapv"]  # SIMDe subtracts as C does, the instructions wrap
    return build(tmp_path_factory.mktemp("emulated"), [simde / "targets.c"], *flags)


@pytest.mark.parametrize("name", OUR_TARGETS)
def test_kernels(name: str, native: Path):
    if name not in relu_ext.simd_targets:
        pytest.skip(f"this machine cannot run {name}")
    assert "as they have to be" in check(native, name, SHARE)


@pytest.mark.parametrize("name", ALL_TARGETS[1:])  # scalar is plain C already
def test_kernels_through_simde(name: str, emulated: Path):
    assert "as they have to be" in check(emulated, name, SHARE)


def test_a_run_in_which_no_target_was_checked_fails(native: Path):
    result = run(native, "no_such_target")
    assert (result.returncode, result.stdout.splitlines()[-1]) == (1, "no target was checked")
