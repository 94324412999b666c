"""What a scan tells of a scene besides its tiles: what was never written, what is slow, what is there twice."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin
from rasterio.windows import Window

from fieldglass.ingest import run
from fieldglass.testing.tiny import TinyEncoder
from fieldglass.types import Item, Problem
from fieldglass_remote_sensing.loader import Scenes
from remote_sensing import products


def scanned(root, **options):
    found = list(Scenes(**options).scan(root))
    problems = {(each.subject, each.code): each for each in found if isinstance(each, Problem)}
    assert {each.severity for each in problems.values()} <= {"warning"}
    return problems, [each for each in found if isinstance(each, Item)]


def sparse(path, *, bands=1, size=2048, **profile):
    """Blocks of 256 pixels, of which row 2, column 5 is written, and row 4, column 0 in the last band."""
    with rasterio.open(
        path, "w", driver="GTiff", count=bands, height=size, width=size, dtype="uint16", crs="EPSG:32632",
        transform=from_origin(*products.ORIGIN, 1, 1), tiled=True, SPARSE_OK="TRUE", **profile,
    ) as file:  # fmt: skip
        block = np.arange(256 * 256, dtype=np.uint16).reshape(256, 256)
        file.write(block, 1, window=Window(5 * 256, 2 * 256, 256, 256))
        file.write(block, bands, window=Window(0, 4 * 256, 256, 256))


@pytest.mark.parametrize("profile", [{}, {"nodata": 0}, {"bands": 3, "interleave": "band"}, {"bands": 3}])
def test_blocks_that_were_never_written_are_no_tiles_and_no_problems(tmp_path, profile):
    sparse(tmp_path / "a.tif", **profile)
    problems, items = scanned(tmp_path, size=256)
    assert [item.id for item in items] == ["a.tif#tile=0,2,5", "a.tif#tile=0,4,0"]
    (warning,) = problems.values()
    assert warning.code == "scene-sparse" and "62 of its 64 tiles" in warning.message
    assert len(scanned(tmp_path, size=512)[1]) == 2
    assert len(scanned(tmp_path, size=256, overlap=64)[1]) > 2  # neighbours touch a written block


def test_a_written_raster_loses_no_tile(tmp_path):
    values = np.zeros((1, 2048, 2048), np.uint16)
    products.raster(tmp_path / "a.tif", values, transform=from_origin(*products.ORIGIN, 1, 1), tiled=True)
    problems, items = scanned(tmp_path, size=256)
    assert not problems and len(items) == 64


@pytest.mark.parametrize(("layout", "warned"), [({}, True), ({"tiled": True}, False)])
def test_a_large_raster_in_strips_without_overviews_is_a_warning(tmp_path, layout, warned):
    with rasterio.open(
        tmp_path / "a.tif", "w", driver="GTiff", count=1, height=64, width=20_032, dtype="uint8", crs="EPSG:32632",
        transform=from_origin(*products.ORIGIN, 1, 1), **layout,
    ) as file:  # fmt: skip
        file.write(np.random.default_rng(0).integers(1, 255, (1, 64, 20_032), dtype=np.uint8))
    assert (("a.tif", "scene-striped") in scanned(tmp_path)[0]) == warned
    with rasterio.open(tmp_path / "a.tif", "r+") as file:
        file.build_overviews([4])
    assert not scanned(tmp_path)[0]


def test_an_older_processing_of_the_same_data_is_reported(tmp_path):
    old = products.sentinel2(tmp_path, size=60, baseline="03.01")
    new = products.sentinel2(tmp_path, size=60, baseline="05.10")
    other = products.sentinel2(tmp_path / "other", size=60, level="L1C")
    problems, items = scanned(tmp_path)
    ((subject, code),) = problems
    assert (subject, code) == (old.name, "scene-reprocessed")
    assert new.name in problems[subject, code].message
    assert {item.groups["scene"] for item in items} == {old.name, new.name, f"other/{other.name}"}


def test_radar_products_of_one_slice_are_the_same_data(tmp_path):
    one = products.sentinel1(tmp_path, rows=60, columns=60)
    one.rename(one.with_name(one.name.replace("1A2B", "0F00")))
    products.sentinel1(tmp_path, rows=60, columns=60)
    problems, _ = scanned(tmp_path)
    assert [(name[-9:], code) for name, code in problems] == [("0F00.SAFE", "scene-reprocessed")]


def test_the_tiles_of_a_large_scene_are_taken_in_batches_as_asked_for(tmp_path, monkeypatch):
    """Batches grow only to end with a file, so that the workers of an ingest end together."""
    values = np.random.default_rng(0).integers(1, 255, (3, 240, 240), dtype=np.uint8)
    products.raster(tmp_path / "a.tif", values, photometric="RGB")
    products.raster(tmp_path / "b.tif", values[:, :60, :40], photometric="RGB")
    sizes = []
    whole = run.Step.__call__

    def counted(self, tasks):
        sizes.append(len(tasks))
        return whole(self, tasks)

    monkeypatch.setattr(run.Step, "__call__", counted)
    with run.Store.create(tmp_path / "x.collection") as store:
        report = run.ingest(
            store, tmp_path, encoder=TinyEncoder(), loader="rs/scenes", loader_options={"size": 20}, batch=32, workers=2
        )
    assert report.new == 144 + 6
    assert sizes.count(32) >= 3 and sum(sizes) == 150
