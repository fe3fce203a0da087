"""Check the kernels on machines for which there is no NumPy 2, above all a big-endian one.

It proves that what lies below NumPy in csrc/ (kernels, transposition, layout, walk, the choice of a SIMD target)
computes what the contract says, on every SIMD target that the machine can run: tests/kernels/harness.c holds the
contract in numbers, and is compiled with those files, statically, and run in QEMU's user mode.

    python tools/bigendian.py                  s390x: 64 bits, big-endian
    python tools/bigendian.py powerpc native   the machines that are named; native is this one, without QEMU

CFLAGS in the environment is added to the compiler's flags.
"""

import argparse
import os
from pathlib import Path

from common import PROJECT, need, run

# The compiler, Debian's package of it, and the emulator with its options.
MACHINES = {
    "s390x": ("s390x-linux-gnu-gcc", "gcc-s390x-linux-gnu", ["qemu-s390x"]),
    "powerpc": ("powerpc-linux-gnu-gcc", "gcc-powerpc-linux-gnu", ["qemu-ppc"]),  # 32 bits, big-endian
    "aarch64": ("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu", ["qemu-aarch64"]),
    "native": (os.environ.get("CC", "cc"), "gcc", []),
}
FLAGS = ["-std=c11", "-O3", "-Wall", "-Wextra", "-Werror"]
CSRC = PROJECT / "csrc"
SOURCES = [PROJECT / "tests/kernels/harness.c", CSRC / "dispatch.c", CSRC / "layout.c", CSRC / "walk.c"]
SOURCES += sorted(CSRC.glob("vec_*.c"))


def check(machine: str, cache: Path) -> None:
    compiler, package, emulator = MACHINES[machine]
    cache.mkdir(parents=True, exist_ok=True)
    program = cache / f"harness-{machine}"
    flags = FLAGS + (["-static"] if emulator else []) + os.environ.get("CFLAGS", "").split()
    sources = [str(source) for source in SOURCES]
    run([need(compiler, package), *flags, f"-I{CSRC}", *sources, "-lm", "-o", str(program)])
    run([*(need(name, "qemu-user") for name in emulator), str(program)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("machines", nargs="*", default=["s390x"], metavar="machine", help=", ".join(MACHINES))
    parser.add_argument("--cache", type=Path, default=PROJECT / "build/bigendian", help="folder to build in")
    options = parser.parse_args()
    for machine in options.machines:
        if machine not in MACHINES:
            parser.error(f"no such machine: {machine} (choose from {', '.join(MACHINES)})")
        check(machine, options.cache)


if __name__ == "__main__":
    main()
