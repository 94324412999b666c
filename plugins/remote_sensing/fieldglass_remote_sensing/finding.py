"""Finds the scenes below a folder: what belongs together is one, and claims its files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fieldglass.loaders.files import Files
from fieldglass.types import Item, Problem
from fieldglass_remote_sensing.bandfiles import band_groups
from fieldglass_remote_sensing.rasters import DRIVERS

__all__ = ["Found", "driver_of", "find"]

_MORE = (".xml", ".safe", ".zip")  # manifests, annotations and archives of products


@dataclass(frozen=True)
class Found:
    """Something that may be a scene: its kind ("raster", "safe", "bands"), its id, and its files."""

    kind: str
    id: str
    paths: tuple[str, ...]


def find(root: Path) -> Iterator[Found | Problem]:
    """Every scene below `root`, in the order of their ids. LoaderError where it is not there."""
    names: list[str] = []
    for each in Files(suffixes=(*DRIVERS, *_MORE)).scan(root):
        if isinstance(each, Item):
            names.append(each.id)
        else:
            yield each
    yield from sorted(_scenes(names, root), key=lambda found: found.id)


def driver_of(path: str) -> str:
    """The driver of a file by its ending."""
    return DRIVERS[PurePosixPath(path).suffix.lower()]


def _scenes(names: list[str], root: Path) -> Iterator[Found]:
    products: dict[str, list[str]] = {}
    loose: list[str] = []
    for name in names:
        product = _product(name, root)
        if product:
            products.setdefault(product, []).append(name)
        elif name.lower().endswith(".zip"):
            yield Found("safe", name, (name,))
        elif PurePosixPath(name).suffix.lower() in DRIVERS:
            loose.append(name)
    for id, files in products.items():
        yield Found("safe", id, tuple(files))
    groups = band_groups(loose)
    claimed = {name for files in groups.values() for name in files}
    for id, files in groups.items():
        yield Found("bands", id, tuple(files))
    for name in loose:
        if name not in claimed:
            yield Found("raster", name, (name,))


def _product(name: str, root: Path) -> str:
    """The .SAFE folder that a file lies in, "" for none."""
    parts = name.split("/")
    for place, part in enumerate(parts[:-1]):
        if part.upper().endswith(".SAFE"):
            return "/".join(parts[: place + 1])
    return root.name if root.is_dir() and root.name.upper().endswith(".SAFE") else ""
