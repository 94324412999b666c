"""The readers of remote sensing keep the contract on small official files, and judge as their papers do."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from PIL import Image

from fieldglass.errors import LoaderError, UsageError
from fieldglass.evaluation.precision import average_precision
from fieldglass.registry import registry
from fieldglass.testing import BenchmarkContract
from fieldglass.types import Ranking, Sample
from remote_sensing import official_scenes as files

WRITTEN = {
    "rs/patterncom": files.patterncom,
    "rs/patternnet": files.patternnet,
    "rs/eurosat": files.eurosat,
    "rs/rsicd": lambda root: files.captions(root, "dataset_rsicd.json"),
    "rs/rsitmd": lambda root: files.captions(root, "dataset_RSITMD.json", ".tif"),
    "rs/ucm": lambda root: files.captions(root, "dataset.json", ".tif"),
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
    benchmark = made(name, tmp_path)
    check = benchmark.check()
    assert check.pictures and not check.missing and check.queries
    (tmp_path / next(iter(benchmark.gallery())).paths[0]).unlink()
    lost = registry().create("benchmarks", name, {"root": str(tmp_path)}).check()
    assert len(lost.missing) == 1 and "1 of" in lost.label()


@pytest.mark.parametrize("name", WRITTEN)
def test_a_damaged_list_is_told(name, tmp_path):
    benchmark = made(name, tmp_path)
    whole = benchmark.check()
    for path in [tmp_path / each for each in benchmark.files.read]:
        before = path.read_bytes()
        for damaged in (before[: int(len(before) * 0.6)], b"", bytes(range(128, 256)) * 4):
            path.write_bytes(damaged)
            try:
                found = registry().create("benchmarks", name, {"root": str(tmp_path)}).check()
            except LoaderError as error:
                assert path.stem in str(error) or "no two pictures" in str(error)
            else:
                assert set(found.notes) != set(whole.notes) or found.queries < whole.queries or found.missing
        path.write_bytes(before)


def test_patterncom_asks_every_other_value_of_the_merged_class(tmp_path):
    asked = {query.id: query for query in made("rs/patterncom", tmp_path).queries()}
    colours = {id for id in asked if id.startswith("color/")}
    assert colours == {
        "color/bridge001.jpg>red", "color/bridge002.jpg>gray", "color/overpass001.jpg>red",
        "color/overpass002.jpg>gray", "color/swimmingpool001.jpg>green", "color/swimmingpool002.jpg>blue",
        "color/swimmingpool001.jpg>blue",
    }  # fmt: skip
    assert "density/denseresidential001.jpg>sparse" in asked  # the two densities are one class there
    assert "context/bridge001.jpg>over land" in asked
    query = asked["color/bridge001.jpg>red"]
    assert query.images[0].id == "bridge001.jpg" and query.texts[0].text == "red"
    assert not query.exclude and query.only is None


def test_patterncom_counts_the_last_value_and_the_merged_class(tmp_path):
    benchmark = made("rs/patterncom", tmp_path, rounding=False)
    ids = [item.id for item in benchmark.gallery()]
    found = judged(benchmark, lambda query: ids)
    right = {
        # bridges and overpasses are one class when answers are compared, whatever the attribute
        "color/bridge001.jpg>red": {"bridge002.jpg", "overpass002.jpg"},
        "color/bridge002.jpg>gray": {"bridge001.jpg", "overpass001.jpg"},
        "color/overpass001.jpg>red": {"bridge002.jpg", "overpass002.jpg"},
        "color/overpass002.jpg>gray": {"bridge001.jpg", "overpass001.jpg"},
        "color/swimmingpool001.jpg>green": {"swimmingpool001.jpg", "swimmingpool002.jpg"},
        "color/swimmingpool002.jpg>blue": set(),  # its one blue pool was listed again as green
        "color/swimmingpool001.jpg>blue": set(),
    }
    precisions = []
    for answers in right.values():
        hits = [(place, id) for place, id in enumerate(ids, 1) if id in answers]
        values = [(number + 1) / place for number, (place, _) in enumerate(hits)]
        precisions.append(sum(values) / len(values) if values else 0.0)
    assert found["mAP color"] == pytest.approx(100 * sum(precisions) / 7)
    assert found["mAP"] == pytest.approx(np.mean([found[f"mAP {each}"] for each in (
        "color", "context", "density", "existence", "quantity", "shape")]))  # fmt: skip
    assert found["R@20 color"] == pytest.approx(500 / 7) and found["P@5 shape"] == 0


def test_patterncom_rounds_each_query_as_the_script_does(tmp_path):
    ids = [item.id for item in made("rs/patterncom", tmp_path).gallery()]
    exact = judged(made("rs/patterncom", tmp_path, rounding=False), lambda query: ids)["mAP quantity"]
    rounded = judged(made("rs/patterncom", tmp_path), lambda query: ids)["mAP quantity"]
    assert exact == pytest.approx(100 / 6 * (2 / 16 + 2 / 17 + 2 / 18))
    assert rounded == pytest.approx((2 * 6.25 + 2 * 5.88 + 2 * 5.56) / 6)


def test_captions_in_both_directions_come_from_one_matrix(tmp_path):
    benchmark = made("rs/rsicd", tmp_path)
    queries = list(benchmark.queries())
    assert [query.texts[0].text for query in queries] == [
        "Many red planes .", "A red field", "A red field .", "Two green pools", "Blue sea", "Dark sea"
    ]  # fmt: skip
    own = np.repeat(np.arange(3), 2)
    scores = np.array([[9, 1, 2], [3, 5, 4], [6, 8, 7], [1, 0, 2], [2, 3, 9], [8, 1, 7]], dtype=float)
    pairs = []
    for query, row in zip(queries, scores, strict=True):
        order = np.argsort(-row)
        pairs.append((query, ranking([("a.jpg", "b.jpg", "c.jpg")[each] for each in order], row[order])))
    found = benchmark.judge(pairs)
    text_to_image = [int((row > row[place]).sum()) for row, place in zip(scores, own, strict=True)]
    assert found["T2I R@1"] == pytest.approx(100 * np.mean([rank < 1 for rank in text_to_image]))
    first = [own[scores[:, picture].argmax()] == picture for picture in range(3)]
    assert found["I2T R@1"] == pytest.approx(100 * np.mean(first))
    assert found["I2T R@5"] == 100
    assert found["mR"] == pytest.approx(
        np.mean([found[f"{way} R@{k}"] for way, k in itertools.product(("I2T", "T2I"), (1, 5, 10))])
    )


def test_captions_of_the_same_words_are_right_where_asked(tmp_path):
    strict, equal = made("rs/rsicd", tmp_path), made("rs/rsicd", tmp_path, relevance="caption")

    def order(query):
        return ["b.jpg", "a.jpg", "c.jpg"] if "red field" in query.texts[0].text else ["c.jpg", "a.jpg", "b.jpg"]

    assert judged(strict, order)["T2I R@1"] == pytest.approx(100 * 3 / 6)
    assert judged(equal, order)["T2I R@1"] == pytest.approx(100 * 4 / 6)
    with pytest.raises(UsageError, match="relevance"):
        made("rs/rsicd", tmp_path, relevance="words")


def test_equal_scores_count_against_a_picture(tmp_path):
    benchmark = made("rs/ucm", tmp_path)
    same = [(query, ranking(["a.tif", "b.tif", "c.tif"], [1, 1, 1])) for query in benchmark.queries()]
    assert benchmark.judge(same)["I2T R@1"] == 0  # six captions, four of others: the first own is fifth
    assert benchmark.judge(same)["I2T R@5"] == 100


def test_class_retrieval_takes_the_query_out_and_ranks_as_mpeg7(tmp_path):
    benchmark = made("rs/patternnet", tmp_path)
    ids = [item.id for item in benchmark.gallery()]
    queries = list(benchmark.queries())
    assert len(queries) == 18 and all(query.exclude == {query.id} for query in queries)
    found = judged(benchmark, lambda query: [id for id in ids if id != query.id])
    aps, nmrrs = [], []
    for place in range(18):
        others = [each for each in range(18) if each != place]
        ranks = np.array([n for n, each in enumerate(others) if each // 3 == place // 3])
        aps.append(average_precision(ranks, 2))
        late = [rank + 1 if rank + 1 <= 4 else 5.0 for rank in ranks]  # K = 4, 1.25 K = 5
        nmrrs.append((sum(late) / 2 - 1.5) / (5 - 1.5))
    assert found["mAP"] == pytest.approx(100 * np.mean(aps))
    assert found["ANMRR"] == pytest.approx(100 * np.mean(nmrrs))


def test_patternnet_without_its_list_goes_by_folders(tmp_path):
    files.patternnet(tmp_path)
    (tmp_path / "patternnet.csv").unlink()
    found = registry().create("benchmarks", "rs/patternnet", {"root": str(tmp_path)})
    assert found.labelled["bridge001.jpg"] == ("images/bridge/bridge001.jpg", "bridge")
    assert found.check().pictures == 18


def test_eurosat_has_b8a_last_and_by_name(tmp_path):
    benchmark = made("rs/eurosat", tmp_path)
    items = list(benchmark.gallery())
    assert [item.id for item in items] == ["River_1", "River_2", "River_3", "SeaLake_1", "SeaLake_2"]
    (sample,) = benchmark.read(items[:1], tmp_path)
    assert isinstance(sample, Sample) and sample.units == "reflectance" and sample.content.shape == (64, 64, 13)
    pixel = dict(zip(sample.bands, sample.content[0, 0], strict=True))
    assert pixel["B01"] == pytest.approx(0.0101) and pixel["B09"] == pytest.approx(0.0901)
    assert pixel["B12"] == pytest.approx(0.1201) and pixel["B8A"] == pytest.approx(0.1301)
    assert benchmark.preview(sample).shape == (64, 64, 3)


def test_eurosat_as_pictures_and_of_all(tmp_path):
    files.eurosat(tmp_path, version="rgb")
    options = {"root": str(tmp_path), "version": "rgb", "split": "all"}
    benchmark = registry().create("benchmarks", "rs/eurosat", options)
    items = list(benchmark.gallery())
    assert len(items) == 6
    (sample,) = benchmark.read(items[:1], tmp_path)
    assert sample.units == "srgb8"


def test_eurosat_refuses_what_is_no_patch(tmp_path):
    benchmark = made("rs/eurosat", tmp_path)
    first, second, third, *_ = benchmark.gallery()
    Image.new("RGB", (64, 64)).save(tmp_path / first.paths[0])
    (tmp_path / second.paths[0]).write_text("<VRTDataset/>")
    (tmp_path / third.paths[0]).unlink()
    codes = [problem.code for problem in benchmark.read([first, second, third], tmp_path)]
    assert codes == ["scene-bands", "scene-unreadable", "file-missing"]
