"""``python -m relu_ext.migrate``: prints a diff that has scripts use relu_ext. Needs LibCST."""

import argparse
import difflib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence

from relu_ext.migrate.spellings import DIFFERENCES, table

EPILOG = "\n".join(
    [
        "Where a result may differ in something, a comment at the end of the line says so:",
        *(f"  {key + ':':<7}{meaning}" for key, meaning in DIFFERENCES.items()),
        "Operands are taken to be arrays of real numbers.",
        "",
        "The diff goes to standard output, as `patch -p0` takes it. What looks like ReLU",
        "but cannot be decided from the text is listed on standard error with the line,",
        "the reason and what to write, and is left alone.",
        "",
        "exit status: 0 if all files could be read, parsed and (--write) written, whether",
        "or not anything was to change; 1 if not; 2 if the command line is wrong",
    ]
)


def diff(file: str, before: bytes, after: bytes) -> bytes:
    """Return a unified diff, in the encoding of the file."""
    name = os.fsencode(file) + (b"\t" if " " in file else b"")
    old, new = (re.findall(rb"[^\n]*\n|[^\n]+", text) for text in (before, after))
    lines = difflib.diff_bytes(difflib.unified_diff, old, new, name, name)
    return b"".join(line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n" for line in lines)


def replace(file: str, content: bytes) -> None:
    """Write a file at once or not at all; of a symbolic link, the file that it points to."""
    path = os.path.realpath(file)
    with open(path, "r+b"):  # a file that is read-only stays as it is
        pass
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix=".relu_ext-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            os.fsync(stream.fileno())
        if hasattr(os, "chown"):  # a superuser writes other people's files
            os.chown(temporary, os.stat(path).st_uid, os.stat(path).st_gid)
        shutil.copymode(path, temporary)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m relu_ext.migrate",
        description="Print a diff in which ReLU and its gradient, however spelled, are calls of relu_ext.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="*", metavar="FILE", help="Python scripts")
    parser.add_argument("--write", action="store_true", help="apply the diff as well, each file at once or not at all")
    parser.add_argument("--no-comments", action="store_true", help="do not tell the differences in comments")
    parser.add_argument("--table", action="store_true", help="print the table of spellings instead, in Markdown")
    options = parser.parse_args(arguments)
    if options.table:
        print(table(), end="")
        return 0
    if not options.files:
        parser.error("no FILE given")
    try:
        import libcst

        from relu_ext.migrate.rewrite import rewrite
    except ModuleNotFoundError as error:
        if error.name != "libcst":
            raise
        sys.exit("python -m relu_ext.migrate needs LibCST: pip install 'relu_ext[migrate]'")
    status = 0
    for file in options.files:
        try:
            with open(file, "rb") as stream:
                before = stream.read()
            after, notes = rewrite(before, comments=not options.no_comments)
            sys.stdout.buffer.write(diff(file, before, after))
            sys.stdout.flush()
            for line, text in notes:
                print(f"{file}:{line}: {text}", file=sys.stderr)
            if options.write and after != before:
                replace(file, after)
        except (OSError, SyntaxError, ValueError, MemoryError, RecursionError, libcst.ParserSyntaxError) as error:
            where = f":{error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
            print(f"{file}{where}: error: {getattr(error, 'msg', str(error)) or type(error).__name__}", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
