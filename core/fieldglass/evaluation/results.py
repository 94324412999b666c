"""The result file of a run: figures, and everything that they depend on."""

from __future__ import annotations

import datetime
import json
import os
import platform
import tempfile
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from fieldglass import __version__
from fieldglass.errors import UsageError
from fieldglass.evaluation.significance import bootstrap
from fieldglass.models.cache import sha256_of
from fieldglass.options import completed
from fieldglass.registry import registry

if TYPE_CHECKING:
    from fieldglass.collection import Collection
    from fieldglass.evaluation.run import Outcome
    from fieldglass.interfaces import Benchmark

__all__ = ["FORMAT", "read", "result", "write_json"]

FORMAT = 1
_PACKAGES = ("numpy", "pillow", "torch", "timm", "open_clip_torch", "transformers", "faiss-cpu")


def result(
    benchmark: Benchmark,
    options: Mapping[str, Any],
    collection: Collection,
    outcome: Outcome,
    *,
    composer_options: Mapping[str, Any],
    rerank: str | None,
    rerank_options: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """JSON-able: metrics with 95 % intervals, values of each query, and the fingerprints of all that took part.

    Intervals are there for metrics that are plain means over queries.
    """
    from fieldglass.models import composer_defaults

    field = collection.field
    files = getattr(benchmark, "files", None)
    intervals = {}
    for name, pairs in outcome.values.items():
        if name in outcome.metrics:
            low, high = bootstrap([value for _, value in pairs])
            scale = 1 if name in outcome.plain else 100
            intervals[name] = [scale * low, scale * high]
    suited = {**composer_defaults(field.encoder, field.options, outcome.composer), **composer_options}
    snapshot = collection.store.snapshot()
    return {
        "format": FORMAT,
        "benchmark": {
            "name": benchmark.card.name,
            "protocol": benchmark.card.protocol,
            "options": {key: str(value) for key, value in options.items() if key != "root"},
            "files": dict(getattr(files, "read", {})),
        },
        "subset": outcome.subset,
        "notes": list(outcome.notes),
        "metrics": dict(outcome.metrics),
        "intervals": intervals,
        "encoder": {"name": field.encoder, "options": dict(field.options), "fingerprint": field.fingerprint},
        "composer": _part("composers", outcome.composer, suited),
        "fields": {name: each.fingerprint for name, each in snapshot.fields.items()},
        "rerank": rerank,
        "rerank_options": dict(rerank_options),
        "reranker": _part("rerankers", rerank, rerank_options) if rerank else None,
        "collection": {"items": snapshot.count, "dim": field.dim, "dtype": field.dtype},
        "queries": {"all": outcome.queries, "answered": outcome.answered, "left_out": outcome.left_out},
        "seconds": round(outcome.seconds, 3),
        "versions": {"fieldglass": __version__, "python": platform.python_version(), **_versions()},
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "plain": sorted(outcome.plain & outcome.metrics.keys()),
        "values": {name: dict(pairs) for name, pairs in outcome.values.items()},
    }


def _part(kind: str, name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """What was called with which options, its defaults among them, and the sha256 of each file that an option names."""
    every = completed(registry().factory(kind, name), name, options)
    files = {key: Path(value).expanduser() for key, value in every.items() if isinstance(value, str) and value}
    digests = {key: sha256_of(path) for key, path in files.items() if path.is_file()}
    return {"name": name, "options": every, "files": digests}


def write_json(path: Path, content: Any, *, compact: bool = False) -> None:
    """Write a file whole or not at all; compact for a server that limits its size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            layout: dict[str, Any] = {"separators": (",", ":")} if compact else {"indent": 1}
            json.dump(content, file, ensure_ascii=False, allow_nan=False, default=str, **layout)
            file.write("\n")
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read(path: Path) -> dict[str, Any]:
    """A result file. UsageError where it is not one, or a newer Fieldglass wrote it."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        hint = "`fieldglass eval ... --out FILE` writes one."
        raise UsageError(f"{path} is not a result file: {error}.", hint=hint) from error
    if not isinstance(found, dict) or not {"format", "metrics", "benchmark", "values"} <= found.keys():
        raise UsageError(f"{path} is not a result file.", hint="`fieldglass eval ... --out FILE` writes one.")
    if found["format"] > FORMAT:
        raise UsageError(f"{path} was written by a newer Fieldglass.", hint="pip install --upgrade fieldglass")
    return found


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
