"""Reads the table and scripts alike as terms, and finds one in the other. Needs LibCST.

A term is a head and its parts: `x * (x > 0)` is ("Multiply", [x, ("> 0", [x])]). That takes away what does not matter:
parentheses, mirrored comparisons, `np.multiply` for `*`, keywords for positions.
"""

import ast
from collections.abc import Collection, Iterator
from typing import NamedTuple, TypeAlias

import libcst as cst

from relu_ext.migrate.spellings import SPELLINGS, Spelling

Node: TypeAlias = cst.CSTNode
Term: TypeAlias = tuple[str, list[Node]]
Pattern: TypeAlias = str | tuple[str, list["Pattern"]]  # an operand's name, or a head and its parts
Found: TypeAlias = dict[str, list[Node]]  # where each operand stands

OPERANDS = {"x", "y", "dout", "dx", "dtype", "mask"}
ALIASES = {"absolute": "abs", "multiply": "Multiply"}
METHODS = {"clip", "astype"}
COMMUTE = {"Multiply", "Add", "maximum", "fmax"}
#: Comparisons with zero on the right, and on the left.
COMPARE = {
    **dict.fromkeys(("GreaterThan", "greater"), ("> 0", "< 0")),
    **dict.fromkeys(("GreaterThanEqual", "greater_equal"), (">= 0", "<= 0")),
    **dict.fromkeys(("LessThan", "less"), ("< 0", "> 0")),
    **dict.fromkeys(("LessThanEqual", "less_equal"), ("<= 0", ">= 0")),
}
MASKS = {head for heads in COMPARE.values() for head in heads}


def code(node: Node) -> str:
    return cst.Module([]).code_for_node(node)


def same(a: Node, b: Node) -> bool:
    """Whether two expressions say the same, whatever their spaces and parentheses."""
    return ast.dump(ast.parse(f"({code(a)}\n)")) == ast.dump(ast.parse(f"({code(b)}\n)"))


def walk(node: Node, but: Collection[Node] = ()) -> Iterator[Node]:
    if node not in but:
        yield node
        for child in node.children:
            yield from walk(child, but)


class Reader:
    """Reads nodes as terms: this one those of the table, where `np` is NumPy."""

    def __init__(self) -> None:
        self.terms: dict[Node, Term] = {}

    def name(self, node: Node) -> str:
        """Return the last part of a dotted name."""
        name = node.attr.value if isinstance(node, cst.Attribute) else node.value if isinstance(node, cst.Name) else ""
        return ALIASES.get(name, name)

    def is_module(self, node: Node) -> bool:
        return isinstance(node, cst.Name) and node.value == "np"

    def is_method(self, node: cst.Call) -> bool:
        func = node.func
        return isinstance(func, cst.Attribute) and func.attr.value in METHODS and not self.is_module(func.value)

    def saved_mask(self, node: Node) -> Node | None:
        """Return the comparison that was saved under this name."""
        return None

    def term(self, node: Node) -> Term:
        if node not in self.terms:
            self.terms[node] = self.read(self.saved_mask(node) or node)
        return self.terms[node]

    def read(self, node: Node) -> Term:
        match node:
            case cst.Name():
                return self.name(node), []
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
                return "*=", [target, self.factor(value)]
            case cst.Assign(targets=[cst.AssignTarget(target=cst.Subscript() as target)], value=value):
                return ("= 0", [target]) if self.is_zero(value) else ("=", [target, value])
            case cst.Subscript(value=array, slice=[cst.SubscriptElement(slice=cst.Index(value=index, star=None))]):
                return "[]", [array, index]
            case cst.Attribute(value=value):
                return (self.name(node), []) if self.is_module(value) else (f".{self.name(node)}", [value])
            case cst.Call() if not any(arg.star for arg in node.args):
                return self.call(node)
        return "", []

    def is_zero(self, node: Node) -> bool:
        return self.term(node)[0] in ("0", "0.0")

    def comparison(self, operator: str, sides: list[Node]) -> Term:
        for left in (0, 1):
            if operator in COMPARE and self.is_zero(sides[1 - left]):
                return COMPARE[operator][left], [sides[left]]
        return "", []

    def call(self, node: cst.Call) -> Term:
        head = self.name(node.func)
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
        if head == "Multiply":
            parts = [self.factor(part) for part in parts]
        return " ".join([head, *sorted(named)]), [*parts, *(named[key] for key in sorted(named))]

    def factor(self, node: Node) -> Node:
        """Return the mask itself where a mask, made numbers, is what is multiplied by."""
        found = (ways["mask"][0] for pattern in NUMBERS for ways in self.unify(pattern, node, {}))
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
        elif head.isdigit() and isinstance(node, cst.Float) and node.evaluated_value == int(head):
            yield {**found, "float": [node]}  # promotes integers

    def pattern(self, node: Node) -> Pattern:
        if isinstance(node, cst.Name) and node.value in OPERANDS:
            return node.value
        head, parts = self.term(node)
        return head, [self.pattern(part) for part in parts]


class Rule(NamedTuple):
    """A row of the table, read: what fits `pattern` is replaced by `function(arguments)`."""

    row: Spelling
    pattern: Pattern
    function: str
    arguments: list[tuple[str, str]]  # keyword or nothing, operand


def parse(text: str) -> Node:
    """Return the expression that a line of the table is about, or the assignment if it is one in place."""
    statement = cst.ensure_type(cst.parse_statement(text), cst.SimpleStatementLine).body[0]
    if isinstance(statement, cst.Expr):
        return statement.value
    if isinstance(statement, cst.Assign) and isinstance(statement.targets[0].target, cst.Name):
        return statement.value
    return statement


def read_rule(row: Spelling) -> Rule:
    call = cst.ensure_type(parse(row.after), cst.Call)
    arguments = [(arg.keyword.value if arg.keyword else "", code(arg.value)) for arg in call.args]
    return Rule(row, Reader().pattern(parse(row.before)), code(call.func), arguments)


#: How masks are made numbers; empty while these are read.
NUMBERS: list[Pattern] = []
NUMBERS += [
    Reader().pattern(parse(text))
    for text in (
        "mask.astype(dtype)",
        "np.where(mask, 1, 0)",
        "1 * mask",
        *(f"np.{name}(mask)" for name in ("float16", "float32", "float64", "int8", "int32", "int64")),
    )
]
RULES = [read_rule(row) for row in SPELLINGS if ";" not in row.before]
