"""Many filtered queries at once are scanned together, and answer as each does alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fieldglass.collection import Collection
from fieldglass.store import Field, Store
from fieldglass.types import Query, QueryImage, QueryText
from tiny import TinyEncoder


def test_filtered_queries_answer_as_they_do_alone(tmp_path):
    count, encoder = 600, TinyEncoder()
    vectors = np.random.default_rng(0).normal(size=(count, encoder.dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = [f"i{row}" for row in range(count)]
    store = Store.create(tmp_path / "c")
    with store.writer("test") as writer:
        writer.add_field(Field("image", "tiny", {}, encoder.fingerprint, encoder.dim))
        writer.append_bulk(writer.add_source("s", Path(tmp_path), "files", {}), ids, vectors)
        writer.put_metadata((name, {"kind": "abc"[row // 200], "odd": row % 2}) for row, name in enumerate(ids))
    words = ("red", "green", "blue", "dark", "bright")
    wheres = ("kind = 'a'", "kind = 'b'", "odd = 1", "kind = 'c' AND odd = 1", None)
    queries = [
        Query((QueryImage(f"i{row}"),), (QueryText(words[row % 5]),), where=wheres[row % len(wheres)], id=str(row))
        for row in range(40)
    ]
    with Collection(store, encoder=encoder) as collection:
        for composer in ("sum", "weicom"):
            engine = collection.engine
            together = list(engine.rank(queries, composer, k=7))
            alone = [next(iter(engine.rank([query], composer, k=7))) for query in queries]
            for one, other in zip(together, alone, strict=True):
                assert one.positions.tolist() == other.positions.tolist()
                assert np.allclose(one.scores, other.scores, rtol=1e-6)  # sentences are encoded together, too
