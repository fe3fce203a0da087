"""How scripts write ReLU and its gradient, and what replaces it: the source of migrate and of docs/migration.md."""

from typing import NamedTuple

#: What may differ where a row says so. Everything else is equal, bit for bit.
DIFFERENCES = {
    "NaN": "relu_ext keeps a NaN in x and lets the gradient pass there; where x is negative it writes 0",
    "-0.0": "relu_ext writes +0.0 where the old line may write -0.0 (not in comments)",
    "inf": "the old line gives NaN for an infinity times 0, or overflows",
    "dtype": "it is that of x, or the common one of gradient and x; out= must be able to hold it",
    "shape": "if x has fewer dimensions, a mask selects rows, and relu_ext broadcasts x",
}


class Spelling(NamedTuple):
    """One row. In `before`, x or y, dout or dx, g or out, and dtype stand for any expression.

    Also meant are mirrored comparisons, commuted products, 0.0 for 0, and keywords such as out=, which are kept.
    """

    before: str  # one statement, or two that follow one another
    after: str
    differs: str = ""
    by_hand: str = ""  # why migrate lists it and changes nothing
    shown: bool = True  # in the table
    needs: str = ""  # what the text has to say: "activation", "derivative", or "output" (that y is a ReLU's)


ACTIVATION = "the code does not say that it is an activation; --all changes it"
DERIVATIVE = "the code does not say that it is a derivative (it may be labels or indices)"
COMPACT = "it equals the function only where the left side was 0 before"
SAVED_MASK = "a saved mask"

PRODUCT = "NaN -0.0 inf dtype"

SPELLINGS = [
    Spelling("y = np.maximum(0, x)", "y = relu(x)", "-0.0", needs="activation"),
    Spelling("np.maximum(x, 0, out=x)", "relu(x, out=x)", "-0.0", needs="activation"),
    Spelling("y = np.maximum(np.zeros_like(x), x)", "y = relu(x)", "-0.0", shown=False, needs="activation"),
    Spelling("y = np.maximum(np.zeros(x.shape), x)", "y = relu(x)", "-0.0 dtype", shown=False, needs="activation"),
    Spelling("y = np.maximum(np.zeros(np.shape(x)), x)", "y = relu(x)", "-0.0 dtype", shown=False, needs="activation"),
    Spelling(
        "y = np.fmax(0, x)",
        "y = relu(x)",
        "NaN -0.0",
        "fmax turns NaN into 0, relu keeps it",
        shown=False,
        needs="activation",
    ),
    Spelling("y = x * (x > 0)", "y = relu(x)", "-0.0 inf", needs="activation"),
    Spelling("y = x * (x >= 0)", "y = relu(x)", "-0.0 inf", shown=False, needs="activation"),
    Spelling("y = np.where(x > 0, x, 0)", "y = relu(x)", "NaN", needs="activation"),
    Spelling("y = np.where(x > 0, x, np.zeros_like(x))", "y = relu(x)", "NaN", shown=False, needs="activation"),
    Spelling("y = np.where(x >= 0, x, 0)", "y = relu(x)", "NaN -0.0", shown=False, needs="activation"),
    Spelling("y = np.where(x < 0, 0, x)", "y = relu(x)", "-0.0", needs="activation"),
    Spelling("y = np.where(x <= 0, 0, x)", "y = relu(x)", shown=False, needs="activation"),
    Spelling("y = np.clip(x, 0, None)", "y = relu(x)", "-0.0", needs="activation"),
    Spelling("y = np.clip(x, 0, np.inf)", "y = relu(x)", "-0.0 dtype", shown=False, needs="activation"),
    Spelling("y = np.clip(0, x, None)", "y = relu(x)", "-0.0 dtype", shown=False, needs="activation"),
    Spelling("y = np.clip(0, x, np.inf)", "y = relu(x)", "-0.0 dtype", shown=False, needs="activation"),
    Spelling("y = x.clip(min=0)", "y = relu(x)", "-0.0", needs="activation"),
    Spelling("y = (x + abs(x)) / 2", "y = relu(x)", "NaN inf dtype", needs="activation"),
    Spelling("y = 0.5 * (x + abs(x))", "y = relu(x)", "NaN inf dtype", shown=False, needs="activation"),
    Spelling("x[x < 0] = 0", "relu(x, out=x)", "-0.0", needs="activation"),
    Spelling("x[x <= 0] = 0", "relu(x, out=x)", shown=False, needs="activation"),
    Spelling("x[~(x > 0)] = 0", "relu(x, out=x)", "NaN", shown=False, needs="activation"),
    Spelling("x[~(x >= 0)] = 0", "relu(x, out=x)", "NaN -0.0", shown=False, needs="activation"),
    Spelling("np.putmask(x, x < 0, 0)", "relu(x, out=x)", "-0.0", shown=False, needs="activation"),
    Spelling("np.putmask(x, x <= 0, 0)", "relu(x, out=x)", shown=False, needs="activation"),
    Spelling("np.copyto(x, 0, where=x < 0)", "relu(x, out=x)", "-0.0", shown=False, needs="activation"),
    Spelling("np.copyto(x, 0, where=x <= 0)", "relu(x, out=x)", shown=False, needs="activation"),
    Spelling("x[x <= 0] *= 0", "relu(x, out=x)", "-0.0 inf", shown=False, needs="activation"),
    Spelling("x[x < 0] *= 0", "relu(x, out=x)", "-0.0 inf", shown=False, needs="activation"),
    Spelling("out = x.copy(); out[x < 0] = 0", "out = relu(x)", "-0.0", shown=False, needs="activation"),
    Spelling("out = x.copy(); out[x <= 0] = 0", "out = relu(x)", shown=False, needs="activation"),
    Spelling("out = x.copy(); out[~(x > 0)] = 0", "out = relu(x)", "NaN", shown=False, needs="activation"),
    Spelling("out = x.copy(); out[out < 0] = 0", "out = relu(x)", "-0.0", shown=False, needs="activation"),
    Spelling("out = x.copy(); out[out <= 0] = 0", "out = relu(x)", shown=False, needs="activation"),
    Spelling("x *= x > 0", "relu(x, out=x)", "-0.0 inf", needs="activation"),
    Spelling("x *= x >= 0", "relu(x, out=x)", "-0.0 inf", shown=False, needs="activation"),
    # The gradient by the strict rule, 0 at 0.
    Spelling("dx = dout * (x > 0)", "dx = relu_backward_strict(dout, x)", PRODUCT),
    Spelling("dx = dout * (y > 0)", "dx = relu_backward_strict(dout, y)", PRODUCT),
    Spelling("dout *= x > 0", "relu_backward_strict(dout, x, out=dout)", PRODUCT),
    Spelling("dx = np.where(x > 0, dout, 0)", "dx = relu_backward_strict(dout, x)", "NaN dtype"),
    Spelling("dx = np.where(x <= 0, 0, dout)", "dx = relu_backward_strict(dout, x)", "dtype", shown=False),
    Spelling("dout[x <= 0] = 0", "relu_backward_strict(dout, x, out=dout)", "dtype shape"),
    Spelling("dx = dout * np.where(x <= 0, 0, 1)", "dx = relu_backward_strict(dout, x)", PRODUCT, shown=False),
    Spelling("dout[x <= 0] *= 0", "relu_backward_strict(dout, x, out=dout)", "NaN -0.0 inf dtype shape", shown=False),
    Spelling("dx[~(x > 0)] = 0", "relu_backward_strict(dx, x, out=dx)", "NaN dtype shape", shown=False),
    Spelling("np.putmask(dx, x <= 0, 0)", "relu_backward_strict(dx, x, out=dx)", "dtype shape", shown=False),
    Spelling("np.copyto(dx, 0, where=x <= 0)", "relu_backward_strict(dx, x, out=dx)", "dtype", shown=False),
    Spelling("dx = dout * np.heaviside(x, 0)", "dx = relu_backward_strict(dout, x)", PRODUCT),
    # By the plain rule, 1 at 0.
    Spelling("dx = dout * (x >= 0)", "dx = relu_backward(dout, x)", PRODUCT),
    Spelling("dout *= x >= 0", "relu_backward(dout, x, out=dout)", PRODUCT, shown=False),
    Spelling("dx = np.where(x >= 0, dout, 0)", "dx = relu_backward(dout, x)", "NaN dtype", shown=False),
    Spelling("dx = np.where(x < 0, 0, dout)", "dx = relu_backward(dout, x)", "dtype"),
    Spelling("dx[x < 0] = 0", "relu_backward(dx, x, out=dx)", "dtype shape"),
    Spelling("dx = dout * np.where(x < 0, 0, 1)", "dx = relu_backward(dout, x)", PRODUCT, shown=False),
    Spelling("dx[~(x >= 0)] = 0", "relu_backward(dx, x, out=dx)", "NaN dtype shape", shown=False),
    Spelling("np.putmask(dx, x < 0, 0)", "relu_backward(dx, x, out=dx)", "dtype shape", shown=False),
    Spelling("np.copyto(dx, 0, where=x < 0)", "relu_backward(dx, x, out=dx)", "dtype", shown=False),
    Spelling("dx = dout * np.heaviside(x, 1)", "dx = relu_backward(dout, x)", PRODUCT),
    # With a ReLU's output y, which is 0 or positive.
    Spelling("dx = dout * (y != 0)", "dx = relu_backward_strict(dout, y)", PRODUCT, shown=False, needs="output"),
    Spelling("dx[y == 0] = 0", "relu_backward_strict(dx, y, out=dx)", "dtype shape", shown=False, needs="output"),
    # The derivative by itself.
    *(
        Spelling(
            f"g = {before}",
            f"g = {function}(x){dtype}",
            differs,
            shown=is_shown and ">=" not in mask,
            needs="derivative",
        )
        for mask, function in (("x > 0", "relu_grad_strict"), ("x >= 0", "relu_grad"))
        for before, dtype, differs, is_shown in (
            (f"({mask}).astype(x.dtype)", "", "NaN", True),
            (f"({mask}).astype(dtype)", ".astype(dtype)", "NaN", True),
            (f"np.where({mask}, 1, 0)", ".astype(int)", "NaN", True),
            (f"np.where({mask}, np.ones_like(x), np.zeros_like(x))", "", "NaN", False),
            (f"1 * ({mask})", ".astype(int)", "NaN", False),
            (f"np.asarray({mask}, dtype=dtype)", ".astype(dtype)", "NaN", False),
            (f"np.array({mask}, dtype=dtype)", ".astype(dtype)", "NaN", False),
            *((f"np.{name}({mask})", f".astype(np.{name})", "NaN", False) for name in ("float32", "float64", "int64")),
        )
    ),
    Spelling("g = np.where(x <= 0, 0, 1)", "g = relu_grad_strict(x).astype(int)", shown=False, needs="derivative"),
    Spelling("g = np.where(x < 0, 0, 1)", "g = relu_grad(x).astype(int)", shown=False, needs="derivative"),
    Spelling("g = np.heaviside(x, 0)", "g = relu_grad_strict(x)", "NaN dtype", shown=False, needs="derivative"),
    Spelling("g = np.heaviside(x, 1)", "g = relu_grad(x)", "NaN dtype", shown=False, needs="derivative"),
    *(
        Spelling(
            f"g = np.{start}_like(x); g[{mask}] = {value}", f"g = {function}(x)", nan, shown=False, needs="derivative"
        )
        for start, mask, value, function, nan in (
            ("zeros", "x > 0", 1, "relu_grad_strict", "NaN"),
            ("zeros", "x >= 0", 1, "relu_grad", "NaN"),
            ("ones", "x <= 0", 0, "relu_grad_strict", ""),
            ("ones", "x < 0", 0, "relu_grad", ""),
        )
    ),
    *(
        Spelling(f"{first}; {second}", f"{function}(x, out=x)", "NaN", shown=False, needs="derivative")
        for first, second, function in (
            ("x[x <= 0] = 0", "x[x > 0] = 1", "relu_grad_strict"),
            ("x[x > 0] = 1", "x[x <= 0] = 0", "relu_grad_strict"),
            ("x[x < 0] = 0", "x[x > 0] = 1", "relu_grad_strict"),
            ("x[x > 0] = 1", "x[x < 0] = 0", "relu_grad_strict"),
            ("x[x >= 0] = 1", "x[x < 0] = 0", "relu_grad"),
        )
    ),
    *(
        Spelling(f"{first}; {second}", f"{function}(x, out=g)", "NaN dtype shape", shown=False, needs="derivative")
        for first, second, function in (
            ("g[x <= 0] = 0", "g[x > 0] = 1", "relu_grad_strict"),
            ("g[x > 0] = 1", "g[x <= 0] = 0", "relu_grad_strict"),
            ("g[x < 0] = 0", "g[x >= 0] = 1", "relu_grad"),
            ("g[x >= 0] = 1", "g[x < 0] = 0", "relu_grad"),
        )
    ),
    Spelling("dx[x > 0] = dout[x > 0]", "dx = relu_backward_strict(dout, x)", by_hand=COMPACT, shown=False),
    Spelling("dx[x >= 0] = dout[x >= 0]", "dx = relu_backward(dout, x)", by_hand=COMPACT, shown=False),
]

#: The same where the mask itself is what a derivative function returns: derivatives.py.
BARE = [
    Spelling("g = x > 0", "g = relu_grad_strict(x)", "NaN dtype", needs="derivative"),
    Spelling("g = x >= 0", "g = relu_grad(x)", "NaN dtype", shown=False, needs="derivative"),
]

#: What a saved mask becomes. That takes more than the lines themselves: masks.py.
MASKS = [
    Spelling("mask = x > 0; dx = dout * mask", "dx = relu_backward_strict(dout, x)", PRODUCT),
    Spelling("mask = x <= 0; dout[mask] = 0", "relu_backward_strict(dout, x, out=dout)", "dtype shape"),
]


ROWS = [*SPELLINGS, *BARE, *MASKS]


def table() -> str:
    """Return the table of docs/migration.md."""
    lines = ["| your script | with relu_ext | may differ in |", "|---|---|---|"]
    for row in ROWS:
        if row.shown:
            hand = ["by hand"] if row.by_hand else []
            lines.append(f"| `{row.before}` | `{row.after}` | {', '.join([*row.differs.split(), *hand])} |")
    return "\n".join(lines) + "\n"
