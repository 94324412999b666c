"""An encoder whose answers can be foreseen: the colour of a photo is a place, and so is "lat,lon" as a text."""

from __future__ import annotations

import numpy as np

from fieldglass.hooks import Offer
from fieldglass.types import Accepts, Prepared

NAME = "test/globe"


class GlobeEncoder:
    """Places are their unit vectors (3 numbers); red, green and blue of a photo are x, y, z from -1 to 1."""

    name = NAME
    fingerprint = "globe-1"
    dim, rows, dtype = 3, 1, "f32"
    logit_scale = 500.0
    accepts = (Accepts("place", "place", (), "degrees"), Accepts("image", "image"), Accepts("text", "text", (), "unit"))

    def prepare(self, sample):
        if sample.kind == "image":
            return Prepared(np.asarray(sample.content, dtype=np.float32)[..., :3].mean(axis=(0, 1)), "image")
        return Prepared(sample.content, sample.kind)

    def places(self, places):
        lat, lon = np.radians(np.asarray(places, dtype=np.float64)).T
        return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1).astype(np.float32)

    def texts(self, texts):
        return self.places(np.array([[float(part) for part in text.split(",")] for text in texts]))

    def images(self, batch):
        rows = np.stack([each.content for each in batch]) / 127.5 - 1
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)[:, None, :]


def offer():
    """To put under `NAME` among the encoders of the registry."""
    return Offer(NAME, "globe_encoder:GlobeEncoder", "colours are places", frozenset({"images", "texts", "places"}))


def painted(lat, lon, size=(24, 32)):
    """(h, w, 3) uint8 of the colour that is this place."""
    x, y, z = GlobeEncoder().places(np.array([[lat, lon]]))[0]
    pixels = np.empty((*size, 3))
    pixels[:] = np.rint((np.array([x, y, z]) + 1) * 127.5)
    return pixels.astype(np.uint8)
