"""`fashion/combiner`: the core's recipe with its settings, and a network that the composer reads."""

from __future__ import annotations

import csv
import json
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

import fieldglass
from fashion.tiny_offer import offered
from fieldglass.registry import registry
from fieldglass.testing import RecipeContract
from fieldglass.training import train
from fieldglass.training.combiner import CombinerRecipe

FILES: dict[str, str] = {}


@pytest.fixture(scope="module", autouse=True)
def shop(tmp_path_factory):
    """Pictures in four colours, and triplets from each colour to each other."""
    folder = tmp_path_factory.mktemp("shop")
    noise = np.random.default_rng(0)
    colours = {"red": (200, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 200), "dark": (9, 9, 9)}
    (folder / "p").mkdir()
    for name, colour in colours.items():
        for number in range(8):
            pixels = np.clip(np.array(colour) + noise.integers(-30, 30, (8, 8, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "p" / f"{name}{number}.png")
    rows = [
        (f"{one}{number}.png", f"in {other}", f"{other}{number}.png")
        for one in colours for other in colours for number in range(8) if one != other
    ]  # fmt: skip
    with open(folder / "t.csv", "w", newline="") as file:
        csv.writer(file).writerows([("reference", "text", "target"), *rows])
    with offered(tmp_path_factory.mktemp("site")):
        with fieldglass.create(folder / "c", "tiny") as made:
            made.index(folder / "p")
        FILES.update(triplets=str(folder / "t.csv"), collection=str(folder / "c"))
        yield folder


class TestRecipe(RecipeContract):
    recipe = "fashion/combiner"
    wrappers = ("Combiner",)
    small: ClassVar = {"epochs": 2, "batch": 32, "projection": 16, "hidden": 16, "held_out": 0.2}

    @property
    def options(self):
        return {**FILES, **self.small}


def test_it_is_the_recipe_of_the_core_with_a_bank_and_uncertainty():
    made = registry().create("recipes", "fashion/combiner", {**FILES, "seed": 0, "device": "cpu"})
    assert isinstance(made, CombinerRecipe)
    assert made.all is not None and made.uncertainty == 1.0 and made.temperature == 0.02
    plain = registry().create("recipes", "combiner", {**FILES, "seed": 0, "device": "cpu"})
    assert plain.all is None and not plain.uncertainty


def test_the_loss_falls_and_the_composer_reads_the_network(shop, tmp_path):
    options = {**FILES, "epochs": 12, "batch": 32, "projection": 32, "hidden": 32, "lr": 1e-3, "patience": 0}
    found = train("fashion/combiner", tmp_path / "run", options, threads=1)
    rows = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    contrastive = [row["contrastive"] for row in rows if "contrastive" in row]
    assert contrastive[-1] < contrastive[0]
    with fieldglass.open(shop / "c") as opened:
        hits = opened.search(
            like="red1.png", text="in green", composer="combiner", options={"weights": found.weights}, k=5
        )
        assert sum(hit.id.startswith("green") for hit in hits) >= 3
