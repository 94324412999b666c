"""HDF5 patches in the layout of CrisisLandMark, written here with shards and links."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from fieldglass.testing import LoaderContract
from fieldglass.types import Item, Problem
from fieldglass_remote_sensing.loader import Scenes

h5py = pytest.importorskip("h5py")


def group(file, key, image, coords=(11.5, 45.1)):
    made = file.create_group(key)
    made["image"] = image
    made["coords"] = np.array(coords)
    made.attrs.update({"crs": "EPSG:32632", "timestamp": "2020-06-15T10:30:31"})


def corpus(folder):
    """Two shards, and the file that links to them."""
    noise = np.random.default_rng(0)
    optical = noise.integers(100, 4000, (12, 40, 30), dtype=np.uint16)
    radar = noise.normal(-14, 3, (2, 40, 30)).astype(np.float32)
    with h5py.File(folder / "benv2s2_part1.h5", "w") as file:
        group(file, "benv2s2_x", optical)
    with h5py.File(folder / "mmflood.h5", "w") as file:
        group(file, "mmflood_y", radar, coords=(1.0, 2.0, 3.0, 4.0))
    with h5py.File(folder / "crisislandmark.h5", "w") as file:
        file["benv2s2_x"] = h5py.ExternalLink("benv2s2_part1.h5", "/benv2s2_x")
        file["mmflood_y"] = h5py.ExternalLink("mmflood.h5", "mmflood_y")
    return optical, radar


class TestPatches(LoaderContract):
    loader = "rs/scenes"

    def source(self, folder):
        corpus(folder)
        return folder


def test_links_to_shards_are_items_of_the_file_that_holds_them(tmp_path):
    optical, radar = corpus(tmp_path)
    items = list(Scenes().scan(tmp_path))
    assert [item.id for item in items] == ["crisislandmark.h5#patch=benv2s2_x", "crisislandmark.h5#patch=mmflood_y"]
    assert items[0].paths == ("crisislandmark.h5", "benv2s2_part1.h5")
    told = items[0].metadata
    assert (told["sensor"], told["crs"], told["lat"], told["lon"]) == ("sentinel-2-l2a", "EPSG:32632", 45.1, 11.5)
    assert told["date"] == datetime(2020, 6, 15, 10, 30, 31, tzinfo=UTC)
    assert "lat" not in items[1].metadata  # four numbers may be anything
    one, other = Scenes().read(items, tmp_path)
    assert (one.units, one.content.shape, len(one.bands)) == ("reflectance", (40, 30, 12), 12)
    assert one.content == pytest.approx(np.moveaxis(optical, 0, -1) / 10_000, abs=1e-6) and "ndvi" in one.measured
    assert (other.units, other.bands) == ("dB", ("VV", "VH"))
    assert other.content == pytest.approx(np.moveaxis(radar, 0, -1), abs=1e-4)


def test_a_shard_alone_is_a_source(tmp_path):
    corpus(tmp_path)
    (tmp_path / "crisislandmark.h5").unlink()
    assert [item.id.partition("#")[0] for item in Scenes().scan(tmp_path)] == ["benv2s2_part1.h5", "mmflood.h5"]


@pytest.mark.parametrize("compression", ["blosc", "zstd"])
def test_compressed_patches_are_read_with_the_filters_of_hdf5plugin(tmp_path, compression):
    hdf5plugin = pytest.importorskip("hdf5plugin")
    values = np.random.default_rng(0).normal(-14, 3, (2, 40, 30)).astype(np.float32)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        how = hdf5plugin.Blosc() if compression == "blosc" else hdf5plugin.Zstd()
        file.create_group("k").create_dataset("image", data=values, chunks=(2, 20, 30), **how)
    (item,) = Scenes().scan(tmp_path)
    (sample,) = Scenes().read([item], tmp_path)
    assert sample.content == pytest.approx(np.moveaxis(values, 0, -1), abs=1e-4)


def test_links_that_lead_out_are_problems_and_the_others_items(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    corpus(root)
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        group(file, "k", np.ones((2, 4, 4), np.float32))
    (tmp_path / "secret.bin").write_bytes(bytes(2 * 40 * 30))
    with h5py.File(root / "shard.h5", "w") as file:
        file["hop"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "/k")
        file["soft"] = h5py.SoftLink("/hop")
        file.create_group("raw").create_dataset(
            "image", (2, 40, 30), "u1", external=[(str(tmp_path / "secret.bin"), 0, 2400)]
        )
    (root / "linked.h5").symlink_to(tmp_path / "secret.h5")
    with h5py.File(root / "crisislandmark.h5", "r+") as file:
        for key, name, path in (
            ("above", "../secret.h5", "/k"), ("absolute", str(tmp_path / "secret.h5"), "/k"),
            ("missing", "nowhere.h5", "/k"), ("hop", "shard.h5", "/hop"), ("soft", "shard.h5", "/soft"),
            ("raw", "shard.h5", "/raw"), ("symlink", "linked.h5", "/k"), ("bad", "mmflood.h5", "/nothing"),
        ):  # fmt: skip
            file[key] = h5py.ExternalLink(name, path)
    found = list(Scenes().scan(root))
    codes = {each.subject.rpartition("=")[2]: each.code for each in found if isinstance(each, Problem)}
    assert {name: codes[name] for name in ("above", "absolute", "missing", "hop", "soft", "raw", "symlink", "bad")} == {
        "above": "scene-refused", "absolute": "scene-refused", "missing": "file-missing", "hop": "scene-refused",
        "soft": "scene-refused", "raw": "scene-refused", "symlink": "path-outside", "bad": "scene-refused",
    }  # fmt: skip
    items = [each for each in found if isinstance(each, Item)]
    assert len(items) == 2
    (problem,) = Scenes().read([Item("x", items[0].paths, items[0].locator | {"file": "../secret.h5"})], root)
    assert problem.code == "path-outside"


@pytest.mark.parametrize(
    ("image", "code"),
    [
        (np.ones((5, 4, 4), np.float32), "scene-bands"),
        (np.ones((4, 4), np.float32), "scene-patch"),
        (np.array([[[b"x"]]]), "scene-patch"),
        (np.ones((2, 0, 4), np.float32), "scene-too-large"),
    ],
)
def test_images_that_are_none_are_told(tmp_path, image, code):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        group(file, "k", image)
    assert [each.code for each in Scenes().scan(tmp_path)] == [code]
