"""Sphinx settings. Pages are Markdown; the reference comes from docstrings, environment pages from the registry."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parent / "_ext")]

import qsl_envs  # noqa: E402

project = "Quant Sim Lab"
author = "The Quant Sim Lab authors"
copyright = f"2026, {author}"
release = version = qsl_envs.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.mathjax", "environment_pages"]
exclude_patterns = ["_build", "_ext"]
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
default_role = "code"

html_theme = "furo"
html_title = "Quant Sim Lab"
