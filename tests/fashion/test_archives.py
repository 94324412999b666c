"""Pictures of a catalogue in a ZIP or TAR, read where they lie."""

from __future__ import annotations

import csv
import io
import tarfile
import zipfile
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from PIL import Image

from fieldglass.errors import LoaderError, UsageError
from fieldglass.testing import LoaderContract
from fieldglass.types import Item, Problem, Sample
from fieldglass_fashion.loader import Catalogue


def picture(seed: int) -> bytes:
    data = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (30, 20, 3), dtype=np.uint8)).save(data, "PNG")
    return data.getvalue()


def shop(folder: Path, archive: str, files: dict[str, bytes], *names: str) -> Path:
    if archive.endswith(".zip"):
        with zipfile.ZipFile(folder / archive, "w", zipfile.ZIP_DEFLATED) as made:
            for name, data in files.items():
                made.writestr(name, data)
    else:
        with tarfile.open(folder / archive, "w") as made:
            for name, data in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                made.addfile(member, io.BytesIO(data))
    with open(folder / "shop.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("sku", "image"), *((str(n), name) for n, name in enumerate(names, 1))])
    return folder / "shop.csv"


FILES = {"a/red.png": picture(1), "./blue.png": picture(2)}


class TestZipped(LoaderContract):
    loader = "fashion/catalogue"
    options = MappingProxyType({"pictures": "pictures.zip"})

    def source(self, folder):
        return shop(folder, "pictures.zip", {"a/red.png": picture(1), "blue.png": picture(2)}, "a/red.png", "blue.png")

    # a scan lists the archive, and refuses what is none, before there is an item to be bad
    def test_a_damaged_file_is_a_problem(self, tmp_path):
        root = self.source(tmp_path)
        (tmp_path / "pictures.zip").write_bytes(b"<html>404</html>")
        with pytest.raises(LoaderError, match="pictures cannot be opened"):
            list(self.make().scan(root))

    def test_a_link_out_of_the_root_is_not_followed(self, tmp_path):
        pytest.skip("the archive is named by the user, not by the catalogue")


def test_a_tar_is_read_by_offset(tmp_path):
    root = shop(tmp_path, "pictures.tar", FILES, "a/red.png", "blue.png")
    loader = Catalogue(pictures="pictures.tar")
    items = [each for each in loader.scan(root) if isinstance(each, Item)]
    assert [item.paths for item in items] == [("pictures.tar",)] * 2
    samples = list(loader.read(items, root))
    for sample, name in zip(samples, FILES, strict=True):
        assert isinstance(sample, Sample)
        assert np.array_equal(sample.content, np.asarray(Image.open(io.BytesIO(FILES[name]))))


@pytest.mark.parametrize("archive", ["p.zip", "p.tar"])
@pytest.mark.parametrize(
    ("name", "code"),
    [("gone.png", "file-missing"), ("../red.png", "file-missing"), ("/etc/passwd", "file-missing")],
)
def test_what_is_not_in_the_archive_is_a_problem(tmp_path, archive, name, code):
    root = shop(tmp_path, archive, FILES, name)
    assert [each.code for each in Catalogue(pictures=archive).scan(root)] == [code]


def test_a_bomb_in_an_archive_is_refused_before_it_is_unpacked(tmp_path):
    root = shop(tmp_path, "p.zip", {"bomb.png": b"\0" * (8 << 20)}, "bomb.png")
    loader = Catalogue(pictures="p.zip")
    (answer,) = loader.read(list(loader.scan(root)), root)
    assert isinstance(answer, Problem) and answer.code == "archive-too-large"


def test_a_page_saved_as_a_picture_is_a_problem_of_its_own(tmp_path):
    root = shop(tmp_path, "p.tar", {"a.jpg": b"<html>404 not found</html>", **FILES}, "a.jpg", "blue.png")
    loader = Catalogue(pictures="p.tar")
    bad, good = loader.read(list(loader.scan(root)), root)
    assert isinstance(bad, Problem) and bad.code == "image-format"
    assert isinstance(good, Sample)


def test_an_archive_that_would_have_to_be_unpacked_is_refused():
    with pytest.raises(UsageError, match="Unpack it"):
        Catalogue(pictures="p.tar.gz")


def test_an_archive_that_was_written_anew_is_listed_anew(tmp_path):
    root = shop(tmp_path, "p.zip", FILES, "blue.png")
    loader = Catalogue(pictures="p.zip")
    assert [each.code for each in loader.scan(root)] == ["file-missing"]  # "./blue.png" is another name in a ZIP
    shop(tmp_path, "p.zip", {"blue.png": picture(3)}, "blue.png")
    assert [each.id for each in loader.scan(root)] == ["1"]
