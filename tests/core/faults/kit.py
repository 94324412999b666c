"""Operations on a collection that can be told beforehand, so that any state of it can be judged.

A model maps an id to (version, captioned). Vectors, previews and metadata follow from id and version.
"""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import numpy as np

from fieldglass.store import Entry, Field, Store, write_parcel
from fieldglass.types import Item

IMAGE = Field("image", "tiny", {}, "tiny-0", 8)
CAPTION = Field("caption", "tiny", {}, "tiny-0", 8, rows=2, dtype="f16", reduce="max", origin="column:caption")

Model = dict[str, tuple[int, bool]]


def vector(id: str, version: int, field: Field) -> np.ndarray:
    """(rows, dim) float32 with values that float16 holds exactly."""
    digest = hashlib.sha256(f"{id} {version} {field.name}".encode()).digest()
    return (
        np.frombuffer((digest * 4)[: field.rows * field.dim], dtype=np.int8)
        .astype(np.float32)
        .reshape(field.rows, field.dim)
    )


def thumb(id: str, version: int) -> bytes:
    return f"webp {id} {version} ".encode() * (1 + version % 3)


def entry(id: str, version: int, captioned: bool) -> Entry:
    vectors = {"image": vector(id, version, IMAGE), "caption": vector(id, version, CAPTION) if captioned else None}
    metadata = {"price": version * 0.5, "name": id}
    groups = {"product": str(version % 5)}
    return Entry(
        Item(id, (id,), {}, {}, groups),
        f"s{version}",
        f"c{version}",
        metadata,
        f"m{version}",
        thumb(id, version),
        vectors,
    )


def create(path: Path) -> None:
    with Store.create(path) as store, store.writer("create") as writer:
        writer.add_source("main", path.parent / "root", "files")
        writer.add_field(IMAGE)
        writer.add_field(CAPTION)


def operation(chosen: random.Random, model: Model, number: int) -> tuple:
    """The next thing to do, given what there is."""
    kind = chosen.choice(["commit"] * 5 + ["delete", "delete", "merge", "compact", "fill", "derived", "parcel"])
    if kind in ("commit", "parcel"):
        names = chosen.sample(range(60), chosen.randint(1, 9))
        return kind, [(f"{name:02d}.jpg", number, chosen.random() < 0.5) for name in names]
    if kind == "delete":
        return kind, [f"{name:02d}.jpg" for name in chosen.sample(range(60), 5)]
    if kind == "fill":
        bare = [id for id, (_, captioned) in sorted(model.items()) if not captioned]
        return kind, chosen.sample(bare, min(len(bare), 4))
    return kind, number


def expect(model: Model, wanted: tuple) -> Model:
    """The model after an operation."""
    kind, what = wanted
    after = dict(model)
    if kind in ("commit", "parcel"):
        after.update({id: (version, captioned) for id, version, captioned in what})
    elif kind == "delete":
        for id in what:
            after.pop(id, None)
    elif kind == "fill":
        after.update({id: (model[id][0], True) for id in what})
    return after


def perform(store: Store, writer, wanted: tuple) -> None:
    """The same on the collection."""
    kind, what = wanted
    source = store.snapshot().sources["main"]
    if kind == "commit":
        writer.commit(source, [entry(*each) for each in what])
    elif kind == "parcel":
        fields = store.snapshot().fields
        write_parcel(store.path / "incoming", fields, source, [entry(*each) for each in what])
        writer.adopt_incoming()
    elif kind == "delete":
        writer.delete(what)
    elif kind == "merge":
        writer.merge()
    elif kind == "compact":
        writer.compact()
    elif kind == "derived":
        content = f"index {what} ".encode() * 1000
        writer.write_derived("index", lambda path: path.write_bytes(content) and None, {"number": what})
    elif kind == "fill":
        snapshot = store.snapshot()
        positions = snapshot.positions(what)
        versions = [int(stamp[1:]) for _, stamp, *_ in snapshot.stamps(positions)]
        rows = zip(positions, what, versions, strict=True)
        writer.fill("caption", [(position, vector(id, version, CAPTION)) for position, id, version in rows])


def read(store: Store) -> Model:
    """The model that a collection holds, every part of every item looked at."""
    snapshot = store.snapshot()
    live = snapshot.live_positions()
    ids = snapshot.ids(live)
    assert len(ids) == len(set(ids)) == snapshot.count
    assert (snapshot.positions(ids) == live).all()
    image, caption = snapshot.vectors("image", live), snapshot.vectors("caption", live)
    captioned = snapshot.present("caption")[live]
    assert snapshot.present("image")[live].all()
    found: Model = {}
    cells, stamps = snapshot.metadata(live), snapshot.stamps(live)
    for row, (position, id) in enumerate(zip(live, ids, strict=True)):
        version = int(stamps[row][1][1:])
        assert stamps[row] == (id, f"s{version}", f"c{version}", f"m{version}")
        assert cells[row] == {"price": version * 0.5, "name": id, "product": str(version % 5)}
        assert (image[row] == vector(id, version, IMAGE)).all(), id
        shown = vector(id, version, CAPTION) if captioned[row] else np.zeros((2, 8), np.float32)
        assert (caption[row] == shown).all(), id
        assert snapshot.thumbnail(position) == thumb(id, version)
        found[id] = version, bool(captioned[row])
    derived = snapshot.derived("index")
    if derived is not None:
        path, meta = derived
        assert path.read_bytes() == f"index {meta['number']} ".encode() * 1000
    for value in "01234":
        members = snapshot.members("product", value) if "product" in snapshot.columns else []
        assert snapshot.ids(members) == [id for id in ids if found[id][0] % 5 == int(value)]
    return found


def check(path: Path, allowed: list[Model]) -> Model:
    """Open, read and verify a collection after a fault, then let a writer clean it, and read it again."""
    with Store.open(path) as store:
        found = read(store)
        assert found in allowed, f"not one of the states that were acknowledged: {sorted(found.items())}"
        assert list(store.verify()) == []
        with store.writer("recovery") as writer:
            writer.adopt_incoming()
        again = read(store)
        assert again in allowed
        assert list(store.verify()) == []
        with store.writer("cleaning"):
            pass
        snapshot = store.snapshot()
        used = {each.path.name for name in snapshot.fields for each in snapshot.segments(name)}
        used |= {each.name for each in (path / "segments").glob("*.thumbs")}
        assert {each.name for each in (path / "segments").iterdir()} == used
        assert not list((path / "incoming").glob("*.parcel"))
    return again
