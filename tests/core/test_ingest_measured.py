"""What a loader measures while it decodes: stored as columns, and kept until the content is read again."""

from __future__ import annotations

import pytest

import bad_images
import plugged
from fieldglass.ingest import adopt, ingest, refresh, work
from fieldglass.loaders.files import Files
from fieldglass.registry import registry
from fieldglass.store import Store
from fieldglass.store.exporting import export
from fieldglass.store.importing import import_
from fieldglass.types import Item
from odd_loaders import HOOKS, Measured
from tiny import TinyEncoder


@pytest.fixture(autouse=True)
def offered(tmp_path, monkeypatch):
    plugged.install(tmp_path / "site", "odd", HOOKS)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    registry.cache_clear()
    yield
    registry.cache_clear()


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(4):
        (folder / f"p{number}.png").write_bytes(bad_images.encoded(bad_images.picture(30, 20, number), "PNG"))
    return folder


@pytest.fixture
def store(tmp_path, photos):
    with Store.create(tmp_path / "x.collection") as made:
        index(made, photos)
        yield made


def index(store, photos, **options):
    return ingest(store, photos, encoder=TinyEncoder(), loader="odd/measured", **options)


def shades(store) -> dict[str, float | None]:
    snapshot = store.snapshot()
    positions = snapshot.live_positions()
    cells = snapshot.metadata(positions)
    return {id: each.get("shade") for id, each in zip(snapshot.ids(positions), cells, strict=True)}


def truth(photos) -> dict[str, float]:
    found = [each for each in Files().scan(photos) if isinstance(each, Item)]
    return {item.id: float(next(Files().read([item], photos)).content.mean()) for item in found}


def test_it_is_a_column_that_filters(store, photos):
    assert shades(store) == truth(photos)
    snapshot = store.snapshot()
    least = min(truth(photos).values())
    assert len(snapshot.select(f"shade > {least + 1e-9}")) == 3
    assert snapshot.columns["shade"].measured and not snapshot.columns["place"].measured


def test_new_metadata_leaves_it(store, photos, monkeypatch):
    monkeypatch.setattr(Measured, "place", "south")
    report = index(store, photos)
    assert (report.new, report.changed) == (0, 4)
    assert shades(store) == truth(photos)
    assert len(store.snapshot().select("place = 'south'")) == 4


def test_a_touched_file_and_a_refresh_leave_it(store, photos):
    (photos / "p0.png").touch()
    assert index(store, photos).unchanged == 4
    refresh(store)
    assert shades(store) == truth(photos)


def test_new_content_is_measured_anew(store, photos):
    (photos / "p0.png").write_bytes(bad_images.encoded(bad_images.picture(30, 20, 99), "PNG"))
    assert index(store, photos).changed == 1
    assert shades(store) == truth(photos)


def test_it_goes_where_the_content_is_no_longer_measured(store, photos, monkeypatch):
    monkeypatch.setattr(Measured, "read", Files.read)
    (photos / "p0.png").write_bytes(bad_images.encoded(bad_images.picture(30, 20, 99), "PNG"))
    index(store, photos)
    assert shades(store) == truth(photos) | {"p0.png": None}


def test_a_renamed_file_takes_it_along(store, photos):
    (photos / "p0.png").rename(photos / "q.png")
    encoder = TinyEncoder()
    encoder.images = None  # nothing is encoded
    ingest(store, photos, encoder=encoder, loader="odd/measured", prune=True)
    assert shades(store) == truth(photos)


def test_the_scan_may_tell_for_some_items(store, photos, monkeypatch):
    """A column that one item measures and another knows from its header."""
    monkeypatch.setattr(Measured, "shade", ("p1.png",))
    index(store, photos)
    assert shades(store) == truth(photos) | {"p1.png": 7.0}


def test_compaction_export_and_import_keep_it(store, photos, tmp_path):
    (photos / "p0.png").unlink()
    index(store, photos, prune=True)
    with store.writer("test") as writer:
        writer.compact()
    assert shades(store) == truth(photos)
    export(store, tmp_path / "out")
    with import_(tmp_path / "out", tmp_path / "y.collection") as other:
        assert shades(other) == truth(photos)
        assert other.snapshot().columns["shade"].measured


def test_a_worker_elsewhere_sends_it(store, photos):
    (photos / "p9.png").write_bytes(bad_images.encoded(bad_images.picture(30, 20, 9), "PNG"))
    new = [each for each in Measured().scan(photos) if each.id == "p9.png"]
    with Store.open(store.path) as elsewhere:
        work(elsewhere, "photos", new, encoder=TinyEncoder())
    assert adopt(store).new == 1
    assert shades(store) == truth(photos)
    assert store.snapshot().columns["shade"].measured
