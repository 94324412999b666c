"""Sources that move: told from others, and mended after a mistake."""

from __future__ import annotations

import pytest

from fieldglass.errors import UsageError
from fieldglass.ingest import ingest
from odd_loaders import Counting
from test_ingest_run import counts, journal, jpeg, photos, store  # noqa: F401  fixtures


def test_a_folder_that_has_moved_is_not_taken_for_another(store, photos, tmp_path):
    ingest(store, photos, encoder=Counting())
    moved = photos.rename(tmp_path / "moved here")
    with pytest.raises(UsageError, match="no longer at") as raised:
        ingest(store, moved, encoder=Counting())
    assert f"photos '{moved}'" in raised.value.hint and "--name 'moved here'" in raised.value.hint
    assert list(store.snapshot().sources) == ["photos"]
    with store.writer("relocate") as writer:
        writer.relocate("photos", moved)
    assert counts(ingest(store, moved, encoder=Counting())) == (0, 0, 12, 0, 0)
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.jpg").write_bytes(jpeg(99))
    moved.rename(photos)  # as a drive that is not there
    assert counts(ingest(store, other, encoder=Counting(), name="other")) == (1, 0, 0, 0, 0)
    assert counts(ingest(store, other, encoder=Counting())) == (0, 0, 1, 0, 0)


def test_a_copy_that_was_taken_by_mistake_makes_room_for_the_source(store, photos, tmp_path):
    ingest(store, photos, encoder=Counting())
    moved = photos.rename(tmp_path / "moved")
    (moved / "bad.jpg").write_bytes(b"")
    ingest(store, moved, encoder=Counting(), name="again")
    with store.writer("mend") as writer:
        with pytest.raises(UsageError, match="overlaps"):
            writer.relocate("photos", moved)
        snapshot = store.snapshot()
        writer.delete(snapshot.ids(snapshot.select("source = 'again'")))
        writer.relocate("photos", moved)
    assert list(store.snapshot().sources) == ["photos"] and not journal(store)
    assert counts(ingest(store, moved, encoder=Counting())) == (0, 0, 12, 0, 1)
