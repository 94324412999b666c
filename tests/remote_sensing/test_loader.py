"""GeoTIFF scenes: real ones where they are at hand, and small ones written here."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

import fieldglass
from fieldglass.errors import UsageError
from fieldglass.testing import LoaderContract
from fieldglass.types import Item, Problem, Sample
from fieldglass_remote_sensing.loader import Scenes

DATA = os.environ.get("FIELDGLASS_DATA")
real = pytest.mark.skipif(not DATA, reason="FIELDGLASS_DATA is not set")


def scene(path, bands=3, dtype="uint8", nodata=None, crs="EPSG:32633", side=(60, 80), values=None, **profile) -> Path:
    """A GeoTIFF with values that differ by band."""
    height, width = side
    if values is None:
        noise = np.random.default_rng(bands)
        values = np.stack([noise.integers(10, 200, side) + band for band in range(bands)])
    with rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=len(values), dtype=dtype, nodata=nodata, crs=crs,
        transform=from_origin(500000, 5800000, 10, 10), **profile,
    ) as file:  # fmt: skip
        file.write(values.astype(dtype))
    return path


def one(path: Path, **options) -> tuple[Item, Sample | Problem]:
    loader = Scenes(**options)
    (item,) = loader.scan(path)
    assert isinstance(item, Item), item
    (sample,) = loader.read([item], path)
    return item, sample


def refused(path: Path, **options) -> Problem:
    (problem,) = Scenes(**options).scan(path)
    assert isinstance(problem, Problem), problem
    return problem


class TestScenes(LoaderContract):
    loader = "rs/scenes"

    def source(self, folder):
        scene(folder / "a.tif", photometric="RGB")
        scene(folder / "b.tif", bands=5, dtype="uint16")
        return folder


def test_a_photograph_stays_one(tmp_path):
    item, sample = one(scene(tmp_path / "a.tif", photometric="RGB"))
    assert (sample.units, sample.bands, sample.content.shape) == ("srgb8", ("R", "G", "B"), (60, 80, 3))
    assert item.metadata["crs"] == "EPSG:32633"
    assert item.metadata["gsd"] == 10.0
    assert item.metadata["lat"] == pytest.approx(52.347, abs=0.01)
    assert item.metadata["lon"] == pytest.approx(15.0, abs=0.01)
    assert item.groups == {"scene": "a.tif"} and item.id == "a.tif#tile=0,0,0"
    assert sample.spacing == (10.0, 10.0)


def test_bands_keep_their_numbers_and_names(tmp_path):
    path = scene(tmp_path / "a.tif", bands=4, dtype="uint16")
    with rasterio.open(path, "r+") as file:
        file.descriptions = ("B02", "B03", "B04", "B08")
    _, sample = one(path)
    assert (sample.units, sample.bands) == ("unit", ("B02", "B03", "B04", "B08"))
    with rasterio.open(path) as file:
        assert np.array_equal(sample.content, np.moveaxis(file.read(), 0, -1))
    preview = Scenes().preview(sample)
    high = sample.content[..., 2] >= np.percentile(sample.content[..., 2], 98)
    assert (preview[..., 0][high] == 255).all()  # red is B04, the third


def test_bands_without_a_name_are_numbers_and_can_be_named(tmp_path):
    path = scene(tmp_path / "a.tif", bands=4, dtype="uint16")
    assert one(path, bands=("B02", "B03", "B04", "B08"))[1].bands == ("B02", "B03", "B04", "B08")
    assert refused(path).code == "scene-bands"  # four bands may be in any order
    assert refused(path, bands=("B02",)).code == "scene-bands"
    assert one(scene(tmp_path / "b.tif", bands=5, dtype="uint16"))[1].bands == ("1", "2", "3", "4", "5")


def test_scale_and_offset_are_applied(tmp_path):
    path = scene(tmp_path / "a.tif", bands=1, dtype="int16")
    with rasterio.open(path, "r+") as file:
        file.scales, file.offsets = (0.1,), (-100.0,)
    _, sample = one(path)
    with rasterio.open(path) as file:
        assert np.allclose(sample.content[..., 0], file.read(1) * 0.1 - 100, atol=1e-4)


def test_a_large_scene_is_read_small(tmp_path):
    _, sample = one(scene(tmp_path / "a.tif", bands=1, dtype="uint16", side=(900, 1200)), size=100, whole=True)
    assert sample.content.shape == (75, 100, 1)
    assert sample.spacing == pytest.approx((120.0, 120.0))


@pytest.mark.parametrize("nodata", [0, np.nan])
def test_no_data_is_masked_and_never_nan(tmp_path, nodata):
    values = np.full((2, 20, 20), 7.0)
    values[:, :5] = nodata
    _, sample = one(scene(tmp_path / "a.tif", dtype="float32", nodata=nodata, side=(20, 20), values=values))
    assert sample.mask.sum() == 300 and not sample.mask[:5].any()
    assert np.isfinite(sample.content).all()
    assert (Scenes().preview(sample)[:5] == 0).all()


def test_infinity_is_masked(tmp_path):
    values = np.ones((1, 10, 10))
    values[0, 3, 3] = np.inf
    _, sample = one(scene(tmp_path / "a.tif", dtype="float32", side=(10, 10), values=values))
    assert sample.mask.sum() == 99 and np.isfinite(sample.content).all()


def test_a_palette_becomes_colours(tmp_path):
    path = scene(tmp_path / "a.tif", bands=1, values=np.arange(100).reshape(1, 10, 10), side=(10, 10))
    with rasterio.open(path, "r+") as file:
        file.write_colormap(1, {value: (value, 255 - value, 9, 255) for value in range(256)})
    _, sample = one(path)
    assert sample.units == "srgb8"
    assert sample.content[2, 5].tolist() == [25, 230, 9]


def test_alpha_is_a_mask_not_a_band(tmp_path):
    values = np.stack([np.full((10, 10), value) for value in (50, 60, 70, 0)])
    values[3, :4] = 255
    _, sample = one(
        scene(tmp_path / "a.tif", values=values, side=(10, 10), photometric="RGB", alpha="YES"), min_valid=0.4
    )
    assert sample.content.shape == (10, 10, 3)
    assert sample.mask.sum() == 40


VRT = """<VRTDataset rasterXSize="60" rasterYSize="80"><VRTRasterBand dataType="Byte" band="1"><SimpleSource>
<SourceFilename>{}</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"""


def test_a_vrt_in_a_tif_is_refused(tmp_path):
    secret = scene(tmp_path / "secret.tif")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "a.tif").write_text(VRT.format(secret))
    (problem,) = Scenes().scan(tmp_path / "root")
    assert problem.code == "scene-unreadable"


def test_sidecars_are_not_read(tmp_path):
    path = scene(tmp_path / "a.tif")
    (tmp_path / "a.tif.aux.xml").write_text("<PAMDataset><SRS>EPSG:4326</SRS></PAMDataset>")
    assert one(path)[0].metadata["crs"] == "EPSG:32633"


def test_what_has_no_picture_is_a_problem(tmp_path):
    scene(tmp_path / "complex.tif", bands=1, dtype="complex64")
    scene(tmp_path / "empty.tif", bands=1, nodata=0, values=np.zeros((1, 10, 10)), side=(10, 10))
    loader = Scenes()
    found = {each.subject if isinstance(each, Problem) else each.id: each for each in loader.scan(tmp_path)}
    assert found["complex.tif"].code == "scene-complex"
    assert next(loader.read([found["empty.tif#tile=0,0,0"]], tmp_path)).code == "tile-no-data"


def test_a_scene_without_a_place_says_none(tmp_path):
    item, sample = one(scene(tmp_path / "a.tif", crs=None))
    assert not {"lat", "lon", "crs", "gsd"} & set(item.metadata)
    assert sample.spacing is None


def test_a_size_that_cannot_be_is_refused():
    with pytest.raises(UsageError):
        Scenes(size=0)


def test_scenes_are_indexed_and_searched_with_the_offline_encoder(tmp_path):
    """It takes photographs; scenes of other units reach it as their preview."""
    (tmp_path / "scenes").mkdir()
    scene(tmp_path / "scenes" / "a.tif", photometric="RGB")
    scene(tmp_path / "scenes" / "b.tif", bands=5, dtype="uint16")
    made = fieldglass.create(tmp_path / "x.collection", encoder="mini")
    report = made.index(tmp_path / "scenes", loader="rs/scenes")
    assert (report.new, report.problems) == (2, 0)
    found = made.search(image=tmp_path / "scenes" / "b.tif", where="lat > 50")
    assert found.hits[0].id == "b.tif#tile=0,0,0" and found.hits[0].score > found.hits[1].score + 0.01


@real
def test_real_scenes_are_read_or_told():
    root = Path(DATA) / "geotiff"
    loader = Scenes(whole=True, size=1024)  # a smaller one reads the overviews of corrupt.tif, which are sound
    found = list(loader.scan(root))
    items = [each for each in found if isinstance(each, Item)]
    assert {each.subject: each.code for each in found if isinstance(each, Problem)} == {}
    answers = {item.id: next(loader.read([item], root)) for item in items}
    problems = {name: each.code for name, each in answers.items() if isinstance(each, Problem)}
    assert len(answers) == 19
    assert problems == {"all-nodata.tif": "scene-no-data", "corrupt.tif": "scene-unreadable"}
    assert answers["float_nan.tif"].mask.sum() == 5
    assert answers["RGBA.uint16.tif"].bands == ("B", "G", "R")
    for sample in answers.values():
        if isinstance(sample, Sample):
            assert loader.preview(sample).shape == (*sample.content.shape[:2], 3)


@real
def test_real_patches_know_where_they_are():
    root = Path(DATA) / "sentinel2"
    known = {}
    for line in (root / "index.csv").read_text().splitlines()[1:]:
        name, lat, lon = line.split(",")
        known[name] = (float(lat), float(lon))
    items = [each for each in Scenes(sensor="sentinel-2-l2a").scan(root) if isinstance(each, Item)]
    assert len(items) == len(known) == 10
    for item in items:
        lat, lon = known[item.groups["scene"]]
        assert item.metadata["lat"] == pytest.approx(lat, abs=0.02)
        assert item.metadata["lon"] == pytest.approx(lon, abs=0.05)
        assert item.metadata["gsd"] == 10.0 and item.metadata["bands"].startswith("B01,B02,B03")
