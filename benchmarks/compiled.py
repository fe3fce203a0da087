"""Peers that compile what they run: numba, numexpr, JAX and ONNX Runtime. See peers.py."""

import importlib
import re
import sys
import time
import timeit
from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from typing import Any

import numpy as np
from cells import Case, Cell, make
from peers import Competitor, NumPy, Peer, Torch

NUMBA = {"relu": "x if x > 0 else 0", "grad": "1 if x {gt} 0 else 0", "backward": "dy if x {gt} 0 else 0"}
NUMBA_LOOP = """
def loop({operands}, out):
    for i in range(x.size):
        out[i] = {expression}
    return out

def fresh({operands}):
    return loop({operands}, np.empty_like(x))
"""


class Numba:
    """A ufunc by `vectorize`, and for one dimension the loop that one would write with `njit`."""

    name = "numba"

    def __init__(self) -> None:
        self.numba = importlib.import_module("numba")
        self.version = self.numba.__version__
        self.ufunc, self.loops = cache(self._ufunc), cache(self._loops)

    def _ufunc(self, expression: str, operands: str, dtype: str) -> Callable:
        signature = f"{dtype}({dtype})" if operands == "x" else f"{dtype}({dtype}, {dtype})"
        return self.numba.vectorize([signature], nopython=True)(eval(f"lambda {operands}: {expression}"))

    def _loops(self, expression: str, operands: str) -> tuple[Callable, Callable]:
        names: dict[str, Any] = {"np": np}
        indexed = re.sub(r"\b(dy|x)\b", r"\1[i]", expression)
        exec(NUMBA_LOOP.format(operands=operands, expression=indexed), names)
        names["loop"] = self.numba.njit(names["loop"])
        return self.numba.njit(names["fresh"]), names["loop"]

    def competitors(self, case: Case) -> Iterable[Competitor]:
        expression = NUMBA[case.cell.kind].format(gt=">" if case.cell.is_strict else ">=")
        operands = "dy, x" if case.cell.kind == "backward" else "x"
        fresh, loop = self.loops(expression, operands)
        vectorized = self.ufunc(expression, operands, case.cell.dtype)
        names: dict[str, Any] = {"vectorized": vectorized, "njit_fresh": fresh, "njit_loop": loop}
        names |= {"x": case.x, "dy": case.dy, "target": case.target}
        if case.cell.form == "fresh":
            statements = [f"vectorized({operands})", f"njit_fresh({operands})"]
        else:
            statements = [f"vectorized({operands}, target)", f"njit_loop({operands}, target)"]
        if case.x.ndim > 1:
            statements = statements[:1]
        elif case.cell.form == "inplace" and case.cell.layout == "reversed":
            statements = statements[1:]  # numba 0.68's ufunc writes beyond a reversed array in place
        for statement in statements:
            yield Competitor(self.name, statement, names)


NUMEXPR = {
    "relu": "where(x > 0, x, 0)",
    "grad": "where(x {gt} 0, one, zero)",  # 1 and 0 would give an integer
    "backward": "where(x {gt} 0, dy, 0)",
}
NUMEXPR_KINDS = {"float32": float, "float64": np.double, "int32": np.int32}  # as numexpr names them


class NumExpr:
    """The compiled expression itself, without the look-up that `evaluate` does first."""

    name = "numexpr"

    def __init__(self) -> None:
        self.numexpr = importlib.import_module("numexpr")
        self.numexpr.set_num_threads(1)
        self.version = self.numexpr.__version__
        self.compile = cache(self._compile)

    def _compile(self, expression: str, operands: tuple[str, ...], kind: type) -> Callable:
        return self.numexpr.NumExpr(expression, [(name, kind) for name in operands])

    def competitors(self, case: Case) -> Iterable[Competitor]:
        names: dict[str, Any] = {"x": case.x, "dy": case.dy, "target": case.target}
        names |= {"one": np.ones((), case.x.dtype), "zero": np.zeros((), case.x.dtype)}
        expression = NUMEXPR[case.cell.kind].format(gt=">" if case.cell.is_strict else ">=")
        operands = tuple(name for name in ("dy", "x", "one", "zero") if re.search(rf"\b{name}\b", expression))
        names["compiled"] = self.compile(expression, operands, NUMEXPR_KINDS[case.cell.dtype])
        out = "" if case.cell.form == "fresh" else ", out=target, ex_uses_vml=False"
        yield Competitor(self.name, f"compiled({', '.join(operands)}{out})", names)


class Jax:
    """Arrays of its own, in C order, which it never writes to: so fresh results of contiguous arrays only."""

    name = "jax"

    def __init__(self) -> None:
        self.jax = importlib.import_module("jax")
        self.jax.config.update("jax_enable_x64", True)
        self.jax.config.update("jax_platforms", "cpu")
        self.jax.config.update("jax_cpu_enable_async_dispatch", False)  # in this thread, not in another
        self.version = self.jax.__version__
        self.compile = cache(self._compile)

    def _compile(self, kind: str, is_strict: bool) -> Callable:
        jnp = self.jax.numpy

        def is_kept(x):
            return x > 0 if is_strict else x >= 0

        functions = {
            "relu": lambda dy, x: jnp.maximum(x, 0),
            "grad": lambda dy, x: is_kept(x).astype(x.dtype),
            "backward": lambda dy, x: jnp.where(is_kept(x), dy, 0),
        }
        return self.jax.jit(functions[kind])

    def competitors(self, case: Case) -> Iterable[Competitor]:
        if case.cell.form == "fresh" and case.cell.layout == "contiguous":
            names = {"x": self.jax.numpy.asarray(case.x), "dy": None}
            if case.cell.kind == "backward":
                names["dy"] = self.jax.numpy.asarray(case.dy)
            names["jitted"] = self.compile(case.cell.kind, case.cell.is_strict)
            yield Competitor(self.name, "jitted(dy, x).block_until_ready()", names)


ONNX = {
    "relu": (("Relu", ["x"], "y"),),
    "grad": (("{Gt}", ["x", "zero"], "kept"), ("Cast", ["kept"], "y")),
    "backward": (("{Gt}", ["x", "zero"], "kept"), ("Where", ["kept", "dy", "zero"], "y")),
}


class OnnxRuntime:
    """A session of one or two nodes: `run` for a fresh result, and bound to the arrays otherwise."""

    name = "onnxruntime"

    def __init__(self) -> None:
        self.runtime = importlib.import_module("onnxruntime")
        self.helper = importlib.import_module("onnx.helper")
        self.numpy_helper = importlib.import_module("onnx.numpy_helper")
        self.version = self.runtime.__version__
        self.session = lru_cache(maxsize=1)(self._session)  # a session keeps the memory of its results

    def _session(self, kind: str, is_strict: bool, dtype: np.dtype, ndim: int):
        helper = self.helper
        element = helper.np_dtype_to_tensor_dtype(dtype)
        operands = ("dy", "x") if kind == "backward" else ("x",)
        values = [helper.make_tensor_value_info(n, element, [None] * ndim) for n in (*operands, "y")]
        gt = "Greater" if is_strict else "GreaterOrEqual"
        nodes = [
            helper.make_node(op.format(Gt=gt), inputs, [output], **({"to": element} if op == "Cast" else {}))
            for op, inputs, output in ONNX[kind]
        ]
        zero = self.numpy_helper.from_array(np.zeros((), dtype), "zero")
        graph = helper.make_graph(nodes, kind, values[:-1], values[-1:], [] if kind == "relu" else [zero])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        options = self.runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        return self.runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

    def competitors(self, case: Case) -> Iterable[Competitor]:
        if case.cell.form == "inplace" or case.cell.layout != "contiguous":
            return
        session = self.session(case.cell.kind, case.cell.is_strict, case.x.dtype, case.x.ndim)
        inputs = {i.name: getattr(case, i.name) for i in session.get_inputs()}
        if case.cell.form == "fresh":
            names = {"run": session.run, "inputs": inputs}
            yield Competitor(self.name, "run(None, inputs)", names, lambda outputs: outputs[0])
            return
        binding = session.io_binding()
        for name, array in inputs.items():
            binding.bind_cpu_input(name, array)
        binding.bind_output("y", "cpu", 0, case.out.dtype, case.out.shape, case.out.ctypes.data)
        names = {"run": session.run_with_iobinding, "binding": binding, "kept_alive": case}
        yield Competitor(self.name, "run(binding)", names)


PEERS = {peer.name: peer for peer in (NumPy, Torch, Numba, NumExpr, Jax, OnnxRuntime)}

CPUS = 1.2  # in use on average by a single thread, with room for the measurement


def cpus_used(peer: Peer) -> float:
    """How many cores a peer keeps busy over a large array: processor time over time."""
    case = make(Cell("relu", "float32", 2**22, "contiguous"))
    competitor = next(iter(peer.competitors(case)))
    timer = timeit.Timer(competitor.statement, globals=competitor.names)
    timer.timeit(3)
    cpu, start = time.process_time(), time.perf_counter()
    timer.timeit(20)
    return (time.process_time() - cpu) / (time.perf_counter() - start)


def gather(names: Iterable[str]) -> list[Peer]:
    """The peers that are installed and keep to one thread."""
    peers: list[Peer] = []
    for name in names:
        try:
            peer = PEERS[name]()
        except ImportError as error:
            print(f"without {name}: {error}", file=sys.stderr)
            continue
        if (cpus := cpus_used(peer)) > CPUS:
            print(f"without {name}: it keeps {cpus:.1f} cores busy", file=sys.stderr)
            continue
        peers.append(peer)
    return peers
