"""Every way through the C on a thread's smallest stack, where NumPy's own functions run as well."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from reference import OPS, operands

import relu_ext
from relu_ext import _core

STACKS = [size << 10 for size in (32, 64, 128)]  # from the least that `threading` allows on most systems
DTYPES = [np.dtype(c) for c in "bhfd"]  # one of each width: the transpositions keep squares of vectors

Call = tuple  # a function, its arguments, its keywords


def stand_in(ufunc: np.ufunc, is_numpy: bool) -> np.ufunc:
    """Return NumPy's function of as many operands in the place of one of ours."""
    return ufunc if not is_numpy else np.positive if ufunc.nin == 1 else np.maximum


def layout_calls(is_numpy: bool) -> Iterator[Call]:
    """All layouts of inputs, into fresh memory, into every layout, in place and shifted, by both ways."""
    from test_layouts import INPUTS, LAYOUTS, SHAPE, block, in_layout

    for dtype in DTYPES:
        inputs = [{name: in_layout(name, block(dtype, k)) for name in INPUTS} for k in range(2)]
        outs = {name: in_layout(name, np.zeros(SHAPE, dtype)) for name in LAYOUTS}
        for op in OPS:
            ufunc, few = stand_in(op.ufunc, is_numpy), ["C", "F", "NHWC", "cut", "step -2"]
            for names in product(INPUTS, repeat=op.ufunc.nin):
                args = [inputs[k][name] for k, name in enumerate(names)]
                yield ufunc, args, {}
                yield ufunc, args, {"subok": True}
                for name in outs if op.ufunc.nin == 1 else few:
                    yield ufunc, args, {"out": outs[name]}
                if names[-1] in LAYOUTS:
                    yield ufunc, args, {"out": args[-1]}
                    yield ufunc, [a[1:] for a in args], {"out": args[-1][:-1]}


def axes_calls(is_numpy: bool) -> Iterator[Call]:
    """From no axis to as many as NumPy has, of lengths 0, 1 and 2, with gaps and turned round."""
    shapes = [(), (0,), (1,) * 64, (2,) * 12, (1, 2) * 12 + (1,) * 40, (2,) * 20 + (0,) + (1,) * 43]
    for dtype, shape, op in product(DTYPES, shapes, OPS):
        ufunc, size = stand_in(op.ufunc, is_numpy), int(np.prod(shape))
        args = [np.ones(2 * size + 1, dtype)[1::2].reshape(shape) for _ in range(op.ufunc.nin)]
        gaps = [np.ones((*shape[:-1], 2 * shape[-1]), dtype)[..., ::2] for _ in args] if shape else args
        for operand in (args, [a.T for a in args], gaps, [np.flip(a) for a in gaps], [args[0].T, gaps[-1].T]):
            given = operand[-op.ufunc.nin :]
            yield ufunc, given, {}
            yield ufunc, given, {"subok": True}
            yield ufunc, given, {"out": np.zeros(operand[-1].shape, dtype, order="F")}


def method_calls(is_numpy: bool) -> Iterator[Call]:
    """NumPy's machinery around the loops: casts, masks, buffers, reductions, long double and objects."""
    dtypes = [*DTYPES, np.dtype("g"), np.dtype("O")]
    for dtype, op in product(dtypes, OPS):
        ufunc = stand_in(op.ufunc, is_numpy)
        args = [v.astype(dtype).reshape(60, 50) for v in operands(op, 3000, np.dtype("b"))]
        mask = np.arange(3000).reshape(60, 50) % 3 == 0
        yield ufunc, args, {"where": mask, "out": np.zeros((60, 50), dtype)}
        yield ufunc, [a.astype("b") for a in args], {"dtype": dtype}
        yield ufunc.at, [np.zeros(9, dtype), [1, 2, 2, 8], *[dtype.type(1)] * (ufunc.nin - 1)], {}
        if ufunc.nin == 2:
            yield ufunc.reduce, [args[0]], {"axis": 0}
            yield ufunc.accumulate, [args[0]], {"axis": 1, "out": args[1]}
            yield ufunc.outer, [args[0][0], args[1][0]], {}


def make_calls(calls: Iterator[Call]) -> int:
    """Return how many calls there were."""
    count = 0
    for function, args, kwargs in calls:
        function(*args, **kwargs)
        count += 1
    return count


def run_on_small_stack(name: str, stack: int) -> None:
    """In a fresh process, which may crash. Calls are listed beforehand: the thread's own frames are few."""
    is_numpy = name == "numpy"
    if not is_numpy:
        _core.set_simd_target(name)
    for threshold in (_core.get_stream_threshold(), 1):
        _core.set_stream_threshold(threshold)
        for source in (layout_calls, axes_calls, method_calls):
            calls = list(source(is_numpy))
            counts = []
            threading.stack_size(stack)
            thread = threading.Thread(target=lambda calls=calls, counts=counts: counts.append(make_calls(calls)))
            thread.start()
            thread.join()
            assert counts == [len(calls)], source.__name__


def outcome(name: str, stack: int) -> subprocess.CompletedProcess[str]:
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import test_stack as t"
    command = [sys.executable, "-c", f"{code}; t.run_on_small_stack({name!r}, {stack})"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def stack() -> int:
    """The smallest on which NumPy's own functions run; some Pythons need more than others."""
    return next(size for size in STACKS if outcome("numpy", size).returncode == 0)


@pytest.mark.parametrize("name", relu_ext.simd_targets)
def test_every_call_on_a_small_stack(name, stack):
    result = outcome(name, stack)
    assert result.returncode == 0, result.stderr
