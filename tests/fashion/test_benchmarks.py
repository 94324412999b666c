"""The readers of fashion keep the contract on small official files, and judge as their papers do."""

from __future__ import annotations

import json

import numpy as np
import pytest

import fieldglass
import small_checkpoints as small
from fashion import official_fashion as files
from fieldglass.errors import LoaderError, UsageError
from fieldglass.registry import registry
from fieldglass.testing import BenchmarkContract
from fieldglass.types import Ranking
from fieldglass_fashion.benchmarks.facap import CATEGORIES, part_of
from fieldglass_fashion.click_log import export_clicks
from official_files import data, draw, write

WRITTEN = {
    "fashion/shoes": files.shoes,
    "fashion/fashion200k": files.fashion200k,
    "fashion/fashiongen": files.fashiongen,
    "fashion/inshop": files.inshop,
    "fashion/facap": files.facap,
    "fashion/fine-fashioniq": files.fine,
    "fashion/enh-fashioniq": files.enhanced,
    "fashion/multiturn-fashioniq": files.sessions,
    "fashion/multiturn-shoes": lambda root: files.sessions(root, ("shoes",)),
}


def made(name, root, **options):
    return registry().create("benchmarks", name, {"root": str(WRITTEN[name](root)), **options})


def ranking(ids) -> Ranking:
    return Ranking(np.arange(len(ids)), -np.arange(len(ids), dtype=np.float64), ids=tuple(ids))


def judged(benchmark, order):
    """`order(query)` gives the ranked ids."""
    return benchmark.judge((query, ranking(order(query))) for query in benchmark.queries())


@pytest.mark.parametrize("name", WRITTEN)
def test_the_contract(name, tmp_path):
    WRITTEN[name](tmp_path)
    contract = BenchmarkContract()
    contract.benchmark, contract.options = name, {"root": str(tmp_path)}
    for kept in (each for each in vars(BenchmarkContract) if each.startswith("test_")):
        if name in ("fashion/multiturn-shoes", "fashion/shoes", "fashion/fashiongen") and "depends" in kept:
            continue  # R@5 of five pictures is what it is; below each has a ranking of its own
        getattr(contract, kept)()


@pytest.mark.parametrize("name", [name for name in WRITTEN if name != "fashion/fashiongen"])
def test_all_pictures_are_found_and_one_that_is_gone_is_told(name, tmp_path):
    check = made(name, tmp_path).check()
    assert check.pictures and not check.missing and check.queries
    benchmark = registry().create("benchmarks", name, {"root": str(tmp_path)})
    (tmp_path / next(iter(benchmark.gallery())).paths[0]).unlink()
    lost = registry().create("benchmarks", name, {"root": str(tmp_path)}).check()
    assert len(lost.missing) == 1 and "1 of" in lost.label()


@pytest.mark.parametrize("name", [name for name in WRITTEN if name != "fashion/fashiongen"])
def test_a_file_that_is_cut_short_is_told(name, tmp_path):
    WRITTEN[name](tmp_path)
    for path in sorted(tmp_path.rglob("*")):
        if path.suffix in (".json", ".txt") and "split" not in path.name and path.parent.name != "image_captions":
            text = path.read_text()
            path.write_text(text[: len(text) * 2 // 3])
    try:
        check = registry().create("benchmarks", name, {"root": str(tmp_path)}).check()
    except LoaderError as error:
        assert error.hint
    else:
        assert check.notes or check.missing, "half of its lists is gone, and nothing is said"


def test_shoes_take_the_reference_out_or_leave_it(tmp_path):
    benchmark = made("fashion/shoes", tmp_path)
    queries = list(benchmark.queries())
    assert len(queries) == 2 and len(list(benchmark.gallery())) == 5
    assert queries[0].exclude == {"img_womens_boots_0.jpg"} and queries[0].texts[0].text == "has a higher heel"
    kept = registry().create("benchmarks", "fashion/shoes", {"root": str(tmp_path), "keep_reference": "yes"})
    assert not next(iter(kept.queries())).exclude
    wrong = [f"x{n}" for n in range(9)]
    order = {"0": ["img_womens_boots_1.jpg"], "1": [*wrong, "img_womens_boots_3.jpg"]}
    assert judged(benchmark, lambda query: order[query.id]) == {"R@1": 50, "R@10": 100, "R@50": 100}
    assert next(iter(benchmark.gallery())).paths == ("womens_boots/0/img_womens_boots_0.jpg",)


def test_fashion200k_counts_every_picture_with_the_caption(tmp_path):
    benchmark = made("fashion/fashion200k", tmp_path)
    first, second = benchmark.queries()
    assert first.texts[0].text == "replace black with red" and second.texts[0].text == "replace red with black"
    other = "women/dresses/3/3_0.jpeg"  # not the named target, but of its caption
    found = judged(benchmark, lambda query: [other, "women/dresses/1/1_0.jpeg"])
    assert found["R@1"] == 50 and found["R@5"] == 100
    captions = {item.metadata["caption"] for item in benchmark.gallery()}
    assert "blue vdotmarkneck top" in captions
    assert any("1 queries left out" in note for note in benchmark.check().notes)


def test_inshop_queries_are_no_part_of_the_gallery(tmp_path):
    benchmark = made("fashion/inshop", tmp_path)
    gallery, queries = list(benchmark.gallery()), list(benchmark.queries())
    assert (len(gallery), len(queries)) == (6, 3)
    assert not {item.id for item in gallery} & {query.images[0].item.id for query in queries}
    same = {item.groups["product"]: item.id for item in gallery}
    found = judged(benchmark, lambda query: [same[query.id.split("/")[3]]])
    assert found["R@1"] == 100
    path = tmp_path / "Eval/list_eval_partition.txt"
    path.write_text(path.read_text().replace(" query", " asked", 1))
    with pytest.raises(LoaderError, match="line 6"):
        list(registry().create("benchmarks", "fashion/inshop", {"root": str(tmp_path)}).queries())


def test_fashiongen_asks_among_101_or_all_and_reads_its_own_pictures(tmp_path):
    benchmark = made("fashion/fashiongen", tmp_path)
    queries = list(benchmark.queries())
    assert len(queries) == 12 and queries[0].texts[0].text == "a n\u00e9at garment 0"
    gallery = {item.id: item for item in benchmark.gallery()}
    for query in queries:
        right = [name for name in query.only if gallery[name].groups["product"] == query.id]
        assert len(right) == 1 and len(query.only) == 23  # only 22 pictures of others here
    again = registry().create("benchmarks", "fashion/fashiongen", {"root": str(tmp_path)})
    assert [query.only for query in again.queries()] == [query.only for query in queries]
    full = registry().create("benchmarks", "fashion/fashiongen", {"root": str(tmp_path), "protocol": "full"})
    assert {query.only for query in full.queries()} == {None}
    assert judged(full, lambda query: [str(2 * (int(query.id) - 100) + 1)])["R@1"] == 100  # its other picture
    (sample,) = benchmark.read([gallery["3"]], tmp_path)
    assert sample.content.shape == (16, 16, 3) and benchmark.preview(sample) is sample.content
    path = tmp_path / "fashiongen_256_256_validation.h5"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(LoaderError, match="HDF5"):
        list(registry().create("benchmarks", "fashion/fashiongen", {"root": str(tmp_path)}).gallery())


def test_facap_is_parted_by_the_name_of_the_reference(tmp_path):
    benchmark = made("fashion/facap", tmp_path)
    queries = list(benchmark.queries())
    assert len(queries) == 12 and all(part_of(query.images[0].id) == "test" for query in queries)
    assert benchmark.card.counts["triplets"] == 227680
    assert sum(benchmark.card.counts[f"{each} triplets"] for each in CATEGORIES) == 227680
    every = registry().create("benchmarks", "fashion/facap", {"root": str(tmp_path), "split": "all"})
    assert len(list(every.queries())) == 18 and len(list(every.triplets())) == 18
    parts = [part_of(f"a/{n}_0.jpeg") for n in range(20_000)]
    shares = {part: parts.count(part) / len(parts) for part in set(parts)}
    assert abs(shares["test"] - 0.05) < 0.01 and abs(shares["val"] - 0.05) < 0.01
    assert part_of("x/51727804_0.jpeg") == part_of("elsewhere/51727804_0.png")
    one = registry().create("benchmarks", "fashion/facap", {"root": str(tmp_path), "category": "skirt"})
    assert {item.metadata["category"] for item in one.gallery()} == {"skirt"}
    with pytest.raises(UsageError, match="no category"):
        registry().create("benchmarks", "fashion/facap", {"root": str(tmp_path), "category": "hat"})


def test_fine_texts_come_as_lines_or_as_a_list(tmp_path):
    benchmark = made("fashion/fine-fashioniq", tmp_path)
    texts = [query.texts[0].text for query in benchmark.queries()]
    assert texts == ["Changes: 1. longer sleeves 2. no belt", "a red one"] * 3
    assert not next(iter(benchmark.queries())).exclude, "FashionIQ leaves the reference"
    found = judged(benchmark, lambda query: [f"{query.id.partition('-')[0]}/{query.id[0]}1"])
    assert found["R@10"] == 50 and found["mean"] == 50
    assert len(list(benchmark.triplets())) == 6
    (tmp_path / "fiq.fine.shirt.val.json").write_text('{"target": "s1"}\n{')
    with pytest.raises(LoaderError, match=r"fiq\.fine\.shirt"):
        list(registry().create("benchmarks", "fashion/fine-fashioniq", {"root": str(tmp_path)}).queries())


def test_enh_fashioniq_has_one_text_a_query(tmp_path):
    benchmark = made("fashion/enh-fashioniq", tmp_path)
    texts = [query.texts[0].text for query in benchmark.queries()]
    assert texts == ["longer, with a wide collar and wooden buttons", "in dark red velvet"] * 3


def test_a_session_is_its_last_turn_with_a_history(tmp_path):
    benchmark = made("fashion/multiturn-fashioniq", tmp_path)
    queries = list(benchmark.queries())
    first = queries[0]
    assert len(queries) == 6 and len(first.history) == 2
    assert [turn.texts[0].text for turn in (*first.history, first)] == [
        "is longer", "Is red and has no belt", "Shinier and darker",
    ]  # fmt: skip
    assert first.images[0].id == "dress/d2" and not first.exclude and first.where == "category = 'dress'"
    found = judged(
        benchmark, lambda query: [f"x{n}" for n in range(6)] + [f"{query.id.partition('-')[0]}/{query.id[0]}4"]
    )
    assert (found["dress R@5"], found["dress R@8"], found["R@8"]) == (0, 50, 50)
    assert any("single turn" in note for note in benchmark.check().notes)
    rows = json.loads((tmp_path / "data/dress.val.json").read_text())
    rows[0]["reference"][1] = ["http://gone", "d1"]
    write(tmp_path / "data/dress.val.json", rows)
    with pytest.raises(LoaderError, match="session 0"):
        list(registry().create("benchmarks", "fashion/multiturn-fashioniq", {"root": str(tmp_path)}).queries())


def test_fashioniq_as_published_has_the_exact_counts():
    """The annotations of the official repository, with whitespace captions among them."""
    root = data("annotations", "fashioniq")
    for gallery, sizes in (("original", (3817, 6346, 5373)), ("val", (2628, 3089, 2902))):
        benchmark = registry().create("benchmarks", "fashioniq", {"root": str(root), "gallery": gallery})
        queries = list(benchmark.queries())
        by = [item.metadata["category"] for item in benchmark.gallery()]
        assert tuple(by.count(each) for each in files.CATEGORIES) == sizes
        assert len(queries) == 2017 + 2038 + 1961
        texts = {query.texts[0].text for query in queries}
        alone = "is grey with a design on the back", "is an off the shoulder top", "fades from red to orange"
        assert texts >= set(alone), "a caption whose other half is blank stands alone"
        assert benchmark.check().notes == ()
        assert benchmark.check().label() == f"{sum(sizes)} of {sum(sizes)} pictures missing"  # their links are dead


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    for n in range(8):
        draw(folder / f"pictures/{n}.png", n)
    small.clip(folder / "model")
    options = {"weights": str(folder / "model"), "device": "cpu"}
    with fieldglass.create(folder / "shop.collection", encoder="open_clip", options=options) as opened:
        opened.index(folder / "pictures")
    return folder


def test_a_click_log_becomes_a_benchmark_that_cirr_s_reader_reads(shop, tmp_path):
    rows = [
        "session,reference,text,target,shown",
        "s1,0.png,in red,1.png,2.png|3.png|1.png|4.png|5.png|6.png",
        "s2,0.png,in red,1.png,7.png",
        "s3,2.png,longer,3.png,",
        "s4,2.png,longer,gone.png,",
        "s5,2.png,for anna@example.org,3.png,",
        "s6,2.png,longer,2.png,",
        "s7,2.png, ,3.png,",
    ]
    log = write(tmp_path / "clicks.csv", "\n".join(rows))
    with fieldglass.open(shop / "shop.collection") as opened:
        done = export_clicks(log, opened, tmp_path / "own")
        assert (done.rows, done.pairs, done.pictures, done.short) == (7, 2, 8, 1)
        strict = export_clicks(log, opened, tmp_path / "strict", least=2)
        assert strict.pairs == 1
        with pytest.raises(UsageError, match="No row"):
            export_clicks(log, opened, tmp_path / "none", least=9)
    assert sum(done.rejected.values()) == 4
    written = "".join(path.read_text() for path in (tmp_path / "own").rglob("*") if path.is_file())
    assert "anna" not in written and "s1" not in written
    assert len((tmp_path / "own/rejected.jsonl").read_text().splitlines()) == 4
    reader = registry().create("benchmarks", "cirr", {"root": str(tmp_path / "own")})
    first = next(iter(reader.queries()))
    assert first.texts[0].text == "in red" and first.images[0].id == "0.png"
    found = judged(reader, lambda query: ["1.png", "3.png"] if query.id == "0" else ["3.png"])
    assert found["R@1"] == 100 and found["Rs@1"] == 100
