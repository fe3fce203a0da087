"""Check the C below NumPy as other compilers build it, and on other machines: a row of ROWS for each.

tests/kernels/harness.c holds the contract in numbers. Each row compiles it with that C (kernels, transposition,
layout, walk, the choice of a SIMD target), warnings being errors, and runs it on every SIMD target that the machine
has, under an emulator where it needs one. For some of these machines there is no NumPy 2.

    python tools/compilers.py                    every row; what cannot run here is skipped, and says what it needs
    python tools/compilers.py s390x powerpc      those rows, and a row that cannot run fails

The rows for MSVC are Clang in its place, and compile only. Windows' headers are not here, so neither the harness nor
what includes Python's (fastcall.c, loops.c, module.c) is among their files.

CFLAGS in the environment is added to every compiler's flags. Each row takes one core.
"""

import argparse
import os
import re
import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

from common import PROJECT


class Row(NamedTuple):
    compiler: str  # with its flags
    package: str  # Debian's, of the compiler and the emulator
    emulator: str = ""
    share: int = 8  # so many times fewer calls
    only_compiled: bool = False


# As compilers take MSVC's place: no header of the C library but those of STUBS.
MSVC = "-O2 -c -ffreestanding -Istubs --target"
ROWS = {  # those that take longest first
    "gcc-O0": Row("gcc -O0", "gcc"),
    "clang-O0": Row("clang -O0", "clang"),
    "s390x": Row("s390x-linux-gnu-gcc -O3 -static", "gcc-s390x-linux-gnu qemu-user", "qemu-s390x"),
    "powerpc": Row("powerpc-linux-gnu-gcc -O3 -static", "gcc-powerpc-linux-gnu qemu-user", "qemu-ppc"),  # 32 bits
    "aarch64": Row("aarch64-linux-gnu-gcc -O3 -static", "gcc-aarch64-linux-gnu qemu-user", "qemu-aarch64"),
    "gcc-native": Row("gcc -O3 -march=native", "gcc", share=1),
    "clang-native": Row("clang -O3 -march=native", "clang"),
    "mingw": Row("x86_64-w64-mingw32-gcc -O2 -static", "gcc-mingw-w64-x86-64 wine", "wine"),
    "musl": Row("musl-gcc -O2 -static", "musl-tools"),
    "gcc-O2": Row("gcc -O2", "gcc"),
    "clang-O2": Row("clang -O2", "clang"),
    # As of Debian 12. gcc-multilib would do as well, but cannot be installed beside the compilers for other machines.
    "gcc-m32": Row("gcc -m32 -O2", "gcc libc6-dev-i386 lib32gcc-12-dev"),
    "clang-m32": Row("clang -m32 -O2", "clang libc6-dev-i386 lib32gcc-12-dev"),
    "msvc-x86_64": Row(f"clang {MSVC}=x86_64-pc-windows-msvc", "clang", only_compiled=True),
    "msvc-aarch64": Row(f"clang {MSVC}=aarch64-pc-windows-msvc", "clang", only_compiled=True),
}
FLAGS = ["-std=c11", "-Wall", "-Wextra", "-Werror", *shlex.split(os.environ.get("CFLAGS", ""))]
CSRC = PROJECT / "csrc"
SOURCES = [CSRC / "dispatch.c", CSRC / "layout.c", CSRC / "walk.c", *sorted(CSRC.glob("vec_*.c"))]
HARNESS = PROJECT / "tests/kernels/harness.c"
STUBS = {
    "string.h": "#include <stddef.h>\nvoid *memcpy(void *, const void *, size_t);\n"
    "void *memset(void *, int, size_t);\nint strcmp(const char *, const char *);\n",
    "stdlib.h": "#include <stddef.h>\nvoid *malloc(size_t);\nvoid free(void *);\n",
}


class Failure(Exception):
    pass


def run(command: list[str], folder: Path) -> str:
    """Run `command` in `folder` and return what it prints."""
    wine = {"WINEPREFIX": str(folder / "wine"), "WINEDEBUG": "-all", "WINEDLLOVERRIDES": "mscoree=;mshtml="}
    try:
        result = subprocess.run(command, cwd=folder, env={**os.environ, **wine}, capture_output=True, text=True)
    except FileNotFoundError:
        raise Failure(f"{command[0]} not found") from None
    if result.returncode != 0:
        raise Failure(f"+ {shlex.join(command)}\n{result.stdout}{result.stderr}ends with {result.returncode}")
    return result.stdout


def build(name: str, folder: Path, *sources: Path | str) -> list[str]:
    """Compile `sources` and return the command that runs the program."""
    row = ROWS[name]
    program = f"./{name}.exe"
    output = [] if row.only_compiled else ["-lm", "-o", program]
    run([*row.compiler.split(), *FLAGS, f"-I{CSRC}", *map(str, sources), *output], folder)
    return [*row.emulator.split(), program]


def prepare(name: str, folder: Path) -> Path:
    """Make the row's folder, and show by a program that does nothing that its compiler and emulator work."""
    folder = folder / name
    (folder / "stubs").mkdir(parents=True, exist_ok=True)
    for header, text in STUBS.items():
        (folder / "stubs" / header).write_text(text)
    (folder / "nothing.c").write_text("int main(void) { return 0; }\n")
    command = build(name, folder, "nothing.c")
    if not ROWS[name].only_compiled:
        run(command, folder)
    return folder


def check(name: str, folder: Path, share: int) -> str:
    """Build and run one row; return what was checked."""
    row = ROWS[name]
    begin = time.monotonic()
    if row.only_compiled:
        build(name, folder, *SOURCES)
        return f"{len(SOURCES)} files compiled in {time.monotonic() - begin:.0f} s"
    command = build(name, folder, HARNESS, *SOURCES)
    built = time.monotonic()
    printed = run([*command, "all", str(share or row.share)], folder)
    checked = re.findall(r"^(\w+): .* dtypes: (\d+) calls", printed, re.MULTILINE)
    if not checked:
        raise Failure(f"nothing was checked:\n{printed}")
    calls = sum(int(n) for _, n in checked)
    times = f"built in {built - begin:.0f} s, run in {time.monotonic() - built:.0f} s"
    return f"{calls:,} calls on {', '.join(target for target, _ in checked)}; {times}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("rows", nargs="*", metavar="row", help=", ".join(ROWS))
    parser.add_argument("--cache", type=Path, default=PROJECT / "build/compilers", help="folder to build in")
    parser.add_argument("--share", type=int, default=0, help="make so many times fewer calls in every row; 1 makes all")
    parser.add_argument("-j", "--jobs", type=int, default=os.cpu_count(), help="rows at once")
    options = parser.parse_args()
    for name in options.rows:
        if name not in ROWS:
            parser.error(f"no such row: {name} (choose from {', '.join(ROWS)})")
    n_ok = n_failed = 0
    pool, futures = ThreadPoolExecutor(options.jobs), {}
    for name in options.rows or ROWS:
        try:
            folder = prepare(name, options.cache.resolve())
        except Failure as failure:
            n_failed += bool(options.rows)
            what = "FAILED" if options.rows else "skipped"
            print(f"{name}: {what}, install {ROWS[name].package}: {failure}", flush=True)
        else:
            futures[pool.submit(check, name, folder, options.share)] = name
    for future in as_completed(futures):
        try:
            print(f"{futures[future]}: {future.result()}", flush=True)
            n_ok += 1
        except Failure as failure:
            print(f"{futures[future]}: FAILED\n{failure}", flush=True)
            n_failed += 1
    print(f"{n_ok} rows as they have to be, {n_failed} failed, of {len(options.rows or ROWS)}")
    sys.exit(n_failed > 0 or n_ok == 0)


if __name__ == "__main__":
    main()
