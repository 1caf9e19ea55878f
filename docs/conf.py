"""Sphinx's settings. `make docs` builds the site into docs/_build, without network and with every warning an error."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

from pytest_paygate.version import __version__

project = "pytest-paygate"
author = "The pytest-paygate authors"
copyright = "2026, the pytest-paygate authors"  # noqa: A001 - Sphinx's name
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "paygate_docs"]
exclude_patterns = ["_build", "_ext"]
# No inventory is fetched: a build needs no network. Types of other projects are shown as text.
nitpicky = True

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]

autodoc_member_order = "bysource"
autodoc_class_signature = "separated"
autodoc_typehints = "signature"
# A single backtick in a docstring is code.
default_role = "code"
napoleon_google_docstring = True
napoleon_numpy_docstring = False

# Quotation marks in texts taken from the code stay as they are typed.
smartquotes = False

html_theme = "furo"
html_title = f"pytest-paygate {__version__}"
html_show_sphinx = False
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
pygments_style = "a11y-light"
pygments_dark_style = "a11y-dark"
