"""Masks that are kept under a name: which they are, and whether a ReLU's output can be kept in their place."""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import libcst as cst

from relu_ext.migrate.spellings import SAVED_MASK
from relu_ext.migrate.terms import MASKS, Node, Reader, code, compare, same, walk
from relu_ext.migrate.text import Text

if TYPE_CHECKING:
    from relu_ext.migrate.matching import Match, Matcher

STRICT = ("> 0", "<= 0")  # what a ReLU's output still tells


class Mask(NamedTuple):
    key: Hashable
    head: str
    operand: Node
    is_number: bool  # of a dtype of its own
    statement: cst.Assign
    line: cst.SimpleStatementLine
    new: str  # what backward reads in its place where it is kept from one method to another, else nothing
    uses: list[Node]
    initial: list[Node]  # `self.mask = None`
    reason: str  # why it stays


class Saved(NamedTuple):
    """What becomes of a mask that is kept from one method to another."""

    mask: Mask
    forward: Match | None  # the ReLU whose output is kept; None: x itself is


class Masks:
    def __init__(
        self, text: Text, reader: Reader, rejected: Mapping[Hashable, str], inputs: Collection[Hashable]
    ) -> None:
        self.text = text
        self.found: dict[Hashable, Mask] = {}
        self.rejected = rejected
        self.inputs = inputs  # of which x itself is kept
        references: dict[Hashable, list[Node]] = {}
        for node in text.nodes:
            if (key := self.key(node)) is not None:
                references.setdefault(key, []).append(node)
        for node in text.nodes:
            if isinstance(node, cst.Assign) and len(node.targets) == 1:
                factor = reader.factor(node.value)
                head, parts = reader.term(factor)
                key = self.key(node.targets[0].target)
                if head in MASKS and key is not None:
                    self.add(key, head, parts[0], factor, node, references[key])
        self.lines = {mask.line for mask in self.found.values() if not self.reason(mask) and mask.head in STRICT}

    def key(self, node: Node) -> Hashable:
        """Return what tells a name, an attribute of self or a key from others of the same name."""
        if isinstance(node, cst.Name):
            scope = self.text.scope(node)
            where = {assignment.scope for assignment in scope[node.value]} if scope else set()
            return (where.pop(), node.value) if len(where) == 1 else None
        is_item = isinstance(node, cst.Subscript) and re.fullmatch(r"[\w.]+\[\s*(['\"])\w+\1\s*\]", code(node))
        if isinstance(node, cst.Attribute) or is_item:
            place = self.text.class_of(node) if code(node).startswith("self.") else self.text.function(node)
            return place, code(node).replace('"', "'").replace(" ", "")
        return None

    def add(
        self, key: Hashable, head: str, operand: Node, factor: Node, statement: cst.Assign, references: list[Node]
    ) -> None:
        target = statement.targets[0].target
        others = [node for node in references if node is not target]
        written = [
            node
            for node in others
            if isinstance(self.text.parent(node), cst.AssignTarget | cst.AnnAssign | cst.AugAssign | cst.Del)
        ]
        written = [n for n in written if not (isinstance(p := self.text.parent(n), cst.AugAssign) and p.value is n)]
        initial = [node for node in written if self.is_none(node)]
        line = self.text.line(statement)
        if line is None:
            return
        is_saved = not isinstance(target, cst.Name)
        reason = ""
        is_set_again = not is_saved and len(self.text.definitions(target)) > 1
        if len(written) > len(initial) or (initial and not is_saved) or is_set_again:
            reason = "it is set in more than one place"
        elif is_saved and len(line.body) > 1:
            reason = "another statement is on its line"
        elif is_saved:
            reason = self.doubt_of_saved(target, head)
        uses = [node for node in others if node not in initial]
        new = self.new_name(target, head in STRICT and key not in self.inputs) if is_saved and not reason else ""
        is_number = statement.value is not factor and not code(statement.value).rstrip(") ").endswith(".dtype")
        self.found[key] = Mask(key, head, operand, is_number, statement, line, new, uses, initial, reason)

    def is_none(self, target: Node) -> bool:
        parent = self.text.parent(target)
        if isinstance(parent, cst.AnnAssign):
            return parent.value is None or code(parent.value) == "None"
        statement = self.text.parent(parent) if parent else None
        return isinstance(statement, cst.Assign) and code(statement.value) == "None" and len(statement.targets) == 1

    def doubt_of_saved(self, target: Node, head: str) -> str:
        place, function = self.text.class_of(target), self.text.function(target)
        if place is None or function is None or not code(target).startswith("self."):
            return "it is not an attribute of self that a method sets"
        if isinstance(target, cst.Attribute):
            name = target.attr.value
            if re.search(
                rf"attr\([^()]*(['\"]){name}\1|__dict__|\bvars\(|__slots__\s*=[^=]*['\"]{name}\b", self.text.module.code
            ):
                return "it may be read through getattr or a string"
            for node in self.text.nodes:
                if isinstance(node, cst.Attribute) and node.attr.value == name:
                    other = self.text.class_of(node)
                    is_own = code(node).startswith("self.") and other is not None and self.sets(other, code(node))
                    if other is not place and (other is None or not is_own or inherits(other, place)):
                        return f"line {self.text.start(node)[0]} uses it outside of its class"
        return ""

    def sets(self, place: cst.ClassDef, attribute: str) -> bool:
        targets = (node.target for node in walk(place) if isinstance(node, cst.AssignTarget))
        return any(code(target) == attribute for target in targets)

    def new_name(self, target: Node, is_output: bool) -> str:
        """Return a name for the output or for x, which no attribute of the file has."""
        taken = {node.attr.value for node in self.text.nodes if isinstance(node, cst.Attribute)}
        if isinstance(target, cst.Subscript):
            taken |= set(re.findall(r"['\"](\w+)['\"]", self.text.module.code))
        old = re.findall(r"\w+", code(target))[-1]
        what = "out" if is_output else "x"
        first = old.replace("mask", what) if "mask" in old else what
        names = [first, f"relu_{what}", *(f"relu_{what}_{n}" for n in range(1, 99))]
        place = self.text.class_of(target)
        taken |= {mask.new.split(".")[-1] for mask in self.found.values() if self.text.class_of(mask.line) is place}
        taken |= {name for mask in self.found.values() for name in re.findall(r"\['(\w+)'\]", mask.new)}
        new = next(name for name in names if name not in taken)
        return re.sub(rf"\b{old}\b(?!.*\b{old}\b)", new, code(target))

    # Questions

    def reason(self, mask: Mask) -> str:
        return mask.reason or self.rejected.get(mask.key, "")

    def get(self, node: Node) -> Mask | None:
        """Return the mask that a reference reads."""
        if not self.found or not isinstance(node, cst.Name | cst.Attribute | cst.Subscript):
            return None
        mask = self.found.get(self.key(node))
        return mask if mask and any(node is use for use in mask.uses) else None

    def comparison(self, node: Node) -> Node | None:
        if (mask := self.get(node)) is None:
            return None
        is_elsewhere = self.text.function(node) is not self.text.function(mask.statement)
        operand = (
            cst.parse_expression(mask.new) if is_elsewhere and mask.new and not self.reason(mask) else mask.operand
        )
        return compare(mask.head, operand)

    def is_planned(self, node: Node) -> bool:
        found = (self.get(part) for part in walk(node))
        return any(mask is not None and mask.new and not self.reason(mask) for mask in found)

    def why_not(self, node: Node, statement: Node) -> str:
        """Return why a use of a mask, in what begins with `statement`, stays, or nothing."""
        if (mask := self.get(node)) is None:
            return ""
        line = self.text.start(mask.statement)[0]
        if reason := self.reason(mask):
            return f"{SAVED_MASK} (line {line}): {reason}"
        if mask.new and self.text.function(node) is not self.text.function(mask.statement):
            return ""
        if reason := self.change(mask, node, statement):
            return f"{SAVED_MASK} (line {line}): {reason}"
        return ""

    def change(self, mask: Mask, use: Node, statement: Node) -> str:
        """Return how the mask may not be that of what its operand is where it is used."""
        function = self.text.function(mask.statement)
        if self.text.function(use) is not function:
            return "it is used in another function"
        if self.text.start(use) < self.text.start(mask.statement):
            return "it is used before it is set"
        if all(part is not self.text.parent(mask.line) for part in self.text.ancestors(use)):
            return "it is set under a condition"
        loops = [p for p in self.text.ancestors(use) if isinstance(p, cst.For | cst.While)]
        outer = [loop for loop in loops if all(loop is not p for p in self.text.ancestors(mask.statement))]
        inside = any(self.text.is_written(mask.operand, part) for loop in outer for part in walk(loop))
        if inside or self.text.is_changed_between(mask.operand, mask.line, self.text.line(statement) or statement):
            return f"{code(mask.operand)} is changed in between"
        return ""


def inherits(a: cst.ClassDef, b: cst.ClassDef) -> bool:
    """Whether one class names the other as its base."""
    return any(
        code(base.value).split(".")[-1] == other.name.value for one, other in ((a, b), (b, a)) for base in one.bases
    )


def forward_of(matcher: Matcher, mask: Mask) -> Match | None:
    """Return the ReLU of what the mask is of, beside the line that sets the mask."""
    block = matcher.text.parent(mask.line)
    for line in block.children if block else []:
        if not isinstance(line, cst.SimpleStatementLine) or line is mask.line or len(line.body) != 1:
            continue
        statement = line.body[0]
        candidates = [matcher.pair(line), matcher.match(statement)]
        if isinstance(statement, cst.Assign | cst.Return) and statement.value is not None:
            candidates.append(matcher.match(statement.value))
        for match in filter(None, candidates):
            if match.rule.function == "relu" and same(match.operand("x"), mask.operand):
                lines = sorted([line, mask.line], key=matcher.text.start)
                return None if matcher.text.is_changed_between(mask.operand, *lines) else match
    return None


def plan(matcher: Matcher, mask: Mask) -> Saved | str:
    """Return what becomes of a mask that is kept from one method to another, or why it stays."""
    forward = forward_of(matcher, mask)
    handled = set(walk(forward.node)) if forward else set()
    if forward and forward.second:
        handled |= set(walk(forward.second))
    if forward and (reason := matcher.doubt(forward)):
        return reason
    if mask.head not in STRICT and forward and (forward.rule.is_in_place() or changes(matcher.text, mask, forward)):
        return "a derivative of 1 at 0 needs x, which is changed in place"
    kept = forward if mask.head in STRICT else None
    if reason := changed_after(matcher.text, mask, kept) or changed_elsewhere(matcher, mask):
        return reason
    for use in mask.uses:
        if use in handled:
            continue
        match = next((m for m in enclosing_matches(matcher, use)), None)
        if match is None:
            return f"line {matcher.text.start(use)[0]} uses it for something else"
        if reason := matcher.doubt(match):
            return f"line {matcher.text.start(use)[0]}: {reason}"
    return Saved(mask, kept)


def enclosing_matches(matcher: Matcher, use: Node) -> Iterator[Match]:
    for part in matcher.text.ancestors(use):
        if isinstance(part, cst.SimpleStatementLine | cst.BaseCompoundStatement):
            return
        match = matcher.match(part)
        if match and "relu_grad" not in match.rule.function:
            yield match


def changed_after(text: Text, mask: Mask, forward: Match | None) -> str:
    """Return how what is kept would be changed in place before backward, as far as the method shows."""
    function = text.function(mask.statement)
    kept: list[Node] = [mask.operand]
    begin = text.start(mask.line)
    if forward:
        begin = max(begin, text.start(forward.second or forward.node))
        kept = [forward.operand("x")] if forward.rule.is_in_place() else []
        if isinstance(statement := text.parent(forward.node), cst.Assign):
            kept = [target.target for target in statement.targets]
    elif any(isinstance(part, cst.Call) for part in walk(mask.operand)):
        return "its forward line was not recognized"
    for expression in kept:
        for node in walk(function) if function else []:
            if text.start(node) > begin and text.is_changed_in_place(expression, node):
                return f"line {text.start(node)[0]} changes {code(expression)} in place"
    return ""


def changes(text: Text, mask: Mask, forward: Match) -> bool:
    """Whether the output has the name of x."""
    return same(mask.operand, forward.operand("x")) and text.target(forward.node) == code(mask.operand)


def changed_elsewhere(matcher: Matcher, mask: Mask) -> str:
    """Return where what this method gives is changed in place: by a caller, or by a layer that is given it."""
    text, method = matcher.text, matcher.text.function(mask.statement)
    if not isinstance(method, cst.FunctionDef):
        return ""
    for call in [*text.calls.get(method.name.value, []), *text.calls.get("", [])]:
        target = text.target(call)
        function = text.function(call) or text.module
        for node in walk(function) if target.isidentifier() else ():
            if text.start(node) > text.start(call) and text.is_changed_in_place(cst.Name(target), node):
                return f"line {text.start(node)[0]} changes the result of {method.name.value} in place"
    for other in text.nodes:
        if isinstance(other, cst.FunctionDef) and other.name.value == method.name.value and other is not method:
            for parameter in other.params.params:
                for node in walk(other.body):
                    if text.is_changed_in_place(parameter.name, node) and not is_relu(matcher, node):
                        return f"line {text.start(node)[0]} changes its argument in place"
    return ""


def is_relu(matcher: Matcher, node: Node) -> bool:
    match = matcher.match(node)
    return match is not None and match.rule.function == "relu"
