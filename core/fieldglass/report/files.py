"""Search results as files: which formats there are, and what each suffix means."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from fieldglass.errors import UsageError

if TYPE_CHECKING:
    from fieldglass.result import SearchResult

__all__ = ["BINARY", "SUFFIXES", "form_of", "save", "text_of"]

SUFFIXES = {
    ".map.html": "map", ".html": "html", ".json": "json", ".csv": "csv", ".geojson": "geojson",
    ".kml": "kml", ".parquet": "geoparquet", ".geoparquet": "geoparquet", ".gpkg": "gpkg",
}  # fmt: skip
BINARY = ("geoparquet", "gpkg")


def form_of(path: str | os.PathLike[str]) -> str | None:
    """The format that a file name means, None where it means none."""
    name = Path(path).name.lower()
    return next((form for suffix, form in SUFFIXES.items() if name.endswith(suffix)), None)


def save(result: SearchResult, path: str | os.PathLike[str], form: str | None = None) -> Path:
    """Write a result in a format, by default that of the suffix; UsageError where that means none."""
    form, target = form or form_of(path), Path(path)
    if form is None:
        raise UsageError(
            f"{target.name!r} does not say a format.", hint=f"Suffixes: {', '.join(SUFFIXES)}; or name the format."
        )
    if form in BINARY:
        from fieldglass.spatial.tables import write_geopackage, write_geoparquet

        (write_geopackage if form == "gpkg" else write_geoparquet)(result, target)
    else:
        target.write_text(text_of(result, form), encoding="utf-8", newline="")
    return target


def text_of(result: SearchResult, form: str) -> str:
    """The text of a result in json, html, map, csv, geojson or kml."""
    return _TEXTS[form](result)


def _json(result: SearchResult) -> str:
    return json.dumps(result.to_dict(), indent=2, ensure_ascii=False, allow_nan=False, default=str) + "\n"


def _csv(result: SearchResult) -> str:
    """rank, score, id, source and the columns; text that a spreadsheet would take for a formula is quoted."""
    from fieldglass.store.exporting import harmless

    names = list(dict.fromkeys(name for hit in result for name in hit.metadata))
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(map(harmless, ["rank", "score", "id", "source", *names]))
    for hit in result:
        cells = [hit.rank, hit.score, hit.id, hit.source, *(hit.metadata.get(name) for name in names)]
        table.writerow([harmless(cell) for cell in cells])
    return text.getvalue()


def _kml(result: SearchResult) -> str:
    from fieldglass.spatial.kml import kml

    return kml(result)


_TEXTS: dict[str, Callable[[SearchResult], str]] = {
    "json": _json,
    "html": lambda result: result.to_html(),
    "map": lambda result: result.to_map(),
    "csv": _csv,
    "geojson": lambda result: result.to_geojson(),
    "kml": _kml,
}
