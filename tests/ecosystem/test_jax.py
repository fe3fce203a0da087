"""The recipe for JAX in docs/autodiff.md: bits under every transformation, and no hang on one core."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from pages import DOCS, fences, recipe
from reference import DTYPES, USER, assert_same, values

import relu_ext

jax = pytest.importorskip("jax", reason="jax is not installed: pip install '.[ecosystem]'")
jnp = pytest.importorskip("jax.numpy")
pytest.importorskip("jax.experimental.buffer_callback", reason="this JAX has no buffer_callback")

FLOATS = [dtype for dtype in DTYPES if dtype.kind not in "iu"]
HANG = 240  # seconds until something hung is given up; no test depends on how fast it is


@pytest.fixture(scope="module")
def names():
    """The recipe, with 64-bit dtypes."""
    names = recipe("JAX")
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield names
    jax.config.update("jax_enable_x64", before)


def scan(function):
    return lambda x: jax.lax.scan(lambda carry, row: (carry, function(row)), 0, x)[1]


TRANSFORMS = {
    "as it is": lambda f: f,
    "jit": jax.jit,
    "vmap": jax.vmap,
    "jit of vmap of vmap": lambda f: jax.jit(jax.vmap(jax.vmap(f))),
    "vmap of jit": lambda f: jax.vmap(jax.jit(f), in_axes=1, out_axes=1),
    "scan": scan,
}


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_bits(names, transform, dtype):
    x = values(600, dtype).reshape(20, 30)
    if transform == "scan" and dtype in USER:  # XLA changes signalling NaNs there
        with np.errstate(invalid="ignore"):
            x[np.isnan(x)] = 1
    y = TRANSFORMS[transform](names["relu"])(jnp.asarray(x))
    assert isinstance(y, jax.Array)
    assert_same(y, relu_ext.relu(x))


@pytest.mark.parametrize("rule", ["relu_backward_strict", "relu_backward"])
@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_bits_of_the_gradient(names, dtype, rule):
    relu = (names if rule == "relu_backward_strict" else recipe("JAX", relu_backward_strict=rule))["relu"]
    x, dy = values(600, dtype, 0).reshape(20, 30), values(600, dtype, 1).reshape(20, 30)
    expected = getattr(relu_ext, rule)(dy, x)
    for transform in "jit", "vmap":
        pull = TRANSFORMS[transform](lambda x, dy: jax.vjp(relu, x)[1](dy)[0])
        assert_same(pull(jnp.asarray(x), jnp.asarray(dy)), expected)


@pytest.mark.parametrize("in_axes", [(0, 0), (0, None), (None, 0), (1, 0)], ids=str)
def test_backward_of_a_batch(names, in_axes):
    x, dy = values(16, np.dtype("f4"), 0).reshape(4, 4), values(16, np.dtype("f4"), 1).reshape(4, 4)
    operands = [a if axis is not None else a[0] for a, axis in zip((dy, x), in_axes, strict=True)]
    result = jax.vmap(names["backward"], in_axes=in_axes)(*map(jnp.asarray, operands))
    rows = [np.moveaxis(a, axis or 0, 0) if axis is not None else a for a, axis in zip(operands, in_axes, strict=True)]
    assert_same(result, relu_ext.relu_backward_strict(*np.broadcast_arrays(*rows)))


@pytest.mark.parametrize("x", [np.zeros((0, 3), "f4"), np.float32(-2), -2.0, 3], ids=repr)
def test_empty_and_scalar(names, x):
    y = jax.jit(names["relu"])(x)
    assert_same(y, relu_ext.relu(np.asarray(jnp.asarray(x))))


def test_one_call_for_a_batch(names):
    calls = []

    def counted(x: np.ndarray, out: np.ndarray) -> None:
        calls.append(x.shape)
        relu_ext.relu(x, out=out)

    y = jax.vmap(lambda x: names["apply"](counted, x))(jnp.full((50, 3), -1.0))
    assert_same(y, np.zeros((50, 3)))
    assert calls == [(50, 3)]


def test_compiled_once(names, caplog):
    """Outside of jit JAX compiles each call, and finds it again by the callback: hence the cache."""
    relu = names["relu"]
    x = jnp.ones(7)
    relu(x)
    with jax.log_compiles():
        relu(x)
        assert not caplog.records
        relu(x[:6])
        assert caplog.records


def test_derivatives(names):
    relu, backward = names["relu"], names["backward"]
    check_grads = pytest.importorskip("jax.test_util").check_grads
    x, dy = jnp.array([-2.0, -0.5, 0.7, 3.0]), jnp.array([1.0, -2.0, 3.0, -4.0])
    for function in relu, lambda x: (relu(x * x - 0.1) * x).sum():
        check_grads(function, (x,), order=2, modes=["rev"])
    check_grads(lambda dy: backward(dy, x), (dy,), order=2, modes=["rev"])
    at_zero = jnp.array([-1.0, 0.0, -0.0, 2.0])
    total = jax.grad(lambda x: (relu(x) ** 2).sum())
    assert_same(jax.grad(lambda x: relu(x).sum())(at_zero), np.array([0.0, 0.0, 0.0, 1.0]))
    assert_same(jax.jacrev(total)(at_zero), np.diag([0.0, 0.0, 0.0, 2.0]))
    for forward_mode in jax.jacfwd(relu), jax.hessian(lambda x: relu(x).sum()):
        with pytest.raises(TypeError, match="forward-mode"):
            forward_mode(x)


@pytest.mark.parametrize("dtype", [np.dtype("f4"), np.dtype("f8")], ids=str)
def test_beside_jax_nn_relu(names, dtype):
    x, dy = values(3000, dtype, 0), values(3000, dtype, 1)

    def both(function) -> tuple[np.ndarray, np.ndarray]:
        y, pull = jax.vjp(function, jnp.asarray(x))
        return np.asarray(y), np.asarray(pull(jnp.asarray(dy))[0])

    (y, dx), (their_y, their_dx) = both(names["relu"]), both(jax.nn.relu)
    subnormal = (x > 0) & (x < np.finfo(dtype).tiny)
    common = ~subnormal & ~np.isnan(x)
    assert subnormal.any()
    assert np.isnan(x).any()
    np.testing.assert_array_equal(y[common], their_y[common])
    assert_same(dx[common], their_dx[common])
    assert (their_y[subnormal] == 0).all()
    assert (their_dx[np.isnan(x)] == 0).all()
    assert_same(dx[np.isnan(x)], dy[np.isnan(x)])


def test_subnormals_in_a_callback(names):
    """In XLA's threads float comparisons take subnormals for zeros: NumPy's do, relu_ext has none."""
    tiny = np.full(100, 1e-40, "f4")

    def line(x: np.ndarray, out: np.ndarray) -> np.ndarray:
        out[...] = np.where(x <= 0, np.float32(0), x)
        return out

    assert_same(line(tiny, np.empty_like(tiny)), tiny)
    assert_same(jax.jit(lambda x: names["apply"](line, x))(jnp.asarray(tiny)), np.zeros(100, "f4"))
    assert_same(jax.jit(names["relu"])(jnp.asarray(tiny)), tiny)


def test_outside_of_jax(names):
    x = jnp.asarray(values(100, np.dtype("f4")))
    y = relu_ext.relu(x)
    assert type(y) is np.ndarray
    assert_same(y, relu_ext.relu(np.asarray(x)))
    with pytest.raises(jax.errors.TracerArrayConversionError):
        jax.jit(lambda x: relu_ext.relu(x))(x)


def test_threads(names):
    results = {}
    x = values(5000, np.dtype("f4"))
    function = jax.jit(lambda x: names["relu"](names["relu"](x).reshape(50, 100).T))

    def work(key: int) -> None:
        results[key] = [np.asarray(function(jnp.asarray(np.roll(x, key)))) for _ in range(20)]

    threads = [threading.Thread(target=work, args=(key,)) for key in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANG)
    for key in range(4):
        for y in results[key]:
            assert_same(y, relu_ext.relu(np.roll(x, key)).reshape(50, 100).T)


LARGE = """
import threading
x = np.linspace(-1, 1, 1_000_000, dtype=np.float32)
twice = jax.jit(lambda x: relu(relu(x + x) + relu(x - x.reshape(1000, 1000).T.ravel())))
slope = jax.jit(jax.grad(lambda x: (relu(x) ** 2).sum()))

def work():
    for _ in range(25):
        y = twice(jnp.asarray(x))
        y.block_until_ready()
        np.asarray(relu(y - 0.5))
        last.append(np.asarray(slope(jnp.asarray(x))))

last = []
work()
threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
expected = 2 * relu_ext.relu(x)
print(len(last), all(np.array_equal(g, expected) for g in last))
"""


@pytest.mark.parametrize("threads", ["1", "4"])
def test_large_operands_do_not_hang(threads):
    """With jax.pure_callback this does, on one core almost always."""
    section = (DOCS / "autodiff.md").read_text(encoding="utf-8").split("\n## JAX\n")[1]
    one_core = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n" if sys.platform == "linux" else ""
    done = subprocess.run(
        [sys.executable, "-c", one_core + fences(section)[0] + LARGE],
        env=os.environ | {"NPROC": threads},  # XLA's threads: otherwise as many as there are cores
        capture_output=True,
        encoding="utf-8",
        timeout=HANG,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "100 True\n"
