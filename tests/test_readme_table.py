"""benchmarks/readme.py puts its figures into README.md, and changes nothing else."""

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
if not (ROOT / "benchmarks").is_dir():
    pytest.skip("not in a checkout", allow_module_level=True)


def test_fill(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    readme = importlib.import_module("readme")
    Times = importlib.import_module("measure").Times
    row = {
        name: (Times("", numpys, [1.27e-3]), Times("", ours, [4.2e-5])) for name, (numpys, ours) in readme.PAIRS.items()
    }
    before = (ROOT / "README.md").read_text(encoding="utf-8")
    after = readme.fill(before, dict.fromkeys(readme.SIZES, row))
    cells = " | ".join(["1,270 → 42 us, **30x**"] * 4)
    assert [line for line in after.splitlines() if "→ 42 us" in line] == [
        f"| {size} | {cells} |" for size in readme.SIZES.values()
    ]
    assert after.count("  # 1.3 ms\n") == after.count("  # 42 us\n") == 2
    assert readme.fill(after, dict.fromkeys(readme.SIZES, row)) == after
    start, end = before.index(readme.START), before.index(readme.END)
    assert after.startswith(before[:start])
    assert [line.partition("#")[0] for line in after.partition(readme.END)[2].splitlines()] == [
        line.partition("#")[0] for line in before[end + len(readme.END) :].splitlines()
    ]
    with pytest.raises(SystemExit, match="has no <!-- table"):
        readme.fill("no table", dict.fromkeys(readme.SIZES, row))
