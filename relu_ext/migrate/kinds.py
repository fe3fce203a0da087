"""What a value surely is, as far as the text says: boolean, or of integers. Without it a changed line could fail."""

import re

import libcst as cst

from relu_ext.migrate.terms import COMPARE, Node, code
from relu_ext.migrate.text import Text

BOOLEAN_CALL = re.compile(
    r"^(logical_\w+|is(nan|inf|finite|close|in)\w*|greater|greater_equal|less|less_equal|equal|not_equal)$"
)
INTEGER_CALL = re.compile(r"^(arange|randint|integers|argmax|argmin|argsort)$")


def kind(text: Text, node: Node, depth: int = 4) -> str:
    """Return "bool", "int", or nothing where the text does not tell."""
    if isinstance(node, cst.Name) and depth:
        value = text.value_of(node, or_changed=True)
        return kind(text, value, depth - 1) if value is not None else kind_of_parameter(text, node, depth - 1)
    if isinstance(node, cst.Comparison | cst.BooleanOperation):
        return "bool"
    if isinstance(node, cst.UnaryOperation):
        return "bool" if isinstance(node.operator, cst.Not) else kind(text, node.expression, depth)
    if isinstance(node, cst.BinaryOperation):
        logical = isinstance(node.operator, cst.BitAnd | cst.BitOr | cst.BitXor)
        sides = {kind(text, side, depth) for side in (node.left, node.right)}
        return "bool" if logical and sides <= {"bool", ""} else ""
    if isinstance(node, cst.Call):
        return kind_of_call(text, node, depth)
    return ""


def kind_of_parameter(text: Text, name: cst.Name, depth: int) -> str:
    """Return what a function of the file is given, if all calls agree."""
    definitions = text.definitions(name)
    parameter = text.parent(definitions[0]) if len(definitions) == 1 else None
    parameter = parameter if isinstance(parameter, cst.Param) else definitions[0] if definitions else None
    function = text.function(parameter) if isinstance(parameter, cst.Param) else None
    if not isinstance(function, cst.FunctionDef):
        return ""
    names = [param.name.value for param in function.params.params]
    place = names.index(name.value) if name.value in names else 99
    kinds: set[str] = set()
    for call in text.calls.get(function.name.value, []):
        skipped = names[:1] == ["self"] and isinstance(call.func, cst.Attribute)
        given = [arg.value for arg in call.args if arg.keyword and arg.keyword.value == name.value]
        given += [arg.value for arg in call.args[place - skipped : place - skipped + 1] if not arg.keyword]
        kinds.update(kind(text, value, depth) for value in given)
    return kinds.pop() if len(kinds) == 1 else ""


def kind_of_call(text: Text, call: cst.Call, depth: int) -> str:
    name = text.name(call.func)
    if name in ("copy", "reshape", "ravel", "flatten", "transpose") and isinstance(call.func, cst.Attribute):
        of = call.args[0].value if text.is_module(call.func.value) and call.args else call.func.value
        return kind(text, of, depth)
    given = [a.value for a in call.args if a.keyword and a.keyword.value == "dtype"]
    if name in ("astype", "view") and call.args and not given:
        given = [call.args[0].value]
    if given:
        dtype = code(given[0]).split(".")[-1].strip("'\"")
        return "bool" if dtype in ("bool", "bool_") else "int" if re.match(r"u?int|[iu]\d$", dtype) else ""
    if BOOLEAN_CALL.match(name) or name in COMPARE:
        return "bool"
    if name in ("array", "asarray") and call.args and has_only_integers(call.args[0].value):
        return "int"
    are_integers = all(not isinstance(arg.value, cst.Float) for arg in call.args)
    return "int" if INTEGER_CALL.match(name) and are_integers else ""


def has_only_integers(node: Node) -> bool:
    if isinstance(node, cst.List | cst.Tuple):
        return bool(node.elements) and all(has_only_integers(element.value) for element in node.elements)
    if isinstance(node, cst.UnaryOperation):
        return has_only_integers(node.expression)
    return isinstance(node, cst.Integer)
