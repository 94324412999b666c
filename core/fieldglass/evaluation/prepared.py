"""The collection of a benchmark: made once by an encoder, and used again by every later run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fieldglass.collection import Collection, create, open
from fieldglass.errors import CollectionError
from fieldglass.models.cache import cache_dir

if TYPE_CHECKING:
    import threading

    from fieldglass.ingest import Progress

__all__ = ["default_path", "gallery_options", "prepare"]

_SEARCH_ONLY = frozenset(
    {"protocol", "queries", "relevance", "rounding"}
)  # options of a benchmark that leave its gallery as it is


def gallery_options(options: Mapping[str, Any]) -> dict[str, str]:
    """The options of a benchmark that its gallery depends on, as text."""
    return {key: str(value) for key, value in sorted(options.items()) if key not in {"root", *_SEARCH_ONLY}}


def default_path(benchmark: str, options: Mapping[str, Any], encoder: str, encoder_options: Mapping[str, Any]) -> Path:
    """Where the collection of a benchmark and an encoder lies unless it is said: in the cache, by what made it."""
    given = [
        benchmark,
        str(Path(str(options["root"])).expanduser().resolve()),
        gallery_options(options),
        encoder,
        {key: str(value) for key, value in sorted(encoder_options.items())},
    ]
    digest = hashlib.sha256(json.dumps(given).encode()).hexdigest()[:12]
    plain = benchmark.replace("/", "-")
    return cache_dir() / "eval" / f"{plain}-{encoder.replace('/', '-')}-{digest}.collection"


def prepare(
    path: Path,
    benchmark: str,
    options: Mapping[str, Any],
    encoder: str,
    encoder_options: Mapping[str, Any],
    *,
    progress: Callable[[Progress], None] | None = None,
    stop: threading.Event | None = None,
) -> Collection:
    """The collection at `path`, with every picture of the gallery that can be read.

    A collection of the user's own (made by `index`, `import` or an earlier run) is used as it is: its ids must be
    those of the gallery. CollectionError where indexing was stopped, FingerprintError for another encoder.
    """
    if path.exists() and not _ours(path):
        found = open(path)
        found.expect(encoder, dict(encoder_options))
        return found
    collection = open(path) if path.exists() else _new(path, benchmark, encoder, encoder_options)
    try:
        collection.expect(encoder, dict(encoder_options))
        report = collection.index(
            Path(str(options["root"])).expanduser(),
            loader="benchmark",
            loader_options={"benchmark": benchmark, "settings": json.dumps(gallery_options(options))},
            progress=progress,
            stop=stop,
        )
        if report.interrupted:
            raise CollectionError("Stopped before the gallery was whole.", hint="The same command goes on from here.")
        collection.build()
    except BaseException:
        collection.close()
        raise
    return collection


def _new(path: Path, benchmark: str, encoder: str, options: Mapping[str, Any]) -> Collection:
    path.parent.mkdir(parents=True, exist_ok=True)
    return create(path, encoder, dict(options), properties={"benchmark": benchmark})


def _ours(path: Path) -> bool:
    with open(path) as found:
        return "benchmark" in found.store.snapshot().properties
