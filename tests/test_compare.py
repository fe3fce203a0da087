"""benchmarks/compare.py without what takes long: its builds and its clock."""

import importlib
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
if not BENCHMARKS.is_dir():
    pytest.skip("not in a checkout", allow_module_level=True)


@pytest.fixture
def compare(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("compare")


def test_cells(compare):
    cells = compare.choose(compare.parse(["--list"]))
    assert 140 <= len(cells) <= 170
    assert sum(math.prod(map(len, row)) for row in compare.GRID) == len(cells)  # none twice
    assert len(compare.choose(compare.parse(["--list", "--all"]))) > len(cells)
    assert [c.name for c in compare.choose(compare.parse(["--list", "--only", "relu/*/10/*"]))] == [
        "relu/float32/10/contiguous"
    ]
    for layout in {cell.layout for cell in cells}:  # every operand broadcasts to the output
        case = compare.make(next(c for c in cells if c.layout == layout and c.size < 2**20))
        operands = (case.dy, case.x) if case.cell.kind == "backward" else (case.x,)
        assert np.broadcast_shapes(*(a.shape for a in operands)) == case.out.shape, layout


def test_parse(compare, capsys):
    options = compare.parse(["HEAD", "--quick", "--target", "avx2", "--only", "a", "--only", "b"])
    assert (options.revision, options.rounds, options.only) == ("HEAD", compare.ROUNDS_QUICK, ["a", "b"])
    assert compare.parse(["HEAD"]).rounds == compare.ROUNDS
    for wrong in ([], ["HEAD", "--rounds", "0"]):
        with pytest.raises(SystemExit):
            compare.parse(wrong)
    assert "REVISION is missing" in capsys.readouterr().err


def test_figures(compare):
    cells = compare.select([], compare.GRID)[:12]
    slow, fast = compare.Comparison(cells[0], ("old", "new")), compare.Comparison(cells[1], ("old", "new"))
    slow.passes = [([1e-6, 1e-6, 1e-6], [2e-6, 2e-6, 2e-6]), ([1e-6], [3e-6])]
    fast.passes = [([1e-3], [5e-4])]
    others = [compare.Comparison(cell, ("old", "new"), [([1e-3], [1e-3])]) for cell in cells[2:]]
    assert (slow.ratio, slow.paired) == pytest.approx((2, 2))
    assert slow.ratios == pytest.approx([2, 3])
    text = compare.summary([fast, *others, slow])
    assert text.splitlines()[2].split() == [cells[0].name, "1", "us", "2", "us", "2.000", "2.000", "2.00-3.00"]
    assert cells[1].name not in text  # the ten highest only
    assert text.endswith("12 cells: the median ratio is 1.000; 1 above 1.10, 1 below 0.90")
    longest = max(compare.select([], compare.WHOLE_GRID), key=lambda cell: len(cell.name))
    slow.cell = longest
    assert max(map(len, compare.table([slow, fast, *others]).splitlines())) <= 100
    assert slow.as_json()["old"] == {"seconds": pytest.approx(1e-6), "fastest": 1e-6, "samples": 4}
    assert compare.spread(cells, 4) == [cells[0], cells[3], cells[6], cells[9]]


def test_wrong_result_ends_it(compare):
    class Build:
        relu = staticmethod(lambda x: np.maximum(x, 0))

    comparison = compare.Comparison(compare.select(["relu/float32/10/contiguous"], compare.GRID)[0], ("old", "new"))
    compare.check(comparison, {"old": Build, "new": Build})
    wrong = type("Wrong", (), {"relu": staticmethod(abs)})
    with pytest.raises(SystemExit, match=r"the new build's relu\(x\) gives a wrong result"):
        compare.check(comparison, {"old": Build, "new": wrong})


def test_does_not_import_the_package():
    code = f"import sys; sys.path.insert(0, {str(BENCHMARKS)!r}); import compare; assert 'relu_ext' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
