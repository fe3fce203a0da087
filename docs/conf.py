"""Sphinx's configuration: `sphinx-build -W docs docs/_build/html` with the extra `docs` installed. Needs no network."""

from importlib.metadata import metadata

import relu_ext

project = "relu_ext"
author = "The relu_ext developers"
copyright = author
version = release = relu_ext.__version__

extensions = [
    "matplotlib.sphinxext.plot_directive",
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.doctest",
    "sphinx.ext.intersphinx",
    "sphinx_copybutton",
]
exclude_patterns = ["_build", "jupyter_execute", ".jupyter_cache"]  # what builds leave here
templates_path = ["_templates"]
nitpicky = True
# Without a network, the names that these pages use are read from a small inventory in version 1, which is plain text.
intersphinx_mapping = {
    name: (f"https://{address}/", (None, f"inventories/{name}.txt"))
    for name, address in {"numpy": "numpy.org/doc/stable", "python": "docs.python.org/3"}.items()
}
intersphinx_timeout = 10
default_role = "autolink"  # `relu` in a docstring is a link, `dy`, which names nothing, is not

autodoc_typehints = "none"  # the parameters' descriptions name them

myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3
nb_execution_mode = "cache"  # notebooks are stored without output, and run again only when they change
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_merge_streams = True
nb_execution_timeout = 120
nb_ipywidgets_js = {}  # would be loaded from elsewhere

copybutton_exclude = ".gp, .go, .linenos"  # prompts and output are not copied

plot_formats = ["svg"]
plot_html_show_formats = plot_html_show_source_link = False

highlight_options = {"python": {"stripnl": True}}  # doctest wants an empty line at the end, readers do not

html_theme = "pydata_sphinx_theme"
html_title = project
html_favicon = "_static/favicon.svg"
html_static_path = ["_static"]
html_css_files = ["relu_ext.css"]
html_copy_source = False
html_show_sourcelink = False
html_sidebars = {"**": ["pages"]}
html_theme_options = {
    "logo": {"text": f"{project} {version}"},
    "icon_links": [
        {"name": name, "url": url, "icon": "fa-solid fa-link"}
        for name, url in (entry.split(", ", 1) for entry in metadata(project).get_all("Project-URL", []))
    ],
    "navbar_center": [],
    "navbar_end": ["theme-switcher", "navbar-icon-links"],
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
