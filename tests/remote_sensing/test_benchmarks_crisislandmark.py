"""CrisisLandMark: shards behind external links, both sensors, graded gains."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fieldglass.registry import registry
from fieldglass.testing import BenchmarkContract
from fieldglass.types import Problem, Ranking
from fieldglass_remote_sensing.spectral import radar, sentinel2

h5py = pytest.importorskip("h5py")
hdf5plugin = pytest.importorskip("hdf5plugin")
pyarrow = pytest.importorskip("pyarrow")

LABELS = {
    "benv2s1_a": ["Trees", "Water"], "benv2s1_b": ["Trees"], "benv2s2_a": ["Water", "Trees"],
    "cabuar_a": ["Burned Area", "Trees"], "quakeset_a": ["Earthquake Damage", "Built"], "mmflood_a": ["Flooded Area"],
}  # fmt: skip


def corpus(root, labels=LABELS):
    """A main file of links, shards with compressed patches of 16 x 16, and the metadata."""
    from pyarrow import parquet

    with h5py.File(root / "crisislandmark.h5", "w") as main:
        for number, key in enumerate(labels):
            shard = f"{key.split('_')[0]}.h5"
            count = 4 if "quakeset" in key else 2 if key.startswith(("benv2s1", "mmflood")) else 12
            planes = np.arange(count)[:, None, None] + np.zeros((count, 16, 16)) + number
            values = (100 * planes).astype("uint16") if count == 12 else (-20 + planes).astype("float32")
            with h5py.File(root / shard, "a") as file:
                group = file.create_group(key)
                group.create_dataset("image", data=values, **hdf5plugin.Zstd())
                group.create_dataset("coords", data=np.zeros((2, 16, 16)))
                group.attrs["crs"] = "EPSG:32633"
            main[key] = h5py.ExternalLink(shard, f"/{key}")
    keys = [*labels, "mmflood_z"]
    table = {"key": keys, "labels": [*labels.values(), ["Water"]], "split": ["test"] * len(labels) + ["train"]}
    parquet.write_table(pyarrow.table(table), root / "metadata.parquet")
    return root


def made(root, **options):
    return registry().create("benchmarks", "rs/crisislandmark", {"root": str(root), **options})


@pytest.mark.parametrize("kept", [name for name in vars(BenchmarkContract) if name.startswith("test_")])
def test_the_contract(kept, tmp_path):
    contract = BenchmarkContract()
    contract.benchmark, contract.options = "rs/crisislandmark", {"root": str(corpus(tmp_path))}
    getattr(contract, kept)()


def test_patches_are_what_the_towers_take(tmp_path):
    benchmark = made(corpus(tmp_path))
    items = {item.id: item for item in benchmark.gallery()}
    assert items["cabuar_a"].paths == ("cabuar.h5",) and items["cabuar_a"].metadata["sensor"] == "s2"
    samples = dict(zip(items, benchmark.read(list(items.values()), tmp_path), strict=True))
    planes = sentinel2(samples["benv2s2_a"], "rs/closp")
    assert planes.shape == (13, 16, 16) and not planes[10].any()  # B10 was inserted
    assert planes[9, 0, 0] == pytest.approx(0.11) and planes[11, 0, 0] == pytest.approx(0.12)  # B09, B11
    assert radar(samples["benv2s1_a"], "rs/closp")[:, 0, 0].tolist() == [-19, -20]  # stored as VH, VV
    assert radar(samples["mmflood_a"], "rs/closp")[:, 0, 0].tolist() == [-15, -14]
    assert radar(samples["quakeset_a"], "rs/closp")[:, 0, 0].tolist() == [-14, -13]  # the later pair of 4
    assert benchmark.preview(samples["quakeset_a"]).shape == (16, 16, 3)


def test_gain_is_the_share_of_the_labels_asked_for(tmp_path):
    benchmark = made(corpus(tmp_path))
    queries = {query.id: query for query in benchmark.queries()}
    assert len(queries) == 3 * 5 and queries["trees. water"].texts[0].text == "trees. water"
    assert queries["trees. water S1"].where == "sensor = 's1'"
    order = ["mmflood_a", "benv2s1_b", "cabuar_a", "benv2s2_a", "quakeset_a", "benv2s1_a"]
    ranked = Ranking(np.arange(6), -np.arange(6.0), ids=tuple(order))
    found = benchmark.judge([(queries["trees. water"], ranked)])
    gains, best = [0, 0.5, 0.5, 1, 0, 1], [1, 1, 0.5, 0.5]

    def dcg(values):
        return sum(gain / math.log2(place + 2) for place, gain in enumerate(values))

    assert found["nDCG@10"] == pytest.approx(100 * dcg(gains) / dcg(best))
    assert found["nDCG@1000 binary"] == pytest.approx(100 * dcg([0, 0, 0, 1, 0, 1]) / dcg([1, 1]))
    assert found["P@10"] == pytest.approx(20)
    alone = made(tmp_path).judge(
        [(queries["trees. water S2"], Ranking(np.arange(2), -np.arange(2.0), ids=("cabuar_a", "benv2s2_a")))]
    )
    assert alone["nDCG@10 S2"] == pytest.approx(100 * dcg([0.5, 1]) / dcg([1, 0.5]))


def test_texts_that_no_patch_fulfils_do_not_count(tmp_path):
    benchmark = made(corpus(tmp_path))
    queries = {query.id: query for query in benchmark.queries()}
    ranked = Ranking(np.arange(1), np.zeros(1), ids=("benv2s2_a",))
    found = benchmark.judge(
        [(queries["built. earthquake damage S2"], ranked), (queries["burned area. trees S1"], ranked)]
    )
    assert found == {f"nDCG@{k} S1": 0 for k in (10, 100, 1000)}  # a tree is half of it, and S2 is no answer


def test_single_labels(tmp_path):
    asked = {query.texts[0].text for query in made(corpus(tmp_path), queries="labels").queries()}
    assert asked == {"trees", "water", "burned area", "earthquake damage", "built", "flooded area"}


def test_a_link_leads_nowhere_but_beside_the_main_file(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    corpus(root)
    outside = tmp_path / "outside.h5"
    with h5py.File(outside, "w") as file:
        file.create_group("k").create_dataset("image", data=np.zeros((2, 4, 4), dtype="float32"))
    with h5py.File(root / "crisislandmark.h5", "a") as main:
        del main["mmflood_a"]
        main["mmflood_a"] = h5py.ExternalLink(str(outside), "/k")
    with h5py.File(root / "cabuar.h5", "a") as shard:
        del shard["cabuar_a"]
        shard["cabuar_a"] = h5py.ExternalLink(str(outside), "/k")
    with h5py.File(root / "benv2s2.h5", "a") as shard:
        del shard["benv2s2_a"]["image"]
        shard["benv2s2_a"].create_dataset("image", (12, 4, 4), "uint16", external=[(str(outside), 0, 384)])
    benchmark = made(root)
    items = {item.id: item for item in benchmark.gallery()}
    assert items["mmflood_a"].paths == ("outside.h5",)
    names = ("mmflood_a", "cabuar_a", "benv2s2_a")
    found = list(benchmark.read([items[name] for name in names], root))
    assert all(isinstance(each, Problem) for each in found)
    assert [each.code for each in found] == ["file-missing", "scene-unreadable", "scene-unreadable"]
    assert benchmark.check().missing == ("mmflood_a",)


def test_a_cut_shard_and_a_missing_main_file_are_told(tmp_path):
    benchmark = made(corpus(tmp_path))
    items = list(benchmark.gallery())
    for path in tmp_path.glob("[a-bm-q]*.h5"):
        path.write_bytes(path.read_bytes()[:300])
    codes = {each.code if isinstance(each, Problem) else "read" for each in benchmark.read(items, tmp_path)}
    assert codes == {"read", "scene-unreadable"}
    (tmp_path / "crisislandmark.h5").unlink()
    with pytest.raises(Exception, match="crisislandmark") as error:
        made(tmp_path).check()
    assert "shards" in str(getattr(error.value, "hint", ""))
    (tmp_path / "metadata.parquet").write_bytes(b"PAR1")
    with pytest.raises(Exception, match="metadata"):
        made(tmp_path).check()
