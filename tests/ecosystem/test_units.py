"""Quantities of pint and unyt beside np.maximum; docs/containers.md has the recipes."""

import numpy as np
import pytest
from reference import OPS, assert_same

from relu_ext import dead_units, relu, relu_backward

X = np.array([-1.5, -0.0, 0.0, 2.5, np.nan, -np.inf])


@pytest.fixture(params=["pint", "unyt"])
def quantity(request):
    """Return how to make a quantity, to see its array, and what adds relu to the ufuncs that the library knows."""
    library = pytest.importorskip(request.param, reason=f"{request.param} is not installed: pip install '.[ecosystem]'")
    if request.param == "pint":
        from pint.facets.numpy.numpy_func import HANDLED_UFUNCS

        entry = HANDLED_UFUNCS, "relu", lambda q: type(q)(relu(q.magnitude), q.units)
        return library.UnitRegistry().Quantity, lambda q: q.magnitude, entry
    entry = library.unyt_array._ufunc_registry, relu, lambda unit: (1, unit)
    return library.unyt_array, lambda q: q.ndview, entry


@pytest.mark.parametrize("op", OPS, ids=repr)
def test_a_ufunc_that_they_do_not_know_is_refused(op, quantity):
    make, _, _ = quantity
    q = make(X, "m")
    for args in ([q] * op.ufunc.nin, [q, X][-op.ufunc.nin :] if op.ufunc.nin == 2 else [q]):
        with pytest.raises(TypeError, match="returned NotImplemented"):
            op.ufunc(*args)


def test_the_recipe_is_what_maximum_does(quantity):
    make, array, _ = quantity
    q = make(X.copy(), "m")
    ours, numpys = make(relu(array(q)), q.units), np.maximum(0, q)
    assert type(ours) is type(numpys)
    assert ours.units == numpys.units
    np.testing.assert_array_equal(array(ours), array(numpys))
    assert_same(array(ours), relu(X))
    assert_same(array(q), X)


def test_the_dtype_stays(quantity):
    make, array, _ = quantity
    q = make(X.astype("f4"), "m")
    assert array(make(relu(array(q)), q.units)).dtype == np.float32
    assert array(np.maximum(0, q)).dtype == (np.float64 if "unyt" in type(q).__module__ else np.float32)


def test_the_gradient_has_the_unit_of_dy(quantity):
    make, array, _ = quantity
    dy, x = make(np.arange(6.0), "J/m"), make(X, "m")
    result = make(relu_backward(array(dy), array(x)), dy.units)
    product = dy * (array(x) >= 0)  # what a script would have said; NaN aside
    assert result.units == product.units
    known = ~np.isnan(X)
    np.testing.assert_array_equal(array(result)[known], array(product)[known])


def test_in_place(quantity):
    make, array, _ = quantity
    q = make(X.copy(), "m")
    relu(array(q), out=array(q))
    assert_same(array(q), relu(X))
    assert q.units == make(X, "m").units


def test_temperatures_that_do_not_start_at_absolute_zero(quantity):
    make, array, _ = quantity
    q = make(np.array([20.0, -1.0]), "degC")
    result = make(relu(array(q)), q.units)
    assert_same(array(result), np.array([20.0, 0.0]))
    assert result.units == q.units


def test_relu_added_to_their_list(quantity, monkeypatch):
    make, array, entry = quantity
    q = make(X, "m")
    monkeypatch.setitem(*entry)
    ours, numpys = relu(q), np.maximum(0, q)
    assert type(ours) is type(numpys)
    assert ours.units == numpys.units
    assert_same(array(ours), relu(X))


def test_dead_units_of_a_pint_quantity_warns():
    pint = pytest.importorskip("pint", reason="pint is not installed: pip install '.[ecosystem]'")
    with pytest.warns(pint.UnitStrippedWarning):
        dead = dead_units(pint.UnitRegistry().Quantity(X.reshape(3, 2), "m"))
    assert_same(dead, dead_units(X.reshape(3, 2)))
