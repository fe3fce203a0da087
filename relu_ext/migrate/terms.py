"""Reads the table and scripts alike as terms, and finds one in the other. Needs LibCST.

A term is a head and its parts: `x * (x > 0)` is ("Multiply", [x, ("> 0", [x])]). That takes away what does not matter:
parentheses, mirrored comparisons, `np.multiply` for `*`, keywords for positions.
"""

import ast
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple, Protocol, TypeAlias, cast

import libcst as cst

from relu_ext.migrate.spellings import BARE, SPELLINGS, Spelling

Node: TypeAlias = cst.CSTNode
Term: TypeAlias = tuple[str, list[Node]]
Pattern: TypeAlias = str | tuple[str, list["Pattern"]]  # an operand's name, or a head and its parts
Found: TypeAlias = dict[str, list[Node]]  # where each operand stands

OPERANDS = {"x", "y", "dout", "dx", "g", "out", "dtype", "mask"}
ALIASES = {"absolute": "abs", "multiply": "Multiply"}
METHODS = {"clip", "astype", "copy"}
COMMUTE = {"Multiply", "Add", "maximum", "fmax"}
#: Comparisons with zero on the right, and on the left.
COMPARE = {
    **dict.fromkeys(("GreaterThan", "greater"), ("> 0", "< 0")),
    **dict.fromkeys(("GreaterThanEqual", "greater_equal"), (">= 0", "<= 0")),
    **dict.fromkeys(("LessThan", "less"), ("< 0", "> 0")),
    **dict.fromkeys(("LessThanEqual", "less_equal"), ("<= 0", ">= 0")),
    **dict.fromkeys(("Equal", "equal"), ("== 0", "== 0")),
    **dict.fromkeys(("NotEqual", "not_equal"), ("!= 0", "!= 0")),
}
MASKS = {"> 0", ">= 0", "< 0", "<= 0"}
ZEROS = {"float16", "float32", "float64", "int8", "int32", "int64"}


def code(node: Node) -> str:
    return cst.Module([]).code_for_node(node)


def compare(head: str, operand: Node) -> cst.Comparison:
    """Return the comparison with zero whose head this is."""
    operators = {">": cst.GreaterThan(), ">=": cst.GreaterThanEqual(), "<": cst.LessThan(), "<=": cst.LessThanEqual()}
    target = cst.ComparisonTarget(operators[head.split()[0]], cst.Integer("0"))
    return cst.Comparison(cast(cst.BaseExpression, operand), [target])


def same(a: Node, b: Node) -> bool:
    """Whether two expressions say the same, whatever their spaces and parentheses."""
    return a is b or ast.dump(ast.parse(f"({code(a)}\n)")) == ast.dump(ast.parse(f"({code(b)}\n)"))


def walk(node: Node, but: Collection[Node] = ()) -> Iterator[Node]:
    if node not in but:
        yield node
        for child in node.children:
            yield from walk(child, but)


class Names(Protocol):
    """What the names of a text stand for."""

    def name(self, node: Node) -> str:
        """Return the last part of a dotted name, by the name that NumPy has for it."""

    def is_module(self, node: Node) -> bool:
        """Whether it is a name of a module."""

    def mask(self, node: Node) -> Node | None:
        """Return the comparison that was saved under a name."""

    def slope(self, node: Node) -> Node | None:
        """Return the comparison that the call of a derivative function comes to."""


class TableNames:
    """The names of the table, where `np` is NumPy."""

    def name(self, node: Node) -> str:
        return last_name(node)

    def is_module(self, node: Node) -> bool:
        return isinstance(node, cst.Name) and node.value == "np"

    def mask(self, node: Node) -> Node | None:
        return None

    def slope(self, node: Node) -> Node | None:
        return None


def last_part(node: Node) -> str:
    """Return the last part of a dotted name, or nothing."""
    return node.attr.value if isinstance(node, cst.Attribute) else node.value if isinstance(node, cst.Name) else ""


def last_name(node: Node) -> str:
    return ALIASES.get(last_part(node), last_part(node))


class Reader:
    """Reads nodes as terms. `numbers` are the ways in which masks are made numbers."""

    def __init__(self, names: Names, numbers: Sequence[Pattern]) -> None:
        self.names = names
        self.numbers = numbers
        self.terms: dict[Node, Term] = {}

    def is_method(self, node: cst.Call) -> bool:
        func = node.func
        return isinstance(func, cst.Attribute) and func.attr.value in METHODS and not self.names.is_module(func.value)

    def term(self, node: Node) -> Term:
        if node not in self.terms:
            self.terms[node] = self.read(self.names.mask(node) or node)
        return self.terms[node]

    def read(self, node: Node) -> Term:
        match node:
            case cst.Name():
                return self.names.name(node), []
            case cst.Integer() | cst.Float():
                return repr(node.evaluated_value), []
            case cst.Comparison(left=left, comparisons=[cst.ComparisonTarget(operator=operator, comparator=right)]):
                return self.comparison(type(operator).__name__, [left, right])
            case cst.UnaryOperation(operator=cst.BitInvert(), expression=inner):
                return "~", [inner]
            case cst.BinaryOperation(left=left, operator=cst.Multiply(), right=right):
                return "Multiply", [self.factor(left), self.factor(right)]
            case cst.BinaryOperation(left=left, operator=operator, right=right):
                return type(operator).__name__, [left, right]
            case cst.AugAssign(target=target, operator=cst.MultiplyAssign(), value=value):
                return ("*= 0", [target]) if self.is_zero(value) else ("*=", [target, self.factor(value)])
            case cst.Assign(targets=[cst.AssignTarget(target=target)], value=value):
                return self.assignment(target, value)
            case cst.Subscript(value=array, slice=[cst.SubscriptElement(slice=cst.Index(value=index, star=None))]):
                return "[]", [array, index]
            case cst.Attribute(value=value):
                name = self.names.name(node)
                return (name, []) if self.names.is_module(value) else (f".{name}", [value])
            case cst.Call() if not any(arg.star for arg in node.args):
                return self.call(node)
        return "", []

    def assignment(self, target: Node, value: Node) -> Term:
        if isinstance(target, cst.Subscript):
            if self.is_zero(value):
                return "= 0", [target]
            if self.term(value)[0] in ("1", "1.0"):
                return "= 1", [target]
        return "=", [target, value]

    def is_zero(self, node: Node) -> bool:
        head, parts = self.term(node)
        if head in ZEROS and len(parts) == 1:  # np.float32(0)
            head = self.term(parts[0])[0]
        return head in ("0", "0.0")

    def comparison(self, operator: str, sides: list[Node]) -> Term:
        for left in (0, 1):
            if operator in COMPARE and self.is_zero(sides[1 - left]):
                return COMPARE[operator][left], [sides[left]]
        return "", []

    def call(self, node: cst.Call) -> Term:
        head = self.names.name(node.func)
        parts: list[Node] = [arg.value for arg in node.args if arg.keyword is None]
        named: dict[str, Node] = {arg.keyword.value: arg.value for arg in node.args if arg.keyword}
        if self.is_method(node):
            parts.insert(0, cst.ensure_type(node.func, cst.Attribute).value)
        if head == "clip":  # its bounds have names as well, and may be left out
            for place, bound in enumerate(("min", "max"), 1):
                if len(parts) == place:
                    given = [named.pop(key) for key in (bound, "a_" + bound) if key in named]
                    parts += given or [cst.Name("None")]
        if head in COMPARE and len(parts) == 2 and not named:
            return self.comparison(head, parts)
        if head in ("array", "asarray") and len(parts) == 1 and not named and self.term(parts[0])[0] in MASKS:
            return self.term(parts[0])
        if head == "Multiply":
            parts = [self.factor(part) for part in parts]
        return " ".join([head, *sorted(named)]), [*parts, *(named[key] for key in sorted(named))]

    def factor(self, node: Node) -> Node:
        """Return the mask itself where a mask, made numbers, is what is multiplied by."""
        if slope := self.names.slope(node):
            return slope
        found = (ways["mask"][0] for pattern in self.numbers for ways in self.unify(pattern, node, {}))
        return next((mask for mask in found if self.term(mask)[0] in MASKS), node)

    def unify(self, pattern: Pattern, node: Node, found: Found) -> Iterator[Found]:
        """Yield every way in which the pattern fits."""
        if isinstance(pattern, str):
            places = found.get(pattern, [])
            if not places or same(places[0], node):
                yield {**found, pattern: [*places, node]}
            return
        (head, patterns), (other, parts) = pattern, self.term(node)
        if head == other and len(parts) == len(patterns):
            for order in (parts, parts[::-1])[: 1 + (head in COMMUTE)]:
                ways = [found]
                for one, part in zip(patterns, order, strict=True):
                    ways = [more for way in ways for more in self.unify(one, part, way)]
                yield from ways
        elif head == "0" and self.is_zero(node):
            yield {**found, "float": [node]}  # promotes integers
        elif head.isdigit() and isinstance(node, cst.Float) and node.evaluated_value == int(head):
            yield {**found, "float": [node]}

    def pattern(self, node: Node) -> Pattern:
        if isinstance(node, cst.Name) and node.value in OPERANDS:
            return node.value
        head, parts = self.term(node)
        return head, [self.pattern(part) for part in parts]


class Rule(NamedTuple):
    """A row of the table, read: what fits `patterns`, one for each statement, becomes `call`."""

    row: Spelling
    patterns: list[Pattern]
    call: cst.BaseExpression  # with the names of operands

    @property
    def function(self) -> str:
        return next(part.value for part in walk(self.call) if isinstance(part, cst.Name) and "relu" in part.value)

    @property
    def operands(self) -> list[str]:
        return [name.value for name in names_of(self.call) if name.value in OPERANDS]

    def is_in_place(self) -> bool:
        return any(isinstance(part, cst.Arg) and part.keyword for part in walk(self.call))


def names_of(expression: Node) -> list[cst.Name]:
    """Return the names in an expression, without those of keywords and attributes."""
    parts = list(walk(expression))
    others = [
        part.keyword if isinstance(part, cst.Arg) else part.attr
        for part in parts
        if isinstance(part, cst.Arg | cst.Attribute)
    ]
    return [part for part in parts if isinstance(part, cst.Name) and all(part is not other for other in others)]


def statements(text: str) -> list[Node]:
    return list(cst.ensure_type(cst.parse_statement(text), cst.SimpleStatementLine).body)


def essence(statement: Node) -> Node:
    """Return the expression that a line of the table is about, or the assignment if it is one in place."""
    if isinstance(statement, cst.Expr):
        return statement.value
    if isinstance(statement, cst.Assign) and isinstance(statement.targets[0].target, cst.Name):
        return statement.value
    return statement


def read_rule(row: Spelling, reader: Reader) -> Rule:
    parts = statements(row.before)
    patterns = [reader.pattern(part if len(parts) > 1 else essence(part)) for part in parts]
    call = essence(statements(row.after)[0])
    assert isinstance(call, cst.BaseExpression)
    return Rule(row, patterns, call)


def read_numbers() -> list[Pattern]:
    texts = ("mask.astype(dtype)", "np.where(mask, 1, 0)", "1 * mask", *(f"np.{name}(mask)" for name in sorted(ZEROS)))
    more = ("np.asarray(mask, dtype=dtype)", "np.array(mask, dtype=dtype)", "np.asarray(mask, dtype)")
    reader = Reader(TableNames(), ())
    return [reader.pattern(cst.parse_expression(text)) for text in (*texts, *more)]


NUMBERS = read_numbers()
BARE_RULES = [read_rule(row, Reader(TableNames(), ())) for row in BARE]
RULES = [read_rule(row, Reader(TableNames(), NUMBERS)) for row in SPELLINGS]
