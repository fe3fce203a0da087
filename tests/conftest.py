"""The fixtures that run a test once on every SIMD target, and with outputs written past the cache."""

from collections.abc import Iterator

import pytest

import relu_ext
from relu_ext import _core


def pytest_report_header() -> list[str]:
    table = ", ".join(name if usable else f"({name} cannot run here)" for name, usable in _core.simd_table())
    return [f"relu_ext {relu_ext.__version__} from {relu_ext.__path__[0]}", f"SIMD targets: {table}"]


@pytest.fixture(params=[name for name, _ in _core.simd_table()])
def target(request: pytest.FixtureRequest) -> Iterator[str]:
    """Put a SIMD target to use, read it back, and restore the one that was."""
    if request.param not in relu_ext.simd_targets:
        pytest.skip(f"this machine cannot run {request.param}")
    before = relu_ext.simd_target
    _core.set_simd_target(request.param)
    assert relu_ext.simd_target == request.param
    yield request.param
    _core.set_simd_target(before)


@pytest.fixture
def streaming() -> Iterator[None]:
    """Have outputs of any size written past the cache."""
    before = _core.get_stream_threshold()
    _core.set_stream_threshold(1)
    yield
    _core.set_stream_threshold(before)
