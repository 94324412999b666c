"""`rs/mini`: the core's `mini` on a stated band composite, with what the other bands say. No download.

A stored vector is [v, s, x] / sqrt 3. v (1280) is the picture as `mini` sees its composite; s (384) is what it shows
in the space of sentences: the land cover that indices tell, joined with `mini`'s own reading; x (153) is the
distribution of the indices. A picture query is [v, 0, x] / sqrt 2, a description [0, s, 0], a text [0, t, 0].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fieldglass.encoders import encode
from fieldglass.encoders.fingerprint import fingerprint
from fieldglass.encoders.mini import Mini
from fieldglass.encoders.once import Once
from fieldglass.types import Accepts, Prepared
from fieldglass_remote_sensing.land_cover import COVERS, shares
from fieldglass_remote_sensing.rendering import UNITS, Rendering
from fieldglass_remote_sensing.statistics import BINS, MEASURES, WIDTH, distributions

if TYPE_CHECKING:
    from fieldglass.types import F32, Sample

__all__ = ["RemoteSensingMini"]

_VISUAL, _MEANING = 1280, 384
_COVER_WEIGHT = 0.8  # of the land cover in s, where there is one: satellite pictures are not in ImageNet
_RECORD = np.dtype(
    [("picture", np.uint8, (224, 224, 3)), ("shares", np.float32, (len(COVERS),)), ("spread", np.float32, (WIDTH,))]
)


class RemoteSensingMini:
    """Photographs, chips and scenes of any bands; a text finds land cover and `mini`'s thousand kinds of thing.

    `rendering` and `gain` say how reflectance becomes the picture, see `rendering.Rendering`; `device` and
    `precision` are those of `mini`.
    """

    name = "rs/mini"
    dim = _VISUAL + _MEANING + WIDTH
    rows = 1
    dtype = "f32"
    accepts = (*UNITS, Accepts("text", "text", (), "unit"))
    pixels = Mini.pixels

    def __init__(
        self,
        *,
        rendering: Literal["gain", "percentile"] = "gain",
        gain: float = 3.0,
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        self._mini = Mini(device=device, precision=precision)
        self._rendering = Rendering(rendering, gain)
        self._covers = Once(self._cover_vectors)
        self.fingerprint = fingerprint(
            "rs-mini",
            mini=self._mini.fingerprint,
            rendering=self._rendering.settings(),
            covers=dict(COVERS),
            cover_weight=_COVER_WEIGHT,
            measures=dict(MEASURES),
            bins=BINS,
            version=1,
        )

    @property
    def device(self) -> str:
        """Where its pictures are encoded."""
        return self._mini.device

    @property
    def options(self) -> Mapping[str, Any]:
        """The options that make this space again, on whatever device."""
        stated = {"rendering": self._rendering.rendering, "gain": self._rendering.gain}
        return {**stated, **self._mini.options}

    def prepare(self, sample: Sample) -> Prepared:
        """A picture, (H, W, bands) in sRGB, reflectance, dB or "unit" -> one record; a text as it is."""
        if sample.kind == "text":
            return Prepared(sample.content, "text")
        rendered = self._rendering(sample, self.name)
        record = np.zeros((), dtype=_RECORD)
        record["picture"] = self._mini.prepare(rendered).content
        record["shares"], record["spread"] = shares(sample), distributions(sample)
        return Prepared(record, "image")

    def images(self, batch: Sequence[Prepared]) -> F32:
        """(n, 1, 1817) float32, [v, s, x] / sqrt 3."""
        records = np.stack([each.content for each in batch])
        seen = encode(self._mini, [Prepared(picture, "image") for picture in records["picture"]])[:, 0] * np.sqrt(2)
        visual, meaning = seen[:, :_VISUAL], seen[:, _VISUAL:]
        told = records["shares"].sum(axis=1, keepdims=True) > 0
        cover = _unit(records["shares"] @ self._covers())
        joined = np.where(told, _unit(_COVER_WEIGHT * cover + (1 - _COVER_WEIGHT) * meaning), meaning)
        found = np.concatenate([visual, joined, records["spread"]], axis=1)
        return np.asarray(found / np.sqrt(3), dtype=np.float32)[:, None, :]

    def texts(self, texts: Sequence[str]) -> F32:
        """(n, 1817) float32, [0, t, 0]."""
        found = np.zeros((len(texts), self.dim), dtype=np.float32)
        found[:, : _VISUAL + _MEANING] = self._mini.texts(texts)
        return found

    def as_query(self, rows: F32) -> F32:
        """(n, 1, 1817) -> (n, 1817): [v, 0, x]; a stored text has neither and stays as it is."""
        return _without(rows, slice(_VISUAL, _VISUAL + _MEANING))

    def as_text(self, rows: F32) -> F32:
        """(n, 1, 1817) -> (n, 1817): [0, s, 0]."""
        return _without(rows, slice(0, _VISUAL), slice(_VISUAL + _MEANING, None))

    def _cover_vectors(self) -> F32:
        names = self._mini.texts(list(COVERS)) + self._mini.texts(list(COVERS.values()))
        return _unit(names[:, _VISUAL:])


def _unit(vectors: F32) -> F32:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12), dtype=np.float32)


def _without(rows: F32, *parts: slice) -> F32:
    kept = rows[:, 0].copy()
    for part in parts:
        kept[:, part] = 0
    norm = np.linalg.norm(kept, axis=1, keepdims=True)
    return np.where(norm > 0, kept / np.maximum(norm, 1e-12), rows[:, 0]).astype(np.float32)
