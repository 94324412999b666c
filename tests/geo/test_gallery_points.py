"""Points of a gallery: as people write them, merged, thinned, and on a grid."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldglass.errors import UsageError
from fieldglass.spatial import Area, box
from fieldglass.spatial.globe import distance_km
from fieldglass_geo.gallery.coordinates import degrees
from fieldglass_geo.gallery.grid import grid
from fieldglass_geo.gallery.points import Points, merged, thinned, unit_vectors
from fieldglass_geo.lengths import kilometres
from fieldglass_geo.locating.spread import away_km


def points(*places, count=None):
    lat, lon = np.array(places, dtype=np.float64).reshape(-1, 2).T
    many = np.ones(len(lat), dtype=np.int64) if count is None else np.array(count, dtype=np.int64)
    return Points(lat, lon, many, tuple({"row": row} for row in range(len(lat))))


@pytest.mark.parametrize(
    ("text", "letters", "expected"),
    [
        (55.6761, "NS", 55.6761),
        ("55.6761", "NS", 55.6761),
        ("55,6761", "NS", 55.6761),
        ("55.6761° N", "NS", 55.6761),
        ("55.6761°S", "NS", -55.6761),
        ("S 33 52 7.7", "NS", -(33 + 52 / 60 + 7.7 / 3600)),
        ("55°40'34.2\" N", "NS", 55 + 40 / 60 + 34.2 / 3600),
        ("55º40′34″ n", "NS", 55 + 40 / 60 + 34 / 3600),
        ("12:34:06", "EW", 12 + 34 / 60 + 6 / 3600),
        ("171 53.671 E", "EW", 171 + 53.671 / 60),
        ("9,5 O", "EW", 9.5),
        ("−21.94", "EW", -21.94),
        ("-21.94 W", "EW", -21.94),
        ("+1e1", "EW", 10.0),
        ("350", "EW", 350.0),
    ],
)
def test_coordinates_as_people_write_them(text, letters, expected):
    assert degrees(text, letters) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "letters", "reason"),
    [
        ("", "NS", "empty"),
        (None, "NS", "empty"),
        ("  ", "EW", "empty"),
        (True, "NS", "no number"),
        ("nan", "NS", "no finite number"),
        (float("inf"), "NS", "no finite number"),
        ("north", "NS", "no coordinate"),
        ("91", "NS", "out of range"),
        ("6200000", "NS", "out of range"),
        ("55 61 0 N", "NS", "60 minutes"),
        ("55 E", "NS", "another letter"),
        ("N 55 N", "NS", "another letter"),
        ("-55 N", "NS", "a minus and the letter"),
    ],
)
def test_coordinates_that_are_none(text, letters, reason):
    with pytest.raises(ValueError, match=reason):
        degrees(text, letters)


def test_the_same_point_is_one_with_its_multiplicity():
    found = merged(points((1, 2), (3, 4), (1, 2), (1.00000001, 2), (90, 5), (90, -70)))
    assert found.lat.tolist() == [1, 3, 90]
    assert found.count.tolist() == [3, 1, 2]
    assert [each["row"] for each in found.cells] == [0, 1, 4]


@given(
    places=st.lists(st.tuples(st.integers(-900, 900), st.integers(-1800, 1799)), min_size=1, max_size=60),
    km=st.sampled_from([1.0, 150.0, 3000.0]),
)
@settings(max_examples=25, deadline=None)
def test_thinned_points_are_apart_and_cover_what_was_there(places, km):
    start = merged(points(*[(lat / 10, lon / 10) for lat, lon in places]))
    found = thinned(start, km)
    kept, every = unit_vectors(found.lat, found.lon), unit_vectors(start.lat, start.lon)
    for row in range(len(found)):
        others = np.delete(np.arange(len(found)), row)
        assert (away_km(kept[others], kept[row]) >= km * (1 - 1e-6)).all()
    for row in every:
        assert away_km(kept, row).min() < km
    assert found.count.sum() == start.count.sum() == len(places)


def test_thinning_goes_round_the_antimeridian_and_keeps_the_point_with_most_rows():
    found = thinned(points((0, 179.99), (0, -179.99), (10, 0), count=(1, 5, 1)), 10)
    assert found.lon.tolist() == [-179.99, 0]
    assert found.count.tolist() == [6, 1]


@pytest.mark.parametrize("latitude", [0, 45, 64, -85])
def test_a_grid_has_its_spacing_on_the_ground(latitude):
    found = grid(box(10, latitude, 14, latitude + 2), 10.0)
    row = found.lon[found.lat == found.lat[0]]
    across = distance_km(found.lat[0], row[0], np.full(len(row) - 1, found.lat[0]), row[1:])
    assert np.diff(across) == pytest.approx(10.0, rel=0.02)
    assert np.diff(np.unique(found.lat)) * 111.19508 == pytest.approx(10.0, rel=1e-6)
    assert len(found) == pytest.approx(222.39 / 10 * 4 * 111.195 * np.cos(np.radians(latitude + 1)) / 10, rel=0.1)


def test_a_grid_goes_over_the_antimeridian_and_the_pole_without_a_seam():
    across = grid(box(179, -1, -179, 1), 20.0)
    assert (across.lon > 178.9).any() and (across.lon < -178.9).any() and (np.abs(across.lon) >= 179).all()
    vectors = unit_vectors(across.lat, across.lon)
    nearest = [np.partition(away_km(vectors, each), 1)[1] for each in vectors]
    assert min(nearest) > 19.9
    cap = grid(box(-180, 85, 180, 90), 100.0)
    vectors = unit_vectors(cap.lat, cap.lon)
    assert min(np.partition(away_km(vectors, each), 1)[1] for each in vectors) > 80
    pole = np.array([0.0, 0.0, 1.0])
    assert away_km(vectors, pole).min() < 101


def test_grids_of_neighbouring_areas_fit_together():
    west, east = grid(box(0, 50, 1, 51), 5.0), grid(box(1.0001, 50, 2, 51), 5.0)
    whole = grid(box(0, 50, 2, 51), 5.0)
    together = {*zip(west.lat, west.lon, strict=True), *zip(east.lat, east.lon, strict=True)}
    assert together == set(zip(whole.lat, whole.lon, strict=True))


def test_a_grid_without_points_or_with_too_many_is_refused():
    with pytest.raises(UsageError, match="No point of a grid of 100 km"):
        grid(Area(shapely.box(0.1, 0.1, 0.11, 0.11)), 100.0)
    with pytest.raises(UsageError, match="gallery takes 5,000,000"):
        grid(box(-180, -90, 180, 90), 1.0)


@pytest.mark.parametrize(("text", "km"), [("50km", 50), ("800 m", 0.8), ("2.5", 2.5), ("1mi", 1.609344), (".5KM", 0.5)])
def test_lengths(text, km):
    assert kilometres(text, "--radius") == pytest.approx(km)


@pytest.mark.parametrize("text", ["", "km", "-3km", "0", "5 parsecs", "1e3"])
def test_what_is_no_length_is_refused(text):
    with pytest.raises(UsageError, match="--radius"):
        kilometres(text, "--radius")
