"""The offset of Sentinel-2 where no metadata tell of it: proven by the pixels, else by the date, else left alone."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from fieldglass.types import Item, Problem
from fieldglass_remote_sensing.loader import Scenes
from remote_sensing import products

DATA = os.environ.get("FIELDGLASS_DATA")
L2A = "sentinel-2-l2a"


def patch(folder, ground: dict[str, float], *, offset: int, name="a.tif", share=1.0, dtype=np.uint16, tags=()):
    """A patch of that reflectance, with a grain; the lower rows, 1 - `share` of them, are desert."""
    bands = [band for band in products.S2_BANDS if band != "B10"]
    noise = np.random.default_rng(0)
    desert = {"B01": 0.13, "B02": 0.14, "B03": 0.2}
    values = np.stack([np.full((60, 60), 1e4 * desert.get(band, 0.35)) for band in bands])
    rows = round(60 * share)
    for place, band in enumerate(bands):
        values[place, :rows] = 1e4 * ground.get(band, ground.get("", 0.35))
    values = (values + offset + noise.normal(0, 20, values.shape)).clip(1)
    products.raster(folder / name, values.astype(dtype), **dict(tags))
    return folder


WATER = {"": 0.02, "B02": 0.05, "B03": 0.04}
LEAVES = {"": 0.35, "B01": 0.02, "B02": 0.025, "B03": 0.05, "B04": 0.02, "B11": 0.18, "B12": 0.09}
DESERT = {"": 0.4, "B01": 0.12, "B02": 0.13, "B03": 0.2, "B04": 0.3}
DARK_DESERT = {"": 0.2, "B01": 0.075, "B02": 0.085, "B03": 0.1, "B04": 0.13}
ICE = {"": 0.85, "B11": 0.02, "B12": 0.02}
CLOUD = {"": 0.8, "B11": 0.3, "B12": 0.2}


def settled(root, **options):
    items = [each for each in Scenes(sensor=L2A, **options).scan(root) if isinstance(each, Item)]
    (sample,) = Scenes(sensor=L2A, **options).read(items, root)
    return sample.measured["s2_offset"], sample.measured["s2_offset_from"]


@pytest.mark.parametrize("share", [1.0, 0.05])
@pytest.mark.parametrize("ground", [WATER, LEAVES])
@pytest.mark.parametrize("offset", [0, 1000])
def test_dark_ground_proves_or_denies_it(tmp_path, ground, offset, share):
    assert settled(patch(tmp_path, ground, offset=offset, share=share)) == (-offset, "histogram")


@pytest.mark.parametrize("ground", [DESERT, DARK_DESERT, ICE, CLOUD], ids=["desert", "dark", "ice", "cloud"])
def test_bright_ground_is_not_darkened_on_a_guess(tmp_path, ground):
    """Nothing there is dark without the offset either, so that a histogram alone would subtract 0.1."""
    assert settled(patch(tmp_path, ground, offset=0))[0] == 0


@pytest.mark.parametrize(("date", "offset"), [("20210703", 0.0), ("20220124", 0.0), ("20220125", -1000.0)])
def test_bright_ground_goes_by_its_date(tmp_path, date, offset):
    name = f"T32TQM_{date}T103031_B_10m.tif"
    assert settled(patch(tmp_path, DESERT, offset=0, name=name)) == (offset, "date")
    assert settled(patch(tmp_path / "b", LEAVES, offset=0, name=name)) == (0, "histogram")


def test_a_guess_is_a_warning_and_can_be_said(tmp_path):
    patch(tmp_path, DESERT, offset=0)
    warning, item = Scenes(sensor=L2A).scan(tmp_path)
    assert isinstance(warning, Problem) and isinstance(item, Item)
    assert (warning.code, warning.severity) == ("scene-offset", "warning") and "s2_offset" in warning.message
    (item,) = Scenes(sensor=L2A, s2_offset="-1000").scan(tmp_path)
    (sample,) = Scenes(sensor=L2A, s2_offset="-1000").read([item], tmp_path)
    assert sample.content[..., 3].mean() == pytest.approx(0.2, abs=0.01)


def test_what_is_said_holds_for_numbers_stored_as_floats(tmp_path):
    patch(tmp_path, LEAVES, offset=1000, dtype=np.float32)
    assert settled(tmp_path, s2_offset="-1000") == (-1000, "told")
    assert settled(tmp_path) == (-1000, "histogram")


def test_reflectance_stored_as_floats_is_left_alone(tmp_path):
    bands = np.random.default_rng(0).uniform(0.1, 0.4, (12, 30, 30)).astype(np.float32)
    products.raster(tmp_path / "a.tif", bands)
    assert settled(tmp_path, s2_offset="-1000") == (0, "range")


@pytest.mark.skipif(not DATA, reason="FIELDGLASS_DATA is not set")
def test_real_patches_of_desert_and_ice_are_not_darkened():
    """Ten real patches without a date: one of farmland shows the offset, a desert and an ice cap show nothing."""
    root = Path(DATA) / "sentinel2"
    items = [each for each in Scenes(sensor=L2A).scan(root) if isinstance(each, Item)]
    samples = Scenes(sensor=L2A).read(items, root)
    found = {item.groups["scene"]: sample.measured for item, sample in zip(items, samples, strict=True)}
    assert {name: each["s2_offset"] for name, each in found.items() if each["s2_offset"]} == {"patch_57755.tif": -1000}
    assert found["patch_252161.tif"]["s2_offset_from"] == "unclear"
    assert found["patch_25630.tif"]["s2_offset_from"] == "histogram"
