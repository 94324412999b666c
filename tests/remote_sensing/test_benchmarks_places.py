"""CVG-Text and CrossViewRet: distances, nearest tiles, twins, views, the seeded split."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fieldglass.errors import LoaderError, UsageError
from fieldglass.registry import registry
from fieldglass.testing import BenchmarkContract
from fieldglass.types import Ranking
from remote_sensing import official_scenes as files

WRITTEN = {"rs/cvg-text": files.cvg_text, "rs/crossviewret": files.cross_view}


@pytest.mark.parametrize("kept", [name for name in vars(BenchmarkContract) if name.startswith("test_")])
@pytest.mark.parametrize("name", WRITTEN)
def test_the_contract(name, kept, tmp_path):
    contract = BenchmarkContract()
    contract.benchmark, contract.options = name, {"root": str(WRITTEN[name](tmp_path))}
    getattr(contract, kept)()


def made(name, root, **options):
    return registry().create("benchmarks", name, {"root": str(WRITTEN[name](root)), **options})


def judged(benchmark, order):
    """`order(query)` gives the ranked ids."""

    def ranking(ids) -> Ranking:
        return Ranking(np.arange(len(ids)), -np.arange(len(ids), dtype=np.float64), ids=tuple(ids))

    return benchmark.judge((query, ranking(order(query))) for query in benchmark.queries())


def kilometres(first: str, second: str) -> float:
    """The haversine formula of the official code, R = 6371 km, on file names."""
    (a, b), (c, d) = ([math.radians(float(each)) for each in name.split("_")[0].split(",")] for name in (first, second))
    half = math.sin((c - a) / 2) ** 2 + math.cos(a) * math.cos(c) * math.sin((d - b) / 2) ** 2
    return 2 * 6371 * math.atan2(math.sqrt(half), math.sqrt(1 - half))


def test_each_text_ranks_its_hundred_nearest_tiles(tmp_path):
    benchmark = made("rs/cvg-text", tmp_path)
    names = [item.id for item in benchmark.gallery()]
    assert len(names) == 120
    for query in benchmark.queries():
        tile = query.id.split("/")[1]
        nearest = sorted(names, key=lambda name: kilometres(tile, name))[:100]
        assert len(query.only) == 100 and query.only == set(nearest)
    assert all(query.only is None for query in made("rs/cvg-text", tmp_path, protocol="full").queries())


def test_distances_are_those_of_the_official_code(tmp_path):
    benchmark = made("rs/cvg-text", tmp_path)
    names = [item.id for item in benchmark.gallery()]

    def order(query):
        tile = query.id.split("/")[1]
        place = names.index(tile)
        return [names[(place + place % 4) % 120], tile, *query.only]

    found = judged(benchmark, order)
    away = [kilometres(names[place], names[(place + place % 4) % 120]) for place in range(120)]
    assert found["deviation km"] == pytest.approx(np.mean(away), rel=1e-5)
    for metres in (50, 100, 150):
        assert found[f"L@{metres}"] == pytest.approx(100 * np.mean([each <= metres / 1000 for each in away]))
    assert found["L@50"] < found["L@100"] < found["L@150"]
    assert found["R@1"] == pytest.approx(25) and found["R@5"] == 100
    assert found["MRR"] == pytest.approx(100 * (0.25 + 0.75 / 2))
    assert benchmark.tally.plain == {"deviation km"}


def test_the_gap_between_the_protocols_is_told(tmp_path):
    benchmark = made("rs/cvg-text", tmp_path, protocol="full", tiles="all")
    names = [item.id for item in benchmark.gallery()]
    assert len(names) == 125  # those of train.json too
    judged(benchmark, lambda query: names)
    assert any("All 125 tiles were ranked" in note for note in benchmark.files.notes)


def test_tiles_that_are_one_picture(tmp_path):
    root = files.cvg_text(tmp_path)
    tiles = sorted((root / "NewYork-satellite").iterdir())
    tiles[1].write_bytes(tiles[0].read_bytes())

    def order(query):
        return [tiles[1].name, tiles[0].name]

    for relevance, hits in (("name", 1), ("bytes", 2)):
        benchmark = registry().create("benchmarks", "rs/cvg-text", {"root": str(root), "relevance": relevance})
        assert judged(benchmark, order)["R@1"] == pytest.approx(100 * hits / 120)
    assert "2 tiles are byte for byte" in " ".join(benchmark.check().notes)


def test_maps_and_mixed_texts(tmp_path):
    files.cvg_text(tmp_path)
    maps = registry().create("benchmarks", "rs/cvg-text", {"root": str(tmp_path), "view": "osm"})
    assert all(item.paths[0].startswith("NewYork-OSM/") for item in maps.gallery()) and not maps.check().missing
    mixed = registry().create("benchmarks", "rs/cvg-text", {"root": str(tmp_path), "version": "NewYork-mixed"})
    found = judged(mixed, lambda query: [query.id.split("/")[1]])
    assert found["R@1 panorama"] == found["R@1 single view"] == 100 and "deviation km panorama" in found
    assert {query.id.split("/")[0] for query in mixed.queries()} == {"NewYork", "NewYork-photos"}


@pytest.mark.parametrize("option", ["view", "protocol", "tiles", "relevance"])
def test_a_choice_that_is_none(option, tmp_path):
    with pytest.raises(UsageError, match=option):
        made("rs/cvg-text", tmp_path, **{option: "other"})


def test_a_name_without_a_place_is_told(tmp_path):
    files.write(files.cvg_text(tmp_path) / "annotation/NewYork/test.json", {"street.jpg": "a street"})
    with pytest.raises(LoaderError, match=r"'street\.jpg' has no text, or its name"):
        registry().create("benchmarks", "rs/cvg-text", {"root": str(tmp_path)}).check()


def test_each_view_asks_the_other(tmp_path):
    benchmark = made("rs/crossviewret", tmp_path, split="all")
    queries = {query.id: query for query in benchmark.queries()}
    assert len(queries) == 20 and queries["ground/river/0.jpg"].where == "view = 'v satellite'"

    def order(query):
        other = "satellite" if query.id.startswith("ground") else "ground"
        return [f"{other}/{kind}/{number}.jpg" for kind in ("river", "ship") for number in range(5)]

    found = judged(benchmark, order)
    late = np.mean([(n + 1) / (n + 6) for n in range(5)])
    assert found["mAP"] == found["mAP ground>satellite"] == pytest.approx(100 * (1 + late) / 2)
    assert found["P@5"] == pytest.approx(50) and found["P@10 satellite>ground"] == pytest.approx(50)


def test_the_split_is_a_seeded_part_of_each_class(tmp_path):
    def ids(split, seed=0):
        made = registry().create("benchmarks", "rs/crossviewret", {"root": str(tmp_path), "split": split, "seed": seed})
        return {item.id for item in made.gallery()}

    files.cross_view(tmp_path)
    assert len(ids("test")) == 4 and len(ids("train")) == 16 and not ids("test") & ids("train")
    assert ids("test") == ids("test") and ids("test") | ids("train") == ids("all")
    assert len({frozenset(ids("test", seed)) for seed in range(6)}) > 1


def test_three_views_want_names(tmp_path):
    files.cross_view(tmp_path)
    files.draw(tmp_path / "drone/river/0.jpg", 1)
    with pytest.raises(LoaderError, match="not two views, but drone, ground, satellite"):
        list(registry().create("benchmarks", "rs/crossviewret", {"root": str(tmp_path)}).gallery())
    options = {"root": str(tmp_path), "views": ("satellite", "ground")}
    assert list(registry().create("benchmarks", "rs/crossviewret", options).gallery())
