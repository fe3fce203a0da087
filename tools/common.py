"""What the programs in this folder share: the project's folder, and how to find and run other programs."""

import shlex
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


def need(program: str, package: str) -> str:
    """Return the path of `program`, or end with the name of Debian's package that has it."""
    path = shutil.which(program)
    if path is None:
        raise SystemExit(f"{program} not found: install {package}")
    return path


def run(command: list[str], cwd: Path | None = None, env: Mapping[str, str] | None = None) -> None:
    """Show `command`, run it, and end if it fails."""
    print("+", shlex.join(command), flush=True)
    status = subprocess.run(command, cwd=cwd, env=env).returncode
    if status != 0:
        how = f"exit status {status}" if status > 0 else signal.strsignal(-status)
        raise SystemExit(f"{Path(command[0]).name} failed: {how}")
