"""scikit-learn's perceptrons on relu_ext, as in docs/autodiff.md: the same weights, bit for bit."""

from unittest.mock import patch

import numpy as np
import pytest
from pages import recipe
from reference import assert_same

import relu_ext

pytest.importorskip("sklearn", reason="scikit-learn is not installed: pip install '.[ecosystem]'")
threadpoolctl = pytest.importorskip("threadpoolctl")  # comes with scikit-learn
_base = pytest.importorskip("sklearn.neural_network._base")


@pytest.fixture(scope="module")
def names():
    calls = {"relu": 0, "relu_backward_strict": 0}

    def counted(name: str):
        function = getattr(relu_ext, name)

        def call(*args, **kwargs):
            calls[name] += 1
            return function(*args, **kwargs)

        return call

    before = dict(_base.ACTIVATIONS), dict(_base.DERIVATIVES)
    with (
        threadpoolctl.threadpool_limits(1),
        patch.multiple(relu_ext, **{name: counted(name) for name in calls}),
    ):
        names = recipe("scikit-learn")
    assert before == (_base.ACTIVATIONS, _base.DERIVATIVES)
    return names | {"calls": calls}


def test_the_same_weights(names):
    theirs, ours = names["theirs"], names["ours"]
    for a, b in zip(theirs.coefs_ + theirs.intercepts_, ours.coefs_ + ours.intercepts_, strict=True):
        assert_same(b, a)
    assert theirs.loss_curve_ == ours.loss_curve_
    assert_same(ours.predict_proba(names["images"]), theirs.predict_proba(names["images"]))
    assert ours.score(names["images"], names["digits"]) > 0.8  # it has learnt something


def test_relu_ext_did_the_work(names):
    batches = 20 * -(-len(names["images"]) // 200)
    assert names["calls"] == {"relu": 2 * batches, "relu_backward_strict": 2 * batches}


def test_another_gradient_gives_other_weights(names):
    """What the comparison above is worth: in place, relu_backward lets every gradient pass."""
    wrong = {"relu": lambda y, dy: relu_ext.relu_backward(dy, y, out=dy)}
    with threadpoolctl.threadpool_limits(1), patch.dict(_base.DERIVATIVES, wrong):
        parted = names["train"]()
    assert not np.array_equal(parted.coefs_[0], names["theirs"].coefs_[0])
