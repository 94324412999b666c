"""Lets an HDF5 file, and a netCDF file of version 4, which is one, lead nowhere.

Such a file can name others: by external links, by datasets whose numbers lie in another file, whatever it is, and by
virtual datasets. The libraries follow all of them to any place. Files of which one is read are looked through first.
"""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from fieldglass_remote_sensing.scenes import SceneError

__all__ = ["h5_library", "keep_inside", "sound_dataset"]

_MOST = 100_000  # objects that are looked through
_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def h5_library() -> Any:
    """h5py, with the filters of hdf5plugin where that is installed. SceneError without it."""
    try:
        import h5py
    except ImportError:
        raise SceneError(
            "scene-hdf5",
            "HDF5 files can lead to other files, and h5py looks whether one does: "
            "pip install 'fieldglass-remote-sensing[h5]'.",
        ) from None
    with suppress(ImportError):
        import hdf5plugin  # noqa: F401  registers its filters
    return h5py


def keep_inside(path: str) -> None:
    """SceneError where an HDF5 or netCDF file names another file, or cannot be looked through."""
    if path.startswith("/vsi"):
        raise SceneError("scene-hdf5", "HDF5 and netCDF are not read from an archive: unpack it.")
    if _is_hdf5(path):
        stat = Path(path).stat()
        _looked_through(path, stat.st_mtime_ns, stat.st_size)


def _is_hdf5(path: str) -> bool:
    """By its signature, which may stand at 0, 512, 1024, 2048 and so on; classic netCDF is none and has no links."""
    place, end = 0, Path(path).stat().st_size
    with Path(path).open("rb") as file:
        while place < end:
            file.seek(place)
            if file.read(len(_SIGNATURE)) == _SIGNATURE:
                return True
            place = max(512, 2 * place)
    return False


@lru_cache(maxsize=1024)
def _looked_through(path: str, mtime: int, size: int) -> None:
    h5py = h5_library()
    seen: set[Any] = set()
    with h5py.File(path, "r") as file:
        todo = [file["/"]]
        while todo:
            group = todo.pop()
            for name in group:
                link = group.get(name, getlink=True)
                if isinstance(link, h5py.ExternalLink):
                    raise SceneError("scene-refused", f"Not opened: its link {name!r} names another file.")
                if not isinstance(link, h5py.HardLink):
                    continue  # a soft link leads to what is looked at by its own name
                token = h5py.h5o.get_info(group.id, name.encode()).addr
                if token in seen:
                    continue
                seen.add(token)
                if len(seen) > _MOST:
                    raise SceneError("scene-refused", f"Not opened: it has more than {_MOST} objects.")
                found = group[name]
                if isinstance(found, h5py.Dataset):
                    sound_dataset(found, name)
                elif isinstance(found, h5py.Group):
                    todo.append(found)


def sound_dataset(dataset: Any, name: str) -> None:
    """SceneError where the numbers of a dataset lie in another file."""
    if dataset.external or dataset.is_virtual:
        raise SceneError("scene-refused", f"Not opened: the numbers of {name!r} lie in another file.")
