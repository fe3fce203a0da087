"""SIMD targets: what was found, what was asked for, what is refused, what is shown."""

import os
import platform
import subprocess
import sys

import pytest

import relu_ext
from relu_ext import _core


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_targets_are_listed_slowest_first_and_the_last_is_the_default():
    assert relu_ext.simd_targets[0] == "scalar"
    assert set(relu_ext.simd_targets) <= {name for name, _ in _core.simd_table()}
    result = python("import relu_ext; print(relu_ext.simd_target)", RELU_EXT_SIMD="")
    assert result.stdout.strip() == relu_ext.simd_targets[-1]


@pytest.mark.skipif((sys.platform, platform.machine()) != ("linux", "x86_64"), reason="reads x86's /proc/cpuinfo")
def test_targets_are_those_that_linux_finds():
    with open("/proc/cpuinfo") as cpuinfo:
        flags = next(line.split() for line in cpuinfo if line.startswith("flags"))
    needs = {
        "scalar": set(),
        "sse42": {"sse4_2"},
        "avx2": {"sse4_2", "avx2"},
        "avx512": {"sse4_2", "avx2", "avx512f", "avx512bw", "avx512vl"},
    }
    assert list(relu_ext.simd_targets) == [name for name, flag in needs.items() if flag <= set(flags)]


@pytest.mark.parametrize("name", relu_ext.simd_targets)
def test_the_environment_asks_for_one(name):
    result = python("import relu_ext; print(relu_ext.simd_target)", RELU_EXT_SIMD=name)
    assert (result.stdout.strip(), result.stderr) == (name, "")


@pytest.mark.parametrize("name", ["avx1024", "AVX2", " ", *[n for n, usable in _core.simd_table() if not usable]])
def test_what_cannot_run_is_an_import_error_that_says_what_can(name):
    result = python("import relu_ext", RELU_EXT_SIMD=name)
    assert result.returncode == 1
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: ")
    assert f"RELU_EXT_SIMD={name!r}" in last
    assert all(target in last for target in relu_ext.simd_targets)


def test_streaming_begins_at_a_size_that_no_cache_is_far_from():
    assert 4 << 20 <= _core.get_stream_threshold() <= 32 << 20


def test_the_private_switch():
    before = relu_ext.simd_target
    with pytest.raises(ValueError, match="nonsense"):
        _core.set_simd_target("nonsense")
    with pytest.raises(TypeError):
        _core.set_simd_target(None)
    assert relu_ext.simd_target == before


def test_show_runtime(capsys):
    relu_ext.show_runtime()
    shown = capsys.readouterr().out
    assert relu_ext.__version__ in shown
    assert f"SIMD in use:    {relu_ext.simd_target}\n" in shown
    assert max(map(len, shown.splitlines())) <= 80
    for name, usable in _core.simd_table():
        line = next(line for line in shown.splitlines() if line.startswith("SIMD found" if usable else "SIMD not"))
        assert name in line


def test_attribute_errors_name_the_attribute():
    with pytest.raises(AttributeError, match=r"relu_ext.*no_such"):
        relu_ext.no_such  # noqa: B018
