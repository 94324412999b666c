"""Areas from files, whatever their reference system; what cannot be degrees is refused with the way out."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest

shapely = pytest.importorskip("shapely")
geopandas = pytest.importorskip("geopandas")

from fieldglass.errors import UsageError  # noqa: E402
from fieldglass.spatial import read_area  # noqa: E402

VIENNA = shapely.box(16.2, 48.1, 16.6, 48.3)


def frame(crs="EPSG:4326", to=None):
    made = geopandas.GeoDataFrame({"name": ["Vienna"]}, geometry=[VIENNA], crs=crs)
    return made if to is None else made.to_crs(to)


def write(folder, kind, made):
    path = folder / f"aoi.{kind}"
    if kind == "parquet":
        made.to_parquet(path)
    elif kind == "zip":
        made.to_file(folder / "inner.shp")
        with zipfile.ZipFile(path, "w") as archive:
            for part in folder.glob("inner.*"):
                archive.write(part, part.name)
    else:
        made.to_file(path)
    return path


@pytest.mark.parametrize("kind", ["geojson", "gpkg", "shp", "zip", "parquet"])
@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:32633", "EPSG:3857"])
def test_every_format_in_every_system_gives_the_same_area(tmp_path, kind, crs):
    area = read_area(write(tmp_path, kind, frame(to=crs)))
    assert area.geometry.symmetric_difference(VIENNA).area < 2e-3 * VIENNA.area  # straight edges there bend here
    assert str(area) == f"in aoi.{kind}"


def geojson(folder, shape, **extra):
    path = folder / "aoi.geojson"
    path.write_text(
        json.dumps({"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(shape)} | extra)
    )
    return path


def test_metres_in_geojson_are_refused_and_read_when_named(tmp_path):
    metres = frame(to="EPSG:32633").geometry[0]
    path = geojson(tmp_path, metres)
    with pytest.raises(UsageError, match="is not in degrees") as error:
        read_area(path)
    assert "--aoi-crs" in error.value.hint
    assert read_area(path, "EPSG:32633").geometry.symmetric_difference(VIENNA).area < 2e-3 * VIENNA.area


def test_swapped_axes_are_refused_and_read_when_named(tmp_path):
    sydney = shapely.box(151, -34, 152, -33)
    path = geojson(tmp_path, shapely.transform(sydney, lambda each: each[:, ::-1]))
    with pytest.raises(UsageError, match="axes swapped") as error:
        read_area(path)
    assert "latlon" in error.value.hint
    assert read_area(path, "latlon").geometry.equals(sydney)


def test_an_unknown_or_missing_system_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no reference system that is known"):
        read_area(geojson(tmp_path, VIENNA), "EPSG:999999")
    bare = write(tmp_path, "gpkg", frame(crs=None))
    with pytest.raises(UsageError, match="does not say its reference system"):
        read_area(bare)
    assert read_area(bare, "EPSG:4326").geometry.equals(VIENNA)


def test_the_old_crs_member_of_geojson_is_heeded(tmp_path):
    named = {"crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::32633"}}}
    path = geojson(tmp_path, frame(to="EPSG:32633").geometry[0], **named)
    assert read_area(path).geometry.symmetric_difference(VIENNA).area < 2e-3 * VIENNA.area


def test_several_features_are_one_area_and_longitudes_to_360_are_wrapped(tmp_path):
    shapes = [shapely.box(179, 0, 181, 1), shapely.box(10, 0, 11, 1)]
    features = [{"type": "Feature", "properties": {}, "geometry": shapely.geometry.mapping(each)} for each in shapes]
    path = tmp_path / "two.json"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    bounds = sorted(shapely.bounds(shapely.get_parts(read_area(path).geometry)).tolist())
    assert np.allclose(bounds, [[-180, 0, -179, 1], [10, 0, 11, 1], [179, 0, 180, 1]])


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("aoi.geojson", b"{", "cannot be read"),
        ("aoi.geojson", b"[1, 2]", "is not GeoJSON"),
        ("aoi.geojson", b'{"type": "Polygon", "coordinates": "http://example.org"}', "cannot be read"),
        ("aoi.geojson", b'{"type": "FeatureCollection", "features": []}', "holds no shape"),
        ("aoi.geojson", b'{"type": "Polygon", "coordinates": []}', "holds no shape"),
        ("aoi.geojson", b"\xff\xfe\x00", "cannot be read"),
        ("aoi.shp", b"<OGRVRTDataSource><OGRVRTLayer name='x'/></OGRVRTDataSource>", "not what its name says"),
        ("aoi.gpkg", b"<OGRVRTDataSource></OGRVRTDataSource>", "not what its name says"),
        ("aoi.parquet", b"PAR1 and then nothing", "cannot be read"),
        ("aoi.zip", b"PK and then nothing", "cannot be read"),
        ("aoi.vrt", b"<OGRVRTDataSource/>", "no area that can be read"),
    ],
)
def test_bad_files_are_named(tmp_path, name, content, says):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=says):
        read_area(tmp_path / name)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UsageError, match="There is no file"):
        read_area(tmp_path / "nowhere.geojson")
