"""The package as it is handed over: stubs, docstrings, README, symbols, the command line."""

import doctest
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from reference import OPS

import relu_ext
from relu_ext import _core, _docs
from relu_ext.migrate.spellings import COMPACT, ROWS

pytestmark = pytest.mark.subprocess

ROOT = Path(__file__).parent.parent
FUNCTIONS = [name for name in relu_ext.__all__ if callable(getattr(relu_ext, name))]


def run(*command: str, **environment: str) -> str:
    result = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def run_doctest(text: str, name: str) -> int:
    test = doctest.DocTestParser().get_doctest(text, {}, name, None, 0)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    shown: list[str] = []
    runner.run(test, out=shown.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(shown)
    return len(test.examples)


def test_public_names():
    assert sorted(relu_ext.__all__) == relu_ext.__all__
    assert dir(relu_ext) == sorted([*relu_ext.__all__, "__version__"])
    assert {op.ufunc.__name__ for op in OPS} <= set(FUNCTIONS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_docstrings(name):
    doc = getattr(relu_ext, name).__doc__
    sections = re.findall(r"^ *(.+)\n *-{3,}$", doc, re.MULTILINE)
    if name == "show_runtime":
        assert sections == ["Examples"]
        return
    expected = ["Parameters", "Returns", "Raises", "See Also", "Notes", "References", "Examples"]
    assert sections == [s for s in expected if s in sections]
    assert set(expected) - set(sections) <= {"References"}
    for told in ("shape", "dtype", "NaN", "TypeError", "zero"):
        assert told in doc.replace("Zero", "zero"), told
    assert max(len(line) for line in doc.splitlines()[1:]) <= 88
    assert run_doctest(doc, name) >= 3


class OldUfunc:
    """As before NumPy 2.2: its docstring is read-only."""

    nin = 1
    __doc__ = property(lambda self: "")


def test_numpy_before_2_2(monkeypatch):
    monkeypatch.setattr(_docs, "_core", SimpleNamespace(**dict.fromkeys(_docs._DOCS, OldUfunc())))
    monkeypatch.setattr(np, "__version__", "2.1.3")
    with pytest.raises(ImportError, match=r"relu_ext requires NumPy 2\.2 or later, not 2\.1\.3: pip install"):
        _docs.describe_ufuncs()


def test_module_docstring_names_the_functions():
    assert all(op.ufunc.__name__ in relu_ext.__doc__ for op in OPS)


def test_readme():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    assert run_doctest(text, "README.md") >= 6
    timed = next(code for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "%timeit" in code)
    names: dict[str, object] = {}
    exec(timed.replace("%timeit", "_ ="), names)
    assert timed.count("%timeit") == 4
    np.testing.assert_array_equal(names["_"], names["dout"] * (names["x"] > 0))  # the last line's result


def test_the_table_of_migrate():
    printed = run(sys.executable, "-m", "relu_ext.migrate", "--table")
    rows = re.findall(r"^\| `.*", printed, re.MULTILINE)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert sum(row in readme for row in rows) == 3
    assert f"has all {len(rows)} rows" in readme
    if (page := ROOT / "docs" / "migration.md").exists():  # not beside a wheel's tests
        assert f"\n\n{printed}\n" in page.read_text(encoding="utf-8")


@pytest.mark.skipif(not (ROOT / "docs").exists(), reason="the files are not here: not a checkout")
@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"])
def test_relative_links_lead_somewhere(name):
    links = re.findall(r"\]\(([^)\s]+)\)", (ROOT / name).read_text(encoding="utf-8"))
    for path, _, anchor in (link.partition("#") for link in links if "://" not in link):
        target = ROOT / (path or name)
        assert target.is_file(), path
        if anchor:
            titles = re.findall(r"^#+ (.*)", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.before)
def test_the_table(row):
    def run_line(line: str) -> dict[str, np.ndarray]:
        rng = np.random.default_rng(0)
        names = {name: rng.integers(-2, 3, 200).astype("f4") for name in ("x", "dout", "dx", "g")}
        if re.search(r"\by\b(?! = )", line):
            names["y"] = np.maximum(0, names["x"])
        if row.by_hand == COMPACT:
            names["dx"][:] = 0
        functions = {name: getattr(relu_ext, name) for name in relu_ext.__all__}
        exec(line, {"np": np, "dtype": "i8"} | functions, names)
        return names

    old, new = run_line(row.before), run_line(row.after)
    for name in new:
        np.testing.assert_array_equal(new[name], old[name], err_msg=name)
        assert new[name].dtype == old[name].dtype or "dtype" in row.differs
    untouched = run_line("pass")
    assert any(name not in untouched or np.any(new[name] != untouched[name]) for name in new)


def test_stubs(tmp_path):
    pytest.importorskip("mypy", reason="mypy is not installed")
    pytest.importorskip("libcst", reason="libcst, whose types relu_ext.migrate uses, is not installed")
    result = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "relu_ext", "--ignore-missing-stub"],
        cwd=tmp_path,  # mypy has to find the installed package, whichever way it is installed
        env=os.environ | {"MYPY_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert (Path(relu_ext.__path__[0]) / "py.typed").exists()


@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("nm"), reason="needs Linux and nm")
def test_only_the_init_function_is_visible():
    shown = run("nm", "-D", "--defined-only", _core.__file__)
    assert {line.split()[-1] for line in shown.splitlines()} == {"PyInit__core"}


def test_python_m_relu_ext():
    shown = run(sys.executable, "-W", "error", "-m", "relu_ext", COLUMNS="80")
    assert relu_ext.__version__ in shown
    assert np.__version__ in shown
    assert all(op.ufunc.__name__ in shown for op in OPS)
    assert max(map(len, shown.splitlines())) <= 80
    assert "\x1b" not in shown
    assert "usage: python -m relu_ext" in run(sys.executable, "-m", "relu_ext", "--help")
    refused = subprocess.run([sys.executable, "-m", "relu_ext", "x"], capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "unrecognized arguments: x" in refused.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="ends processes by POSIX signals")
@pytest.mark.parametrize("how", ["SIGINT", "SIGPIPE"])
def test_python_m_relu_ext_ends_without_a_traceback(how):
    command = [sys.executable, "-m", "relu_ext"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline().startswith(b"relu_ext:")
        if how == "SIGINT":
            process.send_signal(signal.SIGINT)
        else:
            process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == -signal.Signals[how]


@pytest.mark.parametrize(("core", "hint"), [(None, True), ("raise ImportError('too old a NumPy')", False)])
def test_the_hint_to_build_is_given_only_where_the_extension_is_missing(tmp_path, core, hint):
    shutil.copytree(Path(relu_ext.__path__[0]), tmp_path / "relu_ext", ignore=shutil.ignore_patterns("_core*", "__py*"))
    if core:
        (tmp_path / "relu_ext" / "_core.py").write_text(core)
    # The finder of an editable installation would find the checkout's extension.
    code = "import sys; sys.meta_path = [f for f in sys.meta_path if 'Editable' not in repr(f)]; import relu_ext"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert ("pip install -e ." in result.stderr) == hint
    assert ("No module named 'relu_ext._core'" if hint else "too old a NumPy") in result.stderr


def test_importing_does_not_import_much():
    code = "import numpy, sys; before = set(sys.modules); import relu_ext; print(*set(sys.modules) - before)"
    brought = set(run(sys.executable, "-c", code).split())
    assert {name for name in brought if not name.startswith("relu_ext")} <= {"__future__", "platform"}
