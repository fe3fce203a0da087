"""Random calls of the five functions, each compared with the same call of one of NumPy's own, for an hour.

    python tools/fuzz.py                 an hour, from a random seed, which is printed
    python tools/fuzz.py --minutes 5     shorter
    python tools/fuzz.py -j 4            in four processes
    python tools/fuzz.py --seed 1234     from this seed on, as before

What is compared is described in tests/differential.py. Ends at the first difference: shrinks the case, prints a
script that shows the difference with NumPy and this package alone, and exits with 1. So it does after a crash, of
which it prints the operands.
"""

import argparse
import multiprocessing
import queue
import random
import sys
import traceback
from collections import Counter
from time import perf_counter
from typing import Any

from common import PROJECT

import relu_ext

sys.path.append(str(PROJECT / "tests"))
from differential import case_of, difference_in, script_of, shrink, source_of

try:
    from tqdm import tqdm
except ImportError:
    tqdm = None

CRASH = "the process died"
CHUNK = 200  # cases between two messages of a process


def work(results: Any, at: Any, first: int, step: int) -> None:
    """Compare one case after another; send how many there were and what they had, or the seed of a difference."""
    seed = first
    while True:
        tally: Counter = Counter()
        for _ in range(CHUNK):
            at.value = seed
            try:
                difference = difference_in(case_of(seed), tally=tally)
                text = difference.text if difference else ""
            except Exception:
                text = traceback.format_exc()
            if text:
                results.put((seed, text))
                return
            seed += step
        results.put(tally)


class Workers:
    """Processes that compare cases until they are stopped."""

    def __init__(self, first: int, number: int) -> None:
        context = multiprocessing.get_context("spawn")  # no process inherits another one's state
        self.results = context.Queue()
        self.at = [context.Value("q", first) for _ in range(number)]
        places = enumerate(self.at)
        self.processes = [
            context.Process(target=work, args=(self.results, at, first + k, number), daemon=True) for k, at in places
        ]
        for process in self.processes:
            process.start()

    def stop(self) -> None:
        for process in self.processes:
            process.kill()
            process.join()

    def crashed(self) -> int | None:
        """Return the seed at which a process has died."""
        for process, at in zip(self.processes, self.at, strict=True):
            if process.exitcode:
                return at.value
        return None


def collect(workers: Workers, seconds: float, tally: Counter) -> tuple[int, str] | None:
    """Wait for differences and count cases, for some seconds; return the seed of a difference, and what it is."""
    start = perf_counter()
    progress = tqdm(unit="call", mininterval=1) if tqdm else None
    try:
        while perf_counter() - start < seconds:
            if (seed := workers.crashed()) is not None:
                return seed, CRASH
            try:
                result = workers.results.get(timeout=1)
            except queue.Empty:
                continue
            if isinstance(result, tuple):
                return result
            tally.update(result)
            tally["calls"] += CHUNK
            if progress is not None:
                progress.update(CHUNK)
    finally:
        if progress is not None:
            progress.close()
    return None


def explain(seed: int, text: str) -> None:
    """Print the shrunk script of a seed, or the operands where there is nothing to shrink."""
    case = case_of(seed)
    print(f"seed {seed}: {case.name} on {case.target}, compared with np.{case.like}: {text}\n{source_of(case)}\n")
    if text == CRASH:
        print(f"A crash cannot be shrunk; --seed {seed} makes the call again.")
        return
    try:
        print(script_of(*shrink(case)))
    except Exception:
        traceback.print_exc()
        print("It cannot be shrunk: the comparison failed, or it takes the calls before this one as well.")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("-j", "--jobs", type=int, default=1, help="processes")
    parser.add_argument("--seed", type=int, help="the first seed")
    options = parser.parse_args()
    first = random.SystemRandom().randrange(1 << 40) if options.seed is None else options.seed
    print(f"relu_ext {relu_ext.__version__} from {relu_ext.__path__[0]}, on {', '.join(relu_ext.simd_targets)}")
    print(f"--seed {first}", flush=True)
    tally: Counter = Counter()
    start = perf_counter()
    workers = Workers(first, options.jobs)
    try:
        found = collect(workers, 60 * options.minutes, tally)
    finally:
        workers.stop()
    calls = tally.pop("calls", 0)
    for label, count in sorted(tally.items()):
        print(f"{count:>12,} {label}")
    print(f"{calls:,} random calls compared with NumPy's, in {perf_counter() - start:.0f} s")
    if found:
        explain(*found)
        return 1
    if not calls:
        print("nothing was compared: give it more time")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
