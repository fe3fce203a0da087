"""Rewrites notebooks: their code cells are one script. Of the file, only the sources of changed cells are replaced."""

import ast
import importlib
import json
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import libcst

from relu_ext.migrate.files import Part, Result, Rewrite, explain

#: Cell magics whose cell is Python. Others are left alone.
PYTHON_MAGICS = {"capture", "prun", "time", "timeit"}
CELL_MAGIC = re.compile(r"(?:[ \t]*\n)*%%([^\s?]+)(?:[ \t][^\n]*)?(?:\n|$)")
#: The rest of a line, with the lines that a backslash joins to it.
REST = r"(?:\\\n|[^\n])*"
#: At the beginning of a line these are IPython's, never Python's.
ESCAPED = re.compile(rf"[ \t]*[%!?,;/]{REST}\n?")
TOKEN = re.compile(
    rf"""
    \#[^\n]* | \\\n
    | \"{{3}} (?:\\.|[^\\])*? \"{{3}} | '{{3}} (?:\\.|[^\\])*? '{{3}}
    | " (?:\\.|[^"\\\n])* " | ' (?:\\.|[^'\\\n])* '
    | (?P<open>[(\[{{]) | (?P<close>[)\]}}])
    | = [ \t]* (?P<assigned>(?:!|%\w){REST})
    | (?P<help>\?)
    | (?P<newline>\n)
    | .
    """,
    re.VERBOSE | re.DOTALL,
)
SPACE = re.compile(r"[ \t\r\n]*")
DECODE = json.JSONDecoder().raw_decode


class Piece(NamedTuple):
    """A code cell as a piece of the script."""

    number: int  # among all cells, from 1
    source: str  # as in the notebook
    magics: str  # the lines of cell magics above the code
    code: str  # what is IPython's is hidden in it
    hidden: dict[str, str]  # lines as they were
    newline: str

    @property
    def is_timed(self) -> bool:
        """Whether it runs as a function, whose names are local."""
        return "%%timeit" in self.magics


def migrate(content: bytes, rewrite: Rewrite) -> Result:
    """Rewrite a notebook. ValueError if it cannot be read."""
    text, cells, language = read(content)
    if language.lower() not in ("", "python", "python3", "ipython"):
        return Result(content, [], [], [("", f"its language is {language}: left alone")])
    sources = {n: cell["source"] for n, cell in enumerate(cells, 1) if cell.get("cell_type") == "code"}
    mark = "# --"
    while any(mark in source for source in sources.values()):
        mark += "-"
    pieces, left_out = [], []
    for number, source in sources.items():
        try:
            if piece := piece_of(number, source, mark):
                pieces.append(piece)
        except (SyntaxError, ValueError, MemoryError, RecursionError, libcst.ParserSyntaxError) as error:
            line, why = explain(error)
            left_out.append((f":cell {number}:line {line or 1}", f"the cell is left alone: {why}"))
    while pieces and pieces[0].is_timed:  # the import would be local to it
        pieces.pop(0)
    if not pieces:
        return Result(content, [], [], left_out)
    sources_after, notes = with_numpys_first(pieces, mark, rewrite)
    changed = {p.number: new for p, new in zip(pieces, sources_after, strict=True) if new != p.source}
    parts = [Part(f":cell {n}", sources[n].encode(), new.encode()) for n, new in changed.items()]
    return Result(replaced(text, changed).encode(), parts, notes, left_out)


def read(content: bytes) -> tuple[str, list[dict[str, Any]], str]:
    """Return the text of a notebook, its cells, and its language."""
    try:
        reader = importlib.import_module("nbformat.reader")  # which has no types
    except ModuleNotFoundError as error:
        if error.name != "nbformat":
            raise
        raise ValueError("needs nbformat: pip install 'relu_ext[migrate]'") from None
    unreadable = "is not a notebook that nbformat can read"
    try:
        text = content.decode()
        notebook = reader.reads(text)
        version, metadata = notebook["nbformat"], notebook.get("metadata", {})
        information, kernel = (metadata.get(key) or {} for key in ("language_info", "kernelspec"))
        language = str(information.get("name") or kernel.get("language") or "")
        cells = list(notebook["cells"]) if version == 4 else []
        readable = all(isinstance(cell["source"], str) for cell in cells)
    except Exception as error:  # whatever the JSON makes nbformat stumble on
        raise ValueError(unreadable) from error
    if version != 4:
        raise ValueError(
            f"{unreadable} as version 4, it has {version}: `jupyter nbconvert --to notebook --inplace` converts it"
        )
    if not readable:
        raise ValueError(unreadable)
    return text, cells, language


# What is IPython's in a cell


def piece_of(number: int, source: str, mark: str) -> Piece | None:
    """Return a cell as a piece of the script, if it has Python in it. SyntaxError if it is neither language."""
    newline = "\r\n" if "\r\n" in source else "\n"
    lines = source.replace("\r\n", "\n")
    if "\r" in lines or lines.replace("\n", newline) != source:
        raise ValueError("its lines do not all end alike")
    end = 0
    while magic := CELL_MAGIC.match(lines, end):
        if magic[1] not in PYTHON_MAGICS:
            return None
        end = magic.end()
    magics, code = lines[:end], lines[end:]
    hidden: dict[str, str] = {}
    try:
        body = parsed(code)
    except SyntaxError:
        code, hidden = hide(code, f"{mark}{number}.")
        try:
            body = parsed(code)
        except SyntaxError as error:
            error.lineno = (error.lineno or 1) + magics.count("\n")
            raise
    return Piece(number, source, magics, code, hidden, newline) if body else None


def parsed(code: str) -> list[ast.stmt]:
    with warnings.catch_warnings(action="ignore"):
        body = ast.parse(code).body
    libcst.parse_module(code)
    return body


def hide(code: str, mark: str) -> tuple[str, dict[str, str]]:
    """Put something into the place of each line that is IPython's: a comment, or a statement where one is needed."""
    hidden: dict[str, str] = {}
    result = []
    for text, is_ipythons, target in logical_lines(code):
        if not is_ipythons:
            result.append(text)
            continue
        lines = text.split("\n")
        indent = lines[0][: len(lines[0]) - len(lines[0].lstrip(" \t"))]
        statement = f"{target}= None  " if target and "\n" not in target else f"{indent}pass  " if indent else ""
        for place, line in enumerate(lines):
            if line or place < len(lines) - 1:
                key = f"{mark}{len(hidden)}."
                hidden[key] = line
                lines[place] = (statement if not place else "") + key
        result.append("\n".join(lines))
    return "".join(result), hidden


def logical_lines(code: str) -> Iterator[tuple[str, bool, str]]:
    """Yield logical lines, whether each is IPython's, and the target if it is an assignment of IPython's."""
    position = 0
    while position < len(code):
        start, depth, is_ipythons, target = position, 0, False, ""
        if escaped := ESCAPED.match(code, start):
            position = escaped.end()
            yield escaped[0], True, ""
            continue
        for token in TOKEN.finditer(code, start):
            position = token.end()
            depth += bool(token["open"]) - bool(token["close"])
            if token["newline"] and depth <= 0:
                break
            if depth <= 0 and (token["assigned"] or token["help"]):
                is_ipythons = True
                target = code[start : token.start()] if token["assigned"] else ""
        yield code[start:position], is_ipythons, target


# Cells as one script


def with_numpys_first(pieces: list[Piece], mark: str, rewrite: Rewrite) -> tuple[list[str], list[tuple[str, str]]]:
    """Rewrite. Where the import would not stand beside NumPy's, begin with the cell that has NumPy's, if that helps."""
    sources, notes = rewritten(pieces, mark, rewrite)
    first = next((k for k, piece in enumerate(pieces) if not piece.is_timed and imports_numpy(piece.code)), 0)
    early = [k for k in range(first) if sources[k] != pieces[k].source]
    if len(early) == 1 and only_imports(pieces[early[0]].source, sources[early[0]]):
        turned, _ = rewritten(pieces[first:] + pieces[:first], mark, rewrite)
        turned = turned[-first:] + turned[:-first]
        wanted = [*sources]
        wanted[early[0]], wanted[first] = pieces[early[0]].source, turned[first]
        if turned == wanted:
            sources = turned
    return sources, notes


def imports_numpy(code: str) -> bool:
    modules: list[str] = []
    for node in parsed(code):
        if isinstance(node, ast.Import):
            modules += [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            modules.append(node.module or "")
    return any(re.match(r"numpy(\.|$)", module) for module in modules)


def only_imports(before: str, after: str) -> bool:
    """Whether the only new line is an import of relu_ext."""
    new = [line for line in after.split("\n") if not re.match(r"(from|import) relu_ext\b", line)]
    return [line for line in new if line.strip()] == [line for line in before.split("\n") if line.strip()]


def rewritten(pieces: Sequence[Piece], mark: str, rewrite: Rewrite) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the new sources, and the notes."""
    script = f"{mark}\n\n"  # so that no line of a cell is taken for a declaration of the encoding
    starts = []
    for place, piece in enumerate(pieces):
        end_of_imports = "pass  " if piece.is_timed else ""
        script += f"{end_of_imports}{mark}{place}\n"
        starts.append(script.count("\n"))
        script += piece.code + "\n"
    after, notes = rewrite(script.encode())
    above, *texts = re.split(rf"^(?:pass  )?{mark}(\d+)\n", after.decode(), flags=re.MULTILINE)
    if texts[::2] != [str(place) for place in range(len(pieces))] or mark not in above:
        raise ValueError("its cells could not be told apart after the change")
    codes = texts[1::2]
    codes[0] = above.replace(mark, "", 1).lstrip("\n") + codes[0]
    return [source_of(*pair) for pair in zip(pieces, codes, strict=True)], placed(notes, pieces, starts)


def source_of(piece: Piece, code: str) -> str:
    """Return the source of a cell: hidden lines as they were, and as many empty lines at the end as before."""
    end = piece.code[len(piece.code.rstrip("\n")) :]
    lines = (code.rstrip("\n") + end).split("\n")
    keys = [next((key for key in piece.hidden if key in line), "") for line in lines]
    lines = [piece.hidden[key] if key else line for key, line in zip(keys, lines, strict=True)]
    return (piece.magics + "\n".join(lines)).replace("\n", piece.newline)


def placed(notes: Sequence[tuple[int, str]], pieces: Sequence[Piece], starts: list[int]) -> list[tuple[str, str]]:
    """Say lines of the script, also those in the texts, as lines of cells."""

    def place(line: int) -> tuple[int, int]:
        index = max(k for k, start in enumerate(starts) if start < line)
        return pieces[index].number, line - starts[index] + pieces[index].magics.count("\n")

    result = []
    for line, text in notes:
        cell = place(line)
        told = re.sub(r"\(line (\d+)\)", lambda found: "(cell {}:line {})".format(*place(int(found[1]))), text)
        result.append((":cell {}:line {}".format(*cell), told))
    return result


# The JSON


def replaced(text: str, changed: dict[int, str]) -> str:
    """Return the notebook with the sources of some cells, which count from 1, replaced."""
    start = SPACE.match(text).end()  # type: ignore[union-attr]
    begin = {key: value for key, value, _ in members(text, start)}["cells"]
    cells = [value for _, value, _ in members(text, begin)]
    for number, source in sorted(changed.items(), reverse=True):
        spans = {key: (value, end) for key, value, end in members(text, cells[number - 1])}
        value, end = spans["source"]
        gap = text[value - 1] if text[value - 1] == " " else ""
        text = text[:value] + written_alike(text[value:end], source, gap) + text[end:]
    return text


def members(text: str, start: int) -> Iterator[tuple[str | int, int, int]]:
    """Yield of each member of an object or array its key or place, and where its value begins and ends."""

    def skip(position: int) -> int:
        return SPACE.match(text, position).end()  # type: ignore[union-attr]

    place = 0
    position = skip(start + 1)
    while text[position] not in "]}":
        key: str | int = place
        if text[start] == "{":
            key, position = DECODE(text, position)
            position = skip(skip(position) + 1)  # past the colon
        _, end = DECODE(text, position)
        yield key, position, end
        position = skip(end)
        if text[position] == ",":
            position = skip(position + 1)
        place += 1


def written_alike(old: str, source: str, gap: str) -> str:
    """Return the JSON of a source, a string or a list of strings as the old one was, with its spaces and escapes."""
    ascii_only = old.isascii()
    if old[0] == '"':
        return json.dumps(source, ensure_ascii=ascii_only)
    spans = [span[1:] for span in members(old, 0)]
    texts = {DECODE(old, begin)[0]: old[begin:end] for begin, end in spans}
    first, last = old[: spans[0][0]], old[spans[-1][1] :]
    between = old[spans[0][1] : spans[1][0]] if len(spans) > 1 else "," + (first[1:] or gap)
    lines = source.splitlines(keepends=True)  # as nbformat does, which tells more line ends than JupyterLab
    before = [DECODE(old, begin)[0] for begin, _ in spans]
    if before != "".join(before).splitlines(keepends=True):
        lines = re.findall(r"[^\n]*\n|[^\n]+", source)
    return first + between.join(texts.get(line) or json.dumps(line, ensure_ascii=ascii_only) for line in lines) + last
