"""Every reader keeps the contract on small official files, and judges as its paper does."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

import official_files as files
from fieldglass.composers.turns import sentences
from fieldglass.errors import LoaderError, UsageError
from fieldglass.registry import registry
from fieldglass.testing import BenchmarkContract
from fieldglass.types import Ranking

FREEDOM = ("real", "cartoon", "origami", "toy", "sculpture")
WRITTEN = {
    "circo": files.circo,
    "genecis": files.genecis,
    "imagenet-r": lambda root: files.domains(root, FREEDOM),
    "imagenet-r-pic2word": files.pic2word,
    "nico": lambda root: files.domains(root, ("autumn", "dim", "grass"), apart=True),
    "minidn": lambda root: files.domains(root, ("clipart", "real"), apart=True),
    "ltll": lambda root: files.domains(root, ("New", "Old")),
    "icir": files.icir,
    "roxford5k": lambda root: files.revisited(root, "roxford5k"),
    "rparis6k": lambda root: files.revisited(root, "rparis6k"),
    "ilias": files.ilias,
    "inquire": files.inquire,
    "xtd10": files.xtd10,
    "imagecode": files.imagecode,
    "lasco": files.lasco,
    "visdial": files.visdial,
}


@pytest.mark.parametrize("kept", [name for name in vars(BenchmarkContract) if name.startswith("test_")])
@pytest.mark.parametrize("name", WRITTEN)
def test_the_contract(name, kept, tmp_path):
    contract = BenchmarkContract()
    contract.benchmark, contract.options = name, {"root": str(WRITTEN[name](tmp_path))}
    getattr(contract, kept)()


def made(name, root, **options):
    return registry().create("benchmarks", name, {"root": str(WRITTEN[name](root)), **options})


def ranking(ids, scores=None) -> Ranking:
    values = -np.arange(len(ids), dtype=np.float64) if scores is None else np.array(scores, dtype=np.float64)
    return Ranking(np.arange(len(ids)), values, ids=tuple(ids))


def judged(benchmark, order):
    """`order(query)` gives the ranked ids."""
    return benchmark.judge((query, ranking(order(query))) for query in benchmark.queries())


@pytest.mark.parametrize("name", WRITTEN)
def test_all_pictures_are_found_and_one_that_is_gone_is_told(name, tmp_path):
    check = made(name, tmp_path).check()
    assert check.pictures and not check.missing and check.queries
    picture = sorted(path for path in tmp_path.rglob("*.jpg"))[0]
    picture.unlink()
    lost = registry().create("benchmarks", name, {"root": str(tmp_path)}).check()
    assert len(lost.missing) == 1 and "1 of" in lost.label()


def test_circo_counts_answers_to_k_and_the_target_alone(tmp_path):
    found = judged(made("circo", tmp_path), lambda query: {"0": "15 11", "1": "12 10 13", "2": "13"}[query.id].split())
    assert found["mAP@5"] == pytest.approx(100 * (1 / 2 + (1 + 2 / 3) / 3 + 0) / 3)
    assert found["R@5"] == pytest.approx(200 / 3)
    assert found["mAP@10 color"] == pytest.approx(found["mAP@10"])
    assert not any(query.exclude for query in made("circo", tmp_path).queries())


def test_circo_writes_the_file_for_the_server(tmp_path):
    files.circo(tmp_path, split="test")
    hidden = registry().create("benchmarks", "circo", {"root": str(tmp_path), "split": "test"})
    ids = [item.id for item in hidden.gallery()]
    found = judged(hidden, lambda query: ids)
    assert json.loads(json.dumps(found)) == {"circo_test.json": {str(n): [10, 11, 12, 13, 14, 15] for n in range(3)}}


def test_genecis_counts_ties_against_the_target(tmp_path):
    benchmark = made("genecis", tmp_path, task="focus_object")
    queries = list(benchmark.queries())
    assert len(queries) == 3  # the one of another size is left out
    assert any("left out: their gallery is not of 3" in note for note in benchmark.check().notes)
    names = [[f"coco/{number + 2 + place}" for place in range(3)] for number in range(3)]
    equal = [(query, ranking(ids, [1, 1, 0])) for query, ids in zip(queries, names, strict=True)]
    assert benchmark.judge(equal)["focus_object R@1"] == 0
    assert benchmark.judge(equal)["focus_object R@2"] == 100
    crop = next(iter(made("genecis", tmp_path, task="focus_attribute").gallery()))
    assert crop.locator == {"box": [4, 2, 14, 10], "dilate": 0.7, "square": True}
    with pytest.raises(UsageError, match="no task"):
        made("genecis", tmp_path, task="colour")


def test_domains_average_over_targets_then_sources(tmp_path):
    benchmark = made("ltll", tmp_path)
    ids = [item.id for item in benchmark.gallery()]
    assert {query.texts[0].text for query in benchmark.queries()} == {"Today", "Archive"}

    def order(query):
        source, kind = query.id.split("/")[1][:3], int(query.id.split("/")[1][3]) // 2
        if source == "Old":
            return ids[:4] if kind == 0 else []
        return [f"pics/Old{2 * kind + place}.jpg" for place in range(2)]

    found = judged(benchmark, order)
    assert found["mAP Today"] == pytest.approx(100, abs=1e-3)
    assert found["mAP Archive"] == pytest.approx(50, abs=1e-3)
    assert found["mAP"] == pytest.approx(75, abs=1e-3)


def test_pic2word_counts_the_share_of_all_answers(tmp_path):
    benchmark = made("imagenet-r-pic2word", tmp_path)
    assert len(list(benchmark.queries())) == 8
    found = judged(benchmark, lambda query: ["r/0-00.jpg"])
    assert found["cartoon R@10"] == 25 and found["origami R@10"] == 0 and found["R@10"] == 6.25


def test_icir_asks_within_its_instance(tmp_path):
    benchmark = made("icir", tmp_path)
    queries = list(benchmark.queries())
    assert {query.where for query in queries} == {"instance = 'i temple'", "instance = 'i zeus'' head'"}
    found = judged(benchmark, lambda query: ["temp/d0.jpg", "temp/d2.jpg"])
    assert found["mAP"] == pytest.approx(25, abs=1e-3) and found["mmAP"] == pytest.approx(25, abs=1e-3)


def test_revisited_takes_junk_out_and_skips_queries_without_answers(tmp_path):
    benchmark = made("roxford5k", tmp_path)
    ids = [item.id for item in benchmark.gallery()]
    found = judged(benchmark, lambda query: [ids[place] for place in (3, 0, 6, 2, 1, 4, 5, 7)])
    first, second = (1 + (1 / 2 + 2 / 3) / 2) / 2, (0 + 1 / 6) / 2  # easy: ranks 0, 2 without 3 and 2; and 5
    assert found["mAP E"] == pytest.approx(100 * (first + second) / 2)
    assert found["mAP H"] == pytest.approx(25)  # the second has no hard one
    boxes = [query.images[0].item.locator["box"] for query in benchmark.queries()]
    assert boxes == [[2.0, 1.0, 20.0, 15.0]] * 2


class Hostile:
    def __reduce__(self):
        return print, ("this must not run",)


def test_a_pickle_that_wants_more_than_data_is_refused(tmp_path, capsys):
    made("roxford5k", tmp_path)
    (tmp_path / "gnd_roxford5k.pkl").write_bytes(pickle.dumps({"imlist": Hostile()}))
    with pytest.raises(LoaderError, match=r"asks for builtins\.print"):
        list(registry().create("benchmarks", "roxford5k", {"root": str(tmp_path)}).gallery())
    assert not capsys.readouterr().out
    (tmp_path / "gnd_roxford5k.pkl").write_bytes(pickle.dumps({"imlist": []})[:-3])
    with pytest.raises(LoaderError, match="not a whole pickle"):
        list(registry().create("benchmarks", "roxford5k", {"root": str(tmp_path)}).gallery())


def test_ilias_by_picture_and_by_text(tmp_path):
    benchmark = made("ilias", tmp_path)
    assert len(list(benchmark.gallery())) == 7
    found = judged(benchmark, lambda query: ["batch_0/0.jpg", "mug_1/pos/P000.jpg"])
    assert found["mAP@1000"] == pytest.approx(100 * (1 / 2 / 2 + 0) / 2)
    texts = [query.texts[0].text for query in made("ilias", tmp_path, queries="text").queries()]
    assert texts == ["a red mug_1", "a red toy_2"]
    (tmp_path / "image_ids/distractor_ids.txt.gz").unlink()
    alone = registry().create("benchmarks", "ilias", {"root": str(tmp_path)})
    assert any("positives alone" in note for note in alone.check().notes)


def test_inquire_counts_what_was_missed(tmp_path):
    found = judged(made("inquire", tmp_path), lambda query: ["b/3.jpg", "a/0.jpg"])
    assert found["AP@50"] == pytest.approx(100 * (1 / 2 / 2) / 2)
    assert found["MRR"] == pytest.approx(25)
    gain = (1 / np.log2(3)) / (1 + 1 / np.log2(3))
    assert found["nDCG@50"] == pytest.approx(100 * gain / 2)


def test_xtd10_leaves_blank_lines_out_and_finds_cut_ones(tmp_path):
    korean = made("xtd10", tmp_path, language="ko")
    assert [query.id for query in korean.queries()] == ["0", "2"]
    files.write(tmp_path / "XTD10/test_1kcaptions_ko.txt", "하나\n")
    with pytest.raises(LoaderError, match="1 lines for 3 pictures"):
        registry().create("benchmarks", "xtd10", {"root": str(tmp_path), "language": "ko"}).check()


def test_imagecode_sorts_by_number(tmp_path):
    benchmark = made("imagecode", tmp_path)
    targets = {"open-images-1/0": "img0.jpg", "open-images-1/9": "img0.jpg", "video-2/4": "img20.jpg"}
    found = judged(benchmark, lambda query: [f"{query.id.split('/')[0]}/{targets[query.id]}"])
    assert found["accuracy static"] == 50 and found["accuracy video"] == 100
    assert all(len(query.only) == 10 for query in benchmark.queries())


def test_lasco_says_what_becomes_of_the_reference(tmp_path):
    assert all(query.exclude for query in made("lasco", tmp_path).queries())
    assert not any(query.exclude for query in made("lasco", tmp_path, keep_reference="true").queries())


def test_visdial_ends_a_dialogue_at_its_hit(tmp_path):
    benchmark = made("visdial", tmp_path)
    texts = [", ".join(sentences(query, "test")[0]) for query in benchmark.queries()][:3]
    assert texts == ["a red thing", "a red thing, is it big? yes", "a red thing, is it big? yes, is it new? no"]
    far = [f"x{number}" for number in range(20)]
    target = {str(number): f"unlabeled2017/{number}.jpg" for number in range(3)}

    def order(query):
        dialogue, turn = query.id.split("@")
        return [target[dialogue], *far] if (dialogue, turn) == ("0", "1") else [*far, target[dialogue]]

    found = judged(benchmark, order)
    assert [found[f"Hits@10 round {turn}"] for turn in range(3)] == pytest.approx([0, 100 / 3, 100 / 3])
    late = np.log(21)
    assert found["BRI"] == pytest.approx((late / 4 + 2 * late) / 3)
