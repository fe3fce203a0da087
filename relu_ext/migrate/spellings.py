"""How scripts spell ReLU and its gradient, and what to write: the one source of README's table and of migrate."""

from typing import NamedTuple

#: What may differ where a row says so. All else is equal, bit for bit.
DIFFERENCES = {
    "NaN": "NaN in x: relu keeps it as it is, and gradients pass",
    "-0.0": "the sign of zeros: relu_ext writes +0.0",
    "inf": "infinities, and what overflows: times 0 they were NaN",
    "dtype": "the result has the dtype of x, or that of gradient and x together",
    "shape": "x with fewer dimensions: a mask selects rows, relu_ext broadcasts",
}


class Spelling(NamedTuple):
    """One row. In `before`, x or y, dout or dx, and dtype stand for any expression.

    Also meant are mirrored comparisons, commuted products, 0.0 for 0, and keywords such as out=, which are kept.
    """

    before: str
    after: str
    differs: str = ""
    by_hand: str = ""  # why migrate lists it and changes nothing
    shown: bool = True  # in README


INTEGERS = "its dtype is fixed (it may be labels or indices), the function's is that of x"
COMPACT = "it equals the function only where the left side was 0 before"
SAVED_MASK = "a saved mask: save x or y in its place"

SPELLINGS = [
    Spelling("y = np.maximum(0, x)", "y = relu(x)", "-0.0"),
    Spelling("np.maximum(x, 0, out=x)", "relu(x, out=x)", "-0.0"),
    Spelling("y = np.maximum(np.zeros_like(x), x)", "y = relu(x)", "-0.0", shown=False),
    Spelling("y = np.maximum(np.zeros(x.shape), x)", "y = relu(x)", "-0.0 dtype", shown=False),
    Spelling("y = np.fmax(0, x)", "y = relu(x)", "NaN -0.0", "fmax turns NaN into 0, relu keeps it", shown=False),
    Spelling("y = x * (x > 0)", "y = relu(x)", "-0.0 inf"),
    Spelling("y = x * (x >= 0)", "y = relu(x)", "-0.0 inf", shown=False),
    Spelling("y = np.where(x > 0, x, 0)", "y = relu(x)", "NaN"),
    Spelling("y = np.where(x > 0, x, np.zeros_like(x))", "y = relu(x)", "NaN", shown=False),
    Spelling("y = np.where(x >= 0, x, 0)", "y = relu(x)", "NaN -0.0", shown=False),
    Spelling("y = np.where(x < 0, 0, x)", "y = relu(x)", "-0.0"),
    Spelling("y = np.where(x <= 0, 0, x)", "y = relu(x)", shown=False),
    Spelling("y = np.clip(x, 0, None)", "y = relu(x)", "-0.0"),
    Spelling("y = np.clip(x, 0, np.inf)", "y = relu(x)", "-0.0 dtype", shown=False),
    Spelling("y = np.clip(0, x, None)", "y = relu(x)", "-0.0 dtype", shown=False),
    Spelling("y = np.clip(0, x, np.inf)", "y = relu(x)", "-0.0 dtype", shown=False),
    Spelling("y = x.clip(min=0)", "y = relu(x)", "-0.0"),
    Spelling("y = (x + abs(x)) / 2", "y = relu(x)", "NaN inf dtype"),
    Spelling("y = 0.5 * (x + abs(x))", "y = relu(x)", "NaN inf dtype", shown=False),
    Spelling("x[x < 0] = 0", "relu(x, out=x)", "-0.0"),
    Spelling("x[x <= 0] = 0", "relu(x, out=x)", shown=False),
    Spelling("x[~(x > 0)] = 0", "relu(x, out=x)", "NaN", shown=False),
    Spelling("x[~(x >= 0)] = 0", "relu(x, out=x)", "NaN -0.0", shown=False),
    Spelling("np.putmask(x, x < 0, 0)", "relu(x, out=x)", "-0.0", shown=False),
    Spelling("np.putmask(x, x <= 0, 0)", "relu(x, out=x)", shown=False),
    Spelling("np.copyto(x, 0, where=x < 0)", "relu(x, out=x)", "-0.0", shown=False),
    Spelling("np.copyto(x, 0, where=x <= 0)", "relu(x, out=x)", shown=False),
    Spelling("x *= x > 0", "relu(x, out=x)", "-0.0 inf"),
    Spelling("x *= x >= 0", "relu(x, out=x)", "-0.0 inf", shown=False),
    # The gradient by the strict rule, 0 at 0.
    Spelling("dx = dout * (x > 0)", "dx = relu_backward_strict(dout, x)", "NaN -0.0 inf dtype"),
    Spelling("dx = dout * (y > 0)", "dx = relu_backward_strict(dout, y)", "NaN -0.0 inf dtype"),
    Spelling("dout *= x > 0", "relu_backward_strict(dout, x, out=dout)", "NaN -0.0 inf dtype"),
    Spelling("dx = np.where(x > 0, dout, 0)", "dx = relu_backward_strict(dout, x)", "NaN dtype"),
    Spelling("dx = np.where(x <= 0, 0, dout)", "dx = relu_backward_strict(dout, x)", "dtype", shown=False),
    Spelling("dout[x <= 0] = 0", "relu_backward_strict(dout, x, out=dout)", "dtype shape"),
    Spelling("dx[~(x > 0)] = 0", "relu_backward_strict(dx, x, out=dx)", "NaN dtype shape", shown=False),
    Spelling("np.putmask(dx, x <= 0, 0)", "relu_backward_strict(dx, x, out=dx)", "dtype shape", shown=False),
    Spelling("np.copyto(dx, 0, where=x <= 0)", "relu_backward_strict(dx, x, out=dx)", "dtype", shown=False),
    Spelling("dx = dout * np.heaviside(x, 0)", "dx = relu_backward_strict(dout, x)", "NaN -0.0 inf dtype"),
    # By the plain rule, 1 at 0.
    Spelling("dx = dout * (x >= 0)", "dx = relu_backward(dout, x)", "NaN -0.0 inf dtype"),
    Spelling("dout *= x >= 0", "relu_backward(dout, x, out=dout)", "NaN -0.0 inf dtype", shown=False),
    Spelling("dx = np.where(x >= 0, dout, 0)", "dx = relu_backward(dout, x)", "NaN dtype", shown=False),
    Spelling("dx = np.where(x < 0, 0, dout)", "dx = relu_backward(dout, x)", "dtype"),
    Spelling("dx[x < 0] = 0", "relu_backward(dx, x, out=dx)", "dtype shape"),
    Spelling("dx[~(x >= 0)] = 0", "relu_backward(dx, x, out=dx)", "NaN dtype shape", shown=False),
    Spelling("np.putmask(dx, x < 0, 0)", "relu_backward(dx, x, out=dx)", "dtype shape", shown=False),
    Spelling("np.copyto(dx, 0, where=x < 0)", "relu_backward(dx, x, out=dx)", "dtype", shown=False),
    Spelling("dx = dout * np.heaviside(x, 1)", "dx = relu_backward(dout, x)", "NaN -0.0 inf dtype"),
    # The derivative by itself.
    Spelling("g = (x > 0).astype(x.dtype)", "g = relu_grad_strict(x)", "NaN"),
    Spelling("g = (x >= 0).astype(x.dtype)", "g = relu_grad(x)", "NaN"),
    Spelling("g = np.heaviside(x, 0)", "g = relu_grad_strict(x)", "NaN dtype", shown=False),
    Spelling("g = np.heaviside(x, 1)", "g = relu_grad(x)", "NaN dtype", shown=False),
    Spelling("g = np.where(x > 0, 1, 0)", "g = relu_grad_strict(x)", "NaN dtype", INTEGERS),
    Spelling("g = np.where(x >= 0, 1, 0)", "g = relu_grad(x)", "NaN dtype", INTEGERS, shown=False),
    Spelling("g = np.where(x <= 0, 0, 1)", "g = relu_grad_strict(x)", "dtype", INTEGERS, shown=False),
    Spelling("g = np.where(x < 0, 0, 1)", "g = relu_grad(x)", "dtype", INTEGERS, shown=False),
    Spelling("g = (x > 0).astype(dtype)", "g = relu_grad_strict(x)", "NaN dtype", INTEGERS, shown=False),
    Spelling("g = (x >= 0).astype(dtype)", "g = relu_grad(x)", "NaN dtype", INTEGERS, shown=False),
    Spelling("g = 1 * (x > 0)", "g = relu_grad_strict(x)", "NaN dtype", INTEGERS, shown=False),
    Spelling("g = 1 * (x >= 0)", "g = relu_grad(x)", "NaN dtype", INTEGERS, shown=False),
    Spelling("dx[x > 0] = dout[x > 0]", "dx = relu_backward_strict(dout, x)", by_hand=COMPACT, shown=False),
    Spelling("dx[x >= 0] = dout[x >= 0]", "dx = relu_backward(dout, x)", by_hand=COMPACT, shown=False),
    Spelling("mask = x > 0; dx = dout * mask", "dx = relu_backward_strict(dout, x)", "NaN -0.0 inf dtype", SAVED_MASK),
    Spelling("mask = x <= 0; dout[mask] = 0", "relu_backward_strict(dout, x, out=dout)", "dtype shape", SAVED_MASK),
]


def table() -> str:
    """Return README's table."""
    lines = ["| your script | with relu_ext | may differ in |", "|---|---|---|"]
    for row in SPELLINGS:
        if row.shown:
            hand = ["by hand"] if row.by_hand else []
            lines.append(f"| `{row.before}` | `{row.after}` | {', '.join([*row.differs.split(), *hand])} |")
    return "\n".join(lines) + "\n"
