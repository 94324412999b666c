"""Every file that pydicom and pydicom-data carry, as a user meets them: scan, index, similar, vote, convert, audit."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pydicom
import pytest
from click.testing import CliRunner

from fieldglass.cli import main
from fieldglass.ingest import ingest
from fieldglass.store import Store
from fieldglass.testing.tiny import TinyEncoder
from fieldglass_medical.audit import audit
from fieldglass_medical.inventory import inventory
from medical.dicom_files import dicom

OWN = Path(pydicom.__file__).parent / "data"
CODES = {
    "dicom-damaged", "dicom-duplicate", "dicom-frame-size", "dicom-no-patient", "dicom-no-picture",
    "dicom-no-preamble", "dicom-transfer-syntax", "dicom-truncated",
}  # fmt: skip


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """The files of both packages in one folder."""
    data_store = pytest.importorskip("data_store", reason="needs pydicom-data, of the dev group")
    root = tmp_path_factory.mktemp("real")
    shutil.copytree(OWN, root / "pydicom", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    shutil.copytree(Path(data_store.__file__).parent / "data", root / "pydicom-data")
    return root


def run(*arguments, code=0):
    answer = CliRunner().invoke(main, ["med", *map(str, arguments)])
    assert answer.exit_code == code, answer.output
    return answer


@pytest.mark.parametrize("level", ["instance", "series"])
def test_every_file_is_an_item_or_has_a_known_problem(real, level):
    found = inventory(real, "med/dicom", {"level": level})
    codes = {each["code"] for each in found["problems"]}
    assert found["items"] > 40 and found["patients"] > 30
    extra = {"series-gap", "series-irregular", "series-localizer"} if level in ("series", "study") else set()
    assert codes <= CODES | extra


@pytest.mark.slow
def test_indexed_and_audited_nothing_of_them_is_told(real, tmp_path):
    path = tmp_path / "x.collection"
    with Store.create(path) as store:
        report = ingest(store, real, encoder=TinyEncoder(), loader="med/dicom")
        journal = store.snapshot().journal()
    assert report.new > 160
    counts = Counter((each.code, each.severity) for each in journal)
    assert {code for code, _ in counts} <= CODES
    assert counts["dicom-duplicate", "warning"] > 40 and counts["dicom-no-patient", "warning"] >= 4
    found = audit(path, source=real)
    assert found.clean, found.findings
    assert found.sources > 240 and found.strings > 1000


def test_words_of_the_software_are_no_findings(tmp_path):
    """Patients called Other, Siemens and Unknown; and a UID of the standard, in the sentence of a problem."""
    root = tmp_path / "source"
    root.mkdir()
    for name in ("JPEG-lossy.dcm", "MR_small.dcm", "no_meta.dcm", "badVR.dcm", "JPEGLSNearLossless_08.dcm"):
        shutil.copyfile(OWN / "test_files" / name, root / name)
    for number, word in enumerate(("OTHER", "Siemens", "UNKNOWN", "identity")):
        dicom(root / f"{number}.dcm", PatientComments=word, InstitutionName=word)
    with Store.create(tmp_path / "x.collection") as store:
        ingest(store, root, encoder=TinyEncoder(), loader="med/dicom")
        codes = {each.code for each in store.snapshot().journal()}
    assert "dicom-transfer-syntax" in codes
    found = audit(tmp_path / "x.collection", source=root)
    assert found.clean, found.findings


@pytest.mark.slow
def test_the_commands_run_on_all_of_them(real, tmp_path):
    path = tmp_path / "x.collection"
    run("scan", real, code=3)
    run("index", real, "--to", path, code=3)
    query = real / "pydicom-data" / "MR2_J2KI.dcm"
    near = json.loads(run("similar", path, query, "-k", 5, "--json").stdout)["hits"]
    assert len(near) == 5
    table = tmp_path / "labels.csv"
    names = sorted(each.relative_to(real).as_posix() for each in real.rglob("*.dcm"))
    table.write_text("file,kind\n" + "".join(f"{name},{'RG' if 'RG' in name else 'rest'}\n" for name in names))
    run("annotate", path, table)
    assert run("vote", path, query, "--labels", "kind").output.splitlines()[1].startswith("rest, confidence")
    run("audit", path, "--source", real)
    run("convert", real, "--to", tmp_path / "pictures", code=3)
    assert len(list((tmp_path / "pictures").iterdir())) > 160
