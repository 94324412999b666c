"""Runs a demo: index, search, page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fieldglass.demo.types import Demo

if TYPE_CHECKING:
    from fieldglass.ingest import Progress, Report
    from fieldglass.result import SearchResult

__all__ = ["Done", "run"]


@dataclass(frozen=True)
class Done:
    """What a demo gave: the collection, the page, how indexing went, one result per search, and a map or None."""

    collection: Path
    page: Path
    report: Report
    results: tuple[SearchResult, ...]
    map: Path | None = None


def run(demo: Demo, folder: Path, *, progress: Callable[[Progress], None] | None = None) -> Done:
    """Index `demo.source` into `folder`/demo.collection (again is quick) and write its index.html and map.html."""
    import fieldglass
    from fieldglass.report import map_page, page

    path = folder / "demo.collection"
    collection = fieldglass.open(path) if path.exists() else fieldglass.create(path, demo.encoder, demo.encoder_options)
    with collection:
        report = collection.index(
            demo.source, loader=demo.loader, loader_options=demo.loader_options, prune=True, progress=progress
        )
        collection.build()
        results = tuple(collection.search(**search) for search in demo.searches)
        written = folder / "index.html"
        written.write_text(page(results, title=demo.title, intro=demo.intro), encoding="utf-8")
        drawn = folder / "map.html" if demo.map else None
        if drawn is not None:
            drawn.write_text(map_page(results[:1]), encoding="utf-8")
    return Done(path, written, report, results, drawn)
