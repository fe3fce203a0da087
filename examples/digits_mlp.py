"""Train the same small network twice: with ReLU written in NumPy, and with relu_ext.

An MLP in plain NumPy (64 pixels, one wide hidden layer, 10 digits) learns scikit-learn's
handwritten digits. `NUMPY` and `RELU_EXT` below are all that differs between the two
trainings. They see the same batches from the same start, and must end with the same
weights, bit for bit; what changes is the time spent in ReLU.

    pip install '.[examples]'
    python examples/digits_mlp.py              # half a minute at most, writes digits_mlp.png
    python examples/digits_mlp.py --epochs 3   # a quick look: times need more epochs to settle

A part of the gain is `out=`, which NumPy has too; `NUMPY` is what scripts mostly say. By
default that part is small. From a megabyte or so (`--hidden 4096`) it can be the larger
one, where fresh memory costs more than the arithmetic.

Exit status: 0; 1 if the weights differ; 2 for bad arguments; 130 after Ctrl-C.
"""

import argparse
import math
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from sklearn.datasets import load_digits
from threadpoolctl import threadpool_limits  # comes with scikit-learn
from tqdm import tqdm

from relu_ext import dead_units, relu, relu_backward_strict


class Activation(NamedTuple):
    name: str
    forward: Callable[[np.ndarray], np.ndarray]
    backward: Callable[[np.ndarray, np.ndarray], np.ndarray]


NUMPY = Activation(
    "NumPy",
    forward=lambda x: np.maximum(0, x),
    backward=lambda dout, x: dout * (x > 0),
)

# In place: by the time of `backward` x holds relu(x), for which the strict rule gives the same.
RELU_EXT = Activation(
    "relu_ext",
    forward=lambda x: relu(x, out=x),
    backward=lambda dout, x: relu_backward_strict(dout, x, out=dout),
)


class MLP:
    """Two layers of float32 weights, softmax, cross-entropy and plain SGD; notes loss and time by epoch."""

    def __init__(self, activation: Activation, hidden: int, seed: int) -> None:
        rng = np.random.default_rng(seed)

        def he(inputs: int, outputs: int) -> np.ndarray:
            return rng.standard_normal((inputs, outputs), np.float32) * math.sqrt(2 / inputs)

        self.activation = activation
        self.weights = he(64, hidden), np.zeros(hidden, np.float32), he(hidden, 10), np.zeros(10, np.float32)
        self.rate = min(0.1, 50 / hidden)  # the wider the layer, the more units move each output
        self.losses: list[float] = []
        self.times: list[tuple[float, float]] = []  # milliseconds in all, and in ReLU
        self.relu_ms = 0.0

    def clocked(self, function: Callable[..., np.ndarray], *operands: np.ndarray) -> np.ndarray:
        start = perf_counter()
        result = function(*operands)
        self.relu_ms += 1000 * (perf_counter() - start)
        return result

    def step(self, x: np.ndarray, labels: np.ndarray) -> float:
        """Learn from one batch; the sum of its losses."""
        w1, b1, w2, b2 = self.weights
        z = x @ w1 + b1
        h = self.clocked(self.activation.forward, z)
        logits = h @ w2 + b2

        logits -= logits.max(axis=1, keepdims=True)
        log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        truth = np.arange(len(x)), labels
        dlogits = np.exp(log_p)
        dlogits[truth] -= 1
        dlogits /= len(x)

        dz = self.clocked(self.activation.backward, dlogits @ w2.T, z)
        gradients = x.T @ dz, dz.sum(axis=0), h.T @ dlogits, dlogits.sum(axis=0)
        for weight, gradient in zip(self.weights, gradients, strict=True):
            weight -= self.rate * gradient
        return -float(log_p[truth].sum())

    def epoch(self, x: np.ndarray, labels: np.ndarray, order: np.ndarray, batch: int) -> None:
        start, self.relu_ms = perf_counter(), 0.0
        batches = (order[i : i + batch] for i in range(0, len(order), batch))
        self.losses.append(sum(self.step(x[b], labels[b]) for b in batches) / len(order))
        self.times.append((1000 * (perf_counter() - start), self.relu_ms))

    def hidden(self, x: np.ndarray) -> np.ndarray:
        return self.activation.forward(x @ self.weights[0] + self.weights[1])

    def accuracy(self, x: np.ndarray, labels: np.ndarray) -> float:
        logits = self.hidden(x) @ self.weights[2] + self.weights[3]
        return float(np.mean(logits.argmax(axis=1) == labels))


def same_bits(a: MLP, b: MLP) -> bool:
    # Where dout < 0 and x <= 0, dout * (x > 0) is -0.0 and relu_backward_strict gives +0.0. Neither
    # changes the value of a sum, and w - 0.0 is w for either zero: the weights cannot tell them apart.
    pairs = zip(a.weights, b.weights, strict=True)
    return all(np.array_equal(u.view(np.uint32), v.view(np.uint32)) for u, v in pairs)


def report(runs: Sequence[MLP], x: np.ndarray, labels: np.ndarray) -> None:
    # The fastest epoch is the one least disturbed by what else the machine does.
    print(f"\n{'fastest epoch':20}{'in ReLU':>12}{'in all':>12}{'share':>10}{'held-out accuracy':>22}")
    for run in runs:
        whole, inside = min(run.times)
        times = f"{inside:9.2f} ms{whole:9.2f} ms{inside / whole:10.1%}"
        print(f"{run.activation.name:20}{times}{run.accuracy(x, labels):22.1%}")
    whole, inside = np.divide(min(runs[0].times), min(runs[1].times))
    print(f"{'NumPy / relu_ext':20}{inside:12.2f}{whole:12.2f}\n")


def draw(runs: Sequence[MLP], path: Path) -> None:
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = range(1, len(runs[0].losses) + 1)
    marker = "o" if len(epochs) == 1 else ""
    old, new = runs
    left.plot(epochs, old.losses, f"C0-{marker}", linewidth=6, alpha=0.35, label=old.activation.name)
    left.plot(epochs, new.losses, f"C3--{marker}", label=new.activation.name)
    left.set(title="Training loss: one curve on the other", xlabel="epoch", yscale="log")
    left.set_ylabel("mean cross-entropy (nats)")
    left.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
    left.legend(loc="upper right")

    names = [run.activation.name for run in runs]
    whole, inside = np.transpose([min(run.times) for run in runs])
    right.barh(names, inside, color="C1", label="ReLU")
    rest = right.barh(names, whole - inside, left=inside, color="0.8", label="everything else")
    right.bar_label(rest, [f"{share:.1%} ReLU" for share in inside / whole], padding=4)
    right.set(title="Time", xlabel="milliseconds in the fastest epoch", xlim=(0, 1.3 * whole.max()))
    right.set_ylim(1.5, -1.0)  # NumPy on top, and room for the legend above it
    right.legend(loc="upper right", ncols=2)

    unfinished = path.with_name(path.name + ".part")
    try:
        figure.savefig(unfinished, format="png", dpi=150)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train an MLP with NumPy's ReLU and with relu_ext's.")
    parser.add_argument("--epochs", type=int, default=500, help="default: %(default)s")
    parser.add_argument("--batch", type=int, default=64, help="digits in a step (default: %(default)s)")
    parser.add_argument("--hidden", type=int, default=1024, help="hidden units (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument("--out", type=Path, default="digits_mlp.png", help="picture (default: %(default)s)")
    args = parser.parse_args(argv)
    for name, least in ("epochs", 1), ("batch", 1), ("hidden", 1), ("seed", 0):
        if getattr(args, name) < least:
            parser.error(f"--{name} must be at least {least}, not {getattr(args, name)}")
    if args.out.suffix.lower() != ".png":
        parser.error(f"--out must end in .png: {args.out}")
    if args.out.is_dir() or not os.access(args.out.parent, os.W_OK):
        parser.error(f"--out cannot be written: {args.out}")
    return args


def main(argv: Sequence[str] | None = None) -> int:
    args = arguments(argv)
    epoch = 0
    try:
        threadpool_limits(1)  # ReLU runs on one thread, so matmul does: shares of one core's time
        pixels, labels = load_digits(return_X_y=True)
        pixels = (pixels / 16).astype(np.float32)
        rng = np.random.default_rng(args.seed)
        test, train = np.split(rng.permutation(len(pixels)), [len(pixels) // 5])
        x, y = pixels[train], labels[train]
        for activation in NUMPY, RELU_EXT:  # a warm-up epoch, for networks that are thrown away
            MLP(activation, args.hidden, args.seed).epoch(x, y, np.arange(len(x)), args.batch)

        runs = [MLP(activation, args.hidden, args.seed) for activation in (NUMPY, RELU_EXT)]
        for epoch in tqdm(range(1, args.epochs + 1), desc="training both", unit="epoch"):
            order = rng.permutation(len(x))
            for run in runs if epoch % 2 else reversed(runs):  # they take turns at going first
                run.epoch(x, y, order, args.batch)

        report(runs, pixels[test], labels[test])
        dead = np.count_nonzero(dead_units(runs[1].hidden(x)))
        print(f"Dead units: {dead} of {args.hidden} hidden units are 0 for every training digit.")
        if not same_bits(*runs):
            print("Weights: NOT EQUAL, the two trainings have parted.", file=sys.stderr)
            return 1
        print("Weights: equal, bit for bit.")
        draw(runs, args.out)
        print(f"Picture: {args.out}")
    except KeyboardInterrupt:
        print(f"Stopped in epoch {epoch} of {args.epochs}; no picture written.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
