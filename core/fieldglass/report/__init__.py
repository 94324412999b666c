"""Search results as one self-contained HTML page, as a map, or as a fragment for a notebook."""

from __future__ import annotations

from fieldglass.report.map import map_page
from fieldglass.report.page import Cards, fragment, page

__all__ = ["Cards", "fragment", "map_page", "page"]
