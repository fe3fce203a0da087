"""The code on the pages of docs/, and the recipes of docs/autodiff.md run as they stand there."""

import io
import re
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[2] / "docs"


def fences(text: str) -> list[str]:
    """Return what stands in ```python fences."""
    return re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def recipe(section: str, **replaced: str) -> dict[str, Any]:
    """Run a section's code, some words of it replaced, and return its names. What it prints has to be in comments."""
    page = (DOCS / "autodiff.md").read_text(encoding="utf-8")
    code = "\n".join(fences(page.split(f"\n## {section}\n")[1].split("\n## ")[0]))
    for old, new in replaced.items():
        code = re.sub(rf"\b{old}\b", new, code)
    names: dict[str, Any] = {"__name__": "recipe"}
    with redirect_stdout(io.StringIO()) as printed:
        exec(compile(code, f"docs/autodiff.md, {section}", "exec"), names)
    promised = re.findall(r"^ *print\(.*\)  # (.*)$", code, re.MULTILINE)
    if not replaced:
        assert printed.getvalue().splitlines() == promised
    assert promised
    return names
