"""Saved sessions: resuming equals going on, other collections are refused, hostile files are refused with a reason."""

from __future__ import annotations

import base64
import json
import os
import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

import fieldglass
from coloured import collection, folder, ids, plugged, same  # noqa: F401
from fieldglass.errors import CollectionError, FieldglassError, FingerprintError, FormatError, UsageError
from fieldglass.session import Session
from fieldglass.session.transcript import said
from fieldglass.types import Query


@pytest.fixture
def session(collection, folder, tmp_path):
    """Every kind of turn: words, a file, bytes, pixels, marks, a filter, a place, an answer, one undone."""
    shutil.copy(folder / "green0.png", tmp_path / "green.png")
    made = Session(collection, updater="rocchio", options={"beta": 0.5}, k=6, exclude=["red5.png"])
    made.start(text="red", image=tmp_path / "green.png", where="width > 1")
    made.refine(like=2, not_like="blue1.png")
    made.refine(image=(folder / "dark3.png").read_bytes(), not_text="bright")
    made.refine(image=np.asarray(Image.open(folder / "blue2.png")), place=(48.2, 16.4))
    made.answer("dark", "which light?")
    made.refine(text="green")
    made.undo()
    return made


def test_resuming_is_going_on(session, collection, tmp_path):
    session.save(tmp_path / "s.json")
    again = Session.resume(tmp_path / "s.json", collection)
    same(again.result, session.result)
    assert [said(turn) for turn in again.turns] == [said(turn) for turn in session.turns]
    assert [turn.shown for turn in again.turns[:-1]] == [turn.shown for turn in session.turns[:-1]]
    same(again.redo(), session.redo())
    for step in ({"text": "blue"}, {"like": 3}, {"where": ""}):
        same(again.refine(**step), session.refine(**step))
    while session.undo() is not None:
        again.undo()
        same(again.result, session.result)


def test_saving_twice_writes_the_same_bytes(session, collection, tmp_path):
    session.save(tmp_path / "a.json")
    Session.resume(tmp_path / "a.json", collection).save(tmp_path / "b.json")
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".tmp"]


def test_a_folder_may_move_with_its_pictures(session, collection, tmp_path):
    session.save(tmp_path / "s.json")
    assert str(tmp_path) not in (tmp_path / "s.json").read_text()
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for name in ("s.json", "green.png"):
        shutil.move(tmp_path / name, moved / name)
    same(Session.resume(moved / "s.json", collection).result, session.result)


@pytest.mark.parametrize("change", ["gone", "other"])
def test_a_lost_picture_is_left_out_named_and_kept_in_the_file(session, collection, tmp_path, folder, change):
    session.save(tmp_path / "s.json")
    (tmp_path / "green.png").unlink()
    if change == "other":
        shutil.copy(folder / "red0.png", tmp_path / "green.png")
    again = Session.resume(tmp_path / "s.json", collection)
    why = "not there any more" if change == "gone" else "changed since"
    assert any("'green.png' is left out" in note and why in note for note in again.result.notes)
    again.save(tmp_path / "t.json")
    assert json.loads((tmp_path / "t.json").read_text())["turns"][0]["images"][0]["path"] == "green.png"


def test_where_nothing_asked_is_left_the_turns_are(collection, tmp_path, folder):
    shutil.copy(folder / "green0.png", tmp_path / "green.png")
    session = Session(collection)
    session.start(image=tmp_path / "green.png")
    session.save(tmp_path / "s.json")
    (tmp_path / "green.png").unlink()
    again = Session.resume(tmp_path / "s.json", collection)
    assert again.result is None and len(again.turns) == 1
    assert ids(again.refine(text="red")) == ids(collection.search(text="red"))


def test_only_its_own_collection_and_encoder(session, collection, folder, tmp_path):
    session.save(tmp_path / "s.json")
    with fieldglass.create(tmp_path / "other", encoder="tiny") as other:
        other.index(folder)
        with pytest.raises(CollectionError, match="another collection"):
            Session.resume(tmp_path / "s.json", other)
    content = json.loads((tmp_path / "s.json").read_text())
    content["collection"]["fingerprint"] = "tiny-9"
    (tmp_path / "t.json").write_text(json.dumps(content))
    with pytest.raises(FingerprintError, match="tiny-9"):
        Session.resume(tmp_path / "t.json", collection)
    shutil.copytree(collection.path, tmp_path / "copy")
    with fieldglass.open(tmp_path / "copy") as copy:
        same(Session.resume(tmp_path / "s.json", copy).result, session.result)


def test_what_is_no_session_is_not_overwritten(session, tmp_path):
    (tmp_path / "photo.jpg").write_bytes(b"a picture")
    with pytest.raises(UsageError, match="is no session"):
        session.save(tmp_path / "photo.jpg")
    with pytest.raises(UsageError, match="is a folder"):
        session.save(tmp_path)
    assert (tmp_path / "photo.jpg").read_bytes() == b"a picture"
    session.save(tmp_path / "s.json")
    session.save(tmp_path / "s.json")


def test_what_cannot_be_written_is_refused(collection, tmp_path):
    class Everything:
        def bitmap(self, gallery):
            return np.ones(gallery.size, dtype=bool)

    session = Session(collection)
    session.start(text="red", where=Everything())
    with pytest.raises(UsageError, match="filter object Everything"):
        session.save(tmp_path / "s.json")
    assert not (tmp_path / "s.json").exists() and not list(tmp_path.iterdir())


def test_addresses_and_weights_are_neither_written_nor_read(collection, tmp_path, monkeypatch):
    monkeypatch.delenv("FIELDGLASS_LLM_URL", raising=False)
    session = Session(collection, updater="plugir", options={"llm_url": "http://127.0.0.1:9/v1", "llm_model": "m"})
    session.start(text="red")
    session.save(tmp_path / "s.json")
    text = (tmp_path / "s.json").read_text()
    assert "127.0.0.1" not in text and "llm" not in text
    for options in ({"llm_url": "http://evil/v1"}, {"base_settings": "llm_url=http://evil"}, {"weights": "/x.pt"}):
        content = json.loads(text)
        content["updater"]["options"] = options
        (tmp_path / "t.json").write_text(json.dumps(content))
        with pytest.raises(UsageError, match="not taken from a file"):
            Session.resume(tmp_path / "t.json", collection)


def changed(content, path, value):
    *way, last = path
    place = content
    for key in way:
        place = place[key]
    place[last] = value
    return content


HOSTILE = [
    (("turns",), {}),
    (("turns",), [[]]),
    (("turns", 0, "texts", 0, "text"), 7),
    (("turns", 0, "texts", 0, "text"), "x" * 200_000),
    (("turns", 0, "texts", 0, "weight"), "heavy"),
    (("turns", 0, "texts", 0, "weight"), True),
    (("turns", 0, "texts", 0, "role"), "boss"),
    (("turns", 0, "images", 0, "role"), None),
    (("turns", 0, "images", 0), {"role": "reference", "weight": 1.0}),
    (("turns", 0, "images", 0), []),
    (("turns", 0, "where"), 5),
    (("turns", 0, "place"), [1]),
    (("turns", 0, "place"), ["a", "b"]),
    (("turns", 0, "shown"), [["a.png"]]),
    (("turns", 0, "question"), None),
    (("k",), 0),
    (("k",), True),
    (("hide_rejected",), "yes"),
    (("exclude",), [1]),
    (("collection",), None),
    (("updater", "name"), 3),
    (("updater", "name"), "weicom"),
    (("updater", "name"), "no such"),
    (("updater", "options"), {"beta": [1]}),
    (("updater", "options"), {"alpha": "much"}),
    (("version",), "1"),
    (("format",), "something"),
    (("turns", 0, "where"), "load_extension('x')"),
    (("turns", 0, "where"), "1; DROP TABLE item"),
]


@pytest.mark.parametrize(("path", "value"), HOSTILE, ids=str)
def test_hostile_files_are_refused_with_a_reason(session, collection, tmp_path, path, value):
    session.save(tmp_path / "s.json")
    content = changed(json.loads((tmp_path / "s.json").read_text()), path, value)
    content["turns"] = content["turns"][:1] if isinstance(content["turns"], list) else content["turns"]
    (tmp_path / "s.json").write_text(json.dumps(content))
    with pytest.raises(UsageError) as caught:
        Session.resume(tmp_path / "s.json", collection)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("text", ["", "[]", "7", "{", "NaN", '{"format": "fieldglass-session"}', "[" * 100_000, "\xff"])
def test_what_is_no_session_is_told(collection, tmp_path, text):
    (tmp_path / "s.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError):
        Session.resume(tmp_path / "s.json", collection)
    with pytest.raises(UsageError, match="no session"):
        Session.resume(tmp_path / "nowhere.json", collection)


def test_a_newer_file_is_told(session, collection, tmp_path):
    session.save(tmp_path / "s.json")
    content = changed(json.loads((tmp_path / "s.json").read_text()), ("version",), 2)
    (tmp_path / "s.json").write_text(json.dumps(content))
    with pytest.raises(FormatError, match="newer"):
        Session.resume(tmp_path / "s.json", collection)


def bomb():
    import struct
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "row",
    [
        {"path": "../../../../../../etc/passwd", "sha256": "0" * 64},
        {"path": "\\\\evil\\share\\a.png", "sha256": "0" * 64},
        {"path": "//evil/share/a.png", "sha256": "0" * 64},
        {"path": "http://evil/a.png", "sha256": "0" * 64},
        {"path": "a\0b", "sha256": "0" * 64},
        {"file": "no base64!"},
        {"file": base64.b64encode(b"no picture").decode()},
        {"pixels": base64.b64encode(b"no picture").decode()},
        {"pixels": base64.b64encode(bomb()).decode()},
        {"file": base64.b64encode(bomb()).decode()},
    ],
    ids=lambda row: next(iter(row.items()))[1][:30],
)
def test_hostile_pictures_are_lost_and_nothing_else(session, collection, tmp_path, row):
    session.save(tmp_path / "s.json")
    content = json.loads((tmp_path / "s.json").read_text())
    content["turns"][0]["images"][0] = {"name": "evil", "role": "reference", "weight": 1.0, **row}
    (tmp_path / "s.json").write_text(json.dumps(content))
    found = Session.resume(tmp_path / "s.json", collection)
    assert any("'evil' is left out" in note for note in found.result.notes) and len(found.hits) == 6


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_value_anywhere_is_read_or_refused_but_never_breaks(session, collection, tmp_path, data):
    if not (tmp_path / "s.json").exists():
        session.save(tmp_path / "s.json")
    content = json.loads((tmp_path / "s.json").read_text())
    path, place = [], content
    while isinstance(place, (dict, list)) and place and (not path or data.draw(st.booleans())):
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else list(range(len(place)))))
        path.append(key)
        place = place[key]
    (tmp_path / "t.json").write_text(json.dumps(changed(content, path, data.draw(JSON))))
    try:
        found = Session.resume(tmp_path / "t.json", collection)
    except FieldglassError:
        return
    assert found.result is None or len(found.hits) <= found.k


def test_transcripts_tell_what_was_said_and_shown(session, collection):
    text = session.transcript()
    assert "Turn 2: more like" in text and "blue1.png" in text and "which light? dark" in text
    page = session.transcript("html")
    assert page.count("<section") == 5 and page.count("data:image") > 20 and "<script" not in page
    content = json.loads(session.transcript("json"))
    assert [len(turn["hits"]) for turn in content["turns"]] == [6] * 5
    assert content["turns"][4]["question"] == "which light?"
    with pytest.raises(UsageError, match="markdown, html or json"):
        session.transcript("pdf")


def test_hostile_words_stay_words_in_a_transcript(collection):
    session = Session(collection, k=2)
    session.start(text="# red <script>alert(1)</script> [x](http://evil)\n# heading")
    assert "<script" not in session.transcript("html")
    lines = session.transcript().splitlines()
    assert not any(line.startswith("# heading") for line in lines) and r"\[x\](http" in session.transcript()


def test_a_read_only_place_is_told(session, tmp_path):
    if os.name == "nt" or os.geteuid() == 0:
        pytest.skip("root writes everywhere")
    tmp_path.chmod(0o500)
    with pytest.raises(OSError, match="denied"):
        session.save(tmp_path / "s.json")
    tmp_path.chmod(0o700)


def test_a_group_is_excluded_by_pictures_of_earlier_turns_too(collection):
    history = (Query(images=collection.ask(like="red1.png").query.images),)
    query = collection.ask(text="red", history=history, exclude_group="no such").query
    with pytest.raises(UsageError, match="no group"):
        collection.engine.search([query], composer="decayed")
