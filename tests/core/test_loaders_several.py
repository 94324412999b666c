"""Files of several pictures, and pictures that end early, where a user asks for them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import bad_images
from fieldglass.errors import UsageError
from fieldglass.ingest import ingest
from fieldglass.loaders.files import Files
from fieldglass.loaders.table import Table
from fieldglass.store import Store
from fieldglass.testing.tiny import TinyEncoder
from fieldglass.types import Problem

COLOURS = [(200, 10, 10), (10, 200, 10), (10, 10, 200), (200, 200, 10), (10, 200, 200)]


@pytest.fixture
def folder(tmp_path):
    frames = [Image.new("RGB", (40, 30), colour) for colour in COLOURS]
    for name, suffix in (("spin", "gif"), ("pages", "tiff"), ("moves", "webp"), ("apng", "png")):
        lossless = {"lossless": True} if suffix == "webp" else {}
        frames[0].save(tmp_path / f"{name}.{suffix}", save_all=True, append_images=frames[1:], **lossless)
    frames[0].save(tmp_path / "one.gif")
    return tmp_path


@pytest.fixture
def cut(tmp_path):
    whole = bad_images.encoded(bad_images.picture(160, 120, 3), "JPEG", quality=95)
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) * 6 // 10])
    (tmp_path / "whole.jpg").write_bytes(whole)
    return tmp_path


def read(loader, root):
    items = [each for each in loader.scan(root) if not isinstance(each, Problem)]
    return dict(zip([each.id for each in items], loader.read(items, root), strict=True)), items


def test_an_animation_is_its_first_frame(folder):
    found, _ = read(Files(), folder)
    assert sorted(found) == ["apng.png", "moves.webp", "one.gif", "pages.tiff", "spin.gif"]
    assert all(sample.content[0, 0].tolist() == list(COLOURS[0]) for sample in found.values())


@pytest.mark.parametrize("name", ["spin.gif", "pages.tiff", "moves.webp", "apng.png"])
def test_frames_are_items_of_one_group(folder, name):
    found, items = read(Files(frames=10, only=(name, "one.gif")), folder)
    mine = [each for each in items if each.paths == (name,)]
    assert [each.id for each in mine] == [f"{name}#{number}" for number in range(1, 6)]
    assert [found[each.id].content[0, 0].tolist() for each in mine] == [list(colour) for colour in COLOURS]
    assert {each.groups["file"] for each in mine} == {name}
    assert [each.metadata["frame"] for each in mine] == [1, 2, 3, 4, 5]
    assert "one.gif" in found  # one picture is one item, under its own name


def test_frames_are_taken_evenly(folder):
    found, _ = read(Files(frames=3, only=("spin.gif",)), folder)
    assert list(found) == ["spin.gif#1", "spin.gif#3", "spin.gif#5"]
    found, _ = read(Files(frames=3), folder / "spin.gif")
    assert list(found) == ["spin.gif#1", "spin.gif#3", "spin.gif#5"]


def test_a_page_over_the_limit_costs_no_other(tmp_path):
    pages = [Image.new("RGB", (40, 30)), Image.new("RGB", (400, 300))]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    found, _ = read(Files(frames=2, max_pixels=2000), tmp_path)
    assert found["a.tif#1"].content.shape == (30, 40, 3)
    assert found["a.tif#2"].code == "image-too-large"


def test_a_damaged_animation_is_one_problem(folder):
    content = (folder / "spin.gif").read_bytes()
    (folder / "spin.gif").write_bytes(content[:20])
    found, _ = read(Files(frames=5, only=("spin.gif",)), folder)
    assert [(name, isinstance(each, Problem)) for name, each in found.items()] == [("spin.gif", True)]


def test_a_negative_number_of_frames_is_refused():
    with pytest.raises(UsageError, match="frames=-1"):
        Files(frames=-1)


def test_a_jpeg_that_ends_early(cut):
    strict, _ = read(Files(), cut)
    assert strict["cut.jpg"].code == "image-truncated"
    lenient, _ = read(Files(lenient=True), cut)
    whole, part = lenient["whole.jpg"], lenient["cut.jpg"]
    assert part.measured == {"truncated": True} and not whole.measured
    assert part.content.shape == whole.content.shape
    assert np.array_equal(part.content[:8], whole.content[:8])
    assert (part.content[-1] == 128).all()  # what is missing is grey


def test_what_is_no_jpeg_must_be_whole(tmp_path):
    content = bad_images.encoded(bad_images.picture(160, 120, 3), "PNG")
    (tmp_path / "cut.png").write_bytes(content[: len(content) // 2])
    found, _ = read(Files(lenient=True), tmp_path)
    assert found["cut.png"].code in ("image-truncated", "image-damaged")


def test_a_table_can_be_lenient(cut):
    (cut / "a.csv").write_text("path\ncut.jpg\n")
    found, _ = read(Table(lenient=True), cut / "a.csv")
    assert found["cut.jpg"].measured == {"truncated": True}


def test_the_collection_says_which_are_truncated(cut, tmp_path):
    with Store.create(tmp_path / "x.collection") as store:
        report = ingest(
            store, cut, encoder=TinyEncoder(), loader_options={"lenient": True, "only": ("cut.jpg", "whole.jpg")}
        )
        assert (report.new, report.problems) == (2, 0)
        snapshot = store.snapshot()
        assert snapshot.ids(snapshot.select("truncated")) == ["cut.jpg"]
