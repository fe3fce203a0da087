"""What can be checked, each in an environment of its own: `nox -l` lists it, `nox -s NAME` runs it.

    nox                                    the tests on every Python that is found, and the linters
    nox -s "tests-3.12(numpy='oldest')"    the tests on one Python and one NumPy
    nox -s debug -- -k overlap             what follows -- is handed on, here to pytest

Sessions build in a copy of the tree, so that none meets another's objects or leaves any in the checkout. Each says
in its second line what it comes to by hand; for that, `pip install -e '.[test,dev]'` in a virtual environment first.
"""

import shutil
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).parent
EXTRAS: dict[str, list[str]] = nox.project.load_toml(ROOT / "pyproject.toml")["project"]["optional-dependencies"]
NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "build", "dist", "*.egg-info", "*.so", "*.pyd")

#: The first supported NumPy that has wheels for a Python; a `t` at the end means free-threaded.
OLDEST_NUMPY = {
    "3.11": "numpy==2.2.*",
    "3.12": "numpy==2.2.*",
    "3.13": "numpy==2.2.*",
    "3.13t": "numpy==2.2.*",
    "3.14": "numpy==2.3.*",
    "3.14t": "numpy==2.3.*",
    "3.15": "numpy==2.5.*",
    "3.15t": "numpy==2.5.*",
}

#: Which Python it is, and which NumPy.
WHERE_FROM = "import sys, numpy; print(f'Python {sys.version}, {sys.base_prefix}, NumPy {numpy.__version__}')"

#: Sanitizers do not mix with these.
UNDER_SANITIZERS = "not subprocess and not memory and not allocations"

#: Longest functions, in lines of code without docstrings.
LONGEST_FUNCTIONS = [
    ("c", 40, ["csrc", "tests/kernels"]),
    ("python", 50, ["benchmarks", "examples", "relu_ext", "tests", "tools", "noxfile.py", "setup.py"]),
]

#: Files in YAML, by the name of the schema that check-jsonschema has for them.
READ_BY_SERVICES = {
    "citation-file-format": "CITATION.cff",
    "dependabot": ".github/dependabot.yml",
    "github-issue-config": ".github/ISSUE_TEMPLATE/config.yml",
    "github-issue-forms": ".github/ISSUE_TEMPLATE/[!c]*.yml",
    "github-workflows": ".github/workflows/*.yml",
    "readthedocs": ".readthedocs.yaml",
}

nox.needs_version = ">=2025.10.16"
nox.options.sessions = ["tests", "lint"]
nox.options.error_on_missing_interpreters = False


def enter_copy(session: nox.Session) -> None:
    """Go to a fresh copy of the project."""
    tree = Path(session.create_tmp()) / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(ROOT, tree, ignore=NOT_COPIED)
    session.chdir(tree)


def gcc_library(session: nox.Session, name: str) -> str:
    """Return where gcc has a library, or skip the session."""
    if sys.platform != "linux" or not shutil.which("gcc"):
        session.skip("needs Linux and gcc")
    return str(session.run("gcc", f"-print-file-name={name}.so", external=True, silent=True)).strip()


@nox.session(python=list(OLDEST_NUMPY))
@nox.parametrize("numpy", ["oldest", "newest"])
def tests(session: nox.Session, numpy: str) -> None:
    """The tests, on every Python that is found, with the oldest NumPy that it has wheels for, and the newest.

    By hand: pip install -e '.[test]' 'numpy==2.2.*' && python -m pytest -m ""

    It says where each Python comes from: nox looks for it on PATH, else uv downloads it.
    """
    enter_copy(session)
    wanted = OLDEST_NUMPY[str(session.python)] if numpy == "oldest" else "numpy"
    # The newest that has a wheel for this Python: what NumPy or mypy would be built from is not tested here.
    session.install("--only-binary=:all:", "-e", ".[test]", wanted)
    session.run("python", "-c", WHERE_FROM)
    session.run("python", "-m", "pytest", *(session.posargs or ["-m", ""]))


@nox.session
def debug(session: nox.Session) -> None:
    """The tests on a build for a debugger.

    By hand: RELU_EXT_DEBUG=1 pip install -e . && python -m pytest -m ""
    """
    enter_copy(session)
    session.install("-e", ".[test]", env={"RELU_EXT_DEBUG": "1"})
    session.run("python", "-m", "pytest", *(session.posargs or ["-m", ""]))


def test_with_sanitizers(session: nox.Session, flags: str, libraries: list[str], *pytest: str, **options: str) -> None:
    """Build with a sanitizer's flags and run pytest with its libraries in the process from the start."""
    preload = " ".join(gcc_library(session, name) for name in libraries)
    enter_copy(session)
    build = {"RELU_EXT_DEBUG": "1", "CC": "gcc", "CFLAGS": flags, "LDFLAGS": flags}
    build |= {"TSAN_OPTIONS": "exitcode=0"}  # not of interest: what pip's threads do
    session.install("-e", ".[test]", env=build)
    session.run("python", "-m", "pytest", *(session.posargs or pytest), env={"LD_PRELOAD": preload, **options})


@nox.session
def sanitizers(session: nox.Session) -> None:
    """The tests with AddressSanitizer and UndefinedBehaviorSanitizer.

    By hand: RELU_EXT_DEBUG=1 CFLAGS="$FLAGS" LDFLAGS="$FLAGS" pip install -e . with the flags below, then
    LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)" PYTHONMALLOC=malloc
    ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1 python -m pytest -m "$UNDER_SANITIZERS"
    """
    test_with_sanitizers(
        session,
        "-fsanitize=address,undefined -fno-sanitize-recover=all",
        ["libasan", "libubsan"],
        *("-m", UNDER_SANITIZERS),
        ASAN_OPTIONS="detect_leaks=0:allocator_may_return_null=1",  # Python itself leaves memory behind at its end
        PYTHONMALLOC="malloc",
    )


@nox.session
def threads(session: nox.Session) -> None:
    """The tests of threads with ThreadSanitizer, which ends with 66 where it saw a race.

    By hand: RELU_EXT_DEBUG=1 CFLAGS=-fsanitize=thread LDFLAGS=-fsanitize=thread pip install -e . &&
    LD_PRELOAD="$(gcc -print-file-name=libtsan.so)" python -m pytest -s tests/test_threads.py

    It sees the C of this package and what Python asks of the operating system, so a Python with a GIL, whose locks are
    the operating system's. For a free-threaded one, `-P PYTHON` names one configured --with-thread-sanitizer.
    """
    options = f"suppressions={ROOT / 'tests/thread_sanitizer.supp'}"
    selection = ("-s", "-m", "", "tests/test_threads.py")
    test_with_sanitizers(session, "-fsanitize=thread", ["libtsan"], *selection, TSAN_OPTIONS=options)


@nox.session
def exhaust(session: nox.Session) -> None:
    """All 2**32 float32 through the five functions on every SIMD target: some minutes.

    By hand: pip install . tqdm && python tools/exhaust.py
    """
    enter_copy(session)
    session.install(".", "tqdm")
    session.run("python", "tools/exhaust.py", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Random calls compared with the same calls of NumPy's own functions: an hour; -- --minutes 5 for less.

    By hand: pip install . ml_dtypes tqdm && python tools/fuzz.py
    """
    enter_copy(session)
    session.install(".", "ml_dtypes", "tqdm")
    session.run("python", "tools/fuzz.py", *session.posargs)


@nox.session
def coverage(session: nox.Session) -> None:
    """Which lines of the C the tests do not reach; fails if one of them does not say why, /* not reached: ... */.

    By hand: gcc $FLAGS csrc/*.c -o relu_ext/_core.so && python -m pytest && gcovr --filter csrc/

    A line is reached if it is so in any of the operations, widths and targets that it is compiled for. The file of a
    target that this machine cannot run is left out.
    """
    gcc_library(session, "libgcov")
    enter_copy(session)
    session.install("gcovr>=8", "numpy", *EXTRAS["test"])
    code = "import numpy, sysconfig; print(numpy.get_include(), sysconfig.get_path('include'))"
    flags = [f"-I{folder}" for folder in str(session.run("python", "-c", code, silent=True)).split()]
    flags += ["-std=c11", "-shared", "-fPIC", "-fvisibility=hidden", "--coverage", "-fprofile-update=atomic"]
    flags += ["-O0", "-g", "-Dalways_inline=unused"]  # so that each line has code of its own to count
    sources = sorted(map(str, Path("csrc").glob("*.c")))
    session.run("gcc", *flags, *sources, "-o", "relu_ext/_core.so", external=True)
    session.env["PYTHONPATH"] = str(Path.cwd())  # also for the processes that tests start
    selection = ["-m", "not slow and not memory and not subprocess"]
    session.run("python", "-m", "pytest", *(session.posargs or selection))
    # The refusal of subinterpreters is reached in processes of their own alone.
    session.run("python", "-m", "pytest", "-m", "", "tests/test_faults.py", "-k", "subinterpreter")
    code = "from relu_ext._core import simd_table; print(*(name for name, usable in simd_table() if not usable))"
    absent = str(session.run("python", "-c", code, silent=True)).split()
    options = ["--filter=csrc/", *(f"--exclude=csrc/vec_{name}.c" for name in absent), "--fail-under-line=100"]
    options += ["--merge-lines", r"--exclude-lines-by-pattern=.*/\* not reached: .+ \*/"]
    # Of branches, which nothing here asks for, gcov may count fewer than none where threads have run.
    session.run("gcovr", *options, "--gcov-ignore-parse-errors=negative_hits.warn_once_per_file")


@nox.session
def mutants(session: nox.Session) -> None:
    """Break the C on purpose, one place at a time: do the tests notice? An hour or more.

    By hand: python tools/mutants.py
    """
    session.install("numpy", "setuptools>=77", *EXTRAS["test"])
    session.run("python", "tools/mutants.py", *session.posargs)


@nox.session
def ecosystem(session: nox.Session) -> None:
    """The tests beside other libraries, all of them installed: some gigabytes.

    By hand: pip install -e '.[test,ecosystem]' && python -m pytest tests/ecosystem
    """
    enter_copy(session)
    session.install("-e", ".[test,ecosystem]")
    session.run("python", "-m", "pytest", *(session.posargs or ["tests/ecosystem"]))


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation, warnings as errors, and the docstrings' examples: docs/_build/html/index.html.

    By hand: pip install '.[docs]' && sphinx-build -W docs docs/_build/html
    """
    session.install(".[docs]")
    for builder in ("html", "doctest"):
        session.run("sphinx-build", "-W", "--keep-going", "-b", builder, "docs", f"docs/_build/{builder}")


@nox.session
def wheel(session: nox.Session) -> None:
    """An sdist, a wheel out of it, what the wheel needs of a Linux, and whether an index would take and show them.

    By hand: python -m build && auditwheel show dist/*.whl && twine check --strict dist/* && pip install dist/*.whl &&
    pytest tests/test_release.py
    """
    enter_copy(session)
    session.install(*EXTRAS["dev"], "pytest")
    session.run("python", "-m", "build")
    made = sorted(Path("dist").iterdir())
    for file in made:
        session.log(f"{file.name}: {file.stat().st_size:,} bytes")
    if sys.platform == "linux":
        session.run("auditwheel", "show", *(str(file) for file in made if file.suffix == ".whl"))
    session.run("twine", "check", "--strict", *map(str, made))
    session.install(*(str(file) for file in made if file.suffix == ".whl"))
    session.run("pytest", "tests/test_release.py")  # not `python -m`, which would find the relu_ext of the copy


@nox.session
def lint(session: nox.Session) -> None:
    """Format and lint Python and C, check types, and look for what is unsafe or misspelt in what services read.

    By hand: ruff check . && mypy && zizmor --offline .github && check-jsonschema --builtin-schema ...
    """
    session.install("numpy", *EXTRAS["migrate"], *EXTRAS["dev"])
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    sources = sorted(path for folder in ("csrc", "tests/kernels") for path in Path(folder).rglob("*.[ch]"))
    session.run("clang-format", "--dry-run", "--Werror", *map(str, sources))
    for language, lines, paths in LONGEST_FUNCTIONS:
        session.run("lizard", "--warnings_only", f"--languages={language}", f"-Tnloc={lines}", "--CCN=999", *paths)
    session.run("zizmor", "--offline", ".github")
    for schema, pattern in READ_BY_SERVICES.items():
        files = sorted(map(str, Path().glob(pattern)))
        session.run("check-jsonschema", "--builtin-schema", f"vendor.{schema}", *files)


@nox.session
def review(session: nox.Session) -> None:
    """Scientific Python's checks of a repository, and pyproject.toml against its standards.

    By hand: pip install 'sp-repo-review[cli]' 'validate-pyproject[all]' && sp-repo-review . --show errskip
    """
    session.install("sp-repo-review[cli]>=2026.8.14", "validate-pyproject[all]>=0.23")
    session.run("validate-pyproject", "pyproject.toml")
    session.run("sp-repo-review", ".", "--show", "errskip")


@nox.session
def workflows(session: nox.Session) -> None:
    """The steps of the GitHub workflows that this machine can run: hours, and gigabytes of packages.

    By hand: pip install pyyaml && python tools/workflows.py
    """
    session.install("pyyaml")
    session.run("python", "tools/workflows.py", *session.posargs)


# Other compilers and machines. What each needs of the operating system it says itself.


@nox.session
def aarch64(session: nox.Session) -> None:
    """The tests on 64-bit Arm: its own Python and NumPy in QEMU.

    By hand: python tools/aarch64.py
    """
    session.run("python", "tools/aarch64.py", *session.posargs)


@nox.session
def compilers(session: nox.Session) -> None:
    """The kernels as other compilers build them, and on big-endian and 32-bit machines; -- s390x musl for some.

    By hand: python tools/compilers.py
    """
    session.run("python", "tools/compilers.py", *session.posargs)


@nox.session
def cpu_models(session: nox.Session) -> None:
    """The choice of a SIMD target on x86-64 CPUs that lack some.

    By hand: pip install 'numpy<2.4' . && python tools/cpu_models.py
    """
    enter_copy(session)
    session.install("numpy<2.4", ".")
    session.run("python", "tools/cpu_models.py", *session.posargs)
