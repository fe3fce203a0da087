"""The notebook docs/tour.ipynb: stored without what a run leaves behind, and all that it says holds when it runs."""

import ast
import base64
import io
import os
import re
import sys
import tomllib
import warnings
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import relu_ext

for package in "dask", "ipykernel", "matplotlib", "nbclient":
    pytest.importorskip(package, reason=f"{package} is not installed: pip install '.[ecosystem]'")
nbformat = pytest.importorskip("nbformat")
# Here matplotlib makes its cache of fonts, if there is none yet, and not in the notebook, where it says so.
plt = pytest.importorskip("matplotlib.pyplot")

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "docs" / "tour.ipynb"
HANG = 240  # seconds until a hung cell is given up; no test depends on how fast it is


@pytest.fixture
def notebook():
    return nbformat.read(NOTEBOOK, as_version=nbformat.NO_CONVERT)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_stored_form(notebook):
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert NOTEBOOK.stat().st_size < 100_000
    assert notebook.metadata == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        if "plt.show()" in cell.source:  # a picture has a text for those who do not see it
            assert len(cell.metadata["mystnb"]["image"]["alt"]) > 40
        else:
            assert not cell.metadata
    for cell in code_cells(notebook):
        assert cell.outputs == []
        assert cell.execution_count is None


def test_imports_are_in_the_docs_extra(notebook):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = [project["name"], *project["dependencies"], *project["optional-dependencies"]["docs"]]
    allowed = {re.match(r"[\w.-]+", requirement)[0] for requirement in requirements}
    nodes = [node for cell in code_cells(notebook) for node in ast.walk(ast.parse(cell.source))]
    imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    imported = {name.partition(".")[0] for name in imported} - sys.stdlib_module_names
    assert {"relu_ext", "numpy", "matplotlib", "dask"} <= imported
    distributions = packages_distributions()
    for name in imported:
        assert {name, *distributions.get(name, ())} & allowed, name


def execute(notebook, folder):
    from jupyter_client.kernelspec import KernelSpecManager
    from nbclient import NotebookClient

    client = NotebookClient(notebook, timeout=HANG, resources={"metadata": {"path": folder}})
    # A kernel of this interpreter, whatever the machine has installed under the kernel's name.
    client.create_kernel_manager().kernel_spec_manager = KernelSpecManager(kernel_dirs=[])
    one_thread = dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"], "1")
    inline = {"MPLBACKEND": "module://matplotlib_inline.backend_inline", "IPYTHONDIR": str(folder / "ipython")}
    client.execute(env=os.environ | one_thread | inline)


# On Windows pyzmq says that it starts a thread beside the event loop that is the default there.
@pytest.mark.filterwarnings("ignore:Proactor event loop does not implement add_reader:RuntimeWarning")
def test_it_runs(notebook, tmp_path):
    notebook.cells.append(nbformat.v4.new_code_cell("import sys\nprint(sys.executable)"))
    execute(notebook, tmp_path)  # raises for an error in a cell
    *cells, last = code_cells(notebook)
    assert last.outputs[0].text.strip() == sys.executable
    pictures = 0
    for cell in cells:
        assert not [output.text for output in cell.outputs if output.get("name") == "stderr"]
        shown = [output.data["image/png"] for output in cell.outputs if "image/png" in output.get("data", {})]
        assert len(shown) == cell.source.count("plt.show()")
        pictures += len(shown)
        for png in shown:
            assert plt.imread(io.BytesIO(base64.b64decode(png))).std() > 0.05  # something is drawn
    assert pictures >= 6
    assert {path.name for path in tmp_path.iterdir()} <= {"ipython"}


@pytest.mark.parametrize("use_jedi", [False, True])
def test_tab_completion_shows_the_public_names(use_jedi):
    from IPython.core.completer import ProvisionalCompleterWarning
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell()
    shell.run_cell("import relu_ext")
    shell.Completer.use_jedi = use_jedi
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ProvisionalCompleterWarning)
        shown = {c.text.removeprefix(".") for c in shell.Completer.completions("relu_ext.", len("relu_ext."))}
    assert shown == set(relu_ext.__all__)
