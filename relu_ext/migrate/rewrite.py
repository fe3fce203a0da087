"""Replaces the spellings of the table in a script, where nothing speaks against it. Needs LibCST.

First everything is decided on the text as it was read (`decide`), then it is changed (`Rewriter`).
"""

import ast
import re
import warnings
from collections.abc import Hashable
from typing import NamedTuple, cast

import libcst as cst

from relu_ext.migrate.foreign import Foreign
from relu_ext.migrate.imports import Import, add_import, choose_import
from relu_ext.migrate.masks import Saved, plan
from relu_ext.migrate.matching import Match, Matcher
from relu_ext.migrate.spellings import DIFFERENCES, SAVED_MASK
from relu_ext.migrate.terms import OPERANDS, Node, code, names_of, walk
from relu_ext.migrate.text import Text, comments_of

#: What the comments of lines tell. That zeros are +0.0 is said once.
IN_COMMENTS = [key for key in DIFFERENCES if key != "-0.0"]
#: Without any of these there is nothing to find.
SPELLED = re.compile(
    rb"[<>=] *\(?[-+]?0|0\.?0* *[<>]|maximum|fmax|clip|heaviside|greater|less|equal|\babs|copyto|putmask"
)
KEPT = "must not be changed before backward"


class Note(NamedTuple):
    """What was recognised and left alone."""

    line: int
    text: str


class Decisions(NamedTuple):
    matches: dict[Node, Match]
    removed: set[Node]  # lines
    saved: dict[Node, Saved]  # by the statement whose value is kept
    renamed: dict[Node, str]  # attributes
    comments: dict[Node, list[cst.EmptyLine]]  # of removed lines, by the statement that they come to stand above
    notes: list[Note]


# Deciding


def decide(text: Text, everything: bool) -> Decisions:
    matcher, saved = settle_masks(text, everything)
    decisions = Decisions({}, set(), {}, {}, {}, [])
    for item in saved:
        save(text, decisions, item)
    notes: dict[tuple[int, int], Note] = {}
    left = {part for item in saved for part in walk(item.mask.line)}

    def visit(node: Node) -> None:
        if isinstance(node, cst.FormattedStringExpression) and node.equal:
            return  # it prints its own source
        match = None if node in left else matcher.match(node)
        if isinstance(node, cst.SimpleStatementLine) and node not in left and (pair := matcher.pair(node)):
            left.update([*node.body, *walk(cast(Node, pair.second))])
            left.update(walk(node, pair.operands()))
            match = pair
        if match and (reason := matcher.doubt(match)):
            notes[text.start(match.node)] = Note(text.start(match.node)[0], advice(match, reason))
            left.update(walk(match.node, match.operands()))
        elif match:
            decisions.matches[match.node] = match
            if match.second:
                remove(text, decisions, match.second)
            for operand in match.operands():
                visit(operand)
            return
        for child in node.children:
            visit(child)

    visit(text.module)
    remove_masks(matcher, decisions)
    gone = {text.start(part) for line in decisions.removed for part in walk(line)}
    return decisions._replace(notes=sorted({note for place, note in notes.items() if place not in gone}))


def settle_masks(text: Text, everything: bool) -> tuple[Matcher, list[Saved]]:
    """Find the masks of which a ReLU's output can be kept; one that cannot may keep others from it."""
    rejected: dict[Hashable, str] = {}
    inputs: set[Hashable] = set()  # of which x itself is kept
    foreign = Foreign(text)
    while True:
        matcher = Matcher(text, foreign, everything, rejected, inputs)
        candidates = [mask for mask in matcher.masks.found.values() if mask.new and not matcher.masks.reason(mask)]
        plans = {mask.key: plan(matcher, mask) for mask in candidates}
        refused = {key: reason for key, reason in plans.items() if isinstance(reason, str)}
        saved = [item for item in plans.values() if isinstance(item, Saved)]
        of_x = {item.mask.key for item in saved if item.forward is None}
        if not refused and of_x <= inputs:
            return matcher, saved
        rejected |= refused
        inputs |= of_x


def save(text: Text, decisions: Decisions, saved: Saved) -> None:
    mask = saved.mask
    for attribute in mask.initial:
        decisions.renamed[attribute] = mask.new
    if saved.forward is None:  # x itself is kept, where the mask was
        decisions.renamed[mask.statement.targets[0].target] = mask.new
        decisions.saved[mask.statement] = saved
        return
    remove(text, decisions, mask.line)
    statement = saved.forward.node
    if not isinstance(statement, cst.BaseSmallStatement):
        statement = cast(Node, text.parent(statement))
    decisions.saved[statement] = saved


def remove(text: Text, decisions: Decisions, line: cst.SimpleStatementLine) -> None:
    """Take a line away, but not its comments."""
    decisions.removed.add(line)
    below = text.below(line, decisions.removed)
    if below is not None:
        decisions.comments.setdefault(below, []).extend(comments_of(line))


def remove_masks(matcher: Matcher, decisions: Decisions) -> None:
    """Take away local masks that nothing reads any more."""
    text = matcher.text
    replaced = {part for match in decisions.matches.values() for part in walk(match.node)}
    replaced |= {part for line in decisions.removed for part in walk(line)}
    for mask in matcher.masks.found.values():
        block = text.parent(mask.line)
        if mask.new or not mask.uses or text.function(mask.statement) is None:
            continue
        is_alone = len(mask.line.body) == 1 and isinstance(block, cst.IndentedBlock) and len(block.body) > 1
        if is_alone and all(use in replaced for use in mask.uses):
            remove(text, decisions, mask.line)


def advice(match: Match, reason: str) -> str:
    """Return what was found, why it stays, and what to write."""
    found = " ".join(code(match.node).split())
    if match.second:
        found += "; " + " ".join(code(match.second).split())
    if SAVED_MASK in reason and match.rule.function.startswith("relu_backward"):
        gradient = code(match.operand(match.rule.operands[0]))
        call = f"keep relu's output instead, and {match.rule.function}({gradient}, that output)"
    else:
        call = code(call_for(match, "", {}))
    return f"{found}: {reason}; by hand: {call}"


# Calls


def call_for(match: Match, prefix: str, visited: dict[Node, Node]) -> cst.BaseExpression:
    """Return the call of a rule with the operands that were found, as they are after their own changes."""
    new: dict[Node, cst.BaseExpression] = {}
    for name in names_of(match.rule.call):
        if name.value in OPERANDS and name.value in match.found:
            operand = match.operand(name.value)
            new[name] = without_parentheses(visited.get(operand, operand))
        elif name.value == match.rule.function:
            new[name] = cst.parse_expression(prefix + name.value)
        elif name.value == "int" and "float" in match.found:
            new[name] = cst.Name("float")
    call = cast(cst.BaseExpression, match.rule.call.visit(Substitution(new)))
    if match.kept:
        kept = [
            cst.Arg(without_parentheses(visited.get(arg.value, arg.value)), keyword=arg.keyword, equal=NO_SPACE)
            for arg in match.kept
        ]
        own = cst.ensure_type(call, cst.Call)
        args = [
            arg.with_changes(comma=cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))) for arg in [*own.args, *kept]
        ]
        call = own.with_changes(args=[*args[:-1], args[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)])
    return call


class Substitution(cst.CSTTransformer):
    def __init__(self, new: dict[Node, cst.BaseExpression]) -> None:
        super().__init__()
        self.new = new

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.BaseExpression:
        return self.new.get(original_node, updated_node)


NO_SPACE = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))


def without_parentheses(node: Node) -> cst.BaseExpression:
    expression = cast(cst.BaseExpression, node.deep_clone())
    needed = isinstance(expression, cst.Tuple | cst.GeneratorExp | cst.NamedExpr | cst.Yield)
    if needed or any(isinstance(part, cst.Comment) for paren in expression.lpar for part in walk(paren)):
        return expression
    return expression.with_changes(lpar=[], rpar=[])


# Changing


class Rewriter(cst.CSTTransformer):
    """Makes the changes that were decided."""

    def __init__(self, text: Text, decisions: Decisions, prefix: str, comments: bool) -> None:
        super().__init__()
        self.text = text
        self.decisions = decisions
        self.prefix = prefix
        self.comments = comments
        self.told: set[str] = set()  # about the line at hand
        self.headers: dict[Node, set[str]] = {}  # the same, of lines that a block follows
        self.used: set[str] = set()

    def on_visit(self, node: Node) -> bool:
        if isinstance(node, cst.IndentedBlock):
            self.headers[node], self.told = self.told, set()
        return node not in self.decisions.matches and node not in self.decisions.removed

    def on_leave(self, original_node: Node, updated_node: Node) -> Node:  # type: ignore[override]
        if original_node in self.decisions.removed:
            return cst.RemoveFromParent()  # type: ignore[return-value]
        node = self.changed(original_node, updated_node)
        if comments := self.decisions.comments.get(original_node):
            node = node.with_changes(leading_lines=[*comments, *getattr(node, "leading_lines", ())])
        if isinstance(node, cst.IndentedBlock):
            return self.commented(node, "header", self.headers.pop(original_node))
        if isinstance(node, cst.SimpleStatementLine | cst.SimpleStatementSuite | cst.Decorator):
            told, self.told = self.told, set()
            if isinstance(original_node, cst.SimpleStatementLine) and self.returned(original_node):
                told.add(KEPT)
            node = self.commented(node, "trailing_whitespace", told)
        if isinstance(original_node, cst.SimpleStatementLine) and (saved := self.returned(original_node)):
            return self.split(cast(cst.SimpleStatementLine, node), saved)
        return node

    def changed(self, original: Node, updated: Node) -> Node:
        if new := self.decisions.renamed.get(original):
            return cst.parse_expression(new)
        if match := self.decisions.matches.get(original):
            updated = self.replaced(original, match)
        saved = self.decisions.saved.get(original)
        if saved is None or isinstance(original, cst.Return):
            return updated
        self.told.add(KEPT)
        if saved.forward is None:
            return cst.ensure_type(updated, cst.Assign).with_changes(value=without_parentheses(saved.mask.operand))
        kept = cst.AssignTarget(cast(cst.BaseAssignTargetExpression, cst.parse_expression(saved.mask.new)))
        if isinstance(updated, cst.Expr):
            return cst.Assign([kept], updated.value, semicolon=updated.semicolon)
        return updated.with_changes(targets=[kept, *cst.ensure_type(updated, cst.Assign).targets])

    def returned(self, line: cst.SimpleStatementLine) -> Saved | None:
        """Return what is kept of the value that a line returns."""
        return self.decisions.saved.get(line.body[-1]) if isinstance(line.body[-1], cst.Return) else None

    def split(self, line: cst.SimpleStatementLine, saved: Saved) -> Node:
        """Have a value kept before it is returned."""
        value = cst.ensure_type(line.body[-1], cst.Return).value
        new = cst.parse_expression(saved.mask.new)
        kept = cst.Assign(
            [cst.AssignTarget(cast(cst.BaseAssignTargetExpression, new))], without_parentheses(cast(Node, value))
        )
        first = line.with_changes(body=[*line.body[:-1], kept])
        last = cst.SimpleStatementLine([cst.Return(cst.parse_expression(saved.mask.new))])
        return cst.FlattenSentinel([first, last])  # type: ignore[return-value]

    def replaced(self, node: Node, match: Match) -> Node:
        visited = {operand: cast(Node, operand.visit(self)) for operand in match.operands()}
        call = call_for(match, self.prefix, visited)
        self.used.add(match.rule.function)
        self.told |= match.differs & set(IN_COMMENTS)
        if isinstance(node, cst.Assign | cst.AugAssign):
            return cst.Expr(call, semicolon=node.semicolon)
        expression = cast(cst.BaseExpression, node)
        line, column = self.text.start(node)
        if not expression.lpar and re.search(r"\w$", self.text.lines[line - 1][:column]):  # return(x > 0) * dout
            return call.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        return call.with_changes(lpar=expression.lpar, rpar=expression.rpar)

    def commented(self, node: Node, place: str, told: set[str]) -> Node:
        if not told or not self.comments:
            return node
        end: cst.TrailingWhitespace = getattr(node, place)
        differ = [key for key in IN_COMMENTS if key in told]
        parts = [f"{', '.join(differ)} may differ"] if differ else []
        text = "# relu_ext: " + "; ".join([*parts, *([KEPT] if KEPT in told else [])])
        space, before = (end.whitespace, f"{end.comment.value}  ") if end.comment else (cst.SimpleWhitespace("  "), "")
        return node.with_changes(**{place: end.with_changes(whitespace=space, comment=cst.Comment(before + text))})


def rewrite(source: bytes, comments: bool = True, everything: bool = False) -> tuple[bytes, list[Note]]:
    """Return the source with the spellings of the table replaced, and notes of what was left alone.

    With `everything`, what has the spelling of ReLU is changed also where nothing says that it is an activation.
    """
    with warnings.catch_warnings(action="ignore"):
        ast.parse(source)  # has the better messages, and LibCST overflows the stack on what is nested too deeply
    if not SPELLED.search(source):
        return source, []
    text = Text(source)
    decisions = decide(text, everything)
    if not decisions.matches:
        return source, decisions.notes
    chosen: Import = choose_import(text)
    rewriter = Rewriter(text, decisions, chosen.prefix, comments)
    module = text.module.visit(rewriter)
    if not chosen.prefix:
        names = set(rewriter.used)
        module = add_import(module, f"{chosen.statement} {', '.join(sorted(names))}", names)
    elif chosen.statement:
        module = add_import(module, chosen.statement, set())
    return module.bytes, decisions.notes
