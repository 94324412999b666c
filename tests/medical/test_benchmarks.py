"""Readers of medical benchmarks on small trees in the official layout, against values computed by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from fieldglass.errors import LoaderError, UsageError
from fieldglass.registry import registry
from fieldglass.testing import BenchmarkContract
from fieldglass.types import Query, Ranking
from fieldglass_medical.benchmarks.copies import pooled_metrics
from fieldglass_medical.benchmarks.medmnist import FLAT, SOLID


def made(name, **options):
    return registry().create("benchmarks", name, {key: str(value) for key, value in options.items()})


def ranking(ids, scores=None):
    scores = np.arange(len(ids), 0, -1) / 10 if scores is None else np.asarray(scores, dtype=float)
    return Ranking(np.arange(len(ids)), scores, ids=tuple(ids))


def npz(path, shape, labels, seed=0):
    rng = np.random.default_rng(seed)
    arrays = {}
    for split, rows in labels.items():
        arrays[f"{split}_images"] = rng.integers(0, 255, (len(rows), *shape), dtype=np.uint8)
        arrays[f"{split}_labels"] = np.array(rows, dtype=np.uint8)
    np.savez_compressed(path, **arrays)
    return arrays


@pytest.fixture(scope="module")
def medmnist(tmp_path_factory):
    root = tmp_path_factory.mktemp("medmnist")
    labels = {"train": [[0], [1], [0], [1], [0], [1]], "val": [[1]], "test": [[0], [1]]}
    npz(root / "breastmnist.npz", (28, 28), labels)
    npz(root / "bloodmnist_64.npz", (64, 64, 3), labels)
    npz(root / "organmnist3d.npz", (28, 28, 28), labels)
    npz(root / "chestmnist.npz", (28, 28), {"train": [[1, 0, 1], [0, 0, 0], [0, 1, 0]], "val": [], "test": [[1, 1, 0]]}
        | {"val": [[0, 0, 0]]})  # fmt: skip
    return root


@pytest.fixture(scope="module")
def polyps(tmp_path_factory):
    root = tmp_path_factory.mktemp("polyps")
    rng = np.random.default_rng(0)
    for folder, letter, count in (("val_query", "Q", 3), ("val_ref", "R", 4)):
        (root / folder).mkdir()
        for number in range(count):
            pixels = rng.integers(0, 255, (24, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / folder / f"{letter}{number:04d}.png")
    (root / "val_groundtruth_matches.csv").write_text("query_id,reference_id\nQ0000,R0001\nQ0001,R0003\nQ0002,\n")
    lines = [
        {
            "num": number, "scene_path": [f"scene{number}"], "ground_truth": 0,
            "query_paths": [["val_query/Q0000.png"], [f"val_query/Q000{number}.png"]],
            "ref_paths": [[f"val_ref/R000{number}.png"], [f"val_ref/R000{number + 2}.png"]],
        }
        for number in range(2)
    ]  # fmt: skip
    (root / "PolypScene-250.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return root


@pytest.fixture(scope="module")
def xrays(tmp_path_factory):
    root = tmp_path_factory.mktemp("xrays")
    rows = [
        ("a.png", "Effusion|Mass", 1), ("b.png", "Effusion", 2), ("c.png", "No Finding", 3), ("d.png", "Mass", 9),
        ("q.png", "Effusion|Mass", 9), ("r.png", "No Finding", 4),
    ]  # fmt: skip
    header = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    lines = [f"{name},{labels},0,{patient},050Y,F,PA," for name, labels, patient in rows]
    (root / "Data_Entry_2017.csv").write_text("\n".join([header, *lines]) + "\n")
    (root / "train_val_list.txt").write_text("a.png\nb.png\nc.png\nd.png\n")
    (root / "test_list.txt").write_text("q.png\nr.png\n")
    for number, (name, *_) in enumerate(rows):
        folder = root / f"images_{number % 2 + 1:03d}" / "images"
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("L", (16, 16), number * 20).save(folder / name)
    return root


class TestMedMNIST(BenchmarkContract):
    benchmark = "med/medmnist"

    @pytest.fixture(autouse=True)
    def _root(self, medmnist):
        self.options = {"root": str(medmnist)}


class TestPolypTwin(BenchmarkContract):
    benchmark = "med/polyptwin"

    @pytest.fixture(autouse=True)
    def _root(self, polyps):
        self.options = {"root": str(polyps)}


class TestPolypScene(BenchmarkContract):
    benchmark = "med/polypscene"

    @pytest.fixture(autouse=True)
    def _root(self, polyps):
        self.options = {"root": str(polyps)}


class TestChestXRay14(BenchmarkContract):
    benchmark = "med/chestxray14"

    @pytest.fixture(autouse=True)
    def _root(self, xrays):
        self.options = {"root": str(xrays)}


def test_medmnist_by_hand(medmnist):
    """Labels of the order 0 0 1 1 0 for a query of 0, and 1 1 0 0 0 for one of 1.

    Query 0: AP (1 + 1 + 3/5) / 3, majority 0. Query 1: AP 1, majority 0, so that the vote is wrong.
    """
    benchmark = made("med/medmnist", root=medmnist)
    first, second = [0, 2, 1, 3, 4], [1, 3, 0, 2, 4]
    found = benchmark.judge(
        (query, ranking([f"train/{n:06d}" for n in (first if query.id.endswith("0") else second)]))
        for query in benchmark.queries()
    )
    assert found["mAP@5"] == pytest.approx(100 * ((1 + 1 + 3 / 5) / 3 + 1) / 2)
    assert found["mMV@5"] == 50
    assert (found["ACC@1"], found["ACC@3"], found["ACC@5"]) == (100, 100, 100)


def test_medmnist_pictures_are_those_of_the_file(medmnist):
    benchmark = made("med/medmnist", root=medmnist, subset="bloodmnist", size=64, gallery="train+val")
    items = list(benchmark.gallery())
    assert [item.id for item in items][-1] == "val/000000"
    assert len(items) == 7
    stored = np.load(medmnist / "bloodmnist_64.npz")["train_images"]
    with Image.open(medmnist / items[3].paths[0]) as shown:
        assert np.array_equal(np.asarray(shown), stored[3])


def test_a_volume_is_laid_out_in_slices(medmnist):
    benchmark = made("med/medmnist", root=medmnist, subset="organmnist3d", slices=4)
    item = next(iter(benchmark.gallery()))
    volume = np.load(medmnist / "organmnist3d.npz")["train_images"][0]
    with Image.open(medmnist / item.paths[0]) as shown:
        pixels = np.asarray(shown)[..., 0]
    assert pixels.shape == (56, 56)
    assert np.array_equal(pixels[:28, :28], volume[0]) and np.array_equal(pixels[28:, 28:], volume[27])
    assert np.array_equal(pixels[:28, 28:], volume[9])


def test_several_labels_are_right_where_they_share_one(medmnist):
    benchmark = made("med/medmnist", root=medmnist, subset="chestmnist")
    (query,) = benchmark.queries()
    found = benchmark.judge([(query, ranking(["train/000001", "train/000000", "train/000002"]))])
    assert (found["ACC@1"], found["ACC@3"]) == (0, 100)
    assert found["mAP@5"] == pytest.approx(100 * (1 / 2 + 2 / 3) / 2)


def test_there_are_twelve_sets_of_pictures_and_six_of_volumes(medmnist):
    assert (len(FLAT), len(SOLID)) == (12, 6)
    with pytest.raises(UsageError, match="no size"):
        made("med/medmnist", root=medmnist, subset="organmnist3d", size=224)
    with pytest.raises(UsageError, match="no set"):
        made("med/medmnist", root=medmnist, subset="heartmnist")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and then nothing", None])
def test_a_damaged_npz_is_told(tmp_path, content):
    if content is None:
        np.savez(tmp_path / "breastmnist.npz", train_images=np.array([{"a": 1}], dtype=object))
    else:
        (tmp_path / "breastmnist.npz").write_bytes(content)
    with pytest.raises(LoaderError, match=r"breastmnist\.npz"):
        list(made("med/medmnist", root=tmp_path).gallery())


def test_a_cut_npz_is_told(medmnist, tmp_path):
    whole = (medmnist / "breastmnist.npz").read_bytes()
    (tmp_path / "breastmnist.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(LoaderError, match=r"breastmnist\.npz"):
        list(made("med/medmnist", root=tmp_path).gallery())


def test_pooled_metrics_by_hand():
    """Scores .9 right, .8 wrong, .7 right; 2 of 4 pairs: uAP (1 + 2/3) / 4; the first alone has precision .9."""
    found = pooled_metrics([("a", 0.9, True), ("a", 0.8, False), ("b", 0.7, True)], 4)
    assert found["uAP"] == pytest.approx(100 * (1 + 2 / 3) / 4)
    assert found["acc@1"] == 50
    assert found["R@P90"] == 25


def test_ties_count_against():
    """Of two equal scores the wrong one comes first: AP 1/2, not 1; and the right one is not the first of its query."""
    found = pooled_metrics([("a", 0.9, True), ("a", 0.9, False)], 1)
    assert found == {"uAP": 50, "acc@1": 0, "R@P90": 0}
    assert pooled_metrics([], 3) == {"uAP": 0.0, "acc@1": 0.0, "R@P90": 0.0}


def test_polyptwin_by_hand(polyps):
    """Q0 finds R1 first at .9; Q1 finds R0 at .8, then R3 at .5; the distractor Q2 is at .6: wrong."""
    benchmark = made("med/polyptwin", root=polyps)
    given = {
        "Q0000": (["R0001", "R0000"], [0.9, 0.1]),
        "Q0001": (["R0000", "R0003"], [0.8, 0.5]),
        "Q0002": (["R0002"], [0.6]),
    }
    found = benchmark.judge((query, ranking(*given[query.id])) for query in benchmark.queries())
    # order: .9 right, .8 wrong, .6 wrong, .5 right, .1 wrong
    assert found["uAP"] == pytest.approx(100 * (1 + 2 / 4) / 2)
    assert (found["acc@1"], found["R@P90"]) == (50, 50)
    assert benchmark.check().complete


def test_polyptwin_names_references_that_are_not_there(polyps, tmp_path):
    for folder in ("val_query", "val_ref"):
        (tmp_path / folder).symlink_to(polyps / folder)
    (tmp_path / "val_groundtruth_matches.csv").write_text("Q0000,R0099\n")
    assert "R0099" in " ".join(made("med/polyptwin", root=tmp_path).check().notes)


def test_a_scene_is_found_by_any_of_its_pictures(polyps):
    benchmark = made("med/polypscene", root=polyps)
    assert [item.id for item in benchmark.gallery()] == ["ref/0/0", "ref/0/1", "ref/1/0", "ref/1/1"]
    queries = list(benchmark.queries())
    assert [len(query.images) for query in queries] == [2, 2]
    found = benchmark.judge(zip(queries, [ranking(["ref/0/1"], [0.7]), ranking(["ref/0/0"], [0.9])], strict=True))
    assert (found["uAP"], found["acc@1"], found["R@P90"]) == (25, 50, 0)


def test_a_scene_outside_the_root_is_refused(tmp_path):
    line = {"query_paths": [["../../etc/passwd"]], "ref_paths": [["a.png"]]}
    (tmp_path / "PolypScene-250.jsonl").write_text(json.dumps(line) + "\n")
    with pytest.raises(LoaderError, match="leads out"):
        list(made("med/polypscene", root=tmp_path).gallery())


def test_chest_x_rays_leave_the_patient_out(xrays):
    """q shares findings with a, b and d; d is of its own patient. Order d b c a: b at 1, a at 3 after d is gone."""
    benchmark = made("med/chestxray14", root=xrays)
    queries = {query.id: query for query in benchmark.queries()}
    assert queries["q.png"].exclude == {"d.png"}
    found = benchmark.judge([(queries["q.png"], ranking(["d.png", "b.png", "c.png", "a.png"]))])
    assert found["P@1"] == 100
    assert found["P@5"] == pytest.approx(100 * 2 / 5)
    assert found["mAP@10"] == pytest.approx(100 * (1 + 2 / 3) / 2)
    exact = made("med/chestxray14", root=xrays, relevance="exact")
    found = exact.judge([(queries["q.png"], ranking(["b.png", "c.png", "a.png"]))])
    assert (found["P@1"], found["mAP@10"]) == (0, pytest.approx(100 / 3))


def test_chest_x_rays_of_one_finding(xrays):
    asked = [query.id for query in made("med/chestxray14", root=xrays, finding="Mass").queries()]
    assert asked == ["q.png"]
    assert isinstance(next(iter(made("med/chestxray14", root=xrays).queries())), Query)
