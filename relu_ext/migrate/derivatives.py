"""Functions whose result is the derivative of ReLU at their array: which they are, and which call is one of them."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import libcst as cst

from relu_ext.migrate.terms import Node, code, compare, walk
from relu_ext.migrate.text import Function, Text
from relu_ext.migrate.words import COMPILER, FLAG

#: Reads an expression as a derivative: how it compares with zero, and what.
Read = Callable[[Node], tuple[str, Node] | None]


class Derivative(NamedTuple):
    name: str
    function: Function
    value: Node  # of the result
    comparison: str  # of the parameter with zero: "> 0"
    flag: str  # the parameter that selects the derivative, in relu(x, deriv=True)
    is_whole: bool  # whether a call of one array comes to it


def parameters(text: Text, function: Function) -> list[cst.Param]:
    """Return those that a caller gives by position, without self."""
    params = [*function.params.posonly_params, *function.params.params]
    is_method = isinstance(text.parent(text.parent(function) or function), cst.ClassDef)
    return params[1:] if is_method and params and params[0].name.value in ("self", "cls") else params


def bound_name(text: Text, function: Function) -> str:
    return function.name.value if isinstance(function, cst.FunctionDef) else text.target(function).split(".")[-1]


def results(text: Text, function: Function) -> Iterator[tuple[Node, str]]:
    """Yield what a function may return, with the code of the condition under which it does."""
    if isinstance(function, cst.Lambda):
        yield function.body, ""
        return
    for part in walk(function.body):
        if isinstance(part, cst.Return) and part.value and text.function(part) is function:
            yield the_value(text, part.value), " ".join(text.conditions(part))


def the_value(text: Text, node: Node) -> Node:
    """Return the value of a name that is assigned to once and read nowhere but here."""
    value = text.value_of(node) if isinstance(node, cst.Name) else None
    scope = text.scope(node)
    is_read_once = bool(scope and isinstance(node, cst.Name) and len(scope.accesses[node.value]) == 1)
    return value if value is not None and is_read_once else node


def does_nothing_else(text: Text, function: Function, value: Node) -> bool:
    """Whether a function only computes this value, and no decorator changes what it is."""
    if isinstance(function, cst.Lambda):
        return True
    known = {"staticmethod", "classmethod"}
    if function.asynchronous or any(
        code(d.decorator) not in known and not COMPILER.search(code(d)) for d in function.decorators
    ):
        return False
    body = [line for line in function.body.body if line is not text.line(value) or holds_return(line)]
    rest = body[function.get_docstring() is not None :]
    return len(rest) == 1 and holds_return(rest[0])


def holds_return(line: Node) -> bool:
    statements = line.body if isinstance(line, cst.SimpleStatementLine) else [line]
    return len(statements) == 1 and isinstance(statements[0], cst.Return)


def find_derivatives(text: Text, read: Read) -> list[Derivative]:
    """Return the functions, methods and lambdas that give the derivative at their array."""
    found = []
    for function in text.nodes:
        if not isinstance(function, Function) or not (params := parameters(text, function)):
            continue
        name, x = bound_name(text, function), params[0].name.value
        others = {param.name.value: param for param in params[1:]}
        values = list(results(text, function))
        for value, condition in values:
            mask = read(value)
            if mask is None or code(mask[1]) != x:
                continue
            flags = [other for other in others if FLAG.search(other) and other in condition.split()]
            if name and not any(text.is_written(params[0].name, node) for node in walk(function)):
                is_whole = does_nothing_else(text, function, value) and all(p.default for p in others.values())
                found.append(Derivative(name, function, value, mask[0], flags[0] if flags else "", is_whole))
    return found


class Calls:
    """Tells which calls are those of a derivative function."""

    def __init__(self, text: Text, derivatives: list[Derivative]) -> None:
        self.text = text
        self.by_function = {one.function: one for one in derivatives if one.flag or one.is_whole}
        self.methods: dict[str, list[Node]] = {}  # what an attribute may stand for in this file
        for node in text.nodes:
            if isinstance(node, cst.ClassDef):
                for part in node.body.children:
                    if isinstance(part, cst.FunctionDef):
                        self.methods.setdefault(part.name.value, []).append(part)
            if isinstance(node, cst.Assign):
                for target in node.targets:
                    self.add_target(node, target.target)

    def add_target(self, statement: cst.Assign, target: Node) -> None:
        in_class = isinstance(
            self.text.parent(self.text.parent(self.text.parent(statement) or statement) or statement), cst.ClassDef
        )
        if isinstance(target, cst.Attribute):
            value = statement.value if isinstance(statement.value, cst.Lambda) else statement
            self.methods.setdefault(target.attr.value, []).append(value)
        elif isinstance(target, cst.Name) and in_class:
            self.methods.setdefault(target.value, []).append(statement.value)

    def derivative(self, node: Node) -> tuple[Derivative, Node] | None:
        """Return the function that a call is one of, and the array at which it is called."""
        if not isinstance(node, cst.Call) or not node.args or node.args[0].star or node.args[0].keyword:
            return None
        called = self.called(node.func)
        derivative = self.by_function.get(called) if isinstance(called, Function) else None
        if derivative is None or not self.selects_it(node, derivative):
            return None
        return derivative, node.args[0].value

    def called(self, func: Node) -> Node | None:
        """Return the one function that a name stands for."""
        if isinstance(func, cst.Name):
            definitions = self.text.definitions(func)
            value = self.text.value_of(func)
            return value if value is not None else definitions[0] if len(definitions) == 1 else None
        if isinstance(func, cst.Attribute) and isinstance(func.value, cst.Name):
            found = self.methods.get(func.attr.value, [])
            owner = func.value.value
            is_owner = owner in ("self", "cls") or any(
                isinstance(d, cst.ClassDef) for d in self.text.definitions(func.value)
            )
            return found[0] if len(found) == 1 and is_owner else None
        return None

    def selects_it(self, call: cst.Call, derivative: Derivative) -> bool:
        rest = call.args[1:]
        if not derivative.flag:
            return not rest
        is_flag = len(rest) == 1 and (rest[0].keyword is None or rest[0].keyword.value == derivative.flag)
        return is_flag and code(rest[0].value) in ("True", "1")

    def slope(self, node: Node) -> Node | None:
        """Return the comparison that a call comes to, with the array of the call."""
        if (found := self.derivative(node)) is None:
            return None
        derivative, argument = found
        return compare(derivative.comparison, argument)
