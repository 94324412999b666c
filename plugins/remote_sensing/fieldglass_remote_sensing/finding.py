"""Finds the scenes below a folder: what belongs together is one, and claims its files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from fieldglass.loaders.files import Files
from fieldglass.types import Item, Problem
from fieldglass_remote_sensing.bandfiles import band_groups
from fieldglass_remote_sensing.patches import has_patches, linked
from fieldglass_remote_sensing.rasters import DRIVERS
from fieldglass_remote_sensing.stac import local_assets, stac_item
from fieldglass_remote_sensing.world_files import world_file_of

__all__ = ["Found", "driver_of", "find"]

_H5 = (".h5", ".hdf5")
_MORE = (".xml", ".safe", ".zip", ".json")  # manifests, annotations, archives, STAC items


@dataclass(frozen=True)
class Found:
    """Something that may be a scene: its kind ("raster", "safe", "bands", "stac", "patches"), its id, and its files."""

    kind: str
    id: str
    paths: tuple[str, ...]


def find(root: Path, base: Path | None = None) -> Iterator[Found | Problem]:
    """Every scene below `root`, in the order of their ids; paths are relative to `base`. LoaderError where none is."""
    names: list[str] = []
    for each in Files(suffixes=(*DRIVERS, *_MORE)).scan(root):
        if isinstance(each, Item):
            names.append(each.id)
        else:
            yield each
    yield from sorted(_scenes(names, root, base or root), key=lambda found: found.id)
    yield from _zarrs(root)


def driver_of(path: str) -> str:
    """The driver of a file by its ending."""
    return DRIVERS[PurePosixPath(path).suffix.lower()]


def _scenes(names: list[str], root: Path, base: Path) -> Iterator[Found]:
    products: dict[str, list[str]] = {}
    loose: list[str] = []
    of_items: set[str] = set()
    for name in names:
        product = _product(name, root)
        if product:
            products.setdefault(product, []).append(name)
        elif name.lower().endswith(".zip"):
            yield Found("safe", name, (name,))
        elif name.lower().endswith(".json"):
            assets = _assets(base, name)
            if assets is not None:
                of_items |= assets
                yield Found("stac", name, (name,))
        elif PurePosixPath(name).suffix.lower() in DRIVERS:
            loose.append(name)
    for id, files in products.items():
        yield Found("safe", id, tuple(files))
    loose = [name for name in loose if name not in of_items]
    groups = band_groups(loose)
    claimed = {name for files in groups.values() for name in files}
    for id, files in groups.items():
        yield Found("bands", id, tuple(files))
    archives = [name for name in loose if name.lower().endswith(_H5) and has_patches(base, name)]
    shards = {shard for name in archives for shard in linked(base, name)}
    for name in archives:
        if name not in shards:
            yield Found("patches", name, (name,))
    claimed |= shards | set(archives)
    for name in loose:
        if name not in claimed:
            world = world_file_of(base, name)
            yield Found("raster", name, (name,) if world is None else (name, world))


def _zarrs(root: Path) -> Iterator[Problem]:
    """Zarr stores, which are not read: folders, so that no file of theirs is found as one."""
    for folder, folders, _ in os.walk(root):
        stores = sorted(each for each in folders if each.lower().endswith(".zarr"))
        folders[:] = [each for each in folders if each not in stores and not each.startswith(".")]
        for each in stores:
            said = (
                "Zarr is not read. `gdal_translate 'ZARR:\"STORE\":/ARRAY' scene.tif -of COG`, or `rio.to_raster` of "
                "rioxarray, makes what is."
            )
            yield Problem((Path(folder) / each).relative_to(root).as_posix(), "scene-zarr", said)


def _assets(base: Path, name: str) -> set[str] | None:
    """The files of a STAC item; None where the JSON is none."""
    try:
        item = stac_item(base, name)
    except (OSError, ValueError):
        return None
    return None if item is None else set(local_assets(item, name).values())


def _product(name: str, root: Path) -> str:
    """The .SAFE folder that a file lies in, "" for none."""
    parts = name.split("/")
    for place, part in enumerate(parts[:-1]):
        if part.upper().endswith(".SAFE"):
            return "/".join(parts[: place + 1])
    return root.name if root.is_dir() and root.name.upper().endswith(".SAFE") else ""
