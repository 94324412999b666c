"""Search results as one self-contained HTML page, or as a fragment for a notebook."""

from __future__ import annotations

from fieldglass.report.page import fragment, page

__all__ = ["fragment", "page"]
