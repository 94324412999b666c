"""Exported pictures: 8 and 16 bits, patients by folder, pattern and table, and no path in the collection."""

from __future__ import annotations

import io
import zlib

import numpy as np
import pytest
from PIL import Image

from fieldglass.errors import LoaderError, UsageError
from fieldglass.ingest import ingest
from fieldglass.store import Store
from fieldglass.testing import LoaderContract
from fieldglass.testing.tiny import TinyEncoder
from fieldglass.types import Item, Problem
from fieldglass_medical.audit import audit
from fieldglass_medical.loader import Dicom
from fieldglass_medical.path_groups import patterned
from fieldglass_medical.pictures import Pictures
from fieldglass_medical.stated import stated_window
from medical.dicom_files import dicom


def saved(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)
    return path


class TestPictures(LoaderContract):
    loader = "med/pictures"

    def source(self, folder):
        saved(folder / "jane" / "a.png", np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000)
        saved(folder / "jane" / "b.jpg", np.full((20, 30, 3), 90, np.uint8))
        return folder


def scanned(root, **options):
    loader = Pictures(**options)
    found = list(loader.scan(root))
    return loader, [e for e in found if isinstance(e, Item)], [e for e in found if isinstance(e, Problem)]


def one(path, **options):
    loader, (item,), _ = scanned(path, **options)
    return loader, next(loader.read([item], path))


def test_sixteen_bits_keep_their_greys(tmp_path):
    gradient = np.linspace(0, 65535, 256 * 4).round().astype(np.uint16).reshape(4, 256)
    loader, sample = one(saved(tmp_path / "a.png", gradient))
    assert (sample.units, sample.bands, sample.content.dtype) == ("unit", ("L",), np.float32)
    assert np.allclose(sample.content[..., 0], gradient / 65535, atol=1e-6)
    assert abs(loader.preview(sample).mean() - 127.5) < 0.5


@pytest.mark.parametrize(("bits", "top"), [(16, 4095 / 65535), (12, 1.0), (0, 1.0)])
def test_twelve_of_sixteen_bits(tmp_path, bits, top):
    values = np.linspace(0, 4095, 400).round().astype(np.uint16).reshape(20, 20)
    _, sample = one(saved(tmp_path / "a.png", values), bits=bits)
    assert sample.content.max() == pytest.approx(top, abs=1e-4) and sample.content.min() == 0


def test_the_range_that_is_shown_is_stated(tmp_path):
    saved(tmp_path / "a.png", np.full((4, 4), 4095, np.uint16))
    for bits, said in ((12, "the whole range of 12 bits"), (0, "percentile")):
        assert said in stated_window(*one(tmp_path, bits=bits))


def test_a_part_is_taken(tmp_path):
    path = saved(tmp_path / "a.png", np.arange(600, dtype=np.uint8).reshape(10, 20, 3))
    _, sample = one(path, crop="0.5,0,1,0.3")
    assert np.array_equal(sample.content, np.arange(600, dtype=np.uint8).reshape(10, 20, 3)[:3, 10:])
    assert one(path, crop="0.99,0.99,1,1")[1].content.shape == (1, 1, 3)
    for wrong in ("0.5", "0.5,0,0.5,1", "a,b,c,d", "0,0,2,1"):
        with pytest.raises(UsageError, match="no part"):
            Pictures(crop=wrong)


def test_patients_by_folder_pattern_and_table(tmp_path):
    for name in ("p1/s1/a.png", "p1/s2/b.png", "p2/s1/c.png", "d.png"):
        saved(tmp_path / name, np.zeros((4, 4), np.uint8))
    _, items, (problem,) = scanned(tmp_path)
    assert problem.code == "picture-no-patient" and len({item.groups["patient"] for item in items}) == 4
    _, items, (problem,) = scanned(tmp_path, pattern="{patient}/{study}/*.png")
    assert sorted(len(item.groups) for item in items) == [1, 2, 2, 2]
    assert len({item.groups["patient"] for item in items}) == 3
    (tmp_path / "who.csv").write_text("file,patient,study\np1/s1/a.png,X1,7\np2/s1/c.png,X1,8\nd.png,X2,\n")
    _, items, (problem,) = scanned(tmp_path, table="who.csv")
    assert problem.severity == "warning" and len({item.groups["patient"] for item in items}) == 3


def test_a_patient_of_a_table_is_that_of_dicom(tmp_path):
    saved(tmp_path / "X1.png", np.zeros((4, 4), np.uint8))
    (mine,) = scanned(tmp_path / "X1.png", pattern="{patient}.png")[1]
    (theirs,) = Dicom().scan(dicom(tmp_path / "a.dcm", PatientID="X1", InstitutionName=None))
    assert mine.groups["patient"] == theirs.groups["patient"]


def test_patterns():
    found = patterned("{patient}/**/{study}_*.png").fullmatch("jane/1/2/s9_x.png")
    assert found.groupdict() == {"patient": "jane", "study": "s9"}
    assert patterned("{patient}/**/{study}_*.png").fullmatch("jane/s9_x.jpg") is None
    assert patterned("{patient}/{patient}.png").fullmatch("a/b.png") is None
    for wrong in ("*.png", "{study}/x", "{patient}/{name}"):
        with pytest.raises(UsageError, match="does not tell the patient"):
            patterned(wrong)


def test_what_cannot_be(tmp_path):
    saved(tmp_path / "a.png", np.zeros((4, 4), np.uint8))
    (tmp_path / "who.csv").write_text("name,patient\na.png,1\n")
    for options in ({"table": "who.csv"}, {"table": "none.csv"}):
        with pytest.raises((UsageError, LoaderError)):
            scanned(tmp_path, **options)
    for options in ({"table": "a", "pattern": "{patient}"}, {"bits": 40}, {"max_pixels": 0}):
        with pytest.raises(UsageError):
            Pictures(**options)


def test_bad_pictures_are_rows_that_name_nobody(tmp_path):
    ward = tmp_path / "Zwitscher"
    good = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(good, "PNG")
    saved(ward / "Zwitscher.png", np.zeros((9, 9), np.uint16))
    head = b"IHDR" + (60_000).to_bytes(4, "big") * 2 + good.getvalue()[24:29]
    huge = good.getvalue()[:12] + head + zlib.crc32(head).to_bytes(4, "big") + good.getvalue()[33:]
    for name, content in {
        "empty.png": b"", "text.jpg": b"Zwitscher", "cut.png": good.getvalue()[:6000],
        "huge.png": huge,
    }.items():  # fmt: skip
        (ward / f"Zwitscher {name}").write_bytes(content)
    with Store.create(tmp_path / "x.collection") as store:
        report = ingest(store, ward, encoder=TinyEncoder(), loader="med/pictures")
        rows = {each.code for each in store.snapshot().journal() if each.severity == "error"}
    assert report.new == 1
    assert rows == {"image-empty", "image-format", "image-truncated", "image-too-large"}
    found = audit(tmp_path / "x.collection", source=ward)
    assert found.clean, found.findings
