"""The recipe `geo/geoclip`: the contract, a training whose weights locate photos, a queue of real places."""

from __future__ import annotations

import json
from importlib.util import find_spec
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

import fieldglass
from fieldglass._torchvision import require
from fieldglass.errors import UsageError
from fieldglass.registry import registry
from fieldglass.testing import RecipeContract
from fieldglass.training import Position, train
from fieldglass_geo.geoclip import GeoClip
from fieldglass_geo.geoclip_examples import held_apart, neighbours
from geo.geoclip_files import trunk

SPOTS = {"red": (52.5, 13.4), "green": (-33.9, 151.2), "blue": (40.7, -74.0)}
SMALL = {"features": 8, "width": 16, "dim": 12, "batch": 8, "queue": 8, "lr": 3e-3, "sigmas": (1.0, 4.0)}


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A collection of photos of one colour a city, with their places from a table; photos 24 and 25 have none."""
    folder = tmp_path_factory.mktemp("training")
    noise = np.random.default_rng(0)
    (folder / "photos").mkdir()
    rows = ["id,lat,lon"]
    for number in range(26):
        channel = number % 3
        pixels = noise.integers(0, 60, (32, 32, 3), dtype=np.uint8)
        pixels[..., channel] += 190
        Image.fromarray(pixels).save(folder / "photos" / f"{number:02}.png")
        latitude, longitude = list(SPOTS.values())[channel]
        if number < 24:
            rows.append(f"{number:02}.png,{latitude + number / 50:.4f},{longitude}")
    (folder / "places.csv").write_text("\n".join(rows))
    trunk(folder / "clip")
    options = {"weights": str(folder / "clip"), "device": "cpu", "precision": "fp32"}
    with fieldglass.create(folder / "c.collection", "open_clip", options) as collection:
        collection.index(folder / "photos")
        collection.annotate(folder / "places.csv")
    return folder


class TestGeoClipRecipe(RecipeContract):
    recipe = "geo/geoclip"
    options: ClassVar[dict] = {}

    @pytest.fixture(autouse=True)
    def small(self, given):
        type(self).options = {**SMALL, "collection": str(given / "c.collection"), "epochs": 2, "hard": 0.25}


def made(given, **more):
    options = {**SMALL, "collection": str(given / "c.collection"), "epochs": 2, **more}
    return registry().create("recipes", "geo/geoclip", {**options, "seed": 0, "device": "cpu"})


def test_it_is_trained_and_its_weights_locate_photos(given, tmp_path):
    options = {**SMALL, "collection": str(given / "c.collection"), "epochs": 40, "lr": 1e-2, "held_out": 0.2}
    found = train("geo/geoclip", tmp_path / "run", options, device="cpu")
    rows = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    losses = [row["mean loss"] for row in rows if "mean loss" in row]
    assert losses[-1] < 0.8 * losses[0]
    assert min(row["median km"] for row in rows if "median km" in row) < 100
    encoder = GeoClip(weights=str(found.weights), clip=str(given / "clip"), device="cpu", precision="fp32")
    spots = np.array(list(SPOTS.values()))
    with fieldglass.open(given / "c.collection") as collection:
        view = collection.engine.view()
        for number in range(3):
            photo = encoder.prepare(view.read(f"{number:02}.png"))
            assert int((encoder.images([photo])[0, 0] @ encoder.places(spots).T).argmax()) == number


def test_the_queue_holds_places_of_earlier_batches_and_no_others(given):
    recipe = made(given, noise=0.0, queue_noise=0.0, held_out=0.0)
    recipe.module.train()
    first, second, *_ = recipe.batches(0, 0)
    recipe.loss(first, Position())
    known = {tuple(each) for each in recipe.places[first].tolist()}
    assert {tuple(each) for each in recipe.module.gps_queue.tolist()} == known and int(recipe.module.gps_count) == 8
    recipe.module.eval()
    recipe.loss(second, Position())
    assert int(recipe.module.gps_count) == 8, "validation leaves no trace"


def test_near_places_are_no_negatives_where_it_is_asked(given):
    alone = made(given, same_km=20_037.0, noise=0.0, queue_noise=0.0)
    alone.module.eval()
    found = alone.loss(next(alone.batches(0, 0)), Position())
    assert float(found["loss"].detach()) == pytest.approx(0, abs=1e-6) and float(found["own place first"]) == 1


def test_noise_is_metres_on_the_ground(given):
    torch, recipe = require("torch"), made(given)
    torch.manual_seed(0)
    places = torch.tensor([[60.0, 179.9999]]).repeat(4000, 1)
    moved = recipe._moved(places, 1000.0).double()
    north = (moved[:, 0] - 60) * 111.195
    east = ((moved[:, 1] - 179.9999 + 180) % 360 - 180) * 111.195 * 0.5
    assert north.std() == pytest.approx(1, rel=0.05) and east.std() == pytest.approx(1, rel=0.05)
    assert (moved[:, 1].abs() <= 180).all()


def test_hard_cases_are_neighbours_beyond_a_distance():
    places = np.array([[0.0, 0.0], [0.0, 0.001], [0.0, 1.0], [0.0, 2.0], [50.0, 179.999], [50.0, -179.999]])
    near = neighbours(places, 2, 1.0)
    assert near[0].tolist() == [2, 3] and near[1].tolist() == [2, 3]
    assert neighbours(places, 2, 0.0)[4, 0] == 5, "across the antimeridian"


def test_photos_of_one_spot_are_held_apart_together():
    places = np.repeat(np.random.default_rng(0).uniform(-80, 80, (30, 2)), 4, axis=0)
    training, held = held_apart(places, 0.3, 0)
    shared = {tuple(each) for each in places[training]} & {tuple(each) for each in places[held]}
    assert len(held) == 36 and not shared


def test_capsules_that_are_added_change_nothing_at_the_start(given, tmp_path):
    torch = require("torch")
    first = made(given)
    first.save(tmp_path / "model.safetensors")
    more = made(given, begin=str(tmp_path / "model.safetensors"), sigmas=(1.0, 4.0, 64.0))
    assert len(more.module.location_encoder) == 3
    for recipe in (first, more):
        recipe.module.eval()
    rows = np.arange(5)
    one, other = (float(recipe.loss(rows, Position())["loss"].detach()) for recipe in (first, more))
    assert one == pytest.approx(other, abs=1e-6)
    more.module.train()
    more.loss(rows, Position())["loss"].backward()
    assert all(torch.isfinite(each.grad).all() for each in more.module.parameters() if each.grad is not None)


@pytest.mark.parametrize("wrong", [{"hard": 1.0}, {"batch": 1}, {"sigmas": (0.0,)}, {"gamma": 0.0}, {"noise": -1.0}])
def test_options_that_make_no_sense_are_refused(given, wrong):
    with pytest.raises(UsageError, match="geo/geoclip"):
        made(given, **wrong)


def test_a_collection_without_positions_says_how_to_get_them(given, tmp_path):
    options = {"weights": str(given / "clip"), "device": "cpu", "precision": "fp32"}
    with fieldglass.create(tmp_path / "bare.collection", "open_clip", options) as collection:
        collection.index(given / "photos")
    with pytest.raises(UsageError, match="0 of 26 items have a position"):
        made(given, collection=str(tmp_path / "bare.collection"))


@pytest.mark.skipif(find_spec("geoclip") is None, reason="the package geoclip is not installed")
def test_weights_of_another_encoder_are_no_beginning(given):
    with pytest.raises(UsageError, match="768 numbers, the collection has 32"):
        made(given, begin="geoclip")
