"""The second view: relu's cost an element, from one element to 2**27 of them."""

from cells import Cell
from goals import NOT_PEERS
from grid import Result
from measure import duration

OPERATIONS = ("relu", "relu-out")
PEERS = ("numpy", "torch", "numba")  # by default: more lines than these cannot be told apart
LARGEST, LARGEST_QUICK = 27, 20  # powers of two


def cells(quick: bool) -> list[Cell]:
    sizes = [2**k for k in range((LARGEST_QUICK if quick else LARGEST) + 1)]
    return [Cell(operation, "float32", n, "contiguous") for operation in OPERATIONS for n in sizes]


def table(results: list[Result], peers: list[str]) -> str:
    """Cost an element of relu_ext, the limit and every peer's fastest statement."""
    columns = (*NOT_PEERS, *peers)
    lines = [f"{'operation':<10} {'elements':>10} " + " ".join(f"{c[:9]:>9}" for c in columns)]
    for result in results:
        size, best = result.cell.size, [result.best(column) for column in columns]
        costs = " ".join(f"{duration(t.seconds / size):>9}" if t else f"{'-':>9}" for t in best)
        lines.append(f"{result.cell.operation:<10} {size:>10} {costs}")
    return "\n".join(lines)
