"""The views' charts, drawn from what `--json` writes."""

import textwrap
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("agg")
import matplotlib.pyplot as plt
from matplotlib.figure import Figure

WIDTH = 4.4  # inches: narrow enough to be read at 400 pixels
DPI = 150
# Okabe and Ito's colours, told apart by most eyes; markers for the others.
LOOKS: dict[str, tuple[str, str]] = {
    "relu_ext": ("#d55e00", "o"),
    "limit": ("#000000", "|"),
    "numpy": ("#0072b2", "s"),
    "torch": ("#cc79a7", "^"),
    "numba": ("#009e73", "D"),
    "numexpr": ("#e69f00", "v"),
    "jax": ("#56b4e9", "P"),
    "onnxruntime": ("#7f7f7f", "X"),
}
NAMES = {
    "numpy": "NumPy",
    "torch": "PyTorch",
    "jax": "JAX",
    "onnxruntime": "ONNX Runtime",
}
PANELS = {
    "relu": "relu(x)",
    "relu-out": "relu(x, out=out)",
    "relu_grad": "relu_grad(x)",
    "relu_grad-out": "relu_grad(x, out=out)",
    "relu_backward": "relu_backward(dy, x)",
    "relu_backward-out": "relu_backward(dy, x, out=out)",
}
PARTS = {"matmul": "#56b4e9", "ReLU": "#d55e00", "the rest": "#bbbbbb"}


def _fastest(cell: dict[str, Any]) -> dict[str, float]:
    """Seconds of every peer's fastest statement."""
    best: dict[str, float] = {}
    for row in cell["times"]:
        best[row["peer"]] = min(row["seconds"], best.get(row["peer"], row["seconds"]))
    return best


def _size(n: int) -> str:
    power = n.bit_length() - 1
    return f"$2^{{{power}}}$" if n == 2**power and n > 512 else f"{n:,}"


def _caption(figure: Figure, report: dict[str, Any], note: str) -> None:
    """Machine and versions, at the bottom; the panels get what is left."""
    versions = ", ".join(f"{NAMES.get(name, name)} {version}" for name, version in report["versions"].items())
    text = f"{note} {', '.join(report['machine'].values())}; {versions}."
    lines = textwrap.wrap(text, int(18 * WIDTH))
    figure.text(0.01, 0.01, "\n".join(lines), fontsize=7, color="#444444", va="bottom")
    bottom = 0.02 + 0.14 * len(lines) / figure.get_figheight()
    figure.set_layout_engine("constrained", rect=(0, bottom, 1, 1 - bottom))


def _legend(figure: Figure, handles: dict[str, Any], columns: int = 3, **more: str) -> None:
    names = [(NAMES | more).get(name, name) for name in handles]
    figure.legend(list(handles.values()), names, loc="outside upper center", ncols=columns, frameon=False, fontsize=10)


def grid(report: dict[str, Any]) -> Figure:
    """float32 of one layout: how many times relu_ext's time the others take, one panel an operation."""
    cells = [c for c in report["cells"] if (c["dtype"], c["layout"]) == ("float32", "contiguous")]
    panels = [name for name in PANELS if any(c["operation"] == name for c in cells)]
    if not panels:
        raise SystemExit("nothing to draw: the chart shows contiguous float32")
    size = (WIDTH, 2 + 1.7 * len(panels))
    figure, rows = plt.subplots(len(panels), 1, figsize=size, sharex=True, squeeze=False, layout="constrained")
    handles: dict[str, Any] = {}
    for axes, operation in zip(rows[:, 0], panels, strict=True):
        chosen = sorted((c for c in cells if c["operation"] == operation), key=lambda c: c["size"])
        for peer, (colour, marker) in LOOKS.items():
            points = []
            for y, cell in enumerate(chosen):
                times = _fastest(cell)
                if peer in times:
                    points.append((times[peer] / times["relu_ext"], y))
            if points and peer != "relu_ext":
                style = {"color": colour, "marker": marker, "linestyle": "", "alpha": 0.9}
                size = {"markersize": 11, "markeredgewidth": 1.6} if peer == "limit" else {"markersize": 5}
                handles[peer] = axes.plot(*zip(*points, strict=True), **style, **size)[0]
        axes.axvline(1, color=LOOKS["relu_ext"][0], zorder=1)
        axes.set_title(PANELS[operation], fontsize=10, family="monospace")
        axes.set_yticks(range(len(chosen)), [_size(c["size"]) for c in chosen])
        axes.set_ylim(len(chosen) - 0.5, -0.5)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.grid(axis="x", color="#dddddd")
        axes.set_axisbelow(True)
        axes.set_ylabel("elements")
    rows[-1, 0].set_xlabel("times as long as relu_ext (the line at 1)")
    _legend(figure, handles, 2, limit="limit (copy or bitwise-or)")
    _caption(figure, report, "float32, contiguous, the fastest of each library's spellings, one thread each.")
    return figure


def growth(report: dict[str, Any]) -> Figure:
    """Time per element over the number of elements."""
    figure, both = plt.subplots(2, 1, figsize=(WIDTH, 6), sharex=True, layout="constrained")
    handles: dict[str, Any] = {}
    for axes, operation in zip(both, ("relu", "relu-out"), strict=True):
        chosen = [c for c in report["cells"] if c["operation"] == operation]
        for peer, (colour, _) in LOOKS.items():
            points = [(c["size"], 1e9 * _fastest(c)[peer] / c["size"]) for c in chosen if peer in _fastest(c)]
            if points:
                style = {"linestyle": "--" if peer == "limit" else "-", "color": colour}
                width = 2.4 if peer == "relu_ext" else 1.3
                handles[peer] = axes.plot(*zip(*points, strict=True), **style, linewidth=width)[0]
        axes.set_title(PANELS[operation], fontsize=10, family="monospace")
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")
        axes.set_ylabel("ns per element")
        axes.grid(color="#dddddd")
    both[-1].set_xlabel("elements")
    _legend(figure, handles, limit="NumPy's copy")
    _caption(figure, report, "float32, contiguous, the fastest of each library's spellings, one thread each.")
    return figure


def step(report: dict[str, Any]) -> Figure:
    """A training step in its parts, one panel per network. Beside each bar is the share of ReLU."""
    networks = report["networks"]
    size = (WIDTH, 1 + 1.7 * len(networks))
    figure, panels = plt.subplots(len(networks), 1, figsize=size, squeeze=False, layout="constrained")
    for axes, network in zip(panels[:, 0], networks, strict=True):
        labels, steps = list(network["seconds"]), list(network["seconds"].values())
        sums = [sum(parts.values()) for parts in steps]
        unit, scale = ("ms", 1e3) if max(sums) > 1e-3 else ("µs", 1e6)
        lefts = [0.0] * len(labels)
        for part, colour in PARTS.items():
            widths = [scale * parts[part] for parts in steps]
            bars = axes.barh(labels, widths, left=lefts, color=colour, label=part)
            lefts = [left + width for left, width in zip(lefts, widths, strict=True)]
        shares = [f"{parts['ReLU'] / total:.1%}" for parts, total in zip(steps, sums, strict=True)]
        axes.bar_label(bars, shares, padding=3, color=PARTS["ReLU"], fontweight="bold")
        axes.set_xlim(0, 1.2 * max(lefts))
        axes.invert_yaxis()
        axes.set_title(textwrap.fill(network["network"], 44), fontsize=10, loc="left")
        axes.set_xlabel(f"{unit} per step")
        axes.spines[["top", "right"]].set_visible(False)
    handles, names = panels[0, 0].get_legend_handles_labels()
    _legend(figure, dict(zip(names, handles, strict=True)))
    _caption(figure, report, f"float32, threads of OpenBLAS: {report['threads']}.")
    return figure


def draw(report: dict[str, Any], path: Path) -> Path:
    """Into the file, or into the directory under the view's name."""
    if path.suffix != ".png":
        path.mkdir(parents=True, exist_ok=True)
        path /= f"{report['view']}.png"
    figure = {"grid": grid, "growth": growth, "step": step}[report["view"]](report)
    figure.savefig(path, dpi=DPI)
    plt.close(figure)
    return path
