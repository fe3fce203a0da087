"""`python -m relu_ext.migrate`: derivative functions, saved masks, and what keeps them from being changed."""

import re
import warnings

import numpy as np
import pytest

pytest.importorskip("libcst", reason="libcst is not installed: pip install '.[migrate]'")

from pages import DOCS

from relu_ext.migrate.rewrite import rewrite

X = np.array([[-2.0, 0.0, 1.0], [3.0, -0.0, -1.5]])
DOUT = np.arange(-3.0, 3.0).reshape(2, 3)


def migrated(source: str) -> str:
    """Migrate with comments, and check that nothing is left to change."""
    new, _ = rewrite(f"import numpy as np\n{source}\n".encode())
    assert rewrite(new)[0] == new
    return new.decode().split("\n", 1)[1].rstrip("\n")


def plain(source: str) -> str:
    """Migrate, without comments and the import."""
    text = re.sub(r"  # relu_ext: .*", "", migrated(source))
    return re.sub(r"^from relu_ext import .*\n\n?", "", text)


def reasons(source: str) -> str:
    """Return what is said of a source that must stay as it is."""
    source = f"import numpy as np\n{source}\n"
    new, notes = rewrite(source.encode())
    assert new.decode() == source
    return "\n".join(text for _, text in notes)


def values(source: str) -> list[np.ndarray]:
    """Run a script and return its `result`, zeros as +0.0."""
    names: dict[str, object] = {"X": X.copy(), "DOUT": DOUT.copy()}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exec(f"import numpy as np\n{source}", names)
    return [np.asarray(value) + 0 for value in names["result"]]  # type: ignore[attr-defined]


def check_run(source: str, run: str) -> None:
    for before, after in zip(values(f"{source}\n{run}"), values(f"{migrated(source)}\n{run}"), strict=True):
        np.testing.assert_array_equal(before, after)


# Derivative functions

SLOPES = {
    "(z > 0).astype(float)": "relu_grad_strict(z).astype(float)",
    "(z >= 0).astype(float)": "relu_grad(z).astype(float)",
    "(z > 0).astype(z.dtype)": "relu_grad_strict(z)",
    "(z > 0).astype(int)": "relu_grad_strict(z).astype(int)",
    "z > 0": "relu_grad_strict(z)",
    "z >= 0": "relu_grad(z)",
    "0 < z": "relu_grad_strict(z)",
    "np.where(z > 0, 1, 0)": "relu_grad_strict(z).astype(int)",
    "np.where(z > 0, 1.0, 0.0)": "relu_grad_strict(z).astype(float)",
    "np.where(z <= 0, 0, 1)": "relu_grad_strict(z).astype(int)",
    "np.where(z > 0, np.ones_like(z), np.zeros_like(z))": "relu_grad_strict(z)",
    "1 * (z > 0)": "relu_grad_strict(z).astype(int)",
    "1.0 * (z > 0)": "relu_grad_strict(z).astype(float)",
    "(z > 0) * 1": "relu_grad_strict(z).astype(int)",
    "np.greater(z, 0)": "relu_grad_strict(z)",
    "np.greater(z, 0).astype(int)": "relu_grad_strict(z).astype(int)",
    "np.heaviside(z, 0)": "relu_grad_strict(z)",
    "np.asarray(z > 0, dtype=float)": "relu_grad_strict(z).astype(float)",
    "np.array(z > 0, dtype=np.float32)": "relu_grad_strict(z).astype(np.float32)",
    "np.array(z > 0).astype('f4')": "relu_grad_strict(z).astype('f4')",
    "np.float32(z > 0)": "relu_grad_strict(z).astype(np.float32)",
}


@pytest.mark.parametrize(("before", "after"), SLOPES.items(), ids=lambda text: text)
def test_a_derivative_function_and_its_calls(before, after):
    source = f"def d_relu(z):\n    return {before}\n\ndelta = DOUT * d_relu(X)"
    function = "relu_backward" if ">=" in before else "relu_backward_strict"
    assert plain(source) == f"def d_relu(z):\n    return {after}\n\ndelta = {function}(DOUT, X)"
    check_run(source, "result = [delta, d_relu(X)]")
    old, new = (values(f"{text}\nresult = [d_relu(X)]")[0] for text in (source, migrated(source)))
    assert old.dtype == new.dtype or "dtype" in migrated(source).split("\n\ndelta")[0]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "slope = (z > 0).astype(float)\n    return slope",
            "slope = relu_grad_strict(z).astype(float)\n    return slope",
        ),
        ("g = np.zeros_like(z)\n    g[z > 0] = 1\n    return g", "g = relu_grad_strict(z)\n    return g"),
        ("g = np.ones_like(z)\n    g[z < 0] = 0\n    return g", "g = relu_grad(z)\n    return g"),
        (
            "g = z.copy()\n    g[z > 0] = 1\n    g[z <= 0] = 0\n    return g",
            "g = z.copy()\n    relu_grad_strict(z, out=g)\n    return g",
        ),
        ("z[z <= 0] = 0\n    z[z > 0] = 1\n    return z", "relu_grad_strict(z, out=z)\n    return z"),
        ("z[z > 0] = 1\n    z[z <= 0] = 0\n    return z", "relu_grad_strict(z, out=z)\n    return z"),
        ("z[z < 0] = 0\n    z[z >= 0] = 1\n    return z", "relu(z, out=z)\n    z[z >= 0] = 1\n    return z"),  # all 1
        ("z[z >= 0] = 1\n    z[z < 0] = 0\n    return z", "relu_grad(z, out=z)\n    return z"),
    ],
)
def test_derivatives_of_several_lines(before, after):
    source = f"def relu_derivative(z):\n    {before}"
    assert plain(source) == f"def relu_derivative(z):\n    {after}"
    check_run(source, "result = [relu_derivative(X), X]")


@pytest.mark.parametrize(
    ("definition", "call"),
    [
        ("def d_act(z):\n    return z > 0", "DOUT * d_act(X)"),
        ("def d_act(z):\n    return z > 0", "d_act(X) * DOUT"),
        ("def d_act(z):\n    return z > 0", "np.multiply(DOUT, d_act(X))"),
        ("def d_act(z):\n    '''Slope.'''\n    return (z > 0) * 1", "DOUT * d_act(X)"),
        ("d_act = lambda z: (z > 0).astype(int)", "DOUT * d_act(X)"),
        (
            "def act(z, deriv=False):\n    if deriv:\n        return z > 0\n    return np.tanh(z)",
            "DOUT * act(X, deriv=True)",
        ),
        ("def act(z, deriv=False):\n    if deriv:\n        return z > 0\n    return np.tanh(z)", "DOUT * act(X, True)"),
        ("class Net:\n    @staticmethod\n    def d_act(z):\n        return z > 0", "DOUT * Net.d_act(X)"),
        ("def step(z):\n    return z > 0", "DOUT * step(X)"),  # its use says that it is a derivative
    ],
)
def test_a_call_as_a_factor_is_one_pass(definition, call):
    new = plain(f"{definition}\n\nresult = {call}")
    assert new.endswith("\n\nresult = relu_backward_strict(DOUT, X)")
    assert "relu_grad_strict(z)" in new
    check_run(f"{definition}\n\nresult = [{call}]", "")


def test_methods_and_products_in_place():
    source = (
        "class Net:\n    def d_act(self, z):\n        return (z > 0).astype(float)\n"
        "    def backward(self, delta, z):\n        delta *= self.d_act(z)\n        return delta"
    )
    assert "        relu_backward_strict(delta, z, out=delta)\n" in plain(source)
    check_run(source, "result = [Net().backward(DOUT, X), DOUT]")


@pytest.mark.parametrize(
    "source",
    [
        "def d_act(z):\n    return z > 0\nd_act = other\ndelta = DOUT * d_act(X)",
        "def d_act(z):\n    z = z - 1\n    return z > 0\ndelta = DOUT * d_act(X)",
        "def d_act(z):\n    log(z)\n    return z > 0\ndelta = DOUT * d_act(X)",
        "@scaled\ndef d_act(z):\n    return z > 0\ndelta = DOUT * d_act(X)",
        "def d_act(z):\n    return z > 0\ndef f(d_act):\n    return DOUT * d_act(X)",
        "def act(z, deriv=False):\n    if deriv:\n        return z > 0\n    return z\ndelta = DOUT * act(X, deriv=on)",
        "class A:\n    def d(self, z):\n        return z > 0\n    def f(self, z):\n        return dout * self.d(z)\n"
        "class B(A):\n    def d(self, z):\n        return 1 - z ** 2",
        "class A:\n    def __init__(self, d):\n        self.d = d\n    def d(self, z):\n        return z > 0\n"
        "    def f(self, z):\n        return dout * self.d(z)",
        "class A:\n    def d(self, z):\n        return z > 0\n    def f(self, z, of):\n        return dout * of.d(z)",
    ],
)
def test_calls_of_what_may_be_another_function(source):
    assert "relu_backward" not in migrated(source)


@pytest.mark.parametrize(
    "source",
    [
        "def predict(score):\n    return (score > 0).astype(int)",
        "labels = np.where(score > 0, 1, 0)",
        "def positive(z):\n    return z > 0",
        "def act(z, deriv=False):\n    if deriv:\n        return f(z)\n    else:\n        return np.heaviside(z, 0)",
        "def d_act(z):\n    return z > 0\nX[d_act(X)] = 5",
        "def d_act(z):\n    return z > 0\nif d_act(X).any():\n    pass",
    ],
)
def test_labels_and_masks_stay(source):
    reasons(source)


# Saved masks

FORWARD = {
    "self.mask = (x <= 0)\n        out = x.copy()\n        out[self.mask] = 0\n        return out": (
        "self.out = out = relu(x)\n        return out"
    ),
    "self.mask = x > 0\n        return x * self.mask": "self.out = relu(x)\n        return self.out",
    "self.mask = x > 0\n        y = np.where(self.mask, x, 0)\n        return y": (
        "self.out = y = relu(x)\n        return y"
    ),
    "self.mask = (x > 0).astype(float)\n        return self.mask * x": "self.out = relu(x)\n        return self.out",
    "self.mask = x > 0\n        return np.maximum(0, x)": "self.out = relu(x)\n        return self.out",
    "out = np.maximum(0, x)\n        self.mask = out > 0\n        return out": (
        "out = relu(x)\n        self.x = out\n        return out"
    ),
    "self.mask = x > 0\n        return self.act(x * self.mask)": "self.x = x\n        return self.act(relu(x))",
    "self.mask = x <= 0\n        x[self.mask] = 0\n        return x": "self.out = relu(x, out=x)\n        return x",
}
LAYER = """class Relu:
    def __init__(self):
        self.mask = None

    def forward(self, x):
        {}

    def backward(self, dout):
        {}"""


@pytest.mark.parametrize(("before", "after"), FORWARD.items(), ids=range(len(FORWARD)))
def test_forward_keeps_the_output(before, after):
    source = LAYER.format(
        before, "return np.where(self.mask, 0, dout)" if "<=" in before else "return dout * self.mask"
    )
    kept = "self.x" if "self.x" in after else "self.out"
    new = LAYER.format(after, f"return relu_backward_strict(dout, {kept})").replace("self.mask", kept)
    assert plain(source) == new
    assert migrated(source).count("must not be changed before backward") == 1
    if "self.act" not in before:
        check_run(source, "r = Relu(); y = r.forward(X); result = [y, r.backward(DOUT)]")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "dout[~self.mask] = 0\n        dx = dout\n        return dx",
            "relu_backward_strict(dout, self.out, out=dout)",
        ),
        ("dout *= self.mask\n        return dout", "relu_backward_strict(dout, self.out, out=dout)"),
        ("dx = np.multiply(dout, self.mask)\n        return dx", "dx = relu_backward_strict(dout, self.out)"),
        ("return np.where(self.mask, dout, 0)", "return relu_backward_strict(dout, self.out)"),
        ("upper = dout\n        return upper * self.mask", "return relu_backward_strict(upper, self.out)"),
    ],
)
def test_backward_uses_the_output(before, after):
    source = LAYER.format("self.mask = x > 0\n        return x * self.mask", before)
    assert after in plain(source)
    assert "mask" not in plain(source)
    check_run(source, "r = Relu(); y = r.forward(X); result = [y, r.backward(DOUT)]")


def test_comments_of_lines_that_go_are_kept():
    source = LAYER.format(
        "# for backward\n        self.mask = x > 0  # strict\n\n        # forward\n        return x * self.mask",
        PRODUCT,
    )
    above = "# for backward\n        # strict\n\n        # forward\n        self.out = relu(x)"
    assert above in plain(source)
    source = LAYER.format(
        "self.mask = x <= 0\n        out = x.copy()\n        # zero them\n        out[self.mask] = 0  # here\n"
        "        return out",
        PRODUCT.replace("dout * self.mask", "np.where(self.mask, 0, dout)"),
    )
    assert "self.out = out = relu(x)\n        # zero them\n        # here\n        return out" in plain(source)
    source = "def backward(dout, x):\n    mask = x > 0  # where\n    # chain rule\n    return dout * mask"
    new = "def backward(dout, x):\n    # where\n    # chain rule\n    return relu_backward_strict(dout, x)"
    assert plain(source) == new


def test_keys_and_several_masks_and_names_that_are_taken():
    source = (
        "class Net:\n    def forward(self, x):\n"
        "        self.cache['mask1'] = x > 0\n        h = x * self.cache['mask1']\n"
        "        self.mask2 = h > 1e-9\n        self.out = h\n        return h\n"
        "    def backward(self, dout):\n        return dout * self.cache['mask1']"
    )
    new = plain(source)
    assert "self.cache['out1'] = h = relu(x)" in new
    assert "return relu_backward_strict(dout, self.cache['out1'])" in new
    source = (
        LAYER.format("self.mask = x > 0\n        return x * self.mask", "return dout * self.mask") + "\n    out = 3"
    )
    assert "self.relu_out = relu(x)" in plain(source + "\nprint(Relu().out)")


def test_two_masks_of_one_class():
    source = (
        "class Net:\n    def forward(self, x, y):\n        self.p1 = x > 0\n        a = x * self.p1\n"
        "        self.p2 = y > 0\n        b = y * self.p2\n        return a + b\n"
        "    def backward(self, dout):\n        return dout * self.p1 + dout * self.p2"
    )
    assert "relu_backward_strict(dout, self.out) + relu_backward_strict(dout, self.relu_out)" in plain(source)
    check_run(source, "n = Net(); y = n.forward(X, X - 1); result = [y, n.backward(DOUT)]")


def test_a_derivative_of_1_at_0_keeps_x():
    source = LAYER.format("self.mask = x >= 0\n        return x * self.mask", "return dout * self.mask")
    assert "self.x = x\n        return relu(x)\n" in plain(source)
    assert "return relu_backward(dout, self.x)" in plain(source)
    check_run(source, "r = Relu(); y = r.forward(X); result = [y, r.backward(DOUT)]")


SAVED = "self.mask = x > 0\n        return x * self.mask"
PRODUCT = "return dout * self.mask"
CHANGED = "self.mask = x > 0\n        out = x * self.mask\n        out += 1\n        return out"
CALLER = "def step(x):\n    y = Relu().forward(x)\n    y -= y.mean()"
NEXT = "class Norm:\n    def forward(self, x):\n        x -= x.mean()\n        return x"


@pytest.mark.parametrize(
    ("forward", "backward", "more", "reason"),
    [
        (SAVED, PRODUCT, "print(layer.mask)", "uses it outside of its class"),
        (
            SAVED,
            PRODUCT,
            "class Capped(Relu):\n    def forward(self, x):\n        self.mask = x < 6",
            "outside of its class",
        ),
        (SAVED + "\n\n    __slots__ = ('mask', 'x')", PRODUCT, "", "may be read through getattr or a string"),
        (SAVED, PRODUCT, "print(getattr(layer, 'mask'))", "may be read through getattr or a string"),
        (SAVED, f"print(self.mask.mean())\n        {PRODUCT}", "", "uses it for something else"),
        (SAVED, f"self.mask = self.mask * 2\n        {PRODUCT}", "", "set in more than one place"),
        (SAVED, "return dout[self.mask]", "", "uses it for something else"),
        ("self.mask = x > 0; y = x * self.mask\n        return y", PRODUCT, "", "another statement is on its line"),
        (
            "if self.train:\n            self.mask = x > 0\n        return x * self.mask",
            PRODUCT,
            "",
            "under a condition",
        ),
        (CHANGED, PRODUCT, "", "changes out in place"),
        ("self.mask = f(x) > 0\n        return self.act(x)", PRODUCT, "", "forward line was not recognized"),
        (SAVED, PRODUCT, CALLER, "changes the result of forward in place"),
        (SAVED, PRODUCT, NEXT, "changes its argument in place"),
    ],
)
def test_masks_that_stay(forward, backward, more, reason):
    assert reason in reasons(
        LAYER.format(forward, backward).replace("return dout * ", "return dout * ") + "\n\n" + more
    )


def test_masks_of_other_classes():
    dropout = (
        "class Dropout:\n    def forward(self, x):\n        self.mask = np.random.rand(*x.shape) > 0.5\n"
        "        return x * self.mask\n\n    def backward(self, dout):\n        return dout * self.mask"
    )
    relu = LAYER.format(SAVED, "return dout * self.mask")
    assert plain(f"{dropout}\n\n{relu}").startswith(dropout)
    assert plain(f"{relu}\n\n{dropout}").endswith(dropout)
    reasons(dropout)


AFTER_PRINT = "print(x, np.sum(x))\n    return relu_backward_strict(dout, x)"


@pytest.mark.parametrize(
    ("body", "after"),
    [
        ("mask = x > 0\n    return dout * mask", "return relu_backward_strict(dout, x)"),
        ("mask = (x > 0).astype(dout.dtype)\n    return mask * dout", "return relu_backward_strict(dout, x)"),
        ("mask = x > 0\n    print(x, np.sum(x))\n    return dout * mask", AFTER_PRINT),
        ("m = x <= 0\n    dout[m] = 0\n    return dout", "relu_backward_strict(dout, x, out=dout)\n    return dout"),
    ],
)
def test_local_masks(body, after):
    source = f"def backward(dout, x):\n    {body}"
    assert plain(source) == f"def backward(dout, x):\n    {after}"
    check_run(source, "result = [backward(DOUT, X), DOUT]")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("mask = x > 0\n    x = x - 1\n    return dout * mask", "x is changed in between"),
        ("mask = x > 0\n    x += 1\n    return dout * mask", "x is changed in between"),
        ("mask = x > 0\n    normalize(x)\n    return dout * mask", "x is changed in between"),
        ("mask = x > 0\n    np.tanh(x, out=x)\n    return dout * mask", "x is changed in between"),
        ("mask = x > 0\n    for d in dout:\n        dx = d * mask\n        x[0] = 1", "x is changed in between"),
        ("if keep:\n        mask = x > 0\n    return dout * mask", "it is set under a condition"),
        ("mask = x > 0\n    mask = mask & keep\n    return dout * mask", "set in more than one place"),
        ("mask = x > 0\n    def f():\n        return dout * mask\n    return f", "used in another function"),
        ("for d in dout:\n        d = d * mask\n        mask = x > 0", "used before it is set"),
    ],
)
def test_local_masks_that_stay(body, reason):
    assert reason in reasons(f"def backward(dout, x, keep):\n    {body}")


def test_a_mask_that_is_read_elsewhere_too_is_kept():
    source = "def backward(dout, x):\n    mask = x > 0\n    print(mask.sum())\n    return dout * mask"
    new = source.replace("dout * mask", "relu_backward_strict(dout, x)")
    assert plain(source) == new


# What could fail, and what is no activation


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("keep = np.random.rand(3) < 0.5\ngrad = grad * (keep > 0)", "keep is boolean"),
        ("def f(grad, m):\n    return grad * (m > 0)\nf(a, np.zeros(3, dtype=bool))", "m is boolean"),
        ("grad = grad * (valid > 0)", "valid may be boolean"),
        ("dvalues = np.array([[1, 2], [3, 4]])\ndvalues[z <= 0] = 0", "dvalues holds integers"),
        ("dvalues = np.arange(4)\ndinputs = dvalues.copy()\ndinputs[z <= 0] = 0", "dinputs holds integers"),
        (
            "import numba\ndef act(x):\n    return x * (x > 0)\nact = numba.njit(act)",
            "numba.njit may not know relu_ext",
        ),
        ("import jax\ndef act(x):\n    return np.maximum(0, x)\nfast = jax.jit(act)", "jax.jit may not know relu_ext"),
        ("margins = np.maximum(0, scores - correct + 1)", "the code does not say that it is an activation"),
        ("def hinge(y, p):\n    return np.maximum(0, 1 - y * p)", "the code does not say that it is an activation"),
        ("img[img < 0] = 0", "the code does not say that it is an activation"),
        ("stock = np.clip(stock, 0, None)", "the code does not say that it is an activation"),
    ],
)
def test_lines_that_stay(source, reason):
    assert reason in reasons(source)


def test_all_changes_what_only_has_the_spelling():
    source = b"import numpy as np\nmargins = np.maximum(0, scores - correct + 1)\n"
    assert b"margins = relu(scores - correct + 1)\n" in rewrite(source, everything=True)[0]


def test_advice_is_about_what_is_there():
    said = reasons("out = s.copy()\nlog(out)\nout[s < 0] = 0")
    assert "the code does not say that out is a gradient" in said
    assert "relu(np.log" not in reasons("y = np.log(p).clip(low, 0)")
    assert plain("h = np.dot(x, w).clip(0)") == "h = relu(np.dot(x, w))"


def test_outputs_of_a_relu():
    source = "dout = DOUT\na = np.maximum(0, X)\ndelta = dout * (a != 0)\ndout[a == 0] = 0"
    assert (
        plain(source)
        == "dout = DOUT\na = relu(X)\ndelta = relu_backward_strict(dout, a)\nrelu_backward_strict(dout, a, out=dout)"
    )
    check_run(source, "result = [delta, DOUT]")
    assert reasons("delta = dout * (a != 0)\ndout[a == 0] = 0") == ""


def test_the_dtype_of_a_mask_made_numbers_is_told():
    assert migrated("y = x * (x > 0).astype(float)").endswith("y = relu(x)  # relu_ext: inf, dtype may differ")
    assert migrated("y = x * (x > 0).astype(x.dtype)").endswith("y = relu(x)  # relu_ext: inf may differ")


# The documentation


@pytest.mark.skipif(not (DOCS / "migration.md").exists(), reason="docs are not here: not a checkout")
def test_the_page_on_migration():
    page = (DOCS / "migration.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(import .*?)```", page, re.DOTALL)
    assert len(blocks) == 4
    for before, after in zip(blocks[::2], blocks[1::2], strict=True):
        assert rewrite(before.encode()) == (after.encode(), [])
