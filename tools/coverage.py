"""Show which lines of the C the tests reach, and fail if one is not reached without a reason.

    python tools/coverage.py                  the suite but its slowest tests; some minutes
    python tools/coverage.py -- -k overlap    what follows -- is pytest's, in place of that selection

A copy of the tree is built with gcc for gcov, without optimisation and inlining, so that each line has code of its
own, and the tests run on it, on every SIMD target that the machine can run. A line counts as reached if it is so in
any of the operations, widths and targets that it is compiled for. Files of targets that cannot run here are left out,
and named. A line that no test can reach says why at its end, /* not reached: ... */, or has a row in NOT_REACHED.
"""

import argparse
import json
import os
import re
import shutil
import sys
import sysconfig
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from subprocess import check_output
from typing import NamedTuple

import numpy
from common import PROJECT, need, run

# What takes minutes at 2**31 elements is reached with fewer, and the others here do not look at the C.
TESTS = ["-k", "not package and not examples and not numpy_suite and not 2_31"]
FLAGS = ["-std=c11", "-fPIC", "-fvisibility=hidden", "-O0", "-g", "--coverage", "-fprofile-update=atomic"]
FLAGS += ["-Dalways_inline=unused"]  # inlined, a function has no line of its own to count

AT_IMPORT = "memory runs out during the import: NumPy itself crashes then, before this is come to"
NO_MEMORY = "memory for two blocks is left wherever there was some for the operands"
#: (file, function, a line's text, or "" for all of the function): why no test reaches it.
NOT_REACHED = {
    ("fastcall.c", "call_iterated", "Py_CLEAR(out);"): "writing back fails only in a cast, and there is none",
    ("fastcall.c", "fastcall_install", "return -1;"): AT_IMPORT,
    ("module.c", "exec", "return -1;"): AT_IMPORT,
    ("module.c", "register_dtype", "return NULL;"): "called by relu_ext._errors alone, with what it asks for",
    ("module.c", "set_stream_threshold", "return NULL;"): "called by tests alone, with a number",
    ("module.c", "op_of", "Py_UNREACHABLE();"): "every ufunc is one of the five",
    ("walk.c", "make_plan", "plan->lies_across[DY] = plan->lies_across[X] = 0;"): NO_MEMORY,
    ("walk.c", "make_plan", "plan->rows = strided_rows;"): NO_MEMORY,
}


class Line(NamedTuple):
    file: str
    number: int


def build(tree: Path) -> None:
    """Copy the project, and build the extension in place, each file's counters beside its object file."""
    not_copied = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "*.egg-info", "*.so")
    shutil.copytree(PROJECT, tree, ignore=not_copied)
    compiler = [need("gcc", "gcc"), *FLAGS]
    compiler += [f"-I{sysconfig.get_path('include')}", f"-I{numpy.get_include()}"]
    objects = []
    for source in sorted((tree / "csrc").glob("*.c")):
        objects.append(f"{source.stem}.o")
        run([*compiler, "-c", f"csrc/{source.name}", "-o", objects[-1]], cwd=tree)
    module = f"relu_ext/_core{sysconfig.get_config_var('EXT_SUFFIX')}"
    run([need("gcc", "gcc"), "-shared", "--coverage", *objects, "-o", module], cwd=tree)


def files_that_cannot_run(tree: Path) -> list[str]:
    """Return the files of the SIMD targets that this machine, or its architecture, does not have."""
    code = "from relu_ext import _core; print(*(name for name, usable in _core.simd_table() if usable))"
    usable = check_output([sys.executable, "-c", code], cwd=tree, text=True).split()
    files = [file.name for file in sorted((tree / "csrc").glob("vec_*.c"))]
    return [file for file in files if file.removeprefix("vec_").removesuffix(".c") not in usable]


def counts(tree: Path) -> tuple[Counter[Line], dict[Line, str]]:
    """Ask gcov how often each line that has code was run, in all that it is compiled into, and in which function."""
    times: Counter[Line] = Counter()
    functions: dict[Line, str] = {}
    for notes in sorted(tree.glob("*.gcno")):
        report = check_output([need("gcov", "gcc"), "--json-format", "--stdout", notes.name], cwd=tree)
        for file in json.loads(report)["files"]:
            path = Path(file["file"])
            if path.parent.name != "csrc":
                continue
            for entry in file["lines"]:
                line = Line(path.name, entry["line_number"])
                times[line] += entry["count"]
                functions[line] = entry.get("function_name", "")
    return times, functions


def report(tree: Path) -> bool:
    """Print what was reached and what was not; return whether each line that was not has a reason."""
    times, functions = counts(tree)
    left_out = files_that_cannot_run(tree)
    by_file: dict[str, list[Line]] = defaultdict(list)
    for line in sorted(times):
        if line.file not in left_out:
            by_file[line.file].append(line)
    print(f"\n{'lines':<18}{'reached':>8}{'of':>6}")
    for file, lines in by_file.items():
        print(f"{file:<18}{sum(times[line] > 0 for line in lines):>8}{len(lines):>6}")
    if left_out:
        print("no code that can run here:", ", ".join(left_out))
    without_reason, needed = 0, set()
    for file, lines in by_file.items():
        texts = (tree / "csrc" / file).read_text(encoding="utf-8").splitlines()
        for line in lines:
            if times[line] > 0:
                continue
            text = texts[line.number - 1].strip()
            comment = re.search(r"/\* not reached: (.+?) \*/", text)
            rows = [(file, functions[line], text), (file, functions[line], "")]
            reasons = [comment[1]] if comment else [NOT_REACHED[row] for row in rows if row in NOT_REACHED]
            reason = reasons[0] if reasons else None
            needed.update(rows)
            without_reason += reason is None
            print(f"\n{file}:{line.number}, {functions[line]}: {text}\n    {reason or 'NO REASON GIVEN'}")
    for row in NOT_REACHED.keys() - needed:
        print("\na reason that nothing here needs:", *row)
    print(f"\n{without_reason} lines are not reached, and nothing says why")
    return without_reason == 0


def main() -> int:
    ours, tests = sys.argv[1:], TESTS
    if "--" in ours:
        ours, tests = ours[: ours.index("--")], ours[ours.index("--") + 1 :]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args(ours)
    os.environ.pop("RELU_EXT_SIMD", None)
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        build(tree)
        os.environ["PYTHONPATH"] = str(tree)  # also for the processes that tests start
        run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests], cwd=tree)
        return 0 if report(tree) else 1


if __name__ == "__main__":
    sys.exit(main())
