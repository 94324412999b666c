"""Chips with world files, netCDF and HDF5, rational polynomials, palettes, axis order, tables that lie."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import rasterio
from PIL import Image
from rasterio.rpc import RPC
from rasterio.shutil import copy
from rasterio.transform import from_origin

from fieldglass.types import Item, Problem, Sample
from fieldglass_remote_sensing.loader import Scenes
from remote_sensing import products

GRID = from_origin(*products.ORIGIN, 10, 10)


def one(root, **options) -> tuple[Item, Sample]:
    (item,) = Scenes(**options).scan(root)
    assert isinstance(item, Item), item
    (sample,) = Scenes(**options).read([item], root)
    assert isinstance(sample, Sample), sample
    return item, sample


def code(root, **options) -> str:
    (found,) = Scenes(**options).scan(root)
    if isinstance(found, Item):
        (found,) = Scenes(**options).read([found], root)
    assert isinstance(found, Problem), found
    return found.code


def chip(path, side=60):
    Image.fromarray(np.random.default_rng(0).integers(1, 255, (side, side, 3), dtype=np.uint8)).save(path)


WORLD = "10.0\n0.0\n0.0\n-10.0\n699965.0\n5000035.0\n"  # the middle of the first pixel of GRID


@pytest.mark.parametrize(
    ("picture", "world"), [("a.png", "a.pgw"), ("a.jpg", "a.jgw"), ("a.jpeg", "a.wld"), ("a.png", "a.PGW")]
)
def test_a_chip_lies_where_its_world_file_and_the_crs_option_say(tmp_path, picture, world):
    chip(tmp_path / picture)
    assert "lat" not in one(tmp_path)[0].metadata
    (tmp_path / world).write_text(WORLD)
    item, sample = one(tmp_path, crs="EPSG:32632")
    products.raster(tmp_path / "b" / "same.tif", np.ones((1, 60, 60), np.uint16), transform=GRID)
    (same,) = Scenes().scan(tmp_path / "b")
    assert {name: item.metadata[name] for name in ("lat", "lon", "footprint", "gsd", "crs")} == {
        name: same.metadata[name] for name in ("lat", "lon", "footprint", "gsd", "crs")
    }
    assert sample.spacing == (10.0, 10.0) and item.paths == (picture, world)


def test_a_world_file_without_a_crs_makes_no_place(tmp_path):
    chip(tmp_path / "a.png")
    (tmp_path / "a.pgw").write_text(WORLD)
    assert not {"lat", "crs", "gsd"} & set(one(tmp_path)[0].metadata)


def test_a_turned_world_file_keeps_the_chip_and_turns_its_footprint(tmp_path):
    chip(tmp_path / "a.png")
    (tmp_path / "a.pgw").write_text("0\n10\n10\n0\n699965\n5000035\n")
    item, sample = one(tmp_path, crs="EPSG:32632")
    assert sample.content.shape == (60, 60, 3) and item.metadata["footprint"].startswith("POLYGON")


@pytest.mark.parametrize("said", ["", "1 2 3", "10\n0\n0\n-10\nnan\n5", "0 0 0 0 5 5", "ten\n" * 6, "9" * 9000])
def test_a_world_file_that_says_nothing_is_told(tmp_path, said):
    chip(tmp_path / "a.png")
    (tmp_path / "a.pgw").write_text(said)
    assert code(tmp_path) == "scene-world-file"


def test_a_world_file_outside_the_root_is_not_read(tmp_path):
    (tmp_path / "root").mkdir()
    chip(tmp_path / "root" / "a.png")
    (tmp_path / "a.pgw").write_text(WORLD)
    (tmp_path / "root" / "a.pgw").symlink_to(tmp_path / "a.pgw")
    found = Scenes(crs="EPSG:32632").scan(tmp_path / "root")
    assert [("lat" in each.metadata, each.paths) for each in found if isinstance(each, Item)] == [(False, ("a.png",))]


def net(folder, kind, values=None):
    """A netCDF file of that kind, as GDAL writes it with the CF conventions."""
    values = np.random.default_rng(0).integers(1, 2000, (1, 60, 60)).astype(np.int16) if values is None else values
    values[0, :10] = -9999
    products.raster(folder.parent / "plain.tif", values, transform=GRID, nodata=-9999)
    copy(folder.parent / "plain.tif", folder / "a.nc", driver="netCDF", FORMAT=kind)
    return values


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


@pytest.mark.parametrize("kind", ["NC", "NC4"])
def test_netcdf_has_its_place_its_no_data_and_its_numbers(root, kind):
    if kind == "NC4":
        pytest.importorskip("h5py")
    values = net(root, kind)
    item, sample = one(root)
    assert (item.metadata["crs"], item.metadata["gsd"]) == ("EPSG:32632", 10.0)
    assert np.array_equal(sample.content[10:, :, 0], values[0, 10:])
    assert not sample.mask[:10].any() and sample.mask[10:].all()


def test_scale_and_offset_of_netcdf_are_applied(root):
    h5py = pytest.importorskip("h5py")
    values = net(root, "NC4")
    with h5py.File(root / "a.nc", "r+") as file:
        file["Band1"].attrs.update({"scale_factor": 0.5, "add_offset": 10.0})
    assert one(root)[1].content[10:, :, 0] == pytest.approx(values[0, 10:] * 0.5 + 10)


def test_of_several_rasters_in_a_file_one_is_chosen(root):
    h5py = pytest.importorskip("h5py")
    values = np.random.default_rng(0).integers(1, 2000, (2, 3, 50, 40), dtype=np.uint16)
    with h5py.File(root / "a.h5", "w") as file:
        file["x"], file["group/y"] = values
    (problem,) = Scenes().scan(root)
    assert problem.code == "scene-subdataset" and "group/y, x" in problem.message
    assert code(root, subdataset="z") == "scene-subdataset"
    for name, wanted in (("x", values[0]), ("group/y", values[1])):
        assert np.array_equal(one(root, subdataset=name)[1].content, np.moveaxis(wanted, 0, -1))


def test_an_hdf5_file_that_leads_elsewhere_is_refused(root):
    """GDAL would follow each of these, the second to any file at all."""
    h5py = pytest.importorskip("h5py")
    secret = np.full((50, 40), 77, np.uint8)
    with h5py.File(root.parent / "secret.h5", "w") as file:
        file["x"] = secret
    (root.parent / "secret.bin").write_bytes(secret.tobytes())
    layout = h5py.VirtualLayout((50, 40), "u1")
    layout[:] = h5py.VirtualSource(str(root.parent / "secret.h5"), "x", (50, 40))
    for number, ending in enumerate((".h5", ".nc")):
        for kind in ("link", "raw", "virtual"):
            block = 1024 if kind == "raw" else 0  # of the user, before what is HDF5
            with h5py.File(root / f"{number}{kind}{ending}", "w", userblock_size=block) as file:
                group = file.create_group("group")
                group["mine"] = np.zeros((50, 40), np.uint8)
                if kind == "link":
                    group["x"] = h5py.ExternalLink(str(root.parent / "secret.h5"), "/x")
                elif kind == "raw":
                    group.create_dataset("x", (50, 40), "u1", external=[(str(root.parent / "secret.bin"), 0, 2000)])
                else:
                    group.create_virtual_dataset("x", layout)
    found = list(Scenes(subdataset="group/x").scan(root))
    assert len(found) == 6 and {getattr(each, "code", "taken") for each in found} == {"scene-refused"}


def test_an_hdf5_file_without_h5py_is_not_opened(root, monkeypatch):
    h5py = pytest.importorskip("h5py")
    with h5py.File(root / "a.h5", "w") as file:
        file["x"] = np.ones((20, 20), np.uint8)
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    (problem,) = Scenes().scan(root)
    assert problem.code == "scene-hdf5" and "fieldglass-remote-sensing[h5]" in problem.message


def test_rational_polynomials_give_the_place_at_mean_height(tmp_path):
    said = RPC(
        height_off=100.0, height_scale=500.0, lat_off=45.0, lat_scale=0.01, line_off=100.0, line_scale=100.0,
        long_off=11.0, long_scale=0.01, samp_off=100.0, samp_scale=100.0, err_bias=None, err_rand=None,
        line_num_coeff=[0.0, 0.0, -1.0] + [0.0] * 17, line_den_coeff=[1.0] + [0.0] * 19,
        samp_num_coeff=[0.0, 1.0] + [0.0] * 18, samp_den_coeff=[1.0] + [0.0] * 19,
    )  # fmt: skip
    values = np.random.default_rng(0).integers(1, 250, (3, 200, 200), dtype=np.uint8)
    values[:, 50:60, 20:40] = 255
    with rasterio.open(
        tmp_path / "a.tif", "w", driver="GTiff", count=3, height=200, width=200, dtype="uint8", photometric="RGB",
        rpcs=said,
    ) as file:  # fmt: skip
        file.write(values)
    item, sample = one(tmp_path)
    assert (item.metadata["lat"], item.metadata["lon"]) == pytest.approx((45.0, 11.0), abs=1e-4)
    assert item.metadata["north"] - item.metadata["south"] == pytest.approx(0.02, abs=1e-4)
    assert np.argwhere((sample.content == 255).all(-1)).mean(axis=0) == pytest.approx([54.5, 29.5], abs=1)
    assert code(tmp_path, rotated="refuse") == "scene-rotated"


def test_a_transparent_entry_of_a_palette_is_masked(tmp_path):
    entries = np.arange(100, dtype=np.uint8).reshape(10, 10) % 4
    picture = Image.fromarray(entries, mode="P")
    picture.putpalette([9, 9, 9, 250, 0, 0, 0, 250, 0, 0, 0, 250])
    picture.save(tmp_path / "a.png", transparency=bytes([0, 255, 255, 255]))
    _, sample = one(tmp_path)
    assert np.array_equal(sample.mask, entries != 0)
    assert sample.content[0, 1].tolist() == [250, 0, 0] and sample.units == "srgb8"


@pytest.mark.parametrize(("driver", "name"), [("GTiff", "a.tif"), ("JP2OpenJPEG", "a.jp2")])
def test_latitude_and_longitude_are_not_swapped(tmp_path, driver, name):
    """EPSG:4326 has latitude first, as the GML of JPEG 2000 writes it; a geotransform has longitude first."""
    grid = from_origin(11, 48, 0.001, 0.001)
    values = np.random.default_rng(0).integers(1, 255, (1, 64, 64), dtype=np.uint8)
    products.raster(tmp_path / name, values, transform=grid, crs="EPSG:4326", driver=driver)
    told = one(tmp_path)[0].metadata
    assert (told["west"], told["north"]) == pytest.approx((11, 48), abs=1e-6)


@pytest.mark.parametrize("counts", [0, 7, 0xFFFFFFFF])
def test_wrong_byte_counts_are_told_and_cost_their_tile_alone(tmp_path, counts):
    values = np.random.default_rng(0).integers(1, 60000, (1, 512, 256), dtype=np.uint16)
    path = products.raster(
        tmp_path / "a.tif", values, transform=GRID, tiled=True, blockxsize=256, blockysize=256, compress="deflate"
    )
    _lie(path, counts)
    items = [each for each in Scenes().scan(tmp_path) if isinstance(each, Item)]
    answers = Scenes().read(items, tmp_path)
    found = {item.id[-5:]: getattr(each, "code", "taken") for item, each in zip(items, answers, strict=True)}
    assert found.pop("0,1,0") == "taken"
    assert set(found.values()) <= {"scene-unreadable", "tile-constant", "tile-no-data"}


def _lie(path, counts: int) -> None:
    """Set the byte count of the first of two tiles of a classic TIFF."""
    content = bytearray(path.read_bytes())
    (start,) = struct.unpack_from("<I", content, 4)
    (entries,) = struct.unpack_from("<H", content, start)
    for entry in range(start + 2, start + 2 + 12 * entries, 12):
        tag, _, number, value = struct.unpack_from("<HHII", content, entry)
        if tag == 325:
            assert number == 2
            struct.pack_into("<I", content, value, counts)
    path.write_bytes(content)
