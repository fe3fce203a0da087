"""See the SIMD target being chosen on x86-64 CPUs without AVX2 and without SSE4.2.

It proves that on each of these models of QEMU's the installed relu_ext finds exactly the targets that the model
can run, takes the widest, refuses the others, and computes what the contract says with each. What a model lacks
is an illegal instruction in QEMU, so a target that needs more than csrc/targets.def says does not survive.

    pip install "numpy<2.4" . && python tools/cpu_models.py

From 2.4 on NumPy's wheels need SSE4.2 themselves. QEMU has no AVX-512, so nothing is said of that target here,
and it warns of other features that it lacks.
"""

import argparse
import os
import sys
from importlib.metadata import version

from common import PROJECT, need, run

MODELS = {
    "core2duo": "scalar",
    "Nehalem": "scalar sse42",
    "SandyBridge": "scalar sse42",  # AVX, but not AVX2
    "Haswell": "scalar sse42 avx2",
    "Haswell,-avx2": "scalar sse42",
    "Haswell,-xsave": "scalar sse42",  # an operating system that does not save the wide registers
    "Haswell,-sse4.2": "scalar",  # the AVX2 target needs both
    "EPYC": "scalar sse42 avx2",  # says its caches in a leaf of AMD's own
    "max": "scalar sse42 avx2",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="*", default=list(MODELS), metavar="model", help=", ".join(MODELS))
    options = parser.parse_args()
    if [int(part) for part in version("numpy").split(".")[:2]] >= [2, 4]:
        raise SystemExit("this NumPy needs SSE4.2 itself: install numpy<2.4")
    # A CPU that the environment names would have OpenBLAS run instructions that the model lacks.
    env = {name: value for name, value in os.environ.items() if name not in ("OPENBLAS_CORETYPE", "RELU_EXT_SIMD")}
    for model in options.models:
        if model not in MODELS:
            parser.error(f"no such model: {model} (choose from {', '.join(MODELS)})")
        python = [need("qemu-x86_64", "qemu-user"), "-cpu", model, sys.executable]
        run([*python, str(PROJECT / "tools/check_targets.py"), *MODELS[model].split()], env=env)


if __name__ == "__main__":
    main()
