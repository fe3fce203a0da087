"""Sparse arrays beside np.maximum; what differs is in docs/containers.md."""

import numpy as np
import pytest
from reference import OPS, WIDTHS, assert_same, operands

from relu_ext import dead_units, relu, relu_backward, relu_backward_strict, relu_grad, relu_grad_strict

sparse = pytest.importorskip("sparse", reason="sparse is not installed: pip install '.[ecosystem]'")

X = np.array([[-1.5, 0.0, 2.5, 0.0], [0.0, np.nan, 0.0, -np.inf]])
FORMATS = [sparse.COO, sparse.GCXS, sparse.DOK]


@pytest.mark.parametrize("kind", FORMATS)
def test_as_by_maximum(kind):
    x = kind.from_numpy(X)
    ours, numpys = relu(x), np.maximum(0, x)
    assert type(ours) is type(numpys) is kind
    assert_same(ours.fill_value, numpys.fill_value)
    assert ours.nnz == numpys.nnz == 2
    assert_same(ours.todense(), numpys.todense())


def test_a_stored_negative_zero_goes():
    x = sparse.COO.from_numpy(np.array([-0.0, 1.0, 0.0]))
    assert (x.nnz, np.maximum(0, x).nnz, relu(x).nnz) == (2, 2, 1)


@pytest.mark.parametrize("kind", FORMATS[:2])
@pytest.mark.parametrize("dtype", [dtype for dtype in WIDTHS if dtype != "e"], ids=str)  # numba has no float16
@pytest.mark.parametrize("op", OPS, ids=repr)
def test_every_width(op, dtype, kind):
    args = [np.where(np.arange(50) % 3, a, a.dtype.type(0)) for a in operands(op, 50, dtype)]
    result = op.ufunc(*[kind.from_numpy(a.reshape(5, 10)) for a in args])
    assert type(result) is kind
    expected = op.contract(*args).reshape(5, 10)
    assert result.dtype == expected.dtype
    np.testing.assert_array_equal(result.todense(), expected)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(("gradient", "fill"), [(relu_grad, 1), (relu_grad_strict, 0)])
def test_the_gradient_of_what_is_not_stored(kind, gradient, fill):
    result = gradient(kind.from_numpy(X))
    assert type(result) is kind
    assert_same(result.fill_value, np.float64(fill))
    assert_same(result.todense(), gradient(X))
    assert result.nnz == np.count_nonzero(gradient(X) != fill)


def test_another_fill_value():
    x = sparse.COO.from_numpy(np.array([-1.0, 2.0, -1.0]), fill_value=-1)
    assert_same(relu(x).fill_value, np.maximum(0, x).fill_value)
    assert_same(relu(x).todense(), np.maximum(0, x).todense())


@pytest.mark.parametrize("kind", FORMATS[:2])
def test_a_dense_gradient(kind):
    x, dy = kind.from_numpy(X), np.arange(1.0, 9.0).reshape(X.shape)
    plain, strict = relu_backward(dy, x), relu_backward_strict(dy, x)
    assert type(plain) is type(np.maximum(dy, x)) is np.ndarray  # dy passes at every zero that is not stored
    assert type(strict) is type(np.multiply(dy, x)) is kind
    assert_same(plain, relu_backward(dy, X))
    assert_same(strict.todense(), relu_backward_strict(dy, X))


def test_out_as_by_maximum():
    x, y = sparse.COO.from_numpy(X), sparse.COO.from_numpy(X)
    assert relu(x, out=x) is x
    np.maximum(0, y, out=y)
    assert_same(x.todense(), y.todense())
    for ufunc, args in ((np.maximum, (0, x)), (relu, (x,))):
        with pytest.raises(TypeError, match="NotImplemented"):
            ufunc(*args, out=np.empty(X.shape))


def test_a_mask_is_refused():
    x = sparse.COO.from_numpy(X)
    with pytest.raises(TypeError, match="x is boolean"):
        relu_backward(x, x > 0)


def test_dead_units():
    x = sparse.COO.from_numpy(X)
    with pytest.raises(RuntimeError, match="todense"):
        dead_units(x)
    assert_same((x <= 0).all(axis=0).todense(), dead_units(X))


@pytest.mark.filterwarnings("ignore::scipy.sparse.SparseEfficiencyWarning")
@pytest.mark.parametrize("kind", ["csr_array", "csc_array", "coo_array", "bsr_array"])
def test_scipy(kind):
    scipy_sparse = pytest.importorskip("scipy.sparse", reason="SciPy is not installed: pip install '.[ecosystem]'")
    s = getattr(scipy_sparse, kind)(X)
    for call in (lambda: np.maximum(0, s), lambda: relu(s)):
        with pytest.raises(ValueError, match="ambiguous"):
            call()
    relu(s.data, out=s.data)
    np.testing.assert_array_equal(s.toarray(), np.maximum(0, X))
    s.eliminate_zeros()
    assert s.nnz == 2
