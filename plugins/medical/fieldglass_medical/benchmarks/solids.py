"""Items of benchmarks that are no photographs: volumes in one array, scenes of several pictures."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.benchmarks.loader import read as read_pictures
from fieldglass.types import Item, Problem, Sample
from fieldglass_medical.encoders.display import Display

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["middle_slice", "read_scenes", "read_solids", "write_solids"]


def read_solids(items: Sequence[Item], root: Path) -> Iterator[Sample | Problem]:
    """Volumes (D, H, W, 1) uint8 grey of arrays (n, D, H, W) on disk, by the locator's `row`."""
    opened: dict[str, NDArray[np.uint8]] = {}
    for item in items:
        try:
            name = item.paths[0]
            if name not in opened:
                opened[name] = np.load(root / name, mmap_mode="r", allow_pickle=False)
            yield Sample("volume", np.array(opened[name][int(item.locator["row"])])[..., None], ("L",), "srgb8")
        except (OSError, ValueError, KeyError, IndexError) as error:
            yield Problem(item.id, "volume-damaged", f"The array cannot be read: {error}.", item.paths)


def write_solids(path: Path, rows: Iterable[NDArray[np.uint8]], shape: tuple[int, ...]) -> None:
    """Volumes as one .npy, a row at a time, by renaming, so that a broken-off run leaves no half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(f".{os.getpid()}.tmp")
    made = np.lib.format.open_memmap(fresh, mode="w+", dtype=np.uint8, shape=shape)
    for number, row in enumerate(rows):
        made[number] = row
    made.flush()
    del made
    fresh.replace(path)


def read_scenes(items: Sequence[Item], root: Path) -> Iterator[Sample | Problem]:
    """Clips (views, H, W, 3) uint8 of the pictures of each item, of the size of the first; its problem if one has."""
    from PIL import Image

    for item in items:
        views: list[NDArray[np.uint8]] = []
        problem = None
        for found in read_pictures([Item(item.id, (path,)) for path in item.paths], root):
            if isinstance(found, Problem):
                problem = Problem(item.id, found.code, found.message, item.paths)
                break
            high, wide = (views[0] if views else found.content).shape[:2]
            same = found.content.shape[:2] == (high, wide)
            shown = found.content if same else np.asarray(Image.fromarray(found.content).resize((wide, high)))
            views.append(shown)
        yield problem or Sample("clip", np.stack(views))


def middle_slice(sample: Any) -> NDArray[np.uint8]:
    """(h, w, 3) uint8 of the middle slice or view."""
    content, middle = sample.content, len(sample.content) // 2
    mask = None if sample.mask is None else sample.mask[middle]
    return Display("soft").render(content[middle], sample.units, mask)
