"""How Sphinx makes the site of these pages: `make site` writes build/site, which needs no server."""

from importlib.metadata import version as _version
from pathlib import Path as _Path

project = "kcsim"
author = "The kcsim authors"
copyright = "The kcsim authors, Apache License 2.0"
version = release = _version("kcsim")

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = "index"
exclude_patterns = ["pictures"]
myst_heading_anchors = 4
suppress_warnings = ["myst.header"]

html_theme = "furo"
html_title = "kcsim"
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#1f5fae", "color-brand-content": "#1f5fae"},
    "dark_css_variables": {"color-brand-primary": "#7fb2f0", "color-brand-content": "#7fb2f0"},
    "navigation_with_keys": True,
}
html_static_path: list[str] = []
_executed = _Path(__file__).parents[1] / "build" / "notebooks"
if any(_executed.glob("*.html")):  # `make notebooks` wrote them: the site takes them along, and links them
    html_extra_path = [str(_executed)]
    tags.add("executed")  # type: ignore[name-defined]  # noqa: F821 - Sphinx's own name
html_copy_source = False
html_show_sourcelink = False
html_last_updated_fmt = None
