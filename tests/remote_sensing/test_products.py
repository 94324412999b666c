"""Sentinel products, band files and aerial photographs, written here in their real formats."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from pyproj import Transformer
from shapely import wkt

from fieldglass.testing import LoaderContract
from fieldglass.types import Item, Problem
from fieldglass_remote_sensing.loader import Scenes
from remote_sensing import products
from remote_sensing.products import S2_BANDS


def items_of(root, **options) -> list[Item]:
    found = list(Scenes(**options).scan(root))
    assert all(isinstance(each, Item) for each in found), found
    return found


def first(root, **options):
    items = items_of(root, **options)
    return items[0], next(Scenes(**options).read(items[:1], root))


class TestProducts(LoaderContract):
    loader = "rs/scenes"

    def source(self, folder):
        products.sentinel2(folder, size=120)
        products.aerial(folder / "aerial.tif", rows=100, columns=120)
        return folder


class TestArchive(LoaderContract):
    loader = "rs/scenes"

    def source(self, folder):
        products.zipped(products.sentinel2(folder, size=264))
        return folder


def test_level_2a_has_reflectance_of_twelve_bands_on_one_grid(tmp_path):
    constants = {band: 1000 + 100 * number for number, band in enumerate(S2_BANDS)}
    products.sentinel2(tmp_path, size=120, dn=constants, clouds=0.0)
    item, sample = first(tmp_path)
    assert sample.bands == tuple(band for band in S2_BANDS if band != "B10")
    assert (sample.units, sample.content.dtype, sample.content.shape) == ("reflectance", np.float32, (120, 120, 12))
    for place, band in enumerate(sample.bands):
        assert sample.content[..., place] == pytest.approx((constants[band] - 1000) / 10_000), band
    told = item.metadata
    assert (told["sensor"], told["platform"], told["baseline"]) == ("sentinel-2-l2a", "sentinel-2a", "05.09")
    assert told["date"] == datetime(2023, 6, 15, 10, 30, 31, 24000, tzinfo=UTC)
    assert (told["gsd"], told["crs"], told["s2_offset"]) == (10.0, "EPSG:32632", -1000.0)
    assert sample.spacing == (10.0, 10.0)
    n, r = constants["B08"] - 1000, constants["B04"] - 1000
    assert sample.measured["ndvi"] == pytest.approx((n - r) / (n + r), abs=1e-5)


@pytest.mark.parametrize(("baseline", "value"), [("05.10", 0.05), ("03.01", 0.15), ("04.00", 0.05)])
@pytest.mark.parametrize("level", ["L1C", "L2A"])
def test_the_offset_goes_by_the_processing_baseline(tmp_path, level, baseline, value):
    """The golden values: DN 1500."""
    products.sentinel2(
        tmp_path, level=level, size=60, baseline=baseline, dn=dict.fromkeys(S2_BANDS, 1500) | {"B04": 1600}
    )
    _, sample = first(tmp_path)
    assert sample.content[..., sample.bands.index("B02")] == pytest.approx(value)


def test_the_offset_can_be_said(tmp_path):
    products.sentinel2(tmp_path, size=60, dn=dict.fromkeys(S2_BANDS, 1500) | {"B04": 1600})
    assert first(tmp_path, s2_offset="0")[1].content[0, 0, 1] == pytest.approx(0.15)


def test_digital_number_zero_is_no_data_whatever_the_offset(tmp_path):
    for baseline in ("03.01", "05.10"):
        folder = tmp_path / baseline
        products.sentinel2(folder, size=120, baseline=baseline, empty_rows=36)
        _, sample = first(folder)
        assert not sample.mask[:35].any() and sample.mask[37:].all()
        assert sample.measured["valid"] == pytest.approx(0.7, abs=0.02)
        assert (sample.content >= 0).all()


def test_level_1c_keeps_b10_and_its_cloud_is_that_of_the_product(tmp_path):
    products.sentinel2(tmp_path, level="L1C", size=60, clouds=0.3)
    item, sample = first(tmp_path)
    assert sample.bands == S2_BANDS
    assert item.metadata["sensor"] == "sentinel-2-l1c"
    assert item.metadata["cloud"] == pytest.approx(0.3)
    assert "cloud" not in sample.measured


def test_cloud_is_measured_in_each_tile_and_can_be_masked_or_refused(tmp_path):
    products.sentinel2(tmp_path, size=240, clouds=0.25)
    items = items_of(tmp_path, size=120)
    assert all("cloud" not in item.metadata for item in items)
    samples = Scenes().read(items, tmp_path)
    clouds = {item.id[-5:]: sample.measured["cloud"] for item, sample in zip(items, samples, strict=True)}
    assert clouds == pytest.approx({"0,0,0": 0.5, "0,0,1": 0.5, "0,1,0": 0.0, "0,1,1": 0.0}, abs=0.02)
    masked = next(Scenes(mask_clouds=True, min_valid=0.4).read(items[:1], tmp_path))
    assert masked.mask.mean() == pytest.approx(0.5, abs=0.02)
    assert [getattr(each, "code", "taken") for each in Scenes(max_cloud=0.2).read(items, tmp_path)] == [
        "tile-cloudy", "tile-cloudy", "taken", "taken",
    ]  # fmt: skip


def test_an_archive_gives_what_the_folder_gives(tmp_path):
    product = products.sentinel2(tmp_path, size=300)
    folder = [(item.id.partition("#")[2], next(Scenes().read([item], tmp_path)).content) for item in items_of(tmp_path)]
    products.zipped(product)
    items = items_of(tmp_path)
    assert items[0].paths == (product.stem + ".zip",)
    for (name, content), item in zip(folder, items, strict=True):
        assert item.id.partition("#")[2] == name
        assert np.array_equal(next(Scenes().read([item], tmp_path)).content, content)


def test_the_product_itself_may_be_the_source(tmp_path):
    product = products.sentinel2(tmp_path, size=60)
    item, sample = first(product)
    assert item.groups["scene"] == product.name and sample.units == "reflectance"


def test_sentinel_1_becomes_decibels_by_its_calibration_table(tmp_path):
    product = products.sentinel1(tmp_path, dn=40, gain=400.0)
    item, sample = first(tmp_path, min_valid=0)
    assert isinstance(sample, Problem) and sample.code == "tile-constant"
    (measurement,) = product.glob("measurement/*-vh-*.tiff")
    products.sentinel1(tmp_path / "other", gain=400.0)
    item, sample = first(tmp_path / "other")
    assert (sample.units, sample.bands, sample.content.dtype) == ("dB", ("VV", "VH"), np.float32)
    import rasterio

    (measurement,) = (tmp_path / "other").rglob("*-vh-*.tiff")
    with rasterio.open(measurement) as file:
        dn = file.read(1)[: sample.content.shape[0], : sample.content.shape[1]].astype(float)
    row, column = item.locator["window"][0:2]
    assert (row, column) == (0, 0)
    assert sample.content[..., 1] == pytest.approx(10 * np.log10(dn**2 / 400**2), abs=1e-3)
    assert (item.metadata["orbit"], item.metadata["platform"]) == ("descending", "sentinel-1a")
    assert item.metadata["gsd"] == pytest.approx(10, abs=0.05)


def test_sentinel_1_lies_where_its_control_points_say(tmp_path):
    products.sentinel1(tmp_path)
    points = products.ground_points(500, 700)
    for item in items_of(tmp_path):
        row0, col0, row1, col1 = item.locator["window"]
        ring = np.array(wkt.loads(item.metadata["footprint"]).exterior.coords)
        table = np.array(points)
        known = np.column_stack([table[:, 1], table[:, 0], np.ones(len(table))])
        fit = np.linalg.lstsq(known, table[:, 2:], rcond=None)[0]  # the grid of this product is affine
        for corner in ((col0, row0, 1), (col1, row0, 1), (col1, row1, 1), (col0, row1, 1)):
            lon, lat = np.array(corner) @ fit
            off = np.hypot((ring[:, 0] - lon) * np.cos(np.radians(lat)), ring[:, 1] - lat).min() * 111_195
            assert off < 5  # half a pixel


def test_other_polarisations_are_refused_until_they_are_named(tmp_path):
    products.sentinel1(tmp_path, polarisations=("hh", "hv"))
    (problem,) = Scenes().scan(tmp_path)
    assert problem.code == "scene-polarisation"
    assert first(tmp_path, bands=("VV", "VH"))[1].bands == ("VV", "VH")


def test_sentinel_1_without_its_calibration_is_told(tmp_path):
    product = products.sentinel1(tmp_path)
    for path in product.rglob("calibration-*.xml"):
        path.unlink()
    (problem,) = Scenes().scan(tmp_path)
    assert problem.code == "scene-calibration"


def test_aerial_photographs_have_names_place_and_date(tmp_path):
    products.aerial(tmp_path / "aerial.tif")
    item, sample = first(tmp_path)
    assert (sample.bands, sample.units, sample.content.dtype) == (("R", "G", "B", "NIR"), "unit", np.uint8)
    assert (item.metadata["sensor"], item.metadata["gsd"]) == ("aerial", 0.5)
    assert "0.5 m" in item.metadata["sensor_reason"]
    assert item.metadata["date"] == datetime(2022, 7, 3, 9, 15, tzinfo=UTC)
    assert {"ndvi", "ndwi"} <= set(sample.measured)
    row0, col0, row1, col1 = item.locator["window"]
    to_degrees = Transformer.from_crs("EPSG:25832", "EPSG:4326", always_xy=True)
    lon, lat = to_degrees.transform(705000 + (col0 + col1) / 4, 4995000 - (row0 + row1) / 4)
    assert (item.metadata["lon"], item.metadata["lat"]) == pytest.approx((lon, lat), abs=1e-7)


def test_one_band_per_file_is_one_scene(tmp_path):
    values = {"B02": 1200, "B03": 1300, "B04": 1400, "B08": 3000, "B11": 2000}
    stem = "S2A_MSIL2A_20170613T101031_N0205_R022_T33UUP_26_57"
    for band, value in values.items():
        side = 60 if band == "B11" else 120
        grid = products.from_origin(*products.ORIGIN, 1200 / side, 1200 / side)
        content = np.full((1, side, side), value, np.uint16)
        products.raster(tmp_path / stem / f"{stem}_{band}.tif", content, transform=grid)
    item, sample = first(tmp_path)
    assert item.groups["scene"] == f"{stem}/{stem}"
    assert sample.bands == tuple(values) and sample.units == "reflectance"
    assert sample.content[5, 5] == pytest.approx([value / 10_000 for value in values.values()])
    assert item.metadata["sensor"] == "sentinel-2-l2a" and item.metadata["date"].year == 2017


def test_landsat_goes_by_the_names_of_colours(tmp_path):
    stem = "LC08_L2SP_192029_20210710_20210720_02_T1"
    for band in ("SR_B2", "SR_B3", "SR_B4", "SR_B5", "ST_B10"):
        grid = products.from_origin(*products.ORIGIN, 30, 30)
        values = np.full((1, 40, 40), 9000 + 1000 * int(band[-1]), np.uint16)
        products.raster(tmp_path / f"{stem}_{band}.TIF", values, transform=grid)
    (item,) = (each for each in items_of(tmp_path) if each.groups["scene"] == stem)
    sample = next(Scenes().read([item], tmp_path))
    assert (sample.bands, item.metadata["sensor"]) == (("B", "G", "R", "NIR"), "landsat-8")
    assert sample.content[0, 0] == pytest.approx([v * 0.0000275 - 0.2 for v in (11000, 12000, 13000, 14000)], abs=1e-5)


def test_bands_that_lie_elsewhere_are_no_scene(tmp_path):
    for band, shift in (("B02", 0), ("B03", 500)):
        grid = products.from_origin(500000 + shift, 5000000, 10, 10)
        products.raster(tmp_path / f"x_{band}.tif", np.ones((1, 30, 30), np.uint16), transform=grid)
    (problem,) = Scenes().scan(tmp_path)
    assert problem.code == "scene-bands-differ"


def test_an_archive_of_something_else_is_told(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("readme.txt", "nothing")
        archive.writestr("../outside.tif", "nothing")
    (tmp_path / "b.zip").write_bytes(b"PK\x03\x04 not an archive")
    assert {each.subject: each.code for each in Scenes().scan(tmp_path)} == {
        "a.zip": "scene-manifest",
        "b.zip": "scene-archive",
    }


def test_a_manifest_with_entities_is_refused(tmp_path):
    product = products.sentinel2(tmp_path, size=60)
    manifest = product / "MTD_MSIL2A.xml"
    manifest.write_text('<!DOCTYPE a [<!ENTITY b "boom">]>' + manifest.read_text().partition("?>")[2])
    (problem,) = Scenes().scan(tmp_path)
    assert problem.code == "scene-manifest"
