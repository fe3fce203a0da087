"""What is measured: the grid of cells, declared in tables, and the arrays of each cell.

A cell is an operation, a dtype, a size and a layout, and its name joins the four:
``relu_backward-out/float32/4096/nhwc-x``. A ufunc's name alone stands for a fresh result, ``-out`` for an
existing one, ``-inplace`` for an output that is the first operand.
"""

import fnmatch
import itertools
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

try:
    from ml_dtypes import bfloat16
except ImportError:
    bfloat16 = None

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))

DTYPES: dict[str, np.dtype] = {name: np.dtype(name) for name in ("float16", "float32", "float64", "int8", "int32")} | (
    {"bfloat16": np.dtype(bfloat16)} if bfloat16 else {}
)

FORWARD = ("relu", "relu-out", "relu-inplace")
GRAD = ("relu_grad", "relu_grad-out", "relu_grad_strict", "relu_grad_strict-out")
BACKWARD = ("relu_backward", "relu_backward-out", "relu_backward-inplace")
STRICT = ("relu_backward_strict", "relu_backward_strict-out", "relu_backward_strict-inplace")
OPERATIONS = (*FORWARD, *GRAD, *BACKWARD, *STRICT)

New = Callable[..., np.ndarray]  # new(*shape): a C-ordered array of random values
Layout = Callable[[int, New], tuple[np.ndarray, np.ndarray, np.ndarray]]  # x, dy, out of about n elements


def _stepped(step: int) -> Layout:
    def layout(n: int, new: New):
        return new(n * abs(step))[::step], new(n * abs(step))[::step], new(n)

    return layout


def _short_rows(columns: int) -> Layout:
    """Rows of so many columns, cut out of arrays twice as wide."""

    def layout(n: int, new: New):
        rows = max(n // columns, 1)
        wide = (rows, 2 * columns)
        return new(*wide)[:, :columns], new(*wide)[:, :columns], new(rows, columns)

    return layout


def _images(n: int) -> tuple[int, int, int, int]:
    channels, side = (16, 16) if n < 2**20 else (32, 32)
    return max(n // (channels * side * side), 1), channels, side, side


def _nhwc_x(n: int, new: New):
    number, channels, height, width = shape = _images(n)
    return new(number, height, width, channels).transpose(0, 3, 1, 2), new(*shape), new(*shape)


def _padded_x(n: int, new: New):
    number, channels, height, width = shape = _images(n)
    padded = new(number, channels, height + 2, width + 2)
    return padded[:, :, 1:-1, 1:-1], new(*shape), new(*shape)


def _nhwc_cut_x(n: int, new: New):
    number, channels, height, width = shape = _images(n)
    padded = new(number, height + 2, width + 2, channels)
    return padded[:, 1:-1, 1:-1].transpose(0, 3, 1, 2), new(*shape), new(*shape)


def _square(n: int) -> tuple[int, int]:
    rows = 2 ** (n.bit_length() // 2)
    return rows, max(n // rows, 1)


def _transposed_x(n: int, new: New):
    rows, columns = _square(n)
    return new(columns, rows).T, new(rows, columns), new(rows, columns)


def _f_order(n: int, new: New):
    rows, columns = _square(n)
    return new(columns, rows).T, new(columns, rows).T, new(columns, rows).T


def _unaligned(n: int, new: New):
    def shifted(values: np.ndarray) -> np.ndarray:
        raw = np.empty(values.nbytes + 1, np.uint8)[1:]
        raw[:] = values.view(np.uint8)
        return raw.view(values.dtype)

    return shifted(new(n)), shifted(new(n)), shifted(new(n))


LAYOUTS: dict[str, Layout] = {
    "contiguous": lambda n, new: (new(n), new(n), new(n)),
    "every-2nd": _stepped(2),  # x[::2], dy[::2]; out is contiguous
    "every-7th": _stepped(7),
    "reversed": _stepped(-1),
    "out-every-2nd": lambda n, new: (new(n), new(n), new(2 * n)[::2]),
    "rows-of-10": _short_rows(10),
    "rows-of-37": _short_rows(37),
    "rows-of-181": _short_rows(181),
    "unaligned": _unaligned,  # one byte off
    "f-order": _f_order,
    "transposed-x": _transposed_x,  # dy and out in C order, as in the three that follow
    "nhwc-x": _nhwc_x,
    "padded-x": _padded_x,  # cut out of a padded array
    "nhwc-cut-x": _nhwc_cut_x,  # the same, of an NHWC one
    "dy-of-a-row": lambda n, new: (new(*_square(n)), new(1, _square(n)[1]), new(*_square(n))),
    "dy-of-a-column": lambda n, new: (new(*_square(n)), new(_square(n)[0], 1), new(*_square(n))),
    "x-of-a-column": lambda n, new: (new(_square(n)[0], 1), new(*_square(n)), new(*_square(n))),
}
DIFFERENT = ("transposed-x", "nhwc-x", "padded-x")  # operands that do not agree in their layout
ALIKE = ("every-2nd", "every-7th", "reversed", "rows-of-10", "rows-of-37", "rows-of-181", "unaligned")
BROADCAST = ("dy-of-a-row", "dy-of-a-column")

Rows = tuple[tuple[str, ...], tuple[str, ...], tuple[int, ...], tuple[str, ...]]
# Every row is a full product; a cell in several rows is measured once.
MAIN = ("relu", "relu-out", "relu_grad", "relu_backward", "relu_backward-out", "relu_backward_strict")
WITH_OUT = ("relu-out", "relu_grad-out", "relu_backward-out", "relu_backward_strict-out")
WIDTHS = ("float16", "float32", "float64", "int8")  # one dtype of every width
GRID = (
    (OPERATIONS, tuple(DTYPES), (10, 4096, 32768, 2**20), ("contiguous",)),
    (OPERATIONS, ("float32",), (100, 2**24), ("contiguous",)),
    (MAIN, WIDTHS, (4096, 2**20), ALIKE),
    (MAIN, ("float32",), (10, 100), (*ALIKE, *BROADCAST)),
    (("relu-inplace", "relu_backward-inplace"), ("float32",), (4096, 2**20), ALIKE),
    (WITH_OUT, WIDTHS, (4096, 2**20), ("out-every-2nd",)),
    ((*WITH_OUT[:2], *BACKWARD), WIDTHS, (4096, 32768), DIFFERENT),
    ((*WITH_OUT[:2], *BACKWARD), ("float32",), (2**20, 2**22), DIFFERENT),
    (STRICT, ("float32",), (4096, 32768, 2**20, 2**22), DIFFERENT),
    ((*BACKWARD[:2], *STRICT[:2]), WIDTHS[:3], (4096, 2**20), BROADCAST),
)
QUICK = (
    (OPERATIONS, ("float32",), (10, 4096, 2**20), ("contiguous",)),
    (("relu", "relu_backward"), tuple(DTYPES), (10, 4096), ("contiguous",)),
    (("relu-out", "relu_backward-out"), ("float32",), (2**24,), ("contiguous",)),
    (("relu", "relu_backward"), ("float32",), (4096,), ALIKE),
    (("relu-out", "relu_backward"), ("float32",), (32768,), DIFFERENT),
)


@dataclass(frozen=True)
class Cell:
    operation: str
    dtype: str
    size: int
    layout: str

    @property
    def name(self) -> str:
        return f"{self.operation}/{self.dtype}/{self.size}/{self.layout}"

    @property
    def ufunc(self) -> str:
        return self.operation.partition("-")[0]

    @property
    def form(self) -> str:
        """``fresh``, ``out`` or ``inplace``."""
        return self.operation.partition("-")[2] or "fresh"

    @property
    def statement(self) -> str:
        operands, target = ("dy, x", "dy") if self.kind == "backward" else ("x", "x")
        out = {"fresh": "", "out": ", out=out", "inplace": f", out={target}"}[self.form]
        return f"{self.ufunc}({operands}{out})"

    @property
    def is_strict(self) -> bool:
        return self.ufunc.endswith("_strict")

    @property
    def kind(self) -> str:
        """``relu``, ``grad`` or ``backward``: the strict ones differ in a comparison only."""
        return self.ufunc.removeprefix("relu_").removesuffix("_strict")


def select(only: Iterable[str], grid: Iterable[Rows]) -> list[Cell]:
    """The grid's cells whose name matches one of the globs, or contains one of the words; all without any."""
    cells = {Cell(*row): None for rows in grid for row in itertools.product(*rows)}
    wanted = [word if any(c in word for c in "*?[") else f"*{word}*" for word in only] or ["*"]
    return [cell for cell in cells if any(fnmatch.fnmatchcase(cell.name, word) for word in wanted)]


@dataclass(frozen=True)
class Case:
    """A cell and its arrays."""

    cell: Cell
    x: np.ndarray
    dy: np.ndarray
    out: np.ndarray

    @property
    def target(self) -> np.ndarray:
        """Where a result that is not fresh goes."""
        if self.cell.form == "inplace":
            return self.dy if self.cell.kind == "backward" else self.x
        return self.out


def make(cell: Cell) -> Case:
    """Random signs, so that a branch on them costs what it does in life; no zeros, on which peers disagree."""
    dtype = DTYPES[cell.dtype]
    rng = np.random.default_rng(len(cell.name))
    values = rng.standard_normal(2**16) if dtype.kind != "i" else rng.integers(-100, 100, 2**16)
    values = np.where(values == 0, 1, values).astype(dtype)

    def new(*shape: int) -> np.ndarray:
        start = rng.integers(values.size)
        return np.resize(np.roll(values, start), shape)

    x, dy, out = LAYOUTS[cell.layout](cell.size, new)
    if cell.form == "inplace":  # the limit copies to another array of the same layout
        out = LAYOUTS[cell.layout](cell.size, new)[1 if cell.kind == "backward" else 0]
    return Case(cell, x, dy, out)


def contract(case: Case) -> np.ndarray:
    """The one line of NumPy that the operation is exactly, from tests/reference.py."""
    from reference import OPS  # here, as it imports relu_ext, and compare.py has builds of its own

    op = next(op for op in OPS if op.ufunc.__name__ == case.cell.ufunc)
    return op.contract(case.dy, case.x) if op.ufunc.nin == 2 else op.contract(case.x)
