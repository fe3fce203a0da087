"""Dask arrays: lazy, the same bits as NumPy's on every scheduler; what differs is in docs/dask.md."""

import os
import pickle
import re
import sys
from functools import partial

import numpy as np
import pytest
from pages import DOCS, fences
from reference import BACKWARD, DTYPES, OPS, UNARY, Op, assert_same, operands, values
from scripts import EXAMPLES, HANG, interrupt, run

from relu_ext import dead_units, relu, relu_backward, relu_grad

dask = pytest.importorskip("dask", reason="dask is not installed: pip install '.[ecosystem]'")
da = pytest.importorskip("dask.array", reason="dask.array is not installed: pip install '.[ecosystem]'")
distributed = pytest.importorskip("distributed", reason="distributed is not installed: pip install '.[ecosystem]'")

SHAPE, CHUNKS = (23, 31), ((5, 1, 17), (30, 1))
OTHER_CHUNKS = ((11, 12), (2, 7, 22))
SCRIPT = EXAMPLES / "larger_than_memory.py"
ONE_THREAD = {"OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """Two processes of one thread each, which speak to this one over the loopback."""
    folder = tmp_path_factory.mktemp("workers")
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "60s"}),
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            local_directory=str(folder),
        ) as cluster,
        distributed.Client(cluster, timeout=60, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture(params=["synchronous", "threads", "processes", "cluster"])
def compute(request):
    if request.param == "cluster":
        client = request.getfixturevalue("client")
        return lambda lazy: client.compute(lazy).result(timeout=HANG)
    return partial(lambda scheduler, lazy: lazy.compute(scheduler=scheduler, num_workers=2), request.param)


def arrays(op: Op, dtype: np.dtype) -> list[np.ndarray]:
    return [a.reshape(SHAPE) for a in operands(op, SHAPE[0] * SHAPE[1], dtype)]


def assert_lazy(result: object, dtype: np.dtype, chunks: tuple) -> None:
    assert type(result) is da.Array
    assert (result.dtype, result.chunks) == (dtype, chunks)
    assert (type(result._meta), result._meta.dtype) == (np.ndarray, dtype)


def never(block: np.ndarray) -> np.ndarray:
    raise AssertionError("computed")


@pytest.mark.parametrize("op", OPS, ids=repr)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_dtype(op, dtype):
    xs = arrays(op, dtype)
    result = op.ufunc(*(da.from_array(x, chunks=CHUNKS) for x in xs))
    assert_lazy(result, dtype, CHUNKS)
    assert_same(result.compute(scheduler="synchronous"), op.contract(*xs))


@pytest.mark.parametrize("op", OPS, ids=repr)
def test_schedulers(op, compute):
    xs = arrays(op, np.dtype("f4"))
    lazy = [da.from_array(x, chunks=chunks) for x, chunks in zip(xs, (CHUNKS, OTHER_CHUNKS), strict=False)]
    assert_same(compute(op.ufunc(*lazy)), op.contract(*xs))


def test_the_work_is_done_by_the_workers(client):
    def where(block: np.ndarray) -> np.ndarray:
        return np.full(block.shape, os.getpid())

    lazy = relu(da.from_array(np.ones(40, "f4"), chunks=10)).map_blocks(where, dtype=int)
    assert os.getpid() not in client.compute(lazy).result(timeout=HANG)
    for variables in client.run(lambda: dict(os.environ)).values():  # docs/dask.md says so
        assert (variables["OMP_NUM_THREADS"], variables["OPENBLAS_NUM_THREADS"]) == ("1", "1")


@pytest.mark.parametrize("op", OPS, ids=repr)
def test_nothing_is_computed_before_it_is_asked_for(op):
    x = da.zeros(SHAPE, chunks=CHUNKS, dtype="f4").map_blocks(never, dtype="f4", meta=np.empty((0, 0), "f4"))
    result = op.ufunc(*[x] * op.ufunc.nin)
    assert_lazy(result, np.dtype("f4"), CHUNKS)
    with pytest.raises(AssertionError, match=r"^computed$"):
        result.compute(scheduler="synchronous")


@pytest.mark.parametrize("op", BACKWARD, ids=repr)
def test_operands_of_two_kinds(op):
    dy, x = arrays(op, np.dtype("f4"))
    lazy_dy, lazy_x = da.from_array(dy, chunks=OTHER_CHUNKS), da.from_array(x, chunks=CHUNKS)
    expected = op.contract(dy, x)
    for result in op.ufunc(dy, lazy_x), op.ufunc(lazy_dy, x), op.ufunc(lazy_dy, lazy_x):
        assert type(result) is da.Array
        assert_same(result.compute(), expected)
    assert op.ufunc(lazy_dy, lazy_x).chunks == ((5, 1, 5, 12), (2, 7, 21, 1))
    assert_lazy(op.ufunc(dy[0], lazy_x), np.dtype("f4"), CHUNKS)
    assert_same(op.ufunc(dy[0], lazy_x).compute(), op.contract(dy[0], x))
    assert_same(op.ufunc(lazy_dy[:, :1], lazy_x).compute(), op.contract(dy[:, :1], x))
    assert_same(op.ufunc(1.0, lazy_x).compute(), op.contract(np.float32(1), x))
    mixed = op.ufunc(lazy_dy.astype("f2"), lazy_x.astype("f8"))
    assert_lazy(mixed, np.dtype("f8"), ((5, 1, 5, 12), (2, 7, 21, 1)))


@pytest.mark.parametrize("op", UNARY, ids=repr)
def test_shapes(op):
    x = values(60, np.dtype("f8")).reshape(3, 4, 5)
    lazy = da.from_array(x, chunks=(2, 3, 4))
    for pick in (np.s_[::-1, ::2], np.s_[:, 1], np.s_[:0], np.s_[1, 2, 3], np.s_[...]):
        assert_same(op.ufunc(lazy[pick]).compute(), op.contract(x[pick]))
    assert_same(op.ufunc(lazy.T).compute(), op.contract(x.T))
    unknown = lazy[lazy[:, 0, 0] > 0]  # how many, is known only when computed
    assert np.isnan(op.ufunc(unknown).chunks[0]).all()
    assert_same(op.ufunc(unknown).compute(), op.contract(x[x[:, 0, 0] > 0]))


@pytest.mark.parametrize("op", OPS, ids=repr)
def test_pickling(op):
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(op.ufunc, protocol)) is op.ufunc
    # The same name for the same work: Dask finds work that is done already by it.
    x = da.ones(SHAPE, chunks=CHUNKS)
    names = {other.ufunc(*[x] * other.ufunc.nin).name for other in OPS}
    assert len(names) == len(OPS)
    assert op.ufunc(*[x] * op.ufunc.nin).name in names


def test_out():
    x = values(24, np.dtype("f4")).reshape(4, 6)
    lazy = da.from_array(x, chunks=3)
    out = da.zeros((4, 6), chunks=2, dtype="i8")
    assert relu(lazy, out=out) is out
    assert_lazy(out, np.dtype("f4"), lazy.chunks)  # out stands for the result, with its dtype and chunks
    assert_same(out.compute(), relu(x))
    before = x.copy()
    assert relu(lazy, out=lazy) is lazy
    assert_same(lazy.compute(), relu(x))
    assert_same(x, before)  # nothing is written where the values came from
    with pytest.raises(NotImplementedError, match="out"):
        relu(lazy, out=np.empty((4, 6), "f4"))
    with pytest.raises(ValueError, match="broadcast"):
        relu(lazy, out=da.zeros(7))


def test_where_and_dtype():
    x = values(24, np.dtype("f4")).reshape(4, 6)
    lazy, where = da.from_array(x, chunks=(3, 4)), np.arange(24).reshape(4, 6) % 3 > 0
    expected = relu(x, where=where, out=np.full_like(x, 9))
    for mask in where, da.from_array(where, chunks=2):
        assert_same(relu(lazy, where=mask, out=da.full_like(lazy, 9)).compute(), expected)
        undefined = relu(lazy, where=mask)
        assert_same(undefined.compute()[where], relu(x)[where])
    counts = np.arange(-3, 3, dtype="i2")
    assert_same(relu(da.from_array(counts, chunks=4), dtype="f8").compute(), relu(counts, dtype="f8"))


@pytest.mark.parametrize("method", ["outer", "reduce", "accumulate"])
def test_methods_are_refused(method):
    x = da.ones(6, chunks=2)
    with pytest.raises(TypeError, match="NotImplemented"):
        getattr(relu_backward, method)(*[x] * (2 if method == "outer" else 1))


def test_what_is_refused_is_refused_at_once():
    x = da.zeros(4, chunks=2).map_blocks(never, meta=np.empty(0))
    for call in (
        lambda: relu_grad(x > 0),
        lambda: relu_backward(x, x > 0),
        lambda: relu(x.astype("c8")),
        lambda: relu.at(x, [0]),
    ):
        with pytest.raises(TypeError, match="NotImplemented"):
            call()
    with pytest.raises(TypeError, match="casting"):
        relu(x, casting="no")


def test_dead_units():
    x = np.random.default_rng(0).standard_normal((50, 8)).astype("f4")
    x[:, 3] = -1
    asked = []
    lazy = da.from_array(x, chunks=(7, 3)).map_blocks(lambda block: asked.append(block.shape) or block, meta=x[:0])
    dead = dead_units(lazy)
    assert type(dead) is np.ndarray  # computed, in one piece
    assert sum(rows * columns for rows, columns in asked) == x.size
    asked.clear()
    lazily = (lazy <= 0).all(axis=0)  # as docs/dask.md has it
    assert not asked
    assert_same(lazily.compute(), dead)
    assert_same(dead, np.arange(8) == 3)


def test_masked_chunks():
    x = np.ma.array([-1.0, 2.0, -3.0, 4.0], mask=[True, False, False, True])
    result = relu(da.from_array(x, chunks=2)).compute()
    assert_same(result.mask, x.mask)
    assert_same(result.compressed(), np.array([2.0, 0.0]))


def test_the_script_of_the_page(tmp_path):
    (script,) = (code for code in fences((DOCS / "dask.md").read_text(encoding="utf-8")) if "__main__" in code)
    (tmp_path / "page.py").write_text(script, encoding="utf-8")
    start = "import runpy; runpy.run_path('page.py', run_name='__main__')"
    done = run(["-W", "error", "-c", start], tmp_path, **ONE_THREAD)
    assert done.returncode == 0, done.stderr
    # The mean of max(0, x) is 1 / sqrt(2 pi) for normal numbers, here to about five standard errors.
    assert float(done.stdout) == pytest.approx((2 * np.pi) ** -0.5, abs=0.0015)


# examples/larger_than_memory.py


def test_larger_than_memory(tmp_path):
    arguments = ["--total", "192", "--chunk", "1", "--threads", "2", "--folder", "."]
    done = run(["-W", "error", str(SCRIPT), *arguments], tmp_path, **ONE_THREAD)
    assert done.returncode == 0, done.stderr
    assert "Result: equal to NumPy's, bit for bit.\n" in done.stdout
    assert "Array: 49152 samples x 1024 units of float32, 192 MB\n" in done.stdout
    assert "Dead units: 16 of 1024\n" in done.stdout
    assert max(map(len, re.split("[\r\n]", done.stdout + done.stderr))) <= 80
    assert done.stderr.count("100% Completed") == 2
    assert "\x1b" not in done.stdout + done.stderr
    peak, before = re.search(r"^Peak memory: (\w+) MB, of which (\w+) MB before", done.stdout, re.MULTILINE).groups()
    if sys.platform == "linux":  # elsewhere the peak may be that of the tests themselves, or not known
        assert 0 < int(peak) - int(before) < 192 / 2
    assert not list(tmp_path.iterdir())


def test_a_wrong_result_is_reported(tmp_path):
    swap = (
        "import runpy, sys, numpy, relu_ext; relu_ext.relu = lambda x: numpy.maximum(x, -0.001);"
        "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    done = run(["-c", swap, str(SCRIPT), "--total", "2", "--chunk", "1", "--folder", "."], tmp_path, **ONE_THREAD)
    assert done.returncode == 1
    assert re.search(r"^Result: NOT EQUAL to NumPy's, \d+ elements differ\.$", done.stderr, re.MULTILINE)
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT, which is POSIX")
def test_ctrl_c_stops_it_cleanly(tmp_path):
    command = [str(SCRIPT), "--total", "1024", "--chunk", "1", "--folder", "."]
    chunks_are_being_written = rb"[1-9]\d*% Completed"
    done = interrupt(command, tmp_path, chunks_are_being_written, **ONE_THREAD)
    assert done.returncode == 130
    assert done.rest.endswith(b"\nStopped; the temporary files are removed.\n")
    assert b"Traceback" not in done.seen + done.rest
    assert not list(tmp_path.iterdir())


BAD = {
    "--total 0": "--total must be at least 1, not 0",
    "--chunk -1": "--chunk must be at least 1, not -1",
    "--threads 0": "--threads must be at least 1, not 0",
    "--seed -1": "--seed must be at least 0, not -1",
    "--total all": "argument --total: invalid int value: 'all'",
    "--folder nowhere": "--folder cannot be written: nowhere",
    "--folder . --total 999999999": "--total needs 1999999998 MB of disk, and . has ",
}


@pytest.mark.parametrize("arguments", BAD)
def test_bad_arguments(tmp_path, arguments):
    done = run([str(SCRIPT), *arguments.split()], tmp_path, **ONE_THREAD)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: ")
    assert f"error: {BAD[arguments]}" in done.stderr
    assert not list(tmp_path.iterdir())
