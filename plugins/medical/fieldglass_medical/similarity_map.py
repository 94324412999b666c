"""Where two pictures are alike: one map for each, from patch vectors, or by covering parts of it.

Patches: the value of a patch is its largest cosine with any patch of the other picture. Occlusion, for an encoder
without patch vectors: a square is covered with the median of the picture, and the value is how much the similarity of
the two whole pictures falls.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.encoders import as_query
from fieldglass.errors import UsageError
from fieldglass.interfaces import PatchEncoder
from fieldglass_medical.looked_at import WHOLE, Part, looked_at

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass.types import Sample

__all__ = ["SimilarityMap", "drawn", "similarity_maps"]

_GRID = 8  # squares along each axis where parts are covered
_STRENGTH = 0.55


@dataclass(frozen=True)
class SimilarityMap:
    """(h, w) float32 for the query and for the hit; `how` is "patches" or "occlusion".

    The parts of both pictures that the maps cover are (left, top, right, bottom), as shares.
    """

    query: NDArray[np.float32]
    hit: NDArray[np.float32]
    how: str
    query_part: Part = WHOLE
    hit_part: Part = WHOLE


def similarity_maps(encoder: Any, query: Sample, hit: Sample) -> SimilarityMap:
    """The maps of two pictures. UsageError for volumes and clips, of which `most_alike` chooses a slice or frame."""
    for each in (query, hit):
        if each.kind != "image":
            raise UsageError(
                f"Maps are drawn on pictures, and this is a {each.kind}.",
                hint="Give one of its slices or frames, as fieldglass_medical.planes chooses it.",
            )
    if isinstance(encoder, PatchEncoder) and (found := _by_patches(encoder, query, hit)) is not None:
        return found
    if not hasattr(encoder, "images"):
        raise UsageError(f"{encoder.name} encodes no pictures: there is nothing to draw.")
    return SimilarityMap(_occluded(encoder, query, hit), _occluded(encoder, hit, query), "occlusion")


def drawn(picture: NDArray[np.uint8], values: NDArray[np.float32], part: Part = WHOLE) -> NDArray[np.uint8]:
    """(H, W, 3) with the map laid over a part of it: the more a place counts, the more orange; nothing where least."""
    from PIL import Image

    height, width = picture.shape[:2]
    low, high = float(values.min()), float(values.max())
    shares = (values - low) / (high - low) if high > low else np.zeros_like(values)
    left, top, right, bottom = (round(share * side) for share, side in zip(part, (width, height) * 2, strict=True))
    size = max(right - left, 1), max(bottom - top, 1)
    spread = Image.new("F", (width, height))
    spread.paste(Image.fromarray(shares.astype(np.float32)).resize(size, Image.Resampling.BICUBIC), (left, top))
    weight = _STRENGTH * np.clip(np.asarray(spread), 0, 1)[..., None]
    colour = np.array([255, 120, 0], dtype=np.float32)
    return (picture * (1 - weight) + colour * weight + 0.5).astype(np.uint8)


def _by_patches(encoder: Any, query: Sample, hit: Sample) -> SimilarityMap | None:
    """None where the patches are no square: those of an encoder of volumes lie in depth too."""
    found = encoder.patches([encoder.prepare(query), encoder.prepare(hit)])
    side = math.isqrt(found.shape[1])
    if side * side != found.shape[1]:
        return None
    unit = found / np.maximum(np.linalg.norm(found, axis=-1, keepdims=True), 1e-12)
    alike = unit[0] @ unit[1].T
    parts = [looked_at(encoder, *each.content.shape[:2]) for each in (query, hit)]
    squares = (alike.max(axis=axis).reshape(side, side).astype(np.float32) for axis in (1, 0))
    return SimilarityMap(*squares, "patches", *parts)


def _occluded(encoder: Any, covered: Sample, other: Sample) -> NDArray[np.float32]:
    pixels = np.asarray(covered.content)
    height, width = pixels.shape[:2]
    rows, columns = min(_GRID, height), min(_GRID, width)
    valid = pixels if covered.mask is None else pixels[covered.mask]
    blank = np.median(valid.reshape(-1, pixels.shape[2]), axis=0).astype(pixels.dtype)
    samples = [other, covered]
    for row in range(rows):
        for column in range(columns):
            part = pixels.copy()
            part[
                row * height // rows : (row + 1) * height // rows,
                column * width // columns : (column + 1) * width // columns,
            ] = blank
            samples.append(replace(covered, content=part))
    vectors = _encoded(encoder, samples)
    target = as_query(encoder, vectors[:1])[0]
    scores = (vectors[1:] @ target).max(axis=1)
    return np.asarray((scores[0] - scores[1:]).reshape(rows, columns), dtype=np.float32)


def _encoded(encoder: Any, samples: list[Sample], batch: int = 16) -> NDArray[np.float32]:
    ready = [encoder.prepare(sample) for sample in samples]
    return np.concatenate([encoder.images(ready[at : at + batch]) for at in range(0, len(ready), batch)])
