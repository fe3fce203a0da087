"""Replaces the spellings of the table in a script, where nothing speaks against it. Needs LibCST."""

import ast
import itertools
import re
import warnings
from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple, cast

import libcst as cst
from libcst.helpers import get_full_name_for_node
from libcst.metadata import (
    MetadataWrapper,
    ParentNodeProvider,
    PositionProvider,
    QualifiedName,
    QualifiedNameProvider,
    QualifiedNameSource,
    Scope,
    ScopeProvider,
)

from relu_ext.migrate.spellings import DIFFERENCES, SAVED_MASK
from relu_ext.migrate.terms import ALIASES, MASKS, RULES, Found, Node, Reader, Rule, code, walk

FUNCTIONS = ["relu", "relu_backward", "relu_backward_strict", "relu_grad", "relu_grad_strict"]
#: How many operands a function takes before out=, and the keywords that ours take as well.
ARITY = {"maximum": 2, "fmax": 2, "Multiply": 2, "heaviside": 2, "clip": 3}
KEYWORDS = {"out", "where", "dtype", "casting", "order", "subok"}
#: Arrays with operators and methods of their own. NumPy's ufuncs treat them as ours do, its other functions do not.
OTHER_ARRAYS = re.compile(
    r"(autograd|cupy|dask|jax|keras|mlx|mxnet|paddle|pandas|pint|polars|scipy\.sparse|sparse|sympy|tensorflow|theano"
    r"|tinygrad|torch|triton|unyt|xarray|numpy\.(?:ma|matrix|asmatrix|bmat|mat|matlib))(\.(?!.*datasets)|$)"
)
COMPILER = re.compile(r"jit|vectorize|stencil|compile|tf\.function")
GRADIENT = re.compile(
    r"^_*[dg](.?\d*$|[A-Z_]|out|val|in|act|conv|hid|layer|logit|loss|next|pool|prev|relu|score)"
    r"|(?i:grad|delta|deriv|diff|err|upstream)"
)


class Note(NamedTuple):
    """What was recognised and left alone."""

    line: int
    text: str


class Match(NamedTuple):
    rule: Rule
    found: Found
    kept: list[cst.Arg]  # out= and the like
    differs: set[str]


class Migrator(Reader, cst.CSTTransformer):
    """Reads a script by what its names mean there, and rewrites it."""

    METADATA_DEPENDENCIES = (ParentNodeProvider, PositionProvider, QualifiedNameProvider, ScopeProvider)

    def __init__(self, prefix: str, comments: bool) -> None:
        cst.CSTTransformer.__init__(self)
        Reader.__init__(self)
        self.prefix = prefix  # "relu_ext." where the bare names are taken
        self.comments = comments
        self.masks: dict[tuple[str, Scope | None], Node] = {}
        self.foreign = ""  # why something may be no NumPy array
        self.matches: dict[Node, Match] = {}
        self.left: set[Node] = set()
        self.differs: set[str] = set()  # on the line at hand
        self.headers: dict[Node, set[str]] = {}  # the same, of lines that a block follows
        self.used: set[str] = set()
        self.notes: list[Note] = []

    # What names mean

    def qualified(self, node: Node) -> Collection[QualifiedName]:
        return self.get_metadata(QualifiedNameProvider, node, ())

    def imported(self, node: Node) -> list[str]:
        names = self.qualified(node)
        return [name.name for name in names] if all(n.source is QualifiedNameSource.IMPORT for n in names) else []

    def is_numpys(self, node: Node) -> bool:
        names = self.imported(node) or [name.name for name in self.qualified(node) if name.name == "builtins.abs"]
        return bool(names) and all(re.fullmatch(r"numpy\.\w+|math\.inf|builtins\.abs", name) for name in names)

    def name(self, node: Node) -> str:
        if isinstance(node, cst.Name) and self.is_numpys(node):  # from numpy import maximum as larger
            name = (self.imported(node) or [node.value])[0].split(".")[-1]
            return ALIASES.get(name, name)
        return super().name(node)

    def is_module(self, node: Node) -> bool:
        return bool(self.imported(node))

    def mask_key(self, node: Node) -> tuple[str, Scope | None]:
        return code(node), self.get_metadata(ScopeProvider, node, None) if isinstance(node, cst.Name) else None

    def saved_mask(self, node: Node) -> Node | None:
        if not self.masks or not isinstance(node, cst.Name | cst.Attribute | cst.Subscript):
            return None
        return self.masks.get(self.mask_key(node))

    def visit_Module(self, node: cst.Module) -> None:
        self.lines = re.split(r"\r\n?|\n", node.code)
        names: list[str] = []
        masks: dict[tuple[str, Scope | None], Node] = {}
        for part in walk(node):
            if isinstance(part, cst.Import | cst.ImportFrom):
                names += [f"{module}.{name}" if name else module for module, name, _ in imports(part)]
            elif isinstance(part, cst.Attribute):
                names += self.imported(part)
            elif isinstance(part, cst.Assign) and len(part.targets) == 1:
                mask = self.factor(part.value)
                if self.term(mask)[0] in MASKS:
                    masks[self.mask_key(part.targets[0].target)] = mask
        self.masks = masks
        self.terms.clear()  # they were read without the masks
        if other := next(filter(None, map(OTHER_ARRAYS.match, names)), None):
            self.foreign = f"the file uses {other[1]}, whose arrays are not NumPy's"
        elif not any(re.match(r"numpy(\.|$)", name) for name in names):
            self.foreign = "the file does not import NumPy"

    # What fits, and what speaks against it

    def match(self, node: Node) -> Match | None:
        if not isinstance(node, cst.Call | cst.BinaryOperation | cst.Assign | cst.AugAssign):
            return None
        bare, kept = self.without_keywords(node) if isinstance(node, cst.Call) else (node, [])
        for rule in RULES:
            for found in self.unify(rule.pattern, bare, {}):
                gradient = found.get("dout") or found.get("dx") or []
                numbers = (places[0] for name, places in found.items() if name not in ("dtype", "float"))
                if not any(map(is_constant, numbers)) and not any(
                    is_boolean(g) or self.saved_mask(g) for g in gradient
                ):
                    return Match(
                        rule, found, kept, {*rule.row.differs.split(), *(["dtype"] if "float" in found else [])}
                    )
        return None

    def without_keywords(self, node: cst.Call) -> tuple[cst.Call, list[cst.Arg]]:
        """Take away what the new call keeps: out=, also by position, and other keywords of ufuncs."""
        head = self.name(node.func)
        keywords = {"out", "where"} if head == "Multiply" else KEYWORDS
        arity = ARITY.get(head, 99) - self.is_method(node)
        args, kept = [], []
        for place, arg in enumerate(node.args):
            if head in ARITY and arg.keyword and arg.keyword.value in keywords:
                kept.append(arg)
            elif place == arity and not arg.keyword and not arg.star:
                kept.append(arg.with_changes(keyword=cst.Name("out")))
            else:
                args.append(arg)
        return (node.with_changes(args=args), kept) if kept else (node, [])

    def doubt(self, node: Node, match: Match) -> str:
        """Return why the text does not decide, or nothing."""
        rule, found = match.rule, match.found
        operands = {place for places in found.values() for place in places} | {arg.value for arg in match.kept}
        for part in expressions(node, operands):
            if isinstance(part, cst.Comment):
                return "a comment inside would be lost"
            if mask := self.saved_mask(part):
                return f"{SAVED_MASK} (line {self.start(mask)[0]})"
            function = part.func if isinstance(part, cst.Call) and not self.is_method(part) else None
            if (function or self.term(part)[0] == "inf") and not self.is_numpys(function or part):
                return f"{code(function or part)} is not known to be NumPy's"
        if rule.row.by_hand:
            return rule.row.by_hand
        if rule.pattern[0] != "maximum" and self.foreign:
            return self.foreign
        if compiler := self.compiler(node):
            return f"{compiler} may not know relu_ext"
        names = [name for _, name in rule.arguments]
        calls = [name for name in names if acts(found[name][0])]
        for name in calls:
            if max(len(found[name]), names.count(name)) > 1:
                return f"{code(found[name][0])} would be called another number of times"
        places = [self.start(found[name][0]) for name in dict.fromkeys(names)]
        if calls and places != sorted(places):
            return "calls would be made in another order"
        if isinstance(node, cst.AugAssign) and not is_surely_a_view(node.target):
            return f"{code(node.target)} may be a number, or the copy that a fancy index makes"
        if names[0] in ("dout", "dx"):
            gradient, x = found[names[0]][0], found[names[1]][0]
            if code(x) in map(code, expressions(gradient)):
                return f"{code(gradient)} is made of {code(x)}"
            if not reads_as_gradient(gradient, x):
                return f"nothing tells that {code(gradient)} is a gradient"
        return ""

    def start(self, node: Node) -> tuple[int, int]:
        start = self.get_metadata(PositionProvider, node).start
        return start.line, start.column

    def compiler(self, node: Node | None) -> str:
        """Return the decorator of a function round this, if it looks like that of a compiler."""
        while node := self.get_metadata(ParentNodeProvider, cast(Node, node), None):
            for decorator in node.decorators if isinstance(node, cst.FunctionDef) else ():
                if COMPILER.search(code(decorator.decorator)):
                    return "@" + code(decorator.decorator)
        return ""

    # The visit

    def on_visit(self, node: Node) -> bool:
        if isinstance(node, cst.FormattedStringExpression) and node.equal:
            return False  # it prints its own source
        if isinstance(node, cst.IndentedBlock):
            self.headers[node], self.differs = self.differs, set()
        match = None if node in self.left else self.match(node)
        if match and (reason := self.doubt(node, match)):
            call = code(self.call_for(match, lambda operand: operand))
            self.notes.append(Note(self.start(node)[0], f"{' '.join(code(node).split())}: {reason}; by hand: {call}"))
            self.left.update(walk(node, {place for places in match.found.values() for place in places}))
        elif match:
            self.matches[node] = match
            return False
        return super().on_visit(node)

    def on_leave(self, original_node: Node, updated_node: Node) -> Node:  # type: ignore[override]
        node = cast(Node, super().on_leave(original_node, updated_node))
        if original_node in self.matches:
            return self.replaced(original_node, self.matches[original_node])
        if isinstance(node, cst.IndentedBlock):
            return self.commented(node, "header", self.headers.pop(original_node))
        if isinstance(node, cst.SimpleStatementLine | cst.SimpleStatementSuite | cst.Decorator):
            differs, self.differs = self.differs, set()
            return self.commented(node, "trailing_whitespace", differs)
        return node

    def replaced(self, node: Node, match: Match) -> Node:
        call = self.call_for(match, lambda operand: cast(Node, operand.visit(self)))
        self.used.add(match.rule.function)
        self.differs |= match.differs
        if isinstance(node, cst.Assign | cst.AugAssign):
            return cst.Expr(call, semicolon=node.semicolon)
        expression = cast(cst.BaseExpression, node)
        line, column = self.start(node)
        if not expression.lpar and re.search(r"\w$", self.lines[line - 1][:column]):  # return(x > 0) * dout
            return call.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        return call.with_changes(lpar=expression.lpar, rpar=expression.rpar)

    def call_for(self, match: Match, visit: Callable[[Node], Node]) -> cst.Call:
        operands = {name: visit(match.found[name][0]) for _, name in match.rule.arguments}
        arguments = [(keyword, operands[name]) for keyword, name in match.rule.arguments]
        arguments += [(arg.keyword.value, visit(arg.value)) for arg in match.kept if arg.keyword]
        texts = [f"{keyword}=_" if keyword else "_" for keyword, _ in arguments]
        call = cst.ensure_type(
            cst.parse_expression(f"{self.prefix}{match.rule.function}({', '.join(texts)})"), cst.Call
        )
        values = [without_parentheses(value) for _, value in arguments]
        return call.with_changes(args=[a.with_changes(value=v) for a, v in zip(call.args, values, strict=True)])

    def commented(self, node: Node, place: str, differs: set[str]) -> Node:
        if not differs or not self.comments:
            return node
        end: cst.TrailingWhitespace = getattr(node, place)
        told = f"# relu_ext: {', '.join(key for key in DIFFERENCES if key in differs)} may differ"
        space, before = (end.whitespace, f"{end.comment.value}  ") if end.comment else (cst.SimpleWhitespace("  "), "")
        return node.with_changes(**{place: end.with_changes(whitespace=space, comment=cst.Comment(before + told))})


# Questions about nodes


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


def expressions(node: Node, but: Collection[Node] = ()) -> Iterator[Node]:
    """Walk, but not over the names of attributes."""
    return walk(node, {*but, *(part.attr for part in walk(node) if isinstance(part, cst.Attribute))})


def reads_as_gradient(node: Node, x: Node) -> bool:
    """Whether a name in it is like dout, dZ, grad_h, delta, or is d and the name of x: dhidden for hidden_layer."""
    names, of_x = ([part.value for part in walk(n) if isinstance(part, cst.Name)] for n in (node, x))
    derived = (
        n[0] in "dg" and len(n) > 2 and x_name.lower().startswith(n[1:].lower()) for n in names for x_name in of_x
    )
    return any(derived) or any(map(GRADIENT.search, names))


def without_parentheses(node: Node) -> cst.BaseExpression:
    expression = cast(cst.BaseExpression, node.deep_clone())
    needed = isinstance(expression, cst.Tuple | cst.GeneratorExp | cst.NamedExpr | cst.Yield)
    if needed or any(isinstance(part, cst.Comment) for paren in expression.lpar for part in walk(paren)):
        return expression
    return expression.with_changes(lpar=[], rpar=[])


# The import


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


def rewrite(source: bytes, comments: bool = True) -> tuple[bytes, list[Note]]:
    """Return the source with the spellings of the table replaced, and notes of what was left alone."""
    with warnings.catch_warnings(action="ignore"):
        ast.parse(source)  # has the better messages, and LibCST overflows the stack on what is nested too deeply
    wrapper = MetadataWrapper(cst.parse_module(source))
    scopes = {scope for scope in wrapper.resolve(ScopeProvider).values() if scope}
    here = [
        alias
        for line in head_of(wrapper.module)
        for part in line.body
        for module, name, alias in imports(part)
        if (module, name) == ("relu_ext", "")
    ]
    prefix = statement = ""
    if here or any(is_taken(name, f"relu_ext.{name}", scopes) for name in FUNCTIONS):
        choices = itertools.chain(here, ["relu_ext"], (f"relu_ext_{n}" for n in itertools.count(1)))
        name = next(name for name in choices if not is_taken(name, "relu_ext", scopes))
        prefix = name + "."
        statement = "import relu_ext" + (f" as {name}" if name != "relu_ext" else "")
    migrator = Migrator(prefix, comments)
    module = wrapper.visit(migrator)
    names = set() if prefix else migrator.used
    if migrator.used and not (prefix and name in here):
        module = add_import(module, statement or f"from relu_ext import {', '.join(sorted(names))}", names)
    return (module.bytes if migrator.used else source), sorted(migrator.notes)
