"""Patches in HDF5 files, in the layout of CrisisLandMark: a group per key, with `image`, `coords`, `crs`, `timestamp`.

`image` is (bands, rows, columns): 2 of Sentinel-1 in dB, 12 of Sentinel-2 (all but B10) or 13, in numbers of 10 000
without the offset. `coords` are taken for longitude and latitude where they are two that can be. A file may hold links
to shards instead, which are followed to files in its own folder, here and not by the HDF5 library.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.loaders import inside
from fieldglass.loaders.paths import OutsideError
from fieldglass.types import Item, Problem, Sample
from fieldglass_remote_sensing.hdf5 import h5_library, sound_dataset
from fieldglass_remote_sensing.measures import mean_indices
from fieldglass_remote_sensing.radiometry import Decibels, Radiometry, Reflectance
from fieldglass_remote_sensing.scenes import SceneError
from fieldglass_remote_sensing.sensors import SCHEMES, date_in
from fieldglass_remote_sensing.tiling import Tile

if TYPE_CHECKING:
    from fieldglass_remote_sensing.finding import Found

__all__ = ["MARK", "has_patches", "linked", "patches", "read_patch"]

MARK = "#patch="
_MOST = 1 << 26  # numbers of an image
_NO_TILE = Tile(0, 0, 0, (0.0, 0.0, 1.0, 1.0), (1, 1))
_KINDS: dict[int, tuple[str, Radiometry]] = {
    2: ("sentinel-1-grd", Decibels("db")),
    12: ("sentinel-2-l2a", Reflectance()),
    13: ("sentinel-2-l1c", Reflectance()),
}


@dataclass(frozen=True)
class _Place:
    """A group: the file that it lies in, relative to the base of the source, and its path in there."""

    file: str
    path: str


def has_patches(base: Path, name: str) -> bool:
    """Whether a file has this layout, by its first key. False for what is no HDF5, and without h5py."""
    try:
        h5py = h5_library()
        with h5py.File(inside(base, name), "r") as file:
            key = next(iter(file), None)
            if key is None:
                return False
            if isinstance(file.get(key, getlink=True), h5py.ExternalLink):
                return True
            return bool(file.get(key, getclass=True) is h5py.Group and "image" in file[key])
    except (SceneError, OSError, ValueError, RuntimeError, KeyError, OutsideError):
        return False


def linked(base: Path, name: str) -> set[str]:
    """The files in its folder that a file of links leads to; they are no sources of their own."""
    h5py = h5_library()
    found = set()
    with h5py.File(inside(base, name), "r") as file:
        for key in file:
            link = file.get(key, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                found.add(str(PurePosixPath(name).parent / link.filename))
    return found


def patches(found: Found, base: Path) -> Iterator[Item | Problem]:
    """One item per key, from attributes and shapes; a link that leads out of the folder is a problem."""
    h5py = h5_library()
    name = found.id
    with h5py.File(inside(base, name), "r") as file:
        for key in file:
            id = f"{name}{MARK}{key}"
            try:
                place = _place(h5py, file, name, key)
                with h5py.File(inside(base, place.file), "r") as shard:
                    metadata = _metadata(h5py, shard, place)
            except (SceneError, OutsideError, OSError, KeyError, ValueError, RuntimeError) as error:
                yield _problem(error, id, (name,))
                continue
            paths = tuple(dict.fromkeys([name, place.file]))
            locator = {"kind": "patch", "file": place.file, "key": place.path, "scene": id}
            yield Item(id, paths, locator, metadata, {"scene": id})


def read_patch(item: Item, base: Path) -> Sample | Problem:
    """The sample of an item: reflectance, dB, or the numbers of other bands."""
    h5py = h5_library()
    file, key = str(item.locator["file"]), str(item.locator["key"])
    if file not in item.paths:
        raise OutsideError("the patch lies in a file that is none of the item")
    for path in item.paths:
        inside(base, path).stat()
    with h5py.File(inside(base, file), "r") as opened:
        image = _image(h5py, opened, key)
        values = np.ascontiguousarray(np.moveaxis(image[()], 0, -1))
    bands, (_, radiometry) = _bands(values.shape[-1]), _KINDS[values.shape[-1]]
    values, mask = radiometry(values, None, _NO_TILE)
    valid = np.ones(values.shape[:2], dtype=np.bool_) if mask is None else mask
    if not valid.any():
        return Problem(item.id, "scene-no-data", "It has no valid pixel.", item.paths)
    measured: dict[str, Any] = {"valid": float(valid.mean())}
    if radiometry.units == "reflectance":
        measured |= mean_indices(values, bands, valid)
    return Sample("image", values, bands, radiometry.units, valid, None, measured)


def _place(h5py: Any, file: Any, name: str, key: str) -> _Place:
    """Where the group of a key lies; a link names a file beside the one that it is in."""
    link = file.get(key, getlink=True)
    if isinstance(link, h5py.HardLink):
        return _Place(name, key)
    if not isinstance(link, h5py.ExternalLink):
        raise SceneError("scene-refused", f"Not opened: {key!r} is no group and no link to one.")
    if PurePosixPath(link.filename).name != link.filename:
        raise SceneError("scene-refused", "Not opened: its link leads out of the folder of the file.")
    return _Place(str(PurePosixPath(name).parent / link.filename), link.path.strip("/"))


def _group(h5py: Any, file: Any, path: str) -> Any:
    """The group at a path, of which every step is a hard link: the library follows all others anywhere."""
    here = file["/"]
    for part in path.split("/"):
        if not isinstance(here, h5py.Group) or not isinstance(here.get(part, getlink=True), h5py.HardLink):
            raise SceneError("scene-refused", f"Not opened: {part!r} is missing, or leads elsewhere.")
        here = here[part]
    return here


def _image(h5py: Any, file: Any, path: str) -> Any:
    image = _group(h5py, file, f"{path}/image")
    if not isinstance(image, h5py.Dataset) or image.ndim != 3 or image.dtype.kind not in "uif":
        raise SceneError("scene-patch", "Its `image` is no array of bands, rows and columns.")
    sound_dataset(image, "image")
    if image.shape[0] not in _KINDS:
        raise SceneError("scene-bands", f"Its {image.shape[0]} bands are not the 2, 12 or 13 of Sentinel.")
    if not 0 < math.prod(image.shape) <= _MOST:
        raise SceneError("scene-too-large", f"{image.shape} numbers are none, or more than a patch has.")
    return image


def _bands(count: int) -> tuple[str, ...]:
    return SCHEMES[_KINDS[count][0]]


def _metadata(h5py: Any, file: Any, place: _Place) -> dict[str, Any]:
    image = _image(h5py, file, place.path)
    group = _group(h5py, file, place.path)
    count, height, width = (int(each) for each in image.shape)
    found: dict[str, Any] = {
        "sensor": _KINDS[count][0],
        "sensor_reason": f"{count} bands of an HDF5 patch",
        "bands": ",".join(_bands(count)),
        "height": height,
        "width": width,
        "depth": str(image.dtype),
        "crs": _text(group.attrs.get("crs")),
        "date": date_in(_text(group.attrs.get("timestamp")) or ""),
    }
    found |= _coordinates(h5py, file, place.path)
    return {name: value for name, value in found.items() if value not in (None, "")}


def _coordinates(h5py: Any, file: Any, path: str) -> dict[str, float]:
    try:
        coords = _group(h5py, file, f"{path}/coords")
        sound_dataset(coords, "coords")
    except SceneError:
        return {}
    if coords.shape not in ((2,), (1, 2)) or coords.dtype.kind not in "uif":
        return {}
    lon, lat = (float(each) for each in np.ravel(coords[()]))
    return {"lat": lat, "lon": lon} if abs(lat) <= 90 and abs(lon) <= 180 else {}


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _problem(error: Exception, id: str, paths: tuple[str, ...]) -> Problem:
    if isinstance(error, SceneError):
        return Problem(id, error.code, error.message, paths)
    if isinstance(error, FileNotFoundError):
        return Problem(id, "file-missing", "The file that its link names is not there.", paths)
    if isinstance(error, OutsideError):
        return Problem(id, "path-outside", f"Not opened: {error}.", paths)
    return Problem(id, "scene-unreadable", f"{type(error).__name__}: {error}"[:300], paths)
