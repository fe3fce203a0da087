"""Times relu_ext beside NumPy's spellings and other libraries, side by side in one run.

    python benchmarks/bench.py                 operation x dtype x size x layout, one thread each
    python benchmarks/bench.py growth          cost an element, from 1 to 2**27 of them
    python benchmarks/bench.py step            a training step beside OpenBLAS's own threads

Install the extra `bench` for the libraries; those that are missing are left out. A ratio is another's time
divided by relu_ext's, so more is better.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("view", nargs="?", choices=("grid", "growth", "step"), default="grid")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="PATTERN",
        help="cells of the grid whose name contains this, or matches it as a glob; may be repeated",
    )
    parser.add_argument("--list", action="store_true", help="print the names of the grid's cells, and stop")
    parser.add_argument("--peers", metavar="A,B", help="which of numpy, torch, numba, numexpr, jax, onnxruntime")
    parser.add_argument("--quick", action="store_true", help="fewer cells or rounds: a minute at most")
    parser.add_argument(
        "--cpu-time",
        action="store_true",
        help="processor time instead of time, for a machine that is busy with other things; not for the step",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to FILE")
    parser.add_argument("--png", type=Path, metavar="PATH", help="draw the view's chart: a file, or a directory")
    parser.add_argument("--redraw", type=Path, metavar="FILE", help="measure nothing, draw the chart of a --json")
    return parser.parse_args(arguments)


def keep_to_one_thread() -> None:
    """Most libraries read these once, when they are imported."""
    for library in ("OMP", "MKL", "OPENBLAS", "NUMBA", "NUMEXPR", "VECLIB_MAXIMUM"):
        os.environ[f"{library}_NUM_THREADS"] = "1"
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


def progress(items: Sequence[Any], unit: str) -> Iterable[Any]:
    try:
        from tqdm import tqdm
    except ImportError:
        return items
    return tqdm(items, unit=unit, smoothing=0.1, disable=None)


def run_cells(options: argparse.Namespace) -> dict[str, Any]:
    """The grid, or the growth: both measure cells."""
    keep_to_one_thread()
    import cells
    import compiled
    import grid
    import growth

    is_grid = options.view == "grid"
    chosen = (
        cells.select(options.only, cells.QUICK if options.quick else cells.GRID)
        if is_grid
        else growth.cells(options.quick)
    )
    if options.list:
        print("\n".join(cell.name for cell in chosen))
        return {}
    if not chosen:
        sys.exit(f"no cell matches {' '.join(options.only)}; --list prints their names")
    names = options.peers.split(",") if options.peers else list(compiled.PEERS if is_grid else growth.PEERS)
    if unknown := set(names) - set(compiled.PEERS):
        sys.exit(f"no such peer: {', '.join(sorted(unknown))}; there are {', '.join(compiled.PEERS)}")
    peers = compiled.gather(names)
    clock = time.process_time if options.cpu_time else time.perf_counter
    results = [grid.run(cell, peers, clock, again=is_grid) for cell in progress(chosen, "cell")]
    present = [peer.name for peer in peers]
    print((grid if is_grid else growth).table(results, present))
    if is_grid:
        print("\n" + grid.summary(results))
    return {
        "versions": {peer.name: peer.version for peer in peers},
        "clock": clock.__name__,
        "cells": [result.as_json() for result in results],
    }


def run_step(options: argparse.Namespace) -> dict[str, Any]:
    import step

    networks = [step.run(name, options.quick) for name in progress(list(step.NETWORKS), "network")]
    print(step.table(networks))
    return {"versions": {}, "networks": networks, "threads": step.blas_threads()}


def describe(report: dict[str, Any], view: str) -> dict[str, Any]:
    """The report with the machine and the versions that it was made with."""
    import numpy as np
    from machine import machine

    import relu_ext

    ours = {"relu_ext": f"{relu_ext.__version__} ({relu_ext.simd_target})", "numpy": np.__version__}
    return {"view": view, "machine": machine(), **report, "versions": ours | report["versions"]}


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    if options.redraw:
        report = json.loads(options.redraw.read_text())
    else:
        report = run_step(options) if options.view == "step" else run_cells(options)
        if not report:
            return
        report = describe(report, options.view)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    if options.png:
        import charts

        print(charts.draw(report, options.png))


if __name__ == "__main__":
    main()
