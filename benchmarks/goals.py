"""What relu_ext wants to reach in a cell, and which cells miss it. Nothing here fails a test: times are for reading."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass

from cells import DIFFERENT, DTYPES, Cell
from measure import Times

Find = Callable[[Sequence[Times]], Times | None]
NOT_PEERS = ("relu_ext", "limit")


def best_peer(times: Sequence[Times]) -> Times | None:
    return min((t for t in times if t.peer not in NOT_PEERS), key=lambda t: t.seconds, default=None)


def of_peer(name: str) -> Find:
    def find(times: Sequence[Times]) -> Times | None:
        return min((t for t in times if t.peer == name), key=lambda t: t.seconds, default=None)

    return find


def of_statement(*statements: str) -> Find:
    def find(times: Sequence[Times]) -> Times | None:
        return next((t for t in times if t.statement in statements), None)

    return find


def _is_call(cell: Cell, *operations: str) -> bool:
    return cell.size == 10 and cell.layout == "contiguous" and cell.operation in operations


def _is_large_out(cell: Cell, operation: str) -> bool:
    is_large = cell.size * DTYPES[cell.dtype].itemsize >= 2**26
    return is_large and cell.layout == "contiguous" and cell.operation == operation


@dataclass(frozen=True)
class Goal:
    """In cells where `applies`, the time of what `find` finds divided by relu_ext's is `at_least` so much."""

    name: str
    at_least: float
    applies: Callable[[Cell], bool]
    find: Find


GOALS = (
    # 1.0, and 0.05 for noise.
    Goal("best peer", 0.95, lambda cell: True, best_peer),
    Goal("limit", 0.9, lambda cell: cell.size >= 4096, of_peer("limit")),
    Goal("best peer, layouts differ", 1.5, lambda cell: cell.layout in DIFFERENT, best_peer),
    Goal(
        "x.copy(), ten elements",
        1 / 0.7,
        lambda cell: _is_call(cell, "relu", "relu_grad", "relu_grad_strict"),
        of_statement("x.copy()"),
    ),
    Goal(
        "np.maximum(0, x, out=out), ten elements",
        5,
        lambda cell: _is_call(cell, "relu-out"),
        of_statement("np.maximum(0, x, out=out)"),
    ),
    Goal(
        "dy * (x >= 0), ten elements",
        1 / 0.15,
        lambda cell: _is_call(cell, "relu_backward", "relu_backward_strict"),
        of_statement("dy * (x >= 0)", "dy * (x > 0)"),
    ),
    Goal("np.copyto, 64 MB", 1.5, lambda cell: _is_large_out(cell, "relu-out"), of_peer("limit")),
    Goal("integer loop, 64 MB", 1.2, lambda cell: _is_large_out(cell, "relu_backward-out"), of_peer("limit")),
)


@dataclass(frozen=True)
class Verdict:
    goal: str
    against: str
    ratio: float
    at_least: float

    @property
    def is_met(self) -> bool:
        return self.ratio >= self.at_least

    def as_json(self) -> dict:
        return asdict(self) | {"is_met": self.is_met}


def judge(cell: Cell, times: Sequence[Times]) -> Iterator[Verdict]:
    ours = times[0].seconds
    for goal in GOALS:
        if goal.applies(cell) and (other := goal.find(times)):
            yield Verdict(goal.name, other.label, other.seconds / ours, goal.at_least)
