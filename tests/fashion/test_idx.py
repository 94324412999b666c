"""Fashion-MNIST: the IDX files, and the sheet that the package carries."""

from __future__ import annotations

import csv
import gzip
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from fieldglass.errors import LoaderError
from fieldglass.testing import LoaderContract
from fieldglass.types import Item, Problem
from fieldglass_fashion.demo import COLOURS, write_shop
from fieldglass_fashion.idx import KINDS, Idx, shown

PICTURES = np.random.default_rng(0).integers(0, 256, (3, 28, 28), dtype=np.uint8)
LABELS = np.array([9, 3, 0], dtype=np.uint8)


def idx(path: Path, numbers: np.ndarray) -> Path:
    head = b"\0\0\x08" + bytes([numbers.ndim]) + b"".join(n.to_bytes(4, "big") for n in numbers.shape)
    with (gzip.open if path.suffix == ".gz" else open)(path, "wb") as file:
        file.write(head + numbers.tobytes())
    return path


class TestIdx(LoaderContract):
    loader = "fashion/idx"

    def source(self, folder):
        idx(folder / "t10k-images-idx3-ubyte.gz", PICTURES)
        idx(folder / "t10k-labels-idx1-ubyte.gz", LABELS)
        return folder


def test_items_have_the_labels_of_their_files(tmp_path):
    idx(tmp_path / "train-images-idx3-ubyte", PICTURES)
    idx(tmp_path / "train-labels-idx1-ubyte", LABELS)
    items = list(Idx().scan(tmp_path))
    assert [item.id for item in items] == ["train/0", "train/1", "train/2"]
    assert [item.metadata["category"] for item in items] == ["Ankle boot", "Dress", "T-shirt"]
    (sample,) = Idx(light=False, scale=1).read(items[:1], tmp_path)
    assert np.array_equal(sample.content[..., 0], PICTURES[0])


def test_labels_that_do_not_fit_are_left_out(tmp_path):
    idx(tmp_path / "t10k-images-idx3-ubyte", PICTURES)
    idx(tmp_path / "t10k-labels-idx1-ubyte", LABELS[:2])
    found = list(Idx().scan(tmp_path))
    assert [each.code for each in found if isinstance(each, Problem)] == ["idx-labels"]
    assert all("label" not in each.metadata for each in found if isinstance(each, Item))


@pytest.mark.parametrize(
    "content",
    [b"", b"\0\0\x08\x03", b"\0\0\x0d\x03" + b"\0" * 12, b"\0\0\x08\x03" + b"\xff" * 12, b"\x1f\x8b damaged"],
)
def test_what_is_no_idx_file_is_a_problem(tmp_path, content):
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(content)
    assert [each.code for each in Idx().scan(tmp_path)] == ["idx-damaged"]


def test_a_folder_without_any_is_refused(tmp_path):
    with pytest.raises(LoaderError, match="train-images-idx3-ubyte"):
        list(Idx().scan(tmp_path))


def test_the_sheet_holds_200_garments_of_each_kind():
    data = files("fieldglass_fashion") / "data"
    rows = list(csv.DictReader((data / "garments.csv").read_text(encoding="utf-8").splitlines(), delimiter=";"))
    assert len({row["item_group_id"] for row in rows}) == 2000 and len({row["sku"] for row in rows}) == 2200
    assert {row["color"] for row in rows} == set(COLOURS)
    kinds = [row["title"].split(" ", 1)[1] for row in rows if not row["sku"].endswith("-2")]
    assert {kind.lower(): kinds.count(kind) for kind in kinds} == {kind.lower(): 200 for kind in KINDS}
    assert len((data / "garments.png").read_bytes()) < 1 << 20
    assert "Zalando SE" in (data / "LICENSE.txt").read_text(encoding="utf-8")


def test_a_dyed_garment_has_its_colour_on_white():
    grey = np.zeros((28, 28), dtype=np.uint8)
    grey[8:20, 8:20] = 255
    dyed = shown(grey, colour=COLOURS["red"])
    assert dyed.shape == (112, 112, 3) and (dyed[0, 0] == 255).all()
    assert np.abs(dyed[56, 56].astype(int) - COLOURS["red"]).max() <= 1


def test_the_shop_is_written_once(tmp_path):
    root = write_shop(tmp_path, 5)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "pictures").iterdir()}
    assert len(before) == 5
    write_shop(tmp_path, 5)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "pictures").iterdir()} == before
    assert root.name == "catalogue.csv"
