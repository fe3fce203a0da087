"""Times the C of the working tree beside the C of another revision, both in one process.

    python benchmarks/compare.py REVISION                   some 160 cells in half a minute, after the builds
    python benchmarks/compare.py REVISION --quick           one pass with fewer rounds: five seconds
    python benchmarks/compare.py REVISION --noise           and what two identical builds differ by
    python benchmarks/compare.py REVISION --only nhwc --target avx2

Both are built afresh in a scratch folder, by the same command, each with the setup.py of its own. It takes setuptools,
a C compiler, git, and relu_ext itself, for tests/reference.py says what is right; tqdm shows the progress. A ratio is
the new time divided by the old, so more than 1 is slower now. A pass has arrays of its own, and where they lie in
memory makes some of the noise.
"""

import argparse
import contextlib
import importlib.util
import json
import random
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import timeit
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from importlib.machinery import ExtensionFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from bench import progress
from cells import BROADCAST, DTYPES, WIDTHS, Case, Cell, contract, make, select
from cells import GRID as WHOLE_GRID
from machine import machine
from measure import calibrate, duration

ROOT = Path(__file__).resolve().parents[1]

FORWARD = ("relu", "relu-out")
BACKWARD = ("relu_backward", "relu_backward-out")
OTHERS = ("relu_grad", "relu_grad_strict-out", "relu_backward_strict")
IN_PLACE = ("relu-inplace", "relu_backward-inplace")
LARGE = 12 * 2**20  # bytes of an output that no L2 cache holds
STEPS = ("every-2nd", "every-7th", "reversed")
ROWS = ("rows-of-10", "rows-of-37", "rows-of-181")
IMAGES = ("padded-x", "nhwc-x")

# Every row is a full product, as in cells.py.
GRID = (
    ((*FORWARD, *BACKWARD), ("float32",), (10, 100, 1000, 4096, 32768, 2**18, LARGE // 4), ("contiguous",)),
    ((FORWARD[1], BACKWARD[0]), ("float16", "float64", "int8"), (4096, 2**18), ("contiguous",)),
    *(((FORWARD[1], BACKWARD[0]), (d,), (LARGE // DTYPES[d].itemsize,), ("contiguous",)) for d in ("int8", "float64")),
    (OTHERS, ("float32",), (10, 32768), ("contiguous",)),
    (IN_PLACE, ("float32",), (4096, LARGE // 4), ("contiguous",)),
    ((FORWARD[0], BACKWARD[1]), WIDTHS, (32768,), STEPS),
    ((FORWARD[0], BACKWARD[1]), ("float32", "int8"), (32768,), ROWS),
    (BACKWARD[:1], ("float32",), (100, 2**20), STEPS),
    (BACKWARD[:1], ("float32",), (2**20,), ROWS),
    (IN_PLACE, WIDTHS, (32768,), ("every-2nd",)),
    (OTHERS[:1], ("float32",), (32768,), (*STEPS, "rows-of-10")),
    ((FORWARD[1], BACKWARD[1]), ("float32",), (32768,), ("out-every-2nd",)),
    ((FORWARD[1], BACKWARD[0]), WIDTHS, (32768,), IMAGES),
    ((FORWARD[1], BACKWARD[0]), ("float32",), (2**20, 2**22), IMAGES),
    ((FORWARD[0], BACKWARD[1]), ("float32",), (32768, 2**20), ("nhwc-cut-x",)),
    ((FORWARD[0], BACKWARD[0]), ("float32",), (1000, 32768), ("f-order",)),
    ((FORWARD[1], BACKWARD[0]), ("float32",), (32768,), ("transposed-x",)),
    (BACKWARD[:1], ("float32", "int8"), (1000, 2**18), (*BROADCAST, "x-of-a-column")),
    (BACKWARD[1:], ("float32",), (2**18,), (*BROADCAST, "x-of-a-column")),
    (OTHERS[2:], ("float32",), (32768,), ("reversed", "nhwc-x", "dy-of-a-row")),
)

PASSES, PASSES_QUICK = 3, 1  # over all cells, so that no disturbance has a cell to itself
ROUNDS, ROUNDS_QUICK = 60, 15
FEWEST_ROUNDS = 7
VISIT_SECONDS = 0.4  # for the rounds of one visit to a cell, where FEWEST_ROUNDS do not need more
NOISE_CELLS = 12
SLOWER, FASTER = 1.1, 0.9


@dataclass
class Comparison:
    """A cell and two builds that run it, with the seconds a call: for each pass the first's and the second's."""

    cell: Cell
    builds: tuple[str, str]
    passes: list[tuple[list[float], list[float]]] = field(default_factory=list)

    def seconds(self, side: int) -> float:
        return statistics.median(s for one_pass in self.passes for s in one_pass[side])

    @property
    def ratio(self) -> float:
        return self.seconds(1) / self.seconds(0)

    @property
    def paired(self) -> float:
        """The median of the rounds' own ratios: where a pass is at another level than the next, the steadier figure."""
        return statistics.median(n / o for old, new in self.passes for o, n in zip(old, new, strict=True))

    @property
    def ratios(self) -> list[float]:
        """Of each pass by itself: what they differ by is noise."""
        return [statistics.median(new) / statistics.median(old) for old, new in self.passes]

    def as_json(self) -> dict[str, Any]:
        old, new = ([s for one_pass in self.passes for s in one_pass[side]] for side in (0, 1))
        figures = {
            name: {"seconds": statistics.median(samples), "fastest": min(samples), "samples": len(samples)}
            for name, samples in (("old", old), ("new", new))
        }
        ratios = {"ratio": self.ratio, "paired": self.paired, "ratios": self.ratios}
        return {"name": self.cell.name, **asdict(self.cell), **figures, **ratios}


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument(
        "revision", nargs="?", metavar="REVISION", help="what git calls a revision: a tag, a hash, HEAD"
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="PATTERN",
        help="cells whose name contains this, or matches it as a glob; may be repeated",
    )
    parser.add_argument("--all", action="store_true", help="the whole grid of bench.py instead of these cells")
    parser.add_argument("--list", action="store_true", help="print the names of the cells, and stop")
    parser.add_argument("--target", metavar="NAME", help="the SIMD target of both; by default each chooses its own")
    parser.add_argument("--quick", action="store_true", help=f"one pass of {ROUNDS_QUICK} rounds")
    parser.add_argument(
        "--rounds", type=int, metavar="N", help=f"in each of {PASSES} passes, {ROUNDS} by default; long calls get fewer"
    )
    parser.add_argument("--noise", action="store_true", help="time the old build beside a copy of itself as well")
    parser.add_argument("--sort", choices=("cell", "ratio"), default="cell", help="the order of the table")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to FILE")
    options = parser.parse_args(arguments)
    if options.revision is None and not options.list:
        parser.error("which revision? REVISION is missing")
    if options.rounds is None:
        options.rounds = ROUNDS_QUICK if options.quick else ROUNDS
    elif options.rounds < 1:
        parser.error("--rounds takes a positive number")
    return options


def git(*command: str) -> str:
    result = subprocess.run(["git", *command], cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode:
        sys.exit(f"git {' '.join(command)}: {result.stderr.strip() or 'failed'}")
    return result.stdout.strip()


def check_out(commit: str, folder: Path) -> Path:
    archive = folder / "archive.tar"
    git("archive", "--format=tar", f"--output={archive}", commit)
    with tarfile.open(archive) as tar:
        tar.extractall(folder / "source", filter="data")
    return folder / "source"


def build(source: Path, folder: Path) -> Path:
    """The extension of the source, which stays as it is."""
    library, objects = folder / "library", folder / "objects"
    command = [sys.executable, "setup.py", "build_ext", f"--build-lib={library}", f"--build-temp={objects}"]
    result = subprocess.run(
        command, cwd=source, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False
    )
    found = sorted(library.glob("relu_ext/_core*"))
    if result.returncode or not found:
        sys.exit(f"{result.stdout}\nbuilding {source} has failed")
    return found[0]


def load(path: Path, name: str) -> ModuleType:
    """The module by itself: of its name the last part only says which function initializes it."""
    loader = ExtensionFileLoader(f"compare_{name}._core", str(path))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


@contextlib.contextmanager
def builds(commit: str, target: str | None) -> Iterator[dict[str, ModuleType]]:
    """``old`` and ``new``, and ``copy``: a copy of the old, for one file is never loaded twice."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        folders = {name: Path(scratch, name) for name in ("old", "new", "copy")}
        for folder in folders.values():
            folder.mkdir()
        sources = {"old": check_out(commit, folders["old"]), "new": ROOT}
        with ThreadPoolExecutor() as pool:
            running = {name: pool.submit(build, source, folders[name]) for name, source in sources.items()}
            paths = {name: job.result() for name, job in running.items()}
        paths["copy"] = Path(shutil.copy(paths["old"], folders["copy"]))
        modules = {name: load(path, name) for name, path in paths.items()}
        for name, module in modules.items() if target else ():
            usable = [simd for simd, can_run in module.simd_table() if can_run]
            if target not in usable:
                sys.exit(f"no SIMD target {target} in the {name} build on this machine; there are {', '.join(usable)}")
            module.set_simd_target(target)
        yield modules


def names(module: ModuleType, case: Case) -> dict[str, Any]:
    return {case.cell.ufunc: getattr(module, case.cell.ufunc), "x": case.x, "dy": case.dy, "out": case.out}


def check(comparison: Comparison, modules: dict[str, ModuleType]) -> None:
    """Each result beside the contract, bit for bit; with arrays of its own, which a call in place changes."""
    for build in comparison.builds:
        case = make(comparison.cell)
        expected = contract(case)
        if case.cell.form == "out":
            case.out[...] = 3
        result = eval(case.cell.statement, names(modules[build], case))
        alike = (result.dtype, result.shape) == (expected.dtype, expected.shape)
        if not alike or result.tobytes() != expected.tobytes():
            sys.exit(f"{case.cell.name}: the {build} build's {case.cell.statement} gives a wrong result")


def visit(comparison: Comparison, modules: dict[str, ModuleType], rounds: int, rng: random.Random) -> None:
    """One pass: both warmed up, then rounds in which each has one sample, in random order."""
    case = make(comparison.cell)
    timers = [timeit.Timer(case.cell.statement, globals=names(modules[b], case)) for b in comparison.builds]
    sides = [0, 1]
    rng.shuffle(sides)
    calibrated = [calibrate(timers[side]) for side in sides]
    number = max(calls for calls, _ in calibrated)  # the same for both: a sample's first call is not like the others
    round_seconds = number * sum(seconds for _, seconds in calibrated)
    samples: tuple[list[float], list[float]] = ([], [])
    for _ in range(min(rounds, max(FEWEST_ROUNDS, int(VISIT_SECONDS / round_seconds)))):
        rng.shuffle(sides)
        for side in sides:
            samples[side].append(timers[side].timeit(number) / number)
    comparison.passes.append(samples)


def run(comparisons: list[Comparison], modules: dict[str, ModuleType], options: argparse.Namespace) -> None:
    rng = random.Random(0)
    for comparison in comparisons:
        check(comparison, modules)
    visits: list[Comparison] = []
    for _ in range(PASSES_QUICK if options.quick else PASSES):
        visits += rng.sample(comparisons, len(comparisons))
    for comparison in progress(visits, "cell"):
        visit(comparison, modules, options.rounds, rng)


def choose(options: argparse.Namespace) -> list[Cell]:
    chosen = select(options.only, WHOLE_GRID if options.all else GRID)
    if not chosen:
        sys.exit(f"no cell matches {' '.join(options.only)}; --list prints their names")
    return chosen


def spread(cells: Sequence[Cell], count: int) -> list[Cell]:
    """So many of the cells, evenly spread."""
    count = min(count, len(cells))
    return [cells[k * len(cells) // count] for k in range(count)]


def table(comparisons: Sequence[Comparison]) -> str:
    """One line a cell: medians and their ratio, the median of the rounds' ratios, the passes' lowest and highest."""
    width = max(len(c.cell.name) for c in comparisons)
    lines = [f"{'cell':<{width}} {'old':>8} {'new':>8} {'new/old':>7} {'paired':>6} passes"]
    for c in comparisons:
        times = " ".join(f"{duration(c.seconds(side)):>8}" for side in (0, 1))
        by_pass = f"{min(c.ratios):.2f}-{max(c.ratios):.2f}" if len(c.ratios) > 1 else "one"
        lines.append(f"{c.cell.name:<{width}} {times} {c.ratio:>7.3f} {c.paired:>6.3f} {by_pass}")
    return "\n".join(lines)


def by_ratio(comparisons: Sequence[Comparison]) -> list[Comparison]:
    return sorted(comparisons, key=lambda c: c.ratio, reverse=True)


def summary(comparisons: Sequence[Comparison]) -> str:
    ratios = [c.ratio for c in comparisons]
    slower, faster = sum(r > SLOWER for r in ratios), sum(r < FASTER for r in ratios)
    return "\n".join(
        [
            "The ten with the highest ratios:",
            table(by_ratio(comparisons)[:10]),
            "",
            f"{len(ratios)} cells: the median ratio is {statistics.median(ratios):.3f}; "
            f"{slower} above {SLOWER:.2f}, {faster} below {FASTER:.2f}",
        ]
    )


def noise_summary(comparisons: Sequence[Comparison]) -> str:
    ratios = [c.ratio for c in comparisons]
    return (
        f"The old build beside a copy of itself:\n{table(comparisons)}\n\n{len(ratios)} cells: "
        f"ratios from {min(ratios):.3f} to {max(ratios):.3f}, the median {statistics.median(ratios):.3f}"
    )


def show(changes: Sequence[Comparison], noise: Sequence[Comparison], sort: str) -> None:
    print(table(by_ratio(changes) if sort == "ratio" else changes), summary(changes), sep="\n\n")
    if noise:
        print("\n" + noise_summary(noise))


def compare(options: argparse.Namespace, chosen: Sequence[Cell]) -> dict[str, Any]:
    commit = git("rev-parse", "--verify", "--end-of-options", f"{options.revision}^{{commit}}")
    head = git("rev-parse", "HEAD") + (" and changes" if git("status", "--porcelain", "--", "csrc", "setup.py") else "")
    with builds(commit, options.target) as modules:
        described = machine() | {"numpy": f"NumPy {np.__version__}"}
        targets = {name: modules[name].get_simd_target() for name in ("old", "new")}
        print(", ".join(described.values()))
        print(f"old: {options.revision}, {commit}, {targets['old']}\nnew: {head}, {targets['new']}\n", flush=True)
        missing = {cell.ufunc for cell in chosen if not hasattr(modules["old"], cell.ufunc)}
        common = [cell for cell in chosen if cell.ufunc not in missing]
        if missing:
            print(f"left out, as {options.revision} does not have them: {', '.join(sorted(missing))}\n")
        if not common:
            sys.exit("nothing is left to compare")
        changes = [Comparison(cell, ("old", "new")) for cell in common]
        noise = [Comparison(cell, ("old", "copy")) for cell in spread(common, NOISE_CELLS if options.noise else 0)]
        start = time.perf_counter()
        run(changes + noise, modules, options)
        seconds = time.perf_counter() - start
    show(changes, noise, options.sort)
    print(f"\nTimed in {seconds:.0f} s")
    report = {"machine": described, "revision": options.revision, "old": commit, "new": head, "targets": targets}
    report |= {"rounds": options.rounds, "passes": len(changes[0].passes), "seconds": seconds}
    return report | {"cells": [c.as_json() for c in changes], "noise": [c.as_json() for c in noise]}


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    chosen = choose(options)
    if options.list:
        print("\n".join(cell.name for cell in chosen))
        return
    report = compare(options, chosen)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
