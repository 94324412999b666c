"""Collections of ready vectors, and composers that ask for ready vectors."""

from __future__ import annotations

import numpy as np

from fieldglass.composers.weicom import calibrated_sum
from fieldglass.store import Field, Store
from fieldglass.types import Fusion, Probe, Probes


def unit(rows):
    rows = np.asarray(rows, dtype=np.float64)
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def random_rows(count, dim=16, seed=0):
    return unit(np.random.default_rng(seed).standard_normal((count, dim)))


def wave(row, columns=4):
    """A row of the golden fixture: sin(4 i + j + 1), unit length, float64."""
    found = np.sin(4 * row + np.arange(columns) + 1.0)
    return found / np.linalg.norm(found)


def gallery(folder, vectors, *, ids=None, metadata=None, groups=None, field=None, properties=None, name="c"):
    """A store of (n, d) or (n, rows, d) vectors under ids i0, i1, ..."""
    vectors = np.asarray(vectors, dtype=np.float32)
    if field is None:
        field = Field("image", "tiny", {}, "tiny-0", vectors.shape[-1])
    store = Store.create(folder / name, properties=properties)
    with store.writer("test") as writer:
        source = writer.add_source("photos", folder, "files")
        writer.add_field(field)
        names = ids or [f"i{row}" for row in range(len(vectors))]
        writer.append_bulk(source, names, vectors, metadata, groups=groups)
    return store


class Ask:
    """A composer of ready probes: `Ask(vectors)`, or `Ask((vectors, weight), (others, weight), fusion=...)`."""

    requires = frozenset()

    def __init__(self, *parts, fusion=None, field="image"):
        self.parts = [part if isinstance(part, tuple) else (part, 1.0) for part in parts]
        self.fusion = fusion or Fusion("ask", "linear")
        self.field = field

    def compose(self, queries, encoder, gallery):
        probes = tuple(Probe(self.field, np.atleast_2d(vectors), weight) for vectors, weight in self.parts)
        return Probes(probes, self.fusion)


def weicom(pictures, texts, weight):
    return Ask((pictures, 1 - weight), (texts, weight), fusion=Fusion("weicom", "moments", calibrated_sum))
