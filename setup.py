"""The C extension, and the README as an index shows it; everything else about the package is in pyproject.toml."""

import os
import re
import tomllib
from glob import glob
from pathlib import Path

import numpy
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

# Threads may have stacks of 32 KB, of which NumPy's machinery needs most: no frame of the C may be large.
WARNINGS = ["-Wall", "-Wextra", "-Wframe-larger-than=4096"]
# So that a line added in one place does not move the loops of another across cache lines: see docs/decisions.md.
ALIGNED = ["-falign-functions=64", "-falign-loops=32"]
# RELU_EXT_DEBUG=1 in the environment: for a debugger, sanitizers and coverage. Flags in CFLAGS are used beside these.
DEBUG = bool(os.environ.get("RELU_EXT_DEBUG"))
FLAGS = {
    "msvc": ["/std:c11", "/W3", "/Zc:preprocessor", *(["/Od", "/Zi"] if DEBUG else ["/O2"])],
    "unix": ["-std=c11", "-fvisibility=hidden", *WARNINGS, *(["-O1", "-g3"] if DEBUG else ["-O3", "-g0", *ALIGNED])],
}

# Of Markdown. Code and comments are matched first, so that they stay as they are.
CODE = r"^```.*?^```|`[^`\n]*`|<!--.*?-->"
RELATIVE = r"(?!#|[\w+.-]+:)[^)\"\s]+"
PICTURE = rf"!\[[^\]]*\]\({RELATIVE}\)|<picture>.*?</picture>|<img [^>]*>"
LINK = rf"\[(?P<text>(?:[^\[\]`]|`[^`]*`)*)\]\({RELATIVE}\)"
TARGET = rf"(?P<before>\]\(|\b(?:href|src|srcset)=\")(?P<target>{RELATIVE})"


def describe(readme: str, repository: str | None) -> str:
    """Return the README for an index, where relative links lead nowhere: they are made absolute, or plain text."""

    def replace(pattern: str, by, text: str) -> str:
        found = re.compile(f"(?P<code>{CODE})|{pattern}", re.DOTALL | re.MULTILINE)
        return found.sub(lambda match: match["code"] or by(match), text)

    def absolute(match: re.Match) -> str:
        kind = "raw" if match["target"].endswith((".png", ".svg")) else "blob"
        return f"{match['before']}{repository}/{kind}/HEAD/{match['target']}"

    if repository:
        return replace(TARGET, absolute, readme)
    return replace(LINK, lambda match: match["text"], replace(PICTURE, lambda match: "", readme))


class BuildExt(build_ext):
    def build_extensions(self):
        for extension in self.extensions:
            extension.extra_compile_args += FLAGS["msvc" if self.compiler.compiler_type == "msvc" else "unix"]
        super().build_extensions()


project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
setup(
    long_description=describe(Path("README.md").read_text(encoding="utf-8"), project["urls"].get("Repository")),
    long_description_content_type="text/markdown",
    ext_modules=[
        Extension(
            "relu_ext._core",
            sources=sorted(glob("csrc/*.c")),
            depends=sorted(glob("csrc/*.h") + glob("csrc/*.def")),
            include_dirs=[numpy.get_include()],
            libraries=["m"] if os.name == "posix" else [],
        )
    ],
    cmdclass={"build_ext": BuildExt},
)
