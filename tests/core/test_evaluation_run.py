"""`fieldglass eval`: from official files to figures, on real pictures drawn for the test, with a small encoder."""

from __future__ import annotations

import json
import os
from hashlib import sha256

import numpy as np
import pytest
from click.testing import CliRunner

import fieldglass
import official_files as files
from fieldglass import benchmarks
from fieldglass.benchmarks.loader import read
from fieldglass.benchmarks.package_pictures import PICTURES, STYLES
from fieldglass.cli import main
from fieldglass.evaluation.published import rows_for
from fieldglass.registry import Registry
from fieldglass.types import Item, Problem
from plugged import site  # noqa: F401
from test_benchmarks_readers import WRITTEN
from tiny import TinyEncoder


@pytest.fixture
def run(site, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FIELDGLASS_CACHE", str(tmp_path / "cache"))
    return lambda *arguments: CliRunner().invoke(main, [str(each) for each in arguments])


def as_json(found):
    assert found.exit_code == 0, found.output
    return json.loads(found.stdout)


@pytest.mark.parametrize("name", sorted({*WRITTEN, "cirr", "fashioniq"}))
def test_every_benchmark_runs_to_its_figures(run, tmp_path, name):
    write = {**WRITTEN, "cirr": files.cirr, "fashioniq": files.fashioniq}[name]
    root = write(tmp_path / "root")
    out = ("--out", tmp_path / "result.json", "--format", "json")
    found = as_json(run("eval", name, "--root", root, "--encoder", "tiny", *out))
    assert found["metrics"] == json.loads((tmp_path / "result.json").read_text())["metrics"]
    assert found["metrics"] and all(np.isfinite(value) for value in found["metrics"].values())
    assert found["queries"]["answered"] == found["queries"]["all"] > 0 and found["subset"] == ""
    assert found["encoder"]["fingerprint"] == "tiny-0"
    assert all(len(digest) == 64 for digest in found["benchmark"]["files"].values()) and found["benchmark"]["files"]


def test_a_second_run_encodes_nothing_and_says_the_same(run, tmp_path):
    root = files.cirr(tmp_path / "root")
    arguments = ("eval", "cirr", "--root", root, "--encoder", "tiny", "--collection", "kept.collection")
    first = as_json(run(*arguments, "--composer", "sum", "--format", "json"))
    before = sorted((path.name, path.stat().st_mtime_ns) for path in (tmp_path / "kept.collection/segments").iterdir())
    again = as_json(run(*arguments, "--composer", "sum", "--format", "json"))
    after = sorted((path.name, path.stat().st_mtime_ns) for path in (tmp_path / "kept.collection/segments").iterdir())
    assert before == after and first["metrics"] == again["metrics"]


def test_the_result_file_has_every_fingerprint(run, tmp_path):
    root = files.cirr(tmp_path / "root")
    found = run(
        "eval", "cirr", "--root", root, "--encoder", "tiny", "--composer", "weicom",
        "--composer-set", "text_weight=0.7", "--set", "split=val", "--out", "result.json",
    )  # fmt: skip
    assert found.exit_code == 0, found.output
    kept = json.loads((tmp_path / "result.json").read_text())
    assert kept["composer"]["name"] == "weicom" and kept["composer"]["options"]["text_weight"] == 0.7
    assert kept["benchmark"]["options"] == {"split": "val"} and kept["versions"]["numpy"] == np.__version__
    assert kept["fields"] == {"image": "tiny-0"} and kept["composer"]["options"]["field"] == "image"
    assert set(kept["values"]["R@1"]) == {"100", "101", "102", "103"}
    low, high = kept["intervals"]["R@10"]
    assert low <= kept["metrics"]["R@10"] <= high
    assert oct((tmp_path / "result.json").stat().st_mode & 0o777) == "0o644"


def test_the_result_file_has_the_digest_of_a_word_list(run, tmp_path):
    (tmp_path / "words.txt").write_text("red\nblue\ngreen\n")
    found = as_json(
        run(
            "eval", "cirr", "--root", files.cirr(tmp_path / "root"), "--encoder", "tiny", "--composer", "freedom",
            "--composer-set", "words=words.txt", "--format", "json",
        )
    )  # fmt: skip
    assert found["composer"]["options"]["proxies"] == 20
    assert found["composer"]["files"] == {"words": sha256((tmp_path / "words.txt").read_bytes()).hexdigest()}


def test_a_run_that_was_broken_off_goes_on(run, tmp_path, monkeypatch):
    """The second run encodes what the first had not, and says what a whole run says."""
    root = files.cirr(tmp_path / "root")
    arguments = ("eval", "cirr", "--root", root, "--encoder", "tiny", "--format", "json", "--collection")
    whole = as_json(run(*arguments, "whole.collection"))
    taken, encode, broken = [], TinyEncoder.images, [True]

    def images(self, batch):
        if broken[0] and len(taken) >= 4:
            raise KeyboardInterrupt
        taken.extend(batch)
        return encode(self, batch)

    monkeypatch.setattr(TinyEncoder, "images", images)
    monkeypatch.setattr("fieldglass.ingest.run.COMMIT_ROWS", 2)
    assert run(*arguments, "broken.collection").exit_code != 0
    with fieldglass.open("broken.collection") as opened:
        kept = len(opened)
    assert 0 < kept < whole["collection"]["items"]
    broken[0], taken[:] = False, []
    again = as_json(run(*arguments, "broken.collection"))
    assert len(taken) == whole["collection"]["items"] - kept
    assert again["metrics"] == whole["metrics"] and again["queries"] == whole["queries"]


def test_missing_pictures_are_told_and_label_the_result(run, tmp_path):
    root = files.cirr(tmp_path / "root")
    for number in (0, 11):  # a reference and a target
        (root / f"dev/dev-{number}-0-img0.png").unlink()
    checked = run("eval", "cirr", "--root", root, "--check")
    assert checked.exit_code == 3 and "2 of 12 pictures missing, the first: dev-0-0-img0" in checked.output
    assert "github.com/Cuberick-Orion/CIRR" in checked.output
    assert json.loads(run("eval", "cirr", "--root", root, "--check", "--format", "json").stdout)["pictures"] == 12
    found = as_json(run("eval", "cirr", "--root", root, "--encoder", "tiny", "--format", "json"))
    assert found["subset"] == "2 of 12 pictures missing; 1 of 4 queries left out"
    shown = run("eval", "cirr", "--root", root, "--encoder", "tiny")
    assert "subset: 2 of 12 pictures missing" in shown.output


def test_limit_labels_the_result(run, tmp_path):
    root = files.cirr(tmp_path / "root")
    found = as_json(run("eval", "cirr", "--root", root, "--encoder", "tiny", "--limit", "2", "--format", "json"))
    assert found["subset"] == "the first 2 of 4 queries" and found["queries"]["answered"] == 2


def test_the_paper_stands_beside_ours(run, tmp_path):
    card = benchmarks.card("cirr")
    assert [row.backbone for row in rows_for(card, "searle", {"model": "ViT-B-32"}, "test1")] == ["B/32"]
    assert [row.backbone for row in rows_for(card, "searle", {}, "test1")] == ["B/32", "L/14"]
    assert rows_for(card, "nothing", {}, "val") == []
    root = files.domains(tmp_path / "root", ("New", "Old"))
    shown = run("eval", "ltll", "--root", root, "--encoder", "tiny", "--composer", "sum")
    assert "sum L/14 (arXiv 2412.03297)" in shown.output and "17.86" in shown.output
    line = next(line.split("\t") for line in shown.output.splitlines() if line.startswith("mAP\t"))
    assert float(line[4]) == pytest.approx(float(line[1]) - 17.86, abs=0.011)


def test_hidden_splits_write_the_submission(run, tmp_path):
    root = files.circo(tmp_path / "root", split="test")
    found = run("eval", "circo", "--root", root, "--set", "split=test", "--encoder", "tiny", "--submission", "send")
    assert found.exit_code == 0 and "written for the server: send/circo_test.json" in found.output
    text = (tmp_path / "send/circo_test.json").read_text()
    assert " " not in text and text.count("\n") == 1  # servers limit the size
    sent = json.loads(text)
    assert set(sent) == {"0", "1", "2"} and all(len(set(ids)) == 6 for ids in sent.values())


def test_own_vectors_are_used_by_id(run, tmp_path):
    root = files.cirr(tmp_path / "root")
    with fieldglass.create("own.collection", "tiny") as made:
        made.index(root / "dev")
    found = run("eval", "cirr", "--root", root, "--encoder", "tiny", "--collection", "own.collection")
    assert found.exit_code == 2 and "None of the 12 gallery items is in" in found.output
    rows = [f"dev-{number}-0-img0,dev/dev-{number}-0-img0.png" for number in range(12)]
    (root / "list.csv").write_text("\n".join(["id,path", *rows, "more,dev/dev-3-0-img0.png"]))
    with fieldglass.create("named.collection", "tiny") as made:
        made.index(root / "list.csv", loader="table", loader_options={"id_column": "id"})
    named = as_json(
        run("eval", "cirr", "--root", root, "--encoder", "tiny", "--collection", "named.collection", "--composer",
            "image", "--format", "json")
    )  # fmt: skip
    own = as_json(run("eval", "cirr", "--root", root, "--encoder", "tiny", "--composer", "image", "--format", "json"))
    asked = ("eval", "cirr", "--root", root, "--collection", "named.collection", "--composer", "image")
    assert as_json(run(*asked, "--format", "json"))["metrics"] == own["metrics"]  # its encoder need not be named
    assert named["metrics"] == own["metrics"]  # the item that is not of the benchmark is no hit


def test_matrix_goes_on_past_a_pair_that_cannot_be(run, tmp_path):
    pytest.importorskip("matplotlib")
    root = files.cirr(tmp_path / "root")
    found = run(
        "eval", "matrix", "cirr", "--root", root, "--encoder", "tiny", "--composer", "image", "--composer",
        "weicom:text_weight=0.9", "--composer", "nonsense", "--out", "grid",
    )  # fmt: skip
    assert found.exit_code == 0, found.output
    assert "nonsense" in found.stderr and "tiny\tweicom text_weight=0.9" in found.stdout
    table = (tmp_path / "grid/table.md").read_text()
    assert table.startswith("| encoder | composer | R@1 |") and table.count("\n") == 4
    assert (tmp_path / "grid/plot.png").read_bytes().startswith(b"\x89PNG")
    assert len(list((tmp_path / "grid").glob("*.json"))) == 2
    none = run("eval", "matrix", "cirr", "--root", root, "--encoder", "tiny", "--composer", "nonsense")
    assert none.exit_code == 2


def test_compare_pairs_two_runs(run, tmp_path):
    root = files.cirr(tmp_path / "root")
    for composer in ("image", "text"):
        arguments = ("--encoder", "tiny", "--composer", composer, "--out", f"{composer}.json")
        assert run("eval", "cirr", "--root", root, *arguments).exit_code == 0
    rows = json.loads(run("eval", "compare", "image.json", "text.json", "--format", "json").stdout)
    row = next(row for row in rows if row["metric"] == "Rs@3")
    assert row["queries"] == 4 and row["difference"] == pytest.approx(row["second"] - row["first"])
    assert 0 < row["p"] <= 1 and row["low"] <= row["difference"] <= row["high"]
    (tmp_path / "bad.json").write_text("[1]")
    assert "is not a result file" in run("eval", "compare", "image.json", "bad.json").output


def test_errors_say_what_to_do(run, tmp_path):
    assert "needs --root" in run("eval", "cirr").output
    assert run("eval", "cirr").exit_code == 2
    assert "There is no benchmark 'cir'" in run("eval", "cir").output
    root = files.cirr(tmp_path / "root")
    misspelt = run("eval", "cirr", "--root", root, "--encoder", "tiny", "--composer", "weicmo")
    assert misspelt.exit_code == 2 and "weicom" in misspelt.output
    unknown = run("eval", "cirr", "--root", root, "--encoder", "tiny", "--rerank", "none-such")
    assert unknown.exit_code == 2 and "There is no reranker 'none-such'" in unknown.output
    assert not (tmp_path / "cache/eval").exists()  # told before anything was encoded


def test_cards_are_listed_and_shown(run):
    listed = as_json(run("bench", "cards", "--format", "json"))
    assert {card["name"] for card in listed} >= {*WRITTEN, "cirr", "fashioniq", "package-pictures"}
    shown = run("bench", "cards", "cirr")
    assert "val queries: 4181" in shown.output and "MIT" in shown.output
    assert "or 'cirr'" in run("bench", "cards", "cir").output


def test_the_labelled_set_needs_both_parts(run, tmp_path):
    found = as_json(run("eval", "package-pictures", "--encoder", "tiny", "--composer", "sum", "--format", "json"))
    assert found["queries"]["all"] == len(PICTURES) * (len(PICTURES) - 1) * len(STYLES) == 792
    written = list((tmp_path / "cache/package-pictures").rglob("*.png"))
    assert len(written) == len(PICTURES) * len(STYLES)


@pytest.mark.slow
def test_mini_ranks_composers_on_the_labelled_set(run):
    rows = as_json(
        run("eval", "matrix", "package-pictures", "--composer", "image", "--composer", "text", "--composer", "weicom",
            "--format", "json")
    )  # fmt: skip
    first = {row["composer"]: row["R@1"] for row in rows}
    assert first["image"] < 5 and first["weicom"] > first["text"] + 3


def test_crops_are_those_of_the_protocol(tmp_path):
    files.draw(tmp_path / "a.png", 1, (30, 40))
    plain, crop, grown, gone = (
        next(read([Item("a", ("a.png",), locator=locator)], tmp_path))
        for locator in (
            {},
            {"box": [10, 6, 20, 12]},
            {"box": [10, 10, 20, 14], "dilate": 0.7, "square": True},
            {"box": [50, 50, 60, 60]},
        )
    )
    assert crop.content.shape == (6, 10, 3)
    assert (crop.content == plain.content[6:12, 10:20]).all()
    # 0.7 of the box before it, 1.7 of it in all: x 3..20, y 7.2..14; then square with black above and below
    assert grown.content.shape == (17, 17, 3)
    assert (grown.content[5:12] == plain.content[7:14, 3:20]).all() and not grown.content[:5].any()
    assert isinstance(gone, Problem) and gone.code == "box-outside"


def test_official_counts_come_with_the_command(run):
    root = files.data("annotations", "fashioniq")
    found = run("eval", "fashioniq", "--root", root, "--check")
    assert found.exit_code == 3 and "6016 queries, 15536 pictures" in found.output
    assert "15536 of 15536 pictures missing" in found.output
    assert os.environ["FIELDGLASS_DATA"] and "not the official file" not in found.output


def test_composer_and_reranker_are_made_once_for_all_batches(run, tmp_path, monkeypatch):
    made = []
    create = Registry.create
    monkeypatch.setattr("fieldglass.evaluation.run.BATCH", 1)
    monkeypatch.setattr(Registry, "create", lambda self, kind, *given: made.append(kind) or create(self, kind, *given))
    root = files.cirr(tmp_path / "root")
    found = as_json(run("eval", "cirr", "--root", root, "--encoder", "tiny", "--composer", "sum", "--rerank",
                        "superglobal", "--format", "json"))  # fmt: skip
    assert found["queries"]["answered"] == 4
    assert made.count("composers") == made.count("rerankers") == 1
