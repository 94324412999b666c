"""What `rs/closp` is trained on: captioned scenes of Sentinel-1 and Sentinel-2, of folders or collections."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.collection import open
from fieldglass.errors import LoaderError, UsageError
from fieldglass.loaders import base_of, inside
from fieldglass.loaders.rows import BadRow, column_names, read_rows, require_column
from fieldglass.registry import registry
from fieldglass.types import Item

if TYPE_CHECKING:
    from fieldglass.interfaces import Loader

__all__ = ["Captioned", "Scenes", "caption_of", "gathered", "held_apart", "read_captions"]

_SENSORS = {"sentinel-1": "s1", "sentinel-2": "s2"}


@dataclass(frozen=True)
class Captioned:
    """An item of `loader` below `root`, its sensor ("s1" or "s2"), what is said of it, and its place or NaN."""

    item: Item
    loader: Loader
    root: Path
    sensor: str
    caption: str
    place: tuple[float, float]


@dataclass(frozen=True)
class Scenes:
    """What was found, by sensor; `left_out` says how many items were of no use, and why; `digest` tells it apart."""

    found: Mapping[str, Sequence[Captioned]]
    left_out: Mapping[str, int]
    digest: str


def caption_of(cell: Any, *, labels: bool) -> str:
    """A sentence as it is. Labels, as a list, as JSON or separated by ";", lower-cased, sorted, joined by ". "."""
    if not labels:
        return " ".join(str(cell or "").split())
    if isinstance(cell, str):
        text = cell.strip()
        try:
            cell = json.loads(text) if text.startswith("[") else text.split(";")
        except ValueError:
            cell = text.strip("[]").replace("'", "").split(",")
    names = {" ".join(str(each).lower().split()) for each in cell or ()}
    return ". ".join(sorted(names - {""}))


def read_captions(path: Path) -> dict[str, str]:
    """Caption by id, of a CSV, TSV, JSONL or Parquet file with the columns id and caption, or id and labels.

    LoaderError names the first row that is not whole, or an id that has two captions.
    """
    names = column_names(path)
    column = "labels" if "labels" in names and "caption" not in names else "caption"
    for name in ("id", column):
        require_column(path, name, names, "A captions file has the columns id and caption, or id and labels.")
    found: dict[str, str] = {}
    for row in read_rows(path):
        if isinstance(row, BadRow):
            raise LoaderError(f"{path}, line {row.line}: {row.reason}")
        id = str(row.cells.get("id") or "").strip()
        caption = caption_of(row.cells.get(column), labels=column == "labels")
        if not id or not caption:
            raise LoaderError(f"{path}, line {row.line}: the {column if id else 'id'} is empty.", hint="Drop the row.")
        if found.setdefault(id, caption) != caption:
            raise LoaderError(f"{path}, line {row.line}: {id!r} has another caption above.", hint="Keep one.")
    return found


def gathered(
    sources: Sequence[str], captions: Mapping[str, str], column: str, options: Mapping[str, Any], *, placed: bool
) -> Scenes:
    """All items that have a caption, by sensor.

    :param captions: by id of an item, or of its scene for all of its tiles.
    :param column: of a collection, where `captions` has nothing; one named "labels" is a set of labels.
    :param options: of the loader `rs/scenes`, for folders.
    :param placed: leave out what has no place.
    """
    found: dict[str, list[Captioned]] = {"s1": [], "s2": []}
    left_out: dict[str, int] = {}
    digest = hashlib.sha256()
    for name in sources:
        for item, loader, root, local in _items(Path(name).expanduser(), options):
            caption = captions.get(item.id) or captions.get(item.groups.get("scene", ""))
            caption = caption or caption_of(item.metadata.get(column), labels=column == "labels")
            sensor = _SENSORS.get(str(item.metadata.get("sensor"))[:10])
            place = tuple(float(item.metadata.get(each, np.nan)) for each in ("lat", "lon"))
            why = (
                "of another sensor" if sensor is None else "without a caption" if not caption
                else "without a place" if placed and not np.isfinite(place).all() else ""
            )  # fmt: skip
            if sensor is None or why:
                left_out[why] = left_out.get(why, 0) + 1
                continue
            found[sensor].append(Captioned(local, loader, root, sensor, caption, (place[0], place[1])))
            stats = [inside(base_of(loader, root), path).stat() for path in item.paths]
            stamps = [(each.st_size, each.st_mtime_ns) for each in stats]
            digest.update(json.dumps([item.id, sensor, caption, place, stamps]).encode())
    return Scenes(found, left_out, digest.hexdigest())


def held_apart(scenes: Sequence[Captioned], share: float, seed: int) -> tuple[list[Captioned], list[Captioned]]:
    """To train on, and to validate on: whole scenes, so that no neighbour of a tile gives it away.

    Tiles where there is one scene alone. Two at least are held apart, none with a share of 0.
    """
    if not share:
        return list(scenes), []
    names = [each.item.groups.get("scene", each.item.id) for each in scenes]
    if len(set(names)) < 2:
        names = [each.item.id for each in scenes]
    distinct = sorted(set(names))
    wanted, held = max(2, round(share * len(scenes))), set()
    for place in np.random.default_rng((seed, 31)).permutation(len(distinct)):
        if sum(name in held for name in names) >= wanted or len(held) + 1 == len(distinct):
            break
        held.add(distinct[place])
    apart = [name in held for name in names]
    return (
        [each for each, out in zip(scenes, apart, strict=True) if not out],
        [each for each, out in zip(scenes, apart, strict=True) if out],
    )


def _items(path: Path, options: Mapping[str, Any]) -> Iterator[tuple[Item, Loader, Path, Item]]:
    """An item as it is known, its loader and root, and the item as that loader reads it."""
    if not path.exists():
        raise UsageError(f"There is no folder, file or collection {str(path)!r}.")
    if (path / "catalogue.sqlite").is_file():
        with open(path) as collection:
            snapshot = collection.store.snapshot()
            positions = snapshot.live_positions()
            loaders: dict[int, Loader] = {}
            metadata = snapshot.metadata(positions)
            for (source, item), cells in zip(snapshot.items(positions), metadata, strict=True):
                if source.key not in loaders:
                    loaders[source.key] = registry().create("loaders", source.loader, source.options)
                known = Item(source.collection_id(item.id), item.paths, item.locator, cells, item.groups)
                yield known, loaders[source.key], source.root, item
        return
    loader: Loader = registry().create("loaders", "rs/scenes", options)
    for found in loader.scan(path):
        if isinstance(found, Item):
            yield found, loader, path, found
