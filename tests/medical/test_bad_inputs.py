"""Odd and hostile files: each ends as the item, or as the row of the journal, that it should."""

from __future__ import annotations

import io
import os
import struct
import zipfile

import numpy as np
import pydicom
import pytest

from fieldglass.ingest import ingest
from fieldglass.store import Store
from fieldglass.testing.tiny import TinyEncoder
from fieldglass.types import Item, Problem
from fieldglass_medical.loader import Dicom
from fieldglass_medical.samples import spacing_of
from medical.dicom_files import REAL, dicom
from medical.test_frames import enhanced, group

RAMP = np.arange(1000, 1000 + 12 * 10, dtype=np.uint16).reshape(12, 10)


def scanned(root, **options):
    loader = Dicom(**options)
    found = list(loader.scan(root))
    return loader, [each for each in found if isinstance(each, Item)], [e for e in found if isinstance(e, Problem)]


def read(path, **options):
    loader, (item,), _ = scanned(path, **options)
    return next(loader.read([item], path))


@pytest.mark.parametrize("kind", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(("slope", "intercept"), [(-1, 2000), (1, -500)])
def test_greys_run_as_the_standard_says_whatever_slope_and_photometry(tmp_path, kind, slope, intercept):
    """LINEAR of PS3.3 C.11.2.1.2.1 written out, on rescaled values; MONOCHROME1 turned over after it."""
    center, width = 60 * slope + 1000 * slope + intercept, 80
    tags = {"Modality": "CR", "RescaleSlope": slope, "RescaleIntercept": intercept, "PhotometricInterpretation": kind}
    sample = read(dicom(tmp_path / "a", RAMP, **tags, WindowCenter=center, WindowWidth=width))
    values = RAMP.astype(float) * slope + intercept
    expected = np.clip((values - (center - 0.5)) / (width - 1) + 0.5, 0, 1)
    expected = 1 - expected if kind == "MONOCHROME1" else expected
    assert np.allclose(sample.content[..., 0], expected, atol=1e-5) and 0 < expected.mean() < 1
    rising = np.diff(sample.content[..., 0].ravel())
    assert (rising >= 0).all() if (slope > 0) == (kind == "MONOCHROME2") else (rising <= 0).all()


@pytest.mark.parametrize("width", [0, -5, None])
def test_a_window_without_a_width_is_none(tmp_path, width):
    tags = {"Modality": "MR", "RescaleIntercept": 0, "WindowCenter": 1050, "WindowWidth": width}
    sample = read(dicom(tmp_path / "a", RAMP, **tags))
    assert sample.content.min() == 0 and sample.content.max() == 1 and 0.4 < np.median(sample.content) < 0.6


def test_a_width_of_one_is_a_threshold(tmp_path):
    tags = {"Modality": "MR", "RescaleIntercept": 0, "WindowCenter": 1050, "WindowWidth": 1}
    sample = read(dicom(tmp_path / "a", RAMP, **tags))
    assert np.array_equal(sample.content[..., 0], (RAMP > 1049).astype(np.float32))


@pytest.mark.parametrize(
    ("lacking", "options", "expected"),
    [(0.1, {}, "dicom-truncated"), (0.1, {"lenient": True}, None), (0.6, {"lenient": True}, "dicom-truncated")],
)
def test_pixels_that_are_short(tmp_path, lacking, options, expected):
    path = dicom(tmp_path / "a", RAMP)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) - int(lacking * RAMP.nbytes)])
    _, items, problems = scanned(path, **options)
    assert [each.code for each in problems] == ["dicom-truncated"]
    assert bool(items) == (expected is None) and all(each.metadata["truncated"] for each in items)


def test_pixels_that_are_too_many_are_those_of_the_header(tmp_path):
    path = dicom(tmp_path / "a", RAMP)
    data = pydicom.dcmread(path)
    data.PixelData += bytes(500)
    data.save_as(path)
    assert np.array_equal(read(path).content[..., 0] + 1024, RAMP)


def test_what_holds_no_picture_lies_beside_what_does(tmp_path):
    kinds = {
        "1.2.840.10008.5.1.4.1.1.88.11": "SR", "1.2.840.10008.5.1.4.1.1.481.3": "RTSTRUCT",
        "1.2.840.10008.5.1.4.1.1.88.59": "KO", "1.2.840.10008.5.1.4.1.1.104.1": "DOC",
    }  # fmt: skip
    for number, (uid, modality) in enumerate(kinds.items()):
        path = dicom(tmp_path / f"{number}", RAMP, SOPClassUID=uid, Modality=modality)
        data = pydicom.dcmread(path)
        for keyword in ("PixelData", "Rows", "Columns"):
            del data[keyword]
        data.save_as(path)
    dicom(tmp_path / "9", RAMP)
    _, items, problems = scanned(tmp_path)
    assert len(items) == 1 and [each.code for each in problems] == ["dicom-no-picture"] * 4


def test_frames_of_an_enhanced_file_are_sorted_by_their_own_positions(tmp_path):
    pixels = np.stack([np.full((4, 6), 1000 + 10 * each, np.uint16) for each in range(4)])
    tags = enhanced([1] * 4)
    for frame, z in zip(tags["PerFrameFunctionalGroupsSequence"], (6, 0, 4, 2), strict=True):
        frame.PlanePositionSequence = [group(ImagePositionPatient=[0, 0, z])]
    tags["SharedFunctionalGroupsSequence"][0].PlaneOrientationSequence = [
        group(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
    ]
    sample = read(dicom(tmp_path / "a", pixels, **tags))
    assert (sample.kind, sample.spacing) == ("volume", (2.0, 0.5, 0.25))
    assert (sample.content[:, 0, 0, 0] + 10).tolist() == [1010, 1030, 1020, 1000]


def test_spacing_is_of_the_patient_else_of_the_detector_and_never_nothing():
    said = [
        ({"PixelSpacing": [0.5, 0.25], "ImagerPixelSpacing": [1, 1]}, (0.5, 0.25)), ({"PixelSpacing": [0, 0]}, None),
        ({"PixelSpacing": [0, 0], "ImagerPixelSpacing": [2, 1]}, (2.0, 1.0)), ({}, None),
    ]  # fmt: skip
    assert [spacing_of(group(**tags)) for tags, _ in said] == [expected for _, expected in said]


def test_one_pixel_is_a_picture(tmp_path):
    assert read(dicom(tmp_path / "a", np.full((1, 1), 1064, np.uint16))).content.tolist() == [[[40.0]]]


def test_signs_that_the_header_has_wrong_are_those_of_the_stream(tmp_path):
    sample = read(REAL / "J2K_pixelrep_mismatch.dcm")
    assert sample.content.min() >= -2000 and sample.content.max() < 4000  # unsigned, it would reach 63 000


def nested(depth):
    """An explicit little endian sequence in a sequence ... in a private tag, of undefined lengths."""
    tag = struct.pack("<HH", 0x0009, 0x1001) + b"SQ\0\0" + b"\xff" * 4 + b"\xfe\xff\x00\xe0" + b"\xff" * 4
    end = b"\xfe\xff\x0d\xe0" + bytes(4) + b"\xfe\xff\xdd\xe0" + bytes(4)
    return tag * depth + end * depth


def test_sequences_a_thousand_deep_cost_their_own_file(tmp_path):
    path = dicom(tmp_path / "deep", RAMP)
    content = path.read_bytes()
    at = content.index(struct.pack("<HH", 0x0010, 0x0010) + b"PN")
    path.write_bytes(content[:at] + nested(1000) + content[at:])
    dicom(tmp_path / "good", RAMP)
    with Store.create(tmp_path / "x.collection") as store:
        report = ingest(store, tmp_path / "deep", encoder=TinyEncoder(), loader="med/dicom", name="deep")
        assert report.new + report.problems == 1
        codes = {each.code for each in store.snapshot().journal() if each.severity == "error"}
        assert codes <= {"dicom-damaged"}
        assert ingest(store, tmp_path / "good", encoder=TinyEncoder(), loader="med/dicom", name="good").new == 1


def test_links_that_lead_out_pipes_and_loops_are_not_followed(tmp_path):
    outside, root = dicom(tmp_path / "outside.dcm", RAMP), tmp_path / "root"
    root.mkdir()
    (root / "link.dcm").symlink_to(outside)
    (root / "loop").symlink_to(root)
    (root / "to itself.dcm").symlink_to(root / "to itself.dcm")
    os.mkfifo(root / "pipe.dcm")
    dicom(root / "good.dcm", RAMP)
    _, items, problems = scanned(root)
    assert len(items) == 1 and len(problems) == 3
    assert "path-outside" in {each.code for each in problems}


def test_an_archive_in_an_archive_and_a_name_that_climbs_stay_where_they_are(tmp_path):
    content, inner, root = dicom(tmp_path / "a", RAMP).read_bytes(), io.BytesIO(), tmp_path / "root"
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("a.dcm", content)
    root.mkdir()
    with zipfile.ZipFile(root / "all.zip", "w") as archive:
        archive.writestr("inner.zip", inner.getvalue())
        archive.writestr("../../climbs.dcm", content)
    loader, items, problems = scanned(root)
    assert len(items) == 1 and not problems
    assert next(loader.read(items, root)).content.shape == (12, 10, 1)
    assert not (tmp_path / "climbs.dcm").exists() and not (tmp_path.parent / "climbs.dcm").exists()


def test_free_text_is_left_out_and_great_age_is_capped(tmp_path):
    path = dicom(tmp_path / "a", RAMP, PatientAge="120Y", PatientSex="Zwitscher", ViewPosition="Zwitscher")
    _, (item,), _ = scanned(path)
    assert item.metadata["age"] == 90 and {"sex", "view"}.isdisjoint(item.metadata)
