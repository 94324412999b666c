"""Scenes that lead elsewhere, lie about themselves, or are damaged: told, never followed."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from fieldglass.types import Item, Problem
from fieldglass_remote_sensing.loader import Scenes
from remote_sensing import products

VRT = """<VRTDataset rasterXSize="60" rasterYSize="60"><SRS>EPSG:32632</SRS><VRTRasterBand dataType="Byte" band="1">
<SimpleSource><SourceFilename relativeToVRT="0">{}</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"""
SECRET = 77


def plain(path, value=None, dtype="uint8", bands=1, side=60, **profile):
    values = products.scene_values(side, side, 10, 200, 3) if value is None else np.full((side, side), value)
    content = np.stack([values + band for band in range(bands)]).astype(dtype)
    return products.raster(path, content, transform=from_origin(*products.ORIGIN, 10, 10), **profile)


def outcome(root, **options):
    """The code of the scan or of the read, or the sample."""
    (found,) = (each for each in Scenes(**options).scan(root) if getattr(each, "severity", "") != "warning")
    if isinstance(found, Item):
        (found,) = Scenes(**options).read([found], root)
    return found.code if isinstance(found, Problem) else found


@pytest.fixture
def root(tmp_path):
    plain(tmp_path / "secret.tif", SECRET)
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("name", ["a.tif", "a.jp2", "a.png", "a.nc"])
@pytest.mark.parametrize("target", ["../secret.tif", "/vsicurl/http://localhost:1/a.tif", "{}/secret.tif"])
def test_a_vrt_under_another_name_is_not_read(root, name, target):
    (root / name).write_text(VRT.format(target.format(root.parent)))
    assert outcome(root) == "scene-unreadable"


def test_a_tag_that_names_overviews_elsewhere_is_refused(root):
    """GDAL follows the tag OVERVIEW_FILE of a GeoTIFF to any file, in any format."""
    plain(root / "a.tif", side=120)
    with rasterio.open(root / "a.tif", "r+") as file:
        file.update_tags(ns="OVERVIEWS", OVERVIEW_FILE=str(root.parent / "secret.tif"))
    with rasterio.open(root / "a.tif") as file:
        assert file.overviews(1)  # it would be followed
    assert outcome(root) == "scene-refused"


@pytest.mark.parametrize("environment", [{}, {"GDAL_DISABLE_READDIR_ON_OPEN": "FALSE", "GDAL_PAM_ENABLED": "YES"}])
def test_files_beside_a_scene_are_not_read(root, environment, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    sound = outcome(plain(root / "a.tif", side=120).parent, whole=True, size=30)
    (root / "a.tif.aux.xml").write_text("<PAMDataset><SRS>EPSG:4326</SRS><Metadata domain='OVERVIEWS'>"
        f"<MDI key='OVERVIEW_FILE'>{root.parent / 'secret.tif'}</MDI></Metadata></PAMDataset>")  # fmt: skip
    (root / "a.tfw").write_text("1\n0\n0\n-1\n0\n0\n")
    with rasterio.open(root / "a.tif.msk", "w", driver="GTiff", count=1, height=120, width=120, dtype="uint8") as mask:
        mask.write(np.zeros((1, 120, 120), np.uint8))
    with rasterio.open(root / "a.tif.ovr", "w", driver="GTiff", count=1, height=60, width=60, dtype="uint8") as file:
        file.write(np.full((1, 60, 60), SECRET, np.uint8))
    found = outcome(root, whole=True, size=30)
    assert np.array_equal(found.content, sound.content) and found.mask.all()
    (item,) = Scenes().scan(root)
    assert (item.metadata["crs"], item.metadata["gsd"]) == ("EPSG:32632", 10.0)


def test_an_item_cannot_ask_for_a_file_outside(root):
    plain(root / "a.tif")
    (item,) = Scenes().scan(root)
    for path in ("../secret.tif", "/etc/passwd", "/vsicurl/http://localhost:1/a.tif", "http://localhost:1/a.tif"):
        (problem,) = Scenes().read([Item(item.id, (path,), item.locator)], root)
        assert problem.code == "path-outside", path
    member = Item("x", ("a.zip",), item.locator | {"kind": "safe"})
    assert next(iter(Scenes().read([member], root))).code == "file-missing"


def test_a_link_inside_a_product_does_not_lead_out(root):
    product = products.sentinel2(root, size=60)
    (band,) = product.rglob("*_B02_10m.jp2")
    elsewhere = root.parent / "elsewhere.jp2"
    band.rename(elsewhere)
    band.symlink_to(elsewhere)
    found = list(Scenes().scan(root))
    assert "path-outside" in {each.code for each in found if isinstance(each, Problem)}
    items = [each for each in found if isinstance(each, Item)]
    assert all("B02" not in each.metadata["bands"] for each in items)


def test_a_header_of_a_giant_is_refused_before_anything_is_read(root):
    plain(root / "a.tif", side=100)
    assert outcome(root, max_pixels=9999) == "scene-too-large"
    with rasterio.open(
        root / "a.tif", "w", driver="GTiff", count=1, height=300_000, width=300_000, dtype="uint8", SPARSE_OK="TRUE",
        tiled=True, blockxsize=4096, blockysize=4096, BIGTIFF="YES",
    ):  # fmt: skip
        pass
    assert outcome(root) == "scene-too-large"


def test_a_truncated_download_costs_the_tiles_that_are_missing(root):
    """The directory of a COG comes first: its header is sound and its last tiles are not there."""
    values = products.scene_values(1024, 1024, 10, 60000, 5)[None].astype(np.uint16)
    grid = from_origin(*products.ORIGIN, 10, 10)
    products.raster(root / "b.tif", values, transform=grid, tiled=True, blockxsize=256, blockysize=256)
    from rasterio.shutil import copy

    copy(root / "b.tif", root / "a.tif", driver="COG", BLOCKSIZE=256, OVERVIEWS="NONE")
    (root / "b.tif").unlink()
    content = (root / "a.tif").read_bytes()
    (root / "a.tif").write_bytes(content[: len(content) // 2])
    items = [each for each in Scenes(size=256).scan(root) if isinstance(each, Item)]
    codes = [getattr(each, "code", "taken") for each in Scenes(size=256).read(items, root)]
    assert len(codes) == 16 and {"taken", "scene-unreadable"} == set(codes)
    assert codes.index("scene-unreadable") >= 4


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"II*\0\xff\xff\xff\xff"])
@pytest.mark.parametrize("name", ["a.tif", "a.jp2", "a.png", "a.h5", "a.nc"])
def test_what_is_no_raster_is_told(root, name, content):
    (root / name).write_bytes(content)
    assert outcome(root) == "scene-unreadable"


def test_no_place_is_made_up(root):
    plain(root / "a.tif", crs=None)
    (item,) = Scenes().scan(root)
    assert not {"crs", "footprint", "lat", "lon", "west", "gsd"} & set(item.metadata)
    assert next(iter(Scenes(crs="EPSG:32632").scan(root))).metadata["crs"] == "EPSG:32632"
    local = 'LOCAL_CS["site",UNIT["metre",1]]'
    plain(root / "a.tif", crs=local)
    (item,) = Scenes().scan(root)
    assert not {"crs", "footprint", "lat"} & set(item.metadata)


@pytest.mark.parametrize("nodata", [np.nan, -32768.0])
def test_no_data_is_masked_by_tile(root, nodata):
    values = products.scene_values(512, 256, 100, 200, 1).astype(np.float32)
    values[:256] = nodata
    values[256:320, :] = nodata
    grid = from_origin(*products.ORIGIN, 10, 10)
    products.raster(root / "a.tif", values[None], transform=grid, nodata=nodata)
    items = list(Scenes().scan(root))
    empty, quarter = Scenes().read(items, root)
    assert empty.code == "tile-no-data"
    assert quarter.measured["valid"] == pytest.approx(0.75) and not quarter.mask[:64].any()
    assert np.isfinite(quarter.content).all() and quarter.content[quarter.mask].min() > 50


def test_black_in_one_colour_is_no_missing_pixel(root):
    """0 is declared as no data of an 8-bit RGB: only black in all three is."""
    values = np.stack([products.scene_values(60, 60, 10, 200, band) for band in range(3)]).clip(1, 255).astype(np.uint8)
    values[0, :30] = 0
    values[:, :5] = 0
    grid = from_origin(*products.ORIGIN, 10, 10)
    products.raster(root / "a.tif", values, transform=grid, nodata=0, photometric="RGB")
    found = outcome(root)
    assert found.mask[5:].all() and not found.mask[:5].any()


def test_negative_numbers_and_sixteen_bits_are_seen(root):
    plain(root / "a.tif", dtype="int16", value=None)
    with rasterio.open(root / "a.tif", "r+") as file:
        file.write(file.read().astype(np.int16) - 1000)
    found = outcome(root)
    assert found.content.max() < 0 and found.units == "unit"
    assert Scenes().preview(found).std() > 20


@pytest.mark.parametrize(("count", "level"), [(12, "l2a"), (13, "l1c")])
def test_stacks_of_twelve_and_thirteen_bands_go_by_the_scheme_that_is_said(root, count, level):
    values = np.stack([np.full((20, 20), 100 * (band + 1)) for band in range(count)]).astype(np.uint16)
    products.raster(root / "a.tif", values)
    assert outcome(root) == "scene-bands"
    found = outcome(root, sensor=f"sentinel-2-{level}", s2_offset="0")
    wanted = [band for band in products.S2_BANDS if count == 13 or band != "B10"]
    assert list(found.bands) == wanted
    assert found.content[0, 0] == pytest.approx([0.01 * (band + 1) for band in range(count)])


def test_eurosat_has_b8a_last(root):
    values = np.stack([np.full((20, 20), 100 * (band + 1)) for band in range(13)]).astype(np.uint16)
    products.raster(root / "a.tif", values)
    found = outcome(root, bands=("eurosat",), s2_offset="0")
    assert found.bands == products.S2_BANDS
    by_band = dict(zip(found.bands, found.content[0, 0].tolist(), strict=True))
    assert by_band["B8A"] == pytest.approx(0.13) and by_band["B09"] == pytest.approx(0.09)
    assert by_band["B12"] == pytest.approx(0.12)


def radar(root, values):
    products.raster(root / "a.tif", values.astype(np.float32))
    with rasterio.open(root / "a.tif", "r+") as file:
        file.descriptions = ("VV", "VH")


def test_power_becomes_decibels(root):
    values = np.stack([np.full((20, 20), 0.01), np.full((20, 20), 0.001)])
    values[:, 0] = 0
    radar(root, values)
    found = outcome(root)
    assert found.units == "dB" and not found.mask[0].any()
    assert found.content[1:, :, 0] == pytest.approx(-20) and found.content[1:, :, 1] == pytest.approx(-30)
    assert found.measured["s1_units"] == "linear_power"


def test_decibels_stay_and_positive_ones_are_asked_about(root):
    values = np.stack([products.scene_values(20, 20, -15, -8, 1), products.scene_values(20, 20, -25, -15, 2)])
    radar(root, values)
    assert outcome(root).content == pytest.approx(np.moveaxis(values, 0, -1), abs=1e-4)
    radar(root, -values)
    assert outcome(root) == "scene-units"
