"""Who is measured: relu_ext, the limit, NumPy's spellings, and other libraries where they are installed.

Every competitor is a statement, timed as it stands here, with the names that it uses. It works on the cell's
own arrays (what a library needs beside them is made before the clock runs) and is left out of a cell where it
raises or where its result, dtype included, is not the contract's. ``{gt}`` is ``>`` in the strict
operations and ``>=`` in the others, ``{le}`` its opposite.
"""

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from cells import Case, contract

import relu_ext

Table = dict[str, tuple[str, ...]]  # statements by kind and form


@dataclass(frozen=True)
class Competitor:
    peer: str
    statement: str
    names: dict[str, Any] = field(repr=False)
    to_numpy: Callable[[Any], np.ndarray] = field(default=np.asarray, repr=False)

    @property
    def label(self) -> str:
        return f"{self.peer}: {self.statement}"


class Peer(Protocol):
    name: str
    version: str

    def competitors(self, case: Case) -> Iterable[Competitor]: ...


def spell(table: Table, case: Case) -> list[str]:
    gt, le = (">", "<=") if case.cell.is_strict else (">=", "<")
    return [line.format(gt=gt, le=le) for line in table.get(f"{case.cell.kind}-{case.cell.form}", ())]


def ours(case: Case) -> Competitor:
    names = {case.cell.ufunc: getattr(relu_ext, case.cell.ufunc), "x": case.x, "dy": case.dy, "out": case.out}
    return Competitor("relu_ext", case.cell.statement, names)


def limit(case: Case) -> Competitor:
    """NumPy's copy, or the bitwise-or of two operands: as many bytes read and written, in the same layout."""
    if case.cell.kind == "backward":
        integer = np.dtype(f"i{case.x.itemsize}")
        names = {name: getattr(case, name).view(integer) for name in ("x", "dy", "out")}
        statement = {
            "fresh": "np.bitwise_or(dy, x)",
            "out": "np.bitwise_or(dy, x, out=out)",
            "inplace": "np.bitwise_or(out, x, out=out)",  # dy's bits are for the others
        }[case.cell.form]
    else:
        # Of x to x itself NumPy knows that there is nothing to do, so in place the limit has another target.
        names = {"x": case.x, "out": case.out}
        fresh = "x.copy()" if case.x.flags.c_contiguous else "x.copy('K')"
        statement = fresh if case.cell.form == "fresh" else "np.copyto(out, x)"
    return Competitor("limit", statement, {"np": np, **names})


# In place, statements that look for `x < 0` would find nothing from the second pass on: hence `<=`.
NUMPY: Table = {
    "relu-fresh": (
        "np.maximum(0, x)",
        "np.maximum(x, zero)",
        "np.maximum(x, zeros)",
        "x * (x > 0)",
        "np.where(x > 0, x, zero)",
        "np.clip(x, 0, None)",
    ),
    "relu-out": (
        "np.maximum(0, x, out=out)",
        "np.maximum(x, zero, out=out)",
        "np.maximum(x, zeros, out=out)",
        "np.multiply(x, x > 0, out=out)",
        "np.clip(x, 0, None, out=out)",
    ),
    "relu-inplace": (
        "np.maximum(0, x, out=x)",
        "np.maximum(x, zero, out=x)",
        "np.maximum(x, zeros, out=x)",
        "np.multiply(x, x > 0, out=x)",
        "x[x <= 0] = 0",
        "np.putmask(x, x <= 0, zero)",
    ),
    "grad-fresh": (
        "(x {gt} 0).astype(x.dtype)",
        "np.where(x {gt} 0, one, zero)",
        "np.heaviside(x, one)",
        "(x {gt} 0).view(np.int8)",
    ),
    "grad-out": (
        "np.copyto(out, x {gt} 0)",
        "np.heaviside(x, one, out=out)",
        "np.greater(x, 0, out=out)",
        "np.greater(x, 0, out=out.view(np.bool))",
    ),
    "backward-fresh": ("dy * (x {gt} 0)", "np.where(x {gt} 0, dy, zero)"),
    "backward-out": (
        "np.multiply(dy, x {gt} 0, out=out)",
        "out[...] = np.where(x {gt} 0, dy, zero)",
        "np.copyto(out, dy); np.putmask(out, x {le} 0, zero)",
    ),
    "backward-inplace": (
        "np.multiply(dy, x {gt} 0, out=dy)",
        "dy[x {le} 0] = 0",
        "np.putmask(dy, x {le} 0, zero)",
    ),
}


class NumPy:
    name, version = "numpy", np.__version__

    def competitors(self, case: Case) -> Iterable[Competitor]:
        scalar = case.x.dtype.type
        names = {"np": np, "x": case.x, "dy": case.dy, "out": case.out, "zero": scalar(0), "one": scalar(1)}
        names["zeros"] = np.zeros_like(case.x)
        for statement in spell(NUMPY, case):
            yield Competitor(self.name, statement, names)


TORCH: Table = {
    "relu-fresh": ("torch.relu(x)", "torch.clamp_min(x, 0)"),
    "relu-out": ("torch.clamp_min(x, 0, out=out)", "relu_out(x, out=out)"),
    "relu-inplace": ("torch.relu_(x)", "x.clamp_min_(0)"),
    "grad-fresh": ("(x {gt} 0).to(x.dtype)", "torch.heaviside(x, one)"),
    "grad-out": ("torch.gt(x, 0, out=out)", "torch.heaviside(x, one, out=out)"),
    "backward-fresh": ("threshold_backward(dy, x, 0)", "torch.where(x {gt} 0, dy, 0)", "dy * (x {gt} 0)"),
    "backward-out": (
        "threshold_backward_out(dy, x, 0, grad_input=out)",
        "torch.mul(dy, x {gt} 0, out=out)",
    ),
    "backward-inplace": (
        "threshold_backward_out(dy, x, 0, grad_input=dy)",
        "dy.mul_(x {gt} 0)",
        "dy.masked_fill_(x {le} 0, 0)",
    ),
}


class Torch:
    name = "torch"

    def __init__(self) -> None:
        self.torch = importlib.import_module("torch")
        self.torch.set_num_threads(1)
        self.version = self.torch.__version__

    def _tensor(self, array: np.ndarray):
        if array.dtype.name == "bfloat16":
            return self.torch.from_numpy(array.view(np.int16)).view(self.torch.bfloat16)
        return self.torch.from_numpy(array)

    def _to_numpy(self, tensor: Any) -> np.ndarray:
        if tensor.dtype == self.torch.bfloat16:
            import ml_dtypes

            return tensor.view(self.torch.int16).numpy().view(ml_dtypes.bfloat16)
        return tensor.numpy()

    def competitors(self, case: Case) -> Iterable[Competitor]:
        aten = self.torch.ops.aten
        names = {name: self._tensor(getattr(case, name)) for name in ("x", "dy", "out")}
        names |= {
            "torch": self.torch,
            "one": self.torch.tensor(1, dtype=names["x"].dtype),
            "relu_out": aten.relu.out,
            "threshold_backward": aten.threshold_backward.default,
            "threshold_backward_out": aten.threshold_backward.grad_input,
        }
        for statement in spell(TORCH, case):
            yield Competitor(self.name, statement, names, self._to_numpy)


def check(competitor: Competitor, case: Case, expected: np.ndarray, bits: bool = False) -> str:
    """Run a competitor once; why it cannot take part in the cell, or an empty string."""
    target, kept = case.target, None
    if case.cell.form == "fresh":
        try:
            value = competitor.to_numpy(eval(competitor.statement, competitor.names))
        except Exception as error:
            return f"{type(error).__name__}: {error}".splitlines()[0]
    else:
        kept = target.copy()
        if case.cell.form == "out":
            target[...] = 3  # not what was there
        try:
            exec(competitor.statement, competitor.names)
            value = target.copy()
        except Exception as error:
            return f"{type(error).__name__}: {error}".splitlines()[0]
        finally:
            target[...] = kept
    if value.dtype != expected.dtype or value.shape != expected.shape:
        return f"gives {value.dtype}{value.shape}"
    integer = f"i{value.itemsize}"
    same = np.array_equal(value.copy().view(integer), expected.view(integer)) if bits else True
    return "" if same and np.array_equal(value, expected) else "gives other values"


def field_of(case: Case, peers: Iterable[Peer]) -> tuple[list[Competitor], dict[str, str]]:
    """relu_ext, checked to the bit, the limit, and whoever can do the same; then the others and why not."""
    expected = contract(case)
    reason = check(ours(case), case, expected, bits=True)
    if reason:
        raise AssertionError(f"{case.cell.name}: {ours(case).statement} {reason}")
    competitors, left_out = [ours(case), limit(case)], {}
    for peer in peers:
        try:
            candidates = list(peer.competitors(case))
        except Exception as error:
            left_out[peer.name] = f"{type(error).__name__}: {error}".splitlines()[0]
            continue
        for competitor in candidates:
            reason = check(competitor, case, expected)
            if reason:
                left_out[competitor.label] = reason
            else:
                competitors.append(competitor)
    return competitors, left_out
