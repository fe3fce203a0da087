"""Runs the examples as their users do: in a process and a folder of their own."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
HANG = 240  # seconds until something hung is given up; no test depends on how fast it is


def _plain(environment: dict[str, str]) -> dict[str, str]:
    return {**os.environ, "PYTHONUTF8": "1", "PYTHON_COLORS": "0", **environment}


def run(command: list[str], folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=_plain(environment),
        capture_output=True,
        encoding="utf-8",
        timeout=HANG,
        check=False,
    )


class Interrupted(NamedTuple):
    returncode: int
    out: bytes
    seen: bytes  # of stderr before Ctrl-C
    rest: bytes  # and after it


def interrupt(command: list[str], folder: Path, when: bytes, **environment: str) -> Interrupted:
    """Send Ctrl-C as soon as stderr has shown what the pattern `when` stands for."""
    # A child inherits an ignored SIGINT, as background jobs have it, and Python then keeps it ignored.
    ours = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        child = subprocess.Popen(
            [sys.executable, *command],
            cwd=folder,
            env=_plain(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    finally:
        signal.signal(signal.SIGINT, ours)
    with child:
        try:
            seen = b""
            while not re.search(when, seen):
                chunk = os.read(child.stderr.fileno(), 4096)
                assert chunk, f"ended by itself: {seen!r}"
                seen += chunk
            child.send_signal(signal.SIGINT)
            out, rest = child.communicate(timeout=HANG)
        finally:
            child.kill()
    return Interrupted(child.returncode, out, seen, rest)
