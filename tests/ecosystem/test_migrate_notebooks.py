"""`python -m relu_ext.migrate` on notebooks: cells as one script, IPython's lines, and the file around the sources."""

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("libcst", reason="libcst is not installed: pip install '.[migrate]'")
pytest.importorskip("nbformat", reason="nbformat is not installed: pip install '.[migrate]'")

import nbformat

from relu_ext.migrate import __main__ as command
from relu_ext.migrate import notebooks, report
from relu_ext.migrate.files import Part, Result
from relu_ext.migrate.rewrite import Note, rewrite

TOUR = Path(__file__).resolve().parents[2] / "docs" / "tour.ipynb"
IMPORTS = "import numpy as np"
OLD, NEW = "y = np.maximum(0, x)  # ReLU", "y = relu(x)  # ReLU"
IMPORT = "from relu_ext import relu"
WITHOUT_COMMENTS = partial(rewrite, comments=False)


def cell(source: str, number: int = 0, kind: str = "code") -> dict[str, Any]:
    text: dict[str, Any] = {"cell_type": kind, "id": f"id-{number}", "metadata": {"tags": ["é", "\u2028"]}}
    if kind == "code":
        output = {"name": "stdout", "output_type": "stream", "text": ["y = np.maximum(0, x)\n", "ünï"]}
        text |= {"execution_count": number, "outputs": [output]}
    return text | {"source": source}


def notebook(*sources: str, **metadata: Any) -> dict[str, Any]:
    cells = [cell("# ReLU\n`y = np.maximum(0, x)`", 0, "markdown"), *map(cell, sources, range(1, 99))]
    return {"metadata": metadata, "nbformat": 4, "nbformat_minor": 5, "cells": cells}


def migrated(content: dict[str, Any] | bytes, rewrite: Any = WITHOUT_COMMENTS) -> Result:
    """Migrate, and check that no more than the sources named as parts has changed."""
    content = content if isinstance(content, bytes) else json.dumps(content).encode()
    result = notebooks.migrate(content, rewrite)
    old, new = json.loads(content), json.loads(result.content)
    for part in result.parts:
        source = new["cells"][int(part.place.removeprefix(":cell ")) - 1]["source"]
        assert "".join(source) == part.after.decode()
        old["cells"][int(part.place.removeprefix(":cell ")) - 1]["source"] = source
    assert new == old
    nbformat.validate(nbformat.from_dict(new))
    return result


def sources(*cells: str, **metadata: Any) -> list[str]:
    """Return the new sources of code cells."""
    result = migrated(notebook(*cells, **metadata))
    assert migrated(result.content).parts == [], "the second time nothing is left to change"
    return [cell["source"] for cell in json.loads(result.content)["cells"][1:]]


# Cells as one script


def test_names_and_imports_carry_over():
    assert sources(IMPORTS, "def f(x):\n    return 1", OLD) == [
        f"{IMPORTS}\n{IMPORT}",
        "def f(x):\n    return 1",
        NEW,
    ]
    assert sources(IMPORTS, OLD, "def relu(x): pass")[1] == NEW.replace("relu(", "relu_ext.relu(", 1)
    assert sources(f"{IMPORTS}\nimport relu_ext as r", OLD)[1] == NEW.replace("relu(", "r.relu(", 1)
    assert sources("from jax import numpy as np", OLD)[1] == OLD


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([f"{IMPORTS}\n", OLD], [f"{IMPORTS}\n{IMPORT}\n", NEW]),
        ([f"{IMPORTS}\n\n\n", OLD], [f"{IMPORTS}\n{IMPORT}\n\n\n", NEW]),
        ([f"{IMPORTS}\n{OLD}"], [f"{IMPORTS}\n{IMPORT}\n\n{NEW}"]),
        (["import os", "import sys\n\n" + IMPORTS, OLD], ["import os", f"import sys\n\n{IMPORTS}\n{IMPORT}", NEW]),
        (["%matplotlib inline\n" + IMPORTS, OLD], [f"%matplotlib inline\n{IMPORTS}\n{IMPORT}", NEW]),
        (["!pip install x", "# Here\n" + IMPORTS, OLD], ["!pip install x", f"# Here\n{IMPORTS}\n{IMPORT}", NEW]),
        (["", "# nothing", IMPORTS, OLD], ["", "# nothing", f"{IMPORTS}\n{IMPORT}", NEW]),
        (["from relu_ext import dead_units", IMPORTS, OLD], ["from relu_ext import relu, dead_units", IMPORTS, NEW]),
        # Not in the first cell, which NumPy's import is not in.
        (["from a import b\nb()", IMPORTS, OLD], ["from a import b\nb()", f"{IMPORTS}\n{IMPORT}", NEW]),
        (["a = 1", "b = 2", IMPORTS, OLD, "c"], ["a = 1", "b = 2", f"{IMPORTS}\n{IMPORT}", NEW, "c"]),
        # But where it is needed earlier.
        (
            [f"def f(x):\n    {OLD}", IMPORTS + " , sys", OLD],
            [f"def f(x):\n    {OLD}", IMPORTS + " , sys", NEW],
        ),
        ([f"def f(x):\n    {IMPORTS}\n    {OLD}"], [f"{IMPORT}\n\ndef f(x):\n    {IMPORTS}\n    {NEW}"]),
        # Above comments, but in a cell that has code.
        (
            ["# Install\n!pip install a", f"# On f\ndef f(x):\n    {IMPORTS}\n    {OLD}"],
            ["# Install\n!pip install a", f"{IMPORT}\n\n# On f\ndef f(x):\n    {IMPORTS}\n    {NEW}"],
        ),
        (["%%time\n" + IMPORTS, OLD], [f"%%time\n{IMPORTS}\n{IMPORT}", NEW]),
        (["%%time\nfrom a import b", OLD], ["%%time\nfrom a import b", OLD]),
        # What is imported in %%timeit is local to it.
        (["%%timeit\n" + IMPORTS, IMPORTS, OLD], ["%%timeit\n" + IMPORTS, f"{IMPORTS}\n{IMPORT}", NEW]),
        (
            ["a = 1", "%%timeit\n" + IMPORTS, IMPORTS, OLD],
            ["a = 1", "%%timeit\n" + IMPORTS, f"{IMPORTS}\n{IMPORT}", NEW],
        ),
    ],
)
def test_where_the_import_lands(before, after):
    if "def f(x):\n    y = np.maximum(0, x)" in before[0]:
        after = [f"{IMPORT}\n\ndef f(x):\n    {NEW}", *after[1:]]
    assert sources(*before) == after


def test_lines_of_notes():
    def noted(source):
        lines = source.decode().split("\n")
        places = [n for n, line in enumerate(lines, 1) if line.startswith("note")]
        return source, [Note(n, f"a mask (line {places[0]}); by hand: f") for n in places]

    result = migrated(notebook("a\nnote = 1", "%%bash\nls", "%%time\n\n!ls \\\n  -l\nnote\nnote"), noted)
    assert result.by_hand == [
        (":cell 2:line 2", "a mask (cell 2:line 2); by hand: f"),
        (":cell 4:line 5", "a mask (cell 2:line 2); by hand: f"),
        (":cell 4:line 6", "a mask (cell 2:line 2); by hand: f"),
    ]


def test_what_looks_like_the_declaration_of_an_encoding():
    assert sources(f"# coding: latin-1\n{IMPORTS}\n'é'", OLD)[0] == f"# coding: latin-1\n{IMPORTS}\n{IMPORT}\n\n'é'"


def test_line_ends():
    assert sources(IMPORTS, f"!ls\r\n{OLD}\r\n")[1] == f"!ls\r\n{NEW}\r\n"
    result = migrated(notebook(IMPORTS, OLD, f"a\r\n{OLD}\n{OLD}"))
    assert [place for place, _ in result.left_out] == [":cell 4:line 1"]
    assert len(result.parts) == 2


def test_comments_like_ours_in_cells():
    assert sources(IMPORTS, f"# --\n# --1\n# --0\n# ---2\n{OLD}")[1] == f"# --\n# --1\n# --0\n# ---2\n{NEW}"


def test_a_rewriter_that_mixes_up_cells():
    with pytest.raises(ValueError, match="could not be told apart"):
        migrated(notebook("a", "b"), lambda source: (source.replace(b"# --1", b""), []))


# IPython


@pytest.mark.parametrize(
    "line",
    [
        "%time f(x)",
        "%matplotlib inline",
        "%timeit -n 10 np.maximum(0, x)",
        "!pip install 'a",
        "!ls \\\n  -l \\\n  '",
        "!!ls",
        "files = !ls",
        "a, b['='] = %sql select '\n!echo (",
        "d[\n  1] = !ls",
        "np.maximum(x[0], 1)[0] = %who (",
        "relu?",
        "??np.maximum",
        "np.*max*?",
        "%time?",
        "a = np.maximum?",
        "/f 1 2",
        ",f a b",
        ";f a b",
        "if a:\n    !ls\nelse:\n\t%time x\n    # a comment?",
        "for a in b:\n    c = !ls {a}\n    !ls (\n    np?\n    if c:\n      %cd ..\n    d",
        "try:\n    import a\nexcept ImportError:\n    %pip install a\n",
        "s = '''\n!ls\n%time\nwhat?\n'''\n!ls",
        'f"{a=!r}" + "?" # what?\n%time',
        "(a\n % b)\n%time b",
        "a = b \\\n  % c\n%time '",
        "x = {'a': [\n'''?''']}\nx?",
    ],
)
def test_lines_of_ipython(line):
    old = f"{OLD}\n{line}\n{OLD}"
    assert sources(IMPORTS, old)[1] == old.replace(OLD, NEW)
    assert sources(IMPORTS, line, OLD)[1:] == [line, NEW]


def test_what_a_magic_assigns_is_a_name():
    assert sources(IMPORTS, "relu = !which relu", OLD)[2] == NEW.replace("relu(", "relu_ext.relu(", 1)


@pytest.mark.parametrize(
    "head", ["%%time", "%%timeit -n 10", "%%capture out", "\n \n%%time", "%%capture\n%%time", "%%prun"]
)
def test_cell_magics_of_python(head):
    assert sources(IMPORTS, f"{head}\n{OLD}")[1] == f"{head}\n{NEW}"
    assert sources(IMPORTS, OLD, head)[2] == head


@pytest.mark.parametrize(
    "head", ["%%bash", "%%html -x", "%%javascript", "%%writefile a.py", "%%capture\n%%bash", "\n%%R", "%%python2"]
)
def test_cell_magics_of_others(head):
    result = migrated(notebook(IMPORTS, f"{head}\n{OLD}", OLD))
    assert [part.place for part in result.parts] == [":cell 2", ":cell 4"]
    assert result.left_out == []


@pytest.mark.parametrize(
    ("source", "line"), [("\nprint 'a'", 2), ("%%time\n!ls\nif (", 3), ("x\0", 1), ("\ud800", 1), ("  x\n y", 1)]
)
def test_a_cell_that_is_not_python(source, line):
    result = migrated(notebook(IMPORTS, source, OLD))
    assert [part.place for part in result.parts] == [":cell 2", ":cell 4"]
    ((place, text),) = result.left_out
    assert place.startswith(":cell 3:line ")
    assert place.endswith(str(line)) or sys.version_info >= (3, 12)
    assert text.startswith("the cell is left alone: ")
    assert len(text) > 30


@pytest.mark.parametrize(
    ("metadata", "language"),
    [
        ({"kernelspec": {"language": "julia", "name": "julia-1.11", "display_name": "Julia"}}, "julia"),
        ({"language_info": {"name": "R"}}, "R"),
        ({"kernelspec": {"language": "python", "name": "a", "display_name": "a"}}, ""),
        ({"language_info": {"name": "python"}}, ""),
    ],
)
def test_languages(metadata, language):
    result = migrated(notebook(IMPORTS, OLD, **metadata))
    assert result.left_out == ([("", f"its language is {language}: left alone")] if language else [])
    assert bool(result.parts) == (not language)


# The file around the sources


def lists(content: dict[str, Any]) -> dict[str, Any]:
    return content | {"cells": [c | {"source": c["source"].splitlines(keepends=True)} for c in content["cells"]]}


@pytest.mark.parametrize("listed", [False, True], ids=["string", "list"])
@pytest.mark.parametrize(
    "style",
    [
        {"indent": 1},
        {"indent": 1, "ensure_ascii": False, "sort_keys": True},
        {"indent": 4},
        {"indent": "\t"},
        {},
        {"separators": (",", ":"), "ensure_ascii": False},
        {"indent": 0, "separators": (",", " :  ")},
    ],
    ids=str,
)
@pytest.mark.parametrize("end", ["", "\n", " \n\n"])
def test_the_bytes_of_the_file(listed, style, end):
    before = notebook(IMPORTS, f"'é\u2028'\n{OLD}", OLD, "", "a = 'é\\n'")
    after = notebook(f"{IMPORTS}\n{IMPORT}", f"'é\u2028'\n{NEW}", NEW, "", "a = 'é\\n'")
    old, new = (
        (end[:1] + json.dumps(lists(content) if listed else content, **style) + end).encode()
        for content in (before, after)
    )
    assert migrated(old).content == new
    assert migrated(old.replace(b"\n", b"\r\n")).content == new.replace(b"\n", b"\r\n")


def test_as_nbformat_writes():
    before, after = (
        nbformat.writes(nbformat.from_dict(notebook(*code))).encode()
        for code in ((IMPORTS, OLD), (f"{IMPORTS}\n{IMPORT}", NEW))
    )
    assert migrated(before).content == after


def test_lines_that_stay_keep_their_spelling():
    odd = json.dumps(notebook(IMPORTS, "X")).replace(
        '"X"', r'["\u0061 = \"\/\"\n" ,"# \u2028 a\n" ,"OLD"]'.replace("OLD", OLD)
    )
    new = migrated(odd.encode()).content.decode()
    assert new == odd.replace(OLD, NEW).replace(f'"{IMPORTS}"', f'"{IMPORTS}\\n{IMPORT}"')


def test_keys_that_come_twice():
    odd = json.dumps(notebook(IMPORTS, OLD)).replace('"source": "y', f'"source": "{OLD}", "source": "y')
    new = migrated(odd.encode()).content.decode()
    assert f'"source": "{OLD}", "source": "{NEW}"' in new, "the last one counts"


def test_the_tour_comes_back():
    if not TOUR.exists():
        pytest.skip("docs/ is not here")
    text = TOUR.read_bytes().decode()
    cells = nbformat.reads(text, as_version=4).cells
    assert notebooks.replaced(text, {n: cell.source for n, cell in enumerate(cells, 1)}) == text
    assert notebooks.migrate(text.encode(), rewrite).left_out == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"{}",
        b"\xff",
        b"\xef\xbb\xbf{}",
        b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}',
        b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": 5}',
        b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "code", "metadata": {}}]}',
        json.dumps(notebook(IMPORTS, OLD)).replace(f'"{OLD}"', "5").encode(),
        json.dumps(notebook(IMPORTS, OLD)).replace(f'"{OLD}"', "[5]").encode(),
        b'{"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": []}]}',
        b'{"nbformat": 99, "metadata": {}, "cells": []}',
    ],
)
def test_what_is_no_notebook(tmp_path, capsys, content):
    (tmp_path / "a.ipynb").write_bytes(content)
    assert command.main(["--write", str(tmp_path / "a.ipynb")]) == 2
    shown = capsys.readouterr().err
    assert shown.startswith(f"{tmp_path / 'a.ipynb'}: error: is not a notebook that nbformat can read")
    assert ("nbconvert" in shown) == (b'": 3' in content)
    assert (tmp_path / "a.ipynb").read_bytes() == content


@pytest.mark.parametrize("content", [notebook(), notebook("", "!ls", "# y"), notebook() | {"cells": []}])
def test_nothing_to_do(content):
    result = migrated(content)
    assert (result.parts, result.by_hand, result.left_out) == ([], [], [])


# The command


def test_the_command(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    old = json.dumps(notebook(IMPORTS, f"a\n{OLD}", "print 'a'"), indent=1)
    Path("a net.ipynb").write_text(old)
    assert command.main(["--no-comments", "--check", "--diff", "."]) == 1
    shown = capsys.readouterr()
    assert shown.out == (
        f"--- a net.ipynb:cell 2\n+++ a net.ipynb:cell 2\n@@ -1 +1,2 @@\n {IMPORTS}\n+{IMPORT}\n"
        f"--- a net.ipynb:cell 3\n+++ a net.ipynb:cell 3\n@@ -1,2 +1,2 @@\n a\n-{OLD}\n+{NEW}\n"
    )
    assert shown.err.startswith("a net.ipynb:cell 4:line 1: the cell is left alone: ")
    assert "\n1 file would be changed, 1 line\n" in shown.err
    assert Path("a net.ipynb").read_text() == old
    assert command.main(["--no-comments", "--write", "--quiet", "a net.ipynb"]) == 0
    assert Path("a net.ipynb").read_text() == old.replace(IMPORTS, f"{IMPORTS}\\n{IMPORT}").replace(
        f"a\\n{OLD}", f"a\\n{NEW}"
    )
    assert os.listdir() == ["a net.ipynb"]


def test_the_end_of_a_cell_is_no_change():
    part = Part(":cell 1", b"a\nb", b"a\nb\nc")
    assert report.lines_changed(part) == 0
    assert report.diff("a.ipynb", part)[2:] == [b"@@ -1,2 +1,3 @@\n", b" a\n", b" b\n", b"+c\n"]


def test_a_notebook_from_standard_input():
    call = [sys.executable, "-m", "relu_ext.migrate", "--no-comments", "-", "--write"]
    for content in json.dumps(notebook(IMPORTS, OLD), indent=1), '{"a": [null]}':
        result = subprocess.run(call, input=content, capture_output=True, text=True, check=True)
        assert result.stdout == content.replace(IMPORTS, f"{IMPORTS}\\n{IMPORT}").replace(f'"{OLD}"', f'"{NEW}"')


def test_without_nbformat(tmp_path):
    (tmp_path / "nbformat.py").write_text("raise ModuleNotFoundError('none', name='nbformat')")
    (tmp_path / "a.ipynb").write_text(json.dumps(notebook(IMPORTS, OLD)))
    (tmp_path / "b.py").write_text(f"{IMPORTS}\n{OLD}\n")
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    result = subprocess.run(
        [sys.executable, "-m", "relu_ext.migrate", "a.ipynb", "b.py"],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert result.returncode == 2
    assert result.stderr.startswith("a.ipynb: error: needs nbformat: pip install 'relu_ext[migrate]'\n")
    assert result.stdout.startswith("--- b.py\n")
