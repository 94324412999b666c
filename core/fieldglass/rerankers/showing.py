"""What a language model is shown of a query and of its hits: words, captions, previews; never an id or a path."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fieldglass.rerankers.grid import as_jpeg, opened, sheet

if TYPE_CHECKING:
    from PIL.Image import Image

    from fieldglass.llm.client import Part
    from fieldglass.types import I64, GalleryView, Query, QueryImage

__all__ = ["Hits", "asked_parts"]

_LONGEST = 400  # letters of a caption


@dataclass(frozen=True)
class Hits:
    """The first hits of a query as they can be shown: previews and captions in their order, None and "" for none."""

    previews: tuple[Image | None, ...]
    captions: tuple[str, ...]

    @classmethod
    def of(cls, gallery: GalleryView, positions: I64, *, pictures: bool, column: str) -> Hits:
        """`pictures` whether previews are wanted; `column` that of the captions, "" for none."""
        shown = [opened(gallery.thumbnail(int(each))) if pictures else None for each in positions]
        rows = gallery.metadata(positions) if column else [{} for _ in positions]
        return cls(tuple(shown), tuple(_line(row.get(column)) for row in rows))

    def __bool__(self) -> bool:
        return any(self.captions) or any(each is not None for each in self.previews)

    def parts(self, places: Sequence[int], *, apart: bool) -> list[Part]:
        """Those at `places`, numbered from 1 in this order: a sheet of previews (or one by one), and captions."""
        found: list[Part] = []
        previews = [self.previews[place] for place in places]
        if any(each is not None for each in previews):
            if apart:
                for number, picture in enumerate(previews, 1):
                    found.append(f"Candidate {number}:" if picture is not None else f"Candidate {number}: no picture")
                    found += [as_jpeg(picture)] if picture is not None else []
            else:
                sheeted = sheet(previews)
                found += ["The candidates, each with its number in the corner:", as_jpeg(sheeted, max(sheeted.size))]
        if any(self.captions[place] for place in places):
            lines = [
                f"{number}. {json.dumps(self.captions[place], ensure_ascii=False) if self.captions[place] else '-'}"
                for number, place in enumerate(places, 1)
            ]
            found.append("What the candidates show, by number:\n" + "\n".join(lines))
        return found


def asked_parts(query: Query, gallery: GalleryView, *, pictures: bool, column: str) -> list[Part]:
    """The request: earlier turns, pictures or their captions, what is wanted and what is not. Empty for none."""
    found: list[Part] = []
    for turn in query.history:
        found += [f"Asked before: {_quoted(text.text)}" for text in turn.texts]
    for image in query.images:
        what = {"negative": "Unlike this picture", "positive": "Also like this picture"}.get(
            image.role, "Reference picture"
        )
        shown = _picture(image, gallery) if pictures else None
        caption = _caption(image, gallery, column)
        if shown is not None or caption:
            found.append(f"{what}: {_quoted(caption)}" if caption else f"{what}:")
            found += [as_jpeg(shown)] if shown is not None else []
    kinds = {"negative": "Not wanted", "description": "The reference picture shows"}
    for text in query.texts:
        if text.text.strip():
            refused = (text.role == "negative") != (text.weight < 0)
            kind = "description" if text.role == "description" else "negative" if refused else ""
            found.append(f"{kinds.get(kind, 'Wanted')}: {_quoted(text.text)}")
    return found


def _picture(image: QueryImage, gallery: GalleryView) -> Image | None:
    """The preview of an item; a picture from elsewhere where it is in colours as they are shown."""
    if image.id is not None:
        position = int(gallery.positions([image.id])[0])
        return opened(gallery.thumbnail(position)) if position >= 0 else None
    sample = image.sample
    if sample is None or sample.kind != "image" or sample.units != "srgb8":
        return None
    pixels = np.asarray(sample.content)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        return None
    from PIL import Image

    return Image.fromarray(pixels)


def _caption(image: QueryImage, gallery: GalleryView, column: str) -> str:
    if not column or image.id is None:
        return ""
    positions = gallery.positions([image.id])
    return _line(gallery.metadata(positions)[0].get(column)) if positions[0] >= 0 else ""


def _line(value: object) -> str:
    """A caption on one line, cut where it is long: it is data from elsewhere, not an instruction."""
    text = " ".join(str(value or "").split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


def _quoted(text: str) -> str:
    return json.dumps(" ".join(text.split()), ensure_ascii=False)
