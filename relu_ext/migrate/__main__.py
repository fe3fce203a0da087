"""``python -m relu_ext.migrate``: prints a diff that has scripts and notebooks use relu_ext. Needs LibCST."""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from functools import partial

from relu_ext.migrate.files import STDIN, Part, Result, Rewrite, explain, find, write
from relu_ext.migrate.report import print_diff, print_notes, shown_name, summary
from relu_ext.migrate.spellings import DIFFERENCES, table

EPILOG = "\n".join(
    [
        "Where a result may differ, a comment at the end of the line says in what:",
        *(f"  {key + ':':<7}{meaning}" for key, meaning in DIFFERENCES.items()),
        "Operands are assumed to be arrays of real numbers.",
        "",
        "The diff goes to standard output, in the format of `patch -p0`; that of a notebook",
        "shows its cells, and is for reading only. Lines that look like ReLU, but cannot be",
        "decided from the source, are not changed: they are listed on standard error with the",
        "reason and with what to write. A summary follows.",
        "",
        "exit status: 0 on success, whether or not anything was to change; 1 if --check is",
        "given and something would change; 2 if a file cannot be read, parsed or written (the",
        "others are done), or if the command line is wrong",
    ]
)


def command_line() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m relu_ext.migrate",
        description="Print a diff that replaces the usual ways to write ReLU and its gradient by calls of relu_ext.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "files",
        nargs="*",
        metavar="FILE",
        help="scripts and notebooks, folders to search for *.py and *.ipynb, or - for standard input",
    )
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="print no diff; exit with 1 if something would change")
    mode.add_argument(
        "--write",
        action="store_true",
        help="change the files, each completely or not at all; for standard input, print the new source instead",
    )
    parser.add_argument("--diff", action="store_true", help="print the diff (the default), also with --check, --quiet")
    parser.add_argument("--quiet", action="store_true", help="print errors only")
    parser.add_argument(
        "--all",
        action="store_true",
        help="also change lines that have the form of a ReLU but are not said to be one, such as margins and clamps",
    )
    parser.add_argument("--no-comments", action="store_true", help="add no comments on what may differ")
    parser.add_argument("--table", action="store_true", help="print the table of spellings instead, in Markdown")
    return parser


def read(file: str) -> bytes:
    if file == STDIN:
        return sys.stdin.buffer.read()
    with open(file, "rb") as stream:
        return stream.read()


def migrate(file: str, content: bytes, rewrite: Rewrite) -> Result:
    """Return a script or a notebook rewritten."""
    if file.endswith(".ipynb") or (file == STDIN and re.match(rb'\s*\{\s*"', content) and b'"nbformat"' in content):
        from relu_ext.migrate import notebooks

        return notebooks.migrate(content, rewrite)
    after, notes = rewrite(content)
    parts = [Part("", content, after)] if after != content else []
    return Result(after, parts, [(f":{line}", text) for line, text in notes], [])


def do(file: str, options: argparse.Namespace, rewrite: Rewrite) -> Result:
    """Rewrite a file, and print what the options ask for."""
    before = read(file)
    result = migrate(file, before, rewrite)
    if options.write and file == STDIN:
        sys.stdout.buffer.write(result.content)
        sys.stdout.flush()
    elif options.write and result.content != before:
        write(file, before, result.content)
    if options.diff or not (options.quiet or options.check or (options.write and file == STDIN)):
        print_diff(file, result)
    if not options.quiet:
        print_notes(file, result)
        if options.check and result.parts:
            print(f"{shown_name(file)}: would be changed", file=sys.stderr)
    return result


def run(options: argparse.Namespace) -> int:
    """Do all files, and return the exit status."""
    try:
        import libcst

        from relu_ext.migrate.rewrite import rewrite
    except ModuleNotFoundError as error:
        if error.name != "libcst":
            raise
        print("python -m relu_ext.migrate needs LibCST: pip install 'relu_ext[migrate]'", file=sys.stderr)
        return 2
    rewriting = partial(rewrite, comments=not options.no_comments, everything=options.all)
    errors: list[BaseException] = []

    def failed(file: str, error: BaseException) -> None:
        line, text = explain(error)
        print(f"{shown_name(file)}{f':{line}' if line else ''}: error: {text}", file=sys.stderr)
        errors.append(error)

    results = []
    for file in find(options.files, lambda error: failed(error.filename, error)):
        try:
            results.append(do(file, options, rewriting))
        except BrokenPipeError:
            raise
        except (OSError, SyntaxError, ValueError, MemoryError, RecursionError, libcst.ParserSyntaxError) as error:
            failed(file, error)
    if not options.quiet:
        print(summary(results, len(errors), options.write), file=sys.stderr)
    if errors:
        return 2
    return 1 if options.check and any(result.parts for result in results) else 0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = command_line()
    options = parser.parse_args(arguments)
    if options.table:
        print(table(), end="")
        return 0
    if not options.files:
        parser.error("no FILE given")
    if STDIN in options.files and options.write and options.diff:
        parser.error("standard output cannot take both the new source (- with --write) and --diff")
    try:
        return run(options)
    except BrokenPipeError:  # the reader of the diff, such as head, has stopped
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 2


if __name__ == "__main__":
    sys.exit(main())
