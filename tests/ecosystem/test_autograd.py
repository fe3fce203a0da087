"""The recipe for HIPS autograd in docs/autodiff.md: derivatives beside finite differences, and the rule at zero."""

import numpy as np
import pytest
from pages import recipe
from reference import assert_same, python, values

import relu_ext

autograd = pytest.importorskip("autograd", reason="autograd is not installed: pip install '.[ecosystem]'")
anp = pytest.importorskip("autograd.numpy")
check_grads = pytest.importorskip("autograd.test_util").check_grads

AWAY = np.array([[-2.0, -0.5, 0.7], [3.0, -1e3, 1e-3]])  # from zero: finite differences do not reach it


@pytest.fixture(scope="module")
def names():
    return recipe("autograd")


@pytest.mark.parametrize("modes", [["rev"], ["fwd"]], ids=str)
def test_finite_differences(names, modes):
    relu, backward = names["relu"], names["backward"]
    np.random.seed(0)  # noqa: NPY002 - check_grads draws its directions from the global generator
    dy = np.random.default_rng(0).standard_normal(AWAY.shape)
    for function in relu, lambda x: relu(x) ** 3, lambda x: anp.sum(relu(x * x - 0.1) * x, axis=0):
        check_grads(function, modes=modes, order=2)(AWAY)
    check_grads(lambda dy: backward(dy, AWAY), modes=modes, order=2)(dy)
    assert_same(autograd.elementwise_grad(lambda x: backward(dy, x))(AWAY), np.zeros_like(AWAY))  # a step in x


def test_a_wrong_gradient_is_found():
    """What the test above is worth."""
    names = recipe("autograd")
    names["defvjp"](names["relu"], lambda y, x: lambda dy: 1.01 * names["backward"](dy, x))
    with pytest.raises(AssertionError, match="Derivative"):
        check_grads(names["relu"], modes=["rev"], order=1)(AWAY)


@pytest.mark.parametrize("rule", ["relu_backward_strict", "relu_backward"])
@pytest.mark.parametrize("dtype", [np.dtype(c) for c in "efd"], ids=str)
def test_bits(rule, dtype):
    names = recipe("autograd", relu_backward_strict=rule)
    x, dy = values(1000, dtype, 0), values(1000, dtype, 1)
    vjp, y = autograd.make_vjp(names["relu"])(x)
    assert_same(y, relu_ext.relu(x))
    assert_same(vjp(dy), getattr(relu_ext, rule)(dy, x))


def test_zero():
    zeros = np.array([0.0, -0.0])
    for rule, at_zero in ("relu_backward_strict", 0.0), ("relu_backward", 1.0):
        relu = recipe("autograd", relu_backward_strict=rule)["relu"]
        assert_same(autograd.elementwise_grad(relu)(zeros), np.full(2, at_zero))
        assert autograd.grad(relu)(0.0) == at_zero
        hessian = autograd.hessian(lambda x, relu=relu: anp.sum(relu(x) ** 2))(np.array([-1.0, 0.0, 2.0]))
        assert_same(hessian, np.diag([0.0, 2 * at_zero, 2.0]))


def test_a_network(names):
    relu = names["relu"]
    rng = np.random.default_rng(1)
    x, w = rng.standard_normal((20, 5)), [rng.standard_normal((5, 7)), rng.standard_normal((7, 1))]

    def loss(w: list) -> float:
        return anp.sum((relu(anp.dot(x, w[0])) @ w[1]) ** 2)

    z = x @ w[0]
    error = 2 * (relu_ext.relu(z) @ w[1])
    by_hand = x.T @ relu_ext.relu_backward_strict(error @ w[1].T, z)
    np.testing.assert_allclose(autograd.grad(loss)(w)[0], by_hand, rtol=1e-12)
    check_grads(loss, modes=["rev"], order=1)(w)


def test_the_ufunc_itself():
    """The recipe teaches autograd relu_ext.relu, too; without it, autograd refuses that."""
    names = recipe("autograd")
    x = np.array([-1.0, 0.0, 2.0])
    assert_same(autograd.elementwise_grad(relu_ext.relu)(x), np.array([0.0, 0.0, 1.0]))
    assert names["relu"] is not relu_ext.relu
    assert_same(relu_ext.relu(x), relu_ext.relu(list(x)))
    untaught = """
import autograd, relu_ext
try:
    autograd.grad(relu_ext.relu)(1.0)
except TypeError as error:
    print(error)
"""
    assert "NotImplemented" in python(untaught)
