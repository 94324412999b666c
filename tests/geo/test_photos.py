"""Photos with and without a position, loaded and indexed."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from fieldglass.ingest import ingest
from fieldglass.store import Store
from fieldglass.testing import LoaderContract, TinyEncoder
from fieldglass.types import Item
from fieldglass_geo.loader import Photos


def photo(path, lat=None, lon=(12.0, 34.0, 3.6), lat_ref="N"):
    noise = np.random.default_rng(len(path.name))
    picture = Image.fromarray(noise.integers(0, 256, (40, 60, 3), dtype=np.uint8))
    exif = picture.getexif()
    if lat is not None:
        exif.get_ifd(0x8825).update({1: lat_ref, 2: lat, 3: "E", 4: lon})
    picture.save(path, exif=exif)
    return path


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "holiday"
    root.mkdir()
    photo(root / "copenhagen.jpg", (55.0, 40.0, 33.6))
    photo(root / "home.jpg")
    photo(root / "nowhere.jpg", (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    photo(root / "broken.jpg", (IFDRational(1, 0), IFDRational(0), IFDRational(0)))
    return root


class TestPhotos(LoaderContract):
    loader = "geo/photos"

    def source(self, folder):
        photo(folder / "a.jpg", (55.0, 40.0, 33.6))
        photo(folder / "b.jpg")
        return folder


def test_a_photo_without_a_usable_position_is_taken_with_a_word(folder):
    found = list(Photos().scan(folder))
    assert [each.id for each in found if isinstance(each, Item)] == sorted(path.name for path in folder.iterdir())
    problems = {each.subject: each for each in found if not isinstance(each, Item)}
    assert {name: each.code for name, each in problems.items()} == {
        "broken.jpg": "gps-undefined-rational",
        "nowhere.jpg": "gps-null-island",
    }
    assert {each.severity for each in problems.values()} == {"warning"}


def test_only_those_with_a_position_on_demand(folder):
    found = list(Photos(located=True).scan(folder))
    assert [each.id for each in found if isinstance(each, Item)] == ["copenhagen.jpg"]
    assert {each.code for each in found if not isinstance(each, Item)} == {
        "gps-absent", "gps-null-island", "gps-undefined-rational",
    }  # fmt: skip


def test_lat_and_lon_are_columns_whatever_the_loader(folder, tmp_path):
    with Store.create(tmp_path / "x.collection") as store:
        ingest(store, folder, encoder=TinyEncoder())
        snapshot = store.snapshot()
        found = snapshot.select("lat BETWEEN 55 AND 56 AND lon > 12")
        assert snapshot.ids(found) == ["copenhagen.jpg"]
        cells = snapshot.metadata(found)[0]
        assert (cells["lat"], cells["lon"]) == pytest.approx((55.676, 12.567667), abs=1e-6)
        assert snapshot.ids(snapshot.select("gps_problem = 'null_island'")) == ["nowhere.jpg"]
