"""The C extension; everything else about the package is in pyproject.toml."""

import os
from glob import glob

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


class BuildExt(build_ext):
    def build_extensions(self):
        for extension in self.extensions:
            extension.extra_compile_args += FLAGS["msvc" if self.compiler.compiler_type == "msvc" else "unix"]
        super().build_extensions()


setup(
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
