"""The documentation: its examples hold, and the site builds without a warning and hangs together."""

import doctest
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from pages import DOCS, fences
from test_package import FUNCTIONS, run_doctest

import relu_ext
from relu_ext.migrate.spellings import ROWS

for library in ("sphinx", "numpydoc", "myst_nb", "pydata_sphinx_theme"):
    pytest.importorskip(library, reason=f"{library} is not installed: pip install '.[docs]'")

ROOT = DOCS.parent
if not (DOCS / "conf.py").exists() or not (ROOT / "benchmarks" / "charts").exists():
    pytest.skip("docs and charts are not here: not a checkout", allow_module_level=True)

MARKDOWN = sorted(page for page in DOCS.rglob("*.md") if "_build" not in page.parts)
WITH_EXAMPLES = [page for page in MARKDOWN if ">>> " in page.read_text(encoding="utf-8")]


def path_id(page: Path) -> str:
    return page.relative_to(DOCS).as_posix()


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=path_id)
def test_examples_of_a_page(page, monkeypatch):
    text = page.read_text(encoding="utf-8")
    examples = "".join(fences(text))
    assert examples.count(">>> ") == text.count(">>> "), "an example outside of a ```python fence is not run"
    for library in re.findall(r"^>>> (?:import|from) (\w+)", examples, re.MULTILINE):
        pytest.importorskip(library, reason=f"{library} is not installed: pip install '.[ecosystem]'")
    if page.name == "containers.md":  # what the page adds to these lists is taken out of them at the end
        monkeypatch.setitem(sys.modules["pint.facets.numpy.numpy_func"].HANDLED_UFUNCS, "relu", None)
        monkeypatch.setitem(sys.modules["unyt"].unyt_array._ufunc_registry, relu_ext.relu, None)
    assert run_doctest(examples, path_id(page)) > 0


def sphinx(site: Path, builder: str) -> Path:
    """Run one of Sphinx's builders; all of them share what was read, so that the notebook runs once."""
    options = ["-W", "--keep-going", "-b", builder, "-d", site / "doctrees"]
    command = [sys.executable, "-m", "sphinx", *options, DOCS, site / builder]
    result = subprocess.run(
        command, cwd=site, env=os.environ | {"NO_COLOR": "1"}, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return site / builder


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sphinx(tmp_path_factory.mktemp("site"), "html")


class Page(HTMLParser):
    """What is looked at of a page: ids, links, what it loads, texts of pictures, and texts by their tag."""

    VOID = frozenset(("br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"))

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.loads: set[str] = set()
        self.alts: list[str] = []
        self.texts: list[tuple[str, str, str]] = []  # tag, class, text; as they end
        self._open: list[tuple[str, str, list[str]]] = []
        self.feed(path.read_text(encoding="utf-8"))
        assert not self._open, "tags that do not close"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.ids.update(value for name, value in attributes.items() if name == "id")
        if tag == "a" or (tag == "link" and "stylesheet" not in attributes.get("rel", "")):
            self.links.update(value for name, value in attributes.items() if name == "href")
        elif tag != "form":
            if tag == "img":
                self.alts.append(attributes.get("alt", ""))
            self.loads.update(value for name, value in attributes.items() if name in ("src", "href"))
        if tag not in self.VOID:
            self._open.append((tag, attributes.get("class", ""), []))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.handle_endtag(tag)

    def handle_data(self, data: str) -> None:
        for *_, pieces in self._open:
            pieces.append(data)

    def handle_endtag(self, tag: str) -> None:
        ended, classes, pieces = self._open.pop()
        assert ended == tag
        self.texts.append((tag, classes, "".join(pieces).strip().removesuffix("#")))

    def of(self, tag: str, classes: str = "") -> list[str]:
        return [text for name, held, text in self.texts if name == tag and classes in held]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_page_for_each_function(site, name):
    page = Page(site / "api" / f"{name}.html")
    function = getattr(relu_ext, name)
    doc = inspect.getdoc(function) or ""
    assert page.of("h1") == [name]
    if name in ("dead_units", "show_runtime"):
        signature = {"dead_units": "(x, axis=0)", "show_runtime": "()"}[name]
    else:
        signature = doc.partition("\n")[0].removeprefix(name)
        assert signature.startswith(("(x, /, *, out=None, where=True", "(dy, x, /, *, out=None, where=True"))
    assert page.of("dt", "sig") == [f"relu_ext.{name}{signature}"]
    shown = [text.removesuffix(":").lower() for tag, _, text in page.texts if tag in ("dt", "p")]
    sections = re.findall(r"^(.+)\n-{3,}$", doc, re.MULTILINE)
    assert sections
    assert set(map(str.lower, sections)) <= set(shown)
    assert [text for text in page.of("pre") if text.startswith(">>> ")]


def test_simd_names_have_a_page(site):
    documented = Page(site / "api" / "simd.html").of("dt", "sig")
    assert documented == ["relu_ext.simd_target", "relu_ext.simd_targets", "RELU_EXT_SIMD"]


def test_the_migration_table_is_whole(site):
    cells = Page(site / "migration.html").of("td")
    shown = [row for row in ROWS if row.shown]
    rows = list(zip(cells[::3], cells[1::3], strict=True))
    assert rows == [(row.before, row.after) for row in shown]


def test_charts_and_pictures_are_there(site):
    charts = {f"_images/{chart.name}" for chart in (ROOT / "benchmarks" / "charts").glob("*.png")}
    assert charts
    assert charts <= Page(site / "performance.html").loads
    assert [source for source in Page(site / "tour.html").loads if source.startswith("_images/")]


def test_pictures_have_a_text(site):
    alts = [alt for path in site.rglob("*.html") if "_static" not in path.parts for alt in Page(path).alts]
    assert len(alts) > 12
    assert not [alt for alt in alts if len(alt) < 20 or alt.endswith((".png", ".svg"))]


@pytest.mark.parametrize("name", ["relu", "relu_grad", "relu_grad_strict", "relu_backward", "relu_backward_strict"])
def test_a_plot_on_each_page_of_a_ufunc(site, name):
    assert f"../_images/plots_{name}.svg" in Page(site / "api" / f"{name}.html").loads


def test_version_and_link_to_numpy(site):
    assert f"relu_ext {relu_ext.__version__}" in (site / "index.html").read_text(encoding="utf-8")
    assert any("numpy.org" in link and "numpy.ufunc" in link for link in Page(site / "api" / "index.html").links)


def broken(site: Path) -> Iterator[str]:
    """Links that lead nowhere, and what is loaded from elsewhere."""
    pages = {path.resolve(): Page(path) for path in site.rglob("*.html") if "_static" not in path.parts}
    assert len(pages) > len(MARKDOWN)
    for path, page in pages.items():
        for link in page.links | page.loads:
            url = urlsplit(link)
            if url.scheme or url.netloc:
                if link in page.loads and url.scheme != "data":
                    yield f"{path.name} loads {link}"
                continue
            target = (path.parent / unquote(url.path)).resolve() if url.path else path
            if not target.is_file():
                yield f"{path.name}: {link}"
            elif url.fragment and target in pages and unquote(url.fragment) not in pages[target].ids:
                yield f"{path.name}: {link}, no such place there"


def test_links_lead_somewhere(site):
    assert list(broken(site)) == []


def test_examples_of_the_docstrings(site):
    report = (sphinx(site.parent, "doctest") / "output.txt").read_text(encoding="utf-8")
    parser = doctest.DocTestParser()
    expected = sum(len(parser.get_examples(getattr(relu_ext, name).__doc__)) for name in FUNCTIONS)
    assert re.search(rf"^ *{expected} tests\n *0 failures in tests$", report, re.MULTILINE), report
