"""What a release is made of: one version, and a README that an index can show."""

import re
import tomllib
from html.parser import HTMLParser
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from runpy import run_path

import pytest

import relu_ext

ROOT = Path(__file__).parent.parent
SETUP = ROOT / "setup.py"
if not SETUP.exists():
    pytest.skip("needs a checkout or an unpacked sdist", allow_module_level=True)
try:
    INSTALLED = metadata("relu_ext")
except PackageNotFoundError:
    pytest.skip("relu_ext is found, but not installed", allow_module_level=True)

ADDRESS = "https://host.invalid/project"


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.fixture
def setup(monkeypatch):
    """Return the names of setup.py, and what it hands to setuptools."""
    setuptools = pytest.importorskip("setuptools")
    handed: dict[str, str] = {}
    monkeypatch.setattr(setuptools, "setup", handed.update)
    monkeypatch.chdir(ROOT)
    return run_path(str(SETUP)) | handed


class Shown(HTMLParser):
    """The text of an index's page, and what it links to or loads."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.text = ""
        self.targets: list[str] = []
        self.ids: set[str] = set()
        pytest.importorskip("comrak", reason="readme-renderer[md] is not installed: pip install '.[dev]'")
        self.feed(pytest.importorskip("readme_renderer.markdown").render(markdown))

    def handle_starttag(self, tag, attrs):
        self.targets += [value for name, value in attrs if name in ("href", "src", "srcset")]
        self.ids |= {value for name, value in attrs if name == "id"}

    def handle_data(self, data):
        self.text += data


def test_one_version():
    assert INSTALLED["Version"] == relu_ext.__version__
    assert f"## [{relu_ext.__version__}]" in read("CHANGELOG.md")
    assert f'version: "{relu_ext.__version__}"' in read("packaging/conda-forge/recipe.yaml")
    assert "version" in tomllib.loads(read("pyproject.toml"))["project"]["dynamic"]
    assert not re.search(r"^version:", read("CITATION.cff"), re.MULTILINE)


def test_each_check_that_is_left_out_has_its_reason():
    ignored = tomllib.loads(read("pyproject.toml"))["tool"]["repo-review"]["ignore"]
    table = read("CONTRIBUTING.md").partition("## Checks that do not apply")[2]
    named = re.findall(r"^\| ([A-Z0-9, ]+) \|", table, re.MULTILINE)
    assert ", ".join(named).split(", ") == ignored


def test_the_long_description_is_made_of_the_readme(setup):
    address = tomllib.loads(read("pyproject.toml"))["project"]["urls"].get("Repository")
    assert setup["long_description"] == setup["describe"](read("README.md"), address)
    assert INSTALLED["Description-Content-Type"] == setup["long_description_content_type"] == "text/markdown"


@pytest.mark.parametrize("address", [None, ADDRESS])
def test_an_index_shows_the_readme_without_relative_links(setup, address):
    shown = Shown(setup["describe"](read("README.md"), address))
    assert shown.targets
    reached = ["#" + name for name in shown.ids]
    assert [target for target in shown.targets if not target.startswith("https://") and target not in reached] == []
    assert shown.text.split() == Shown(read("README.md")).text.split()


@pytest.mark.parametrize(
    ("markdown", "plain", "absolute"),
    [
        ("[a](docs/a.md#b)", "a", f"[a]({ADDRESS}/blob/HEAD/docs/a.md#b)"),
        ("[`f(x)[0]`](a.md)", "`f(x)[0]`", f"[`f(x)[0]`]({ADDRESS}/blob/HEAD/a.md)"),
        ("![a](b/c.png)", "", f"![a]({ADDRESS}/raw/HEAD/b/c.png)"),
        ("[![a](b.svg)](c.md)", "", f"[![a]({ADDRESS}/raw/HEAD/b.svg)]({ADDRESS}/blob/HEAD/c.md)"),
        ('<img alt="a" src="b.png">', "", f'<img alt="a" src="{ADDRESS}/raw/HEAD/b.png">'),
        (
            '<picture>\n<img src="b.png">\n</picture>',
            "",
            f'<picture>\n<img src="{ADDRESS}/raw/HEAD/b.png">\n</picture>',
        ),
        *(
            (kept, kept, kept)
            for kept in (
                "[a](https://host.invalid/b)",
                "![a](https://host.invalid/b.png)",
                "[a](#b)",
                "`x[0](y)`",
                "```python\nx[0](y)\n```",
                "<!-- [a](b.md) -->",
                "a[0] (b)",
            )
        ),
    ],
)
def test_links_and_pictures(setup, markdown, plain, absolute):
    assert setup["describe"](markdown, None) == plain
    assert setup["describe"](markdown, ADDRESS) == absolute
