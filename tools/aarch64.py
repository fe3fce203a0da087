"""For those who have no Arm machine: run the tests on AArch64, its own Python and NumPy, under QEMU's user mode.

On an Arm machine `python -m pytest` does as much. It proves that the package builds for 64-bit Arm without a warning,
that it chooses NEON there, and that the tests pass with NumPy's own AArch64 wheel on both SIMD targets.

    python tools/aarch64.py                                      all of tests/
    python tools/aarch64.py tests/test_values.py -- -k float16   some; what follows -- is pytest's

It needs Debian with qemu-user and gcc-aarch64-linux-gnu, but not root: apt-get gets a state of its own, and
nothing is installed on the machine. The cache folder, build/aarch64, then holds

    apt/    Debian's arm64 packages of Python, as downloaded
    root/   the same unpacked: what QEMU shows the program as its /usr and /lib
    venv/   a virtual environment whose bin/python is a script that runs root/usr/bin/python3 in QEMU
    src/    a copy of the package's sources, so that nothing is built in the checkout

Python takes that script for sys.executable, so a test can start a second Python as on any machine, and pip and
setuptools work as ever: pip chooses AArch64's wheels because it runs there, and the cross compiler, which
setuptools calls, is executed by the machine itself. For trying things by hand there is
build/aarch64/venv/bin/python; QEMU_CPU=cortex-a53 in the environment makes it an older CPU.
"""

import argparse
import os
import shlex
import shutil
import sys
import tomllib
from pathlib import Path

from common import PROJECT, need, run

PACKAGES = ["python3", "libpython3-dev", "libstdc++6"]  # apt adds what they depend on
SOURCES = ["csrc", "relu_ext", "setup.py", "pyproject.toml", "README.md", "LICENSE"]
NEEDED = {  # program, Debian's package
    "apt-get": "apt (this needs Debian or a derivative)",
    "dpkg-deb": "dpkg",
    "qemu-aarch64": "qemu-user",
    "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu",
}


def unpack_debian(cache: Path) -> None:
    """Fill root/ with Debian's arm64 Python, its headers and the libraries that wheels need."""
    state = cache / "apt"
    for folder in ("lists/partial", "archives/partial"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    (state / "status").touch()  # nothing is installed there, so every dependency is downloaded
    options = {
        "APT::Architecture": "arm64",
        "APT::Architectures": "arm64",
        "APT::Sandbox::User": "root",
        "Dir::State": state,
        "Dir::State::status": state / "status",
        "Dir::Cache": state,
    }
    apt = ["apt-get", "--quiet"]
    apt += [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    run([*apt, "update"])
    run([*apt, "install", "--download-only", "--no-install-recommends", "--yes", *PACKAGES])
    for package in sorted((state / "archives").glob("*.deb")):
        run(["dpkg-deb", "--extract", str(package), str(cache / "root")])
    for name in ("lib", "bin"):  # where Debian's packages no longer have them, since trixie
        if not (cache / "root" / name).exists():
            (cache / "root" / name).symlink_to(f"usr/{name}")


def make_venv(cache: Path, python: Path) -> None:
    """Make venv/ with QEMU as its Python, and install what building and the tests require."""
    home = cache / "root/usr/bin"
    python.parent.mkdir(parents=True)
    (cache / "venv/pyvenv.cfg").write_text(f"home = {home}\ninclude-system-site-packages = false\n")
    emulator = [need("qemu-aarch64", NEEDED["qemu-aarch64"]), "-L", str(cache / "root")]
    run_python = f'exec {shlex.join(emulator)} -0 "$0" {shlex.quote(str(home / "python3"))} "$@"'
    python.write_text(f"#!/bin/sh\n{run_python}\n")
    python.chmod(0o755)
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    wanted = project["build-system"]["requires"] + project["project"]["optional-dependencies"]["test"]
    run([*pip(python), "install", "--only-binary=:all:", *wanted])


def pip(python: Path) -> list[str]:
    """Return the command of this Python's pip, told to work in and for the other one."""
    return [sys.executable, "-m", "pip", "--python", str(python)]


def install_package(cache: Path, python: Path) -> None:
    """Build the package with the cross compiler and install it into venv/."""
    shutil.rmtree(cache / "src", ignore_errors=True)
    (cache / "src").mkdir()
    built = shutil.ignore_patterns("*.so", "__pycache__")
    for name in SOURCES:
        if (PROJECT / name).is_dir():
            shutil.copytree(PROJECT / name, cache / "src" / name, ignore=built)
        else:
            shutil.copy(PROJECT / name, cache / "src" / name)
    headers = cache / "root/usr/include"
    include = f"-I{headers / (cache / 'root/usr/bin/python3').readlink().name} -idirafter {headers}"
    flags = {"CC": "aarch64-linux-gnu-gcc", "CFLAGS": "-Werror", "CPPFLAGS": include}
    command = ["install", "--no-build-isolation", "--no-deps", "--force-reinstall", str(cache / "src")]
    run([*pip(python), *command], env=os.environ | flags)


def main(argv: list[str]) -> None:
    ours, pytest_options = argv, []
    if "--" in argv:
        ours, pytest_options = argv[: argv.index("--")], argv[argv.index("--") + 1 :]
    summary, hint = __doc__.partition("\n")[0], "What follows -- is handed to pytest."
    parser = argparse.ArgumentParser(description=summary, epilog=hint)
    parser.add_argument("tests", type=Path, nargs="*", default=[PROJECT / "tests"], help="test files or folders")
    parser.add_argument("--cache", type=Path, default=PROJECT / "build/aarch64", help="cache folder")
    parser.add_argument("--fresh", action="store_true", help="empty the cache folder first")
    options = parser.parse_args(ours)
    for program, package in NEEDED.items():
        need(program, package)
    cache = options.cache.resolve()
    tests = [str(test.resolve()) for test in options.tests]

    if options.fresh:
        shutil.rmtree(cache, ignore_errors=True)
    python, ready = cache / "venv/bin/python", cache / "ready"
    if not ready.exists():
        shutil.rmtree(cache / "venv", ignore_errors=True)
        unpack_debian(cache)
        make_venv(cache, python)
        ready.touch()
    install_package(cache, python)
    run([str(python), str(PROJECT / "tools/check_targets.py"), "scalar", "neon"], cwd=cache)
    # From the cache folder, or the checkout's relu_ext would be found first.
    pytest = ["-m", "pytest", f"--rootdir={PROJECT}", f"--config-file={PROJECT / 'pyproject.toml'}"]
    pytest += ["-o", f"cache_dir={cache / 'pytest'}"]
    pytest += ["--deselect=tests/test_kernels.py"]  # cc is this machine's; tools/compilers.py has Arm's
    run([str(python), *pytest, *tests, *pytest_options], cwd=cache)


if __name__ == "__main__":
    main(sys.argv[1:])
