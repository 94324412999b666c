"""Series to volumes: order, splits, gaps, copies, overviews, a tilted gantry, resampling."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.uid import generate_uid

from fieldglass.errors import UsageError
from fieldglass.types import Item, Problem
from fieldglass_medical.loader import Dicom
from fieldglass_medical.volume import AIR
from medical.dicom_files import dicom

AXIAL = [1, 0, 0, 0, 1, 0]


def series(folder, positions, *, values=None, **tags):
    """Slices of 8 x 6 under names that say nothing; the stored value is the slice's own, 100 apart."""
    folder.mkdir(exist_ok=True)
    names = np.random.default_rng(3).permutation(len(positions) + 50)
    for index, z in enumerate(positions):
        value = 1000 + 100 * index if values is None else values[index]
        place = z if isinstance(z, (list, tuple)) else [-10, -20, z]
        named = {"ImagePositionPatient": place, "ImageOrientationPatient": AXIAL, "SliceThickness": 2, **tags}
        pixels = np.full((8, 6), value, np.uint16) if np.isscalar(value) else value
        stem = f"{len(list(folder.iterdir()))}-{names[index]}"
        dicom(folder / stem, pixels, InstanceNumber=int(names[index]), **named)
    return folder


def scanned(root, **options):
    loader = Dicom(**{"level": "series", **options})
    found = list(loader.scan(root))
    return loader, [e for e in found if isinstance(e, Item)], [e for e in found if isinstance(e, Problem)]


def test_slices_are_sorted_by_where_they_lie(tmp_path):
    order = [4, 0, 6, 2, 8]
    root = series(tmp_path / "a", order)
    loader, (item,), problems = scanned(root)
    assert not problems
    (sample,) = loader.read([item], root)
    assert (sample.kind, sample.units, sample.content.shape) == ("volume", "HU", (5, 8, 6, 1))
    assert sample.spacing == (2.0, 0.5, 0.5)
    assert (sample.content[:, 0, 0, 0] + 24).tolist() == [100.0 + 0, 300, 0, 200, 400]
    assert item.metadata["slices"] == 5 and item.metadata["slice_spacing"] == 2
    assert loader.preview(sample).shape == (8, 6, 3)
    assert item.paths == ()


def test_the_affine_maps_indices_to_the_patient(tmp_path):
    root = series(tmp_path / "a", [0, 3, 6])
    loader, (item,), _ = scanned(root)
    affine = loader.volume(item, root).affine
    assert (affine @ [4, 2, 1, 1])[:3].tolist() == [-10 + 2, -20 + 1, 3]


def test_a_missing_slice_is_refused_or_resampled(tmp_path):
    root = series(tmp_path / "a", [0, 2, 4, 8, 10], values=[1000, 1002, 1004, 1008, 1010])
    _, items, problems = scanned(root)
    assert not items
    assert [(each.code, each.message[:17]) for each in problems] == [("series-gap", "1 slices are miss")]
    loader, (item,), _ = scanned(root, allow_irregular=True)
    (sample,) = loader.read([item], root)
    assert (sample.content[:, 0, 0, 0] + 24).tolist() == pytest.approx([0, 2, 4, 6, 8, 10])


def test_uneven_gaps_are_refused(tmp_path):
    _, items, problems = scanned(series(tmp_path / "a", [0, 2, 4.3, 6]))
    assert not items and [each.code for each in problems] == ["series-irregular"]


def test_slices_at_one_place_are_phases(tmp_path):
    root = series(tmp_path / "a", [0, 2, 4, 0, 2, 4], values=[1, 2, 3, 11, 12, 13])
    loader, items, problems = scanned(root)
    assert [item.metadata["phase"] for item in items] == [1, 2] and not problems
    for item, expected in zip(items, ([1, 2, 3], [11, 12, 13]), strict=True):
        (sample,) = loader.read([item], root)
        assert (sample.content[:, 0, 0, 0] + 1024).tolist() == expected


def test_what_one_series_mixes_is_split(tmp_path):
    root = series(tmp_path / "a", [0, 2, 4], EchoTime=10)
    series(root, [0, 2, 4], EchoTime=80)
    series(root, [[0, 0, 0], [0, 2, 0]], ImageOrientationPatient=[1, 0, 0, 0, 0, -1])
    _, items, _ = scanned(root)
    assert sorted(item.metadata["slices"] for item in items) == [2, 3, 3]
    assert len({item.id for item in items}) == 3 and len({item.groups["series"] for item in items}) == 1


def test_copies_and_overviews_are_left_out_and_reported(tmp_path):
    root = series(tmp_path / "a", [0, 2, 4])
    uid = generate_uid()
    series(root, [6, 6], SOPInstanceUID=uid)
    series(root, [3], ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    _, (item,), problems = scanned(root)
    assert item.metadata["slices"] == 4
    assert sorted(each.code for each in problems) == ["dicom-duplicate", "series-localizer"]
    assert {each.severity for each in problems} == {"warning"}


def test_a_tilted_gantry_is_made_straight(tmp_path):
    """A rod along z, seen by slices that each lie 2 mm further back: it wanders in the rows, and is put upright."""
    places, pictures = [], []
    for index in range(4):
        places.append([0, 2.0 * index, 4.0 * index])
        picture = np.full((40, 6), 1024, np.uint16)
        picture[30 - 4 * index, 3] = 2024
        pictures.append(picture)
    root = series(tmp_path / "a", places, values=pictures)
    loader, (item,), problems = scanned(root)
    assert item.metadata["tilt"] == pytest.approx(26.57, abs=0.01) and not problems
    (sample,) = loader.read([item], root)
    assert [int(each[..., 0].argmax()) for each in sample.content] == [30 * 6 + 3] * 4
    assert not sample.mask[3, 0, 0] and sample.content[3, 0, 0, 0] == AIR


def test_a_volume_is_resampled_linearly(tmp_path):
    root = series(tmp_path / "a", [0, 2, 4], values=[1024, 1034, 1044])
    loader, (item,), _ = scanned(root, spacing="1,1,0.5")
    (sample,) = loader.read([item], root)
    assert sample.spacing == (1.0, 1.0, 0.5)
    assert sample.content.shape == (5, 4, 6, 1)
    assert sample.content[:, 0, 0, 0].tolist() == pytest.approx([0, 5, 10, 15, 20])
    with pytest.raises(UsageError, match="no spacing"):
        Dicom(spacing="0")


def test_a_study_is_one_item_its_longest_volume(tmp_path):
    root = series(tmp_path / "a", [0, 2, 4], SeriesInstanceUID="1.5")
    series(root, [0, 2], SeriesInstanceUID="1.6")
    dicom(root / "other.dcm", StudyInstanceUID="9.9", SeriesInstanceUID="9.8", Modality="CR")
    loader, items, _ = scanned(root, level="study")
    assert len(items) == 2
    both = {item.metadata.get("slices"): item for item in items}
    assert both[3].metadata["series"] == 2 and both[3].metadata["instances"] == 5
    assert [sample.kind for sample in loader.read(items, root)].count("volume") == 1
    assert both[None].metadata["modality"] == "CR"


def test_ids_stay_when_slices_are_added(tmp_path):
    root = series(tmp_path / "a", [0, 2, 4])
    before = scanned(root)[1][0]
    series(root, [6])
    after = scanned(root)[1][0]
    assert before.id == after.id and before.locator["stamp"] != after.locator["stamp"]


def test_pictures_without_a_place_are_items_of_their_own(tmp_path):
    dicom(tmp_path / "a.dcm", Modality="CR")
    dicom(tmp_path / "b.dcm", Modality="CR", PixelSpacing=[0, 0], ImagePositionPatient=[0, 0, 0])
    loader, items, _ = scanned(tmp_path)
    assert len(items) == 2
    assert [sample.spacing for sample in loader.read(items, tmp_path)].count(None) == 1


def test_a_volume_over_the_limit_is_refused(tmp_path):
    root = series(tmp_path / "a", [0, 2, 4])
    loader, items, _ = scanned(root, max_bytes=200)
    assert [each.code for each in loader.read(items, root)] == ["series-too-large"]
