"""Workers elsewhere write parcels; the owner commits them: the same as one ingest."""

from __future__ import annotations

import numpy as np
import pytest

import bad_images
from fieldglass.errors import FingerprintError, UnknownNameError
from fieldglass.ingest import adopt, field_of, ingest, work
from fieldglass.loaders.files import Files
from fieldglass.store import Store
from fieldglass.types import Item
from odd_loaders import Counting
from tiny import TinyEncoder


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(9):
        (folder / f"p{number}.jpg").write_bytes(bad_images.encoded(bad_images.picture(80, 60, number), "JPEG"))
    (folder / "bad.jpg").write_bytes(b"")
    return folder


@pytest.fixture
def store(tmp_path, photos):
    with Store.create(tmp_path / "x.collection") as made:
        with made.writer("test") as writer:
            writer.add_source("photos", photos, "files", {})
            writer.add_field(field_of("image", TinyEncoder(), "tiny", {}))
        yield made


def contents(store):
    snapshot = store.snapshot()
    positions = snapshot.live_positions()
    ids = snapshot.ids(positions)
    cells = snapshot.metadata(positions)
    thumbs = [snapshot.thumbnail(int(position)) for position in positions]
    vectors = snapshot.vectors("image", positions)
    return dict(zip(ids, zip(cells, thumbs, vectors.tolist(), strict=True), strict=True))


def test_two_workers_and_an_owner_equal_one_ingest(store, photos, tmp_path):
    items = [each for each in Files().scan(photos) if isinstance(each, Item)]
    for part in (items[:5], items[5:]):
        with Store.open(store.path) as elsewhere:
            work(elsewhere, "photos", part, encoder=TinyEncoder(), batch=2)
    assert store.snapshot().count == 0
    done = adopt(store)
    assert (done.new, done.problems) == (9, 1)
    assert list((store.path / "incoming").iterdir()) == []
    with Store.create(tmp_path / "y.collection") as other:
        ingest(other, photos, encoder=TinyEncoder())
        assert contents(other) == contents(store)
    encoder = Counting()
    report = ingest(store, photos, encoder=encoder)
    assert (report.new, report.unchanged, report.problems, encoder.encoded) == (0, 9, 1, 0)


def test_a_worker_may_see_the_source_elsewhere(store, photos, tmp_path):
    moved = tmp_path / "mounted"
    photos.rename(moved)
    items = [each for each in Files().scan(moved) if isinstance(each, Item)]
    work(store, "photos", items, encoder=TinyEncoder(), root=moved)
    assert adopt(store).new == 9


def test_a_worker_with_another_encoder_or_source_is_refused(store):
    with pytest.raises(FingerprintError, match="no field"):
        work(store, "photos", [], encoder=TinyEncoder(seed=3))
    with pytest.raises(UnknownNameError, match="no source"):
        work(store, "other", [], encoder=TinyEncoder())
    assert np.size(store.snapshot().live_positions()) == 0
