"""The import of relu_ext: its name where that is taken, and its place."""

import itertools
import re
from typing import NamedTuple, cast

import libcst as cst
from libcst.metadata import QualifiedNameSource, Scope

from relu_ext.migrate.text import Text, imports

FUNCTIONS = ["relu", "relu_backward", "relu_backward_strict", "relu_grad", "relu_grad_strict"]


class Import(NamedTuple):
    """How the functions are called: `prefix` is "relu_ext." where the bare names are taken."""

    prefix: str
    statement: str  # nothing if it is there already


def choose_import(text: Text) -> Import:
    scopes = {scope for scope in text.scopes.values() if scope}
    here = [
        alias
        for line in head_of(text.module)
        for part in line.body
        for module, name, alias in imports(part)
        if (module, name) == ("relu_ext", "")
    ]
    if not here and not any(is_taken(name, f"relu_ext.{name}", scopes) for name in FUNCTIONS):
        return Import("", "from relu_ext import")
    choices = itertools.chain(here, ["relu_ext"], (f"relu_ext_{n}" for n in itertools.count(1)))
    name = next(name for name in choices if not is_taken(name, "relu_ext", scopes))
    statement = "import relu_ext" + (f" as {name}" if name != "relu_ext" else "")
    return Import(name + ".", "" if name in here else statement)


def is_taken(name: str, meaning: str, scopes: set[Scope]) -> bool:
    """Whether a name stands for anything but `meaning` anywhere in the file, or for what cannot be told."""
    for scope in scopes:
        meanings = [assignment.get_qualified_names_for(name) for assignment in scope.assignments[name]]
        if any({(n.name, n.source) for n in names} != {(meaning, QualifiedNameSource.IMPORT)} for names in meanings):
            return True
        if any(not access.referents for access in scope.accesses[name]):
            return True
    return False


def head_of(module: cst.Module) -> list[cst.SimpleStatementLine]:
    """Return the docstring and the imports at the top."""
    head: list[cst.SimpleStatementLine] = []
    for line in module.body:
        parts = line.body if isinstance(line, cst.SimpleStatementLine) else []
        docstring = (
            not head and isinstance(parts[0], cst.Expr) and isinstance(parts[0].value, cst.BaseString)
            if parts
            else False
        )
        future = any(name[0] == "__future__" for part in parts for name in imports(part))
        if not (
            docstring or future or (parts and all(isinstance(part, cst.Import | cst.ImportFrom) for part in parts))
        ):
            break
        head.append(cast(cst.SimpleStatementLine, line))
    return head


def add_import(module: cst.Module, statement: str, names: set[str]) -> cst.Module:
    """Put the import among those at the top, or its names into the one that is there."""
    head = head_of(module)
    for part in (part for line in head for part in line.body if isinstance(part, cst.ImportFrom)):
        if (
            names
            and not isinstance(part.names, cst.ImportStar)
            and imports(part)[:1]
            and imports(part)[0][0] == "relu_ext"
        ):
            missing = names - {name for _, name, alias in imports(part) if name == alias}
            new = [cst.ImportAlias(cst.Name(name)) for name in sorted(missing)]
            return cast(cst.Module, module.deep_replace(part, part.with_changes(names=[*new, *part.names])))
    keys = [
        [(isinstance(part, cst.ImportFrom), name[0]) for part in line.body for name in imports(part)] for line in head
    ]
    place = len(head)
    if numpys := [k for k, key in enumerate(keys) if any(re.match(r"numpy(\.|$)", module) for _, module in key)]:
        place = numpys[-1] + 1  # behind NumPy's, where it is sorted in
        while place < len(head) and not head[place].leading_lines and keys[place] < [(bool(names), "relu_ext")]:
            place += 1
    line = cst.ensure_type(cst.parse_statement(statement, module.config_for_parsing), cst.SimpleStatementLine)
    header, body = list(module.header), list(module.body)
    if place and not keys[place - 1]:
        line = line.with_changes(leading_lines=[cst.EmptyLine(indent=False)])
    if place == len(head) < len(body):
        above = list(body[place].leading_lines)
        if not place:  # of comments, those up to the last empty line stay at the top
            last = max((k + 1 for k, empty in enumerate(header) if not empty.comment), default=len(header))
            header, above = header[:last], header[last:]
        if not above or above[0].comment:
            above.insert(0, cst.EmptyLine(indent=False))
        body[place] = body[place].with_changes(leading_lines=above)
    return module.with_changes(header=header, body=[*body[:place], line, *body[place:]])
