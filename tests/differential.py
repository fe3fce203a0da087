"""Random calls as plain data, each compared with the same call of one of NumPy's own functions.

A case is made from a seed by `case_of`, run and compared by `difference_in`, made smaller by `shrink`, and printed as a
script by `script_of`. Operands, `out` and `where` are views of one buffer, so that they overlap now and then and that
a byte written beside `out` is seen. The bits are those of the contract; the form, the warnings and the kind of error
are NumPy's.
"""

import ctypes
import inspect
import random
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from functools import cache, lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np
from reference import OPS, USER, USER_NAMES, ml_dtypes, values

import relu_ext
from relu_ext import _core

BY_NAME = {op.ufunc.__name__: op for op in OPS}

# The buffers

VALUES = 1 << 15  # bytes of any value
FLAGS = 1 << 12  # bytes of 0 and 1 behind them: NumPy says nothing of a boolean with other bits
ROOM = VALUES + FLAGS
SLOTS = 1200
NUMBERS = [-3, 0, 5, -0.5, 0.0, -0.0, 2.5, float("nan"), Fraction(-1, 3), Fraction(7, 2), 10**30, -(10**30)]
OBJECTS = np.array((NUMBERS * SLOTS)[:SLOTS], object)
X87 = np.finfo("g").nmant == 63  # 80 bits, then padding

# The dtypes, as Python writes them

PLAIN = [f'"{c}"' for c in "bBhHiIlLqQefd"]
SWAPPED = [f'np.dtype("{c}").newbyteorder()' for c in "hHiIqQefd"]
DECORATED = [
    *(f'np.dtype("{c}", metadata={{"unit": "m"}})' for c in "bhiqefd"),
    'np.dtype(("i", {"low": ("h", 0), "high": ("h", 2)}))',
]
USERS = [f"ml_dtypes.{name}" for name in USER_NAMES if ml_dtypes and hasattr(ml_dtypes, name)]
BOOL, OBJECT, LONG_DOUBLE = '"?"', '"O"', '"g"'
NO_NUMBERS = ['"F"', '"D"', '"m8[s]"', '"S3"', '"i,f"']  # a TypeError in x and dy
KINDS = [(PLAIN, 66), (SWAPPED, 8), (DECORATED, 6), (USERS, 8), ([LONG_DOUBLE], 4), ([OBJECT], 4), ([BOOL], 3)]
LITERALS = ["3", "0", "-2", "2.5", "-0.0", "np.float32(-1.5)", "np.int8(4)", "[-1, 0, 2]", "True"]
LENGTHS = [1, 1, 1, 2, 2, 3, 5, 7, 13, 17, 31, 67, 127, 509, 1009]
MOST = 1100  # elements


class Sub(np.ndarray):
    pass


class First(np.ndarray):
    __array_priority__ = 10


class View(NamedTuple):
    shape: tuple[int, ...]
    dtype: str
    offset: int
    strides: tuple[int, ...]
    subclass: str = ""


class Case(NamedTuple):
    seed: int
    name: str
    like: str  # the function of NumPy's
    target: str
    streams: bool
    fill: tuple[str, int]  # the dtype of which the buffer holds values, and the seed of these
    args: tuple[View | str, ...]  # a text is a number or a list
    out: View | None = None
    out_is: int | None = None  # the operand that is `out`, too
    out_as: str = ""  # how it is passed; nothing: not at all
    out_flag: str = ""
    where: View | str | None = None
    keywords: tuple[tuple[str, str], ...] = ()


class Difference(NamedTuple):
    kind: str
    text: str
    check: str  # as a script asks for it


@cache
def dtype_of(text: str) -> np.dtype:
    return np.dtype(eval(text, {"np": np, "ml_dtypes": ml_dtypes}))


@lru_cache(maxsize=256)
def bytes_of(fill: str, seed: int) -> bytes:
    """Return what the buffer holds: half of it edges of a dtype, the last bytes 0 and 1."""
    dtype = dtype_of(fill).newbyteorder("=")
    rng = np.random.default_rng(seed)
    if dtype.char == "g":
        edges = rng.choice([-0.0, 0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 1e-300], ROOM // dtype.itemsize).astype("g")
        start = edges.view(np.uint8)
    elif dtype.kind in "biuf" or dtype in USER:
        plain = np.dtype("u1") if dtype.kind == "b" else np.dtype(dtype.char) if dtype.isbuiltin == 1 else dtype
        start = values(ROOM // dtype.itemsize, plain, seed).view(np.uint8)
    else:
        start = np.frombuffer(rng.bytes(ROOM), np.uint8)
    room = np.zeros(ROOM, np.uint8)
    room[: len(start)] = start
    room[VALUES:] = rng.random(FLAGS) < 0.6
    return room.tobytes()


def buffers(case: Case) -> dict[str, np.ndarray]:
    room = np.frombuffer(bytearray(bytes_of(*case.fill)), np.uint8)
    return {"room": room, "objects": OBJECTS.copy()}


# To make a case


def random_dtype(r: random.Random) -> str:
    return r.choice(r.choices(*zip(*[(k, weight) for k, weight in KINDS if k], strict=True))[0])


def random_shape(r: random.Random) -> tuple[int, ...]:
    dims = r.choices([*range(9), 32, 64], [8, 24, 24, 16, 8, 5, 3, 2, 2, 1, 1])[0]
    shape: list[int] = []
    for _ in range(dims):
        length = r.choice(LENGTHS if dims < 9 else [1] * 9 + [2])
        shape.append(length if prod(shape) * length <= MOST else 1)
    r.shuffle(shape)
    if shape and r.random() < 0.05:
        shape[r.randrange(dims)] = 0
    return tuple(shape)


def part_of(r: random.Random, shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape that broadcasts to the given one."""
    kept = shape[r.randrange(len(shape) + 1) :] if r.random() < 0.5 else shape
    return tuple(1 if r.random() < 0.3 else n for n in kept)


def random_strides(r: random.Random, shape: tuple[int, ...], width: int) -> tuple[int, ...]:
    """As of an array whose axes lie in any order, with gaps, backwards, or with steps of any size."""
    strides, span = [0] * len(shape), width * r.choice([1, 1, 1, 1, 2, 3])
    axes = list(range(len(shape)))[::-1]
    order = r.choice(["C", "C", "F", "any"])
    if order == "any":
        r.shuffle(axes)
    for axis in axes[::-1] if order == "F" else axes:
        strides[axis] = span
        span = span * max(shape[axis], 1) + width * r.choice([0, 0, 0, 0, 1])
    kind = r.choice(["as it is", "as it is", "backwards", "steps", "zero"])
    for axis in axes:
        if kind != "as it is" and r.random() < 0.5:
            steps = [width, -width, 2 * width, -3 * width, 0, r.randint(-9, 9)]
            strides[axis] = {"backwards": -strides[axis], "steps": r.choice(steps), "zero": 0}[kind]
    return tuple(strides)


def reach_of(view: View) -> tuple[int, int]:
    """Return how many bytes lie before the first element's, and from it on."""
    if 0 in view.shape:
        return 0, 0
    reach = [(n - 1) * step for n, step in zip(view.shape, view.strides, strict=True)]
    return -sum(min(k, 0) for k in reach), sum(max(k, 0) for k in reach) + dtype_of(view.dtype).itemsize


def limits_of(dtype: str) -> tuple[int, int]:
    """Return the bytes in which a view of a dtype may lie."""
    char = dtype_of(dtype).char
    return (0, 8 * SLOTS) if char == "O" else (VALUES, ROOM) if char == "?" else (0, VALUES)


def fits(view: View) -> bool:
    low, high = limits_of(view.dtype)
    before, after = reach_of(view)
    whole = dtype_of(view.dtype).char != "O" or all(step % 8 == 0 for step in (view.offset, *view.strides))
    return whole and low <= view.offset - before and view.offset + after <= high


def random_view(r: random.Random, shape: tuple[int, ...], dtype: str, near: View | None = None) -> View:
    """A view anywhere in its buffer, or beginning near another one, where that is possible."""
    width = dtype_of(dtype).itemsize
    low, high = limits_of(dtype)
    subclass = r.choice(["Sub", "First"]) if r.random() < 0.05 else ""
    while True:
        strides = random_strides(r, shape, width)
        if near and r.random() < 0.5 and near.shape == shape:
            strides = near.strides
        before, after = reach_of(View(shape, dtype, 0, strides))
        if before + after <= high - low:
            start = r.randrange(low + before, high - after + 1)
            if near:
                start = near.offset + r.randint(-3, 3) * width
            if dtype == OBJECT or r.random() < 0.85:
                start -= start % width
            view = View(shape, dtype, start, strides, subclass)
            if fits(view):
                return view
            near = None


def random_keywords(r: random.Random, nin: int, dtypes: list[str]) -> Iterator[tuple[str, str]]:
    if r.random() < 0.3:
        yield "casting", r.choice(['"no"', '"equiv"', '"safe"', '"same_kind"', '"unsafe"', '"unsafe"'])
    if r.random() < 0.3:
        yield "order", r.choice(['"C"', '"F"', '"A"', '"K"'])
    if r.random() < 0.3:
        yield "subok", r.choice(["True", "False"])
    kind, dtype = r.random(), r.choice([*dtypes, random_dtype(r), random_dtype(r)])
    if r.random() < 0.03:
        dtype = r.choice(NO_NUMBERS)
    if kind < 0.2:
        yield "dtype", dtype
    elif kind < 0.4:
        # All inputs' dtypes or none. With some, NumPy remembers the loop for these alone and with them, of which one
        # takes the other's place: np.floor_divide, np.hypot and the backward functions answer as earlier calls were.
        wanted = [dtype if r.random() < 0.7 else "None"] * nin + [dtype if r.random() < 0.7 else "None"]
        in_letters = dtype in PLAIN and r.random() < 0.5
        letters = dtype.strip('"')
        text = f'"{letters * nin}->{letters}"' if in_letters else f"({', '.join(wanted)})"
        if in_letters or set(wanted) != {"None"}:  # nothing but None is a TypeError of another kind
            yield "signature", text


def function_like(r: random.Random, nin: int, dtypes: list[str], keywords: list[tuple[str, str]]) -> str:
    """Choose one of NumPy's functions that has the same loops where the case needs them."""
    if nin == 1:
        return r.choice(["positive", "negative"]) if OBJECT in dtypes else "positive"
    asked = " ".join(text for key, text in keywords if key in ("dtype", "signature"))
    if BOOL in asked:
        return "subtract"  # the others have a loop of booleans, which these functions have not
    return r.choice(["subtract", "minimum", "maximum", "add"])


def random_out(r: random.Random, args: tuple, shape: tuple[int, ...], dtype: str) -> dict[str, Any]:
    """Choose what `out` is, and how it is passed."""
    views = [k for k, arg in enumerate(args) if isinstance(arg, View)]
    kind = r.choice(["none", "none", "operand", "near", "near", "other", "other", "other", "shape", "dtype", "empty"])
    if kind == "none":
        return {}
    if kind == "empty":
        return {"out_as": r.choice(["None", "(None,)"])}
    as_passed = {"out_as": r.choice(["out", "out", "out", "(out,)"])}
    if r.random() < 0.12:
        as_passed["out_flag"] = r.choice(["read-only", "warns"]) if len(shape) < 9 else "read-only"
    if kind == "operand" and views:
        return as_passed | {"out_is": r.choice(views)}
    if kind == "shape":
        shape = r.choice([(*shape[:-1], 2), (2, *shape[-5:]), shape[1:]])
    if kind == "dtype":
        dtype = r.choice([random_dtype(r), random_dtype(r), r.choice(['"F"', '"D"', '"m8[s]"'])])
    near = args[r.choice(views)] if kind == "near" and views else None
    return as_passed | {"out": random_view(r, shape, dtype, near)}


def everything_of(case: Case) -> str:
    """Return all dtypes and keywords, to search."""
    texts = [arg if isinstance(arg, str) else arg.dtype for arg in case.args]
    return " ".join([*texts, case.out.dtype if case.out else "", *(text for _, text in case.keywords)])


def settled(case: Case) -> Case:
    """Take away what tells nothing of these functions."""
    texts = [arg if isinstance(arg, str) else arg.dtype for arg in case.args]
    keywords = dict(case.keywords)
    if OBJECT in everything_of(case) and keywords.get("casting") == '"unsafe"':
        del keywords["casting"]  # whether an object can be cast depends on its value, and so on the function
    if any(text in NO_NUMBERS for text in texts):
        keywords.pop("dtype", None)  # NumPy's functions for dates and complex numbers go their own ways
        keywords.pop("signature", None)
    asked = keywords.get("dtype", "") + keywords.get("signature", "")
    if "ml_dtypes" in asked and any(isinstance(arg, str) for arg in case.args):
        keywords.pop("casting", None)  # NumPy finds no such loop by the result; a number there is cast from float64
    if case.name == "relu" and BOOL in keywords.get("signature", ""):
        del keywords["signature"]  # of its loop from bool to int, as well
    if case.name == "relu" and texts[0] in (BOOL, "True"):
        keywords.pop("casting", None)  # relu has a loop from bool to int, np.positive casts
    return case._replace(keywords=tuple(keywords.items()))


def other_dtype(r: random.Random, dtype: str) -> str:
    """The dtype of a second operand: NumPy's objects of long double and ml_dtypes do not meet Fractions."""
    other = random_dtype(r)
    pair = {dtype, other}
    return dtype if OBJECT in pair and pair & {*USERS, LONG_DOUBLE} else other


def case_of(seed: int, target: str = "") -> Case:
    """Make the case of a seed, on a SIMD target or on one that the seed tells."""
    r = random.Random(seed)
    target = target or relu_ext.simd_targets[seed % len(relu_ext.simd_targets)]
    name = r.choice(list(BY_NAME))
    nin = BY_NAME[name].ufunc.nin
    dtype, shape = random_dtype(r), random_shape(r)
    dtypes = [dtype] + [dtype if r.random() < 0.85 else other_dtype(r, dtype) for _ in range(nin - 1)]
    r.shuffle(dtypes)
    if r.random() < 0.02:
        dtypes[r.randrange(nin)] = r.choice(NO_NUMBERS)
    args: list[View | str] = []
    for one in dtypes:
        fitting = shape if r.random() < 0.75 else part_of(r, shape)
        if r.random() < 0.01:
            fitting = (*fitting[:-1], 4)
        near = args[0] if args and isinstance(args[0], View) and r.random() < 0.2 else None
        args.append(random_view(r, fitting, one, near if near and near.dtype == one else None))
    if r.random() < 0.06 and not {OBJECT, *NO_NUMBERS} & set(dtypes):
        args[r.randrange(nin)] = r.choice(LITERALS)
    if nin == 2 and r.random() < 0.04:
        args[1] = args[0]  # views of the same elements
    out = random_out(r, tuple(args), shape, dtype)
    where: View | str | None = None
    if r.random() < 0.15:
        flags = shape if r.random() < 0.6 else part_of(r, shape)
        where = r.choice(["True", "False"]) if r.random() < 0.1 else random_view(r, flags, BOOL)
    keywords = list(random_keywords(r, nin, dtypes)) if r.random() < 0.35 else []
    like = function_like(r, nin, dtypes, keywords)
    case = Case(seed, name, like, target, r.random() < 0.5, (dtype, seed % 32), tuple(args), where=where, **out)
    return settled(case._replace(keywords=tuple(keywords)))


# To run a case


def source_of(case: Case) -> str:
    """Return the Python that builds `args` and `keywords` from the buffers."""
    names = ["dy", "x"][-len(case.args) :]
    lines = []

    def build(name: str, view: View | str) -> None:
        if isinstance(view, str):
            lines.append(f"{name} = {view}")
            return
        room = "objects" if dtype_of(view.dtype).char == "O" else "room"
        end = f".view({view.subclass})" if view.subclass else ""
        lines.append(f"{name} = np.ndarray({view.shape}, {view.dtype}, {room}, {view.offset}, {view.strides}){end}")

    for name, arg in zip(names, case.args, strict=True):
        build(name, arg)
    if case.out_is is not None:
        lines.append(f"out = {names[case.out_is]}")
    elif case.out:
        build("out", case.out)
    if case.out_flag == "read-only":
        lines.append("out.flags.writeable = False")
    elif case.out_flag == "warns":  # when it is written to
        lines.append("out = np.broadcast_arrays(out[np.newaxis], np.zeros((2, *[1] * out.ndim)))[0][0, ...]")
    keywords = [f'"out": {case.out_as}'] if case.out_as else []
    if case.where is not None:
        build("where", case.where)
        keywords.append('"where": where')
    keywords += [f'"{key}": {text}' for key, text in case.keywords]
    lines += [f"args = [{', '.join(names)}]", f"keywords = {{{', '.join(keywords)}}}"]
    return "\n".join(lines)


def observe(function: Callable[..., Any], args: list[Any], keywords: dict[str, Any]) -> dict[str, Any]:
    """Call a function, and return all that can be seen of what comes back."""

    def flags_of(a: Any) -> str:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an array from np.broadcast_arrays
            return " ".join(f"{key}={a.flags[key]}" for key in "CFOWAX")

    out = keywords.get("out")
    out = out[0] if isinstance(out, tuple) else out
    result, seen = None, {"error": None, "message": None}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = function(*args, **keywords)
        except Exception as error:
            seen["error"] = next(c.__name__ for c in type(error).__mro__ if c.__module__ == "builtins")
            seen["message"] = str(error)
    seen["RuntimeWarning"] = any(w.category is RuntimeWarning for w in caught)
    seen["warnings"] = sorted(w.category.__name__ for w in caught if w.category is not RuntimeWarning)
    seen["flags of out"] = None if out is None else flags_of(out)
    if seen["error"] is None:
        seen["returns out"] = out is not None and result is out
        seen["type"] = type(result) if isinstance(result, np.ndarray | np.generic) else object
        array = np.asarray(result, object if seen["type"] is object else None)
        seen["dtype"] = repr(array.dtype), repr(array.dtype.metadata)
        seen["char"] = array.dtype.char
        seen["shape"], seen["strides"], seen["flags"] = array.shape, array.strides, flags_of(array)
        seen["base"] = type(array.base) if seen["type"] is not object else None
        seen["result"] = array.astype(array.dtype.newbyteorder("="), "C", copy=True).ravel()
    return seen


@contextmanager
def settings_of(case: Case) -> Iterator[None]:
    target, threshold = _core.get_simd_target(), _core.get_stream_threshold()
    _core.set_simd_target(case.target)
    _core.set_stream_threshold(1 if case.streams else threshold)
    yield
    _core.set_simd_target(target)
    _core.set_stream_threshold(threshold)


class Run(NamedTuple):
    seen: dict[str, Any]
    room: np.ndarray
    objects: np.ndarray
    args: list[Any]
    keywords: dict[str, Any]


def runner(case: Case) -> Callable[..., Run]:
    """Return what calls a function with the case's operands, in buffers of their own."""
    code = compile(source_of(case), "<case>", "exec")

    def run(function: Callable[..., Any] | None, **more: Any) -> Run:
        space: dict[str, Any] = {"np": np, "ml_dtypes": ml_dtypes, "Sub": Sub, "First": First, **buffers(case)}
        exec(code, space)
        made = Run({}, space["room"], space["objects"], space["args"], space["keywords"] | more)
        if function is None:
            return made
        return made._replace(seen=observe(function, made.args, keywords_for(function, case, made)))

    return run


# What is expected


def is_bool(x: Any) -> bool:
    return np.asarray(x).dtype == bool


def has_type_error_of_its_own(case: Case, before: Run) -> bool:
    """Whether the contract refuses the operands, although NumPy's function may take them."""
    if case.name != "relu" and is_bool(before.args[-1]):
        # A mask does not say which gradient was meant. Where `signature` names x's dtype, NumPy casts x to it and
        # asks nobody: as after x.astype, the call is answered. Cast to objects, its elements are refused.
        asked_x = asked_dtypes(before)[-2]
        if asked_x is None or np.dtype(asked_x) == object:
            return True
    asked = [np.dtype(dtype) for dtype in asked_dtypes(before) if dtype is not None]
    dtypes = [np.asarray(a).dtype for a in before.args] + asked
    return any(dtype.kind in "cmMSUV" and dtype not in USER for dtype in dtypes)


def asked_dtypes(before: Run) -> tuple[Any, ...]:
    """Return the dtypes that `dtype` or `signature` ask for, or None for each."""
    signature = before.keywords.get("signature", (None,) * (len(before.args) + 1))
    if isinstance(signature, str):
        signature = tuple(signature.replace("->", ""))
    return (*signature[:-1], before.keywords.get("dtype", signature[-1]))


def keywords_for_numpy(case: Case, before: Run) -> dict[str, Any]:
    """Return the keywords with which NumPy's function has the same loop."""
    keywords, asked = before.keywords, asked_dtypes(before)
    if case.name == "relu" and is_bool(before.args[0]) and set(asked) == {None}:
        return keywords | {"dtype": "l"}  # np.positive has no loop of booleans; of relu's the result is an integer
    if asked[-1] is not None and np.dtype(asked[-1]) in USER:
        # By the dtype of the result alone NumPy finds no loop of a registered dtype; the package does.
        rest = {key: value for key, value in keywords.items() if key not in ("dtype", "signature")}
        return rest | {"signature": tuple(asked[-1] if dtype is None else dtype for dtype in asked)}
    return keywords


def keywords_for(function: Callable[..., Any], case: Case, before: Run) -> dict[str, Any]:
    return keywords_for_numpy(case, before) if function is getattr(np, case.like) else before.keywords


def loop_dtypes(like: np.ufunc, before: Run) -> list[np.dtype]:
    """Return the dtypes of the inputs and the result of NumPy's loop, without `out`'s."""
    keywords = before.keywords
    weak = [type(a) if type(a) in (int, float) else np.asarray(a).dtype for a in before.args]
    more = {key: keywords[key] for key in ("casting", "signature") if key in keywords}
    if "dtype" in keywords:
        more["signature"] = (*[None] * like.nin, np.dtype(keywords["dtype"]))
    found = like.resolve_dtypes((*weak, None), **more)
    return [dtype.newbyteorder("=") for dtype in found]


def given_out(run: Run) -> np.ndarray | None:
    out = run.keywords.get("out")
    return out[0] if isinstance(out, tuple) else out


class Expected(NamedTuple):
    values: np.ndarray  # by the contract, in the dtype of the result, one line
    written: np.ndarray  # where `where` lets them be
    exact: bool  # no cast of a NaN, which may change it
    told: np.ndarray  # where C and NumPy say what a cast gives
    may_warn: bool
    must_warn: bool


class Cast(NamedTuple):
    done: np.ndarray
    is_one: bool
    may_warn: bool
    must_warn: bool
    told: np.ndarray  # where its value is defined


def cast(a: np.ndarray, dtype: np.dtype) -> Cast:
    """Cast as NumPy does. What becomes of a float that the integers do not hold, C does not say, nor if that warns."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        done = a.astype(dtype)
    warns = any(w.category is RuntimeWarning for w in caught)
    if not ((a.dtype.kind in "fc" or a.dtype in USER) and dtype.kind in "iu"):
        # A signalling NaN made an object sets a flag, at which ufuncs look and `astype` does not.
        may_warn = warns or (a.dtype.kind in "fc" and dtype.kind == "O")
        return Cast(done, a.dtype != dtype, may_warn, warns, np.ones(a.shape, bool))
    limits = np.iinfo(dtype)
    with np.errstate(all="ignore"):
        wide = a.real.astype("f8")
        told = (wide > float(limits.min)) & (wide < float(limits.max))
    return Cast(done, True, warns, False, told)


def expected_of(case: Case, before: Run, ours: dict[str, Any], like: np.ufunc) -> Expected:
    shape = ours["shape"]
    dtypes = loop_dtypes(like, before._replace(keywords=keywords_for_numpy(case, before)))
    native = [np.array(a).astype(np.asarray(a).dtype.newbyteorder("=")) for a in before.args]
    inputs = [cast(a, dtype) for a, dtype in zip(native, dtypes, strict=False)]
    contract = BY_NAME[case.name].contract(*[np.broadcast_to(i.done, shape) for i in inputs])
    contract = np.broadcast_to(np.asarray(contract, dtypes[-1]), shape).ravel()
    where = np.broadcast_to(np.asarray(before.keywords.get("where", True)), shape).ravel()
    end = cast(contract, ours["result"].dtype)
    told = end.told
    for i in inputs:
        told = told & np.broadcast_to(i.told, shape).ravel()
    exact = not any(i.is_one for i in (*inputs, end))
    must = (any(i.must_warn for i in inputs) and told.size > 0) or cast(contract[where], end.done.dtype).must_warn
    may = any(i.may_warn for i in (*inputs, end))
    may = may or (end.is_one and end.done.dtype == object)  # a signalling NaN is made a float of Python's
    out = given_out(before)
    if "where" in before.keywords and out is not None:  # which NumPy reads then, and may write back
        may = may or out.dtype == object
        if not may:
            there = cast(np.array(out), dtypes[-1])
            may = there.may_warn or cast(there.done, out.dtype).may_warn
    return Expected(end.done, where, exact, told, may, must)


def bits_of(a: np.ndarray) -> np.ndarray:
    """Return the bytes of each element, a row each, without the padding of a long double."""
    rows = np.ascontiguousarray(a).reshape(-1, 1).view(np.uint8).reshape(a.size, a.dtype.itemsize)
    return rows[:, :10] if a.dtype.char == "g" and X87 else rows


def same(a: np.ndarray, b: np.ndarray, exact: bool = True) -> np.ndarray:
    """Return which elements are the same, bit by bit; of objects, the same object or number."""
    if a.dtype == object:
        pairs = [p is q or (type(p), str(p)) == (type(q), str(q)) for p, q in zip(a, b, strict=True)]
        return np.array(pairs, bool)
    equal = (bits_of(a) == bits_of(b)).all(axis=1)
    if not exact and (a.dtype.kind in "fc" or a.dtype in USER):
        with np.errstate(all="ignore"):
            equal |= np.isnan(a) & np.isnan(b)
    return equal


def places_of(view: View) -> np.ndarray:
    """Return the first byte of each element."""
    if 0 in view.shape:
        return np.zeros(0, int)
    places = np.array([view.offset])
    for n, step in zip(view.shape, view.strides, strict=True):
        places = (places[:, None] + np.arange(n) * step).ravel()
    return places


def out_view(case: Case) -> View | None:
    return case.args[case.out_is] if case.out_is is not None else case.out  # type: ignore[return-value]


def bytes_of_out(case: Case) -> np.ndarray:
    view = out_view(case)
    if view is None:
        return np.zeros(0, int)
    return (places_of(view)[:, None] + np.arange(dtype_of(view.dtype).itemsize)).ravel()


def out_overlaps_itself(case: Case) -> bool:
    places = bytes_of_out(case)
    return len(np.unique(places)) < len(places)


# To compare


def compare_form(ours: dict[str, Any], numpys: dict[str, Any], fields: list[str], other: str) -> Difference | None:
    for field in fields:
        if ours.get(field) != numpys.get(field):
            text = f"{field}: {ours.get(field)!r}, not {numpys.get(field)!r} as of {other}"
            return Difference(f"{field}, {other}", text, f'assert ours["{field}"] == {other}["{field}"]')
    return None


def addresses_of(objects: np.ndarray) -> np.ndarray:
    """Return the pointers that an array of objects holds."""
    return np.frombuffer((ctypes.c_ssize_t * len(objects)).from_address(objects.ctypes.data), np.intp)


def beside(case: Case, before: Run, after: Run) -> Difference | None:
    """Look for a byte that was changed and is not one of `out`'s; after an error there is none of these."""
    allowed = bytes_of_out(case) if after.seen["error"] is None else np.zeros(0, int)
    view = out_view(case)
    in_objects = view is not None and dtype_of(view.dtype).char == "O"
    changed = before.room != after.room
    if not in_objects:
        changed[allowed] = False
    if changed.any():
        at = int(np.flatnonzero(changed)[0])
        text = f"byte {at}, which is not out's, is {after.room[at]}, and was {before.room[at]}"
        return Difference("beside", text, f"assert room[{at}] == room_before[{at}]")
    slots = np.ones(SLOTS, bool)
    if in_objects:
        slots[allowed // 8] = False
    changed = addresses_of(after.objects) != addresses_of(before.objects)
    for at in np.flatnonzero(slots & changed):
        was = repr(before.objects[at])
        text = f"object {at}, which is not out's, is {after.objects[at]!r}, and was {was}"
        return Difference("beside", text, f"assert objects[{at}] is objects_before[{at}]")
    return None


def compare_bits(before: Run, after: Run, numpys: Run, expected: Expected) -> Difference | None:
    ours = after.seen
    good = ~expected.told | same(ours["result"], expected.values, expected.exact)
    wanted = expected.values
    if not expected.written.all():
        given = given_out(before)
        kept = ours["result"]  # not initialised
        if given is not None:
            kept = np.array(given, kept.dtype).ravel()
        wanted = np.where(expected.written, wanted, kept)
        # Where `out` overlaps an input, NumPy casts all of it to the dtype of the loop and back.
        unchanged = same(ours["result"], kept) | same(ours["result"], numpys.seen["result"])
        good = np.where(expected.written, good, unchanged)
    if good.all():
        return None
    at = int(np.flatnonzero(~good)[0])
    text = f"element {at}: {ours['result'][at]!r}, not {wanted[at]!r}"
    one, raw = f'ours["result"][{at}]', wanted[at : at + 1]
    check = (
        f"str({one}) == {str(wanted[at])!r}"
        if wanted.dtype == object
        else f'{one}.tobytes().hex() == "{raw.tobytes().hex()}"'
    )
    if wanted.dtype.char == "g":
        check = f'{one}.tobytes()[:10].hex() == "{raw.tobytes()[:10].hex()}"'
    return Difference("bits", text, f"assert {check}")


FORM = [
    "error",
    "warnings",
    "type",
    "dtype",
    "char",
    "shape",
    "strides",
    "flags",
    "base",
    "returns out",
    "flags of out",
]


def fields_of_form(case: Case, before: Run, ours: dict[str, Any], numpys: dict[str, Any]) -> list[str]:
    """Return what has to be NumPy's."""
    if OBJECT in everything_of(case) and not issubclass(ours.get("type", np.ndarray), np.ndarray):
        return ["error", "warnings", "returns out", "flags of out"]  # an object itself, so of any type
    left_out = set()
    if case.name == "relu" and is_bool(before.args[0]) and 1 in ours.get("shape", ()):
        # np.positive has to cast. Where NumPy casts, a result has other strides along axes of length 1.
        left_out = {"strides"}
    # int64 is long or long long. Where NumPy promotes to it, np.add takes the one that is an operand's, np.floor_divide
    # the first that fits, and so do the backward functions. With the one that is not an operand's the metadata go, too.
    chars = {ours.get("char"), numpys.get("char")}
    promoted = len({np.asarray(a).dtype.char for a in before.args}) > 1
    if promoted and np.dtype("l") == np.dtype("q") and chars in ({*"lq"}, {*"LQ"}):
        left_out |= {"type", "dtype", "char"}
    return [field for field in FORM if field not in left_out]


def compare_ways(case: Case, run: Callable[..., Run], function: Callable[..., Any], after: Run) -> Difference | None:
    """Compare with the same call that NumPy's machinery answers; also the order in which elements are written."""
    forced = run(function, subok=True)
    fields = [*FORM, "message", "RuntimeWarning"]
    if difference := compare_form(after.seen, forced.seen, fields, "forced"):
        return difference
    # The padding of a long double is anything, and there it is another element's value.
    is_open = after.seen.get("char") == "g" and out_overlaps_itself(case)
    if after.seen["error"] is None and not is_open and not same(after.seen["result"], forced.seen["result"]).all():
        check = 'assert ours["result"].tobytes() == forced["result"].tobytes()'
        return Difference("bits, forced", "NumPy's machinery gives other bits", check)
    return None


def difference_in(
    case: Case, function: Callable[..., Any] | None = None, tally: Counter | None = None
) -> Difference | None:
    """Run a case, of a function in place of the package's where one is given, and return what is wrong first."""
    function = function or getattr(relu_ext, case.name)
    with settings_of(case):
        return compared(case, function, Counter() if tally is None else tally)


def refused(before: Run, ours: dict[str, Any], numpys: dict[str, Any]) -> Difference | None:
    """Look for the error of a call that the contract refuses: TypeError, or NumPy's where more is wrong with it."""
    # Operands that are made objects by request are refused one by one, if they are at all and there are any.
    asked_x = asked_dtypes(before)[-2]
    objects = asked_x is not None and np.dtype(asked_x) == object
    if objects or ours["error"] in ("TypeError", numpys["error"] or "TypeError"):
        return None
    return Difference("error", f"{ours['error']}, not TypeError", 'assert ours["error"] == "TypeError"')


def meet(case: Case, functions: tuple[Callable[..., Any], ...], before: Run) -> None:
    """Call with the operands alone first, where NumPy's choice of a loop would depend on the `out` of the first call.

    For inputs of two dtypes, one of them of ml_dtypes, NumPy looks for a loop by the dtype of `out` as well, and
    remembers it by those of the inputs alone. np.add and all other functions then answer as the first call was.
    """
    dtypes = {np.asarray(a).dtype for a in before.args}
    if given_out(before) is None or len(dtypes) < 2 or not dtypes & {*USER}:
        return
    for function in functions:
        keywords = keywords_for(function, case, before)
        asked = {key: keywords[key] for key in ("dtype", "signature") if key in keywords}
        with suppress(Exception), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            function(*before.args, **asked)


def compared(case: Case, function: Callable[..., Any], tally: Counter) -> Difference | None:
    run, like = runner(case), getattr(np, case.like)
    before = run(None)
    meet(case, (function, like), before)
    after, numpys = run(function), run(like)
    ours = after.seen
    tally.update([f"error: {ours['error']}", *(f"warning: {w}" for w in ours["warnings"]), *labels(case)])
    if difference := beside(case, before, after):
        return difference
    if has_type_error_of_its_own(case, before):
        return refused(before, ours, numpys.seen)
    fields = fields_of_form(case, before, ours, numpys.seen)
    if difference := compare_form(ours, numpys.seen, fields, "numpys"):
        return difference
    if not set(before.keywords) - {"out"} and (difference := compare_ways(case, run, function, after)):
        return difference
    if ours["error"] is not None:
        return None
    expected = expected_of(case, before, ours, like)
    # Of elements that share memory NumPy may cast the last alone.
    warns = {expected.may_warn, expected.must_warn, *([False] if out_overlaps_itself(case) else [])}
    if ours["RuntimeWarning"] not in warns:
        text = f"RuntimeWarning: {ours['RuntimeWarning']}, and of its casts: {expected.must_warn}"
        return Difference("RuntimeWarning", text, f'assert ours["RuntimeWarning"] == {expected.must_warn}')
    if out_overlaps_itself(case):
        tally["out that overlaps itself"] += 1
        return None  # the last write to an element stays, which `compare_ways` looks at
    return compare_bits(before, after, numpys, expected)


def labels(case: Case) -> Iterator[str]:
    """Name what a case has, to be counted."""
    views = [v for v in (*case.args, case.out) if isinstance(v, View)]
    yield f"target: {case.target}"
    yield f"function: {case.name}"
    yield "out: " + (f"{case.out_as}{' an operand' if case.out_is is not None else ''} {case.out_flag}".strip() or "-")
    yield from {f"keyword: {key}" for key, _ in case.keywords} | (
        {"keyword: where"} if case.where is not None else set()
    )
    kinds = {k: name for name, group in GROUPS.items() for k in group}
    yield from {f"dtype: {kinds.get(v.dtype, 'no number')}" for v in views}
    yield from {f"subclass: {v.subclass}" for v in views if v.subclass}
    yield from {"number or list"} if len(views) < len(case.args) else set()
    dims = max((len(v.shape) for v in views), default=0)
    yield f"dimensions: {dims if dims < 9 else 'to 32' if dims <= 32 else 'to 64'}"


GROUPS = {
    "plain": PLAIN,
    "swapped": SWAPPED,
    "metadata or names": DECORATED,
    "ml_dtypes": USERS,
    "long double": [LONG_DOUBLE],
    "object": [OBJECT],
    "bool": [BOOL],
}


# To make a case smaller


def all_views(case: Case) -> dict[str, View]:
    named = {f"arg{k}": arg for k, arg in enumerate(case.args)} | {"out": case.out, "where": case.where}
    return {name: view for name, view in named.items() if isinstance(view, View)}


def with_views(case: Case, views: dict[str, View]) -> Case:
    args = tuple(views.get(f"arg{k}", arg) for k, arg in enumerate(case.args))
    return case._replace(args=args, out=views.get("out", case.out), where=views.get("where", case.where))


def with_length(view: View, axis: int, length: int | None) -> View:
    """Return a view with another length of an axis, counted from the last, or None: without that axis."""
    at = len(view.shape) - 1 - axis
    if at < 0 or (length is not None and view.shape[at] == 1):
        return view
    if length is None:
        cut = lambda t: t[:at] + t[at + 1 :]  # noqa: E731
        return view._replace(shape=cut(view.shape), strides=cut(view.strides))
    return view._replace(shape=(*view.shape[:at], length, *view.shape[at + 1 :]))


def contiguous(view: View) -> View:
    strides, span = [], dtype_of(view.dtype).itemsize
    for n in reversed(view.shape):
        strides.append(span)
        span *= max(n, 1)
    return view._replace(strides=tuple(strides[::-1]))


def simpler_views(view: View) -> Iterator[View]:
    """Yield the view without its subclass, of a plain dtype, with simpler strides, and further to the front."""
    dtype, low = dtype_of(view.dtype), limits_of(view.dtype)[0]
    yield view._replace(subclass="")
    if view.dtype in SWAPPED + DECORATED:
        yield view._replace(dtype=f'"{dtype.char}"')
    yield contiguous(view)._replace(offset=low)
    yield contiguous(view)
    for axis, step in enumerate(view.strides):
        for simpler in (dtype.itemsize, abs(step)):
            strides = (*view.strides[:axis], simpler, *view.strides[axis + 1 :])
            moved = view._replace(strides=strides)
            yield moved._replace(offset=low + reach_of(moved)[0])
    for axis, n in enumerate(reversed(view.shape)):  # alone: where shapes do not fit
        yield from (with_length(view, axis, length) for length in (2, 3) if length < n)
    before = reach_of(view)[0]
    for offset in (low + before, low + -(-before // dtype.itemsize) * dtype.itemsize, view.offset // 2):
        yield view._replace(offset=offset)


def smaller(case: Case) -> Iterator[Case]:
    """Yield cases that are simpler in one thing, the most telling first."""
    views = all_views(case)
    for axis in range(max((len(v.shape) for v in views.values()), default=0)):
        yield with_views(case, {name: with_length(v, axis, None) for name, v in views.items()})
        longest = max(v.shape[-1 - axis] for v in views.values() if len(v.shape) > axis)
        for length in sorted({1, 2, 3, longest // 2, longest - 1} & set(range(longest))):
            yield with_views(case, {name: with_length(v, axis, length) for name, v in views.items()})
    for key in range(len(case.keywords)):
        yield case._replace(keywords=case.keywords[:key] + case.keywords[key + 1 :])
    yield case._replace(where=None)
    yield case._replace(out=None, out_is=None, out_as="", out_flag="")
    yield case._replace(out_flag="")
    if case.out_as in ("(out,)", "(None,)"):
        yield case._replace(out_as=case.out_as.strip("(),"))
    yield case._replace(streams=False)
    yield case._replace(target=relu_ext.simd_targets[0])
    for name, view in views.items():
        for simpler in simpler_views(view):
            yield with_views(case, {name: simpler})
    for view in views.values():  # all together, so that they overlap as they did
        shift = view.offset - limits_of(view.dtype)[0] - reach_of(view)[0]
        yield with_views(case, {n: v._replace(offset=v.offset - shift // 8 * 8) for n, v in views.items()})
    yield case._replace(fill=('"b"', 0))


def shrink(case: Case, function: Callable[..., Any] | None = None, most: int = 3000) -> tuple[Case, Difference]:
    """Take the first smaller case in which the same thing is wrong, until there is none."""
    difference = difference_in(case, function)
    assert difference, "nothing is wrong with this case"
    tried = {case}
    progress = True
    while progress and len(tried) < most:
        progress = False
        for other in smaller(case):
            if other in tried or not all(fits(view) for view in all_views(other).values()):
                continue
            tried.add(other)
            try:
                found = difference_in(other, function)
            except Exception:  # what cannot be called is no smaller case
                continue
            if found and found.kind == difference.kind:
                case, difference, progress = other, found, True
                break
    return case, difference


# To print a case

SCRIPT = '''"""{text}

Seed {seed}. Ends with an AssertionError while it is so.
"""

import warnings
from fractions import Fraction
from typing import Any
from collections.abc import Callable

import numpy as np{imports}

import relu_ext
from relu_ext import _core

nan = float("nan")

{classes}
{observe}

def call(function, **more):
    room = np.zeros({size}, np.uint8)
    for first, data in ((0, bytes.fromhex(VALUES)), ({first_flag}, bytes.fromhex(FLAGS))):
        room[first : first + len(data)] = np.frombuffer(data, np.uint8)
    objects = {objects}
    before = room.copy(), objects.copy()
{source}
    keywords = {{key: value for key, value in (keywords | more).items() if value is not None}}
    return observe(function, args, keywords), room, objects, *before


VALUES = """{values}"""
FLAGS = """{flags}"""

_core.set_simd_target("{target}")
_core.set_stream_threshold({threshold})
ours, room, objects, room_before, objects_before = call(relu_ext.{name})
numpys = call(np.{like}{more})[0]
forced = call(relu_ext.{name}{forced})[0]
for key, value in ours.items():
    print(f"{{key}}: {{value!r}}, np.{like}: {{numpys.get(key)!r}}")
{check}
'''


def text_of(asked: Any) -> str:
    """Return a dtype, or a tuple of them, as Python writes it."""
    if isinstance(asked, tuple):
        return f"({', '.join(map(text_of, asked))})"
    return repr(asked) if asked is None or isinstance(asked, str) else f'np.dtype("{np.dtype(asked).name}")'


def in_lines(data: bytes) -> str:
    text = data.hex()
    return "\n".join(text[k : k + 96] for k in range(0, len(text), 96))


def script_of(case: Case, difference: Difference) -> str:
    """Return a script that fails as the case does, and needs NumPy and this package only."""
    run = runner(case)
    before = run(None)
    views = [v for v in all_views(case).values() if v.dtype != OBJECT]
    ends = [v.offset + reach_of(v)[1] for v in views]
    used_values = max((end for end, v in zip(ends, views, strict=True) if v.dtype != BOOL), default=0)
    used_flags = max((end for end, v in zip(ends, views, strict=True) if v.dtype == BOOL), default=VALUES)
    source = source_of(case)
    classes = [inspect.getsource(c) + "\n" for c in (Sub, First) if f"({c.__name__})" in source]
    for_numpy = keywords_for_numpy(case, before)
    asked = {key: for_numpy.get(key) for key in ("dtype", "signature") if key in {*for_numpy, *before.keywords}}
    more = "" if for_numpy is before.keywords else "".join(f", {key}={text_of(asked[key])}" for key in asked)
    return SCRIPT.format(
        text=f"{case.name} on {case.target}: {difference.text}",
        seed=case.seed,
        imports="\nimport ml_dtypes" if "ml_dtypes" in source else "",
        classes="\n".join(classes),
        observe=inspect.getsource(observe),
        size=ROOM,
        first_flag=VALUES,
        objects=f"np.array(({NUMBERS} * {SLOTS})[:{SLOTS}], object)" if "objects" in source else "np.zeros(0, object)",
        source="\n".join(f"    {line}" for line in source.split("\n")),
        values=in_lines(before.room[:used_values].tobytes()),
        flags=in_lines(before.room[VALUES:used_flags].tobytes()),
        target=case.target,
        threshold=1 if case.streams else "_core.get_stream_threshold()",
        name=case.name,
        like=case.like,
        more=more,
        forced="" if "subok" in dict(case.keywords) else ", subok=True",
        check=difference.check,
    )
