"""What the header of a picture adds to its item."""

from __future__ import annotations

from datetime import datetime

from PIL import Image

import bad_images
from fieldglass.loaders.headers import picture_columns
from fieldglass.registry import registry
from fieldglass.types import Item


def test_size_format_and_time(tmp_path):
    bad_images.write(tmp_path)
    name = "rotated.jpg"
    found = picture_columns(Item(name, (name,)), (tmp_path / name,))
    assert found == {"width": 48, "height": 64, "format": "JPEG", "taken": datetime(2024, 5, 6, 7, 8, 9)}
    name = "is-a-png.jpg"
    assert picture_columns(Item(name, (name,)), (tmp_path / name,)) == {"width": 64, "height": 48, "format": "PNG"}
    for name in ("text.jpg", "pdf.jpg", "empty.jpg", "missing.jpg"):
        assert picture_columns(Item(name, (name,)), (tmp_path / name,)) == {}


def test_a_tile_or_a_series_has_none(tmp_path):
    bad_images.write(tmp_path)
    path = tmp_path / "rgba.png"
    assert picture_columns(Item("a", ("rgba.png",), {"window": [0, 0, 8, 8]}), (path,)) == {}
    assert picture_columns(Item("a", ("rgba.png", "rgba.png")), (path, path)) == {}


def test_impossible_times_are_left_out(tmp_path):
    for text in ("0000:00:00 00:00:00", "yesterday", ""):
        exif = Image.Exif()
        exif[0x0132] = text
        (tmp_path / "x.jpg").write_bytes(bad_images.encoded(bad_images.picture(), "JPEG", exif=exif))
        assert "taken" not in picture_columns(Item("x.jpg", ("x.jpg",)), (tmp_path / "x.jpg",))


def test_it_is_a_hook(tmp_path):
    (tmp_path / "x.png").write_bytes(bad_images.encoded(bad_images.picture(), "PNG"))
    answers = dict(registry().metadata(Item("x.png", ("x.png",)), (tmp_path / "x.png",)))
    assert answers["core"] == {"width": 64, "height": 48, "format": "PNG"}
