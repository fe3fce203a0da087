"""The third view: a training step, and how much of it is ReLU, beside OpenBLAS's own threads.

Two networks are trained in plain NumPy: dense layers, and 3 x 3 convolutions by im2col. A step is the
forward pass, softmax and cross-entropy, the backward pass and the update. What takes ReLU's part is
exchanged; all else stays, and the losses must agree.
"""

import itertools
import os
import random
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from relu_ext import relu, relu_backward_strict

PARTS = ("matmul", "ReLU", "the rest")
ROUNDS, ROUNDS_QUICK = 15, 5
ROUND_SECONDS, FEWEST_STEPS = 0.05, 4  # of an activation in a round: its first steps warm up
LEARNING_RATE = np.float32(0.01)
Array = np.ndarray


class Clock:
    """Calls a function and adds its time to a part of the step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    def __call__(self, part: str, function: Callable, *args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        result = function(*args, **kwargs)
        self.seconds[part] += time.perf_counter() - start
        return result


class Dense:
    def __init__(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> None:
        scale = np.sqrt(2 / fan_in)
        self.weights = (rng.standard_normal((fan_in, fan_out)) * scale).astype(np.float32)
        self.bias = np.zeros(fan_out, np.float32)

    def forward(self, clock: Clock, x: Array) -> Array:
        self.shape = x.shape
        self.x = x.reshape(len(x), -1)
        z = clock("matmul", np.matmul, self.x, self.weights)
        return clock("the rest", np.add, z, self.bias, out=z)

    def backward(self, clock: Clock, dz: Array) -> Array:
        gradient = clock("matmul", np.matmul, self.x.T, dz)
        dx = clock("matmul", np.matmul, dz, self.weights.T)
        clock("the rest", self._update, gradient, dz)
        return dx.reshape(self.shape)

    def _update(self, gradient: Array, dz: Array) -> None:
        self.weights -= LEARNING_RATE * gradient
        self.bias -= LEARNING_RATE * dz.sum(axis=0)


class Conv(Dense):
    """3 x 3, of images (number, height, width, channels), without padding."""

    def __init__(self, rng: np.random.Generator, fan_in: int, fan_out: int) -> None:
        super().__init__(rng, 9 * fan_in, fan_out)

    def forward(self, clock: Clock, x: Array) -> Array:
        self.images = x.shape
        columns = clock("the rest", self._im2col, x)
        number, height, width, _ = x.shape
        return super().forward(clock, columns).reshape(number, height - 2, width - 2, -1)

    def backward(self, clock: Clock, dz: Array) -> Array:
        columns = super().backward(clock, dz.reshape(-1, dz.shape[-1]))
        return clock("the rest", self._col2im, columns)

    def _im2col(self, x: Array) -> Array:
        windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
        return windows.transpose(0, 1, 2, 4, 5, 3).reshape(-1, 9 * x.shape[-1])

    def _col2im(self, columns: Array) -> Array:
        number, height, width, channels = self.images
        columns = columns.reshape(number, height - 2, width - 2, 3, 3, channels)
        dx = np.zeros(self.images, np.float32)
        for row in range(3):
            for column in range(3):
                dx[:, row : row + height - 2, column : column + width - 2] += columns[:, :, :, row, column]
        return dx


Forward = Callable[[Array], Array]
Backward = Callable[[Array, Array], Array]  # of the gradient and relu's output
ACTIVATIONS: dict[str, tuple[Forward, Backward]] = {
    "NumPy": (lambda z: np.maximum(0, z), lambda dy, y: dy * (y > 0)),
    "NumPy, in place": (
        lambda z: np.maximum(0, z, out=z),
        lambda dy, y: np.multiply(dy, y > 0, out=dy),
    ),
    "relu_ext": (relu, relu_backward_strict),
    "relu_ext, in place": (lambda z: relu(z, out=z), lambda dy, y: relu_backward_strict(dy, y, out=dy)),
}


Network = Callable[[np.random.Generator], tuple[list[Dense], Array]]  # layers and a batch


def _dense(batch: int, *sizes: int) -> Network:
    def network(rng: np.random.Generator) -> tuple[list[Dense], Array]:
        layers = [Dense(rng, *pair) for pair in itertools.pairwise(sizes)]
        return layers, rng.standard_normal((batch, sizes[0])).astype(np.float32)

    return network


def _conv(rng: np.random.Generator) -> tuple[list[Dense], Array]:
    layers = [Conv(rng, 3, 32), Conv(rng, 32, 32), Dense(rng, 28 * 28 * 32, 10)]
    return layers, rng.standard_normal((32, 32, 32, 3)).astype(np.float32)


NETWORKS = {
    "dense 64-128-128-10, batches of 32": _dense(32, 64, 128, 128, 10),
    "dense 784-1024-1024-10, batches of 128": _dense(128, 784, 1024, 1024, 10),
    "two 3 x 3 convolutions of 32 channels, batches of 32 images of 32 x 32": _conv,
}


def _fastest(steps: Sequence[dict[str, float]]) -> dict[str, float]:
    return {part: min(parts[part] for parts in steps) for part in PARTS}


class Training:
    def __init__(self, network: Network, activation: tuple[Forward, Backward]) -> None:
        rng = np.random.default_rng(0)
        self.layers, self.x = network(rng)
        self.labels = rng.integers(10, size=len(self.x))
        self.relu, self.relu_backward = activation
        self.loss = np.inf

    def step(self) -> dict[str, float]:
        """Seconds of every part."""
        clock, outputs, a = Clock(), [], self.x
        for layer in self.layers[:-1]:
            a = clock("ReLU", self.relu, layer.forward(clock, a))
            outputs.append(a)
        dz = clock("the rest", self._softmax, self.layers[-1].forward(clock, a))
        for layer in reversed(self.layers[1:]):
            dz = clock("ReLU", self.relu_backward, layer.backward(clock, dz), outputs.pop())
        self.layers[0].backward(clock, dz)
        return dict(clock.seconds)

    def fastest_parts(self) -> dict[str, float]:
        steps: list[dict[str, float]] = []
        start = time.perf_counter()
        while len(steps) < FEWEST_STEPS or time.perf_counter() - start < ROUND_SECONDS:
            steps.append(self.step())
        return _fastest(steps)

    def _softmax(self, z: Array) -> Array:
        rows = np.arange(len(z))
        p = np.exp(z - z.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        self.loss = float(-np.log(p[rows, self.labels]).mean())
        p[rows, self.labels] -= 1
        return p / np.float32(len(z))


def run(name: str, quick: bool) -> dict[str, Any]:
    """The fastest time of each part, over rounds in which the activations take turns in an order drawn anew.

    Here the fastest, not the median: what disturbs threads that wait for one another only adds, and every
    activation has as many tries."""
    trainings = {label: Training(NETWORKS[name], pair) for label, pair in ACTIVATIONS.items()}
    for training in trainings.values():
        for _ in range(FEWEST_STEPS):
            training.step()
    losses = [training.loss for training in trainings.values()]
    if not np.allclose(losses, losses[0], rtol=1e-5):
        raise AssertionError(f"the trainings of {name} have come apart: {losses}")
    steps: dict[str, list[dict[str, float]]] = defaultdict(list)
    order = list(trainings)
    shuffle = random.Random(0).shuffle
    for _ in range(ROUNDS_QUICK if quick else ROUNDS):
        shuffle(order)
        for label in order:
            steps[label].append(trainings[label].fastest_parts())
    return {"network": name, "seconds": {label: _fastest(steps[label]) for label in ACTIVATIONS}}


def blas_threads() -> int:
    """As many as OpenBLAS takes by itself; threadpoolctl knows, and all of the machine's is a guess."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return os.cpu_count() or 1
    return max((pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"), default=1)


def table(networks: Sequence[dict[str, Any]]) -> str:
    lines = []
    for network in networks:
        lines += [network["network"], f"  {'ms a step':<20}" + "".join(f"{p:>10}" for p in (*PARTS, "sum"))]
        for label, parts in network["seconds"].items():
            figures = [parts[part] for part in PARTS]
            lines.append(f"  {label:<20}" + "".join(f"{1e3 * s:>10.3f}" for s in (*figures, sum(figures))))
    return "\n".join(lines)
