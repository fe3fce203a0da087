"""ReLU of an array on disk, a chunk at a time on several threads, with Dask.

Writes an array of normal numbers to a temporary file, then in one pass over it stores its
ReLU in a second file and finds the dead units; only a few chunks are in memory at any
time. At the end plain NumPy goes over both files and compares every bit.

    pip install 'dask[array]' .
    python examples/larger_than_memory.py                # 512 MB in pieces of 4 MB
    python examples/larger_than_memory.py --total 65536  # 64 GB in the same memory

The temporary files take twice --total and are removed at the end. Where the system keeps
temporary files in memory, name a folder on disk with --folder.

Exit status: 0; 1 if a bit differs; 2 for bad arguments; 130 after Ctrl-C.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dask
import dask.array as da
import numpy as np
from dask.diagnostics import ProgressBar

from relu_ext import relu

MB = 1 << 20
UNITS = 1024
DEAD = slice(None, None, 64)  # these units are pushed below zero for every sample


class OnDisk:
    """An array in a .npy file, mapped anew for each chunk: so no part of it stays in memory, and what is pickled
    for another process is the name of the file (a np.memmap would send its data)."""

    def __init__(self, path: Path, samples: int) -> None:
        self.path, self.shape, self.dtype, self.ndim = path, (samples, UNITS), np.dtype(np.float32), 2
        np.lib.format.open_memmap(path, "w+", self.dtype, self.shape)

    def __getitem__(self, index: slice | tuple[slice, ...]) -> np.ndarray:
        return np.array(np.load(self.path, mmap_mode="r")[index])

    def __setitem__(self, index: slice | tuple[slice, ...], block: np.ndarray) -> None:
        np.load(self.path, mmap_mode="r+")[index] = block

    def rows(self, step: int) -> Iterator[np.ndarray]:
        return (self[start : start + step] for start in range(0, self.shape[0], step))


def peak() -> float:
    """The most memory that this process has had so far, in MB."""
    try:  # what `resource` tells begins with the peak of the process that started this one
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
    except FileNotFoundError:
        pass
    try:
        import resource
    except ImportError:  # Windows
        return float("nan")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (MB if sys.platform == "darwin" else 1024)


def write(x: OnDisk, chunks: tuple[int, int], seed: int) -> None:
    values = da.random.default_rng(seed).standard_normal(x.shape, chunks=chunks)
    bias = np.zeros(UNITS)
    bias[DEAD] = -100
    da.store((values + bias).astype(x.dtype), x, lock=False)


def process(x: OnDisk, y: OnDisk, chunks: tuple[int, int]) -> np.ndarray:
    """Store relu(x) in y; which units are dead."""
    lazy = da.from_array(x, chunks=chunks, name=False, meta=np.empty((0, 0), x.dtype))
    # relu_ext.dead_units would ask for the whole array; this is the same, chunk by chunk.
    dead = ~(lazy > 0).any(axis=0)
    stored = da.store(relu(lazy), y, lock=False, compute=False)  # the chunks do not overlap
    return dask.compute(dead, stored)[0]  # together, so that x is read once


def wrong(x: OnDisk, y: OnDisk, step: int) -> int:
    """How many elements of y are not relu(x), by NumPy and without Dask."""
    count = 0
    for before, after in zip(x.rows(step), y.rows(step), strict=True):
        expected = np.where(before <= 0, np.float32(0), before)
        count += np.count_nonzero(expected.view(np.uint32) != after.view(np.uint32))
    return count


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="ReLU of an array on disk, in chunks, with Dask.")
    parser.add_argument("--total", type=int, default=512, help="MB of the array (default: %(default)s)")
    parser.add_argument("--chunk", type=int, default=4, help="MB of a chunk (default: %(default)s)")
    threads = min(4, os.cpu_count() or 1)
    parser.add_argument("--threads", type=int, default=threads, help="default: 4, or as many as there are cores")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument("--folder", type=Path, default=tempfile.gettempdir(), help="where (default: %(default)s)")
    args = parser.parse_args(argv)
    for name, least in ("total", 1), ("chunk", 1), ("threads", 1), ("seed", 0):
        if getattr(args, name) < least:
            parser.error(f"--{name} must be at least {least}, not {getattr(args, name)}")
    if not args.folder.is_dir() or not os.access(args.folder, os.W_OK):
        parser.error(f"--folder cannot be written: {args.folder}")
    free = shutil.disk_usage(args.folder).free // MB  # a mapped file that runs out of disk ends the process
    if free < 2 * args.total + 1:
        parser.error(f"--total needs {2 * args.total} MB of disk, and {args.folder} has {free}")
    return args


def main(argv: Sequence[str] | None = None) -> int:
    args = arguments(argv)
    rows = MB // (4 * UNITS)  # in 1 MB
    chunks = args.chunk * rows, UNITS
    before = peak()
    try:
        with (
            tempfile.TemporaryDirectory(prefix="relu_ext-", dir=args.folder) as name,
            ThreadPoolExecutor(args.threads) as pool,  # waits for its threads before the folder goes
            dask.config.set(scheduler="threads", pool=pool),
        ):
            x, y = (OnDisk(Path(name, file), args.total * rows) for file in ("x.npy", "y.npy"))
            print(f"Array: {x.shape[0]} samples x {UNITS} units of float32, {args.total} MB")
            print("Writing it to disk", file=sys.stderr)
            with ProgressBar(out=sys.stderr):
                write(x, chunks, args.seed)
            print("ReLU and dead units, one pass", file=sys.stderr)
            with ProgressBar(out=sys.stderr):
                dead = process(x, y, chunks)
            print(f"Dead units: {np.count_nonzero(dead)} of {UNITS}")
            print(f"Peak memory: {peak():.0f} MB, of which {before:.0f} MB before the first chunk")
            if count := wrong(x, y, chunks[0]):
                print(f"Result: NOT EQUAL to NumPy's, {count} elements differ.", file=sys.stderr)
                return 1
            print("Result: equal to NumPy's, bit for bit.")
    except KeyboardInterrupt:
        print("\nStopped; the temporary files are removed.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
