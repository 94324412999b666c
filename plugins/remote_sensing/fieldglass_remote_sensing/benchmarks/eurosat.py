"""EuroSAT (arXiv 1709.00029): ten kinds of land use in Sentinel-2 L1C, 13 bands or the three of the pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal

import numpy as np

from fieldglass.benchmarks.loader import read as read_photographs
from fieldglass.errors import LoaderError, UsageError
from fieldglass.loaders import inside
from fieldglass.loaders.paths import OutsideError
from fieldglass.types import Item, Problem, Sample
from fieldglass_remote_sensing.benchmarks.classes import ClassRetrieval
from fieldglass_remote_sensing.rasters import UNREADABLE, RasterRefusedError, open_raster, reason, settings
from fieldglass_remote_sensing.sensors import SCHEMES
from fieldglass_remote_sensing.stretch import stretch

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["EuroSAT"]

_SCALE = 10_000.0  # of reflectance; the products are of 2015 to 2017, before baseline 04.00 had an offset


class EuroSAT(ClassRetrieval):
    """27 000 patches of 64 x 64 pixels; a split is its own gallery.

    :param root: eurosat-{split}.txt (a file name a line), and a folder of every class.
    :param split: test, val, train, or all, which needs no list.
    :param version: "ms", GeoTIFFs of 13 bands, or "rgb", JPEGs.
    :param images: the folder that holds the classes, below the root.
    """

    name = "rs/eurosat"
    splits = ("test", "val", "train", "all")
    folders = ("", "EuroSAT_MS", "EuroSAT", "ds/images/remote_sensing/otherDatasets/sentinel_2/tif", "tif", "2750")

    def __init__(
        self, *, root: str, split: str = "test", version: Literal["ms", "rgb"] = "ms", images: str = ""
    ) -> None:
        super().__init__(root, split, images)
        if version not in ("ms", "rgb"):
            raise UsageError(f"version is 'ms' or 'rgb', not {version!r}.")
        self.version = version

    def item(self, id: str, picture: str, **more: object) -> Item:
        """The patch where its folder is; its suffix is that of the version."""
        return Item(id, (self._path(picture),))

    def read(self, items: Sequence[Item], root: Path) -> Iterator[Sample | Problem]:
        """(64, 64, 13) float32 reflectance, its bands by name; EuroSAT's files have B8A last."""
        if self.version == "rgb":
            yield from read_photographs(items, root)
            return
        for item in items:
            yield _patch(item, root)

    def preview(self, sample: Sample) -> NDArray[np.uint8]:
        """True colour."""
        return stretch(sample)

    @cached_property
    def labelled(self) -> Mapping[str, tuple[str, str]]:
        """File name without suffix -> path below the folder of classes, and class."""
        names = self._every() if self.split == "all" else self.files.lines(f"eurosat-{self.split}.txt")
        found: dict[str, tuple[str, str]] = {}
        odd = 0
        for line in names:
            stem = PurePosixPath(line).stem
            kind, _, number = stem.rpartition("_")
            odd += not (kind and number.isdigit()) or stem in found
            if kind and number.isdigit():
                found[stem] = (f"{kind}/{stem}", kind)
        if odd:
            self.files.note(f"{odd} lines left out: doubled, or no name such as River_12.")
        self.files.count(f"{self.split} pictures", len(found))
        return found

    @property
    def _suffix(self) -> str:
        return ".tif" if self.version == "ms" else ".jpg"

    def _path(self, picture: str) -> str:
        places = [f"{folder}/{picture}{self._suffix}".lstrip("/") for folder in self.pictures.folders]
        return next((place for place in places if self.pictures.there(place)), places[0])

    def _every(self) -> list[str]:
        for folder in self.pictures.folders:
            found = sorted(path.name for path in (self.files.root / folder).glob(f"*/*_*{self._suffix}"))
            if found:
                return found
        raise LoaderError(f"{self.files.root} has no patches of EuroSAT.", hint=self.files.hint)


def _patch(item: Item, root: Path) -> Sample | Problem:
    bands = SCHEMES["eurosat"]
    try:
        path = inside(root, item.paths[0])
        if not path.is_file():
            return Problem(item.id, "file-missing", "The file is not there.", item.paths)
        with settings(), open_raster(path, "GTiff") as raster:
            if (raster.count, raster.height, raster.width) != (len(bands), 64, 64):
                shape = f"{raster.count} bands of {raster.height} x {raster.width}"
                return Problem(item.id, "scene-bands", f"A patch of EuroSAT has 13 bands of 64 x 64, not {shape}.")
            numbers = raster.read()
    except OutsideError as error:
        return Problem(item.id, "path-outside", f"Not opened: {error}.", item.paths)
    except (*UNREADABLE, RasterRefusedError) as error:
        return Problem(item.id, "scene-unreadable", reason(error), item.paths)
    content = np.moveaxis(numbers.astype(np.float32) / _SCALE, 0, -1)
    return Sample("image", content, bands, "reflectance", (numbers != 0).any(axis=0), (10.0, 10.0))
