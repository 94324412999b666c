"""DICOM: the real files that pydicom carries, and small ones written here."""

from __future__ import annotations

import hashlib
import stat
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest

import fieldglass
from fieldglass.errors import UsageError
from fieldglass.ingest import ingest
from fieldglass.store import Store
from fieldglass.testing import LoaderContract
from fieldglass.testing.tiny import TinyEncoder
from fieldglass.types import Item, Problem, Sample
from fieldglass_medical.identity import Identity
from fieldglass_medical.loader import Dicom
from fieldglass_medical.pixels import window
from fieldglass_medical.stated import stated_window
from medical.dicom_files import SECRETS, dicom

REAL = Path(pydicom.__file__).parent / "data" / "test_files"


def one(path: Path, **options) -> tuple[Item, Sample | Problem]:
    loader = Dicom(**options)
    (item,) = (each for each in loader.scan(path) if not isinstance(each, Problem) or each.severity == "error")
    assert isinstance(item, Item), item
    return item, next(loader.read([item], path))


class TestDicom(LoaderContract):
    loader = "med/dicom"

    def source(self, folder):
        dicom(folder / "a.dcm")
        dicom(folder / "no_suffix", np.full((8, 8), 1100, dtype=np.uint16))
        return folder

    def damage(self, path):
        path.write_bytes(path.read_bytes()[:-200])


def test_what_is_no_dicom_is_passed_over_unless_its_name_says_so(tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "IM0001").write_bytes(b"")
    (tmp_path / "DICOMDIR").write_bytes(b"x")
    (tmp_path / "a.DCM").write_text("<html>404</html>")
    assert [problem.code for problem in Dicom().scan(tmp_path)] == ["dicom-no-preamble"]


def test_tomography_is_in_hounsfield_units(tmp_path):
    item, sample = one(dicom(tmp_path / "a.dcm"))
    assert (sample.units, sample.bands, sample.content.dtype) == ("HU", ("HU",), np.float32)
    assert sample.content[0, :3, 0].tolist() == [-1024.0, -1019.0, -1014.0]
    assert sample.spacing == (0.5, 0.5)
    expected = {"modality": "CT", "body_part": "KNEE", "rows": 24, "columns": 20, "frames": 1, "burned_in": "unknown"}
    assert dict(item.metadata) == expected


def test_the_window_of_the_standard():
    """Centre 40, width 400: the golden values of PS3.3 C.11.2.1.2."""
    values = np.array([-160, -159, 40, 239, 240], dtype=np.float32)
    assert (window(values, 40, 400) * 255).tolist() == pytest.approx([0, 0.639, 127.82, 255, 255], abs=2e-3)
    assert window(np.array([39.0, 39.5, 40.0, 41.0]), 40, 1).tolist() == [0, 0, 1, 1]
    assert window(np.array([40.0]), 40, 400, "SIGMOID").tolist() == [0.5]
    assert window(np.array([-160.0, 240.0]), 40, 400, "LINEAR_EXACT").tolist() == [0, 1]


@pytest.mark.parametrize(("name", "low", "high"), [("soft", -160, 240), ("lung", -1350, 150), ("bone", -500, 1300)])
def test_tomography_is_shown_through_a_window(tmp_path, name, low, high):
    path = dicom(tmp_path / "a.dcm", np.array([[low + 1024 if low > -1024 else 0, high + 1024]], dtype=np.uint16))
    _, sample = one(path, window=name)
    shown = Dicom(window=name).preview(sample)
    assert shown[0, 1].tolist() == [255] * 3
    assert shown[0, 0, 0] <= (0 if low > -1024 else 60)


def test_monochrome1_is_inverted_after_the_window(tmp_path):
    ramp = np.arange(100, dtype=np.uint16).reshape(10, 10)
    tags = {"Modality": "CR", "RescaleIntercept": 0, "WindowCenter": 30, "WindowWidth": 40}
    _, plain = one(dicom(tmp_path / "a.dcm", ramp, **tags))
    _, inverse = one(dicom(tmp_path / "b.dcm", ramp, **tags, PhotometricInterpretation="MONOCHROME1"))
    assert np.allclose(plain.content + inverse.content, 1)
    assert inverse.content[0, 0, 0] == 1 and inverse.content[-1, -1, 0] == 0


def test_a_negative_slope_turns_the_greys(tmp_path):
    ramp = np.arange(100, dtype=np.uint16).reshape(10, 10)
    tags = {"Modality": "CR", "RescaleSlope": -10, "RescaleIntercept": 500}
    _, sample = one(dicom(tmp_path / "a.dcm", ramp, **tags))
    assert sample.content[0, 0, 0] == 1 and sample.content[-1, -1, 0] == 0


def test_signed_pixels_and_several_windows(tmp_path):
    pixels = np.array([[-50, 0, 50, 300]], dtype=np.int16)
    tags = {"Modality": "MR", "RescaleIntercept": 0, "WindowCenter": [0, 300], "WindowWidth": [101, 500]}
    _, sample = one(dicom(tmp_path / "a.dcm", pixels, **tags))
    assert sample.content[0, :, 0].tolist() == pytest.approx([0.005, 0.505, 1.0, 1.0], abs=0.01)


def test_the_window_of_the_file_is_stated(tmp_path):
    loader, tags = Dicom(), {"Modality": "MR", "RescaleIntercept": 0}
    said = []
    for name, more in (
        ("a", {"WindowCenter": [600, 5], "WindowWidth": [1600, 1]}),
        ("b", {}),
        ("c", {"WindowWidth": 0}),
    ):
        sample = one(dicom(tmp_path / name, **{"WindowCenter": None, **tags, **more}))[1]
        said.append((dict(sample.measured), stated_window(loader, sample)))
    assert said[0] == ({"window_center": 600.0, "window_width": 1600.0}, "window centre 600, width 1600")
    assert [each for each, _ in said[1:]] == [{}, {}] and "percentile" in said[1][1] == said[2][1]
    frames = np.zeros((3, 8, 8), dtype=np.uint16)
    clip = one(dicom(tmp_path / "d", frames, **tags, NumberOfFrames=3, WindowCenter=9, WindowWidth=4))[1]
    assert clip.kind == "clip" and stated_window(loader, clip) == "window centre 9, width 4"


def test_padding_is_masked(tmp_path):
    pixels = np.array([[0, 100], [200, 0]], dtype=np.uint16)
    _, sample = one(dicom(tmp_path / "a.dcm", pixels, PixelPaddingValue=0))
    assert sample.mask.tolist() == [[False, True], [True, False]]
    assert (Dicom().preview(sample)[~sample.mask] == 0).all()


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ({"NumberOfFrames": 5}, "dicom-truncated"),
        ({"NumberOfFrames": 100_000}, "dicom-truncated"),
        ({"Rows": 200}, "dicom-truncated"),
        ({"Rows": 0}, "dicom-damaged"),
        ({"Modality": "SM", "NumberOfFrames": 5}, "dicom-slide"),
        ({"Rows": None}, "dicom-no-picture"),
        ({"Rows": 60000, "Columns": 60000}, "dicom-too-large"),
    ],
)
def test_headers_that_are_refused(tmp_path, tags, code):
    (problem,) = Dicom().scan(dicom(tmp_path / "a.dcm", **tags))
    assert problem.code == code


@pytest.mark.parametrize("tags", [{"RescaleSlope": 0}, {"BitsAllocated": 8, "BitsStored": 16}])
def test_pixels_that_are_refused(tmp_path, tags):
    assert one(dicom(tmp_path / "a.dcm", **tags))[1].code == "dicom-pixels"


def test_patients_are_hashed_and_grouped(tmp_path):
    (tmp_path / "s").mkdir()
    dicom(tmp_path / "s" / "jane_1.dcm")
    dicom(tmp_path / "s" / "jane_2.dcm", SeriesInstanceUID="1.2.3.5")
    dicom(tmp_path / "s" / "john.dcm", PatientID="OTHER", StudyInstanceUID="1.2.9")
    dicom(tmp_path / "s" / "nobody.dcm", PatientID=None)
    loader = Dicom()
    found = [each for each in loader.scan(tmp_path / "s") if isinstance(each, Item)]
    items = {loader.identity.path((tmp_path / "s").resolve(), item.id): item for item in found}
    one_, two, john, nobody = (items[name] for name in sorted(items))
    assert one_.groups["patient"] == two.groups["patient"] != john.groups["patient"]
    assert one_.groups["series"] != two.groups["series"]
    assert nobody.groups["patient"] not in (one_.groups["patient"], john.groups["patient"])
    assert all(len(value) == 32 for value in one_.groups.values())


def test_the_same_key_gives_the_same_ids_and_another_key_others(tmp_path):
    path = dicom(tmp_path / "a.dcm")
    first = one(path)[0]
    assert one(path)[0] == first
    assert one(path, key=str(tmp_path / "other.key"))[0].id != first.id


def test_the_key_is_its_owners_alone(key, tmp_path):
    one(dicom(tmp_path / "a.dcm"))
    for file in (key, key.with_name("medical.key.paths.sqlite")):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(key.read_bytes()) == 32


def test_a_short_key_is_refused(tmp_path):
    (tmp_path / "short").write_bytes(b"abc")
    with pytest.raises(UsageError, match="3 bytes"):
        Identity(tmp_path / "short")


def test_nothing_of_a_patient_enters_a_collection(tmp_path):
    source = tmp_path / "ward 7 Doe"
    source.mkdir()
    dicom(source / "Doe^Jane.dcm")
    dicom(source / "Doe^Jane 2.dcm", np.full((9, 9), 5, dtype=np.uint16))
    dicom(source / "Doe^Jane broken.dcm", Rows=500)
    made = fieldglass.create(tmp_path / "x.collection", encoder="mini")
    report = made.index(source, loader="med/dicom", name="scans")
    assert (report.new, report.problems) == (2, 1)
    found = made.search(text="a knee", k=5)
    assert len(found) == 2 and found.hits[0].metadata["modality"] == "CT"
    made.close()
    for path in (tmp_path / "x.collection").rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        for secret in (*SECRETS, "Jane"):
            assert secret.encode() not in content, f"{secret!r} is in {path.name}"


def test_the_second_run_encodes_nothing_and_a_changed_file_again(tmp_path):
    source = tmp_path / "scans"
    source.mkdir()
    dicom(source / "a.dcm")
    made = fieldglass.create(tmp_path / "x.collection", encoder="mini")
    assert made.index(source, loader="med/dicom").new == 1
    assert made.index(source, loader="med/dicom").unchanged == 1
    dicom(source / "a.dcm", np.full((50, 50), 1000, dtype=np.uint16))
    assert made.index(source, loader="med/dicom").changed == 1


def test_the_files_that_pydicom_carries():
    loader = Dicom()
    found = list(loader.scan(REAL))
    items = [each for each in found if isinstance(each, Item)]
    answers = {loader.identity.path(REAL.resolve(), item.id): next(loader.read([item], REAL)) for item in items}
    assert len(answers) > 65
    codes = {each.code for each in found if isinstance(each, Problem)}
    known = ("damaged", "duplicate", "no-patient", "no-picture", "no-preamble", "truncated")
    assert codes == {f"dicom-{each}" for each in known}
    ct, mr = answers["CT_small.dcm"], answers["MR_small.dcm"]
    assert ct.units == "HU" and ct.content.shape == (128, 128, 1) and -900 < ct.content.min() < ct.content.max() < 1200
    assert mr.units == "unit" and 0 <= mr.content.min() < mr.content.max() <= 1
    for name in ("RLE", "jp2klossless", "bigendian", "jpeg_ls_lossless"):
        assert np.array_equal(answers[f"MR_small_{name}.dcm"].content, mr.content)
    colour = answers["SC_rgb_rle.dcm"]
    assert colour.units == "srgb8" and colour.content.dtype == np.uint8
    clip = answers["examples_ybr_color.dcm"]
    assert (clip.kind, clip.content.shape) == ("clip", (30, 240, 320, 3))
    refused = {name: each.code for name, each in answers.items() if isinstance(each, Problem)}
    assert refused == {
        "JPEG-lossy.dcm": "dicom-transfer-syntax",  # 12 bits
        "JPGExtended.dcm": "dicom-transfer-syntax",
        "JPEG2000-embedded-sequence-delimiter.dcm": "dicom-frame-size",  # its stream claims 3 722 445 056 columns
    }


def test_scanning_prints_no_tag(tmp_path, capfd):
    path = dicom(tmp_path / "a.dcm")
    path.write_bytes(path.read_bytes().replace(b"19700101", b"Jane1970"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        one(path)
    shown = capfd.readouterr()
    said = shown.out + shown.err + " ".join(str(each.message) for each in caught)
    assert not any(secret in said for secret in (*SECRETS, "Jane"))


def test_ids_do_not_tell_the_path(tmp_path):
    item = one(dicom(tmp_path / "Doe.dcm"))[0]
    assert item.paths == ()
    assert item.id not in {hashlib.sha256(b"Doe.dcm").hexdigest()[:32], "Doe.dcm"}


def test_a_file_may_be_named_by_a_link(tmp_path, monkeypatch):
    (tmp_path / "far").mkdir()
    (tmp_path / "near").mkdir()
    dicom(tmp_path / "far" / "a.dcm")
    (tmp_path / "near" / "b.dcm").symlink_to(tmp_path / "far" / "a.dcm")
    monkeypatch.chdir(tmp_path / "near")
    for name in ("b.dcm", "../far/a.dcm"):
        loader = Dicom()
        (item,) = loader.scan(Path(name))
        (sample,) = loader.read([item], Path(name))
        assert sample.units == "HU"


def test_what_the_scan_warns_of_stays_while_it_holds(tmp_path):
    root = tmp_path / "source"
    root.mkdir()
    dicom(root / "a.dcm", PatientID=None)
    with Store.create(tmp_path / "x.collection") as store:

        def codes():
            assert ingest(store, root, encoder=TinyEncoder(), loader="med/dicom").problems == 0
            return [each.code for each in store.snapshot().journal()]

        assert codes() == ["dicom-no-patient"]
        assert codes() == ["dicom-no-patient"]
        dicom(root / "a.dcm")
        assert codes() == []


@pytest.mark.parametrize(("without", "kind"), [([], "study"), (["Study"], "series"), (["Study", "Series"], "instance")])
def test_without_a_patient_the_next_that_is_known_stands_for_it(tmp_path, without, kind):
    tags = {f"{each}InstanceUID": None for each in without}
    path = dicom(tmp_path / "a.dcm", PatientID=None, **tags)
    item, warning = sorted(Dicom().scan(path), key=lambda each: isinstance(each, Problem))
    assert "patient" in item.groups and f"by the {kind} alone" in warning.message


def test_a_dicomdir_stands_for_its_folder():
    folder = REAL / "dicomdirtests"
    found = [each.id for each in Dicom().scan(folder / "DICOMDIR") if isinstance(each, Item)]
    assert len(found) >= 3 and found == [each.id for each in Dicom().scan(folder) if isinstance(each, Item)]
