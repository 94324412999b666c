"""Tiles cover a scene, are read from whole blocks, each about once, and lie where they are."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections import Counter
from itertools import product

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import Affine, from_origin
from rasterio.windows import Window
from shapely import wkt

from fieldglass.errors import UsageError
from fieldglass.types import Item, Problem
from fieldglass_remote_sensing import reader, resampling
from fieldglass_remote_sensing.levels import Block, Level, overview_for
from fieldglass_remote_sensing.loader import Scenes
from fieldglass_remote_sensing.places import Place
from fieldglass_remote_sensing.rasters import open_raster
from fieldglass_remote_sensing.tiling import Grid, Tile
from remote_sensing import products


class Counted:
    """A dataset that counts how often each block of its file is touched by a read."""

    def __init__(self, raster, counts):
        self._raster, self._counts = raster, counts

    def __getattr__(self, name):
        return getattr(self._raster, name)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._raster.close()

    def read(self, indexes, *, window=None, **options):
        high, wide = self._raster.block_shapes[0]
        key = self._raster.name, self._raster.width
        for row in range(int(window.row_off) // high, -(-int(window.row_off + window.height) // high)):
            for column in range(int(window.col_off) // wide, -(-int(window.col_off + window.width) // wide)):
                self._counts[(*key, row, column)] += 1
        return self._raster.read(indexes, window=window, **options)


@pytest.fixture
def counts(monkeypatch):
    found = Counter()

    def counted(path, driver, **options):
        return Counted(open_raster(path, driver, **options), found)

    monkeypatch.setattr(reader, "open_raster", counted)
    return found


def big(path, rows=1500, columns=1800, bands=2, **profile):
    values = np.stack([products.scene_values(rows, columns, 500, 3000, band) for band in range(bands)]).astype(
        np.uint16
    )
    return products.raster(path, values, transform=from_origin(*products.ORIGIN, 10, 10), **profile)


def ingest(root, **options):
    """Read every tile in the order of the scan, as the ingest does."""
    loader = Scenes(**options)
    items = [each for each in loader.scan(root) if isinstance(each, Item)]
    return items, list(loader.read(items, root))


LAYOUTS = {
    "tiled": {"tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "deflate"},
    "striped": {"compress": "deflate"},
    "one strip": {"blockysize": 1500},
    "bands apart": {"tiled": True, "blockxsize": 256, "blockysize": 256, "interleave": "band"},
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("size", [224, 256])
def test_every_block_is_read_once(tmp_path, counts, layout, size):
    big(tmp_path / "a.tif", **LAYOUTS[layout])
    items, samples = ingest(tmp_path, size=size, overlap=32)
    assert len(items) > 40 and not any(isinstance(each, Problem) for each in samples)
    with rasterio.open(tmp_path / "a.tif") as file:
        high, wide = file.block_shapes[0]
        assert len(counts) == -(-file.height // high) * -(-file.width // wide)
        whole = file.read()
    assert sum(counts.values()) <= 1.0 * len(counts)
    for item, sample in zip(items, samples, strict=True):
        row0, col0, row1, col1 = (int(each) for each in item.locator["window"])
        assert np.array_equal(sample.content, np.moveaxis(whole[:, row0:row1, col0:col1], 0, -1)), item.id


def test_panels_bound_the_memory_and_read_their_seams_twice(tmp_path, counts, monkeypatch):
    """With room for few blocks the tiles go in panels; a block is still read at most 1.2 times."""
    from fieldglass_remote_sensing import loader

    big(tmp_path / "a.tif", rows=2048, columns=3072, bands=1, tiled=True, blockxsize=256, blockysize=256)
    monkeypatch.setattr(loader, "KEEP", 3 << 20)
    monkeypatch.setattr(reader, "KEEP", 3 << 20)
    items, _ = ingest(tmp_path, size=224, overlap=32)
    columns = [item.locator["tile"][2] for item in items]
    assert columns != sorted(columns) and len(counts) == 96
    assert 1.0 < sum(counts.values()) / len(counts) <= 1.2


def test_a_coarser_level_is_read_from_overviews(tmp_path, counts):
    path = big(tmp_path / "a.tif", tiled=True, blockxsize=256, blockysize=256)
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2, 4], rasterio.enums.Resampling.average)
    items, samples = ingest(tmp_path, gsd=40, size=200)
    assert {width for _, width, _, _ in counts} == {450}  # the overview of 4 alone
    assert sum(counts.values()) == len(counts)
    assert items[0].id == "a.tif#tile=2,0,0" and items[0].metadata["gsd"] == pytest.approx(40)
    with rasterio.open(path) as file:
        mean = file.read(1).reshape(375, 4, 450, 4).mean(axis=(1, 3))
    assert np.abs(samples[0].content[..., 0] - mean[:200, :200]).max() <= 2  # overviews are rounded twice


@pytest.mark.parametrize("gsd", [40, 25, 7])
def test_resampling_keeps_the_mean_and_the_ground(tmp_path, counts, gsd):
    path = big(tmp_path / "a.tif", rows=1000, columns=1000, tiled=True, blockxsize=256, blockysize=256)
    items, samples = ingest(tmp_path, gsd=gsd, size=200)
    with rasterio.open(path) as file:
        whole = file.read(1).astype(float)
    for item, sample in zip(items, samples, strict=True):
        row0, col0, row1, col1 = (round(each) for each in item.locator["window"])
        assert sample.content.shape[:2] == (min(200, round(10000 / gsd)),) * 2
        assert sample.content[..., 0].mean() == pytest.approx(whole[row0:row1, col0:col1].mean(), rel=0.01)
        assert sample.spacing == pytest.approx((gsd, gsd), rel=0.01)
    assert sum(counts.values()) / len(counts) <= 1.2


def test_a_whole_scene_reads_its_overview_and_nothing_else(tmp_path, counts):
    """The quicklook of a COG."""
    path = big(tmp_path / "a.tif", tiled=True, blockxsize=256, blockysize=256)
    with rasterio.open(path, "r+") as file:
        file.build_overviews([2, 4, 8], rasterio.enums.Resampling.average)
    (item,), (sample,) = ingest(tmp_path, whole=True, size=200)
    assert (item.id, sample.content.shape) == ("a.tif", (167, 200, 2))
    assert {width for _, width, _, _ in counts} == {225} and len(counts) == 1


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 900), st.integers(1, 900), st.integers(40, 300), st.floats(0, 0.9), st.floats(0.3, 7),
    st.integers(1, 9),
)  # fmt: skip
def test_tiles_cover_the_scene_and_stay_inside(height, width, size, overlap, factor, panel):
    grid = Grid(height, width, size, int(size * overlap), (factor, factor), panel)
    tiles = list(grid.tiles())
    assert len({tile.name for tile in tiles}) == len(tiles) == len(grid)
    seen = np.zeros((height, width), dtype=bool)
    for tile in tiles:
        row0, col0, row1, col1 = tile.window
        assert -1e-6 <= row0 < row1 <= height + 1e-6 and -1e-6 <= col0 < col1 <= width + 1e-6
        seen[max(0, int(row0)) : int(np.ceil(row1)), max(0, int(col0)) : int(np.ceil(col1))] = True
        assert Tile.of(tile.locator()) == tile
    assert seen.all()
    assert {tile.shape for tile in tiles} == {tiles[0].shape}


def test_an_overview_is_never_finer_than_asked():
    class Pyramid:
        def overviews(self, index):
            return [2, 4, 8]

    assert [overview_for(Pyramid(), 1, factor) for factor in (1, 2, 3.9, 5, 8, 40)] == [
        (None, 1), (0, 1), (0, 1), (1, 1), (2, 1), (2, 5),
    ]  # fmt: skip


def test_no_data_does_not_bleed_into_its_neighbours():
    values = np.full((40, 40, 1), 100.0, dtype=np.float32)
    values[:, :15] = -9999
    mask = values[..., 0] > 0
    found = resampling.fit(Block(values, mask), (0, 0, 40, 40), (20, 20))
    assert found.values[found.mask] == pytest.approx(100)
    assert found.mask.mean() == 0.65


@pytest.mark.parametrize("crs", ["EPSG:32660", "EPSG:32701"])
def test_a_tile_across_the_180th_meridian_has_two_parts(tmp_path, crs):
    """The tile lies on the eastern edge of UTM zone 60, or the western of zone 1."""
    from pyproj import Transformer

    lat = 10.0 if crs == "EPSG:32660" else -10.0
    x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(180.0, lat)
    values = np.arange(10000, dtype=np.uint16).reshape(1, 100, 100)
    products.raster(tmp_path / "a.tif", values, transform=from_origin(x - 5000, y + 5000, 100, 100), crs=crs)
    (item,) = Scenes().scan(tmp_path)
    told = item.metadata
    assert told["east"] < 0 < told["west"] and abs(abs(told["lon"]) - 180) < 0.01
    shape = wkt.loads(told["footprint"])
    assert shape.geom_type == "MultiPolygon" and shape.is_valid
    assert [round(abs(each), 3) for each in (shape.bounds[0], shape.bounds[2])] == [180, 180]
    area = sum(part.area for part in shape.geoms) * 111.195**2 * np.cos(np.radians(lat))
    assert area == pytest.approx(100, rel=0.02)  # km2: nothing spans the globe


def test_a_scene_over_the_pole_reaches_it(tmp_path):
    grid = from_origin(-50_000, 50_000, 1000, 1000)
    values = np.arange(10000, dtype=np.uint16).reshape(1, 100, 100)
    products.raster(tmp_path / "a.tif", values, transform=grid, crs="EPSG:3413")
    (item,) = Scenes().scan(tmp_path)
    shape = wkt.loads(item.metadata["footprint"])
    assert shape.is_valid and item.metadata["north"] == 90 and item.metadata["lat"] == pytest.approx(90)
    assert (item.metadata["west"], item.metadata["east"]) == (-180, 180)


def test_footprints_follow_curved_edges_to_half_a_pixel():
    """A wide scene in a conic projection: its straight edges are curved on the globe."""
    place = Place.affine("EPSG:3035", from_origin(2_000_000, 4_000_000, 1000, 1000))
    (told,) = place.columns_of([(0.0, 0.0, 2000.0, 3000.0)])
    ring = wkt.loads(told["footprint"]).exterior
    import shapely

    for along in np.linspace(0, 3000, 97):
        lon, lat = place.degrees(np.array([along]), np.array([0.0]))
        off = ring.distance(shapely.Point(lon[0], lat[0])) * 111.195
        assert off < 0.5  # km, half a pixel


def test_a_turned_raster_is_warped_kept_or_refused(tmp_path):
    turned = Affine.translation(*products.ORIGIN) @ Affine.rotation(-30) @ Affine.scale(10, -10)
    values = products.scene_values(200, 200, 500, 3000, 1)[None].astype(np.uint16)
    path = products.raster(tmp_path / "a.tif", values, transform=turned)
    kept = next(iter(Scenes(rotated="keep").scan(path)))
    ring = np.array(wkt.loads(kept.metadata["footprint"]).exterior.coords)
    assert len({round(lat, 5) for _, lat in ring}) == 4  # a turned square
    (problem,) = Scenes(rotated="refuse").scan(path)
    assert problem.code == "scene-rotated"
    loader = Scenes(whole=True, size=400)
    (item,) = loader.scan(path)
    (sample,) = loader.read([item], path)
    share = 1 / (np.cos(np.radians(30)) + np.sin(np.radians(30))) ** 2
    assert sample.measured["valid"] == pytest.approx(share, abs=0.02)  # the corners are empty
    assert sample.content[sample.mask].mean() == pytest.approx(values.mean(), rel=0.02)
    west, east = item.metadata["west"], item.metadata["east"]
    assert west == pytest.approx(ring[:, 0].min(), abs=6e-4) and east == pytest.approx(ring[:, 0].max(), abs=6e-4)


def test_ground_control_points_are_warped_to_the_north(tmp_path):
    points = products.ground_points(200, 200)
    values = products.scene_values(200, 200, 500, 3000, 1)[None].astype(np.uint16)
    with rasterio.open(
        tmp_path / "a.tif", "w", driver="GTiff", count=1, height=200, width=200, dtype="uint16",
        gcps=[rasterio.control.GroundControlPoint(*each) for each in points], crs="EPSG:4326",
    ) as file:  # fmt: skip
        file.write(values)
    loader = Scenes(whole=True, size=400)
    (item,) = loader.scan(tmp_path)
    (sample,) = loader.read([item], tmp_path)
    known = np.array(points)
    assert item.metadata["west"] == pytest.approx(known[:, 2].min(), abs=3e-4)
    assert item.metadata["north"] == pytest.approx(known[:, 3].max(), abs=3e-4)
    assert 0.6 < sample.measured["valid"] < 1


def test_pixels_that_are_not_square_become_so(tmp_path):
    values = products.scene_values(300, 150, 500, 3000, 1)[None].astype(np.uint16)
    products.raster(tmp_path / "a.tif", values, transform=from_origin(*products.ORIGIN, 20, 10))
    _, (sample,) = ingest(tmp_path, size=300)
    assert sample.content.shape == (300, 300, 1) and sample.spacing == (10.0, 10.0)


def test_a_resolution_without_a_place_is_a_warning(tmp_path):
    products.raster(tmp_path / "a.tif", np.arange(900, dtype=np.uint16).reshape(1, 30, 30), crs=None)
    warning, item = Scenes(gsd=10).scan(tmp_path)
    assert (warning.code, warning.severity) == ("scene-gsd", "warning")
    assert "gsd" not in item.metadata and "footprint" not in item.metadata


@pytest.mark.parametrize(
    "options", [{"size": 0}, {"overlap": 256}, {"overlap": -1}, {"gsd": -1}, {"min_valid": 2}, {"sensor": "spot"}]
)
def test_options_that_cannot_be_are_refused(options):
    with pytest.raises(UsageError):
        Scenes(**options)


SPARSE = """
import sys
from itertools import product
from pathlib import Path
from fieldglass.types import Item, Problem
from fieldglass_remote_sensing.loader import Scenes
root = Path(sys.argv[1])
loader = Scenes(size=1024)
items = [each for each in loader.scan(root) if isinstance(each, Item)]
codes = {getattr(each, "code", "taken") for each in loader.read(items, root)}
whole = Scenes(size=512, whole=True)
(scene,) = whole.scan(root)
list(whole.read([scene], root))
# not ru_maxrss, which begins with what the parent had
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(len(items), sorted(codes), int(peak.split()[1]) >> 10)
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_sparse_giant_stays_under_a_gigabyte(tmp_path):
    """60 000 x 60 000 pixels of which hardly any are written: 7 GB as 16-bit numbers."""
    path = tmp_path / "giant.tif"
    with rasterio.open(
        path, "w", driver="GTiff", count=1, height=60_000, width=60_000, dtype="uint16", crs="EPSG:32632",
        transform=from_origin(*products.ORIGIN, 1, 1), tiled=True, blockxsize=512, blockysize=512, SPARSE_OK="TRUE",
        compress="deflate",
    ) as file:  # fmt: skip
        block = np.ones((1, 512, 512), np.uint16)
        for row, column in product(range(0, 6, 2), range(0, 118, 2)):  # a block in each of 177 tiles
            block[0, 0, 0] = 1 + (row + column > 0)
            file.write(block, window=Window(512 * column, 512 * row, 512, 512))
        file.build_overviews([16, 64], rasterio.enums.Resampling.nearest)

    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))  # of addresses; what is used is told below

    done = subprocess.run(
        [sys.executable, "-c", SPARSE, str(path)], capture_output=True, text=True, preexec_fn=limit,
        env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=120, check=True,
    )  # fmt: skip
    count, *codes, peak = done.stdout.split()
    assert int(count) == 3 * 59
    assert codes == ["['taken']"]
    assert int(peak) < 1024


def test_the_limit_of_a_level_is_kept(tmp_path):
    path = big(tmp_path / "a.tif", tiled=True, blockxsize=256, blockysize=256)
    with rasterio.open(path) as file:
        level = Level(file, [1, 2], keep=1 << 20)
        for row in range(0, 1280, 256):
            level.read(row, 0, row + 256, 1800)
            assert level._held <= 1 << 20
