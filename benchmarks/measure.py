"""How it is measured: in rounds, in each of which every competitor runs once, in an order drawn anew."""

import math
import random
import statistics
import time
import timeit
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # peers imports relu_ext, which compare.py must not
    from peers import Competitor

SAMPLE_SECONDS = 250e-6  # a sample repeats its statement until it takes about this long
FEWEST_ROUNDS, MOST_ROUNDS = 7, 31
CELL_SECONDS = 0.25  # for one pass over the rounds, where FEWEST_ROUNDS do not need more
HOPELESS = 4  # times slower than the fastest: so one with long calls gets three rounds only


@dataclass
class Times:
    """Seconds a call, one figure a round.

    Competitors are compared by their medians. Disturbances come and go in both directions (another
    process, a clock step, a page that happened to be at hand), and a minimum favours whoever has more tries:
    the best of six NumPy spellings would be the luckiest of six."""

    peer: str
    statement: str
    samples: list[float] = field(default_factory=list)

    @property
    def label(self) -> str:
        return f"{self.peer}: {self.statement}"

    @property
    def seconds(self) -> float:
        return statistics.median(self.samples)


def duration(seconds: float) -> str:
    for unit, size in (("s", 1), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def calibrate(timer: timeit.Timer) -> tuple[int, float]:
    """Calls in a sample, and seconds a call; warms up as well."""
    timer.timeit(1)
    number = 1
    while (seconds := timer.timeit(number)) < SAMPLE_SECONDS / 4:
        number *= 4
    if seconds < SAMPLE_SECONDS:
        seconds = min(seconds, timer.timeit(number))
    call = seconds / number
    return max(1, math.ceil(SAMPLE_SECONDS / call)), call


def measure(
    competitors: "Sequence[Competitor]",
    budget: float = CELL_SECONDS,
    clock: Callable[[], float] = time.perf_counter,
) -> list[Times]:
    timers = [timeit.Timer(c.statement, timer=clock, globals=c.names) for c in competitors]
    calibrated = [calibrate(timer) for timer in timers]
    fastest = min(call for _, call in calibrated)
    hopeless = [call > HOPELESS * max(fastest, SAMPLE_SECONDS) for _, call in calibrated]
    round_seconds = sum(n * call for (n, call), lost in zip(calibrated, hopeless, strict=True) if not lost)
    rounds = min(max(FEWEST_ROUNDS, int(budget / round_seconds)), MOST_ROUNDS * math.ceil(budget / CELL_SECONDS))
    times = [Times(c.peer, c.statement) for c in competitors]
    order = list(range(len(competitors)))
    shuffle = random.Random(0).shuffle
    for number_of_round in range(rounds):
        shuffle(order)
        for k in order:
            if not hopeless[k] or number_of_round < 3:
                number = calibrated[k][0]
                times[k].samples.append(timers[k].timeit(number) / number)
    return times
