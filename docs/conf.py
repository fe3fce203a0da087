"""Sphinx's configuration: `sphinx-build -W docs docs/_build/html` with the extra `docs` installed. Needs no network."""

import relu_ext

project = "relu_ext"
author = "The relu_ext developers"
copyright = author
version = release = relu_ext.__version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.doctest",
]
exclude_patterns = ["_build", "jupyter_execute", ".jupyter_cache"]  # what builds leave here
templates_path = ["_templates"]
nitpicky = True
nitpick_ignore = [("py:obj", "numpy.show_runtime")]  # NumPy's own pages are not looked up
default_role = "autolink"  # `relu` in a docstring is a link, `dy`, which names nothing, is not

autodoc_typehints = "none"  # the parameters' descriptions name them

myst_heading_anchors = 3
nb_execution_mode = "cache"  # notebooks are stored without output, and run again only when they change
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_merge_streams = True
nb_execution_timeout = 120
nb_ipywidgets_js = {}  # would be loaded from elsewhere

highlight_options = {"python": {"stripnl": True}}  # doctest wants an empty line at the end, readers do not

html_theme = "pydata_sphinx_theme"
html_title = project
html_static_path = ["_static"]
html_css_files = ["relu_ext.css"]
html_copy_source = False
html_show_sourcelink = False
html_sidebars = {"**": ["pages"]}
html_theme_options = {
    "logo": {"text": project},
    "navbar_center": [],
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
