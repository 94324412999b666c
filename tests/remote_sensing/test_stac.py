"""STAC items with local assets are scenes; remote assets are never fetched."""

from __future__ import annotations

import json
import urllib.request

import numpy as np
import pytest

from fieldglass.types import Item, Problem
from fieldglass_remote_sensing.loader import Scenes
from remote_sensing import products


def item_of(folder, hrefs, *, properties=None, scale=None):
    """An item beside its bands, 10 and 20 m."""
    bands = {"blue": ("B02", 10, 1500), "red": ("B04", 10, 1600), "nir": ("B08", 10, 4000), "swir16": ("B11", 20, 2000)}
    assets = {}
    for key, href in hrefs.items():
        name, metres, value = bands[key]
        asset = {"href": href, "roles": ["data"], "eo:bands": [{"name": name, "common_name": key}]}
        if scale:
            asset["raster:bands"] = [{"scale": scale[0], "offset": scale[1]}]
        assets[key] = asset
        if "://" not in href and not href.startswith(("/", "..")):
            side = 600 // metres
            grid = products.from_origin(*products.ORIGIN, metres, metres)
            values = np.full((1, side, side), value, np.uint16)
            values[:, 0] += 1
            products.raster(folder / href, values, transform=grid)
    told = {"datetime": "2023-06-15T10:30:31Z", "platform": "sentinel-2a", "eo:cloud_cover": 12.5} | (properties or {})
    (folder / "item.json").write_text(json.dumps({
        "type": "Feature", "stac_version": "1.0.0", "id": "x", "collection": "sentinel-2-l2a", "properties": told,
        "assets": assets, "bbox": [-180, -90, 180, 90], "geometry": None,
    }))  # fmt: skip


LOCAL = {"blue": "./blue.tif", "red": "red.tif", "nir": "sub/nir.tif", "swir16": "swir.tif"}


def read(folder, **options):
    (item,) = (each for each in Scenes(**options).scan(folder) if getattr(each, "code", "") != "scene-offset")
    assert isinstance(item, Item), item
    return item, next(iter(Scenes(**options).read([item], folder)))


@pytest.mark.parametrize(
    ("properties", "red"),
    [
        ({"s2:processing_baseline": "05.09"}, 0.06),
        ({"s2:processing_baseline": "03.01"}, 0.16),
        ({"s2:processing_baseline": "05.09", "earthsearch:boa_offset_applied": True}, 0.16),
    ],
)
def test_an_item_gives_names_date_cloud_and_offset(tmp_path, properties, red):
    item_of(tmp_path, LOCAL, properties=properties)
    item, sample = read(tmp_path)
    assert sample.bands == ("B02", "B04", "B08", "B11") and sample.units == "reflectance"
    assert sample.content[5, 5, 1] == pytest.approx(red)
    assert item.paths[0] == "item.json" and item.metadata["cloud"] == 0.125
    assert (item.metadata["sensor"], item.metadata["date"].year) == ("sentinel-2-l2a", 2023)
    assert item.metadata["west"] > 11  # the bbox of the item is not trusted


def test_scale_and_offset_of_the_item_are_applied(tmp_path):
    item_of(tmp_path, LOCAL, scale=(0.0001, -0.1))
    assert read(tmp_path)[1].content[5, 5, 1] == pytest.approx(0.06)


def test_remote_assets_are_not_fetched(tmp_path, monkeypatch):
    monkeypatch.setattr(urllib.request, "urlopen", None)
    item_of(tmp_path, {"red": "https://localhost:1/red.tif", "blue": "s3://bucket/blue.tif", "nir": "/etc/nir.tif"})
    (problem,) = Scenes().scan(tmp_path)
    assert isinstance(problem, Problem) and problem.code == "stac-remote"


def test_an_asset_outside_the_root_is_not_read(tmp_path):
    folder = tmp_path / "root"
    folder.mkdir()
    item_of(tmp_path, {"nir": "nir.tif"})
    item_of(folder, {"red": "red.tif", "nir": "../nir.tif"})
    assert read(folder)[1].bands == ("B04",)


def test_other_json_is_passed_over(tmp_path):
    (tmp_path / "a.json").write_text('{"type": "FeatureCollection"}')
    (tmp_path / "b.json").write_text("[" * 100_000)
    assert list(Scenes().scan(tmp_path)) == []
