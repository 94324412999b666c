"""Places out of what people have: tables, shapes, photos, collections; what is wrong is refused with the way out."""

from __future__ import annotations

import json

import geopandas
import numpy as np
import pytest
import shapely
from PIL import Image

from fieldglass.errors import LoaderError
from fieldglass.testing import LoaderContract
from fieldglass.types import Item, Problem
from fieldglass_geo.gallery.carried import carried_points
from fieldglass_geo.gallery.loader import Grid, Places

CITIES = [("Reykjavik", 64.1466, -21.9426), ("Suva", -18.1416, 178.4419), ("Apia", -13.8333, -171.7667)]


def table(path, *lines):
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def split(found):
    found = list(found)
    return [each for each in found if isinstance(each, Item)], [each for each in found if isinstance(each, Problem)]


def places(items):
    return [(each.metadata["lat"], each.metadata["lon"]) for each in items]


class TestPlaces(LoaderContract):
    loader = "geo/places"

    def source(self, folder):
        return table(folder / "p.csv", "name,lat,lon,pop", "a,1,2,3", "b,4,5,6", "c,91,2,", "d,4,5,7")

    def damage(self, path):
        path.write_text(path.read_text()[:-8] + "e,x,9,1")  # half a table of places is a shorter one


class TestGrid(LoaderContract):
    loader = "geo/grid"
    options = {"spacing_km": 50.0}  # noqa: RUF012

    def source(self, folder):
        path = folder / "area.geojson"
        path.write_text(shapely.to_geojson(shapely.box(10, 50, 12, 52)))
        return path


def test_a_table_gives_typed_columns_counts_and_problems(tmp_path):
    path = table(
        tmp_path / "p.csv",
        "name;Lat;LNG;pop",
        "Reykjavik;64,1466;-21,9426;120000",
        "again;64.1466;21°56'33.36\" W;1",
        "Suva;18.1416 S;-181.5581;94000",
        "none;;;",
        "null;0;0;1",
        "far;95;3;1",
    )
    items, problems = split(Places().scan(path))
    assert [each.id for each in items] == ["64.1466,-21.9426", "-18.1416,178.4419"]
    names = {"country": "IS", "admin1": "Capital Region", "place": "Reykjavík"}
    told = {"lat": 64.1466, "lon": -21.9426, "count": 2, "name": "Reykjavik", "pop": 120000}
    assert items[0].metadata == told | names
    assert {each.subject: each.code for each in problems} == {
        "p.csv:5": "place-row", "p.csv:6": "place-null-island", "p.csv:7": "place-range",
    }  # fmt: skip
    assert [each.id for each in split(Places(allow_zero=True).scan(path))[0]][-1] == "0,0"
    (sample,) = Places().read(items[:1], path)
    assert (sample.kind, sample.content, sample.units) == ("place", (64.1466, -21.9426), "degrees")


def test_a_column_can_name_the_places(tmp_path):
    path = table(tmp_path / "p.csv", "name,lat,lon", "a,1,2", "a,3,4", ",5,6")
    items, problems = split(Places(id_column="name").scan(path))
    assert [each.id for each in items] == ["a"]
    assert [each.code for each in problems] == ["place-name", "place-name"]


@pytest.mark.parametrize(
    ("lines", "said", "advice"),
    [
        (("lat,lon", "-171.8,-13.8", "178.4,-18.1"), "axes swapped", "--set lat=lon --set lon=lat"),
        (("lat,lon", "-21.9,64.1", "178.4,-18.1"), "axes swapped", "--set lat=lon"),
        (("lat,lon", "6638200,292680", "6638300,292690"), "not in degrees", "--set crs=EPSG:32633"),
        (("a,b", "1,2"), "No column of 'p.csv' looks like a latitude", "--set lat=NAME"),
        (("lat,lon", "x,y"), "holds no place", "columns lat and lon"),
        (("lat,lon", "nan,nan"), "no finite number", ""),
    ],
)
def test_tables_that_are_refused(tmp_path, lines, said, advice):
    with pytest.raises(LoaderError) as error:
        list(Places().scan(table(tmp_path / "p.csv", *lines)))
    assert said in str(error.value)
    assert advice in error.value.hint


def test_a_table_in_metres_is_read_with_its_reference_system(tmp_path):
    path = table(tmp_path / "p.csv", "northing,easting", "6638200,292680")
    items, _ = split(Places(lat="northing", lon="easting", crs="EPSG:32633").scan(path))
    assert places(items)[0] == pytest.approx((59.83, 11.3), abs=0.05)
    with pytest.raises(LoaderError, match="no reference system that is known"):
        list(Places(lat="northing", lon="easting", crs="EPSG:12").scan(path))


def frame(**columns):
    points = shapely.points([[lon, lat] for _, lat, lon in CITIES])
    return geopandas.GeoDataFrame({"name": [name for name, _, _ in CITIES], **columns}, geometry=points, crs=4326)


@pytest.mark.parametrize("name", ["p.geojson", "p.gpkg", "p.shp", "p.parquet"])
def test_files_of_points_give_the_same_places(tmp_path, name):
    path = tmp_path / name
    frame().to_parquet(path) if name.endswith("parquet") else frame().to_file(path)
    items, problems = split(Places(id_column="name").scan(path))
    assert problems == []
    assert [each.id for each in items] == ["Reykjavik", "Suva", "Apia"]
    assert np.allclose(places(items), [(lat, lon) for _, lat, lon in CITIES], atol=1e-9)


def test_a_plain_parquet_file_is_a_table(tmp_path):
    path = tmp_path / "p.parquet"
    frame().assign(latitude=[1.0, 2.0, 3.0], longitude=4.0).drop(columns="geometry").to_parquet(path)
    assert places(split(Places().scan(path))[0]) == [(1.0, 4.0), (2.0, 4.0), (3.0, 4.0)]


def test_columns_and_geometry_that_disagree_are_refused(tmp_path):
    frame(lat=[64.1466, -18.1416, 13.0], lon=[-21.9426, 178.4419, -171.7667]).to_parquet(tmp_path / "p.parquet")
    with pytest.raises(LoaderError, match=r"row 3 has the geometry -13\.8333, -171\.767 and the columns 13, -171\.767"):
        list(Places().scan(tmp_path / "p.parquet"))


def test_polygons_count_by_a_point_within(tmp_path):
    ring = shapely.Polygon([(0, 0), (10, 0), (10, 10), (9, 10), (9, 1), (0, 1)])
    path = table(tmp_path / "p.geojson", shapely.to_geojson(ring))
    ((lat, lon),) = places(split(Places().scan(path))[0])
    assert ring.contains(shapely.Point(lon, lat))


@pytest.mark.parametrize(
    ("points", "crs", "said", "advice"),
    [
        ([(292680, 6638200)], "", "not in degrees", "--set crs= EPSG:32633"),
        ([(64.1, -121.9)], "", "axes swapped", "--set crs= latlon"),
        ([(1, 2)], "EPSG:99999", "no reference system that is known", ""),
    ],
)
def test_geojson_that_is_refused(tmp_path, points, crs, said, advice):
    path = table(tmp_path / "p.geojson", shapely.to_geojson(shapely.MultiPoint(points)))
    with pytest.raises(LoaderError) as error:
        list(Places(crs=crs).scan(path))
    assert said in str(error.value)
    assert advice in error.value.hint


def test_a_file_without_its_reference_system_is_refused(tmp_path):
    frame().set_crs(None, allow_override=True).to_parquet(tmp_path / "p.parquet")
    with pytest.raises(LoaderError, match="does not say its reference system"):
        list(Places().scan(tmp_path / "p.parquet"))
    assert len(split(Places(crs="EPSG:4326").scan(tmp_path / "p.parquet"))[0]) == 3


def test_photos_give_the_places_they_were_taken(tmp_path):
    for name, lat in (("a", 55.0), ("b", 55.0), ("c", 10.0), ("none", None)):
        picture = Image.fromarray(np.zeros((8, 8, 3), dtype=np.uint8))
        exif = picture.getexif()
        if lat is not None:
            exif.get_ifd(0x8825).update({1: "N", 2: (lat, 0.0, 0.0), 3: "W", 4: (12.0, 30.0, 0.0)})
        picture.save(tmp_path / f"{name}.jpg", exif=exif)
    items, problems = split(Places().scan(tmp_path))
    assert [(each.id, each.metadata["count"], each.metadata["photo"]) for each in items] == [
        ("55,-12.5", 2, "a.jpg"), ("10,-12.5", 1, "c.jpg"),
    ]  # fmt: skip
    assert problems == []


def test_an_antimeridian_grid_from_a_file(tmp_path):
    ring = [[178, -19], [-179, -19], [-179, -15], [178, -15], [178, -19]]  # Fiji
    path = tmp_path / "fiji.geojson"
    path.write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    items, _ = split(Grid(spacing_km=50).scan(path))
    lon = np.array(places(items))[:, 1]
    assert ((lon >= 178) | (lon <= -179)).all() and (lon > 0).any() and (lon < 0).any()


@pytest.mark.slow
def test_the_hundred_thousand_places_of_the_package_are_94123():
    try:
        path = carried_points()
    except ImportError as error:
        pytest.skip(str(error))
    items, problems = split(Places().scan(path))
    assert (len(items), len(problems)) == (94_123, 0)
    assert sum(each.metadata["count"] for each in items) == 100_000
    lat, lon = np.array(places(items)).T
    assert [lat.min(), lat.max(), lon.min(), lon.max()] == pytest.approx([-55.944, 79.522, -179.742, 179.984], abs=1e-3)
