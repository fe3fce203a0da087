"""Finds the spellings of the table in a script, and what speaks against a change."""

from collections.abc import Collection, Hashable, Iterator, Mapping
from typing import NamedTuple

import libcst as cst

from relu_ext.migrate.derivatives import Calls, Derivative, find_derivatives
from relu_ext.migrate.foreign import Foreign
from relu_ext.migrate.kinds import kind
from relu_ext.migrate.masks import Masks
from relu_ext.migrate.spellings import ACTIVATION, DERIVATIVE
from relu_ext.migrate.terms import BARE_RULES, MASKS, NUMBERS, RULES, Found, Node, Reader, Rule, code, same, walk
from relu_ext.migrate.text import Text, comments_of
from relu_ext.migrate.words import BACKWARD, BOOLEAN, NO_ACTIVATION, reads_as_activation, reads_as_gradient
from relu_ext.migrate.words import DERIVATIVE as DERIVATIVE_NAME

#: How many operands a function takes before out=, and the keywords that ours take as well.
ARITY = {"maximum": 2, "fmax": 2, "Multiply": 2, "heaviside": 2, "clip": 3}
#: Methods of arrays that change none.
PURE = {"astype", "clip", "copy", "dot", "flatten", "matmul", "max", "mean", "ravel", "reshape", "sum", "transpose"}
KEYWORDS = {"out", "where", "dtype", "casting", "order", "subok"}
BINARY = [rule for rule in RULES if len(rule.patterns) > 1]
SINGLE = [rule for rule in RULES if len(rule.patterns) == 1]


class Match(NamedTuple):
    node: Node  # what is replaced: an expression, or a statement in place
    rule: Rule
    found: Found
    kept: list[cst.Arg]  # out= and the like
    differs: set[str]
    second: cst.SimpleStatementLine | None = None  # the line after it, which goes

    def operand(self, name: str) -> Node:
        return self.found[name][0]

    def operands(self) -> set[Node]:
        """Return all places of operands, and the values of the keywords that are kept."""
        return {place for places in self.found.values() for place in places} | {arg.value for arg in self.kept}


class TextNames:
    """What names stand for in a script, masks and derivative functions included."""

    def __init__(self, text: Text, masks: Masks | None = None, calls: Calls | None = None) -> None:
        self.text = text
        self.masks = masks
        self.calls = calls
        self.name = text.name
        self.is_module = text.is_module

    def mask(self, node: Node) -> Node | None:
        return self.masks.comparison(node) if self.masks else None

    def slope(self, node: Node) -> Node | None:
        return self.calls.slope(node) if self.calls else None


class Matcher:
    def __init__(
        self,
        text: Text,
        foreign: Foreign,
        everything: bool,
        rejected: Mapping[Hashable, str],
        inputs: Collection[Hashable],
    ) -> None:
        self.text = text
        self.everything = everything
        plain = Reader(TextNames(text), NUMBERS)
        self.foreign = foreign
        self.masks = Masks(text, plain, rejected, inputs)
        derivatives = find_derivatives(text, lambda node: slope_of(plain, node))
        self.calls = Calls(text, derivatives)
        self.reader = Reader(TextNames(text, self.masks, self.calls), NUMBERS)
        self.named = {d.value: d for d in derivatives if self.is_derivative_function(d)}

    # What fits

    def match(self, node: Node) -> Match | None:
        rules = BARE_RULES if node in self.named and self.reader.term(node)[0] in MASKS else SINGLE
        if not isinstance(node, cst.Call | cst.BinaryOperation | cst.Assign | cst.AugAssign) and rules is SINGLE:
            return None
        bare, kept = self.without_keywords(node) if isinstance(node, cst.Call) else (node, [])
        for rule in rules:
            for found in self.reader.unify(rule.patterns[0], bare, {}):
                if self.is_sound(found) and (rule.row.needs != "output" or self.is_output(found["y"][0])):
                    return Match(node, rule, found, kept, self.differences(rule, found, node))
        return None

    def pair(self, line: cst.SimpleStatementLine) -> Match | None:
        """Return the match of a line and the one after it, of one statement each."""
        following = self.following(line)
        if following is None or len(line.body) + len(following.body) != 2:
            return None
        first, second = line.body[0], following.body[0]
        for rule in BINARY:
            for begun in self.reader.unify(rule.patterns[0], first, {}):
                for found in self.reader.unify(rule.patterns[1], second, begun):
                    node = first if rule.is_in_place() else cst.ensure_type(first, cst.Assign).value
                    if self.is_sound(found) and not (rule.function == "relu" and self.pair(following)):
                        return Match(node, rule, found, [], self.differences(rule, found, node), following)
        return None

    def following(self, line: cst.SimpleStatementLine) -> cst.SimpleStatementLine | None:
        """Return the line after this one and after those that only set masks."""
        below = self.text.below(line, self.masks.lines)
        return below if isinstance(below, cst.SimpleStatementLine) else None

    def is_sound(self, found: Found) -> bool:
        numbers = (places[0] for name, places in found.items() if name not in ("dtype", "float"))
        gradients = [*found.get("dout", []), *found.get("dx", [])]
        if "g" in found and code(found["g"][0]) == code(found["x"][0]):
            return False  # what the first line writes, the second reads
        return not any(map(is_constant, numbers)) and not any(
            is_boolean(g) or kind(self.text, g) == "bool" or self.masks.comparison(g) or self.calls.derivative(g)
            for g in gradients
        )

    def differences(self, rule: Rule, found: Found, node: Node) -> set[str]:
        told = set(rule.row.differs.split())
        # A mask made numbers of a dtype of their own raises the dtype of a product.
        made = [part for part in self.factors(node) if self.reader.factor(part) is not part]
        if any(not code(part).rstrip(") ").endswith(".dtype") for part in made):
            told.add("dtype")
        masks = map(self.masks.get, walk(node))
        if any(mask is not None and mask.is_number for mask in masks):
            told.add("dtype")
        if "float" in found and ".astype(int)" not in rule.row.after:
            told.add("dtype")
        return told

    def factors(self, node: Node) -> list[Node]:
        match node:
            case cst.BinaryOperation(left=left, operator=cst.Multiply(), right=right):
                return [left, right]
            case cst.AugAssign(value=value):
                return [value]
            case cst.Call(args=args) if self.text.name(node.func) == "Multiply":
                return [arg.value for arg in args]
        return []

    def without_keywords(self, node: cst.Call) -> tuple[cst.Call, list[cst.Arg]]:
        """Take away what the new call keeps: out=, also by position, and other keywords of ufuncs."""
        head = self.text.name(node.func)
        keywords = {"out", "where"} if head == "Multiply" else KEYWORDS
        arity = ARITY.get(head, 99) - self.reader.is_method(node)
        args, kept = [], []
        for place, arg in enumerate(node.args):
            if head in ARITY and arg.keyword and arg.keyword.value in keywords:
                kept.append(arg)
            elif place == arity and not arg.keyword and not arg.star:
                kept.append(arg.with_changes(keyword=cst.Name("out")))
            else:
                args.append(arg)
        return (node.with_changes(args=args), kept) if kept else (node, [])

    # What speaks against it

    def doubt(self, match: Match) -> str:
        """Return why the text does not decide, or nothing."""
        return (
            self.doubt_of_text(match)
            or match.rule.row.by_hand
            or self.doubt_of_libraries(match)
            or self.doubt_of_calls(match)
            or self.doubt_of_dtypes(match)
            or self.doubt_of_meaning(match)
        )

    def doubt_of_text(self, match: Match) -> str:
        operands = match.operands()
        parts = list(expressions(match.node, operands))
        if match.second:
            parts += expressions(match.second.body[0], operands)
            if comments_of(match.second) and self.text.below(match.second) is None:
                return "a comment would be lost"
        for part in parts:
            if isinstance(part, cst.Comment):
                return "a comment inside would be lost"
            if reason := self.masks.why_not(part, match.node):
                return reason
            if self.calls.derivative(part):
                continue
            function = part.func if isinstance(part, cst.Call) and not self.reader.is_method(part) else None
            is_inf = self.reader.term(part)[0] == "inf"
            if (function or is_inf) and not self.text.is_numpys(function or part) and not self.is_in_slope(part):
                return f"{code(function or part)} is not known to be NumPy's"
        return ""

    def is_in_slope(self, node: Node) -> bool:
        """Whether it belongs to the call of a derivative function."""
        return any(self.calls.derivative(part) for part in self.text.ancestors(node))

    def doubt_of_libraries(self, match: Match) -> str:
        if match.rule.patterns[0][0] != "maximum" and (reason := self.foreign.why(match.node)):
            return reason
        if compiler := self.foreign.compiler(match.node):
            return f"{compiler} may not know relu_ext"
        return ""

    def doubt_of_calls(self, match: Match) -> str:
        names = match.rule.operands
        calls = [name for name in names if name != "dtype" and acts(match.operand(name))]
        for name in calls:
            if max(len(match.found[name]), names.count(name)) > 1:
                return f"{code(match.operand(name))} would be called another number of times"
        places = [self.text.start(match.operand(name)) for name in dict.fromkeys(names)]
        if calls and places != sorted(places) and not self.reads_only(match, calls):
            return "the order of calls would change"
        if (
            match.rule.patterns[0][0] == "*="
            and isinstance(match.node, cst.AugAssign)
            and not is_surely_a_view(match.node.target)
        ):
            return f"{code(match.node.target)} may be a number, or the copy that a fancy index makes"
        return ""

    def reads_only(self, match: Match, calls: list[str]) -> bool:
        """Whether only one operand calls anything, and what it calls is NumPy's, which changes no other operand."""
        parts = [part for name in calls for part in walk(match.operand(name)) if isinstance(part, cst.Call)]
        are_known = all(
            self.text.is_numpys(part.func) or (isinstance(part.func, cst.Attribute) and part.func.attr.value in PURE)
            for part in parts
        )
        return len(set(calls)) == 1 and are_known

    def doubt_of_dtypes(self, match: Match) -> str:
        for name in {"x", "y"} & set(match.rule.operands):
            if kind(self.text, match.operand(name)) == "bool":
                return f"{code(match.operand(name))} is boolean"
            if any(map(BOOLEAN.search, names_in(match.operand(name)))) and match.rule.function != "relu":
                return f"{code(match.operand(name))} may be boolean, by its name"
        for name in {"dout", "dx"} & set(match.rule.operands):
            x = match.operand(match.rule.operands[1])
            if match.rule.is_in_place() and kind(self.text, match.operand(name)) == "int" != kind(self.text, x):
                return f"{code(match.operand(name))} holds integers, and could not take a result of another dtype"
        return ""

    def doubt_of_meaning(self, match: Match) -> str:
        needs, names = match.rule.row.needs, match.rule.operands
        if needs == "activation":
            return "" if self.everything or self.is_activation(match) else ACTIVATION
        if needs == "derivative":
            return "" if self.is_derivative(match) else DERIVATIVE
        if names[0] in ("dout", "dx"):
            gradient, x = match.operand(names[0]), match.operand(names[1])
            if code(x) in map(code, expressions(gradient)):
                return f"{code(gradient)} is made of {code(x)}"
            if not self.is_gradient(match, gradient, x):
                return f"the code does not say that {code(gradient)} is a gradient"
        return ""

    def is_gradient(self, match: Match, gradient: Node, x: Node) -> bool:
        if any(self.calls.derivative(part) for part in walk(match.node)):
            return True
        if self.masks.is_planned(match.node) and any(map(BACKWARD.search, self.text.names_around(match.node)[:1])):
            return True
        return reads_as_gradient(names_in(gradient), names_in(x))

    def is_activation(self, match: Match) -> bool:
        target = self.text.target(match.node)
        nearest = [*names_in(match.operand("x")), *(target.replace("self.", "").split(".") if target else [])]
        return reads_as_activation(nearest, self.text.names_around(match.node))

    def is_derivative(self, match: Match) -> bool:
        if match.node in self.named:
            return True
        if any(map(NO_ACTIVATION.search, names_in(match.operand("x")))):
            return False
        target = self.text.target(match.node).split(".")[-1]
        around = self.text.names_around(match.node)[:1]
        return any(
            map(DERIVATIVE_NAME.search, [name for name in [target, *around, *self.text.conditions(match.node)] if name])
        )

    def is_derivative_function(self, derivative: Derivative) -> bool:
        """Whether its name or its uses say so; of a mask, also that nothing uses it as one."""
        calls = [node for node in self.text.nodes if (found := self.calls.derivative(node)) and found[0] is derivative]
        factors = [node for node in calls if self.is_factor(node)]
        calls = [node for node in calls if not self.is_result_of_derivative(node)]
        if self.reader.term(derivative.value)[0] in MASKS and len(factors) < len(calls):
            return False
        return bool(derivative.flag or factors or DERIVATIVE_NAME.search(derivative.name))

    def is_result_of_derivative(self, node: Node) -> bool:
        around = self.text.names_around(node)[:1]
        return isinstance(self.text.parent(node), cst.Return) and any(map(DERIVATIVE_NAME.search, around))

    def is_factor(self, node: Node) -> bool:
        parent = self.text.parent(node)
        if isinstance(parent, cst.Arg):
            parent = self.text.parent(parent)
        return parent is not None and node in self.factors(parent)

    def is_output(self, node: Node) -> bool:
        """Whether all that is assigned under this name, here or in this class, is a ReLU's output."""
        place = self.text.class_of(node) if isinstance(node, cst.Attribute) else self.text.function(node)
        values = [
            part.value
            for part in walk(place or self.text.module)
            if isinstance(part, cst.Assign) and any(same(target.target, node) for target in part.targets)
        ]
        return bool(values) and all(map(self.is_relu, values))

    def is_relu(self, value: Node) -> bool:
        if isinstance(value, cst.Call) and (self.text.name(value.func).lower().strip("_") == "relu"):
            return True
        line = self.text.line(value)
        matches = [self.match(value), self.pair(line) if line else None]
        return any(match is not None and match.rule.function == "relu" for match in matches)


def slope_of(reader: Reader, node: Node) -> tuple[str, Node] | None:
    """Return how an expression that is a derivative, as a mask or as numbers, compares with zero, and what."""
    head, parts = reader.term(reader.factor(node))
    if head in ("> 0", ">= 0"):
        return head, parts[0]
    for rule in SINGLE:
        if rule.row.needs == "derivative":
            for found in reader.unify(rule.patterns[0], node, {}):
                return ("> 0" if rule.function == "relu_grad_strict" else ">= 0"), found["x"][0]
    return None


def acts(node: Node) -> bool:
    """Whether evaluating this may do more than read values."""
    return any(isinstance(part, cst.Call | cst.Await | cst.Yield | cst.NamedExpr) for part in walk(node))


def is_constant(node: Node) -> bool:
    if isinstance(node, cst.UnaryOperation):
        return is_constant(node.expression)
    name = isinstance(node, cst.Name) and node.value in ("None", "True", "False")
    return name or isinstance(node, cst.BaseNumber | cst.BaseString)


def is_boolean(node: Node) -> bool:
    operator = getattr(node, "operator", None)
    logical = isinstance(operator, cst.Not | cst.BitInvert | cst.BitAnd | cst.BitOr | cst.BitXor)
    return logical or isinstance(node, cst.Comparison | cst.BooleanOperation)


def is_surely_a_view(target: Node) -> bool:
    """Whether this is a view or a whole object: no index at all, a key, or slices with numbers beside them."""
    if not isinstance(target, cst.Subscript):
        return True
    indices = [part.slice.value if isinstance(part.slice, cst.Index) else part.slice for part in target.slice]
    if isinstance(indices[0], cst.SimpleString):
        return is_surely_a_view(target.value)
    slices = [isinstance(index, cst.Slice | cst.Ellipsis) for index in indices]
    return any(slices) and all(s or isinstance(i, cst.Integer) for s, i in zip(slices, indices, strict=True))


def names_in(node: Node) -> list[str]:
    return [part.value for part in walk(node) if isinstance(part, cst.Name) and part.value != "self"]


def expressions(node: Node, but: Collection[Node] = ()) -> Iterator[Node]:
    """Walk, but not over the names of attributes."""
    return walk(node, {*but, *(part.attr for part in walk(node) if isinstance(part, cst.Attribute))})
