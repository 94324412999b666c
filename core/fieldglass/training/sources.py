"""Where the triplets of the recipe `combiner` come from: a file over a collection, or a benchmark's training split."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fieldglass.collection import Collection, open
from fieldglass.encoders import capabilities
from fieldglass.errors import UsageError
from fieldglass.evaluation.prepared import default_path, prepare
from fieldglass.options import parse
from fieldglass.registry import registry
from fieldglass.training.examples import Examples, held_out, made
from fieldglass.training.triplets import Triplet, read_triplets

if TYPE_CHECKING:
    from fieldglass.interfaces import Encoder

__all__ = ["Source", "loaded"]


@dataclass(frozen=True)
class Source:
    """Examples to train and to validate on, the encoder's fingerprint, and whether vectors are raw."""

    training: Examples
    validation: Examples
    encoder: str
    raw: bool
    summary: str


def loaded(
    triplets: str,
    collection: str,
    validation: str,
    share: float,
    benchmark: str,
    root: str,
    encoder: str,
    encoder_options: str,
    seed: int,
) -> Source:
    """Read and encode them. UsageError where neither or both are asked for."""
    if bool(triplets) == bool(benchmark):
        raise UsageError(
            "combiner learns from triplets=FILE with collection=DIR, or from benchmark=NAME with root=DIR.",
            hint="Give one of the two, as --set triplets=pairs.csv --set collection=shop.collection.",
        )
    if benchmark:
        return _of_benchmark(benchmark, root, encoder, dict(parse(tuple(shlex.split(encoder_options)))))
    if not collection:
        raise UsageError("combiner: triplets name pictures of a collection.", hint="Give --set collection=DIR.")
    rows = list(dict.fromkeys(read_triplets(Path(triplets).expanduser())))
    with open(collection) as opened:
        there = set(opened.store.snapshot().ids(opened.store.snapshot().live_positions()))
        known = [each for each in rows if each.reference in there and each.target in there]
        if validation:
            training, held = rows, list(read_triplets(Path(validation).expanduser()))
        elif known:
            training, held = held_out(known, share, seed)
        else:
            training, held = rows, rows  # `made` says what is wrong with them
        first, lost = made(opened, training, None, exclude=True)
        second, more = made(opened, held, None, exclude=True)
        return _source(first, second, opened.encoder, lost + more + (0 if validation else len(rows) - len(known)))


def _of_benchmark(name: str, root: str, encoder: str, encoder_options: Mapping[str, Any]) -> Source:
    if not root:
        raise UsageError(f"combiner: {name} needs its files.", hint="Give --set root=DIR.")
    parts = []
    for split in ("train", "val"):
        options = {"root": root, "split": split}
        reader = registry().create("benchmarks", name, options)
        if not callable(getattr(reader, "triplets", None)):
            raise UsageError(f"combiner: {name} has no training triplets.", hint="fashioniq and cirr have.")
        triplets: Sequence[Triplet] = list(reader.triplets())
        first = next(iter(reader.queries()))
        galleries = _galleries(reader, triplets)
        path = default_path(name, options, encoder, encoder_options)
        with prepare(path, name, options, encoder, encoder_options) as opened:
            parts.append((*made(opened, triplets, galleries, exclude=bool(first.exclude)), _encoder(opened)))
    (training, lost, used), (validation, more, _) = parts
    return _source(training, validation, used, lost + more)


def _encoder(collection: Collection) -> Encoder:
    return collection.encoder


def _galleries(reader: Any, triplets: Sequence[Triplet]) -> dict[str, list[str]]:
    """The ids that each group is searched among: those of its category, or all."""
    found: dict[str, list[str]] = {group: [] for group in dict.fromkeys(each.group for each in triplets)}
    for item in reader.gallery():
        for group, ids in found.items():
            if group in ("", item.metadata.get("category")):
                ids.append(item.id)
    return found


def _source(training: Examples, validation: Examples, encoder: Encoder, lost: int) -> Source:
    raw = "raw" in capabilities(encoder)
    summary = (
        f"{len(training)} triplets to train on, {len(validation)} to validate on among "
        f"{len(validation.gallery)} pictures; {encoder.name}, {'raw' if raw else 'unit'} vectors of {encoder.dim}"
    )
    if lost:
        summary += f"; {lost} triplets left out, since their pictures are not in the collection"
    return Source(training, validation, encoder.fingerprint, raw, summary)
