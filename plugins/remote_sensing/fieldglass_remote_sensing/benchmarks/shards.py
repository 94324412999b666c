"""Reads the HDF5 shards of CrisisLandMark; an external link leads to a file beside the main one, or nowhere."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from fieldglass.errors import MissingExtraError
from fieldglass.loaders import inside
from fieldglass.types import Item, Problem, Sample
from fieldglass_remote_sensing.spectral import RADAR, SENTINEL2

__all__ = ["MAIN", "Shards"]

MAIN = "crisislandmark.h5"
_SIDE = 2048  # pixels; patches have 120 to 512
_L2A = tuple(band for band in SENTINEL2 if band != "B10")
_TURNED = ("benv2s1", "sen1flood")  # VH comes first in these, as the official loader knows


class Shards:
    """Where the patch of each key is, and the patch as a sample. MissingExtraError without h5py or hdf5plugin."""

    def __init__(self, root: Path) -> None:
        self._h5py = _hdf5()
        self.root = root

    def places(self, keys: list[str]) -> dict[str, tuple[str, str]]:
        """Key -> file below the root and path in it, for the keys that are there; OSError without a main file.

        No link is followed: of an external one the file name is taken, and looked for beside the main file.
        """
        found: dict[str, tuple[str, str]] = {}
        with self._h5py.File(inside(self.root, MAIN), "r") as main:
            for key in keys:
                head, slash, rest = key.partition("/")
                link = main.get(head, getlink=True)
                if isinstance(link, self._h5py.ExternalLink):
                    found[key] = (PurePosixPath(str(link.filename)).name, f"{link.path}{slash}{rest}")
                elif isinstance(link, self._h5py.HardLink):
                    found[key] = (MAIN, key)
        return found

    def read(self, item: Item) -> Sample | Problem:
        """(H, W, C): VV and VH in dB as stored, or reflectance of 12 or 13 bands; NaN is no data."""
        try:
            path = inside(self.root, item.paths[0])
            if not path.is_file():
                return Problem(item.id, "file-missing", "The shard is not there.", item.paths)
            with self._h5py.File(path, "r") as shard:
                image = _dataset(shard, str(item.locator["key"]), self._h5py)
                if image is None:
                    return Problem(item.id, "scene-unreadable", "The shard has no image of that key.", item.paths)
                if image.ndim != 3 or max(image.shape[1:]) > _SIDE or image.shape[0] > len(SENTINEL2):
                    return Problem(
                        item.id, "scene-bands", f"An image of {image.shape} is none of the corpus.", item.paths
                    )
                numbers = np.asarray(image[()])
        except (OSError, KeyError, ValueError, RuntimeError, TypeError) as error:
            return Problem(item.id, "scene-unreadable", f"{type(error).__name__}: {error}"[:300], item.paths)
        return _sample(item, numbers)


def _dataset(shard: Any, key: str, h5py: Any) -> Any:
    """`key/image`, by links that stay in the file and data that lies in it."""
    where = shard
    for part in [*key.strip("/").split("/"), "image"]:
        if not isinstance(where, h5py.Group) or not isinstance(where.get(part, getlink=True), h5py.HardLink):
            return None
        where = where[part]
    if not isinstance(where, h5py.Dataset) or where.external or where.is_virtual:
        return None
    return where


def _sample(item: Item, numbers: np.ndarray[Any, Any]) -> Sample | Problem:
    count = len(numbers)
    content = np.moveaxis(numbers.astype(np.float32), 0, -1)
    if count in (len(_L2A), len(SENTINEL2)):
        bands, units = (_L2A if count == len(_L2A) else SENTINEL2), "reflectance"
        content = content / np.float32(10_000)
    elif count in (2, 4):
        bands, units = RADAR, "dB"
        content = content[..., -2:]  # of a pair before and after an earthquake, the later one
        if item.id.startswith(_TURNED) or any(name in item.paths[0] for name in _TURNED):
            content = content[..., ::-1]
    else:
        return Problem(item.id, "scene-bands", f"{count} bands are neither Sentinel-1 nor Sentinel-2.", item.paths)
    valid = np.isfinite(content).all(axis=-1)
    content = np.where(np.isfinite(content), content, 0).astype(np.float32)
    return Sample("image", content, bands, units, valid, (10.0, 10.0))


def _hdf5() -> Any:
    try:
        import h5py
        import hdf5plugin  # noqa: F401  its import registers the compression of the shards
    except ImportError as error:
        raise MissingExtraError(
            "CrisisLandMark needs h5py and hdf5plugin.", hint="pip install 'fieldglass-remote-sensing[crisislandmark]'"
        ) from error
    return h5py
