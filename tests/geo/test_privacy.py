"""What a collection keeps of places: all, rounded, or nothing; and no thumbnail carries EXIF."""

from __future__ import annotations

import shutil
import struct

import pytest
from click.testing import CliRunner

from fieldglass.cli import main
from fieldglass.errors import UnknownNameError, UsageError
from fieldglass.ingest import ingest, refresh
from fieldglass.ingest.hook_options import kept_options, parse_options
from fieldglass.store import Store
from fieldglass.testing import TinyEncoder
from fieldglass_geo.where_taken import find
from geo.pictures import COPENHAGEN, block, photo

BLOCK = block(*COPENHAGEN, _6=37.3, _31=5, _17=90)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source") / "holiday"
    folder.mkdir()
    photo(folder / "home.jpg", BLOCK)
    photo(folder / "nowhere.png")
    return folder


@pytest.fixture
def store(tmp_path):
    with Store.create(tmp_path / "c.collection") as opened:
        yield opened


def taken_in(store, folder, **options):
    report = ingest(store, folder, encoder=TinyEncoder(), metadata_options={"geo": options} if options else None)
    assert report.problems == 0
    return cells(store)


def cells(store):
    snapshot = store.snapshot()
    positions = snapshot.live_positions()
    return dict(zip(snapshot.ids(positions), snapshot.metadata(positions), strict=True))["home.jpg"]


def test_all_is_kept(store, source):
    found = taken_in(store, source)
    assert (found["lat"], found["lon"]) == pytest.approx(COPENHAGEN, abs=1e-6)
    assert (found["altitude"], found["gps_error_m"], found["heading"]) == (37.3, 5.0, 90.0)
    assert found["gps_source"] == "exif"
    assert found.get("gps_problem") is None


def test_coordinates_are_rounded(store, source):
    found = taken_in(store, source, round_coords="2")
    assert (found["lat"], found["lon"], found["altitude"]) == (55.68, 12.57, 40.0)


def test_nothing_is_kept(store, source):
    found = taken_in(store, source, drop_gps="true")
    assert not {"lat", "lon", "altitude", "heading", "gps_source", "country", "place"} & found.keys()


def test_the_catalogue_of_dropped_places_holds_no_coordinate(store, source, tmp_path):
    lat = struct.pack(">d", find(source / "home.jpg").position.lat)  # as SQLite writes a number
    other = Store.create(tmp_path / "open.collection")
    taken_in(other, source)
    other.close()
    taken_in(store, source, drop_gps="true")
    assert lat in b"".join(each.read_bytes() for each in (tmp_path / "open.collection").iterdir() if each.is_file())
    assert lat not in b"".join(each.read_bytes() for each in store.path.rglob("*") if each.is_file())


def test_later_runs_obey_what_is_kept(store, source, tmp_path):
    taken_in(store, source, round_coords="1")
    assert kept_options(store.snapshot()) == {"geo": {"round_coords": "1"}}
    more = tmp_path / "holiday"
    shutil.copytree(source, more)
    photo(more / "home.jpg", block(1.2345, 2.3456))
    other = Store.create(tmp_path / "d.collection")
    taken_in(other, more, round_coords="1")
    photo(more / "home.jpg", block(7.7777, 2.3456))
    assert taken_in(other, more)["lat"] == 7.8
    other.close()
    assert refresh(store) == 0
    assert cells(store)["lat"] == 55.7


def test_a_new_option_refreshes_what_is_there(store, source):
    assert taken_in(store, source)["lat"] == pytest.approx(COPENHAGEN[0], abs=1e-6)
    assert taken_in(store, source, round_coords="0")["lat"] == 56.0
    assert taken_in(store, source, drop_gps="true").get("lat") is None


@pytest.mark.parametrize(
    ("plugin", "option", "error"),
    [
        ("geo", {"drop_gp": "true"}, UsageError),
        ("geo", {"round_coords": "x"}, UsageError),
        ("geo", {"gpx": "/no/such.gpx"}, UsageError),
        ("geo", {"offset": "soon"}, UsageError),
        ("goe", {"drop_gps": "true"}, UnknownNameError),
    ],
)
def test_an_option_that_cannot_be_is_told_before_anything_is_read(store, source, plugin, option, error):
    with pytest.raises(error):
        ingest(store, source, encoder=TinyEncoder(), metadata_options={plugin: option})
    assert store.snapshot().count == 0
    assert kept_options(store.snapshot()) == {}


@pytest.mark.parametrize("text", ["geo", "geo.x", "x=1", ".x=1", "geo.=1"])
def test_an_option_of_another_form_is_refused(text):
    with pytest.raises(UsageError):
        parse_options([text])


def test_options_are_typed_as_their_names():
    assert parse_options(["geo.round-coords=3", "geo.gpx=a=b"]) == {"geo": {"round_coords": "3", "gpx": "a=b"}}


def test_no_thumbnail_carries_exif(store, source, tmp_path):
    taken_in(store, source)
    packed = [path.read_bytes() for path in tmp_path.rglob("*.thumbs")]
    assert packed
    for content in packed:
        assert b"WEBP" in content
        assert b"EXIF" not in content
        assert b"Exif" not in content
        assert b"Fieldglass" not in content  # the maker's name in the photos' blocks


def test_the_command_asks_the_core_for_it(source, tmp_path, monkeypatch):
    given = {}
    monkeypatch.setattr(
        "fieldglass.ingest.hook_options.parse_options", lambda texts: given.update(hooks=texts) or 1 / 0
    )
    track = tmp_path / "a.gpx"
    track.touch()
    arguments = ["--to", str(tmp_path / "c"), "--round-coords", "3", "--no-sidecars", "--gpx", str(track)]
    CliRunner().invoke(main, ["geo", "index", str(source), *arguments, "--metadata", "geo.trust=ref"])
    assert set(given["hooks"]) == {
        "geo.trust=ref", "geo.round_coords=3", "geo.sidecars=false", f"geo.gpx={track}",
    }  # fmt: skip
