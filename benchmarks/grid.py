"""The first view: the grid of cells, each with relu_ext's time and its ratio to the limit and to every peer."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass

import goals
from cells import Cell, make
from measure import CELL_SECONDS, Times, duration, measure
from peers import Peer, field_of

AGAIN = 4  # times as long is a cell measured again that misses a goal; both measurements count


@dataclass(frozen=True)
class Result:
    cell: Cell
    times: list[Times]  # relu_ext's first, then the limit's, then the peers'
    verdicts: list[goals.Verdict]
    left_out: dict[str, str]

    @property
    def misses(self) -> list[goals.Verdict]:
        return [v for v in self.verdicts if not v.is_met]

    def best(self, peer: str) -> Times | None:
        return goals.of_peer(peer)(self.times)

    def as_json(self) -> dict:
        times = [
            {"peer": t.peer, "statement": t.statement, "seconds": t.seconds}
            | {"rounds": len(t.samples), "fastest": min(t.samples)}
            for t in self.times
        ]
        verdicts = [v.as_json() for v in self.verdicts]
        return {"name": self.cell.name, **asdict(self.cell), "times": times, "goals": verdicts} | {
            "left_out": self.left_out
        }


def run(cell: Cell, peers: Iterable[Peer], clock: Callable[[], float], again: bool = True) -> Result:
    competitors, left_out = field_of(make(cell), peers)
    times = measure(competitors, CELL_SECONDS, clock)
    if again and not all(v.is_met for v in goals.judge(cell, times)):
        for first, more in zip(times, measure(competitors, AGAIN * CELL_SECONDS, clock), strict=True):
            first.samples += more.samples
    return Result(cell, times, list(goals.judge(cell, times)), left_out)


def table(results: Sequence[Result], peers: Sequence[str]) -> str:
    """One line a cell: relu_ext's time, then how many times as long the others take."""
    columns = ("limit", *peers)
    width = max(len(r.cell.name) for r in results)
    lines = [f"{'cell':<{width}} {'relu_ext':>9} " + " ".join(f"{c[:9]:>9}" for c in columns) + "  fastest peer"]
    for result in results:
        ours = result.times[0].seconds
        others = [result.best(column) for column in columns]
        ratios = " ".join(f"{t.seconds / ours:>9.2f}" if t else f"{'-':>9}" for t in others)
        fastest = goals.best_peer(result.times)
        lines.append(
            f"{result.cell.name:<{width}} {duration(ours):>9} {ratios}  "
            + (fastest.label if fastest else "")
            + ("  <-- misses" if result.misses else "")
        )
    return "\n".join(lines)


def summary(results: Sequence[Result]) -> str:
    """How many cells reach each goal, and those that do not, the furthest from it first."""
    lines = [f"{len(results)} cells; times of the other / times of relu_ext, so more is better", ""]
    for goal in goals.GOALS:
        verdicts = [(r.cell, v) for r in results for v in r.verdicts if v.goal == goal.name]
        missed = sorted(((c, v) for c, v in verdicts if not v.is_met), key=lambda pair: pair[1].ratio)
        if verdicts:
            met = f"{len(verdicts) - len(missed)} of {len(verdicts)}"
            lines.append(f"{goal.name}, at least {goal.at_least:.3g}: {met} cells")
        lines += [f"  {v.ratio:5.2f}  {cell.name:<48} {v.against}" for cell, v in missed]
    count = sum(bool(r.misses) for r in results)
    lines += ["", f"{count} of {len(results)} cells miss a goal"]
    return "\n".join(lines)
