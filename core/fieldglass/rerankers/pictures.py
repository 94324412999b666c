"""The local features of gallery items: read, made once and kept while the gallery is the same."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import TYPE_CHECKING, Literal
from weakref import WeakKeyDictionary

import numpy as np

from fieldglass.errors import FieldglassError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass.rerankers.features import Extractor
    from fieldglass.rerankers.geometry import Features
    from fieldglass.types import GalleryView, QueryImage, Ranking, Sample

    Pixels = NDArray[np.uint8]

__all__ = ["KEPT", "FeatureCache", "pixels"]

KEPT = 2000  # items whose features are kept for each gallery: about a quarter of a megabyte each


def pixels(sample: Sample, side: int) -> Pixels | None:
    """(h, w, 3) uint8, the longer side at most `side`; None for what is not a picture of 8-bit grey or colour."""
    content = sample.content
    if sample.kind != "image" or sample.units != "srgb8" or content.dtype != np.uint8 or content.shape[2] not in (1, 3):
        return None
    return _shrunk(np.repeat(content, 3, axis=2) if content.shape[2] == 1 else content, side)


class FeatureCache:
    """Features by gallery, way of making them, and id. A gallery is another object once something was committed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: WeakKeyDictionary[GalleryView, OrderedDict[tuple[str, str], Features]] = WeakKeyDictionary()

    def of_hits(
        self, gallery: GalleryView, ranking: Ranking, count: int, make: Extractor, key: str, source: str
    ) -> list[Features | None]:
        """Of the first `count` hits, in order; None where there is neither the item nor a preview to look at."""
        ids = ranking.ids[:count] or tuple(gallery.ids(ranking.positions[:count]))

        def one(place: int) -> Features | None:
            return self.of(gallery, ids[place], int(ranking.positions[place]), make, key, source)

        with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
            return list(pool.map(one, range(len(ids))))

    def of_query(
        self, gallery: GalleryView, images: Sequence[QueryImage], make: Extractor, key: str, source: str
    ) -> list[Features]:
        """Of the pictures of a query that can be looked at."""
        found = []
        for image in images:
            if image.id is not None:
                position = int(gallery.positions([image.id])[0])
                found.append(self.of(gallery, image.id, position, make, key, source))
            elif image.sample is not None:
                shown = pixels(image.sample, make.side)
                found.append(None if shown is None else make(shown))
        return [each for each in found if each is not None]

    def of(
        self, gallery: GalleryView, id: str, position: int, make: Extractor, key: str, source: str
    ) -> Features | None:
        """Of one item; the last `KEPT` ones are remembered, those that could not be read are not."""
        with self._lock:
            kept = self._kept.setdefault(gallery, OrderedDict())
            if (key, id) in kept:
                kept.move_to_end((key, id))
                return kept[key, id]
        shown = _picture(gallery, id, position, make.side, source)
        if shown is None:
            return None
        found = make(shown)
        with self._lock:
            kept[key, id] = found
            while len(kept) > KEPT:
                kept.popitem(last=False)
        return found


def _picture(
    gallery: GalleryView, id: str, position: int, side: int, source: Literal["auto", "file", "preview"] | str
) -> Pixels | None:
    """The item decoded again, or its stored preview."""
    if source != "preview":
        try:
            shown = pixels(gallery.read(id), side)
        except FieldglassError:
            shown = None
        if shown is not None or source == "file":
            return shown
    data = gallery.thumbnail(position) if position >= 0 else None
    if data is None:
        return None
    from PIL import Image

    try:
        with Image.open(BytesIO(data), formats=("WEBP", "JPEG", "PNG")) as preview:
            return _shrunk(np.asarray(preview.convert("RGB")), side)
    except (OSError, ValueError, Image.DecompressionBombError):  # a damaged collection; `fieldglass verify` tells
        return None


def _shrunk(picture: Pixels, side: int) -> Pixels:
    from PIL import Image

    height, width = picture.shape[:2]
    if max(height, width) <= side:
        return picture
    small = Image.fromarray(picture)
    small.thumbnail((side, side), Image.Resampling.LANCZOS)
    return np.asarray(small)
