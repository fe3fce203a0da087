"""Finds the files that are meant, and writes them so that nothing is lost."""

import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from io import FileIO
from typing import NamedTuple

STDIN = "-"
SUFFIXES = (".py", ".ipynb")
#: Folders that are not searched, nor are those whose name begins with a dot.
EXCLUDED = {"__pycache__", "__pypackages__", "_build", "build", "buck-out", "dist", "env", "node_modules"}
EXCLUDED |= {"site-packages", "venv"}


#: What rewrites a script: returns its new source, and lines with notes.
Rewrite = Callable[[bytes], tuple[bytes, Sequence[tuple[int, str]]]]


class Part(NamedTuple):
    """A text that changes: a script, or a cell of a notebook."""

    place: str  # behind the file's name
    before: bytes
    after: bytes


class Result(NamedTuple):
    """What becomes of a file. Notes are a place, which goes behind the file's name, and a text."""

    content: bytes
    parts: list[Part]
    by_hand: list[tuple[str, str]]
    left_out: list[tuple[str, str]]


def explain(error: BaseException) -> tuple[int | None, str]:
    """Return the line that an error speaks of, if any, and what it says."""
    line = getattr(error, "lineno", None) or getattr(error, "raw_line", None)  # Python's or LibCST's
    texts = (getattr(error, name, None) for name in ("strerror", "msg", "message"))
    return line, next(filter(None, texts), "") or str(error) or type(error).__name__


# Which files


def find(arguments: Sequence[str], failed: Callable[[OSError], None]) -> list[str]:
    """Return the files named, and those in the folders named, each once. `failed` is told of unreadable folders."""
    found: dict[str, str] = {}
    for argument in arguments:
        names = in_folder(argument, failed) if argument != STDIN and os.path.isdir(argument) else [argument]
        for name in names:
            found.setdefault(name if name == STDIN else os.path.realpath(name), name)
    return list(found.values())


def in_folder(folder: str, failed: Callable[[OSError], None]) -> list[str]:
    """Return the scripts and notebooks in a folder, sorted. Links that lead out of it are not followed."""
    names = []
    inside = os.path.join(os.path.realpath(folder), "")
    for path, folders, files in os.walk(folder, onerror=failed):
        folders[:] = [name for name in folders if is_searched(os.path.join(path, name))]
        names += [os.path.normpath(os.path.join(path, name)) for name in files if name.endswith(SUFFIXES)]
    return sorted(name for name in names if os.path.isfile(name) and os.path.realpath(name).startswith(inside))


def is_searched(folder: str) -> bool:
    name = os.path.basename(folder)
    if name.startswith(".") or name in EXCLUDED or name.endswith((".egg-info", ".egg")):
        return False
    return not os.path.exists(os.path.join(folder, "pyvenv.cfg"))  # a virtual environment of another name


# Writing


def write(file: str, before: bytes, after: bytes) -> None:
    """Write a file whole or not at all; of a symbolic link, the file that it points to."""
    path = os.path.realpath(file)
    with open(path, "r+b", buffering=0) as stream:  # a file that is read-only stays as it is
        if stream.readall() != before:
            raise OSError("it has changed since it was read")
        links = os.fstat(stream.fileno()).st_nlink
    if links > 1 or not replace(path, after):
        overwrite(path, before, after)


def replace(path: str, content: bytes) -> bool:
    """Put a new file in the place of the old one, or return False if this user may not, or may not keep its owner."""
    temporary = temporary_beside(path, content)
    try:
        if hasattr(os, "chown"):  # a superuser writes other people's files
            os.chown(temporary, os.stat(path).st_uid, os.stat(path).st_gid)
        shutil.copymode(path, temporary)
        os.replace(temporary, path)
    except BaseException as error:
        os.unlink(temporary)
        if isinstance(error, PermissionError):
            return False
        raise
    return True


def overwrite(path: str, before: bytes, after: bytes) -> None:
    """Write into the file itself, which keeps its hard links. Until that is done, a copy of it lies beside."""
    copy = temporary_beside(path, before)
    with open(path, "r+b", buffering=0) as stream:
        try:
            fill(stream, after)
        except BaseException as error:
            try:
                fill(stream, before)
            except OSError as second:
                raise OSError(f"{error}; then {second}; the file as it was is in {copy}") from error
            os.unlink(copy)
            raise
    os.unlink(copy)


def temporary_beside(path: str, content: bytes) -> str:
    """Return the name of a new file in the same folder that has this content, on the disk."""
    handle, name = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".relu_ext-")
    try:
        with open(handle, "wb", buffering=0) as stream:
            fill(stream, content)
    except BaseException:
        os.unlink(name)
        raise
    return name


def fill(stream: FileIO, content: bytes) -> None:
    """Write all of a file, as far as to the disk. Nothing stays in a buffer that could be written later."""
    stream.seek(0)
    rest = memoryview(content)
    while rest:
        rest = rest[stream.write(rest) :]
    stream.truncate()
    os.fsync(stream.fileno())
