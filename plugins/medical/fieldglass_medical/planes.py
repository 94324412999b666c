"""Slices of volumes and frames of clips as pictures, and which of them made two samples alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fieldglass.encoders import as_query, encode
from fieldglass.errors import UsageError
from fieldglass.loaders.several import evenly
from fieldglass.types import Item, Sample
from fieldglass_medical.encoders.display import sections

__all__ = ["Alike", "middle", "most_alike", "named", "plane", "suited"]

_LOOKED_AT = 32  # of an encoder that does not say how many slices it takes
_COUNTS = ("slices", "views")  # options of encoders that say it
_BATCH = 16
_EMPTY = 8  # levels of grey between the darkest and the brightest of a plane that shows nothing


@dataclass(frozen=True)
class Alike:
    """Numbers, from 0, of the planes of query and hit, their cosine, and how many of each were compared."""

    query: int
    hit: int
    similarity: float
    compared: tuple[int, int]


def plane(sample: Sample, at: int) -> Sample:
    """One slice or frame as an image in the units of its sample; an image as it is."""
    if sample.kind == "image":
        return sample
    mask = None if sample.mask is None else sample.mask[at]
    spacing = sample.spacing[1:] if sample.spacing is not None and len(sample.spacing) == 3 else sample.spacing
    return Sample("image", sample.content[at], sample.bands, sample.units, mask, spacing, sample.measured)


def middle(sample: Sample) -> int:
    """The number of the plane that previews show."""
    return 0 if sample.kind == "image" else len(sample.content) // 2


def most_alike(encoder: Any, query: Sample, hit: Sample, loaders: tuple[Any, Any]) -> Alike:
    """The plane of the hit that is most like the whole query, and the plane of the query that is most like that one.

    As many planes are compared as the encoder takes of a volume, evenly spaced, but those that show nothing: two
    volumes share their empty ends. `loaders` show planes, also to an encoder that does not take their units.
    UsageError for an encoder of volumes alone: it cannot tell one slice from another.
    """
    if not any(each.kind == "image" for each in encoder.accepts):
        raise UsageError(
            f"{encoder.name} takes whole volumes alone: it compares no slices.",
            hint="Encoders of pictures and volumes do, such as med/slices.",
        )
    asked, found = (_Planes.of(encoder, *each) for each in zip((query, hit), loaders, strict=True))
    target = as_query(encoder, asked.whole(encoder))[0]
    vectors = found.vectors(encoder)
    best = int((vectors @ target).max(axis=1).argmax())
    scores = (as_query(encoder, asked.vectors(encoder)) @ vectors[best].T).max(axis=1)
    mine = int(scores.argmax())
    compared = len(asked.numbers), len(found.numbers)
    return Alike(asked.numbers[mine], found.numbers[best], float(scores[mine]), compared)


def named(sample: Sample, at: int, item: Item | None, loader: Any) -> str:
    """Which plane that is, for people, counted from 1; empty for an image."""
    if sample.kind == "image":
        return ""
    count = len(sample.content)
    if sample.kind == "clip":
        total = int(item.metadata.get("frames") or count) if item is not None else count
        taken = evenly(total, int(getattr(loader, "max_frames", total)))
        return f"frame {taken[at] + 1} of {total}" if len(taken) == count else f"frame {at + 1} of {count}"
    away = "" if sample.spacing is None else f" ({at * sample.spacing[0]:.4g} mm from the first)"
    return f"slice {at + 1} of {count}{away}"


@dataclass(frozen=True)
class _Planes:
    """The planes of a sample that an encoder compares."""

    sample: Sample
    numbers: tuple[int, ...]
    loader: Any

    @staticmethod
    def of(encoder: Any, sample: Sample, loader: Any) -> _Planes:
        if sample.kind == "image":
            return _Planes(sample, (0,), loader)
        if not _takes(encoder, sample):  # it was encoded as it is previewed
            return _Planes(sample, (middle(sample),), loader)
        options = getattr(encoder, "options", {})
        count = next((int(options[name]) for name in _COUNTS if options.get(name)), _LOOKED_AT)
        every = tuple(int(each) for each in sections(len(sample.content), count))
        seen = tuple(at for at in every if np.ptp(loader.preview(plane(sample, at))) >= _EMPTY)
        return _Planes(sample, seen or every, loader)

    def whole(self, encoder: Any) -> Any:
        """(1, rows, dim): the sample as it is in the collection."""
        if not _takes(encoder, self.sample) or self.sample.kind == "image":
            return self.vectors(encoder)
        return encode(encoder, [encoder.prepare(self.sample)])

    def vectors(self, encoder: Any) -> Any:
        """(planes, rows, dim)."""
        found = []
        for start in range(0, len(self.numbers), _BATCH):
            pictures = (plane(self.sample, at) for at in self.numbers[start : start + _BATCH])
            ready = [encoder.prepare(suited(encoder, each, self.loader)) for each in pictures]
            found.append(encode(encoder, ready))
        return np.concatenate(found)


def suited(encoder: Any, picture: Sample, loader: Any) -> Sample:
    """The picture in units that the encoder takes: its own, else as it is shown."""
    return picture if _takes(encoder, picture) else Sample("image", loader.preview(picture), mask=picture.mask)


def _takes(encoder: Any, sample: Sample) -> bool:
    return (sample.kind, sample.units) in {(each.kind, each.units) for each in encoder.accepts}
