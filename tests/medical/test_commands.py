"""`fieldglass med` on a small archive: scan, index, labels, similar, vote, eval, convert; and no patient anywhere."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import numpy as np
import pydicom
import pytest
from click.testing import CliRunner
from PIL import Image

import fieldglass
from fieldglass.cli import main
from fieldglass.registry import registry
from fieldglass.session import Session
from fieldglass.types import Item
from fieldglass_medical.left_out import labelled, left_out
from fieldglass_medical.loader import Dicom
from fieldglass_medical.report import DISCLAIMER
from fieldglass_medical.stated import NOTICE
from medical.studies import LABELS, NAME, archive, picture, slice_of


def run(*arguments, code=0):
    done = CliRunner().invoke(main, ["med", *map(str, arguments)])
    assert done.exit_code == code, done.output
    assert done.stderr.startswith(NOTICE)
    assert NAME not in done.output and "Jane" not in done.stdout
    return done


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Six patients with two slices each, indexed with `mini` and labelled."""
    folder = tmp_path_factory.mktemp("med")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDGLASS_MEDICAL_KEY", str(folder / "private" / "medical.key"))
        (folder / "private").mkdir()
        key = folder / "private" / "medical.key"
        key.write_bytes(bytes(range(32)))  # a known one: the order of its hashes parts the patients into folds
        key.chmod(0o600)
        archive(folder)
        run("index", folder / "archive", "--to", folder / "c.collection", "--encoder", "mini")
        run("annotate", folder / "c.collection", folder / "labels.csv", "--on", "file")
        yield folder


@pytest.fixture(autouse=True)
def key(place, monkeypatch):
    monkeypatch.setenv("FIELDGLASS_MEDICAL_KEY", str(place / "private" / "medical.key"))


def test_scan_counts_studies_and_names_nobody(place):
    found = json.loads(run("scan", place / "archive", "--json").stdout)
    assert (found["items"], found["patients"], len(found["studies"])) == (12, 6, 6)
    assert {(study["series"], study["items"], study["modality"]) for study in found["studies"]} == {(1, 2, "CT")}
    assert "12 items, 6 studies, 6 patients" in run("scan", place / "archive").stdout


def test_scan_lists_problems_and_says_so_by_its_exit(tmp_path):
    (tmp_path / "Jane.dcm").write_bytes(b"no dicom")
    found = json.loads(run("scan", tmp_path, "--json", code=3).stdout)
    assert [each["count"] for each in found["problems"]] == [1]


def test_a_window_is_that_of_the_loader_and_of_a_new_encoder(place, tmp_path):
    """The command of the help, with the default encoder, which has a window too."""
    source = place / "archive" / "Jane0"
    run("index", source, "--to", tmp_path / "c.collection", "--window", "lung")
    run("index", source, "--to", tmp_path / "c.collection", "--window=-600,1500")
    with fieldglass.open(tmp_path / "c.collection") as collection:
        assert collection.field.encoder == "med/mini" and collection.field.options["window"] == "lung"
        (source_of,) = collection.store.snapshot().sources.values()
        assert source_of.options["window"] == "-600,1500"
    said = run("index", source, "--to", tmp_path / "d.collection", "--window", "longe", code=2).stderr
    assert "Did you mean lung?" in said and not (tmp_path / "d.collection").exists()


def test_a_table_of_files_labels_every_item(place):
    with fieldglass.open(place / "c.collection") as collection:
        snapshot = collection.store.snapshot()
        labels = [cell["finding"] for cell in snapshot.metadata(snapshot.live_positions())]
        assert sorted(labels) == sorted(LABELS * 4)
        assert snapshot.properties["exclude_group"] == "patient"


def test_a_folder_in_the_table_labels_what_is_below_it(place, tmp_path):
    (tmp_path / "sites.csv").write_text("folder,site\nJane0,north\nJane1/,south\nnowhere,east\n")
    done = run("annotate", place / "c.collection", tmp_path / "sites.csv", "--on", "folder", "--json")
    assert json.loads(done.stdout) == {"matched": 4, "unmatched": 1, "bad": []}


def test_similar_leaves_the_patient_out_unless_told(place):
    query = place / "archive" / "Jane0" / "0.dcm"
    found = json.loads(run("similar", place / "c.collection", query, "-k", "12", "--json").stdout)
    assert len(found["hits"]) == 10
    with_own = json.loads(run("similar", place / "c.collection", query, "-k", "12", "--same-patient", "--json").stdout)
    assert len(with_own["hits"]) == 12
    assert with_own["hits"][0]["score"] > with_own["hits"][2]["score"]
    assert found["hits"][0]["metadata"]["finding"] == "stripes"


def test_a_query_without_a_patient_does_not_find_itself_and_says_so(tmp_path):
    root = archive(tmp_path, patients=2, slices=1)
    nobody = {name: None for name in ("PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")}
    bare = root / "deep" / "bare.dcm"
    bare.parent.mkdir()
    data = pydicom.dcmread(slice_of(bare, picture("disc", 5), patient="x"))
    for name in nobody:
        del data[name]
    data.save_as(bare)
    run("index", root, "--to", tmp_path / "c.collection", "--encoder", "mini")
    answer = run("similar", tmp_path / "c.collection", bare)
    assert "names no patient" in answer.stderr
    own = Dicom().ids_of(bare, root)[0]
    assert own not in answer.stdout and own in run("similar", tmp_path / "c.collection", bare, "--same-patient").stdout


def test_another_key_cannot_tell_the_patient_and_says_so(place, tmp_path, monkeypatch):
    query, collection = place / "archive" / "Jane1" / "0.dcm", place / "c.collection"
    said = "this key does not know the files of the collection"
    asked = ("similar", collection, query, "-k", "1")
    assert said not in run(*asked).stderr
    monkeypatch.setenv("FIELDGLASS_MEDICAL_KEY", str(tmp_path / "other.key"))
    assert said in run(*asked).stderr
    with fieldglass.open(collection) as opened:
        (first,) = opened.store.snapshot().ids(opened.store.snapshot().live_positions()[:1])
    assert said not in run("similar", collection, first, "-k", "1").stderr


def test_studies_are_scored_by_their_best_item_or_the_mean(place):
    query = place / "archive" / "Jane1" / "1.dcm"
    items = json.loads(run("similar", place / "c.collection", query, "-k", "12", "--json").stdout)["hits"]
    scores: dict[str, list[float]] = {}
    for hit in items:
        scores.setdefault(hit["metadata"]["study"], []).append(hit["score"])
    for how, of in (("best", max), ("mean", np.mean)):
        done = run(
            "similar", place / "c.collection", query, "--level", "study", "--aggregate", how, "-k", "3", "--json"
        )
        hits = json.loads(done.stdout)["hits"]
        wanted = sorted(((float(of(each)), study) for study, each in scores.items()), reverse=True)[:3]
        assert [hit["metadata"]["study"] for hit in hits] == [study for _, study in wanted]
        assert [hit["score"] for hit in hits] == pytest.approx([score for score, _ in wanted], abs=1e-6)


def test_the_folder_of_a_series_is_a_query(tmp_path):
    root = archive(tmp_path, patients=3, slices=3, size=32)
    run("index", root, "--to", tmp_path / "c.collection", "--encoder", "mini", "--set", "level=series")
    found = json.loads(run("similar", tmp_path / "c.collection", root / "Jane1", "--json").stdout)
    assert len(found["hits"]) == 2 and {hit["metadata"]["slices"] for hit in found["hits"]} == {3}
    said = run("similar", tmp_path / "c.collection", root, code=2).stderr
    assert "The query holds 3 items" in said and "Name one by --item" in said
    (tmp_path / "Jane").mkdir()
    assert "The folder holds no picture" in run("similar", tmp_path / "c.collection", tmp_path / "Jane", code=2).stderr


def test_scan_tells_patients_without_a_study_apart(tmp_path):
    for patient in range(3):
        (tmp_path / f"Jane{patient}").mkdir()
        Image.fromarray(np.full((8, 8), patient, np.uint8)).save(tmp_path / f"Jane{patient}" / "a.png")
    found = json.loads(run("scan", tmp_path, "--loader", "med/pictures", "--json").stdout)
    assert [(each["study"], each["items"]) for each in found["studies"]] == [("-", 1)] * 3
    assert len({each["patient"] for each in found["studies"]}) == found["patients"] == 3


def test_every_form_of_an_answer_says_that_it_is_no_diagnosis(place):
    query = place / "archive" / "Jane1" / "1.dcm"
    asked = ("similar", place / "c.collection", query, "-k", "2", "--level", "study", "--aggregate", "mean")
    notes = json.loads(run(*asked, "--json").stdout)["notes"]
    assert notes.count(NOTICE) == 1 and "scores are means over the items of each study" in notes
    said = run(*asked).stderr
    assert said.count(NOTICE) == 1 and said.count("scores are means") == 1
    core = ["search", str(place / "c.collection"), "--image", str(query), "-k", "2"]  # the core's command and page
    assert f"note: {NOTICE}" in CliRunner().invoke(main, core).stderr
    assert f"<li>{NOTICE}</li>" in CliRunner().invoke(main, [*core, "--format", "html"]).stdout
    with fieldglass.open(place / "c.collection") as opened:
        snapshot = opened.store.snapshot()
        (first,) = snapshot.ids(snapshot.live_positions()[:1])
        session = Session(opened)
        session.start(like=first)
        assert json.loads(session.transcript("json"))["notes"] == [NOTICE]
        assert all(NOTICE in session.transcript(form) for form in ("markdown", "html"))
    explained = ["explain", str(place / "c.collection"), first, "--image", str(query)]
    assert f"note: {NOTICE}" in CliRunner().invoke(main, explained).stderr
    judged = run("eval", place / "c.collection", "--labels", "finding", "--format", "json").stdout
    assert json.loads(judged)["notice"] == NOTICE


def test_a_query_that_cannot_be_read_does_not_tell_its_name(place, tmp_path):
    damaged = tmp_path / "Jane.dcm"
    damaged.write_bytes((place / "archive" / "Jane0" / "0.dcm").read_bytes()[:-500])
    said = run("similar", place / "c.collection", damaged, code=2).stderr
    assert "The picture cannot be read: The pixels need" in said and "Jane" not in said


def test_vote_says_what_other_patients_have(place, tmp_path):
    query = slice_of(tmp_path / "new.dcm", picture("disc", 99), patient="someone new")
    found = json.loads(run("vote", place / "c.collection", query, "--labels", "finding", "-k", "4", "--json").stdout)
    assert found["label"] == "disc"
    assert len(found["neighbours"]) == 4
    assert sum(found["shares"].values()) == pytest.approx(1)
    assert found["calibration"]["patients"] == 6
    assert 0 <= found["calibration"]["ECE of confidences"] <= 1
    assert found["notice"] == NOTICE


def test_the_patient_of_the_query_has_no_vote(place):
    done = run("vote", place / "c.collection", place / "archive" / "Jane0" / "0.dcm", "--labels", "finding", "--json")
    assert len(json.loads(done.stdout)["neighbours"]) == 5


def test_a_calibration_that_made_it_worse_is_told(place, tmp_path):
    """Six patients of whom one has the other label: too few to learn from."""
    query, notes = place / "archive" / "Jane0" / "0.dcm", {}
    for name, labels in (("odd", "xxxxxy"), ("even", "xyyxyy")):
        rows = "".join(f"Jane{patient},{label}\n" for patient, label in enumerate(labels))
        (tmp_path / f"{name}.csv").write_text(f"file,{name}\n{rows}")
        run("annotate", place / "c.collection", tmp_path / f"{name}.csv", "--on", "file")
        done = run("vote", place / "c.collection", query, "--labels", name, "--json")
        notes[name] = " ".join(json.loads(done.stdout)["notes"])
    assert "--calibrate-by none" in notes["odd"] and notes["even"] == ""
    plain = run("vote", place / "c.collection", query, "--labels", "odd", "--calibrate-by", "none", "--json")
    assert json.loads(plain.stdout)["notes"] == []


def test_vote_abstains(place):
    query = place / "archive" / "Jane0" / "0.dcm"
    options = ("--labels", "finding", "--calibrate-by", "none", "--tau", "100", "--abstain", "0.9")
    found = json.loads(run("vote", place / "c.collection", query, *options, "--json").stdout)
    assert (found["label"], found["reason"]) == (None, "confidence below 0.9")
    assert "abstains" in run("vote", place / "c.collection", query, *options).stdout


def test_neighbours_left_out_are_those_that_a_search_finds(place):
    with fieldglass.open(place / "c.collection") as collection:
        items = labelled(collection, "finding")
        for near in left_out(items, 5):
            hits = collection.search(like=items.ids[near.item], k=5, collapse="patient", exclude_group="patient")
            assert [hit.score for hit in hits] == pytest.approx(near.similarities.tolist(), abs=1e-6)
            assert [hit.metadata["finding"] for hit in hits] == items.labels[near.places].tolist()


def test_a_collection_is_judged_by_its_own_labels(place):
    found = json.loads(run("eval", place / "c.collection", "--labels", "finding", "--format", "json").stdout)
    assert (found["items"], found["patients"], found["protocol"]) == (12, 6, "leave one patient out")
    assert found["metrics"]["P@1"] == 100
    assert found["metrics"]["hit@1"] == 100
    assert "vote accuracy" in run("eval", place / "c.collection", "--labels", "finding").stdout


def test_eval_without_labels_says_what_to_do(place):
    assert "med annotate" in run("eval", place / "c.collection", "--labels", "nothing", code=2).stderr


def test_convert_writes_what_is_shown_and_states_the_window(place, tmp_path):
    source = place / "archive" / "Jane0"
    rows = json.loads(run("convert", source, "--to", tmp_path / "out", "--window", "lung", "--json").stdout)
    assert [row["window"] for row in rows] == ["window centre -600 HU, width 1500 HU"] * 2
    for row in rows:
        with Image.open(tmp_path / "out" / row["file"]) as shown:
            assert shown.text == {"Window": row["window"], "Disclaimer": "Not for diagnosis"}
            assert shown.size == (64, 64)
        assert "Jane" not in row["file"] and NAME.encode() not in (tmp_path / "out" / row["file"]).read_bytes()


def test_one_file_may_be_named_from_where_one_is(place, tmp_path, monkeypatch):
    monkeypatch.chdir(place / "archive" / "Jane0")
    rows = json.loads(run("convert", "0.dcm", "--to", tmp_path / "out", "--json").stdout)
    assert [row["problem"] for row in rows] == [""]
    assert json.loads(run("scan", "0.dcm", "--json").stdout)["items"] == 1


def test_the_demo_is_indexed_and_names_nobody(tmp_path):
    demo = registry().create("demos", "studies", {"folder": tmp_path})
    items = [each for each in Dicom(**demo.loader_options).scan(demo.source) if isinstance(each, Item)]
    assert len(items) >= 10
    assert all(search["image"].is_file() for search in demo.searches)


def test_the_report_states_window_and_disclaimer_and_maps(place, tmp_path):
    query = place / "archive" / "Jane2" / "0.dcm"
    page = tmp_path / "hits.html"
    run("similar", place / "c.collection", query, "-k", "2", "--report", page, "--maps", "1")
    text = page.read_text(encoding="utf-8")
    assert text.count("window centre 40 HU, width 400 HU") == 4
    assert DISCLAIMER in text and "default-src 'none'" in text and "<script" not in text
    assert text.count("patches that have a near counterpart") == 1
    assert "Jane" not in text and NAME not in text
    assert DISCLAIMER in run("similar", place / "c.collection", query, "--format", "html").stdout


def test_grey_that_is_no_tomography_has_a_map_too(place, tmp_path):
    query = slice_of(tmp_path / "a.dcm", picture("disc", 3), patient="new", Modality="MR", RescaleIntercept=0)
    run("similar", place / "c.collection", query, "-k", "1", "--report", tmp_path / "hits.html", "--maps", "1")
    text = (tmp_path / "hits.html").read_text(encoding="utf-8")
    assert "patches that have a near counterpart" in text and "No similarity map" not in text
    assert "no window in the file" in text


def test_maps_need_a_report(place):
    assert "--report" in run("similar", place / "c.collection", "x", "--maps", "1", code=2).stderr


def test_no_name_of_the_patient_is_in_the_collection(place):
    for file in (place / "c.collection").rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert NAME.encode() not in content and b"Jane0" not in content.replace(str(place).encode(), b"")


def test_audit_finds_what_a_label_told_and_nothing_before(place, tmp_path):
    archive(tmp_path, patients=2, slices=1)
    run("index", tmp_path / "archive", "--to", tmp_path / "c.collection", "--encoder", "mini")
    found = json.loads(run("audit", tmp_path / "c.collection", "--source", tmp_path / "archive", "--json").stdout)
    assert found["clean"] and found["strings"] > 5 and found["sources"] == 2
    with fieldglass.open(tmp_path / "c.collection") as collection:
        snapshot = collection.store.snapshot()
        collection.set_metadata([(snapshot.ids(snapshot.live_positions())[0], {"told": NAME})])
    found = CliRunner().invoke(main, ["med", "audit", str(tmp_path / "c.collection"), "--json"])
    assert found.exit_code == 3 and NAME not in found.output


def test_audit_knows_the_sentences_of_the_journal(tmp_path):
    root = archive(tmp_path, patients=2, slices=3)
    slice_of(
        root / "Jane0" / "over.dcm", picture("disc", 3), patient="P0", ImageType=["ORIGINAL", "LOCALIZER", "VOLUME"]
    )
    run("index", root, "--to", tmp_path / "c.collection", "--encoder", "mini", "--set", "level=series")
    found = json.loads(run("audit", tmp_path / "c.collection", "--source", root, "--json").stdout)
    assert found["clean"]
    with closing(sqlite3.connect(tmp_path / "c.collection" / "catalogue.sqlite")) as database, database:
        assert database.execute("SELECT count(*) FROM journal WHERE code = 'series-localizer'").fetchone() == (1,)
        database.execute("UPDATE journal SET message = message || ' Volume of LOCALIZER ' || ?", (NAME,))
    assert not json.loads(run("audit", tmp_path / "c.collection", "--source", root, "--json", code=3).stdout)["clean"]
