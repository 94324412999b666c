"""The loader of benchmarks: the gallery that a reader names, its pictures cropped as the protocol says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.errors import UsageError
from fieldglass.loaders.files import read_pictures
from fieldglass.loaders.picture import MAX_PIXELS
from fieldglass.registry import registry
from fieldglass.types import Item, Problem, Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BenchmarkPictures", "read"]


class BenchmarkPictures:
    """The items of `Benchmark.gallery`; a missing picture is a problem of the journal.

    A benchmark whose files are no photographs reads them itself, by `read` and `preview` as a loader has them.

    :param benchmark: its name; the root of the source is its --root.
    :param settings: its other options, as a JSON object.
    :param max_pixels: a larger picture is refused from its header.
    :param pixels: the encoder's input side; pictures are decoded to at least twice that. 0 = full size.
    """

    private = False
    queries = "files"

    def __init__(self, *, benchmark: str, settings: str = "{}", max_pixels: int = MAX_PIXELS, pixels: int = 0) -> None:
        self.benchmark, self.max_pixels, self.pixels = benchmark, max_pixels, pixels
        try:
            self.settings = json.loads(settings)
        except ValueError as error:
            raise UsageError(f"settings={settings!r} is no JSON object: {error}.") from error
        self._made: dict[Path, Any] = {}

    def scan(self, root: Path) -> Iterator[Item | Problem]:
        """The gallery. LoaderError where the official files are not there."""
        for item in self._benchmark(root).gallery():
            if all((root / path).is_file() for path in item.paths):
                yield item
            else:
                yield Problem(item.id, "picture-missing", "The picture is not below the root.", item.paths)

    def read(self, items: Sequence[Item], root: Path) -> Iterator[Sample | Problem]:
        """The decoded pictures, or why not."""
        made = self._benchmark(root)
        if hasattr(made, "read"):
            found: Iterator[Sample | Problem] = made.read(items, root)
            return found
        return read(items, root, pixels=self.pixels, max_pixels=self.max_pixels)

    def preview(self, sample: Sample) -> NDArray[np.uint8]:
        """The picture itself, or what the benchmark makes of its sample."""
        own = next((made.preview for made in self._made.values() if hasattr(made, "preview")), None)
        content: NDArray[np.uint8] = sample.content if own is None else own(sample)
        return content

    def _benchmark(self, root: Path) -> Any:
        if root not in self._made:
            options = {**self.settings, "root": str(root)}
            self._made[root] = registry().create("benchmarks", self.benchmark, options)
        return self._made[root]


def read(
    items: Sequence[Item], root: Path, *, pixels: int = 0, max_pixels: int = MAX_PIXELS
) -> Iterator[Sample | Problem]:
    """Decoded pictures. A locator with `box` (left, top, right, bottom in pixels) is cropped from the full size.

    `dilate` moves the left and top edge out by that share of the box and makes it so much larger (GeneCIS: 0.7);
    `square` pads the shorter side with black.
    """
    for item in items:
        box = item.locator.get("box")
        for found in read_pictures([item], root, pixels=0 if box else pixels, max_pixels=max_pixels):
            if box is None or isinstance(found, Problem):
                yield found
                continue
            content = _cropped(found.content, *box, dilate=float(item.locator.get("dilate", 0.0)))
            if content.size == 0:
                yield Problem(item.id, "box-outside", f"The box {box} does not touch the picture.", item.paths)
            else:
                yield Sample("image", _square(content) if item.locator.get("square") else content)


def _cropped(
    picture: NDArray[np.uint8], left: float, top: float, right: float, bottom: float, *, dilate: float
) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    wide, high = right - left, bottom - top
    if dilate:
        left, top = max(0.0, left - dilate * wide), max(0.0, top - dilate * high)
        right, bottom = left + (1 + dilate) * wide, top + (1 + dilate) * high
    x0, y0 = max(0, round(left)), max(0, round(top))
    return picture[y0 : min(height, round(bottom)), x0 : min(width, round(right))]


def _square(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = picture.shape[:2]
    side = max(height, width)
    found = np.zeros((side, side, picture.shape[2]), dtype=np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    found[top : top + height, left : left + width] = picture
    return found
