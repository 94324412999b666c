"""Lets an encoder of photographs see what is no photograph: as its loader would show it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from fieldglass.loaders.paths import base_of
from fieldglass.types import Item, Problem, Sample

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fieldglass.interfaces import Encoder, Loader

__all__ = ["Shown"]


@dataclass(frozen=True)
class _Display(Sample):
    """A sample that is its own preview."""


class Shown:
    """A loader for one encoder: pictures in units that it does not take ("HU", "reflectance") become their preview.

    So do volumes and clips for an encoder of pictures alone. An encoder that takes the units of a sample gets
    the sample itself.
    """

    def __init__(self, loader: Loader, encoder: Encoder) -> None:
        self.private = loader.private
        self.exclude_group: str = getattr(loader, "exclude_group", "")
        self.notice: str = getattr(loader, "notice", "")
        self._loader = loader
        self._taken = {accepts.units for accepts in encoder.accepts if accepts.kind == "image"}
        self._kinds = {accepts.kind for accepts in encoder.accepts}

    def base(self, root: Path) -> Path:
        """The folder that paths are relative to."""
        return base_of(self._loader, root)

    def conceal(self, root: Path) -> Path:
        """What the collection keeps in place of the path of a source: the path, unless the loader hides it."""
        method = getattr(self._loader, "conceal", None)
        return root if method is None else cast("Path", method(root))

    def scan(self, root: Path) -> Iterator[Item | Problem]:
        """As the loader does."""
        return self._loader.scan(root)

    def read(self, items: Sequence[Item], root: Path) -> Iterator[Sample | Problem]:
        """As the loader does; a picture in other units as sRGB."""
        for answer in self._loader.read(items, root):
            yield answer if isinstance(answer, Problem) or self._takes(answer) else self._show(answer)

    def preview(self, sample: Sample) -> NDArray[np.uint8]:
        """As the loader does."""
        if isinstance(sample, _Display):
            shown: NDArray[np.uint8] = sample.content
            return shown
        return self._loader.preview(sample)

    def _takes(self, sample: Sample) -> bool:
        if "srgb8" not in self._taken or sample.kind in ("text", "place"):
            return True
        return sample.kind in self._kinds if sample.kind != "image" else sample.units in self._taken

    def _show(self, sample: Sample) -> Sample:
        flat = sample.kind == "image"
        shape = (sample.mask, sample.spacing) if flat else (None, None)
        return _Display("image", self._loader.preview(sample), ("R", "G", "B"), "srgb8", *shape, sample.measured)
