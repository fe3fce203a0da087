"""A script as it was read: its nodes, and what its names mean there. Nothing here changes."""

import itertools
import re
from collections.abc import Collection, Iterator
from functools import cached_property
from typing import cast

import libcst as cst
from libcst.helpers import get_full_name_for_node
from libcst.metadata import (
    MetadataWrapper,
    ParentNodeProvider,
    PositionProvider,
    QualifiedName,
    QualifiedNameSource,
    Scope,
    ScopeProvider,
)

from relu_ext.migrate.terms import ALIASES, Node, code, last_name, walk

#: Functions and methods that read their arguments only.
READERS = {"append", "dot", "float", "format", "int", "isinstance", "len", "matmul", "max", "min", "print", "type"}
Function = cst.FunctionDef | cst.Lambda


class Text:
    def __init__(self, source: bytes) -> None:
        wrapper = MetadataWrapper(cst.parse_module(source))
        self.module = wrapper.module
        self.parents = wrapper.resolve(ParentNodeProvider)
        self.positions = wrapper.resolve(PositionProvider)
        self.scopes = wrapper.resolve(ScopeProvider)
        self.lines = re.split(r"\r\n?|\n", self.module.code)
        self._imported: dict[Node, list[str]] = {}

    # Where things stand

    @cached_property
    def nodes(self) -> list[Node]:
        return list(walk(self.module))

    @cached_property
    def calls(self) -> dict[str, list[cst.Call]]:
        """Calls by the last name of what is called."""
        found: dict[str, list[cst.Call]] = {}
        for node in self.nodes:
            if isinstance(node, cst.Call):
                found.setdefault(last_name(node.func), []).append(node)
        return found

    def start(self, node: Node) -> tuple[int, int]:
        place = self.positions.get(node)
        return (place.start.line, place.start.column) if place else (0, 0)

    def parent(self, node: Node) -> Node | None:
        return self.parents.get(node)

    def ancestors(self, node: Node) -> Iterator[Node]:
        above = self.parent(node)
        while above is not None:
            yield above
            above = self.parent(above)

    def function(self, node: Node) -> Function | None:
        return next((part for part in self.ancestors(node) if isinstance(part, Function)), None)

    def class_of(self, node: Node) -> cst.ClassDef | None:
        return next((part for part in self.ancestors(node) if isinstance(part, cst.ClassDef)), None)

    def line(self, node: Node) -> cst.SimpleStatementLine | None:
        """Return the line of simple statements that a node stands in."""
        return next((p for p in [node, *self.ancestors(node)] if isinstance(p, cst.SimpleStatementLine)), None)

    def below(self, line: Node, but: Collection[Node] = ()) -> Node | None:
        """Return the statement after this one in its block, and after those that are passed over."""
        block = self.parent(line)
        lines = list(block.children) if block else []
        return next((part for part in lines[lines.index(line) + 1 :] if part not in but), None)

    def conditions(self, node: Node) -> list[str]:
        """Return the tests that have to be true where a node stands, within its function."""
        path = [node, *itertools.takewhile(lambda part: not isinstance(part, Function), self.ancestors(node))]
        return [code(p.test) for part, p in itertools.pairwise(path) if isinstance(p, cst.If) and part is p.body]

    def scope(self, node: Node) -> Scope | None:
        return self.scopes.get(node)

    def target(self, node: Node) -> str:
        """Return what a value is given to: the code of a target, a keyword or a key."""
        match self.parent(node):
            case cst.Assign(targets=[cst.AssignTarget(target=target)]):
                return code(target)
            case cst.AnnAssign(target=target):
                return code(target)
            case cst.Arg(keyword=cst.Name(value=name)):
                return name
            case cst.DictElement(key=cst.SimpleString() as key):
                return str(key.evaluated_value)
        return ""

    def names_around(self, node: Node) -> list[str]:
        """Return the names of the functions and classes around a node, innermost first."""
        names = []
        for part in self.ancestors(node):
            if isinstance(part, cst.FunctionDef | cst.ClassDef):
                names.append(part.name.value)
            elif isinstance(part, cst.Lambda):
                names += re.findall(r"\w+", self.target(part))
        return names

    # What names mean

    def imported(self, node: Node) -> list[str]:
        """Return the dotted names that a name or attribute stands for, if it does for imported ones only."""
        if node not in self._imported:
            scope = self.scopes.get(node) if is_dotted(node) else None
            names: set[QualifiedName] = set(scope.get_qualified_names_for(node)) if scope else set()
            are_imported = all(name.source is QualifiedNameSource.IMPORT for name in names)
            self._imported[node] = [name.name for name in names] if are_imported else []
        return self._imported[node]

    def is_numpys(self, node: Node) -> bool:
        names = self.imported(node) or (["builtins.abs"] if self.is_builtin_abs(node) else [])
        return bool(names) and all(re.fullmatch(r"numpy\.\w+|math\.inf|builtins\.abs", name) for name in names)

    def is_builtin_abs(self, node: Node) -> bool:
        scope = self.scopes.get(node)
        if not scope or not isinstance(node, cst.Name) or node.value != "abs":
            return False
        return {name.name for name in scope.get_qualified_names_for(node)} == {"builtins.abs"}

    def name(self, node: Node) -> str:
        if isinstance(node, cst.Name) and self.is_numpys(node):  # from numpy import maximum as larger
            name = (self.imported(node) or [node.value])[0].split(".")[-1]
            return ALIASES.get(name, name)
        return last_name(node)

    def is_module(self, node: Node) -> bool:
        return bool(self.imported(node))

    def definitions(self, name: Node) -> list[Node]:
        """Return what gives a name its meaning: functions, imports, or the names that are assigned to."""
        scope = self.scopes.get(name)
        found = scope[name.value] if scope and isinstance(name, cst.Name) else set()
        return [cast(Node, getattr(assignment, "node", None)) for assignment in found]

    def value_of(self, name: Node, or_changed: bool = False) -> Node | None:
        """Return the value of a name that is assigned to once; it may be changed in place if `or_changed`."""
        definitions = self.definitions(name)
        if or_changed:
            definitions = [node for node in definitions if not isinstance(self.parent(node), cst.AugAssign)]
        target = self.parent(definitions[0]) if len(definitions) == 1 and definitions[0] is not None else None
        statement = self.parent(target) if isinstance(target, cst.AssignTarget) else None
        return statement.value if isinstance(statement, cst.Assign) and len(statement.targets) == 1 else None

    def is_changed_between(self, expression: Node, first: Node, last: Node) -> bool:
        """Whether a name in an expression is assigned to, or changed in place, from one statement up to another."""
        begin, end = self.start(first), self.start(last)
        between = [node for node in self.nodes if begin < self.start(node) < end]
        return any(self.is_written(expression, node) or self.is_handed_on(expression, node) for node in between)

    def is_written(self, expression: Node, node: Node) -> bool:
        """Whether a statement or an argument writes to what an expression reads."""
        match node:
            case cst.Assign(targets=targets):
                written: list[Node] = [target.target for target in targets]
            case cst.AugAssign(target=target) | cst.AnnAssign(target=target) | cst.For(target=target):
                written = [target]
            case cst.NamedExpr(target=target) | cst.Del(target=target):
                written = [target]
            case cst.Arg(keyword=cst.Name(value="out"), value=value):
                written = [value]
            case _:
                return False
        return any(is_part_of(part, expression) for target in written for part in elements(target))

    def is_handed_on(self, expression: Node, node: Node) -> bool:
        """Whether a function that may change it is given a name of the expression."""
        if not isinstance(node, cst.Call) or self.is_numpys(node.func) or last_name(node.func) in READERS:
            return False
        given = [arg.value for arg in node.args if isinstance(arg.value, cst.Name | cst.Attribute)]
        return any(is_part_of(value, expression) for value in given)

    def is_changed_in_place(self, expression: Node, node: Node) -> bool:
        if isinstance(node, cst.Assign):  # another value under the same name changes no array
            return any(
                isinstance(target.target, cst.Subscript) and is_part_of(target.target, expression)
                for target in node.targets
            )
        return isinstance(node, cst.AugAssign | cst.Arg) and self.is_written(expression, node)


def comments_of(line: cst.SimpleStatementLine) -> list[cst.EmptyLine]:
    """Return the comments above a line and at its end, as lines of their own."""
    comments = [empty for empty in line.leading_lines if empty.comment]
    end = line.trailing_whitespace.comment
    return [*comments, *([cst.EmptyLine(comment=end)] if end else [])]


def is_dotted(node: Node) -> bool:
    """Whether it is names with dots between, and no part of a value that was computed."""
    while isinstance(node, cst.Attribute):
        node = node.value
    return isinstance(node, cst.Name)


def elements(target: Node) -> list[Node]:
    if isinstance(target, cst.Tuple | cst.List):
        return [part for element in target.elements for part in elements(element.value)]
    return [target]


def is_part_of(target: Node, expression: Node) -> bool:
    """Whether a target is a name or attribute of the expression, or a part of it."""
    while isinstance(target, cst.Subscript):
        target = target.value
    if isinstance(target, cst.Attribute):
        return any(
            isinstance(part, cst.Attribute) and part.attr.value == target.attr.value for part in walk(expression)
        )
    name = target.value if isinstance(target, cst.Name) else ""
    return name != "self" and any(isinstance(part, cst.Name) and part.value == name for part in walk(expression))


def imports(part: Node) -> list[tuple[str, str, str]]:
    """Return what a statement imports: module, name in it, name here."""
    if isinstance(part, cst.Import):
        return [(a.evaluated_name, "", a.evaluated_alias or a.evaluated_name) for a in part.names]
    if not isinstance(part, cst.ImportFrom) or part.relative:
        return []
    module = get_full_name_for_node(cast(Node, part.module)) or ""
    if isinstance(part.names, cst.ImportStar):
        return [(module, "*", "")]
    return [(module, a.evaluated_name, a.evaluated_alias or a.evaluated_name) for a in part.names]
