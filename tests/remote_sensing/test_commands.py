"""`fieldglass rs` on scenes in their real format: an inventory, a search, and hits in their place to one pixel."""

from __future__ import annotations

import json

import numpy as np
import pytest
import rasterio
from click.testing import CliRunner
from rasterio.transform import Affine, from_origin
from rasterio.warp import transform as warp

from fieldglass.cli import main
from remote_sensing import official_scenes as files

WEST, NORTH, GSD = 600_000.0, 5_350_000.0, 10.0


def write(path, crs="EPSG:32633", transform=None, bands=("B02", "B03", "B04", "B08"), date="2023:06:15 10:00:00"):
    rng = np.random.default_rng(len(path.name))
    pixels = rng.integers(500, 3000, (len(bands), 128, 192)).astype(np.uint16)
    pixels[3, :, 64:] = 6000  # vegetation from the second tile on
    profile = {"driver": "GTiff", "count": len(bands), "height": 128, "width": 192, "dtype": "uint16", "nodata": 0}
    profile |= {"crs": crs, "transform": transform or from_origin(WEST, NORTH, GSD, GSD)}
    with rasterio.open(path, "w", **profile) as file:
        file.write(pixels)
        file.update_tags(TIFFTAG_DATETIME=date)
        for number, band in enumerate(bands, 1):
            file.set_band_description(number, band)
    return pixels


def run(*arguments, code=0):
    done = CliRunner().invoke(main, ["rs", *map(str, arguments)])
    assert done.exit_code == code, done.output
    return done


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two scenes, indexed: one in UTM zone 33, one that turned rows into columns; and what is no scene."""
    folder = tmp_path_factory.mktemp("rs")
    (folder / "scenes").mkdir()
    write(folder / "scenes" / "utm.tif")
    write(folder / "scenes" / "south.tif", "EPSG:32755", from_origin(300_000, 6_200_000, 10, 10))
    (folder / "scenes" / "broken.tif").write_bytes(b"II*\0 and then nothing")
    run("index", folder / "scenes", "--to", folder / "c.collection", "--set", "loader.size=64", code=3)
    return folder


def test_scan_lists_scenes_and_problems(place):
    rows = json.loads(run("scan", place / "scenes", "--format", "json", code=3).stdout)
    by_name = {row["scene"]: row for row in rows}
    assert by_name["utm.tif"]["crs"] == "EPSG:32633"
    assert by_name["utm.tif"]["bands"] == "B02,B03,B04,B08"
    assert (by_name["utm.tif"]["gsd"], by_name["utm.tif"]["nodata"]) == (10.0, 0.0)
    assert by_name["utm.tif"]["reason"]
    assert by_name["broken.tif"]["problem"]
    lines = run("scan", place / "scenes", "--format", "csv", code=3).stdout.splitlines()
    assert lines[0].startswith("scene,sensor,reason,date,bands,crs")
    assert len(lines) == 4


def features(place, *options):
    out = place / "hits.geojson"
    run("search", place / "c.collection", "--text", "fields", "-k", 50, "--out", out, *options)
    return json.loads(out.read_text(encoding="utf-8"))["features"]


def test_every_hit_lies_where_its_raster_says_to_one_pixel(place):
    found = [each for each in features(place) if each["properties"]["id"].startswith("utm.tif")]
    assert len(found) == 6
    for feature in found:
        _, row, column = map(int, feature["properties"]["id"].split("=")[1].split(","))
        ring = np.array(feature["geometry"]["coordinates"][0])
        x, y = (np.array(each) for each in warp("EPSG:4326", "EPSG:32633", ring[:, 0], ring[:, 1]))
        columns, rows = (x - WEST) / GSD, (NORTH - y) / GSD
        assert np.allclose([columns.min(), columns.max()], [64 * column, 64 * column + 64], atol=0.1)
        assert np.allclose([rows.min(), rows.max()], [64 * row, 64 * row + 64], atol=0.1)


def test_filters_of_scenes_join_with_those_of_the_core(place):
    assert len(features(place)) == 12
    assert len(features(place, "--spectral", "ndvi > 0.4")) == 8
    assert len(features(place, "--spectral", "ndvi > 0.4", "--bbox", "10,40,20,50")) == 4
    assert len(features(place, "--near", "-34.3,144.8,80")) == 6
    assert features(place, "--sensor", "sentinel-1") == []
    assert len(features(place, "--max-cloud", "10", "--where", "width = 64")) == 12


@pytest.mark.parametrize(
    "options",
    [
        ("--date", "June"),
        ("--date", "/"),
        ("--spectral", "ndvi; drop"),
        ("--sensor", "a' OR '1'='1"),
        ("--bbox", "1,2"),
    ],
)
def test_mistakes_are_told(place, options):
    run("search", place / "c.collection", "--text", "fields", *options, code=2)


def test_an_item_finds_itself_first_and_a_chip_its_tile(place):
    run("similar", place / "c.collection", "utm.tif#tile=0,0,0", "--out", place / "s.json")
    assert json.loads((place / "s.json").read_text())["hits"][0]["id"] == "utm.tif#tile=0,0,0"
    chips = place / "chips"
    run("similar", place / "c.collection", "utm.tif#tile=0,1,2", "-k", 3, "--export-chips", chips)
    run("similar", place / "c.collection", next(chips.glob("001_*.tif")), "--out", place / "s.json")
    assert json.loads((place / "s.json").read_text())["hits"][0]["id"] == "utm.tif#tile=0,1,2"


def test_chips_have_the_grid_and_the_pixels_of_their_scene(place):
    chips = place / "chips-grid"
    where = ["--bbox", "10,40,20,50", "-k", 6]
    run("compose", place / "c.collection", "utm.tif#tile=0,1,2", "vegetation", *where, "--export-chips", chips)
    (path,) = chips.glob("*utm.tif_tile_0_1_2.tif")
    with rasterio.open(path) as chip, rasterio.open(place / "scenes" / "utm.tif") as scene:
        assert chip.crs == scene.crs
        assert chip.transform.almost_equals(scene.transform @ Affine.translation(128, 64))
        assert chip.descriptions == scene.descriptions
        window = rasterio.windows.Window(128, 64, 64, 64)
        ours, theirs = chip.read().astype(float), scene.read(window=window).astype(float)
        scale = np.median(theirs / np.maximum(ours, 1e-9))  # reflectance of digital numbers
        assert np.allclose(ours * scale, theirs, rtol=1e-3, atol=1)


def test_a_description_gives_places_and_a_map(place):
    (place / "report.txt").write_text("green fields\nbeside bare soil\n", encoding="utf-8")
    run("localize", place / "c.collection", "--text-file", place / "report.txt", "-k", 2, "--out", place / "p.map.html")
    assert "<canvas" in (place / "p.map.html").read_text(encoding="utf-8")
    run("localize", place / "c.collection", code=2)


def test_a_date_is_a_range_with_both_ends():
    from fieldglass_remote_sensing.constraints import condition

    options = {"where": None, "date": "2023-05/2023-06", "max_cloud": None, "sensor": None, "spectral": ()}
    assert condition(options) == "date >= '2023-05' AND date <= '2023-06~'"
    assert condition({**options, "date": "2023"}) == "date >= '2023' AND date <= '2023~'"
    assert condition({**options, "date": None}) is None


def test_eval_takes_a_benchmark_with_or_without_its_prefix(tmp_path):
    files.captions(tmp_path, "dataset.json", ".tif")
    for name in ("ucm", "rs/ucm"):  # 3, since the official files have more pictures
        done = run("eval", name, "--root", tmp_path, "--check", "--format", "json", code=3)
        assert json.loads(done.stdout)["missing"] == []
    shown = run("eval", "ucm", "--root", tmp_path, "--encoder", "mini", "--format", "json").stdout
    assert json.loads(shown)["benchmark"]["name"] == "rs/ucm"
    assert "rs/ucm" in run("eval", "ucmm", "--root", tmp_path, code=2).output


def test_chips_are_exported_without_a_walk_through_the_folder(place, monkeypatch):
    from fieldglass_remote_sensing import loader

    def walked(*given):
        raise AssertionError("the folder was searched")

    monkeypatch.setattr(loader, "find", walked)
    run("search", place / "c.collection", "--text", "fields", "-k", 3, "--export-chips", place / "unwalked")
    assert len(list((place / "unwalked").glob("*.tif"))) == 3


def test_a_file_name_is_answered_with_its_tiles(place):
    said = run("search", place / "c.collection", "--like", "utm.tif", code=2).output
    assert "Did you mean utm.tif#tile=0,0,0, utm.tif#tile=0,0,1" in said and "(6 in all)" in said


def test_tables_leave_long_text_out(place, monkeypatch):
    given = ("search", place / "c.collection", "--text", "fields", "-k", 2)
    header, first, *_ = run(*given).stdout.splitlines()
    assert "footprint" not in header.split("\t") and "POLYGON" not in first
    assert {"sensor", "ndvi_mean", "bands"} & set(header.split("\t"))
    assert "POLYGON" in run(*given, "--format", "json").stdout


def test_a_terminal_gets_the_columns_that_it_has_room_for(place, monkeypatch):
    import fieldglass
    from fieldglass.cli import search

    with fieldglass.open(place / "c.collection") as opened:
        result = opened.search(text="fields", k=4)
    monkeypatch.setattr(search.sys.stdout, "isatty", lambda: True, raising=False)
    chosen = {}
    for width in (40, 80, 200):
        monkeypatch.setenv("COLUMNS", str(width))
        chosen[width] = search._columns(result)
    assert len(chosen[40]) < len(chosen[80]) < len(chosen[200])
    assert "footprint" not in chosen[200]
    varied = {name for name in chosen[80] if len({str(hit.metadata.get(name)) for hit in result}) > 1}
    assert set(chosen[80][: len(varied)]) == varied
