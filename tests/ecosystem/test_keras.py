"""Keras with its NumPy backend beside np.maximum; what differs is in docs/containers.md."""

import tempfile

import numpy as np
import pytest
from reference import OPS, UNARY, assert_same

from relu_ext import dead_units, relu, relu_backward, relu_grad

with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as home:
    patch.setenv("KERAS_BACKEND", "numpy")
    patch.setenv("KERAS_HOME", home)  # it writes its settings there on import
    keras = pytest.importorskip("keras", minversion="3", reason="Keras 3 is not installed: pip install '.[ecosystem]'")

if keras.backend.backend() != "numpy":
    pytest.skip("Keras was imported before, with another backend", allow_module_level=True)

X = np.array([[-1.5, -0.0, 0.0], [2.5, np.nan, -np.inf]], "f4")
FLOATS, INTEGERS = ["bfloat16", "float16", "float32", "float64"], ["int8", "int16", "int32", "int64", "uint8"]


@pytest.mark.parametrize("dtype", FLOATS + INTEGERS)
def test_results_of_keras_ops(dtype):
    x = keras.ops.cast(np.array([3, 0, 2] if dtype == "uint8" else [-3, 0, 2]), dtype)
    assert type(x) is type(relu(x)) is type(np.maximum(0, x)) is np.ndarray
    assert_same(relu(x), np.maximum(0, x))
    for op in OPS:
        args = [x] * op.ufunc.nin
        assert_same(op.ufunc(*args), op.contract(*args))


def test_output_of_a_layer():
    dense = keras.layers.Dense(3)
    y = dense(np.ones((4, 2), "f4"))
    assert type(y) is type(relu(y)) is type(np.maximum(0, y)) is np.ndarray
    assert_same(relu(y), np.maximum(0, y))
    assert_same(relu(y, out=y), np.maximum(0, y))
    assert dead_units(y).shape == (3,)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
def test_variables(dtype):
    v = keras.Variable([[-1.0, 2.0], [0.0, -4.0]], dtype=dtype)
    before = np.array(v.value)
    assert type(relu(v)) is type(np.maximum(0, v)) is np.ndarray
    for op in OPS:
        expected = op.contract(*[before] * op.ufunc.nin)
        assert_same(op.ufunc(*[v] * op.ufunc.nin), expected)
        if op.ufunc.nin == 2:
            assert_same(op.ufunc(before, v), expected)
            assert_same(op.ufunc(v, before), expected)
    for ufunc, args in ((np.maximum, (0, v)), (relu, (v,))):
        with pytest.raises(TypeError, match="ArrayType"):
            ufunc(*args, out=v)
    assert_same(v.value, before)
    assert_same(dead_units(v), np.array([True, False]))
    v.assign(relu(v))
    assert_same(v.value, relu(before))


def test_a_variable_in_place():
    v = keras.Variable([-1.0, 2.0])
    assert relu(v.value, out=v.value) is v.value
    assert_same(v.value, np.array([0, 2], "f4"))


@pytest.mark.parametrize("op", UNARY, ids=repr)
def test_in_a_model(op):
    inputs = keras.Input((3,))
    for ufunc, args in ((np.maximum, (0, inputs)), (op.ufunc, (inputs,)), (relu_backward, (inputs, inputs))):
        with pytest.raises(ValueError, match="symbolic"):
            ufunc(*args)
    for layer in (keras.layers.Activation(op.ufunc), keras.layers.Lambda(op.ufunc)):
        outputs = layer(inputs)
        assert (outputs.shape, outputs.dtype) == ((None, 3), "float32")
        assert_same(keras.Model(inputs, outputs).predict(X, verbose=0), op.ufunc(X))


def test_the_activation_of_a_layer():
    x = np.ones((4, 2), "f4")
    dense = keras.layers.Dense(3)
    y = dense(x)
    dense.activation = relu
    assert_same(dense(x), relu(y))
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, activation=relu)])
    assert (model.predict(x, verbose=0) >= 0).all()


def test_a_mask_is_refused():
    mask = keras.ops.greater(X, 0)
    assert_same(relu(mask), np.maximum(0, mask))
    for call in (relu_grad, lambda x: relu_backward(X, x)):
        with pytest.raises(TypeError, match="x is boolean"):
            call(mask)
