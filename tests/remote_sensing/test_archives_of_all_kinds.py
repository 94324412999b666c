"""What archives hold besides sound scenes: other orbits, zones, missing bands, formats that are not read."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from shapely import wkt

from fieldglass.types import Item, Problem, Sample
from fieldglass_remote_sensing.inventory import inventory
from fieldglass_remote_sensing.loader import Scenes
from remote_sensing import products

GRID = from_origin(*products.ORIGIN, 10, 10)


def items_of(root, **options) -> list[Item]:
    found = list(Scenes(**options).scan(root))
    assert not [each for each in found if isinstance(each, Problem) and each.severity != "warning"], found
    return [each for each in found if isinstance(each, Item)]


def test_radar_in_an_archive_gives_what_the_folder_gives(tmp_path):
    product = products.sentinel1(tmp_path, rows=300, columns=320)
    folder = items_of(tmp_path)
    contents = [each.content for each in Scenes().read(folder, tmp_path)]
    products.zipped(product)
    items = items_of(tmp_path)
    assert items[0].paths == (product.stem + ".zip",) and len(items) == len(folder) == 4
    for item, old, content in zip(items, folder, contents, strict=True):
        assert item.metadata | {"gsd": 0} == old.metadata | {"gsd": 0}
        assert np.array_equal(next(Scenes().read([item], tmp_path)).content, content)


def test_ascending_and_descending_radar_can_be_told_apart(tmp_path):
    products.sentinel1(tmp_path, rows=60, columns=60)
    later = products.S1_NAME.replace("T0530", "T1730").replace("05E4C5", "05E4D0")
    products.sentinel1(tmp_path, rows=60, columns=60, orbit="Ascending", name=later)
    assert {item.id[17:32]: item.metadata["orbit"] for item in items_of(tmp_path)} == {
        "20230616T053012": "descending", "20230616T173012": "ascending",
    }  # fmt: skip


def test_no_data_that_one_band_declares_masks_the_pixel(tmp_path):
    """Of bands in files of their own; in one GeoTIFF all bands have the same no-data."""
    values = np.stack([products.scene_values(60, 60, 100, 200, band) for band in range(2)]).astype(np.uint16)
    values[0, :6] = 0
    values[1, 20:30] = 0
    for place, (band, nodata) in enumerate((("B5", 0), ("B6", None))):
        name = f"LC09_L1TP_193028_20230615_20230616_02_T1_{band}.TIF"
        products.raster(tmp_path / name, values[place : place + 1], transform=GRID, nodata=nodata)
    (item,) = items_of(tmp_path)
    (sample,) = Scenes().read([item], tmp_path)
    assert sample.bands == ("NIR", "SWIR1")
    assert not sample.mask[:6].any() and sample.mask[6:].all()


@pytest.mark.parametrize("metres", ["10m", "20m"])
def test_a_product_that_lacks_a_band_is_taken_without_it(tmp_path, metres):
    product = products.sentinel2(tmp_path, size=60)
    band = {"10m": "B03", "20m": "B11"}[metres]
    for path in product.rglob(f"*_{band}_*.jp2"):
        path.unlink()
    (item,) = items_of(tmp_path)
    (sample,) = Scenes().read([item], tmp_path)
    assert band not in sample.bands and len(sample.bands) == 11 == sample.content.shape[-1]
    assert ("ndwi" in sample.measured) == (metres == "20m")


def test_scenes_of_neighbouring_zones_meet_and_keep_their_own(tmp_path):
    """The seam of zones 32 and 33 at 12 E: the same ground in two projections."""
    from pyproj import Transformer

    where = {}
    for zone in (32, 33):
        x, y = Transformer.from_crs("EPSG:4326", f"EPSG:326{zone}", always_xy=True).transform(12, 48)
        values = products.scene_values(100, 100, 10, 200, zone)[None].astype(np.uint8)
        grid = from_origin(x - 500, y + 500, 10, 10)
        products.raster(tmp_path / f"{zone}.tif", values, transform=grid, crs=f"EPSG:326{zone}")
    for item in items_of(tmp_path):
        where[item.metadata["crs"]] = item
    assert set(where) == {"EPSG:32632", "EPSG:32633"}
    one, other = (wkt.loads(item.metadata["footprint"]) for item in where.values())
    assert one.intersection(other).area > 0.8 * one.area
    assert all(sample.mask.all() for sample in Scenes().read(list(where.values()), tmp_path))


def test_a_polar_stereographic_scene_lies_by_the_pole(tmp_path):
    values = products.scene_values(60, 60, 10, 200, 1)[None].astype(np.uint8)
    products.raster(tmp_path / "a.tif", values, transform=from_origin(1e5, -1e5, 100, 100), crs="EPSG:3413")
    (item,) = items_of(tmp_path)
    assert 88 < item.metadata["lat"] < 89 and wkt.loads(item.metadata["footprint"]).is_valid
    assert item.metadata["gsd"] == pytest.approx(100, rel=0.05)


def test_float_radar_of_one_polarisation_is_read(tmp_path):
    path = products.raster(
        tmp_path / "a.tif", np.full((1, 40, 40), 0.01, np.float32) + np.eye(40) * 0.01, transform=GRID
    )
    with rasterio.open(path, "r+") as file:
        file.descriptions = ("VV",)
    (item,) = items_of(tmp_path)
    (sample,) = Scenes().read([item], tmp_path)
    assert isinstance(sample, Sample) and sample.units == "dB"
    assert sample.content[5, 1, 0] == pytest.approx(-20, abs=0.01)


def test_zarr_is_told_with_what_makes_it_readable(tmp_path):
    for store, name in (("a.zarr", ".zgroup"), ("sub/b.zarr", "zarr.json")):
        (tmp_path / store).mkdir(parents=True)
        (tmp_path / store / name).write_text("{}")
    found = list(Scenes().scan(tmp_path))
    assert [(each.subject, each.code) for each in found] == [("a.zarr", "scene-zarr"), ("sub/b.zarr", "scene-zarr")]
    assert "gdal_translate" in found[0].message


def test_the_inventory_lists_files_of_patches(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for number in range(3):
            file.create_group(f"k{number}")["image"] = np.ones((2 if number else 5, 8, 8), np.float32)
    (row,) = inventory(tmp_path, {})
    assert row["scene"] == "a.h5" and row["reason"].startswith("2 patches") and row["sensor"] == "sentinel-1-grd"
    assert row["problem"].startswith("scene-bands")
