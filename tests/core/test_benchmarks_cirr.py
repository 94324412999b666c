"""CIRR and FashionIQ: contract, official counts, hidden splits, bad files."""

from __future__ import annotations

import json

import numpy as np
import pytest

import official_files
from fieldglass.benchmarks.cirr import CIRR
from fieldglass.benchmarks.fashioniq import FashionIQ
from fieldglass.errors import LoaderError, UsageError
from fieldglass.testing import BenchmarkContract
from fieldglass.types import Ranking


class TestCIRR(BenchmarkContract):
    benchmark = "cirr"

    @pytest.fixture(autouse=True)
    def files(self, tmp_path):
        self.options = {"root": str(official_files.cirr(tmp_path))}


class TestFashionIQ(BenchmarkContract):
    benchmark = "fashioniq"

    @pytest.fixture(autouse=True)
    def files(self, tmp_path):
        self.options = {"root": str(official_files.fashioniq(tmp_path))}


def ranking(*ids: str) -> Ranking:
    return Ranking(np.arange(len(ids)), -np.arange(len(ids), dtype=np.float64), ids=ids)


def test_cirr_counts_are_the_official_ones():
    root = official_files.data("annotations", "cirr")
    made = CIRR(root=str(root))
    check = made.check()
    assert (check.pictures, check.queries, check.notes) == (2297, 4181, ())
    assert check.label() == "2297 of 2297 pictures missing"
    assert all(len(query.exclude) == 1 and query.images[0].id in query.exclude for query in made.queries())


def test_cirr_judges_by_hand(tmp_path):
    made = CIRR(root=str(official_files.cirr(tmp_path)))
    names = [item.id for item in made.gallery()]
    queries = {query.id: query for query in made.queries()}
    rank = {
        "100": [0, 1],  # the reference leads and does not count: rank 0
        "101": [7, 8, 4],  # third of all, first of its group
        "102": [8, 9, 7],  # third of all, third of its group
        "103": [0, 1, 2, 3, 4, 5, 11],  # seventh, first of its group
    }
    found = made.judge((queries[id], ranking(*(names[place] for place in order))) for id, order in rank.items())
    assert found["R@1"] == 25 and found["R@5"] == 75 and found["R@10"] == 100
    assert (found["Rs@1"], found["Rs@2"], found["Rs@3"]) == (75, 75, 100)
    assert found["Avg"] == 75
    assert made.tally.queries["R@1"] == list(rank)


def test_chance_in_a_group_is_a_fifth():
    made = CIRR(root=str(official_files.data("annotations", "cirr")))
    random = np.random.default_rng(0)
    names = np.array([item.id for item in made.gallery()])
    queries = list(made.queries())[:1500]
    found = made.judge((query, ranking(*random.permutation(names))) for query in queries)
    assert 16.5 < found["Rs@1"] < 23.5 and found["R@1"] < 1


def test_the_hidden_split_gives_the_two_official_files(tmp_path):
    made = CIRR(root=str(official_files.cirr(tmp_path, split="test1", hidden=True)), split="test1")
    names = [item.id for item in made.gallery()]
    found = made.judge((query, ranking(*names)) for query in made.queries())
    recall, subset = found["cirr_test1_recall.json"], found["cirr_test1_recall_subset.json"]
    assert (recall["version"], recall["metric"], subset["metric"]) == ("rc2", "recall", "recall_subset")
    assert recall["100"] == names[1:] and subset["103"] == names[6:9]
    assert all(len(subset[id]) == 3 for id in ("100", "101", "102"))
    json.dumps(found)


def test_fashioniq_counts_are_the_official_ones():
    root = official_files.data("annotations", "fashioniq")
    made = FashionIQ(root=str(root))
    check = made.check()
    assert (check.pictures, check.queries, check.notes) == (3817 + 6346 + 5373, 6016, ())
    restricted = FashionIQ(root=str(root), gallery="val")
    assert restricted.check().pictures == 2628 + 3089 + 2902 and not restricted.check().notes
    assert all(query.exclude for query in restricted.queries()) and not any(query.exclude for query in made.queries())
    assert sum(" and " not in query.texts[0].text for query in made.queries()) < 10  # a few second captions are blank


def test_fashioniq_means_are_over_categories(tmp_path):
    made = FashionIQ(root=str(official_files.fashioniq(tmp_path)))
    assert [query.texts[0].text for query in made.queries()][:2] == ["is red and has dots", "is blue"]
    first = {"dress-0": "dress/B001", "shirt-1": "shirt/B013"}
    found = made.judge((query, ranking(first.get(query.id, "dress/B000"))) for query in made.queries())
    assert (found["dress R@10"], found["shirt R@10"], found["toptee R@10"]) == (50, 50, 0)
    assert found["R@10"] == pytest.approx(100 / 3)
    assert found["mean"] == pytest.approx(100 / 3)
    assert len([item for item in made.gallery() if item.id.endswith("B013")]) == 2


def test_a_changed_or_cut_file_is_named(tmp_path):
    root = official_files.cirr(tmp_path)
    path = root / "captions/cap.rc2.val.json"
    assert any("not the official file" in note for note in CIRR(root=str(root)).check().notes)
    assert any("4 val queries here, 4181 in" in note for note in CIRR(root=str(root)).check().notes)
    path.write_text(path.read_text()[:200])
    with pytest.raises(LoaderError, match=r"cap\.rc2\.val\.json is not whole JSON"):
        CIRR(root=str(root)).check()
    path.write_text('{"a": 1}')
    with pytest.raises(LoaderError, match="holds a dict, not a list"):
        CIRR(root=str(root)).check()
    path.write_text('[{"pairid": 1}]')
    with pytest.raises(LoaderError, match="row 0: no 'reference'"):
        CIRR(root=str(root)).check()
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(LoaderError, match="not UTF-8"):
        CIRR(root=str(root)).check()
    path.unlink()
    with pytest.raises(LoaderError, match=r"no file captions/cap\.rc2\.val\.json.*github\.com/Cuberick-Orion/CIRR"):
        CIRR(root=str(root)).check()
    with pytest.raises(LoaderError, match="no folder"):
        CIRR(root=str(root / "nowhere"))


def test_odd_rows_are_left_out_and_told(tmp_path):
    root = official_files.cirr(tmp_path)
    path = root / "captions/cap.rc2.val.json"
    rows = json.loads(path.read_text())
    rows += [rows[0], {**rows[1], "pairid": 900, "caption": " \n "}, {**rows[1], "pairid": 901, "mood": "grim"}]
    path.write_text(json.dumps(rows))
    check = CIRR(root=str(root)).check()
    assert check.queries == 5
    said = " ".join(check.notes)
    assert "1 queries left out: they are there twice" in said and "1 queries left out: their text is blank" in said
    assert "keys that are not used: mood" in said
    rows[2]["target_hard"] = "elsewhere"
    path.write_text(json.dumps(rows))
    with pytest.raises(LoaderError, match="pair 102: 'elsewhere' is not in the split file"):
        CIRR(root=str(root)).check()


def test_missing_pictures_are_counted(tmp_path):
    root = official_files.cirr(tmp_path)
    for number in (2, 5):
        (root / f"dev/dev-{number}-0-img0.png").unlink()
    check = CIRR(root=str(root)).check()
    assert check.missing == ("dev-2-0-img0", "dev-5-0-img0")
    assert check.label().startswith("2 of 12 pictures missing")


def test_options_that_cannot_be(tmp_path):
    official_files.fashioniq(tmp_path)
    for options, said in (
        ({"split": "test"}, "no split 'test'"),
        ({"gallery": "tiny"}, "gallery is"),
        ({"category": "hat"}, "no category 'hat'"),
    ):
        with pytest.raises(UsageError, match=said):
            FashionIQ(root=str(tmp_path), **options)


def test_answers_that_cannot_be(tmp_path):
    made = CIRR(root=str(official_files.cirr(tmp_path)))
    query = next(iter(made.queries()))
    with pytest.raises(LoaderError, match="answered twice"):
        made.judge([(query, ranking("a")), (query, ranking("a"))])
