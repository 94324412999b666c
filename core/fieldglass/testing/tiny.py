"""A small encoder of numpy alone: colours and words share a 16-d space, so that answers can be foreseen."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.errors import UsageError
from fieldglass.types import Accepts, Prepared, Sample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass.types import F32

__all__ = ["WORDS", "TinyEncoder"]

WORDS = ("red", "green", "blue", "dark", "bright")


class TinyEncoder:
    """Mean colour and a coarse grid, projected; a text is the sum of the words it knows; a place lies on a sphere.

    Images, texts and places, 16 dimensions.
    """

    name = "tiny"
    dim = 16
    rows = 1
    dtype = "f32"
    accepts: tuple[Accepts, ...] = (
        Accepts("image", "image"),
        Accepts("text", "text", (), "unit"),
        Accepts("place", "place", (), "degrees"),
    )

    def __init__(self, *, seed: int = 0) -> None:
        self.fingerprint = f"tiny-{seed}"
        self._colour = np.linalg.qr(np.random.default_rng(seed).normal(size=(16, 16)))[0].astype(np.float32)

    def prepare(self, sample: Sample) -> Prepared:
        """A text or place as it is; a picture as 14 numbers."""
        if sample.kind == "text":
            return Prepared(sample.content, "text")
        if sample.kind == "place":
            return Prepared(sample.content, "place")
        if sample.kind != "image" or sample.units != "srgb8":
            raise UsageError(f"tiny takes srgb8 images, not {sample.kind} in {sample.units}.")
        picture = np.asarray(sample.content, dtype=np.float32)[..., :3] / 255
        if picture.shape[-1] == 1:
            picture = np.repeat(picture, 3, axis=-1)
        colour = picture.mean(axis=(0, 1))
        light = colour.mean()
        cells = [each for row in np.array_split(picture, 3) for each in np.array_split(row, 3, axis=1)]
        grid = np.array([each.mean() if each.size else light for each in cells])  # a picture may be 1 pixel wide
        return Prepared(np.concatenate([colour - light, [1 - light, light], grid * 0.1]).astype(np.float32), "image")

    def images(self, batch: Sequence[Prepared]) -> F32:
        """(n, 1, 16)."""
        raw = np.stack([np.pad(each.content, (0, 16 - len(each.content))) for each in batch])
        return self._unit(raw)[:, None, :]

    def texts(self, texts: Sequence[str]) -> F32:
        """(n, 16)."""
        raw = np.zeros((len(texts), 16), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().split():
                if word in WORDS:
                    raw[row, WORDS.index(word)] += 1
                else:
                    raw[row, 14 + hashlib.sha256(word.encode()).digest()[0] % 2] += 0.1
        return self._unit(raw)

    def places(self, places: NDArray[np.float64]) -> F32:
        """(n, 16)."""
        lat, lon = np.radians(np.asarray(places, dtype=np.float64)).T
        raw = np.zeros((len(lat), 16), dtype=np.float32)
        raw[:, 11], raw[:, 12], raw[:, 13] = np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)
        return self._unit(raw)

    def _unit(self, raw: F32) -> F32:
        norm = np.maximum(np.linalg.norm(raw, axis=1, keepdims=True), 1e-9)
        raw = np.where(norm > 1e-8, raw / norm, np.eye(16, dtype=np.float32)[15])
        return np.asarray(raw @ self._colour, dtype=np.float32)
