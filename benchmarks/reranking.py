"""What re-ranking costs beside its search, and what it finds: turned crops of photographs, and kinds of garments.

The gallery is the demo's photographs and the garments of FIELDGLASS_DATA/clothing, where it is set.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

import fieldglass
from benchmarks.manifold import Manifold
from benchmarks.search import Ready, Vectors
from benchmarks.table import Row
from fieldglass.demo.photographs import photographs
from fieldglass.search import Engine
from fieldglass.store import Field, Store
from fieldglass.types import Query

ITEMS, DIM = 20_000, 512
ANGLE, KEPT, SCALE = 30, 0.5, 0.8  # of a query: turned, the middle half of each side, made smaller


def cost(queries: int) -> Iterator[Row]:
    """superglobal at 400 hits beside the search that found them, one query after another."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store.create(Path(folder) / "c.collection")
        with store.writer("bench") as writer:
            writer.add_field(Field("image", "ready", {}, "ready", DIM))
            source = writer.add_source("bench", Path(folder), "files", {})
            writer.append_bulk(source, [f"i{row}" for row in range(ITEMS)], Manifold(DIM).blocks(ITEMS))
        engine, vectors = Engine(store, Ready(DIM)), Manifold(DIM).pictures(queries)
        spent = []
        for row in range(queries):
            composer = Vectors(vectors[row : row + 1])
            (found,) = engine.search([Query()], composer=composer, k=10, rerank="superglobal")
            spent.append((found.elapsed_ms["rerank"], found.elapsed_ms["search"]))
        again, search = np.median(np.array(spent[2:]), axis=0)
        measured = f"{again / search:.2f} ({again:.1f} of {search:.1f} ms)"
        yield Row(f"superglobal, m=400, beside its exact search of {ITEMS} x {DIM}", "-", measured, None, "one query")


@contextmanager
def pictures(garments: int | None) -> Iterator[tuple[fieldglass.Collection, Path]]:
    """A collection by `mini`, and the folder that was indexed; `garments` takes only so many of a kind."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        root = photographs(folder).source
        data = os.environ.get("FIELDGLASS_DATA")
        for kind in sorted((Path(data) / "clothing").iterdir()) if data else ():
            if kind.is_dir():
                (root / "clothing" / kind.name).mkdir(parents=True)
                for each in sorted(kind.iterdir())[:garments]:
                    shutil.copyfile(each, root / "clothing" / kind.name / each.name)
        with fieldglass.create(folder / "c.collection") as made:
            made.index(root)
            yield made, root


def turned(path: Path) -> np.ndarray:
    """The middle of a picture, turned and made smaller, as uint8 (H, W, 3)."""
    with Image.open(path) as opened:
        picture = ImageOps.exif_transpose(opened).convert("RGB")
    picture.thumbnail((800, 800))
    wide, high = (round(side * KEPT) for side in picture.size)
    left, top = (picture.width - wide) // 2, (picture.height - high) // 2
    cut = picture.rotate(ANGLE, resample=Image.Resampling.BICUBIC).crop((left, top, left + wide, top + high))
    return np.asarray(cut.resize((round(wide * SCALE), round(high * SCALE)), Image.Resampling.LANCZOS))


def ranks(made: fieldglass.Collection, root: Path, ids: Sequence[str], **how) -> list[int]:
    """The rank of each picture for its turned crop; 51 where it is not among the first 50."""
    found = []
    for id in ids:
        hits = [hit.id for hit in made.search(image=turned(root / id), composer="image", k=50, **how)]
        found.append(1 + hits.index(id) if id in hits else 51)
    return found


def crops(made: fieldglass.Collection, root: Path, count: int) -> Iterator[Row]:
    snapshot = made.store.snapshot()
    every = snapshot.ids(snapshot.live_positions())
    ids = every[:: max(1, len(every) // count)]
    told = f"{len(ids)} turned crops among {len(every)} pictures"
    before = np.array(ranks(made, root, ids))
    for name, options in (("superglobal", {}), ("local", {}), ("local", {"features": "attentive"})):
        after = np.array(ranks(made, root, ids, rerank=name, rerank_options=options))
        said = " ".join([name, *options.values()])
        firsts = [100 * float(np.mean(each == 1)) for each in (before, after)]
        measured = f"first: {firsts[0]:.0f} % -> {firsts[1]:.0f} %, mean rank {before.mean():.1f} -> {after.mean():.1f}"
        bar, met = ("more first hits", firsts[1] > firsts[0]) if said == "local" else ("-", None)
        yield Row(f"{said}: {told}", bar, measured, met)


def kinds(made: fieldglass.Collection, count: int) -> Iterator[Row]:
    """P@10 of the kind, each garment a query among the others."""
    snapshot = made.store.snapshot()
    every = [id for id in snapshot.ids(snapshot.live_positions()) if id.startswith("clothing/")]
    ids = every[:: max(1, len(every) // count)]
    if not ids:
        yield Row("kinds of garments", "-", "not measured", None, "FIELDGLASS_DATA is not set")
        return
    made.augment()

    def precision(**how) -> float:
        questions = [made.ask(like=id, exclude_self=True, only=every) for id in ids]
        found = made.answer(questions, composer="image", k=10, **how)
        right = [hit.id.split("/")[1] == id.split("/")[1] for id, hits in zip(ids, found, strict=True) for hit in hits]
        return 100 * float(np.mean(right))

    plain = precision()
    for name, how in (
        ("superglobal", {"rerank": "superglobal"}),
        ("augmented field, k=10", {"options": {"field": "image-dba"}}),
    ):
        yield Row(
            f"{name}: P@10 of the kind, {len(ids)} garments", "-", f"{plain:.1f} % -> {precision(**how):.1f} %", None
        )


def rows(quick: bool) -> Iterator[Row]:
    """All figures; the small size takes fewer pictures and queries."""
    yield from cost(30 if quick else 200)
    with pictures(5 if quick else None) as (made, root):
        yield from crops(made, root, 20 if quick else 60)
        yield from kinds(made, 50 if quick else 341)
