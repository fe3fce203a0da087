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
            "vec_nonzero(bits, vec_keep(bits, s, c->bias, c->limit, s), v)",
            "vec_keep(bits, s, c->bias, c->limit, v)",
        ),
        ("one dy by relu's rule", "kernels.h", "form == SPLAT || form == EACH ?", "form == EACH ?"),
        ("one dy of a row read on", "kernels.h", "is_each(form) ? vec_load(bits, dy", "1 ? vec_load(bits, dy"),
        ("one dy for all rows", "kernels.h", "load_element(bits, d)", "load_element(bits, dy)"),
        ("dy's rows not stepped", "kernels.h", "d += row.step[DY];", ""),
        ("x's planes not stepped", "kernels.h", "x += planes->step[X];", ""),
        ("first vector not stored", "kernels.h", "store(bits, is_streamed && i == size, out, first);", "(void)first;"),
        ("last vector not stored", "kernels.h", "vec_store(bits, out + n - size, last);", ""),
        (
            "last vector computed late",
            "kernels.h",
            "n - size, last);",
            "n - size, vec_at(form, bits, dy, x, n - size, c));",
        ),
        ("alignment peel wrong", "kernels.h", "ptrdiff_t i = size -", "ptrdiff_t i = size + 8 -"),
        ("two vectors taken for one", "kernels.h", "&& n == size)", "&& n <= 2 * size)"),
        ("four vectors taken for two", "kernels.h", "&& n <= 2 * size)", "&& n <= 4 * size)"),
        ("body one vector long", "kernels.h", "i + 2 * size <= n; i += size", "i + size <= n; i += size"),
        (
            "short rows stored before they are read",
            "kernels.h",
            "a = AT(0), b = AT(n - size);",
            "a = AT(0);\n        vec_store(bits, out, a);\n        const vec b = AT(n - size);",
        ),
        ("a tail's byte lost", "kernels.h", "if (n > 0) {", "if (n > 1) {"),
        ("stream loses its tail", "kernels.h", "if (i + size < n) {", "if (!is_streamed && i + size < n) {"),
        ("a part's end a byte off", "vec_16.h", "load_piece(bits, p + n - bits / 8)", "load_piece(bits, p + n - 1)"),
        ("a part's end not stored", "vec_16.h", "store_element(bits, p + n - bits / 8, half[1]);", ""),
        ("compares 16 for 8 bits", "vec_x86.h", "OP(cmpgt_epi8)", "OP(cmpgt_epi16)"),
        ("subtracts 32 for 64 bits", "vec_x86.h", "OP(sub_epi64)", "OP(sub_epi32)"),
        ("zeros told byte by byte", "vec_x86.h", "OP(cmpeq_epi16)", "OP(cmpeq_epi8)"),
        ("avx512 drops its limit", "vec_avx512.c", "_mm512_cmpge_epi32_mask", "_mm512_cmpgt_epi32_mask"),
        ("avx512 too short for its vectors", "vec_avx512.c", "SHORTEST_ROW 192", "SHORTEST_ROW 63"),
        ("avx2 too short for its vectors", "vec_avx2.c", "SHORTEST_ROW 32", "SHORTEST_ROW 31"),
        ("sse4.2 gathers an element twice", "vec_sse42.c", "GET(8 + k)", "GET(7 + k)"),
        ("sse4.2 scatters a half twice", "vec_sse42.c", "_mm_unpackhi_epi64(v, v)", "v"),
        ("scalar does not wrap", "vec_scalar.c", "vec_set(bits, (int64_t)((uint64_t)s - (uint64_t)bias))", "s - bias"),
        ("step of two reads an element more", "strided.h", "n > unrolled * lanes;", "n >= unrolled * lanes;"),
        ("reversed from the wrong end", "strided.h", "p + bits / 8 - 16", "p - 16"),
        ("strided dy read as x is", "strided.h", "kind_of(step[DY], bits / 8)", "x_kind"),
        ("last strided element lost", "strided.h", "for (; n > 0; n--)", "for (; n > 1; n--)"),
        ("transposition leaves its columns", "transpose.h", "c0 + wide <= cols ? c0 : cols - wide", "c0"),
        ("transposition leaves its rows", "transpose.h", "r0 + lanes <= rows ? r0 : rows - lanes", "r0"),
        ("overlap test inverted", "layout.c", "return out.low < in.high &&", "return out.low >= in.high &&"),
        ("overlap never seen", "layout.c", "return out.low < in.high &&", "return 0 &&"),
        ("shifted output not seen", "relu.h", "return shift != 0 &&", "return 0 &&"),
        ("output ahead of its input not seen", "relu.h", "return shift != 0 &&", "return shift > 0 &&"),
        ("axes that share memory not seen", "layout.c", "step[OUTPUT] < span", "step[OUTPUT] < width"),
        ("backward output not turned", "layout.c", "axis->step[k] = -axis->step[k];", ""),
        ("an empty output written", "layout.c", "return -1;", "return 0;"),
        ("axes joined that do not meet", "layout.c", "(outer->step[k] !=", "(k == OUTPUT && outer->step[k] !="),
        ("axes joined to the length of one", "layout.c", "axes[kept - 1].n *= n;", ""),
        ("strict form not taken for one dy", "walk.c", "{EACH_STRICT, SPLAT_STRICT}", "{EACH_STRICT, SPLAT}"),
        ("dy taken for contiguous", "walk.c", "axis->step[DY] == 0)", "axis->step[DY] >= 0)"),
        (
            "rows joined by their output",
            "walk.c",
            "continues(second, inner);",
            "second->step[OUTPUT] == inner->n * inner->step[OUTPUT];",
        ),
        ("strided rows not stepped", "walk.c", "p[k] += second->step[k];", ""),
        ("any step taken for across", "walk.c", "second->step[k] == width", "second->step[k] >= width"),
        ("two inputs in one block", "walk.c", "(k - DY) * BLOCK_BYTES", "0 * BLOCK_BYTES"),
        ("block's rows not stepped", "walk.c", "second.step[k] = bytes;", ""),
        ("tile larger than its block", "walk.c", "block / second_n", "2 * block / second_n"),
        ("rest of a tile dropped", "walk.c", "at_inner += inner.n", "at_inner += inner_n"),
        ("planes of rows that have tiles", "walk.c", "plan->memory == NULL && plan->n_outer > 0", "plan->n_outer > 0"),
        ("next plane a step too far back", "walk.c", "1 - axis->n", "0 - axis->n"),
        ("short rows streamed", "walk.c", "plan->is_streamed && bytes >= STREAMED_ROW", "plan->is_streamed"),
        ("read-only output not seen", "fastcall.c", "(NPY_ARRAY_WRITEABLE | WARN_ON_WRITE)) !=", "0) =="),
        ("warning on write not given", "fastcall.c", "(NPY_ARRAY_WRITEABLE | WARN_ON_WRITE)", "NPY_ARRAY_WRITEABLE"),
        ("output that shares memory not seen", "fastcall.c", "(!order && shares_memory(given))", "0"),
        ("any dtype taken for that of x", "fastcall.c", "descr == like ||", "1 ||"),
        ("byte order not seen", "fastcall.c", "PyArray_ISNBO(descr->byteorder) &&", ""),
        ("dtype with fields not seen", "fastcall.c", "&& PyDataType_NAMES(descr) == NULL", ""),
        ("dtype with metadata not seen", "fastcall.c", "PyDataType_METADATA(descr) == NULL &&", ""),
        ("second keyword not seen", "fastcall.c", "PyTuple_GET_SIZE(kwnames) == 1 &&", ""),
        ("positional output accepted", "fastcall.c", "n_args != n_in", "n_args < n_in"),
        ("every result in C order", "fastcall.c", "!(order & NPY_ARRAY_C_CONTIGUOUS)", "0"),
        ("a result in x's order whatever dy's", "fastcall.c", "PyArray_STRIDE(x, d) != PyArray_STRIDE(dy, d)", "0"),
        ("output of another shape taken", "fastcall.c", "is_same_shape(out, x) ?", "1 ?"),
        ("output not owned", "fastcall.c", "(PyArrayObject *)Py_NewRef(out)", "out"),
        ("output on dy not seen", "fastcall.c", "dy != x && overlaps", "0 && overlaps"),
        ("overlap not copied", "fastcall.c", "| NPY_ITER_COPY_IF_OVERLAP", ""),
        ("GIL kept", "fastcall.c", "NPY_BEGIN_THREADS_THRESHOLDED(size);", ""),
        ("an unaligned output streamed", "fastcall.c", "PyArray_ISALIGNED(given) &&", ""),
        ("accumulate in any order", "loops.c", "n > 1 && (overlaps", "0 && (overlaps"),
        ("long double's flags not restored", "loops.c", "fesetenv(&before);", ""),
        ("long double at zero", "loops.c", "islessequal(x, zero) :", "isless(x, zero) :"),
        ("old object not released", "loops.c", "Py_XDECREF(old);", "(void)old;"),
        ("objects compared after an error", "loops.c", "drop >= 0 && i < n[0]", "i < n[0]"),
        ("mask among objects accepted", "loops.c", "op != RELU && (PyBool_Check", "0 && (PyBool_Check"),
        ("flags of objects left", "loops.c", "feclearexcept(FE_ALL_EXCEPT);", ""),
        ("dtypes not refused", "module.c", 'explain(op_of(ufunc), "dtypes", scalar_types, n);', ""),
        ("ml_dtypes not registered", "module.c", "strcmp(row->name, name) == 0", "0"),
        ("errors leak", "module.c", "Py_XDECREF(used[k]);", ""),
        ("stream threshold zero", "dispatch.c", "(ptrdiff_t)16 << 20", "0"),
        ("AVX-512 never found", "dispatch.c", "(saved & 0xE6) == 0xE6", "0"),
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
        order = [*QUICK, *(name for name in left if name not in (*QUICK, "package", "release", "examples"))]
        files = [f"tests/test_{name}.py" for name in order]
        has_passed, what = run(
            *(sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", "not memory", *files),
            cwd=tree,
            PYTHONPATH=str(tree),
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
