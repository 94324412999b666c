"""How much of a garment has which colour: its pixels told from the background, and named softly."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from fieldglass_fashion.colour.cielab import cielab
from fieldglass_fashion.colour.palette import points

if TYPE_CHECKING:
    from fieldglass.types import F64, Sample

__all__ = ["SETTING", "shares"]

_SIDE = 56  # pixels: a colour needs no more
_RING = 2  # pixels at each edge that are taken for background
_GROUPS = 4  # colours that a background has at most
_ROUNDS = 8
_APART = 20.0  # CIELAB units from the background at which a pixel is mostly garment
_LEAST = 0.05  # weight of a pixel that looks like the background
_CENTRE = 0.5  # of half a side: the spread of the weight around the middle
_BLUR = 12.0  # CIELAB units: how far a pixel reaches towards several names
_HUE = 1.4  # weight of a* and b*: light changes L* first
SETTING = (_SIDE, _RING, _GROUPS, _ROUNDS, _APART, _LEAST, _CENTRE, _BLUR, _HUE)


def shares(sample: Sample) -> F64:
    """(shades,) float64 of sum 1 for a picture (H, W, 3) uint8; masked pixels say nothing.

    A pixel counts by how near it is to the middle and how unlike the colours along the edges.
    """
    picture, seen = _small(sample)
    colours = cielab(picture / 255)
    weights = _middle() * _unlike_edges(colours, seen) * seen
    if not weights.sum() > 0:
        weights = _middle()
    scale = np.array([1.0, _HUE, _HUE])
    distance = (((colours.reshape(-1, 1, 3) - _points()) * scale) ** 2).sum(axis=2)
    near = np.exp(-(distance - distance.min(axis=1, keepdims=True)) / (2 * _BLUR**2))
    near /= near.sum(axis=1, keepdims=True)
    found = weights.reshape(1, -1) @ near
    return np.asarray(found[0] / found.sum())


def _small(sample: Sample) -> tuple[F64, F64]:
    """(56, 56, 3) in 0 to 255, and (56, 56) 0 to 1: how much of a pixel is valid."""
    from PIL import Image

    side = (_SIDE, _SIDE)
    picture = Image.fromarray(np.ascontiguousarray(sample.content[..., :3])).resize(side, Image.Resampling.BOX)
    if sample.mask is None:
        return np.asarray(picture, dtype=np.float64), np.ones(side)
    seen = Image.fromarray(sample.mask.astype(np.uint8) * 255).resize(side, Image.Resampling.BOX)
    return np.asarray(picture, dtype=np.float64), np.asarray(seen, dtype=np.float64) / 255


def _unlike_edges(colours: F64, seen: F64) -> F64:
    """(h, w): near 0.05 where a pixel has a colour of the picture's edges, near 1 where it has none of them."""
    edge = np.zeros(seen.shape, dtype=bool)
    edge[:_RING] = edge[-_RING:] = edge[:, :_RING] = edge[:, -_RING:] = True
    around = colours[edge & (seen > 0.5)]
    if not len(around):
        return np.ones(seen.shape)
    nearest = ((colours[:, :, None] - _groups(around)) ** 2).sum(axis=3).min(axis=2)
    found: F64 = _LEAST + (1 - _LEAST) * (1 - np.exp(-nearest / _APART**2))
    return found


def _groups(pixels: F64) -> F64:
    """(4, 3): k-means from pixels spread over the range of lightness, so that it has no chance in it."""
    order = np.argsort(pixels[:, 0], kind="stable")
    centres = pixels[order[np.linspace(0, len(pixels) - 1, _GROUPS).astype(int)]].copy()
    for _ in range(_ROUNDS):
        mine = ((pixels[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
        for group in range(_GROUPS):
            if (mine == group).any():
                centres[group] = pixels[mine == group].mean(axis=0)
    return centres


@cache
def _middle() -> F64:
    y, x = np.mgrid[0:_SIDE, 0:_SIDE]
    half = (_SIDE - 1) / 2
    away = ((y - half) ** 2 + (x - half) ** 2) / (_SIDE / 2) ** 2
    return np.asarray(np.exp(-away / (2 * _CENTRE**2)))


@cache
def _points() -> F64:
    return points()
