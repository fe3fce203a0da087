"""The types of the five functions, as mypy and pyright see them."""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from sysconfig import get_paths

import pytest

import relu_ext

pytestmark = pytest.mark.subprocess

CASES = Path(__file__).parent / "typing"

# Where relu_ext is, if not in site-packages: the checkers do not follow the import hook of an editable install, and
# mypy refuses site-packages in its path.
PACKAGES = str(Path(relu_ext.__path__[0]).parent)
EXTRA_PATHS = [] if PACKAGES in get_paths().values() else [PACKAGES]


def run(module: str, *options: str, cwd: Path) -> str:
    command = [sys.executable, "-m", module, *options, "good.py", "wrong.py"]
    environment = os.environ | {"MYPYPATH": os.pathsep.join(EXTRA_PATHS), "MYPY_CACHE_DIR": str(cwd)}
    result = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 1, result.stdout + result.stderr  # something is reported
    return result.stdout


def run_mypy(folder: Path) -> list[tuple[str, int, str]]:
    """Return file name, line and message of what mypy reports."""
    shown = run("mypy", "--strict", "--no-pretty", cwd=folder)
    found = re.findall(r"^(.+?):(\d+): error: (.*)$", shown, re.MULTILINE)
    return [(Path(path).name, int(line), message) for path, line, message in found]


def run_pyright(folder: Path) -> list[tuple[str, int, str]]:
    """Return file name, line and message of what pyright reports."""
    settings = {"extraPaths": EXTRA_PATHS, "typeCheckingMode": "strict"}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    shown = run("pyright", "--outputjson", "--pythonpath", sys.executable, cwd=folder)
    return [
        (Path(found["file"]).name, found["range"]["start"]["line"] + 1, found["message"])
        for found in json.loads(shown)["generalDiagnostics"]
        if found["severity"] == "error"
    ]


@pytest.mark.parametrize(("checker", "reports"), [("mypy", run_mypy), ("pyright", run_pyright)])
def test_the_wrong_lines_are_reported_and_no_others(checker, reports, tmp_path):
    if find_spec(checker) is None:
        pytest.skip(f"{checker} is not installed")
    shutil.copytree(CASES, tmp_path, dirs_exist_ok=True)  # away from the checkout's configuration
    found = reports(tmp_path)
    lines = (CASES / "wrong.py").read_text(encoding="utf-8").splitlines()
    marked = {("wrong.py", number) for number, line in enumerate(lines, 1) if line.endswith("  # error")}
    allowed = marked | {("wrong.py", number) for number, line in enumerate(lines, 1) if "  # error in newer" in line}
    assert marked
    assert [report for report in found if report[:2] not in allowed] == []
    assert sorted(marked - {report[:2] for report in found}) == []


def test_what_is_accepted_works():
    runpy.run_path(str(CASES / "good.py"))
