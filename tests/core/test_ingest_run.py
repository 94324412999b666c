"""Indexing a source: what is taken, what is journalled, what a second run does."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import closing
from itertools import pairwise

import numpy as np
import pytest

import bad_images
import odd_loaders
import plugged
from fieldglass.errors import FingerprintError, LoaderError, UsageError
from fieldglass.ingest import ingest
from fieldglass.registry import registry
from fieldglass.store import Store
from odd_loaders import Counting, opened_below


@pytest.fixture
def store(tmp_path):
    with Store.create(tmp_path / "x.collection") as made:
        yield made


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(12):
        (folder / f"p{number:02}.jpg").write_bytes(jpeg(number))
    return folder


@pytest.fixture
def odd(tmp_path, monkeypatch):
    site = tmp_path / "site"
    plugged.install(site, "odd", odd_loaders.HOOKS)
    monkeypatch.syspath_prepend(str(site))
    registry.cache_clear()
    yield
    registry.cache_clear()


def jpeg(seed: int) -> bytes:
    return bad_images.encoded(bad_images.picture(80, 60, seed), "JPEG", comment=f"{seed}".encode())


def counts(report) -> tuple[int, int, int, int, int]:
    return report.new, report.changed, report.unchanged, report.gone, report.problems


def journal(store) -> dict[str, str]:
    return {row.subject: row.code for row in store.snapshot().journal()}


def test_the_corrupted_corpus(store, tmp_path):
    bad_images.write(tmp_path / "bad")
    report = ingest(store, tmp_path / "bad", encoder=Counting(), batch=5)
    assert counts(report) == (len(bad_images.GOOD), 0, 0, 0, len(bad_images.BAD))
    assert journal(store) == bad_images.BAD
    snapshot = store.snapshot()
    assert sorted(snapshot.ids(snapshot.live_positions())) == sorted(bad_images.GOOD)
    assert np.allclose(np.linalg.norm(snapshot.vectors("image", snapshot.live_positions()), axis=2), 1)


def test_what_is_stored_of_an_item(store, photos):
    ingest(store, photos, encoder=Counting(), encoder_name="tiny", encoder_options={"seed": 0})
    snapshot = store.snapshot()
    (position,) = snapshot.positions(["p03.jpg"])
    assert snapshot.metadata([position]) == [
        {"folder": "", "name": "p03.jpg", "width": 80, "height": 60, "format": "JPEG"}
    ]
    thumb = snapshot.thumbnail(int(position))
    assert thumb[:4] == b"RIFF"
    assert b"EXIF" not in thumb
    field = snapshot.fields["image"]
    assert (field.encoder, dict(field.options), field.origin) == ("tiny", {"seed": 0}, "sample")
    alone = Counting()
    (source, item) = snapshot.items([position])[0]
    (sample,) = registry().create("loaders", source.loader, source.options).read([item], source.root)
    assert np.allclose(snapshot.vectors("image", [position])[0], alone.images([alone.prepare(sample)])[0], atol=1e-6)


def test_a_second_run_encodes_nothing_and_opens_nothing(store, photos, monkeypatch):
    (photos / "bad.jpg").write_bytes(b"")
    ingest(store, photos, encoder=Counting())
    encoder = Counting()
    opened = opened_below(photos, monkeypatch)
    report = ingest(store, photos, encoder=encoder)
    assert counts(report) == (0, 0, 12, 0, 1)
    assert encoder.encoded == 0
    assert opened == []


def test_changed_touched_renamed_and_gone_files(store, photos):
    ingest(store, photos, encoder=Counting())
    before = vectors(store)
    (photos / "p00.jpg").write_bytes(jpeg(50))
    os.utime(photos / "p01.jpg", ns=(1, 1))
    (photos / "p02.jpg").rename(photos / "z.jpg")
    (photos / "p03.jpg").unlink()
    encoder = Counting()
    report = ingest(store, photos, encoder=encoder)
    assert counts(report) == (1, 1, 9, 0, 0)
    assert encoder.encoded == 1
    report = ingest(store, photos, encoder=encoder, prune=True)
    assert counts(report) == (0, 0, 11, 2, 0)
    assert encoder.encoded == 1
    after = vectors(store)
    assert set(after) == set(before) - {"p02.jpg", "p03.jpg"} | {"z.jpg"}
    assert np.array_equal(after["z.jpg"], before["p02.jpg"])
    assert not np.array_equal(after["p00.jpg"], before["p00.jpg"])
    snapshot = store.snapshot()
    assert snapshot.metadata(snapshot.positions(["z.jpg"]))[0]["name"] == "z.jpg"
    assert snapshot.thumbnail(int(snapshot.positions(["z.jpg"])[0]))


def vectors(store):
    snapshot = store.snapshot()
    positions = snapshot.live_positions()
    return dict(zip(snapshot.ids(positions), snapshot.vectors("image", positions), strict=True))


def test_rehash_reads_all_and_encodes_what_differs(store, photos):
    ingest(store, photos, encoder=Counting())
    stat = os.stat(photos / "p05.jpg")
    data = bytearray(jpeg(5))
    data[-40] ^= 1
    (photos / "p05.jpg").write_bytes(data)
    os.utime(photos / "p05.jpg", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert ingest(store, photos, encoder=Counting()).unchanged == 12
    encoder = Counting()
    assert counts(ingest(store, photos, encoder=encoder, rehash=True)) == (0, 1, 11, 0, 0)
    assert encoder.encoded == 1


def test_a_repaired_file_leaves_the_journal(store, photos):
    (photos / "p00.jpg").write_bytes(jpeg(0)[:300])
    assert counts(ingest(store, photos, encoder=Counting())) == (11, 0, 0, 0, 1)
    (photos / "p00.jpg").write_bytes(jpeg(0))
    assert counts(ingest(store, photos, encoder=Counting())) == (1, 0, 11, 0, 0)
    assert journal(store) == {}


def test_a_good_file_that_turns_bad_keeps_its_vectors(store, photos):
    ingest(store, photos, encoder=Counting())
    (photos / "p00.jpg").write_bytes(jpeg(0)[:300])
    assert counts(ingest(store, photos, encoder=Counting())) == (0, 0, 11, 0, 1)
    assert counts(ingest(store, photos, encoder=Counting())) == (0, 0, 11, 0, 1)
    assert "p00.jpg" in vectors(store)


def test_a_bad_file_is_tried_again_under_other_options(store, photos):
    assert ingest(store, photos, encoder=Counting(), loader_options={"max_pixels": 100}).problems == 12
    assert ingest(store, photos, encoder=Counting()).new == 12
    assert journal(store) == {}


def test_a_new_price_does_not_encode_again(store, photos):
    table = photos / "shop.csv"
    table.write_text("image,price\n" + "".join(f"p{n:02}.jpg,{n}\n" for n in range(12)))
    ingest(store, table, encoder=Counting(), loader="table")
    table.write_text("image,price\n" + "".join(f"p{n:02}.jpg,{n + (n == 4)}\n" for n in range(12)))
    encoder = Counting()
    assert counts(ingest(store, table, encoder=encoder, loader="table")) == (0, 1, 11, 0, 0)
    assert encoder.encoded == 0
    snapshot = store.snapshot()
    assert snapshot.metadata(snapshot.positions(["p04.jpg"]))[0]["price"] == 5
    assert snapshot.metadata(snapshot.positions(["p04.jpg"]))[0]["width"] == 80


def test_catalogue_problems_are_journalled_with_their_line(store, photos):
    table = photos / "shop.csv"
    table.write_text("image,price\np00.jpg,1\n../x.jpg,2\nnone.jpg,3\n/etc/passwd,4\n")
    assert counts(ingest(store, table, encoder=Counting(), loader="table")) == (1, 0, 0, 0, 3)
    assert journal(store) == {
        "shop.csv:3": "path-outside", "shop.csv:4": "file-missing", "shop.csv:5": "path-outside",
    }  # fmt: skip


def test_a_row_that_is_put_right_leaves_the_journal(store, photos):
    table = photos / "shop.csv"
    table.write_text("path,sku\np00.jpg,a\nnone.jpg,b\n,c\n")
    how = {"encoder": Counting(), "loader": "table", "loader_options": {"id_column": "sku"}}
    assert counts(ingest(store, table, **how)) == (1, 0, 0, 0, 2)
    table.write_text("path,sku\np00.jpg,a\np01.jpg,b\n,c\n")
    assert counts(ingest(store, table, limit=1, **how)) == (0, 0, 1, 0, 0)
    assert journal(store) == {"shop.csv:3": "file-missing", "shop.csv:4": "table-path"}  # it has not seen them
    assert counts(ingest(store, table, **how)) == (1, 0, 1, 0, 1)
    assert journal(store) == {"shop.csv:4": "table-path"}


def test_limit_is_the_first_items_and_is_idempotent(store, photos):
    assert counts(ingest(store, photos, encoder=Counting(), limit=5)) == (5, 0, 0, 0, 0)
    assert counts(ingest(store, photos, encoder=Counting(), limit=5)) == (0, 0, 5, 0, 0)
    assert counts(ingest(store, photos, encoder=Counting())) == (7, 0, 5, 0, 0)


def test_options_that_cannot_be(store, photos, tmp_path):
    for wrong in ({"batch": 0}, {"workers": 0}, {"limit": 0}, {"limit": 3, "prune": True}):
        with pytest.raises(UsageError):
            ingest(store, photos, encoder=Counting(), **wrong)
    with pytest.raises(LoaderError, match="There is no folder"):
        ingest(store, tmp_path / "nowhere", encoder=Counting())
    ingest(store, photos, encoder=Counting())
    with pytest.raises(FingerprintError):
        ingest(store, photos, encoder=Counting(seed=1))


def test_an_unmounted_drive_is_not_pruned(store, photos):
    ingest(store, photos, encoder=Counting())
    for path in photos.iterdir():
        path.unlink()
    report = ingest(store, photos, encoder=Counting(), prune=True)
    assert report.gone == 0
    assert "drive" in report.notes[0]
    assert len(vectors(store)) == 12


def test_two_sources(store, photos, tmp_path):
    other = tmp_path / "more"
    other.mkdir()
    (other / "q.jpg").write_bytes(jpeg(70))
    (other / "bad.png").write_bytes(b"")
    ingest(store, photos, encoder=Counting())
    ingest(store, other, encoder=Counting())
    assert "more/q.jpg" in vectors(store)
    assert journal(store) == {"more/bad.png": "image-empty"}
    assert counts(ingest(store, other, encoder=Counting(), prune=True)) == (0, 0, 1, 0, 1)
    assert len(vectors(store)) == 13


def test_a_second_encoder_fills_its_field_beside_the_first(store, photos):
    ingest(store, photos, encoder=Counting())
    before = vectors(store)
    assert counts(ingest(store, photos, encoder=Counting(seed=1), field="second")) == (0, 12, 0, 0, 0)
    encoder = Counting(seed=1)
    assert counts(ingest(store, photos, encoder=encoder, field="second")) == (0, 0, 12, 0, 0)
    assert encoder.encoded == 0
    snapshot = store.snapshot()
    assert snapshot.present("second").sum() == snapshot.present("image").sum() == 12
    after = vectors(store)
    assert all(np.array_equal(after[id], before[id]) for id in before)


def test_tiles_of_a_file_are_read_together(store, photos, odd):
    odd_loaders.Tiles.opened = 0
    report = ingest(store, photos, encoder=Counting(), loader="odd/tiles", batch=8, workers=1)
    assert counts(report) == (48, 0, 0, 0, 0)
    assert odd_loaders.Tiles.opened <= 14
    found = vectors(store)
    assert not np.allclose(found["p00.jpg#tile=0,0"], found["p00.jpg#tile=0,1"])
    assert counts(ingest(store, photos, encoder=Counting(), loader="odd/tiles")) == (0, 0, 48, 0, 0)


def test_items_without_files(store, tmp_path, odd):
    folder = tmp_path / "places"
    folder.mkdir()
    (folder / "places.txt").write_text("lisbon 38.7 -9.1\noslo 59.9 10.7\n")
    assert counts(ingest(store, folder, encoder=Counting(), loader="odd/places")) == (2, 0, 0, 0, 0)
    (folder / "places.txt").write_text("lisbon 38.7 -9.2\noslo 59.9 10.7\n")
    assert counts(ingest(store, folder, encoder=Counting(), loader="odd/places")) == (0, 1, 1, 0, 0)


def test_progress_tells_how_far_it_is(store, photos):
    told = []
    ingest(store, photos, encoder=Counting(), progress=told.append)
    assert told[-1].done == told[-1].total == told[-1].committed == 12
    assert told[-1].eta_s in (0.0, None)
    assert all(a.done <= b.done for a, b in pairwise(told))


def test_stopping_commits_what_is_done_and_a_new_run_goes_on(store, photos, tmp_path):
    for number in range(12, 100):
        (photos / f"p{number}.jpg").write_bytes(jpeg(number))
    stop = threading.Event()

    class Stopping(Counting):
        def images(self, batch):
            if self.encoded > 30:
                stop.set()
            return super().images(batch)

    first = ingest(store, photos, encoder=Stopping(), batch=4, stop=stop)
    assert first.interrupted
    assert 0 < first.new < 100
    assert len(vectors(store)) == first.new
    rest = Counting()
    second = ingest(store, photos, encoder=rest, batch=4)
    assert (second.unchanged, second.new) == (first.new, 100 - first.new)
    assert rest.encoded == 100 - first.new
    with Store.create(tmp_path / "whole.collection") as whole:
        ingest(whole, photos, encoder=Counting())
        there, here = vectors(whole), vectors(store)
        assert there.keys() == here.keys()
        assert all(np.array_equal(there[id], here[id]) for id in there)


def test_ctrl_c_ends_like_a_stop(store, photos):
    class Slow(Counting):
        def images(self, batch):
            time.sleep(0.06)
            return super().images(batch)

    told = []

    def interrupt(progress):
        if progress.done >= 4 and not told:
            told.append(progress)
            raise KeyboardInterrupt

    report = ingest(store, photos, encoder=Slow(), batch=2, workers=1, progress=interrupt)
    assert report.interrupted
    assert 12 > len(vectors(store)) == report.new >= 4


def test_the_order_of_commits_is_that_of_the_scan(store, photos):
    for number in range(12, 100):
        (photos / f"p{number:02}.jpg").write_bytes(jpeg(number))
    ingest(store, photos, encoder=Counting(), workers=4, batch=3)
    snapshot = store.snapshot()
    ids = snapshot.ids(snapshot.live_positions())
    assert ids == sorted(ids)


def test_what_waits_for_the_encoder_is_bounded(store, photos):
    for number in range(12, 200):
        (photos / f"p{number:03}.jpg").write_bytes(jpeg(number))

    class Slow(Counting):
        def images(self, batch):
            time.sleep(0.01)
            return super().images(batch)

    encoder = Slow()
    ingest(store, photos, encoder=encoder, workers=2, batch=8)
    assert encoder.encoded == 200
    assert encoder.most <= 2 * 8


def test_other_batches_and_workers_give_the_same(store, photos, tmp_path):
    ingest(store, photos, encoder=Counting(), batch=1, workers=1)
    with Store.create(tmp_path / "y.collection") as other:
        ingest(other, photos, encoder=Counting(), batch=7, workers=3)
        a, b = vectors(store), vectors(other)
    assert all(np.array_equal(a[id], b[id]) for id in a)


def test_on_a_gpu_one_batch_is_encoded_at_a_time(store, photos):
    class OnGpu(Counting):
        device = "cuda:0"
        inside = most_inside = 0

        def images(self, batch):
            self.inside += 1
            self.most_inside = max(self.most_inside, self.inside)
            time.sleep(0.005)
            self.inside -= 1
            return super().images(batch)

    encoder = OnGpu()
    ingest(store, photos, encoder=encoder, batch=2)
    assert encoder.encoded == 12
    assert encoder.most_inside == 1


def test_no_reader_of_the_ingest_itself_keeps_the_log_from_shrinking(store, photos, monkeypatch):
    monkeypatch.setattr("fieldglass.ingest.run.COMMIT_ROWS", 4)
    left = []

    def look(progress):
        with closing(sqlite3.connect(store.path / "catalogue.sqlite")) as other:
            _, log, done = other.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if progress.committed:
            left.append(log - done)

    store.snapshot()  # what a search before it left open
    ingest(store, photos, encoder=Counting(), batch=4, progress=look)
    assert left
    assert set(left) == {0}
