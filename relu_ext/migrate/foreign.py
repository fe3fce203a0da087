"""Which values may be arrays of another library than NumPy, and which functions another compiler compiles."""

import re

import libcst as cst

from relu_ext.migrate.terms import Node, code, last_part, walk
from relu_ext.migrate.text import Function, Text, elements, imports
from relu_ext.migrate.words import COMPILER, OTHER_ARRAYS, TO_NUMPY


class Foreign:
    """Decides by scope: a function is foreign that uses such a library or is given its values."""

    def __init__(self, text: Text) -> None:
        self.text = text
        modules = [name for node in text.nodes for name in dotted_imports(node)]
        self.imports_numpy = any(re.match(r"numpy(\.|$)", name) for name in modules)
        self.uses = {node: library for node in text.nodes if (library := self.library(node))}
        self.tainted: dict[Node, str] = {}
        self.compiled = self.find_compiled()
        self.given: dict[str, str] = {}
        if self.uses:
            self.find_tainted()
            self.given = self.find_given()

    def library(self, node: Node) -> str:
        """Return the library of other arrays that a name or attribute stands for."""
        for name in self.text.imported(node):
            if match := OTHER_ARRAYS.match(name):
                return match[1]
        return ""

    def in_expression(self, node: Node) -> str:
        """Return the library whose value an expression may have."""
        named = node.func if isinstance(node, cst.Call) else node
        if library := self.uses.get(named):
            return library
        if TO_NUMPY.match(last_part(named)) and not isinstance(node, cst.Name):
            return ""
        if isinstance(node, cst.Name) and (library := self.tainted_name(node)):
            return library
        return next(filter(None, map(self.in_expression, node.children)), "")

    def tainted_name(self, name: cst.Name) -> str:
        return next((self.tainted[d] for d in self.text.definitions(name) if d in self.tainted), "")

    def find_tainted(self) -> None:
        """Find the names that are given such values, by the node that is assigned to."""
        statements = [node for node in self.text.nodes if isinstance(node, cst.Assign)]
        for _ in range(3):  # what is assigned further up may depend on what is further down, in loops
            for statement in statements:
                if library := self.in_expression(statement.value):
                    for target in statement.targets:
                        for part in elements(target.target):
                            self.tainted[part] = library

    def find_given(self) -> dict[str, str]:
        """Return the functions that are called with such values, or passed to such a library."""
        given = {}
        for node in self.text.nodes:
            if isinstance(node, cst.Call):
                callee = self.uses.get(node.func)
                for arg in node.args:
                    if library := self.in_expression(arg.value):
                        given[last_part(node.func)] = library
                    if callee:
                        given[last_part(arg.value)] = callee
        return given

    def find_compiled(self) -> dict[str, str]:
        """Return the functions that are handed to a compiler: numba.njit(act), numba.njit(parallel=True)(act)."""
        return {
            last_part(arg.value): code(node.func)
            for node in self.text.nodes
            if isinstance(node, cst.Call) and COMPILER.search(code(node.func).split("(")[0])
            for arg in node.args
            if isinstance(arg.value, cst.Name)
        }

    def compiler(self, node: Node) -> str:
        """Return what compiles a function around this, if anything looks like it."""
        for part in self.text.ancestors(node):
            if not isinstance(part, cst.FunctionDef):
                continue
            for decorator in part.decorators:
                if COMPILER.search(code(decorator.decorator)):
                    return "@" + code(decorator.decorator)
            if part.name.value in self.compiled:
                return self.compiled[part.name.value]
        return ""

    def why(self, node: Node) -> str:
        """Return why the operands at a place may be no NumPy arrays, or nothing."""
        if not self.imports_numpy:
            return "the file does not import NumPy"
        if library := self.in_expression(node):
            return f"the value may be an array of {library}"
        around = [part for part in self.text.ancestors(node) if isinstance(part, Function | cst.ClassDef)]
        for part in around:
            if library := next((self.uses[inner] for inner in walk(part) if inner in self.uses), ""):
                return f"{code(part.name)} uses {library}" if hasattr(part, "name") else f"the function uses {library}"
            if isinstance(part, cst.FunctionDef | cst.ClassDef) and part.name.value in self.given:
                return f"{part.name.value} is given arrays of {self.given[part.name.value]}"
        return ""


def dotted_imports(node: Node) -> list[str]:
    if not isinstance(node, cst.Import | cst.ImportFrom):
        return []
    return [f"{module}.{name}" if name else module for module, name, _ in imports(node)]
