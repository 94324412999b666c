"""The recipe `rs/closp`: the contract, and a training whose checkpoint finds radar and optical scenes by a text."""

from __future__ import annotations

import json
from typing import ClassVar

import numpy as np
import pytest

import fieldglass
from fieldglass.errors import LoaderError, UsageError
from fieldglass.registry import registry
from fieldglass.testing import RecipeContract
from fieldglass.training import Position, train
from fieldglass_remote_sensing.closp import Closp
from fieldglass_remote_sensing.training_scenes import caption_of, read_captions
from remote_sensing.captioned import write
from remote_sensing.closp_files import closp, satclip, save


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    folder = tmp_path_factory.mktemp("training")
    table = write(folder / "scenes")
    return {
        "scenes": (str(folder / "scenes"),), "captions": str(table), "loader_options": "whole=true",
        "tower": "resnet-tiny", "size": 32, "batch": 4, "epochs": 2, "lr": 1e-3, "held_out": 0.2,
    }  # fmt: skip


class TestClosp(RecipeContract):
    recipe = "rs/closp"
    options: ClassVar[dict] = {}

    @pytest.fixture(autouse=True)
    def small(self, given, tmp_path_factory):
        begin = tmp_path_factory.getbasetemp() / "begin" / "model.safetensors"
        if not begin.exists():
            begin.parent.mkdir()
            closp(begin)
        type(self).options = {**given, "begin": str(begin.parent), "freeze": "text"}


def made(given, **more):
    return registry().create("recipes", "rs/closp", {**given, **more, "seed": 0, "device": "cpu"})


@pytest.mark.slow
def test_it_is_trained_loaded_and_a_text_finds_both_sensors(given, tmp_path):
    options = {**given, "epochs": 12, "batch": 6, "lr": 2e-3, "held_out": 0.0, "scale": 10.0, "same": "positives"}
    found = train("rs/closp", tmp_path / "run", {**options, "size": 48}, device="cpu")
    rows = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    losses = [row["mean loss"] for row in rows if "mean loss" in row]
    assert losses[-1] < 0.6 * losses[0] and {"s1", "s2"} <= rows[0].keys()
    assert Closp(weights=found.weights).dim == 384
    with fieldglass.create(
        tmp_path / "c.collection", "rs/closp", {"weights": str(tmp_path / "run"), "device": "cpu"}
    ) as collection:
        report = collection.index(given["scenes"][0], loader="rs/scenes", loader_options={"whole": True})
        assert report.new == 24
        both = 0
        for label in ("water", "land. trees", "bare. land", "built. land"):
            word = label.replace("land", "").strip(". ")
            ids = [hit.id for hit in collection.search(text=label, k=24)]
            for sensor in ("s1", "s2"):
                first = [id for id in ids if id.startswith(sensor)][:3]
                assert all(word in id for id in first), (label, first)
            both += {id[:2] for id in ids[:6]} == {"s1", "s2"} and all(word in id for id in ids[:6])
        assert both >= 2  # nothing but captions ever brought the two sensors together


def test_a_collection_with_a_column_of_labels_gives_the_same_examples(given, tmp_path):
    of_folder = made(given)
    with fieldglass.create(tmp_path / "c.collection", "rs/mini") as collection:
        collection.index(given["scenes"][0], loader="rs/scenes", loader_options={"whole": True})
        assert collection.annotate(given["captions"]).matched == 24
    of_collection = made(given, scenes=(str(tmp_path / "c.collection"),), captions="", column="labels")
    for sensor in ("s1", "s2"):
        one, other = (next(each.batches(0, 0))[sensor] for each in (of_folder, of_collection))
        assert np.array_equal(one[0], other[0]) and one[1] == other[1]


def test_frozen_parts_stay_and_the_others_move(given, tmp_path):
    begun = closp(tmp_path / "begin.safetensors", "rn", geo=True)
    before = {name: value.clone() for name, value in begun["s1_encoder"].state_dict().items()}
    options = {**given, "begin": str(tmp_path / "begin.safetensors"), "epochs": 1, "lr": 0.01}
    found = train("rs/closp", tmp_path / "frozen", options, device="cpu")
    state = fieldglass.models.weights.read(tmp_path / "frozen" / "model.safetensors")
    assert all(bool((state[f"s1_encoder.{name}"] == value).all()) for name, value in before.items())
    for name in ("s1_projection", "s2_projection", "location_projection"):
        assert not bool((state[f"{name}.weight"] == begun[name].weight).all()), name
    assert "places" in dir(Closp(weights=found.weights))  # GeoCLOSP stays one
    train("rs/closp", tmp_path / "all", {**options, "freeze": "none"}, device="cpu")
    state = fieldglass.models.weights.read(tmp_path / "all" / "model.safetensors")
    assert not bool((state["s1_encoder.conv1.weight"] == before["conv1.weight"]).all())


def test_the_loss_is_that_of_the_paper(given):
    """Symmetric cross-entropy at scale 1, the mean over sensors, by numpy."""
    recipe = made(given)
    recipe.module.eval()
    batch = next(recipe.batches(0, 0))
    parts = recipe.loss(batch, Position())
    for sensor, (pixels, captions, _) in batch.items():
        one, other = (
            each.detach().numpy().astype(np.float64)
            for each in (recipe._pictures(sensor, pixels), recipe._texts(captions))
        )
        one, other = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (one, other))
        scores = one @ other.T
        terms = [np.mean(np.log(np.exp(each).sum(axis=1)) - np.diag(each)) for each in (scores, scores.T)]
        assert parts[sensor].item() == pytest.approx(np.mean(terms), abs=1e-5)
    assert parts["loss"].item() == pytest.approx((parts["s1"].item() + parts["s2"].item()) / 2, abs=1e-6)


def test_places_are_two_more_terms(given, tmp_path):
    location = save(tmp_path / "satclip.pth", {f"location.{name}": each for name, each in satclip().items()})
    recipe = made(given, location=str(location))
    batch = next(recipe.batches(0, 0))
    parts = recipe.loss(batch, Position())
    assert {"s1", "s2", "s1 place", "s2 place"} < parts.keys()
    terms = [value.item() for name, value in parts.items() if name != "loss"]
    assert parts["loss"].item() == pytest.approx(np.mean(terms), abs=1e-6)
    recipe.save(tmp_path / "model.safetensors")
    assert "location_projection" in recipe.module
    assert Closp(weights=str(tmp_path)).places(np.array([[45.0, 9.0]])).shape == (1, 384)


@pytest.mark.parametrize(
    ("cell", "wanted"),
    [("Water; Flooded Area ;water", "flooded area. water"), ('["Trees", "Bare"]', "bare. trees"), (["Built"], "built")],
)
def test_labels_are_sorted_and_joined(cell, wanted):
    assert caption_of(cell, labels=True) == wanted


def test_bad_captions_and_scenes_are_named(given, tmp_path):
    (tmp_path / "none.csv").write_text("id,labels\nother.tif,Water\n")
    with pytest.raises(UsageError, match=r"0 scenes of Sentinel-1 have a caption \(24 items without a caption\)"):
        made(given, captions=str(tmp_path / "none.csv"))
    (tmp_path / "twice.csv").write_text("id,caption\na.tif,one\na.tif,two\n")
    with pytest.raises(LoaderError, match=r"line 3: 'a\.tif' has another caption"):
        read_captions(tmp_path / "twice.csv")
    with pytest.raises(UsageError, match="takes pictures of 224 pixels"):
        made(given, tower="vit-tiny")
    with pytest.raises(UsageError, match="no folder, file or collection"):
        made(given, scenes=("nowhere",))


def test_scenes_that_cannot_be_read_are_left_out_of_their_batch(given, tmp_path):
    table = write(tmp_path / "scenes", each=1)
    damaged = tmp_path / "scenes" / "s2_bare_0.tif"
    content = damaged.read_bytes()
    options = {**given, "scenes": (str(tmp_path / "scenes"),), "captions": str(table), "held_out": 0.0}
    recipe = made(options)
    damaged.write_bytes(content[: len(content) // 2])
    batch = next(recipe.batches(0, 0))
    assert len(batch["s1"][1]) == 4 and sorted(batch["s2"][1]) == ["built. land", "land. trees", "water"]
    assert recipe.plan.metric == ""
