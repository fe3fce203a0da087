"""`python -m relu_ext.migrate` on little networks: a few steps of training give the weights that they gave before.

All numbers are small whole ones, and steps are rounded, so that float32 is exact whatever the order of a sum.
"""

import itertools
import re
from collections.abc import Iterable
from textwrap import indent
from typing import Any

import numpy as np
import pytest

pytest.importorskip("libcst", reason="libcst is not installed: pip install '.[migrate]'")

from relu_ext.migrate.rewrite import rewrite

STEPS = 4
RATES = {1: "1 / 32", 2: "1 / 32", 3: "1 / 64"}  # by the number of hidden layers, so that weights change and stay small
FORWARD = [
    "a = np.maximum(0, z)",
    "a = np.maximum(z, 0)",
    "a = z * (z > 0)",
    "a = np.where(z > 0, z, 0)",
    "a = np.clip(z, 0, None)",
    "a = z.clip(min=0)",
    "a = (z + abs(z)) / 2",
    "a = z.copy()\na[a < 0] = 0",
]

# Layers that save a mask: what __init__, forward(x) and backward(dout) do.
SAVED_MASKS = {
    "zero in place": (
        "self.mask = None",
        "self.mask = (x <= 0)\nout = x.copy()\nout[self.mask] = 0\nreturn out",
        "dout[self.mask] = 0\ndx = dout\nreturn dx",
    ),
    "zero in a copy": (
        "",
        "self.mask = x <= 0\nout = x.copy()\nout[self.mask] = 0\nreturn out",
        "dx = dout.copy()\ndx[self.mask] = 0\nreturn dx",
    ),
    "inverted": (
        "self.mask = None",
        "self.mask = x > 0\nout = x.copy()\nout[~self.mask] = 0\nreturn out",
        "dout[~self.mask] = 0\nreturn dout",
    ),
    "product": ("", "self.mask = x > 0\nreturn x * self.mask", "return dout * self.mask"),
    "product, 1 at 0": ("", "self.mask = x >= 0\nreturn x * self.mask", "return dout * self.mask"),
    "mask first": ("", "self.mask = 0 < x\nreturn self.mask * x", "dx = self.mask * dout\nreturn dx"),
    "product in place": ("", "self.mask = x > 0\nreturn np.maximum(x, 0)", "dout *= self.mask\nreturn dout"),
    "multiply": ("", "self.mask = x > 0\nreturn np.multiply(x, self.mask)", "return np.multiply(dout, self.mask)"),
    "maximum": ("self.mask = None", "self.mask = x > 0\nreturn np.maximum(0, x)", "return dout * self.mask"),
    "where": ("", "self.mask = x > 0\nreturn np.where(self.mask, x, 0)", "return np.where(self.mask, dout, 0)"),
    "astype(float)": ("", "self.mask = (x > 0).astype(float)\nreturn x * self.mask", "return dout * self.mask"),
    "astype(x.dtype)": ("", "self._on = (x > 0).astype(x.dtype)\nreturn x * self._on", "return dout * self._on"),
    "astype in backward": ("", "self.mask = x > 0\nreturn x * self.mask", "return dout * self.mask.astype(dout.dtype)"),
    "key of a dict": (
        "self.cache = {}",
        "self.cache['mask'] = x > 0\nreturn x * self.cache['mask']",
        "return dout * self.cache['mask']",
    ),
}

# Derivative functions of z. Those with more than one line cannot be lambdas.
DERIVATIVES = [
    "return (z > 0).astype(float)",
    "return z > 0",
    "return np.where(z > 0, 1, 0)",
    "return (z >= 0).astype(float)",
    "return z >= 0",
    "return np.where(z >= 0, 1, 0)",
    "return (z > 0).astype(np.float32)",
    "return (z > 0).astype(z.dtype)",
    "return (z > 0).astype(int)",
    "return np.where(z > 0, 1.0, 0.0)",
    "return np.where(z <= 0, 0, 1)",
    "return 1 * (z > 0)",
    "return 1.0 * (z > 0)",
    "return np.greater(z, 0).astype(int)",
    "return np.greater(z, 0)",
    "return np.heaviside(z, 0)",
    "return np.heaviside(z, 1)",
    "return np.asarray(z > 0, dtype=float)",
    "return np.array(z > 0).astype(float)",
    "slope = (z > 0).astype(float)\nreturn slope",
    "g = np.zeros_like(z)\ng[z > 0] = 1\nreturn g",
    "g = np.ones_like(z)\ng[z <= 0] = 0\nreturn g",
    "g = z.copy()\ng[g <= 0] = 0\ng[g > 0] = 1\nreturn g",
]
FORMS = ["function", "method", "staticmethod", "class", "lambda"]
CALLS = ["dz = da * D(z)", "dz = D(z) * da", "dz = np.multiply(da, D(z))", "da *= D(z)\ndz = da"]

# Gradients in the line itself: dz from da, z and a = relu(z).
INLINE = [
    "dz = da * (z > 0)",
    "dz = da * (a > 0)",
    "dz = (z > 0) * da",
    "dz = da * (z >= 0)",
    "dz = np.multiply(da, z > 0)",
    "dz = np.multiply(da, np.int64(a > 0))",
    "dz = da * (z > 0).astype(float)",
    "dz = da * (z > 0).astype(z.dtype)",
    "dz = da * np.where(z > 0, 1, 0)",
    "dz = da * np.heaviside(z, 0)",
    "dz = np.where(z > 0, da, 0)",
    "dz = np.where(z <= 0, 0, da)",
    "da *= z > 0\ndz = da",
    "dz = np.array(da, copy=True)\ndz[z <= 0] = 0",
    "dz = da.copy()\ndz[z < 0] = 0",
    "dz = da\ndz[a <= 0] = 0",
    "dz = da.copy()\ndz[~(z > 0)] = 0",
]
LOCAL_MASKS = [
    "mask = z > 0\ndz = da * mask",
    "mask = (z > 0).astype(float)\ndz = da * mask",
    "mask = z <= 0\ndz = da.copy()\ndz[mask] = 0",
    "mask = z > 0\nda[~mask] = 0\ndz = da",
    "mask = z >= 0\ndz = np.where(mask, da, 0)",
]
ITEM_3 = [
    "dz = da * np.where(z <= 0, 0, 1)",
    "dz = da * (a != 0)",
    "dz = da.copy()\ndz[a == 0] = 0",
    "dz = np.where(z <= 0, np.float32(0), da)",
    "dz = da.copy()\ndz[z <= 0] *= 0",
]


# Sources

LAYERS = """
import numpy as np


class Linear:
    def __init__(self, W):
        self.W = W

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, dout):
        dx = dout @ self.W.T
        self.W -= np.round(RATE * (self.x.T @ dout))
        return dx


class Relu:
    def __init__(self):
INIT

    def forward(self, x):
FORWARD

    def backward(self, dout):
BACKWARD


def train(X, t, weights, steps):
    layers = []
    for W in weights:
        layers += [Linear(W), Relu()]
    layers.pop()
    for _ in range(steps):
        out = X
        for layer in layers:
            out = layer.forward(out)
        dout = out - t
        for layer in reversed(layers):
            dout = layer.backward(dout)
"""


def layers_with(init: str, forward: str, backward: str, depth: int) -> str:
    parts = {"INIT": init or "pass", "FORWARD": forward, "BACKWARD": backward}
    source = LAYERS.lstrip()
    for name, code in parts.items():
        source = source.replace(f"\n{name}\n", "\n" + indent(code, " " * 8) + "\n")
    return source.replace("RATE", RATES[depth])


def numbered(code: str, layer: int) -> str:
    """Give the names of one layer its number."""
    return re.sub(r"\b(d?[za]|mask)\b", rf"\g<1>{layer}", code)


def training(forward: str, gradient: str, depth: int, head: str = "def train(X, t, weights, steps):") -> str:
    """Return a function that has each layer's lines one after another, as scripts do."""
    weights = [f"W{k}" for k in range(1, depth + 2)]
    lines, a = [], "X"
    for k in range(1, depth + 1):
        lines += [f"z{k} = {a} @ W{k}", numbered(forward, k)]
        a = f"a{k}"
    lines += [f"scores = {a} @ {weights[-1]}", "dscores = scores - t"]
    d = "dscores"
    for k in range(depth, 0, -1):
        lines += [f"dW{k + 1} = a{k}.T @ {d}", f"da{k} = {d} @ W{k + 1}.T", numbered(gradient, k)]
        d = f"dz{k}"
    lines += [f"dW1 = X.T @ {d}", *(f"{W} -= np.round({RATES[depth]} * d{W})" for W in weights)]
    body = f"{', '.join(weights)} = weights\nfor _ in range(steps):\n{indent(chr(10).join(lines), ' ' * 4)}"
    return f"{head}\n{indent(body, ' ' * 4)}\n"


def with_derivative(form: str, derivative: str, forward: str, call: str, depth: int) -> str:
    """Return a source whose gradient comes from a function, a method, or a lambda."""
    body = indent(derivative, " " * 4)
    if form == "lambda":
        head = f"d_relu = lambda z: {derivative.removeprefix('return ')}\n"
    elif form == "function":
        head = f"def d_relu(z):\n{body}\n"
    elif form == "class":
        head = f"class Relu:\n    @staticmethod\n    def derivative(z):\n{indent(body, ' ' * 4)}\n"
    else:
        static = form == "staticmethod"
        method = f"@staticmethod\ndef d_relu(z):\n{body}\n" if static else f"def d_relu(self, z):\n{body}\n"
        gradient = call.replace("D(", "self.d_relu(")
        train = training(forward, gradient, depth, "def train(self, X, t, weights, steps):")
        network = "class Network:\n" + indent(f"{method}\n{train}", " " * 4)
        return f"import numpy as np\n\n\n{network}\n\ntrain = Network().train\n"
    called = "Relu.derivative(" if form == "class" else "d_relu("
    return f"import numpy as np\n\n\n{head}\n\n{training(forward, call.replace('D(', called), depth)}"


# Both sources


def trained(source: str, depth: int, dtype: str) -> list[np.ndarray]:
    """Train a network on data that gives many exact zeros, and return its weights."""
    rng = np.random.default_rng(depth)
    sizes = [4, *[6] * depth, 2]
    X = rng.integers(-2, 3, (16, sizes[0])).astype(dtype)
    t = rng.integers(-1, 2, (16, sizes[-1])).astype(dtype)
    weights = [rng.integers(-1, 2, shape).astype(dtype) for shape in itertools.pairwise(sizes)]
    before = [W.copy() for W in weights]
    assert (X @ weights[0] == 0).any(), "the data has no zeros"
    names: dict[str, Any] = {}
    exec(compile(source, "network", "exec"), names)
    names["train"](X, t, weights, STEPS)
    assert not all(map(np.array_equal, before, weights)), "nothing was learned"
    return weights


def check(source: str, depth: int, function: str = "backward") -> None:
    """Check that the new source has the function for the gradient, and trains as the old one does."""
    new, notes = rewrite(source.encode())
    texts = f"\n\n# The source:\n{source}\n# What it became:\n{new.decode()}\n# {notes}"
    if not re.search(rf"\brelu_({function})(_strict)?\(", new.decode()):
        pytest.fail("the gradient stayed as it was" + texts)
    for dtype in ("f4", "f8"):
        old_weights = trained(source, depth, dtype)
        try:
            new_weights = trained(new.decode(), depth, dtype)
        except Exception as error:
            pytest.fail(f"{dtype}: {type(error).__name__}: {error}{texts}")
        for number, (a, b) in enumerate(zip(old_weights, new_weights, strict=True), 1):
            if a.dtype != b.dtype or not np.array_equal(a, b):  # -0.0 equals 0.0, and there is no NaN
                pytest.fail(f"{dtype}: the weights W{number} differ{texts}")


def numbered_cases(cases: Iterable[Any]) -> list[Any]:
    """Number the cases: by its number, a case takes its depth and whatever else goes round."""
    texts = [" ".join(case) if isinstance(case, tuple) else case for case in cases]
    return [
        pytest.param(*case, id=text.replace("\n", "; ")) for case, text in zip(enumerate(cases), texts, strict=True)
    ]


DEPTHS = [1, 2, 3]
LINES = [*INLINE, *LOCAL_MASKS, *ITEM_3]
FUNCTIONS = [(form, text) for form in FORMS for text in DERIVATIVES if form != "lambda" or "\n" not in text]


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("spelling", SAVED_MASKS)
def test_layers_that_save_a_mask(spelling, depth):
    check(layers_with(*SAVED_MASKS[spelling], depth), depth)


@pytest.mark.parametrize(("number", "case"), numbered_cases(FUNCTIONS))
def test_derivative_functions(number, case):
    depth, forward, call = (choices[number % len(choices)] for choices in (DEPTHS, FORWARD, CALLS))
    check(with_derivative(*case, forward, call, depth), depth, "backward|grad")


@pytest.mark.parametrize(("number", "forward"), numbered_cases(FORWARD))
def test_forward_spellings(number, forward):
    depth = DEPTHS[number % len(DEPTHS)]
    check(f"import numpy as np\n\n\n{training(forward, INLINE[0], depth)}", depth)


@pytest.mark.parametrize(("number", "gradient"), numbered_cases(LINES))
def test_gradients_inline(number, gradient):
    depth, forward = DEPTHS[number % len(DEPTHS)], FORWARD[number % len(FORWARD)]
    check(f"import numpy as np\n\n\n{training(forward, gradient, depth)}", depth)
