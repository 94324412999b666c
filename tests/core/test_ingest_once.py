"""Items that have a picture in common: it is read and encoded once."""

from __future__ import annotations

import numpy as np

from bad_images import encoded, picture
from fieldglass.ingest import ingest
from fieldglass.store import Store
from odd_loaders import Counting


def test_a_picture_of_several_items_is_read_and_encoded_once(tmp_path):
    """The variants of a product have their pictures in common, in turns; each has its own columns."""
    for number in range(2):
        (tmp_path / f"p{number:02}.jpg").write_bytes(encoded(picture(80, 60, number), "JPEG"))
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    names = ["p00.jpg", "p01.jpg", "bad.jpg"] * 3
    rows = [f"a{number},{name},{number}" for number, name in enumerate(names)]
    (tmp_path / "shop.csv").write_text("\n".join(["id,image,price", *rows]))
    store, encoder = Store.create(tmp_path / "x.collection"), Counting()
    how = {"loader": "table", "loader_options": {"id_column": "id"}, "workers": 1}
    report = ingest(store, tmp_path / "shop.csv", encoder=encoder, **how)
    assert (report.new, report.problems) == (6, 3)
    assert encoder.encoded == 2 + 2  # the first four items are read before the batches begin
    snapshot = store.snapshot()
    at = snapshot.positions(["a0", "a3", "a6", "a1"])
    vectors = snapshot.vectors("image", at)
    assert np.array_equal(vectors[0], vectors[1]) and np.array_equal(vectors[0], vectors[2])
    assert not np.array_equal(vectors[0], vectors[3])
    assert [cells["price"] for cells in snapshot.metadata(at)] == [0, 3, 6, 1]
    assert len({snapshot.thumbnail(int(position)) for position in at}) == 2
