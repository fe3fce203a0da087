"""The pictures on the pages, drawn by matplotlib's plot directive when the pages are built."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

import relu_ext

ORANGE, BLUE, GREY = "#d55e00", "#0072b2", "#777777"
X = np.linspace(-2, 2, 401)

plt.rcParams.update(
    {
        "figure.constrained_layout.use": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": "medium",
        "legend.frameon": False,
        "svg.hashsalt": "relu_ext",  # the same picture has the same bytes
    }
)


def draw_rule(axes: Axes, name: str) -> None:
    """Draw a derivative; the filled marker is its value at 0."""
    grad = getattr(relu_ext, name)
    for side in X[X < 0], X[X > 0]:
        axes.plot(side, grad(side), color=BLUE, linewidth=2.5)
    for value, fill in (grad(0.0), BLUE), (1 - grad(0.0), "white"):
        axes.plot(0, value, "o", color=BLUE, markerfacecolor=fill, markersize=9)
    axes.set(title=name, xlabel="x", xticks=[-2, 0, 2], yticks=[0, 1], ylim=(-0.15, 1.15))


def draw_gradients(axes: Axes, name: str) -> None:
    """Draw dy, and what of it is left in dx."""
    x = np.linspace(-2, 2, 9)
    dy = 1 + 0.5 * np.cos(2 * x)
    axes.plot(x, dy, "o", color=GREY, markerfacecolor="white", markersize=9, label="dy")
    axes.vlines(x, 0, getattr(relu_ext, name)(dy, x), color=BLUE)
    axes.plot(x, getattr(relu_ext, name)(dy, x), "o", color=BLUE, markersize=6, label="dx")
    axes.set(title=f"dx = {name}(dy, x)", xlabel="x", xticks=range(-2, 3), yticks=[0, 1], ylim=(-0.1, 1.7))
    axes.legend(loc="upper left", ncols=2)


def relu() -> None:
    axes = plt.figure(figsize=(4.5, 2.8)).subplots()
    axes.plot(X, X, color=GREY, linewidth=1, linestyle="--", label="x")
    axes.plot(X, relu_ext.relu(X), color=ORANGE, linewidth=2.5, label="relu(x)")
    axes.set(xlabel="x", xticks=range(-2, 3), yticks=range(-2, 3))
    axes.legend()


def relu_grad() -> None:
    draw_rule(plt.figure(figsize=(4.5, 2.4)).subplots(), "relu_grad")


def relu_grad_strict() -> None:
    draw_rule(plt.figure(figsize=(4.5, 2.4)).subplots(), "relu_grad_strict")


def relu_backward() -> None:
    draw_gradients(plt.figure(figsize=(4.5, 2.6)).subplots(), "relu_backward")


def relu_backward_strict() -> None:
    draw_gradients(plt.figure(figsize=(4.5, 2.6)).subplots(), "relu_backward_strict")


def both_rules() -> None:
    figure = plt.figure(figsize=(4.6, 2.3))
    for axes, name in zip(figure.subplots(1, 2), ("relu_grad", "relu_grad_strict"), strict=True):
        draw_rule(axes, name)
