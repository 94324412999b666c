"""Faults of loaders, encoders, hooks and files: each costs its own item, and the ingest goes on."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from PIL import Image

import bad_images
import odd_loaders
import plugged
from fieldglass.errors import UsageError, WeightsMissingError
from fieldglass.ingest import ingest
from fieldglass.registry import registry
from fieldglass.store import Store
from odd_loaders import Counting, Picky
from tiny import TinyEncoder


@pytest.fixture(autouse=True)
def odd(tmp_path, monkeypatch):
    site = tmp_path / "site"
    plugged.install(site, "odd", odd_loaders.HOOKS)
    monkeypatch.syspath_prepend(str(site))
    registry.cache_clear()
    yield
    registry.cache_clear()


@pytest.fixture
def store(tmp_path):
    with Store.create(tmp_path / "x.collection") as made:
        yield made


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(8):
        (folder / f"p{number}.jpg").write_bytes(bad_images.encoded(bad_images.picture(80, 60, number), "JPEG"))
    return folder


def journal(store):
    return {row.subject: (row.code, row.message) for row in store.snapshot().journal()}


def test_an_exception_of_a_loader_is_a_problem_with_its_name(store, photos):
    (photos / "boom1.jpg").write_bytes(b"x")
    (photos / "boom2.jpg").write_bytes(b"x")
    report = ingest(store, photos, encoder=TinyEncoder(), loader="odd/boom")
    assert (report.new, report.problems) == (8, 2)
    code, message = journal(store)["boom1.jpg"]
    assert code == "loader-error"
    assert "odd/boom" in message
    assert "RuntimeError" in message
    assert ingest(store, photos, encoder=TinyEncoder(), loader="odd/boom").problems == 2


@pytest.mark.parametrize("name", ["odd/short", "odd/badpreview"])
def test_a_loader_that_breaks_its_promise_costs_its_items(store, photos, name):
    report = ingest(store, photos, encoder=TinyEncoder(), loader=name)
    assert (report.new, report.problems) == (0, 8)
    assert {code for code, _ in journal(store).values()} == {"loader-error"}


def test_a_scan_that_breaks_keeps_what_it_found_and_prunes_nothing(store, photos):
    ingest(store, photos, encoder=TinyEncoder(), loader="files", name="photos")
    with Store.create(store.path.with_name("y.collection")) as other:
        report = ingest(other, photos, encoder=TinyEncoder(), loader="odd/badscan", prune=True)
        assert (report.new, report.problems, report.gone) == (2, 1, 0)
        assert "lost the way" in report.notes[0]


def test_a_file_that_changes_while_it_is_read_is_tried_again(store, photos):
    data = (photos / "p0.jpg").read_bytes()
    (photos / "moving.jpg").write_bytes(data)
    report = ingest(store, photos, encoder=TinyEncoder(), loader="odd/changing")
    assert (report.new, report.problems) == (8, 1)
    assert journal(store)["moving.jpg"][0] == "file-changed"
    (photos / "moving.jpg").rename(photos / "still.jpg")
    report = ingest(store, photos, encoder=TinyEncoder(), loader="odd/changing", prune=True)
    assert (report.new, report.problems) == (1, 0)
    assert journal(store) == {}


def test_one_bad_item_does_not_cost_its_batch(store, photos):
    Image.new("RGB", (40, 30), (0, 0, 0)).save(photos / "black.png")
    Image.new("RGB", (40, 30), (255, 255, 255)).save(photos / "white.png")
    report = ingest(store, photos, encoder=Picky())
    assert (report.new, report.problems) == (8, 2)
    found = journal(store)
    assert found["black.png"][0] == found["white.png"][0] == "encoder-error"
    assert "too dark" in found["black.png"][1]
    snapshot = store.snapshot()
    assert np.isfinite(snapshot.vectors("image", snapshot.live_positions())).all()


def test_an_encoder_that_refuses_everything_is_an_error(store, photos):
    class Volumes(TinyEncoder):
        def prepare(self, sample):
            raise UsageError("this one takes volumes, not an image.")

    with pytest.raises(UsageError, match="takes volumes"):
        ingest(store, photos, encoder=Volumes())
    assert store.snapshot().count == 0


def test_missing_weights_end_the_ingest(store, photos):
    class Weightless(TinyEncoder):
        def images(self, batch):
            raise WeightsMissingError("No weights.", hint="fieldglass models pull tiny")

    with pytest.raises(WeightsMissingError, match="models pull"):
        ingest(store, photos, encoder=Weightless())
    assert journal(store) == {}


def test_an_encoder_that_dies_later_loses_nothing_committed(store, photos):
    class Dying(Counting):
        def images(self, batch):
            if self.encoded >= 6:
                raise WeightsMissingError("gone")
            return super().images(batch)

    with pytest.raises(WeightsMissingError):
        ingest(store, photos, encoder=Dying(), batch=2, workers=1)
    assert store.snapshot().count == 6
    assert ingest(store, photos, encoder=TinyEncoder()).new == 2


def test_out_of_memory_is_said_plainly(store, photos):
    class Hungry(Picky):
        def images(self, batch):
            if len(batch) > 1 or batch[0].content[3] > 0.99:
                raise MemoryError
            return TinyEncoder.images(self, batch)

    Image.new("RGB", (40, 30), (0, 0, 0)).save(photos / "black.png")
    report = ingest(store, photos, encoder=Hungry())
    assert (report.new, report.problems) == (8, 1)
    code, message = journal(store)["black.png"]
    assert code == "encoder-memory"
    assert "--batch" in message


def test_a_hook_that_fails_is_a_warning_and_the_item_is_taken(store, photos):
    (photos / "p0.jpg").rename(photos / "hookless.jpg")
    report = ingest(store, photos, encoder=TinyEncoder())
    assert (report.new, report.problems) == (8, 0)
    (row,) = store.snapshot().journal()
    assert (row.subject, row.code, row.severity) == ("hookless.jpg", "metadata-error", "warning")
    snapshot = store.snapshot()
    assert snapshot.metadata(snapshot.positions(["p1.jpg"]))[0]["letters"] == 6


def test_a_private_loader_leaves_no_path_behind(store, photos):
    (photos / "Jane Doe secretboom.jpg").write_bytes(b"x")
    (photos / "Jane Doe.jpg").write_bytes(b"not a picture")
    (photos / "Jane Doe good.jpg").write_bytes((photos / "p0.jpg").read_bytes())
    report = ingest(store, photos, encoder=TinyEncoder(), loader="odd/private")
    assert (report.new, report.problems) == (9, 2)
    store.close()
    for path in store.path.rglob("*"):
        if path.is_file():
            assert b"Jane" not in path.read_bytes(), path


def test_the_number_of_threads_is_as_before(store, photos):
    before = threading.active_count()
    ingest(store, photos, encoder=TinyEncoder())
    assert threading.active_count() == before
