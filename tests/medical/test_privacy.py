"""Nothing of a patient is anywhere: a canary in every text tag, private or nested, and in every folder and file."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing

import numpy as np
import pydicom
import pytest
from click.testing import CliRunner
from pydicom.datadict import DicomDictionary, keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

import fieldglass
from fieldglass.cli import main
from fieldglass.ingest import ingest
from fieldglass.store import Store
from fieldglass.testing.tiny import TinyEncoder
from fieldglass_medical.audit import audit
from fieldglass_medical.needles import Needles
from medical.dicom_files import dicom

CANARY = "Zwitscher"
_TEXTS = {"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"}
_KEPT = {"PhotometricInterpretation", "SpecificCharacterSet", "PixelPresentation"}


def canaries(data: Dataset) -> Dataset:
    """The canary in every text tag of the dictionary, in a sequence, and in a private block; numbers stay."""
    for tag, (vr, _, _, retired, keyword) in DicomDictionary.items():
        wanted = vr in _TEXTS and not retired and keyword and keyword not in _KEPT and keyword_for_tag(tag)
        if wanted and (tag >> 16) not in (0x0000, 0x0002, 0x0028, 0x7FE0, 0x5400):
            setattr(data, keyword, f"{CANARY}^{vr}" if vr == "PN" else CANARY.upper() if vr == "CS" else CANARY)
    data.PatientID = CANARY + "4711"
    data.StudyInstanceUID, data.SeriesInstanceUID = "1.2.840.99.4711.1", "1.2.840.99.4711.2"
    nested = Dataset()
    nested.PatientName = CANARY
    nested.StudyDescription = CANARY
    data.RequestAttributesSequence = Sequence([nested])
    data.private_block(0x0019, CANARY, create=True).add_new(0x01, "LO", CANARY)
    return data


@pytest.fixture
def ward(tmp_path):
    """A source whose folder, subfolders and files are named after the patient; some files are damaged."""
    root = tmp_path / f"Ward_{CANARY}"
    folder = root / f"{CANARY}_Jane"
    folder.mkdir(parents=True)
    for index in range(3):
        path = dicom(folder / f"{CANARY}{index}.dcm", np.full((16, 16), 900 + 200 * index, np.uint16))
        data = canaries(pydicom.dcmread(path))
        data.Modality = "CT" if index < 2 else CANARY
        data.ImagePositionPatient, data.ImageOrientationPatient = [0, 0, index], [1, 0, 0, 0, 1, 0]
        data.save_as(path)
    whole = (folder / f"{CANARY}0.dcm").read_bytes()
    (folder / f"{CANARY}cut.dcm").write_bytes(whole[:-100])
    (folder / f"{CANARY}half.dcm").write_bytes(whole[: len(whole) // 2])
    (folder / f"{CANARY}text.dcm").write_text(CANARY)
    (folder / f"{CANARY}.zip").write_bytes(b"PK" + CANARY.encode())
    broken = canaries(pydicom.dcmread(folder / f"{CANARY}1.dcm"))
    broken.RescaleSlope = 0
    broken.save_as(folder / f"{CANARY}slope.dcm")
    return root


def everything(collection):
    """Names and bytes of all files, and all text of the catalogue."""
    parts = []
    for path in sorted(collection.rglob("*")):
        parts.append(path.relative_to(collection).as_posix().encode())
        if path.is_file():
            parts.append(path.read_bytes())
    with closing(sqlite3.connect(collection / "catalogue.sqlite")) as database:
        for (table,) in list(database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")):
            for row in database.execute(f'SELECT * FROM "{table}"'):
                parts.append(repr(row).encode())
    return b"\n".join(parts).lower()


@pytest.mark.parametrize("level", ["instance", "series"])
def test_the_canary_is_nowhere(ward, tmp_path, capfd, caplog, level):
    caplog.set_level(logging.DEBUG)
    caplog.clear()
    capfd.readouterr()
    path = tmp_path / "x.collection"
    with Store.create(path) as store:
        options = {"level": level, "allow_irregular": True}
        report = ingest(store, ward, encoder=TinyEncoder(), loader="med/dicom", loader_options=options)
    assert report.new >= 1 and report.problems >= 4
    said = []
    for command in ("problems", "info"):
        answer = CliRunner().invoke(main, [command, str(path)])
        assert answer.exit_code == 0, answer.output
        said.append(answer.output)
    shown = capfd.readouterr()
    said += [shown.out, shown.err, caplog.text]
    assert CANARY.lower() not in "\n".join(said).lower()
    assert CANARY.lower().encode() not in everything(path)
    found = audit(path, source=ward)
    assert {each.code for each in found.findings} <= {"audit-same-patient"}, found.findings
    assert found.sources >= 4 and found.strings > 20


def test_a_second_run_finds_the_source_again(ward, tmp_path):
    path, other = tmp_path / "x.collection", tmp_path / "other"
    other.mkdir()
    dicom(other / "a.dcm")
    with Store.create(path) as store:

        def index(root):
            return ingest(store, root, encoder=TinyEncoder(), loader="med/dicom")

        assert index(ward).new == 3
        again = index(ward)
        assert (again.new, again.unchanged) == (0, 3)
        assert index(other).new == 1
    with fieldglass.open(path) as collection:
        name = next(iter(collection.store.snapshot().sources))
        collection.relocate(name, ward.rename(tmp_path / f"moved_{CANARY}"))
    assert CANARY.lower().encode() not in everything(path)


def test_the_audit_finds_what_leaked(ward, tmp_path):
    path = tmp_path / "x.collection"
    with Store.create(path) as store:
        ingest(store, ward, encoder=TinyEncoder(), loader="med/dicom")
    with closing(sqlite3.connect(path / "catalogue.sqlite")) as database, database:
        database.execute("UPDATE journal SET message = ?", (f"cannot read {CANARY}4711",))
        database.execute("UPDATE item SET locator = '1.2.840.99.4711.1.5' WHERE position = 0")
        database.execute("DELETE FROM property WHERE name = 'exclude_group'")
    codes = {each.code for each in audit(path, source=ward).findings}
    assert {"audit-text", "audit-pattern", "audit-same-patient"} <= codes
    assert "audit-pattern" in {each.code for each in audit(path).findings}
    assert not any(CANARY in each.message + each.where for each in audit(path, source=ward).findings)


def test_needles_are_found_wherever_they_lie(tmp_path):
    needles = Needles(["Jane Doe 1970", "Müller", "short", "abc"])
    assert needles.count == 5
    for offset in range(20):
        for text in (b"jane doe 1970", "m\xfcller".encode("latin-1"), b"SHORT", "MÜller".encode()):
            (tmp_path / "a").write_bytes(bytes(offset) + text + b"x")
            with (tmp_path / "a").open("rb") as file:
                assert needles.search(file) == (0 if text == "MÜller".encode() else 1)
    (tmp_path / "a").write_bytes(b"jane doe 1971 mueller shor")
    with (tmp_path / "a").open("rb") as file:
        assert needles.search(file) == 0
