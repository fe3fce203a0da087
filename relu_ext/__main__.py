"""``python -m relu_ext``: versions, and the speed on this machine compared with NumPy."""

import argparse
import random
import signal
from collections.abc import Callable
from time import perf_counter

import numpy as np

import relu_ext

SIZES = (10, 1_000, 100_000, 10_000_000)
ROUNDS, SAMPLE_SECONDS = 7, 2e-3


def best_times(*calls: Callable[[], object]) -> list[float]:
    """Return the shortest time of each call in seconds; rounds in random order spread noise evenly."""
    repeats = []
    for call in calls:
        call()
        start = perf_counter()
        call()
        repeats.append(max(1, int(SAMPLE_SECONDS / (perf_counter() - start + 1e-9))))
    best = [float("inf")] * len(calls)
    for _ in range(ROUNDS):
        for k in random.sample(range(len(calls)), len(calls)):
            call = calls[k]
            start = perf_counter()
            for _ in range(repeats[k]):
                call()
            best[k] = min(best[k], (perf_counter() - start) / repeats[k])
    return best


def pairs(n: int) -> list[tuple[str, Callable[[], object], str, Callable[[], object]]]:
    """Return rows of (our line, call, NumPy's line, call)."""
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((2, n), dtype=np.float32)
    out = np.empty_like(x)
    return [
        ("relu(x)", lambda: relu_ext.relu(x), "np.maximum(0, x)", lambda: np.maximum(0, x)),
        (
            "relu(x, out=out)",
            lambda: relu_ext.relu(x, out=out),
            "np.maximum(0, x, out=out)",
            lambda: np.maximum(0, x, out=out),
        ),
        (
            "relu_grad(x)",
            lambda: relu_ext.relu_grad(x),
            "(x >= 0).astype(x.dtype)",
            lambda: (x >= 0).astype(x.dtype),
        ),
        (
            "relu_grad_strict(x)",
            lambda: relu_ext.relu_grad_strict(x),
            "(x > 0).astype(x.dtype)",
            lambda: (x > 0).astype(x.dtype),
        ),
        (
            "relu_backward(dy, x)",
            lambda: relu_ext.relu_backward(dy, x),
            "dy * (x >= 0)",
            lambda: dy * (x >= 0),
        ),
        (
            "relu_backward_strict(dy, x)",
            lambda: relu_ext.relu_backward_strict(dy, x),
            "dy * (x > 0)",
            lambda: dy * (x > 0),
        ),
    ]


def main() -> None:
    for name in {"SIGINT", "SIGPIPE"} & set(dir(signal)):  # Ctrl-C and a closed pipe end it without a traceback
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    description = "Print versions and the SIMD target in use, and compare its speed with that of NumPy."
    argparse.ArgumentParser(prog="python -m relu_ext", description=description).parse_args()
    relu_ext.show_runtime()
    print("\nSpeed as a multiple of NumPy's, by number of elements (float32, one thread):\n")
    print(f"{'relu_ext':<28}{'NumPy':<26}" + "".join(f"{f'{n:.0e}'.replace('e+0', 'e'):>6}" for n in SIZES))
    for row in zip(*map(pairs, SIZES), strict=True):
        print(f"{row[0][0]:<28}{row[0][2]:<26}", end="", flush=True)
        for _, ours, _, numpys in row:
            mine, theirs = best_times(ours, numpys)
            print(f"{theirs / mine:>6.1f}", end="", flush=True)
        print()


if __name__ == "__main__":
    main()
