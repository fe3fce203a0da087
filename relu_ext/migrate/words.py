"""What names tell: gradients, derivatives, activations, and libraries with arrays of their own."""

import re

GRADIENT = re.compile(
    r"^_*[dgD](.?\d*$|[A-Z_]|out|val|in|act|conv|hid|layer|logit|loss|next|pool|prev|relu|score)"
    r"|(?i:grad|delta|deriv|diff|err|upstream|back)"
)
#: What an image's gradients are called.
NO_GRADIENT = re.compile(r"(?i:mag|orient|angle|_ori$|image)")
DERIVATIVE = re.compile(
    r"(?i:deriv|grad|prime|slope|backward|backprop|jacobian|diff|_der\b|\bder_|_dash\b)"
    r"|^d_?(?i:relu|act|rect|fn?$|func|z|a|h)\w*|^d$|_d$|(?i:relu|act\w*?)_?d(er|x|z)?$|^(?i:df|dg|da|dz)[A-Z_]?\w*$|^[dg]\d*$"
)
#: What tells by itself, and what tells where nothing speaks against it.
SURELY_ACTIVATION = re.compile(r"(?i:relu|rectif|activ|hidden|neuron)")
ACTIVATION = re.compile(
    r"(?i:layer|forward|feed_|propag|predict|conv|dense|linear|affine|encod|decod|out(put)?s?\b|inp(ut)?s?\b|logit|act_|_act)"
    r"|(?i:^_*(nn|net|mlp|cnn|rnn|pre(_?act\w*)?)\d*$|network|(^|_)(out|pre)_|_(out|pre)\d*$)|Net\b"
    r"|^_*[axyzhuvso](_?\w?\d*)$|^[AXYZHUVSO](_?\w?\d*)$"
)
NO_ACTIVATION = re.compile(
    r"(?i:margin|hinge|loss|clamp|clip|bound|box|iou|inter|area|width|height|dist|price|cost|budget|stock|amount|slack"
    r"|penalt|im(g|age)|pixel|prob|color|depth|weight|rate|count|total|volume|power|density|residual|diff)"
)
#: Arrays with operators and methods of their own. NumPy's ufuncs treat them as ours do, its other functions do not.
OTHER_ARRAYS = re.compile(
    r"(aesara|autograd|chainer|cupy|dask|dezero|drjit|jax|keras|minpy|mlx|mxnet|mygrad|ndonnx|numba\.cuda|nutils|paddle"
    r"|pandas|pint|polars|pyopencl|pytensor|sage|scipy\.sparse|sparse|sympy|tensorflow|tensorly|theano|tinygrad|torch"
    r"|triton|unyt|uncertainties|xarray|numpy\.(?:ma|matrix|asmatrix|bmat|mat|matlib))(\.(?!.*datasets)|$)"
)
#: What makes a NumPy array of another library's.
TO_NUMPY = re.compile(r"^(numpy|to_numpy|values|asarray|array|asnumpy|get|load_data|float|int|len|shape|size)$")
COMPILER = re.compile(r"jit|vectorize|stencil|compile|tf\.function")
BOOLEAN = re.compile(r"(?i:^_*(keep|valid|is_\w+|has_\w+|alive|active|selected|present|flags?)$|mask)")
BACKWARD = re.compile(r"(?i:back|grad|bprop)")
#: Flags that select the derivative of a function: relu(x, deriv=True).
FLAG = re.compile(r"(?i:deriv|grad|prime|backward|diff)")


def reads_as_gradient(names: list[str], names_of_x: list[str]) -> bool:
    """Whether a name is like dout, dZ, grad_h, delta, or is d and the name of x: dhidden for hidden_layer."""
    names = [name for name in names if name and not NO_GRADIENT.search(name)]
    of_x = [name.lower().lstrip("_") for name in names_of_x]
    derived = (n[0] in "dgD" and len(n) > 2 and x.startswith(n[1:].lower()) for n in names for x in of_x)
    return any(derived) or any(map(GRADIENT.search, names))


def reads_as_activation(nearest: list[str], around: list[str]) -> bool:
    """Whether the names of operand and target, or of functions and classes around them, tell of a network."""
    if any(map(SURELY_ACTIVATION.search, [*nearest, *around])):
        return True
    if any(map(NO_ACTIVATION.search, [*nearest, *around])):
        return False
    return any(map(ACTIVATION.search, [*nearest, *around]))
