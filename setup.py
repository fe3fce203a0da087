"""The C extension; everything else about the package is in pyproject.toml."""

from glob import glob

import numpy
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

FLAGS = {
    "msvc": ["/std:c11", "/O2", "/W3", "/Zc:preprocessor"],
    "unix": ["-std=c11", "-O3", "-fvisibility=hidden", "-Wall", "-Wextra"],
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
        )
    ],
    cmdclass={"build_ext": BuildExt},
)
