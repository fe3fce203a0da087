"""The example runs as its docstring says: statuses, what it prints, what it leaves behind."""

import os
import re

import pytest
from scripts import EXAMPLES, interrupt, run

for package in "sklearn", "matplotlib", "tqdm":
    pytest.importorskip(package, reason=f"examples/digits_mlp.py needs {package}: pip install '.[examples]'")

pytestmark = pytest.mark.subprocess

SCRIPT = EXAMPLES / "digits_mlp.py"
QUICK = ["--epochs", "6", "--hidden", "128", "--out", "curves.png"]


def test_both_trainings_agree(tmp_path):
    done = run([str(SCRIPT), *QUICK], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Weights: equal, bit for bit." in done.stdout
    assert re.search(r"^Dead units: \d+ of 128 ", done.stdout, re.MULTILINE)
    assert max(map(len, done.stdout.splitlines())) <= 80
    rows = re.findall(r"^(?:NumPy|relu_ext) .* ([\d.]+)%$", done.stdout, re.MULTILINE)
    assert len(rows) == 2
    assert rows[0] == rows[1]
    assert float(rows[0]) > 85
    assert [path.name for path in tmp_path.iterdir()] == ["curves.png"]
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")


def test_weights_that_differ_are_reported(tmp_path):
    # The trap of the in-place forward: its output is never negative, so relu_backward stops nothing.
    swap = (
        "import runpy, sys, relu_ext; relu_ext.relu_backward_strict = relu_ext.relu_backward;"
        "sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    done = run(["-c", swap, str(SCRIPT), *QUICK], tmp_path)
    assert done.returncode == 1
    assert "Weights: NOT EQUAL" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT, which is POSIX")
def test_ctrl_c_stops_it_cleanly(tmp_path):
    one_epoch_is_through = rb"[1-9]\d*/1000000"
    done = interrupt([str(SCRIPT), "--epochs", "1000000", "--hidden", "16"], tmp_path, one_epoch_is_through)
    assert done.returncode == 130
    assert re.search(rb"^Stopped in epoch [1-9]\d* of 1000000; no picture written\.\n\Z", done.rest, re.MULTILINE)
    assert b"Traceback" not in done.seen + done.rest
    assert done.out == b""
    assert not list(tmp_path.iterdir())


BAD = {
    "--epochs 0": "--epochs must be at least 1, not 0",
    "--batch -1": "--batch must be at least 1, not -1",
    "--hidden 0": "--hidden must be at least 1, not 0",
    "--seed -1": "--seed must be at least 0, not -1",
    "--epochs many": "argument --epochs: invalid int value: 'many'",
    "--out curves.pdf": "--out must end in .png: curves.pdf",
    f"--out nowhere{os.sep}c.png": f"--out cannot be written: nowhere{os.sep}c.png",
}


@pytest.mark.parametrize("arguments", BAD)
def test_bad_arguments(tmp_path, arguments):
    done = run([str(SCRIPT), *arguments.split()], tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: ")
    assert done.stderr.rstrip().endswith(f"error: {BAD[arguments]}")
    assert not list(tmp_path.iterdir())
