"""Hits as GeoJSON, GeoParquet, GeoPackage, KML and CSV, read back by other readers than our own."""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as Xml

import numpy as np
import pytest

shapely = pytest.importorskip("shapely")
geopandas = pytest.importorskip("geopandas")

from fieldglass.errors import UsageError  # noqa: E402
from placed import ACROSS, ROWS, TILE, placed  # noqa: E402


def test_geojson_follows_rfc_7946():
    found = json.loads(placed().to_geojson())
    assert found["type"] == "FeatureCollection"
    assert "crs" not in found
    point, tile, across, _, nowhere = found["features"]
    assert point["geometry"] == {"type": "Point", "coordinates": [16.4, 48.2]}  # longitude first
    assert point["properties"] == {
        "rank": 1,
        "score": 0.9,
        "id": "scene 1.tif",
        "source": "scenes",
        "lat": 48.2,
        "lon": 16.4,
        "cloud": 3.5,
    }
    assert point["id"] == "scene 1.tif"
    shape = shapely.geometry.shape(tile["geometry"])
    assert shape.equals(shapely.from_wkt(TILE))
    assert shape.exterior.is_ccw
    assert "footprint" not in tile["properties"]
    assert across["geometry"]["type"] == "MultiPolygon"
    assert across["bbox"] == [179.0, -18.0, -179.0, -16.0]  # west > east: across the antimeridian
    assert shapely.geometry.shape(across["geometry"]).equals(shapely.from_wkt(ACROSS))
    assert nowhere["geometry"] is None
    assert "bbox" not in nowhere


def test_bounds_alone_across_the_antimeridian_are_split():
    (feature,) = json.loads(placed([{"west": 179.0, "south": 0.0, "east": -179.0, "north": 1.0}]).to_geojson())[
        "features"
    ]
    assert feature["geometry"]["type"] == "MultiPolygon"
    assert feature["bbox"] == [179.0, 0.0, -179.0, 1.0]
    assert shapely.geometry.shape(feature["geometry"]).area == pytest.approx(2)


@pytest.mark.parametrize("cells", [
    {"lat": 91.0, "lon": 0.0}, {"lat": float("nan"), "lon": 0.0}, {"lat": "48", "lon": 3.0}, {"lat": 1.0},
    {"footprint": "POLYGON ((oops"}, {"footprint": "POLYGON ((500000 5000000, 500010 5000000, 500010 5000010))"},
    {"footprint": "POLYGON ((500 500, 510 500, 510 510, 500 500))"},
])  # fmt: skip
def test_nonsense_is_no_place(cells):
    (feature,) = json.loads(placed([cells]).to_geojson())["features"]
    assert feature["geometry"] is None


@pytest.mark.parametrize("suffix", ["geojson", "parquet", "gpkg"])
def test_other_readers_see_the_same_shapes(tmp_path, suffix):
    path = placed().save(tmp_path / f"hits.{suffix}")
    placed().save(path)  # again: replaced, nothing appended
    found = geopandas.read_parquet(path) if suffix == "parquet" else geopandas.read_file(path)
    assert found["rank"].tolist() == [1, 2, 3, 4, 5]
    assert found["id"].tolist()[0] == "scene 1.tif"
    assert found.crs.to_epsg() == 4326 or found.crs.to_string() == "OGC:CRS84"
    assert found.geometry[0].equals(shapely.Point(16.4, 48.2))
    assert found.geometry[1].equals(shapely.from_wkt(TILE))
    assert found.geometry[2].equals(shapely.from_wkt(ACROSS))
    assert found.geometry[4] is None
    assert not list(tmp_path.glob(".fieldglass*"))


def test_geoparquet_can_be_read_by_place(tmp_path):
    path = placed().save(tmp_path / "hits.parquet")
    assert geopandas.read_parquet(path, bbox=(3, 51, 5, 53))["rank"].tolist() == [2]


def test_kml_has_a_placemark_for_each_place(tmp_path):
    rows = [*ROWS, {"lat": 1.0, "lon": 2.0, "sensor": "\x00\x1b<&"}]
    path = placed(rows).save(tmp_path / "hits.kml")
    space = {"k": "http://www.opengis.net/kml/2.2"}
    marks = Xml.parse(path).findall(".//k:Placemark", space)
    assert [mark.find("k:name", space).text for mark in marks][:2] == ["1. scene 1.tif", "2. scene 2.tif"]
    assert marks[0].find("k:Point/k:coordinates", space).text == "16.4,48.2"
    assert len(marks) == 5
    assert len(marks[2].findall("k:MultiGeometry/k:Polygon", space)) == 2
    ring = marks[1].find(".//k:coordinates", space).text.split()
    read = np.array([[float(x) for x in each.split(",")] for each in ring])
    assert shapely.Polygon(read).equals(shapely.from_wkt(TILE))


def test_csv_holds_what_a_spreadsheet_can_show(tmp_path):
    path = placed([{"lat": 1.5, "note": "=cmd()"}, {"x": None}]).save(tmp_path / "hits.csv")
    rows = list(csv.reader(path.open(encoding="utf-8", newline="")))
    assert rows[0] == ["rank", "score", "id", "source", "lat", "note", "x"]
    assert rows[1] == ["1", "0.9", "scene 1.tif", "scenes", "1.5", "'=cmd()", ""]


def test_nothing_found_is_an_empty_file_of_its_kind(tmp_path):
    assert json.loads(placed([]).to_geojson())["features"] == []
    for suffix in ("parquet", "gpkg"):
        path = placed([]).save(tmp_path / f"none.{suffix}")
        assert len(geopandas.read_parquet(path) if suffix == "parquet" else geopandas.read_file(path)) == 0


def test_a_suffix_without_a_format_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"'hits\.xyz' does not say a format"):
        placed().save(tmp_path / "hits.xyz")
