"""Break the C on purpose, one place at a time, and see that the tests notice.

    python tools/mutants.py             all of them
    python tools/mutants.py transpose   those with the word in their names

Each mutant is a copy of the tree with one piece of text replaced, built there and tested until the first failure. A
crash or a hang counts as noticed. The unbroken tree goes first and must pass. Exits with 1 if a mutant survives, no
longer applies, or does not compile.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
TIMEOUT = 900  # seconds of tests; a mutant may hang
QUICK = ("rules", "values", "ufunc", "fences", "leaks", "properties")  # first, as they notice most


class Mutant(NamedTuple):
    name: str
    file: str
    old: str
    new: str


CONTROL = Mutant("nothing broken", "relu.h", "", "")
MUTANTS = [
    Mutant(*row)
    for row in [
        ("relu's limit off by one", "dtypes.def", "KEEP(0, (int64_t)(floor) + 1)", "KEEP(0, (int64_t)(floor))"),
        ("grad's bias dropped", "dtypes.def", "KEEP(1, (int64_t)(floor))", "KEEP(0, (int64_t)(floor))"),
        ("one is not one", "dtypes.def", "0x3F800000", "0x3F800001"),
        ("float32 of 8 bytes", "dtypes.def", '"float32", 4', '"float32", 8'),
        ("unsigned as signed", "dtypes.def", "KEEP(0, LOWEST(width)), KEEP(0, LOWEST", "KEEP(0, 0), KEEP(0, LOWEST"),
        ("fnuz's NaN dropped", "dtypes.def", "KEEP(1, -1), KEEP(1, -1)", "KEEP(0, 0), KEEP(1, -1)"),
        (
            "strict at zero as plain",
            "kernels.h",
            "vec_nonzero(bits, vec_keep(bits, s, c->bias, c->limit, s), c->one)",
            "vec_keep(bits, s, c->bias, c->limit, c->one)",
        ),
        ("last vector not stored", "kernels.h", "vec_store(bits, out + n - size, last);", ""),
        ("first vector not stored", "kernels.h", "put(bits, past_cache && i == size, out, first);", ""),
        (
            "last vector computed late",
            "kernels.h",
            "n - size, last);",
            "n - size, vec_at(op, bits, dy, x, n - size, c));",
        ),
        ("alignment peel wrong", "kernels.h", "ptrdiff_t i = size -", "ptrdiff_t i = size + 8 -"),
        ("two vectors taken for one", "kernels.h", "if (n == size) {", "if (n <= 2 * size) {"),
        ("body one vector long", "kernels.h", "i + 2 * size <= n; i += size", "i + size <= n; i += size"),
        ("fill without its last vector", "kernels.h", "    vec_store(bits, to + n - size, v);\n", ""),
        ("dy's rows not stepped", "kernels.h", "                d += row.step[DY];\n", ""),
        ("x's planes not stepped", "kernels.h", "x += plane.step[X];", ""),
        ("one dy for all rows", "kernels.h", "load_element(bits, d)", "load_element(bits, dy)"),
        (
            "rows of one dy joined",
            "walk.c",
            "(j->step[DY] == bytes && plan->way[DY] != AS_ONE)",
            "j->step[DY] == bytes",
        ),
        ("a tail's byte lost", "kernels.h", "if (n > 0) {", "if (n > 1) {"),
        ("too short for its vectors", "vec_avx512.c", "NARROWER_BELOW 192", "NARROWER_BELOW 63"),
        ("a masked tail one longer", "vec_avx512.c", "((__mmask64)1 << 2 * n)", "((__mmask64)1 << (2 * n + 1))"),
        ("sse4.2's part a byte off", "vec_sse42.c", "(p + n - 8), _mm_unpackhi", "(p + n - 7), _mm_unpackhi"),
        ("avx2 compares 16 for 8 bits", "vec_avx2.c", "_mm256_cmpgt_epi8(limit", "_mm256_cmpgt_epi16(limit"),
        ("sse4.2 subtracts 32 for 64 bits", "vec_sse42.c", "_mm_sub_epi64", "_mm_sub_epi32"),
        ("scalar does not wrap", "vec_scalar.c", "vec_set(bits, (int64_t)((uint64_t)s - (uint64_t)bias))", "s - bias"),
        ("overlap test inverted", "walk.c", "return out.low < in.high &&", "return !(out.low < in.high) &&"),
        ("overlap never seen", "walk.c", "return out.low < in.high && in.low < out.high", "return 0"),
        ("shifted output not seen", "fastcall.c", "return a != b && a <", "return 0 && a <"),
        ("read-only output not seen", "fastcall.c", "!PyArray_ISWRITEABLE(out) ||", ""),
        ("byte order not seen", "fastcall.c", "PyArray_ISNBO(descr->byteorder) &&", ""),
        ("every result in C order", "fastcall.c", "!(order & NPY_ARRAY_C_CONTIGUOUS)", "0"),
        (
            "output not owned",
            "fastcall.c",
            "is_same_shape(out, x)) {\n        Py_INCREF(out);",
            "is_same_shape(out, x)) {",
        ),
        ("overlap not copied", "fastcall.c", "NPY_ITER_ZEROSIZE_OK | NPY_ITER_COPY_IF_OVERLAP", "NPY_ITER_ZEROSIZE_OK"),
        ("GIL kept", "fastcall.c", "NPY_BEGIN_THREADS_THRESHOLDED(size);", ""),
        ("old object not released", "loops.c", "Py_XDECREF(old);", "(void)old;"),
        ("object's error swallowed", "loops.c", "            break;\n", "            PyErr_Clear();\n"),
        ("long double raises flags", "loops.c", "islessequal(x, 0) : isless(x, 0)", "x <= 0 : x < 0"),
        ("boolean mask taken", "module.c", "op_of(ufunc) != RELU &&", "0 &&"),
        ("step of two reads an element more", "strided.h", "for (; n > lanes;", "for (; n >= lanes;"),
        ("reversed from the wrong end", "strided.h", "p + bits / 8 - 16", "p - 16"),
        ("transposition leaves its columns", "transpose.h", "c0 + wide <= cols ? c0 : cols - wide", "c0"),
        ("transposition leaves its rows", "transpose.h", "r0 + lanes <= rows ? r0 : rows - lanes", "r0"),
        ("stream loses its tail", "kernels.h", "if (i + size < n) {", "if (!past_cache && i + size < n) {"),
        (
            "what is left of a line dropped",
            "walk.c",
            "memcpy(pack->block.of[k], pack->block.of[k] + n, (size_t)pack->filled);",
            "",
        ),
        ("rows clipped as they are packed", "walk.c", "(struct rule){0, INT64_MIN >>", "(struct rule){0, 0 *"),
        ("backward output not turned", "walk.c", "axis.step[k] = -axis.step[k];", ""),
        (
            "axes joined that do not meet",
            "walk.c",
            "outer->step[k] != inner->n * inner->step[k]",
            "k == 0 && outer->step[k] != inner->n * inner->step[k]",
        ),
        ("block too small for its rows", "walk.c", "block + r * bytes, from", "block, from"),
        ("stream threshold zero", "dispatch.c", "threshold = half == 0 ?", "threshold = half >= 0 ? 0 : half == 0 ?"),
        ("an unaligned output streamed", "fastcall.c", "&& PyArray_ISALIGNED(out)", ""),
        ("a result in x's order whatever dy's", "fastcall.c", "PyArray_STRIDE(x, d) != PyArray_STRIDE(dy, d)", "0"),
        ("strided dy read as x is", "strided.h", "is_alike = dy_steps == x_steps", "is_alike = 1"),
        (
            "short rows stored before they are read",
            "kernels.h",
            "vec a = AT(0), b = AT(n - size);\n        vec_store(bits, out, a);",
            "vec a = AT(0);\n        vec_store(bits, out, a);\n        vec b = AT(n - size);",
        ),
        ("ml_dtypes not looked for", "module.c", "if (!PyTypeNum_ISUSERDEF(type_num)) {", "if (1) {"),
        ("AVX-512 never found", "dispatch.c", "if ((saved & 0xE6) == 0xE6 &&", "if (!"),
    ]
]


def run(*command: str, cwd: Path, **environment: str) -> tuple[bool, str]:
    try:
        result = subprocess.run(
            command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=TIMEOUT
        )
    except subprocess.TimeoutExpired:
        return False, "hangs"
    failures = [line for line in result.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return result.returncode == 0, failures[0].split(" - ")[0] if failures else f"ends with {result.returncode}"


def snapshot(tree: Path) -> Path:
    """Copy what a build and the tests need, so that the checkout may be edited meanwhile."""
    for name in ("csrc", "relu_ext", "tests", "setup.py", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("*.so", "*.pyd", "__pycache__"))
        else:
            shutil.copy(source, tree / name)
    return tree


def try_out(mutant: Mutant, unbroken: Path) -> str | None:
    """Return what noticed the mutant, or None if it survived."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder)
        shutil.copytree(unbroken, tree, dirs_exist_ok=True)
        file = tree / "csrc" / mutant.file
        text = file.read_text()
        if mutant.old not in text:
            raise LookupError(f"{mutant.file} has no {mutant.old!r} any more")
        file.write_text(text.replace(mutant.old, mutant.new))
        is_built, _ = run(sys.executable, "setup.py", "-q", "build_ext", "--inplace", cwd=tree, CFLAGS="-O1")
        if not is_built:
            raise LookupError(f"{mutant.file} does not compile with {mutant.new!r}")
        left = [path.stem.removeprefix("test_") for path in sorted((tree / "tests").glob("test_*.py"))]
        order = [*QUICK, *(name for name in left if name not in (*QUICK, "package", "examples"))]
        files = [f"tests/test_{name}.py" for name in order]
        has_passed, what = run(
            sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *files, cwd=tree, PYTHONPATH=str(tree)
        )
        return None if has_passed else what


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="only mutants with one of these words in their names")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count(), help="how many at a time")
    options = parser.parse_args()
    chosen = [m for m in MUTANTS if not options.words or any(word in m.name for word in options.words)]
    killed = 0
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(options.jobs) as pool:
        unbroken = snapshot(Path(folder))
        if noticed := try_out(CONTROL, unbroken):
            parser.exit(2, f"the tests fail without a mutant: {noticed}\n")
        for mutant, trial in [(m, pool.submit(try_out, m, unbroken)) for m in chosen]:
            try:
                noticed = trial.result()
            except LookupError as error:
                print(f"{mutant.name:<40}NOT TRIED: {error}", flush=True)
                continue
            killed += noticed is not None
            print(f"{mutant.name:<40}{noticed or 'SURVIVES'}", flush=True)
    print(f"{killed} of {len(chosen)} mutants noticed")
    return 0 if killed == len(chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
