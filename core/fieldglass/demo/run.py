"""Runs a demo: index, search, page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fieldglass.demo.types import Demo
from fieldglass.options import options_of

if TYPE_CHECKING:
    from fieldglass.collection import Collection
    from fieldglass.ingest import Progress, Report
    from fieldglass.result import SearchResult
    from fieldglass.types import Query

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
        asked, results = _searched(collection, demo)
        written = folder / "index.html"
        shown = demo.cards.shown(collection, results, asked) if demo.cards is not None else {}
        written.write_text(page(results, title=demo.title, intro=demo.intro, **shown), encoding="utf-8")
        drawn = folder / "map.html" if demo.map else None
        if drawn is not None:
            drawn.write_text(map_page(results[:1]), encoding="utf-8")
    return Done(path, written, report, results, drawn)


def _searched(collection: Collection, demo: Demo) -> tuple[tuple[Query, ...], tuple[SearchResult, ...]]:
    """The queries of a demo, and their results."""
    questions, results = [], []
    for search in demo.searches:
        parts = options_of(collection.ask)
        question = collection.ask(**{name: value for name, value in search.items() if name in parts})
        results += collection.answer([question], **{n: value for n, value in search.items() if n not in parts})
        questions.append(question)
    return tuple(each.query for each in questions), tuple(results)
