"""Times four operations beside NumPy's lines: README.md's table, its comments after %timeit, and charts/readme.png."""

import re
import textwrap
from pathlib import Path

import numpy as np
from machine import machine
from measure import Times, measure
from peers import Competitor

import relu_ext

README = Path(__file__).resolve().parents[1] / "README.md"
START, END = "<!-- table: python benchmarks/readme.py -->", "<!-- end of table -->"
SIZES = {10: "10", 10**3: "10³", 10**5: "10⁵", 10**7: "10⁷"}
SHOWN = 10**5  # in the picture, and in README's example
CELL_SECONDS = 1.0
PAIRS = {
    "relu": ("np.maximum(x, 0)", "relu(x)"),
    "in place": ("np.maximum(x, 0, out=x)", "relu(x, out=x)"),
    "backward": ("dout * (x > 0)", "relu_backward_strict(dout, x)"),
    "mask layer": (
        "mask = x <= 0; out = x.copy(); out[mask] = 0; dout[mask] = 0",
        "out = relu(x); relu_backward_strict(dout, x, out=dout)",
    ),
}
Pair = tuple[Times, Times]  # NumPy's and ours


def time_pair(pair: tuple[str, str], n: int) -> Pair:
    x, dout = np.random.default_rng(0).standard_normal((2, n), dtype=np.float32)
    functions = {name: getattr(relu_ext, name) for name in relu_ext.__all__}
    competitors = [Competitor("", line, {"np": np, "x": x.copy(), "dout": dout.copy()} | functions) for line in pair]
    numpys, ours = measure(competitors, CELL_SECONDS)
    return numpys, ours


def figure_of(number: float) -> str:
    return f"{number:,.0f}" if number >= 9.95 else f"{number:.1f}"


def in_units(*seconds: float) -> tuple[str, ...]:
    """The figures, and the unit that they share: that of the smallest."""
    unit, size = next((u, s) for u, s in (("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9)) if min(seconds) >= s or u == "ns")
    return (*(figure_of(s / size) for s in seconds), unit)


def ratio(pair: Pair) -> str:
    return f"{figure_of(pair[0].seconds / pair[1].seconds)}x"


def cell(pair: Pair) -> str:
    numpys, ours, unit = in_units(*(times.seconds for times in pair))
    return f"{numpys} → {ours} {unit}, **{ratio(pair)}**"


def conditions() -> str:
    versions = f"NumPy {np.__version__}, relu_ext {relu_ext.__version__} ({relu_ext.simd_target})"
    return f"float32, one thread, {', '.join(machine().values())}, {versions}"


def table(results: dict[int, dict[str, Pair]]) -> str:
    lines = [f"| size | {' | '.join(PAIRS)} |", "|---|" + "---|" * len(PAIRS)]
    lines += [f"| {SIZES[n]} | {' | '.join(map(cell, row.values()))} |" for n, row in results.items()]
    note = f"Time per call by number of elements, NumPy → relu_ext ({conditions()})."
    return "\n".join([*lines, "", *textwrap.wrap(note, 120), ""])


def fill(text: str, results: dict[int, dict[str, Pair]]) -> str:
    """README with the figures of this run."""
    text, found = re.subn(f"(?s){START}.*{END}", lambda _: f"{START}\n{table(results)}\n{END}", text)
    if found != 1:
        raise SystemExit(f"README.md has no {START} ... {END}")
    for times in (times for pair in results[SHOWN].values() for times in pair):
        note = " ".join(in_units(times.seconds))
        text = re.sub(rf"(?m)^(%timeit {re.escape(times.statement)} +# ).*", lambda m, n=note: m[1] + n, text)
    return text


def draw(row: dict[str, Pair]) -> None:
    """The bars of one size. NumPy's all have the length 1, since the times of the operations are far apart."""
    import charts  # here, so that the tests need no matplotlib

    figure, axes = charts.plt.subplots(figsize=(charts.WIDTH, 3.3), layout="constrained")
    for k, (name, peer) in enumerate((("NumPy's line", "numpy"), ("relu_ext", "relu_ext"))):
        lengths = [pair[k].seconds / pair[0].seconds for pair in row.values()]
        places = [y + 0.4 * k - 0.2 for y in range(len(row))]
        bars = axes.barh(places, lengths, height=0.38, color=charts.LOOKS[peer][0], label=name)
        notes = [f", {ratio(pair)} as fast" if k else "" for pair in row.values()]
        labels = [" ".join(in_units(pair[k].seconds)) + note for pair, note in zip(row.values(), notes, strict=True)]
        axes.bar_label(bars, labels, padding=3, fontsize=9)
    axes.set_yticks(range(len(row)), list(row), fontsize=10)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.2)
    axes.set_xticks([])
    axes.spines[["top", "right", "bottom"]].set_visible(False)
    axes.set_title(f"Time per call, {SHOWN:,} elements; shorter is better", fontsize=10, loc="right")
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize=10)
    figure.savefig(Path(__file__).parent / "charts" / "readme.png", dpi=charts.DPI)


def main() -> None:
    results = {n: {name: time_pair(pair, n) for name, pair in PAIRS.items()} for n in SIZES}
    print(table(results))
    README.write_text(fill(README.read_text(encoding="utf-8"), results), encoding="utf-8")
    draw(results[SHOWN])


if __name__ == "__main__":
    main()
