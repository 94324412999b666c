"""Countries by polygon, places by the nearest of the same country; in commands and as columns of any collection."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from fieldglass.errors import UsageError
from fieldglass.ingest import ingest
from fieldglass.store import Store
from fieldglass.testing import TinyEncoder
from fieldglass.types import Item
from fieldglass_geo.cli import geo
from fieldglass_geo.columns import columns
from fieldglass_geo.reverse import country_area, country_code, reverse
from fieldglass_geo.reverse.countries import countries
from fieldglass_geo.reverse.gazetteer import gazetteer
from geo.pictures import COPENHAGEN, block, photo

KNOWN = {  # (lat, lon): country, admin1, place
    (64.1466, -21.9426): ("IS", "Capital Region", "Reykjavík"),
    COPENHAGEN: ("DK", "Capital Region", "Copenhagen"),
    (-33.9221, 18.4231): ("ZA", "Western Cape", "Cape Town"),
    (43.7396, 7.4263): ("MC", None, None),
    (42.6629, 21.1655): ("XK", None, None),
    (46.2044, 6.1432): ("CH", "Geneva", "Genève"),
    (22.2800, 114.1588): ("HK", None, None),
    (4.9224, -52.3135): ("GF", None, "Cayenne"),  # part of France on the map, with a code of its own
    (78.2232, 15.6267): ("SJ", None, "Longyearbyen"),
    (34.0086, -118.4990): ("US", "California", "Santa Monica"),  # on the pier, off the outline
    (51.4405, 4.9290): ("NL", "North Brabant", "Baarle-Nassau"),
    (0.0, -30.0): (None, None, None),
    (90.0, 0.0): (None, None, None),
    (-90.0, 77.0): ("AQ", None, None),
}


@pytest.mark.parametrize(("point", "expected"), KNOWN.items(), ids=str)
def test_known_points(point, expected):
    found = reverse([point[0]], [point[1]])[0]
    country, admin1, place = expected
    assert found.country == country
    assert admin1 is None or found.admin1 == admin1
    assert place is None or found.place == place
    if country is None:
        assert (found.country_name, found.place) == (None, None)


def test_both_sides_of_the_antimeridian():
    found = reverse([66.5, 66.5, 66.5, 66.5, -16.8, -16.8], [180.0, -180.0, 540.0, 179.9, 179.99, -179.99])
    assert [each.country for each in found] == ["RU", "RU", "RU", "RU", "FJ", "FJ"]


def test_one_by_one_is_as_all_at_once():
    random = np.random.default_rng(0)
    lat, lon = np.degrees(np.arcsin(random.uniform(-1, 1, 200))), random.uniform(-180, 180, 200)
    assert [reverse([a], [b])[0] for a, b in zip(lat, lon, strict=True)] == reverse(lat, lon)
    assert reverse([], []) == []


def test_most_places_lie_in_their_own_country():
    places = gazetteer()
    rows = np.random.default_rng(1).choice(len(places.lat), 3000, replace=False)
    found = reverse(places.lat[rows], places.lon[rows])
    agree = np.mean([each.country == code for each, code in zip(found, places.code[rows], strict=True)])
    assert agree > 0.98
    near = [each.place_km for each in found if each.place_km is not None]
    assert np.median(near) == 0.0


def test_a_place_across_the_border_gives_no_name():
    """Konstanz is German and joined to Swiss Kreuzlingen: each side gets names of its own."""
    found = reverse([47.6850, 47.6515], [9.1700, 9.1700])
    assert [each.country for each in found] == ["DE", "CH"]
    assert (found[0].admin1, found[1].place) == ("Baden-Wurttemberg", "Kreuzlingen")
    places = gazetteer()
    near = np.flatnonzero((np.abs(places.lat - 46.2) < 0.5) & (np.abs(places.lon - 6.1) < 0.5))
    codes: dict[str, set[str]] = {}
    for row in near:
        codes.setdefault(places.name[row], set()).add(str(places.code[row]))
    moved = reverse(places.lat[near] + 0.01, places.lon[near] + 0.01)  # a kilometre off: many cross the border
    assert {each.country for each in moved} == {"CH", "FR"}
    assert all(each.country in codes[each.place] for each in moved if each.place in codes)


@pytest.mark.parametrize(
    ("lat", "lon"), [([91.0], [0.0]), ([float("nan")], [0.0]), ([0.0], [float("inf")]), ([0.0], []), ([[0.0]], [[0.0]])]
)
def test_what_is_no_place_is_refused(lat, lon):
    with pytest.raises(UsageError):
        reverse(lat, lon)


@pytest.mark.parametrize("name", ["IS", "is", "Iceland", " iceland "])
def test_a_country_by_code_or_name(name):
    assert country_code(name) == "IS"


def test_an_unknown_country_names_the_near_ones():
    with pytest.raises(UsageError, match="IS"):
        country_code("Icelnd")
    with pytest.raises(UsageError, match="ISO"):
        country_code("Q")


@pytest.mark.parametrize("code", ["NZ", "RU", "FJ", "IS", "AQ", "US"])
def test_the_area_of_a_country_is_what_it_holds(code):
    random = np.random.default_rng(2)
    lat, lon = np.degrees(np.arcsin(random.uniform(-1, 1, 4000))), random.uniform(-180, 180, 4000)
    known = countries()
    number = list(known.codes).index(code)
    from shapely import intersects_xy, prepare

    area = country_area(code)
    prepare(area.geometry)
    inside = intersects_xy(area.geometry, lon, lat)
    of = known.of(lat, lon)
    assert (of[inside] == number).all()
    assert (of == number).sum() - inside.sum() <= 0.01 * len(lat)  # the rest lies off the coast


def test_every_country_has_a_valid_outline():
    from shapely import is_empty, is_valid

    areas = [country_area(str(code)).geometry for code in countries().codes[::4]]
    assert len(areas) > 55
    assert all(is_valid(each) and not is_empty(each) for each in areas)


# As columns


def test_photos_and_bare_places_get_names(tmp_path):
    path = photo(tmp_path / "a.jpg", block(*COPENHAGEN))
    assert columns(Item("a.jpg", ("a.jpg",)), (path,), {})["country"] == "DK"
    bare = Item("p", (), {}, {"lat": 64.1466, "lon": -21.9426})
    assert columns(bare, (), {}) == {"country": "IS", "admin1": "Capital Region", "place": "Reykjavík"}
    assert columns(bare, (), {"names": "false"}) == {}
    own = Item("p", (), {}, {"lat": 64.1466, "lon": -21.9426, "country": "here"})
    assert columns(own, (), {}) == {}


@pytest.mark.parametrize(
    "metadata",
    [{}, {"lat": 95.0, "lon": 0.0}, {"lat": "a", "lon": "b"}, {"lat": float("nan"), "lon": 0.0}, {"lat": 1.0}],
)
def test_what_has_no_place_gets_no_names(metadata):
    assert columns(Item("p", (), {}, metadata), (), {}) == {}


def test_rounded_places_name_what_is_left(tmp_path):
    path = photo(tmp_path / "a.jpg", block(*COPENHAGEN))
    found = columns(Item("a.jpg", ("a.jpg",)), (path,), {"round_coords": "0"})
    assert (found["lat"], found["lon"], found["country"]) == (56.0, 13.0, "SE")


def test_a_collection_is_filtered_by_country(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    photo(folder / "a.jpg", block(*COPENHAGEN))
    photo(folder / "b.jpg", block(64.1466, -21.9426))
    photo(folder / "c.jpg")
    with Store.create(tmp_path / "c.collection") as store:
        ingest(store, folder, encoder=TinyEncoder())
        snapshot = store.snapshot()
        assert snapshot.ids(snapshot.select("country = 'IS'")) == ["b.jpg"]
        assert snapshot.ids(snapshot.select("place = 'Copenhagen'")) == ["a.jpg"]


# The command


def run(*arguments):
    return CliRunner().invoke(geo, ["reverse", *map(str, arguments)])


def test_points_of_the_command_line():
    done = run("--at", "64.1466,-21.9426", "--at", "0,-30")
    assert done.exit_code == 0, done.output
    lines = [line.split("\t") for line in done.stdout.splitlines()]
    assert lines[0][:5] == ["id", "lat", "lon", "country", "country_name"]
    assert lines[1][3:7] == ["IS", "Iceland", "Capital Region", "Reykjavík"]
    assert set(lines[2][3:]) == {""}


def test_a_table_and_photos(tmp_path):
    (tmp_path / "p.csv").write_text("id;lat;lon\nhome;64,1466;-21,9426\nbad;x;1\n", encoding="utf-8")
    photo(tmp_path / "a.jpg", block(*COPENHAGEN))
    photo(tmp_path / "b.jpg")
    done = run(tmp_path / "p.csv", tmp_path / "a.jpg", tmp_path / "b.jpg", "--json", "--level", "country",
               "--out", tmp_path / "o.csv")  # fmt: skip
    assert done.exit_code == 3
    found = json.loads(done.stdout)
    assert [(each["id"].rpartition("/")[2], each["country"]) for each in found] == [("home", "IS"), ("a.jpg", "DK")]
    assert "place" not in found[0]
    assert "p.csv:3" in done.stderr
    assert "b.jpg: It does not say" in done.stderr
    assert len((tmp_path / "o.csv").read_text(encoding="utf-8").splitlines()) == 3


def test_what_is_asked_wrongly(tmp_path):
    for arguments in ([], [tmp_path / "none.csv"], ["--at", "91,0"], ["--at", "a,b"]):
        assert run(*arguments).exit_code != 0
