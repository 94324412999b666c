"""Photos of a folder, with a word on each that says where it was taken but wrongly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fieldglass.loaders import base_of, inside
from fieldglass.loaders.files import Files
from fieldglass.loaders.paths import OutsideError
from fieldglass.types import Item, Problem, Sample
from fieldglass_geo.position import NoPosition
from fieldglass_geo.where_taken import find

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Photos"]


class Photos:
    """The `files` loader that also journals, as a warning, a photo whose position cannot be used.

    `located=true` takes only photos with a position. The columns come from this plugin's metadata hook,
    whatever the loader.
    """

    private = False

    def __init__(self, *, located: bool = False, max_pixels: int = 50_000_000, pixels: int = 0) -> None:
        self.located = located
        self._files = Files(max_pixels=max_pixels, pixels=pixels)

    def scan(self, root: Path) -> Iterator[Item | Problem]:
        """The photos below `root`; the header of each is read."""
        for found in self._files.scan(root):
            if isinstance(found, Problem):
                yield found
                continue
            try:
                position = find(inside(base_of(self, root), found.paths[0])).position
            except OutsideError:
                position = NoPosition("absent")  # `read` refuses such a path, and says so
            if isinstance(position, NoPosition) and (self.located or position.reason != "absent"):
                code = f"gps-{position.reason.replace('_', '-')}"
                severity = "error" if self.located else "warning"
                yield Problem(found.id, code, position.message, found.paths, severity)
                if self.located:
                    continue
            yield found

    def read(self, items: Sequence[Item], root: Path) -> Iterator[Sample | Problem]:
        """The decoded photos, or why not."""
        return self._files.read(items, root)

    def preview(self, sample: Sample) -> NDArray[np.uint8]:
        """The photo itself."""
        return self._files.preview(sample)
