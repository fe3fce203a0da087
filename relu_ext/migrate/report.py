"""Says what has changed: diffs, and a summary."""

import difflib
import os
import re
import sys
from collections.abc import Sequence

from relu_ext.migrate.files import STDIN, Part, Result

ZEROS = "relu_ext writes +0.0 where the old lines may give -0.0."
COLOURS = {b"-": b"\x1b[31m", b"+": b"\x1b[32m", b"@": b"\x1b[36m"}
BOLD, PLAIN = b"\x1b[1m", b"\x1b[0m"


def shown_name(file: str) -> str:
    return "<stdin>" if file == STDIN else file


def lines_of(part: Part) -> tuple[list[bytes], list[bytes]]:
    """Return the lines before and after. Those of a cell all end in a newline, which its last hardly ever does."""
    before, after = (re.findall(rb"[^\n]*\n|[^\n]+", text) for text in (part.before, part.after))
    if part.place:
        before, after = ([line.removesuffix(b"\n") + b"\n" for line in lines] for lines in (before, after))
    return before, after


def diff(name: str, part: Part) -> list[bytes]:
    """Return the lines of a unified diff, in the encoding of the file."""
    before, after = lines_of(part)
    place = os.fsencode(name + part.place) + (b"\t" if " " in name and not part.place else b"")
    lines = difflib.diff_bytes(difflib.unified_diff, before, after, place, place)
    result = []
    for line in lines:
        result.append(line if line.endswith(b"\n") else line + b"\n")
        if not line.endswith(b"\n"):
            result.append(b"\\ No newline at end of file\n")
    return result


def coloured(lines: Sequence[bytes]) -> list[bytes]:
    colours = [BOLD if place < 2 else COLOURS.get(line[:1], b"") for place, line in enumerate(lines)]
    return [
        colour + line.rstrip(b"\r\n") + PLAIN + line[len(line.rstrip(b"\r\n")) :] if colour else line
        for colour, line in zip(colours, lines, strict=True)
    ]


def print_diff(file: str, result: Result) -> None:
    colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    for part in result.parts:
        lines = diff(shown_name(file), part)
        sys.stdout.buffer.writelines(coloured(lines) if colours else lines)
    sys.stdout.flush()


def print_notes(file: str, result: Result) -> None:
    for place, text in result.left_out + result.by_hand:
        print(f"{shown_name(file)}{place}: {text}", file=sys.stderr)


def lines_changed(part: Part) -> int:
    """Return how many of the old lines change."""
    before, after = lines_of(part)
    blocks = difflib.SequenceMatcher(None, before, after, autojunk=False).get_matching_blocks()
    return len(before) - sum(block.size for block in blocks)


def count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def summary(results: Sequence[Result], errors: int, written: bool) -> str:
    """Return one line, and a second if anything has changed."""
    changed = [result for result in results if result.parts]
    by_hand = sum(len({place for place, _ in result.by_hand}) for result in results)
    texts = []
    if changed:
        lines = sum(lines_changed(part) for result in changed for part in result.parts)
        how = "changed" if written else "would be changed"
        texts.append(f"{count(len(changed), 'file')} {how}, {count(lines, 'line')}")
    elif results:
        texts.append(f"nothing to change in {count(len(results), 'file')}")
    elif not errors:
        texts.append("no scripts or notebooks found")
    if by_hand:
        texts.append(f"{count(by_hand, 'line')} to do by hand")
    if errors:
        texts.append(count(errors, "error"))
    return "; ".join(texts) + ("\n" + ZEROS if changed else "")
