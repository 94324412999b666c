"""Areas and radii against every item looked at one by one, at the antimeridian and the poles too."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

shapely = pytest.importorskip("shapely")

from fieldglass.errors import FilterError, UsageError  # noqa: E402
from fieldglass.spatial import Area, Near, box  # noqa: E402
from fieldglass.spatial.globe import azimuthal, distance_km, split  # noqa: E402
from fieldglass.testing.gallery import ArrayGallery  # noqa: E402


def gallery(*rows):
    return ArrayGallery([f"i{n}" for n in range(len(rows))], {}, rows)


def points(*places):
    return gallery(*({"lat": lat, "lon": lon} for lat, lon in places))


def hits(filter, gallery):
    return np.flatnonzero(filter.bitmap(gallery)).tolist()


def tile(west, south, east, north, footprint=None):
    bounds = {"west": west, "south": south, "east": east, "north": north}
    return bounds | ({"footprint": footprint} if footprint else {})


SOUTH_SEAS = [(0.0, 179.9), (0.0, -179.9), (0.0, 0.0), (0.0, 180.0), (0.0, -180.0), (11.0, 179.0)]


def test_a_box_across_the_antimeridian_holds_both_sides_and_not_the_middle():
    assert hits(box(170, -10, -170, 10), points(*SOUTH_SEAS)) == [0, 1, 3, 4]


def test_longitude_180_is_the_same_line_from_both_sides():
    assert hits(box(-180, -10, -170, 10), points(*SOUTH_SEAS)) == [1, 3, 4]
    assert hits(box(170, -10, 180, 10), points(*SOUTH_SEAS)) == [0, 3, 4]


def test_a_polygon_whose_vertices_jump_crosses_the_antimeridian():
    ring = shapely.Polygon([(179, -1), (-179, -1), (-179, 1), (179, 1)])
    assert hits(Area(ring), points(*SOUTH_SEAS)) == [0, 1, 3, 4]
    assert hits(Area(shapely.Polygon(ring.exterior.coords[::-1])), points(*SOUTH_SEAS)) == [0, 1, 3, 4]
    assert hits(Area(shapely.box(179, -1, 181, 1)), points(*SOUTH_SEAS)) == [0, 1, 3, 4]
    assert split(ring).geom_type == "MultiPolygon"


def test_a_polygon_around_a_pole_holds_the_pole():
    ring = [(lon, 80) for lon in range(-180, 180, 30)]
    places = points((90.0, 13.0), (85.0, 100.0), (85.0, -179.0), (79.0, 0.0), (-90.0, 0.0))
    assert hits(Area(shapely.Polygon(ring)), places) == [0, 1, 2]
    south = Area(shapely.Polygon([(lon, -80) for lon in range(-180, 180, 30)]))
    assert hits(south, places) == [4]
    assert hits(box(0, 80, 10, 90), places) == [0]


def test_a_hole_is_not_inside_even_where_it_lies_across_the_antimeridian():
    holed = shapely.Polygon(
        [(170, -10), (-170, -10), (-170, 10), (170, 10)], [[(179, -1), (-179, -1), (-179, 1), (179, 1)]]
    )
    assert hits(Area(holed), points((0.0, 179.9), (0.0, -179.9), (5.0, 179.9), (5.0, -175.0))) == [2, 3]


def test_a_footprint_counts_and_not_its_bounds():
    triangle = "POLYGON ((0 0, 10 0, 0 10, 0 0))"
    items = gallery(tile(0, 0, 10, 10, triangle), tile(0, 0, 10, 10), tile(0, 0, 10, 10, "POLYGON ((oops"))
    assert hits(box(8, 8, 9, 9), items) == [1, 2]
    assert hits(box(1, 1, 2, 2), items) == [0, 1, 2]
    assert hits(Near(9, 9, 100), items) == [1, 2]


def test_a_footprint_across_the_antimeridian_is_found_from_both_sides():
    parts = "MULTIPOLYGON (((179 0, 180 0, 180 1, 179 1, 179 0)), ((-180 0, -179 0, -179 1, -180 1, -180 0)))"
    items = gallery(tile(179, 0, -179, 1, parts), tile(179, 0, -179, 1), tile(0, 0, 1, 1))
    for area in (box(178, 0, 179.5, 1), box(-179.5, 0, -178, 1), box(179, 0, -179, 1), Near(0.5, 180, 5)):
        assert hits(area, items) == [0, 1], str(area)
    assert hits(box(0, 0, 90, 1), items) == [2]


def test_a_radius_reaches_over_the_pole_and_the_antimeridian():
    places = points((89.5, 0.0), (89.5, 180.0), (0.0, 179.9), (0.0, -179.9), (88.0, 0.0))
    assert hits(Near(89.8, 180, 100), places) == [0, 1]
    assert hits(Near(0, 179.9, 22.3), places) == [2, 3]
    assert hits(Near(0, 179.9, 22.2), places) == [2]


def test_the_great_circle_distances_of_the_dossier():
    assert distance_km(0, 0, np.array([0.0]), np.array([1.0]))[0] == pytest.approx(111.19508, abs=1e-5)
    away = distance_km(40.7128, -74.0060, np.array([34.0522]), np.array([-118.2437]))[0]
    assert away * 6371 / 6371.0088 == pytest.approx(3935.746, abs=1e-3)
    east_north = azimuthal(40.0, -74.0, np.array([[-73.0, 41.0]]))
    assert np.hypot(*east_north[0]) == pytest.approx(distance_km(40, -74, np.array([41.0]), np.array([-73.0]))[0])


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: box(0, 10, 10, 10), "empty"),
        (lambda: box(0, 0, 10, 95), "not on the globe"),
        (lambda: box(0, 0, float("nan"), 5), "numbers"),
        (lambda: Area(shapely.Polygon()), "empty"),
        (lambda: Area(shapely.box(292680, 6638200, 292700, 6638300)), "not in degrees"),
        (lambda: Near(95, 0, 1), "not on the globe"),
        (lambda: Near(0, 0, 0), "radius"),
    ],
)
def test_what_is_no_area_is_refused(make, says):
    with pytest.raises(UsageError, match=says):
        make()


def test_a_self_intersecting_area_is_mended():
    bow = Area(shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)]))
    assert hits(bow, points((0.5, 0.2), (1.0, 0.1), (1.0, 1.9), (1.9, 1.0))) == [0, 1, 2]


def test_a_collection_without_places_says_which_columns_are_missing():
    with pytest.raises(FilterError, match="No item of this collection has a place") as error:
        box(0, 0, 1, 1).bitmap(gallery({"price": 3}, {"lat": float("nan"), "lon": 4.0}))
    assert "west" in error.value.hint


def test_items_without_a_place_are_no_hits_and_nonsense_is_none():
    items = gallery({"lat": 0.5, "lon": 0.5}, {}, {"lat": 99.0, "lon": 0.5}, {"lat": 0.5, "lon": -359.5})
    assert hits(box(0, 0, 1, 1), items) == [0, 3]


def test_swapped_axes_are_told():
    vienna = points(*((48.2 + n / 100, 16.3) for n in range(20)))
    swapped = Area(shapely.box(48, 16, 49, 17), "vienna.geojson")
    with pytest.raises(FilterError, match="20 would with its axes swapped"):
        swapped.bitmap(vienna)


@given(seed=st.integers(0, 10_000), corners=st.integers(3, 9), size=st.sampled_from([0.01, 1, 30]))
@settings(max_examples=60, deadline=None)
def test_an_area_gives_what_looking_at_each_item_gives(seed, corners, size):
    rng = np.random.default_rng(seed)
    centre = rng.uniform([-140, -55], [140, 55])
    angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
    ring = centre + size * np.stack([np.cos(angles), np.sin(angles)], 1) * rng.uniform(0.3, 1, (corners, 1))
    polygon = shapely.make_valid(shapely.Polygon(ring))
    low = centre + rng.uniform(-2 * size, 2 * size, (300, 2))
    high = low + rng.uniform(0, size / 2, (300, 2)) * (rng.random((300, 1)) > 0.3)
    low, high = np.clip(low, [-179, -89], [179, 89]), np.clip(high, [-179, -89], [179, 89])
    items = gallery(*(tile(*map(float, (*a, *b))) for a, b in zip(low, high, strict=True)))
    boxes = [shapely.Point(a) if (a == b).all() else shapely.box(*a, *b) for a, b in zip(low, high, strict=True)]
    expected = np.flatnonzero(shapely.intersects(polygon, np.array(boxes, dtype=object))).tolist()
    assert hits(Area(polygon), items) == expected


@given(
    seed=st.integers(0, 10_000), lat=st.floats(-90, 90), lon=st.floats(-180, 180), km=st.sampled_from([5, 800, 9000])
)
@settings(max_examples=60, deadline=None)
def test_a_radius_gives_what_measuring_each_point_gives(seed, lat, lon, km):
    rng = np.random.default_rng(seed)
    places = np.stack([np.degrees(np.arcsin(rng.uniform(-1, 1, 400))), rng.uniform(-180, 180, 400)], 1)
    expected = np.flatnonzero(distance_km(lat, lon, places[:, 0], places[:, 1]) <= km).tolist()
    assert hits(Near(lat, lon, km), points(*map(tuple, places.tolist()))) == expected
