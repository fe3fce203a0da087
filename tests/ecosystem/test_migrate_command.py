"""`python -m relu_ext.migrate` as a command: which files, what it prints, its exit status, and files kept whole."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("libcst", reason="libcst is not installed: pip install '.[migrate]'")

from relu_ext.migrate import __main__ as migrate
from relu_ext.migrate import files, report
from relu_ext.migrate.rewrite import rewrite
from relu_ext.migrate.spellings import DIFFERENCES

ROOT = Path(__file__).resolve().parents[2]
#: A line to do by hand, one to change, and no newline at the end.
OLD = "import numpy as np\ng = np.fmax(0, x)  # ReLU\ny = np.maximum(0, x)  # ReLU"
NEW = rewrite(OLD.encode())[0].decode()
NOTES = [f":{line}: {text}" for line, text in rewrite(OLD.encode())[1]]
SUMMARY = f"1 file would be changed, 1 line; 1 line to do by hand\n{report.ZEROS}\n"


def command(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, "-W", "error", "-m", "relu_ext.migrate", *arguments]
    return subprocess.run(call, **{"capture_output": True, "text": True, "check": False} | options)


@pytest.fixture
def net(tmp_path, monkeypatch):
    """Stand in a folder with net.py."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(OLD)
    return tmp_path / "net.py"


def test_the_example():
    assert NEW != OLD
    assert "relu(x)" in NEW
    assert len(NOTES) == 1


# Which files


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x = 1\n")


def failed(error: OSError) -> None:
    raise error


def test_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    meant = ["a b.py", "b.ipynb", "buildings/a.py", "c/c/c.py", "c/d.py", "environment/a.py"]
    excluded = [".git", ".venv", ".tox", ".ipynb_checkpoints", "venv", "env", "build", "dist", "node_modules"]
    excluded += ["__pycache__", "site-packages", "relu.egg-info", "c/.nox", "c/build", "mine"]
    make(tmp_path, *meant, "a.pyi", "a.txt", "py", "folder.py/README", *(f"{name}/a.py" for name in excluded))
    make(tmp_path, "mine/pyvenv.cfg")
    assert files.find(["."], failed) == [os.path.normpath(name) for name in meant]
    assert files.find([str(tmp_path)], failed) == [str(tmp_path / name) for name in meant]
    assert files.find(["c", "buildings"], failed) == [os.path.normpath(f"c/{n}") for n in ("c/c.py", "d.py")] + [
        os.path.join("buildings", "a.py")
    ]


def test_what_is_named_is_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make(tmp_path, ".venv/a.py", "build/.b.py", "a.pyi", "script")
    named = [".venv/a.py", "a.pyi", "script", "none.py", "-"]
    assert files.find([*named, "build", "./script", "-"], failed) == [*named, os.path.join("build", ".b.py")]


def test_links_that_lead_out_of_a_folder(tmp_path):
    make(tmp_path, "other/a.py", "mine/b.py")
    mine = tmp_path / "mine"
    (mine / "out.py").symlink_to(tmp_path / "other" / "a.py")
    (mine / "out").symlink_to(tmp_path / "other")
    (mine / "none.py").symlink_to(tmp_path / "none")
    (mine / "again.py").symlink_to(mine / "b.py")
    assert files.find([str(mine)], failed) == [str(mine / "again.py")]
    assert files.find([str(mine / "out.py")], failed) == [str(mine / "out.py")]


def test_a_folder_that_cannot_be_read(net, monkeypatch, capsys):
    def walk(folder, onerror):
        onerror(PermissionError(13, "Permission denied", "secret"))
        yield ".", [], ["net.py"]

    monkeypatch.setattr(files.os, "walk", walk)
    assert migrate.main(["."]) == 2
    shown = capsys.readouterr()
    assert shown.out.startswith("--- net.py\n")
    assert shown.err.startswith("secret: error: Permission denied\n")


def test_an_empty_folder(tmp_path, capsys):
    assert migrate.main([str(tmp_path)]) == 0
    assert capsys.readouterr() == ("", "no scripts or notebooks found\n")


def test_standard_input():
    result = command("-", "net.py", input=OLD)
    assert result.returncode == 2, "there is no net.py"
    assert result.stdout.startswith("--- <stdin>\n+++ <stdin>\n@@ ")
    assert result.stderr.startswith("<stdin>" + NOTES[0] + "\nnet.py: error: ")
    result = command("-", "--write", input=OLD)
    assert (result.returncode, result.stdout) == (0, NEW)
    assert "1 file changed, 1 line" in result.stderr
    result = command("-", "--write", input="x = 1\n")
    assert (result.returncode, result.stdout) == (0, "x = 1\n")
    result = command("-", "--check", "--quiet", input=OLD)
    assert (result.returncode, result.stdout, result.stderr) == (1, "", "")
    result = command("-", "--write", input="x = (\n")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("<stdin>:1: error: ")


# What is printed


def test_the_diff_is_one_for_patch(tmp_path):
    (tmp_path / "a net.py").write_text(OLD)
    result = command("a net.py", cwd=tmp_path)
    assert (tmp_path / "a net.py").read_text() == OLD
    assert result.returncode == 0
    assert result.stderr == "a net.py" + NOTES[0] + "\n" + SUMMARY
    assert "\x1b" not in result.stdout
    try:
        subprocess.run(["patch", "-p0"], input=result.stdout, text=True, check=True, cwd=tmp_path, capture_output=True)
    except FileNotFoundError:
        pytest.skip("patch is not installed")
    assert (tmp_path / "a net.py").read_text() == NEW


@pytest.mark.parametrize(
    ("options", "status", "with_diff", "with_notes"),
    [
        ([], 0, True, True),
        (["--diff"], 0, True, True),
        (["--check"], 1, False, True),
        (["--check", "--diff"], 1, True, True),
        (["--quiet"], 0, False, False),
        (["--quiet", "--diff"], 0, True, False),
        (["--quiet", "--check"], 1, False, False),
        (["--quiet", "--check", "--diff"], 1, True, False),
        (["--write"], 0, True, True),
        (["--write", "--quiet"], 0, False, False),
        (["--write", "--quiet", "--diff"], 0, True, False),
    ],
)
def test_options(net, capsys, options, status, with_diff, with_notes):
    kept = net.parent / "kept.py"
    kept.write_text("x = 1\n")
    assert migrate.main([*options, "net.py", "kept.py"]) == status
    shown = capsys.readouterr()
    assert shown.out.startswith("--- net.py\n+++ net.py\n@@ ") == with_diff
    assert bool(shown.out) == with_diff
    if with_notes:
        told = "net.py" + NOTES[0] + "\n"
        told += "net.py: would be changed\n" if "--check" in options else ""
        assert shown.err == told + (SUMMARY.replace("would be ", "") if "--write" in options else SUMMARY)
    else:
        assert shown.err == ""
    assert net.read_text() == (NEW if "--write" in options else OLD)
    if "--write" in options:
        assert migrate.main(["--check", "net.py", "kept.py"]) == 0
        assert "nothing to change in 2 files; 1 line to do by hand\n" in capsys.readouterr().err


def part(before: int, after: int) -> files.Part:
    """Return a part of so many lines before and after."""
    return files.Part("", b"".join(b"%d\n" % n for n in range(before)), b"x\n" * after)


@pytest.mark.parametrize(
    ("results", "errors", "written", "line"),
    [
        ([([part(3, 3)], 1), ([part(2, 1), part(2, 9)], 1), ([], 0)], 0, False, "2 files would be changed, 7 lines;"),
        ([([part(1, 2)], 0)], 0, True, "1 file changed, 1 line"),
        ([([part(1, 2)], 0)], 2, True, "1 file changed, 1 line; 2 errors"),
        ([([], 0)] * 4, 0, False, "nothing to change in 4 files"),
        ([([], 1)], 1, True, "nothing to change in 1 file; 1 line to do by hand; 1 error"),
        ([], 1, False, "1 error"),
    ],
)
def test_the_summary(results, errors, written, line):
    results = [files.Result(b"", parts, [(":1", "a"), (":1", "b")] * hand, []) for parts, hand in results]
    line += " 2 lines to do by hand" if line.endswith(";") else ""
    shown = report.summary(results, errors, written).split("\n")
    assert shown == ([line, report.ZEROS] if "changed" in line else [line])


def test_lines_that_only_move_down_do_not_count():
    assert report.lines_changed(files.Part("", b"a\nb\nc\n", b"a\nx\ny\nb\nC\n")) == 1


def test_colours(net, capfdbinary, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    net.write_bytes(OLD.replace("\n", "\r\n").encode())
    migrate.main(["--quiet", "--diff", "net.py"])
    plain = capfdbinary.readouterr().out
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    migrate.main(["--quiet", "--diff", "net.py"])
    coloured = capfdbinary.readouterr().out
    assert re.sub(rb"\x1b\[\d+m", b"", coloured) == plain
    assert coloured.startswith(b"\x1b[1m--- net.py\x1b[0m\n\x1b[1m+++ net.py\x1b[0m\n\x1b[36m@@ -1,3 ")
    assert b"\x1b[31m-y = np.maximum(0, x)  # ReLU\x1b[0m\n" in coloured
    assert re.search(rb"\n\x1b\[32m\+from relu_ext import relu\x1b\[0m\r\n", coloured)
    assert b"\n import numpy as np\r\n" in coloured
    for name, value in {"NO_COLOR": "1", "TERM": "dumb"}.items():
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            migrate.main(["--quiet", "--diff", "net.py"])
            assert capfdbinary.readouterr().out == plain


def test_comments_and_all_reach_the_rewriter(net, capsys, monkeypatch):
    calls = []

    def recorded(source, comments=True, everything=False):
        calls.append((comments, everything))
        return source, []

    monkeypatch.setattr("relu_ext.migrate.rewrite.rewrite", recorded)
    for options in [], ["--all"], ["--no-comments"]:
        migrate.main([*options, "net.py"])
    assert calls == [(True, False), (True, True), (False, False)]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pipe that is closed at once")
def test_a_reader_that_has_enough(net):
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed:
        result = command("net.py", capture_output=False, stdout=closed, stderr=subprocess.PIPE)
    assert (result.returncode, result.stderr) == (2, "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no FILE given"),
        (["--check", "--write", "net.py"], "not allowed with"),
        (["--write", "--diff", "-"], "standard output cannot take both"),
        (["--nonsense", "net.py"], "unrecognized arguments"),
    ],
)
def test_wrong_command_lines(capsys, arguments, message):
    with pytest.raises(SystemExit, match="2"):
        migrate.main(arguments)
    assert message in capsys.readouterr().err


def test_help(capsys):
    with pytest.raises(SystemExit, match="0"):
        migrate.main(["--help"])
    shown = capsys.readouterr().out
    assert all(f"{name}:" in shown for name in DIFFERENCES)
    assert "exit status" in shown


def test_without_libcst(tmp_path):
    (tmp_path / "libcst.py").write_text("raise ModuleNotFoundError('none', name='libcst')")
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    result = command("net.py", env=os.environ | {"PYTHONPATH": paths})
    assert result.returncode == 2
    assert result.stderr == "python -m relu_ext.migrate needs LibCST: pip install 'relu_ext[migrate]'\n"


def test_the_hook_for_pre_commit():
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    tomllib = pytest.importorskip("tomllib")
    file = ROOT / ".pre-commit-hooks.yaml"
    if not file.exists():
        pytest.skip("not a clone of the repository")
    (hook,) = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert hook["id"] == "relu-ext-migrate"
    assert hook["entry"].split() == ["python", "-m", "relu_ext.migrate"]
    assert hook["language"] == "python"
    assert hook["types_or"] == ["python", "jupyter"]
    assert hook["require_serial"] is True
    options = migrate.command_line().parse_args([*hook["args"], "a.py", "b.ipynb"])
    assert options.check
    assert not options.write
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert hook["additional_dependencies"] == extras["migrate"]


# Writing


def test_write(tmp_path, capfdbinary):
    kept = tmp_path / "kept.py"
    kept.write_bytes(b"x = 1\r\n")
    target = tmp_path / "folder" / "net.py"
    target.parent.mkdir()
    target.write_text(OLD)
    target.chmod(0o640)
    link = tmp_path / "link.py"
    link.symlink_to(target)
    broken = tmp_path / "broken.py"
    broken.write_text("x = 1\ndef f(:\n")
    named = [str(broken), str(tmp_path / "none.py"), str(kept), str(link)]
    assert migrate.main(["--write", *named]) == 2
    shown = capfdbinary.readouterr()
    assert shown.out.startswith(f"--- {link}\n+++ {link}\n".encode())
    errors = shown.err.decode().splitlines()
    assert errors[0].startswith(f"{broken}:2: error: ")
    assert errors[1].startswith(f"{tmp_path / 'none.py'}: error: No such file")
    assert errors[2] == f"{link}{NOTES[0]}"
    assert errors[3:] == ["1 file changed, 1 line; 1 line to do by hand; 2 errors", report.ZEROS]
    assert link.is_symlink()
    assert target.read_text() == NEW
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert kept.read_bytes() == b"x = 1\r\n"
    assert os.listdir(target.parent) == ["net.py"]
    assert migrate.main(["--write", str(link)]) == 0
    assert capfdbinary.readouterr().out == b""


def test_hard_links_are_kept(net):
    os.link(net, "other.py")
    net.chmod(0o640)
    inode = net.stat().st_ino
    assert migrate.main(["--write", "net.py"]) == 0
    assert net.read_text() == Path("other.py").read_text() == NEW
    assert net.stat().st_ino == inode
    assert stat.S_IMODE(net.stat().st_mode) == 0o640
    assert sorted(os.listdir()) == ["net.py", "other.py"]


def test_a_shorter_text_in_place(net):
    os.link(net, "other.py")
    files.write("net.py", OLD.encode(), b"x\n")
    assert Path("other.py").read_bytes() == b"x\n"


def test_a_file_whose_owner_cannot_be_kept_is_written_in_place(net, monkeypatch):
    def chown(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(files.os, "chown", chown, raising=False)
    inode = net.stat().st_ino
    assert migrate.main(["--write", "net.py"]) == 0
    assert net.read_text() == NEW
    assert net.stat().st_ino == inode
    assert os.listdir() == ["net.py"]


def failing(function: Any, calls: set[int], monkeypatch: pytest.MonkeyPatch, error: type = OSError) -> None:
    """Have these calls of a function of `os` or `files` fail, which count from 1."""
    real, count = getattr(*function), 0

    def fail(*arguments):
        nonlocal count
        count += 1
        if count in calls:
            raise error("no space left")
        return real(*arguments)

    monkeypatch.setattr(*function, fail)


@pytest.mark.parametrize(
    ("hard_link", "function", "call"),
    [(False, "replace", 1), (False, "fsync", 1), (True, "fsync", 1), (True, "fsync", 2)],
)
@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_write_that_fails_leaves_the_file(net, capsys, monkeypatch, hard_link, function, call, error):
    if hard_link:
        os.link(net, "other.py")
    names = sorted(os.listdir())
    failing((files.os, function), {call}, monkeypatch, error)
    if error is OSError:
        assert migrate.main(["--write", "net.py"]) == 2
        shown = capsys.readouterr()
        assert "net.py: error: no space left\n1 error\n" in shown.err
        assert shown.out == ""
    else:
        with pytest.raises(KeyboardInterrupt):
            migrate.main(["--write", "net.py"])
    assert sorted(os.listdir()) == names
    assert all(Path(name).read_text() == OLD for name in names)


def test_the_copy_stays_if_the_file_cannot_be_restored(net, capsys, monkeypatch):
    os.link(net, "other.py")
    real = files.fill

    def fill(stream, content):
        if stream.mode == "rb+":  # the file itself, not the copy
            stream.write(b"half")
            raise OSError("no space left")
        real(stream, content)

    monkeypatch.setattr(files, "fill", fill)
    assert migrate.main(["--write", "net.py"]) == 2
    (copy,) = set(os.listdir()) - {"net.py", "other.py"}
    assert f"the file as it was is in {net.parent / copy}" in capsys.readouterr().err
    assert Path(copy).read_text() == OLD


LIMITED = """
import resource, sys
from relu_ext.migrate.files import write
before = open("net.py", "rb").read()
resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 10, resource.RLIM_INFINITY))
try:
    write("net.py", before, before + 1000 * b"x")
except OSError as error:
    print(error.strerror)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of the size of files")
def test_a_disk_that_is_full_in_the_middle(net):
    os.link(net, "other.py")
    result = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, check=True)
    assert result.stdout == "File too large\n"
    assert net.read_text() == OLD
    assert sorted(os.listdir()) == ["net.py", "other.py"]


def test_a_file_that_has_changed_meanwhile(net):
    with pytest.raises(OSError, match="has changed since it was read"):
        files.write("net.py", b"x = 1\n", b"x = 2\n")
    assert net.read_text() == OLD


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="a superuser may write everything")
def test_a_file_that_is_read_only(net, capsys):
    net.chmod(0o444)
    assert migrate.main(["--write", "net.py"]) == 2
    assert net.read_text() == OLD
    assert "net.py: error: Permission denied" in capsys.readouterr().err


@pytest.mark.parametrize(
    "source",
    [
        b"# coding: nonsense\n",
        b"\xff = 1\n",
        b"x = (\n",
        b"x\0",
        b"x = " + b"-" * 9999 + b"1\n",
        b"x = 1" + b"+1" * 900 + b" > 0",
    ],
)
def test_what_cannot_be_parsed(net, capsys, source):
    Path("broken.py").write_bytes(source)
    assert migrate.main(["broken.py", "net.py"]) == 2
    shown = capsys.readouterr()
    assert re.match(r"broken\.py(:1)?: error: \S", shown.err)
    assert shown.out.startswith("--- net.py\n"), "the files behind it are done"
