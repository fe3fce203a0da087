"""PyTorch tensors on the CPU: shared memory, and the recipe of docs/autodiff.md beside torch.relu."""

import numpy as np
import pytest
from pages import recipe
from reference import USER, assert_same, values

import relu_ext
from relu_ext import dead_units, relu, relu_backward_strict, relu_grad

torch = pytest.importorskip("torch", reason="torch is not installed: pip install '.[ecosystem]'")
pytest.importorskip("ml_dtypes", reason="ml_dtypes is not installed: pip install '.[ecosystem]'")

BFLOAT16 = USER[0]
FLOATS = [np.dtype(c) for c in "fde"] + [BFLOAT16]
TORCH = dict(zip(FLOATS, (torch.float32, torch.float64, torch.float16, torch.bfloat16), strict=True))


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def names():
    return recipe("PyTorch")


def tensor(values: np.ndarray) -> "torch.Tensor":
    """A tensor of the same bits; it owns its memory."""
    bits = torch.from_numpy(values.view(f"i{values.itemsize}").copy())
    return bits.view(TORCH[values.dtype])


def bits(t: "torch.Tensor") -> np.ndarray:
    t = t.detach()
    integers = {2: torch.int16, 4: torch.int32, 8: torch.int64}[t.element_size()]
    dtype = next(numpys for numpys, torchs in TORCH.items() if torchs is t.dtype)
    return t.view(integers).numpy().copy().view(dtype)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_in_place_in_shared_memory(names, dtype):
    x = values(300, dtype)
    t = tensor(x)
    place, array = t.data_ptr(), names["array"](t)
    assert array.ctypes.data == place
    assert relu(array, out=array) is array
    assert t.data_ptr() == place
    assert_same(bits(t), relu(x))


def test_views_of_a_tensor():
    x = values(60, np.dtype("f4")).reshape(6, 10)
    t = tensor(x)
    part = t.T[::3, 1::2]
    relu(part.numpy(), out=part.numpy())
    expected = x.copy()
    relu(x.T[::3, 1::2], out=expected.T[::3, 1::2])
    assert_same(bits(t), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.int64, torch.uint8], ids=str)
def test_a_tensor_as_operand(dtype):
    t = torch.tensor([-1, 0, 2]).to(dtype)
    # PyTorch's __array_wrap__ has the signature of NumPy 1.
    with pytest.warns(DeprecationWarning, match="__array_wrap__ must accept context and return_scalar"):
        y = relu(t)
    assert type(y) is torch.Tensor
    assert y.dtype == t.dtype
    assert_same(y.numpy(), relu(t.numpy()))
    assert_same(dead_units(t[:, None]), dead_units(t[:, None].numpy()))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: relu(torch.ones(2, requires_grad=True)), RuntimeError, "requires grad"),
        (lambda: relu(torch.nn.Parameter(torch.ones(2)).numpy()), RuntimeError, "requires grad"),
        (lambda: relu(np.ones(2, "f4"), out=torch.ones(2)), TypeError, "ArrayType"),
        (lambda: relu(torch.ones(2, dtype=torch.bfloat16)), TypeError, "BFloat16"),
        (lambda: relu_grad(torch.ones(2) > 0), TypeError, "x is boolean"),
        (lambda: relu(torch.ones(2, device="meta")), TypeError, "meta"),
    ],
    ids=["requires grad", "parameter", "out", "bfloat16", "mask", "elsewhere"],
)
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
def test_bits_of_the_recipe(names, dtype):
    x, dy = values(3000, dtype, 0), values(3000, dtype, 1)
    t = tensor(x).requires_grad_()
    y = names["ReLU"].apply(t)
    assert_same(bits(y), relu(x))
    y.backward(tensor(dy))
    assert_same(bits(t.grad), relu_backward_strict(dy, x))


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@np.errstate(invalid="ignore")  # ml_dtypes' isnan
def test_beside_torch_relu(names, dtype):
    x, dy = values(3000, dtype, 0), values(3000, dtype, 1)
    assert {0, np.inf, -np.inf} < set(x.tolist())

    def both(function) -> tuple[np.ndarray, np.ndarray]:
        t = tensor(x).requires_grad_()
        y = function(t)
        y.backward(tensor(dy))
        return bits(y), bits(t.grad)

    (y, dx), (their_y, their_dx) = both(names["ReLU"].apply), both(torch.relu)
    if dtype.itemsize == 2:  # where PyTorch computes by way of float32, which changes NaNs
        for ours, theirs in (y, their_y), (dx, their_dx):
            assert_same(np.isnan(ours), np.isnan(theirs))
        keep = ~np.isnan(x)
        x, y, their_y = x[keep], y[keep], their_y[keep]
        dx, their_dx = dx[~np.isnan(dy)], their_dx[~np.isnan(dy)]
    assert_same(dx, their_dx)
    negative_zero = (x == 0) & np.signbit(x)
    assert_same(y[~negative_zero], their_y[~negative_zero])
    assert negative_zero.any()
    assert not np.signbit(y[negative_zero]).any()
    assert np.signbit(their_y[negative_zero]).all()


def test_finite_differences(names):
    relu_, backward = names["ReLU"].apply, names["Backward"].apply
    x = torch.tensor([[-1.0, 0.5, 2.0], [3.0, -0.25, 0.1]], dtype=torch.float64, requires_grad=True)
    dy = torch.linspace(-1, 1, 6, dtype=torch.float64).reshape(2, 3).requires_grad_()
    assert torch.autograd.gradcheck(relu_, x)
    assert torch.autograd.gradgradcheck(relu_, x)
    assert torch.autograd.gradcheck(lambda dy: backward(dy, x.detach()), dy)


@pytest.mark.parametrize("make", [lambda x: x, lambda x: x.T, lambda x: x[::2, 1:], lambda x: x[0, 0], lambda x: x[:0]])
def test_layouts_of_the_recipe(names, make):
    def gradient(function) -> np.ndarray:
        x = torch.linspace(-1, 1, 42).reshape(6, 7).requires_grad_()
        function(make(x)).sum().backward()  # sum's gradient has strides of 0
        return x.grad.numpy()

    assert_same(gradient(names["ReLU"].apply), gradient(torch.relu))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_a_network_trains_to_the_same_weights(names, dtype):
    def train(function) -> list[np.ndarray]:
        torch.manual_seed(0)
        first, second = torch.nn.Linear(8, 16).to(dtype), torch.nn.Linear(16, 1).to(dtype)
        optimizer = torch.optim.SGD([*first.parameters(), *second.parameters()], lr=0.1)
        x = torch.randn(32, 8).to(dtype)
        for _ in range(10):
            optimizer.zero_grad()
            second(function(first(x))).square().mean().backward()
            optimizer.step()
        return [bits(p) for p in first.parameters()]

    for ours, theirs in zip(train(names["ReLU"].apply), train(torch.relu), strict=True):
        assert_same(ours, theirs)


def test_the_other_rule_needs_the_input(names):
    """Why docs/autodiff.md says so: of the output, relu_backward lets every gradient pass."""
    wrong = recipe("PyTorch", relu_backward_strict="relu_backward")["ReLU"]
    t = torch.tensor([-1.0, 0.0, 2.0], requires_grad=True)
    wrong.apply(t).sum().backward()
    assert_same(t.grad.numpy(), relu_ext.relu_backward(np.ones(3, "f4"), relu(t.detach().numpy())))
    assert t.grad.tolist() == [1, 1, 1]
