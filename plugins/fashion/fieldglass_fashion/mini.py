"""`fashion/mini`: the core's `mini`, and the colours of the garment under their names. No download.

A stored vector is [v, s, c] / sqrt 3. v (1280) is the picture as `mini` sees it; s (384) is what it shows in the space
of sentences; c (52) is how much of the garment has which colour. A picture query is [v, 0, c / 2], a description
[0, s, c / 2], a text [0, t, b / 2], b the colours that it names and t what else it says: each of unit norm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.encoders import encode
from fieldglass.encoders.fingerprint import fingerprint
from fieldglass.encoders.mini import Mini
from fieldglass.errors import UsageError
from fieldglass.types import Accepts, Prepared
from fieldglass_fashion.colour import BASIC, SHADES, WIDTH, colours_in, shares, vector, without_colours
from fieldglass_fashion.colour.garment import SETTING
from fieldglass_fashion.colour.palette import spread

if TYPE_CHECKING:
    from fieldglass.types import F32, F64, GalleryView, Sample

__all__ = ["FashionMini"]

_VISUAL, _MEANING = 1280, 384
_COLOUR = slice(_VISUAL + _MEANING, None)
_RECORD = np.dtype([("picture", np.uint8, (224, 224, 3)), ("colours", np.float32, (WIDTH,))])


class FashionMini:
    """Photographs of garments; a text finds kinds of garment and named colours ("a navy dress", "in green").

    :param colour: how much colour counts in a query beside kind and look: 0 as `mini`, 1 as much as either.
    :param device: and `precision`: as those of `mini`.
    """

    name = "fashion/mini"
    dim = _VISUAL + _MEANING + WIDTH
    rows = 1
    dtype = "f32"
    accepts = (Accepts("image", "image"), Accepts("text", "text", (), "unit"))
    pixels = Mini.pixels

    def __init__(self, *, colour: float = 0.5, device: str = "auto", precision: str = "auto") -> None:
        if not 0 <= colour <= 4:
            raise UsageError(f"colour is 0 to 4, not {colour}.", hint="0.5 suits most catalogues.")
        self._mini = Mini(device=device, precision=precision)
        self.colour = float(colour)
        self.fingerprint = fingerprint(
            "fashion-mini",
            mini=self._mini.fingerprint,
            colour=self.colour,
            palette=SHADES,
            basic=BASIC,
            setting=SETTING,
        )

    @property
    def device(self) -> str:
        """Where its pictures are encoded."""
        return self._mini.device

    @property
    def options(self) -> Mapping[str, Any]:
        """The options that make this space again, on whatever device."""
        return {"colour": self.colour, **self._mini.options}

    def prepare(self, sample: Sample) -> Prepared:
        """A picture -> one record, (224, 224, 3) uint8 and its colours (52,); a text as it is."""
        prepared = self._mini.prepare(sample)
        if sample.kind == "text":
            return prepared
        record = np.zeros((), dtype=_RECORD)
        record["picture"], record["colours"] = prepared.content, spread(shares(sample))
        return Prepared(record, "image")

    def images(self, batch: Sequence[Prepared]) -> F32:
        """(n, 1, 1716) float32, [v, s, c] / sqrt 3."""
        seen = encode(self._mini, [Prepared(each.content["picture"], "image") for each in batch])[:, 0] * np.sqrt(2)
        colours = np.stack([each.content["colours"] for each in batch])
        found = np.concatenate([seen, colours], axis=1) / np.sqrt(3)
        return np.asarray(found, dtype=np.float32)[:, None, :]

    def texts(self, texts: Sequence[str]) -> F32:
        """(n, 1716) float32, [0, t, b / 2] of unit norm; [0, 0, b] for nothing but a colour ("in green")."""
        found = np.zeros((len(texts), self.dim), dtype=np.float32)
        said = [without_colours(text) if self.colour else text for text in texts]
        kept = [row for row, left in enumerate(said) if left or not texts[row].strip()]
        if kept:
            found[kept, : _VISUAL + _MEANING] = self._mini.texts([said[row] for row in kept])
        for row, text in enumerate(texts):
            named = [each.name for each in colours_in(text)] if self.colour else []
            found[row, _COLOUR] = self.colour * vector(named)
        return _unit(found)

    def as_query(self, rows: F32) -> F32:
        """(n, 1, 1716) -> (n, 1716): [v, 0, c / 2]; a stored text has no v and stays as it is."""
        return self._part(rows, slice(_VISUAL, _VISUAL + _MEANING))

    def as_text(self, rows: F32) -> F32:
        """(n, 1, 1716) -> (n, 1716): [0, s, c / 2]."""
        return self._part(rows, slice(0, _VISUAL))

    def colour_shares(self, gallery: GalleryView, field: str, colour: str) -> F64:
        """(gallery.size,) float64, 0 to 1: how much of each garment has a basic colour or a shade of the palette."""
        probe = np.zeros((1, self.dim), dtype=np.float32)
        place = BASIC.index(colour) if colour in BASIC else len(BASIC) + list(SHADES).index(colour)
        probe[0, _VISUAL + _MEANING + place] = 1
        found = np.nan_to_num(gallery.scores(field, probe)[0].astype(np.float64))
        return np.asarray(np.clip(6 * found**2, 0, 1))  # a stored value is the root of half a share, over root 3

    def _part(self, rows: F32, left_out: slice) -> F32:
        stored = rows[:, 0]
        found = stored.copy()
        found[:, left_out] = 0
        picture = stored[:, :_VISUAL].any(axis=1)
        found[picture, _COLOUR] *= self.colour
        return np.where(found.any(axis=1, keepdims=True), _unit(found), stored)


def _unit(vectors: F32) -> F32:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12), dtype=np.float32)
