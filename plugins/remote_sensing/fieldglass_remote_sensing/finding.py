"""Finds the scenes below a folder: what belongs together is one, and claims its files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fieldglass.loaders.files import Files
from fieldglass.types import Item, Problem
from fieldglass_remote_sensing.rasters import DRIVERS

__all__ = ["Found", "find"]


@dataclass(frozen=True)
class Found:
    """Something that may be a scene: its kind ("raster", "safe", "bands", "stac"), its id, and its files."""

    kind: str
    id: str
    paths: tuple[str, ...]


def find(root: Path) -> Iterator[Found | Problem]:
    """Every scene below `root`, in the order of their paths. LoaderError where it is not there."""
    for each in Files(suffixes=tuple(DRIVERS)).scan(root):
        if isinstance(each, Item):
            yield Found("raster", each.id, each.paths)
        else:
            yield each


def driver_of(path: str) -> str:
    """The driver of a file by its ending."""
    return DRIVERS[PurePosixPath(path).suffix.lower()]
