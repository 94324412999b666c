"""The recipe `fashion/blip2` on a small BLIP-2: adapters and matching learn, the rest stays, the encoder reads them."""

from __future__ import annotations

import numpy as np
import pytest

from fashion import blip2_files as files
from fashion import official_fashion
from fieldglass._torchvision import require
from fieldglass.errors import LoaderError, UsageError
from fieldglass.models.weights import read
from fieldglass.registry import registry
from fieldglass.testing import RecipeContract
from fieldglass.training import Position
from fieldglass.types import Sample
from fieldglass_fashion.blip2 import training_pairs
from fieldglass_fashion.blip2.fashionblip2 import FashionBlip2
from official_files import draw, write

SMALL = {"bottleneck": 4, "channels": 8, "batch": 4, "held_out": 0.3, "lr": 0.01, "tau": 0.2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A base, and a benchmark in FACap's layout: 12 triplets of six categories."""
    folder = tmp_path_factory.mktemp("blip2")
    files.official(folder)
    official_fashion.facap(folder / "facap")
    return folder


@pytest.fixture(scope="module")
def options(folder):
    return {
        "base": str(folder), "benchmark": "fashion/facap", "root": str(folder / "facap"), "split": "test", **SMALL,
    }  # fmt: skip


def made(options, **more):
    torch = require("torch")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return registry().create("recipes", "fashion/blip2", {**options, "seed": 0, "device": "cpu", **more})


class TestContract(RecipeContract):
    recipe = "fashion/blip2"

    @pytest.fixture(autouse=True)
    def _options(self, options):
        type(self).options = {**options, "epochs": 2}


def trained(recipe, steps):
    optimiser, losses = recipe.optimiser(), []
    recipe.module.train()
    epoch = 0
    while len(losses) < steps:
        for batch in recipe.batches(epoch, 0):
            found = recipe.loss(batch, Position())
            optimiser.zero_grad()
            found["loss"].backward()
            optimiser.step()
            losses.append(float(found["loss"].detach()))
        epoch += 1
    return losses


def test_the_loss_falls_and_nothing_else_changes(folder, options, tmp_path):
    recipe = made(options)
    before = {name: value.clone() for name, value in recipe.network.state_dict().items()}
    losses = trained(recipe, 24)
    assert np.mean(losses[-4:]) < 0.6 * np.mean(losses[:4]), losses
    assert all(bool((before[name] == value).all()) for name, value in recipe.network.state_dict().items())
    assert not any(each.requires_grad for each in recipe.network.parameters())
    recipe.module.eval()
    recipe.save(tmp_path / recipe.weights)
    assert {name.partition(".")[0] for name in read(tmp_path / recipe.weights)} == {"adapters", "matching"}
    encoder = FashionBlip2(weights=str(folder), trained=str(tmp_path / recipe.weights), device="cpu", precision="fp32")
    batch = next(recipe.batches(0, 0))
    with require("torch").no_grad():
        asked, found = recipe._heads(batch)
    prepared = [encoder.prepare(Sample("image", each)) for each in batch[2]]
    assert np.abs(encoder.images(prepared)[:, 0] * np.sqrt(12) - found.flatten(1).numpy()).max() < 1e-4
    prepared = [encoder.prepare(Sample("image", each)) for each in batch[0]]
    assert np.abs(encoder.pairs(prepared, batch[1]) * np.sqrt(12) - asked.flatten(1).numpy()).max() < 1e-4


def test_without_adapters_the_tower_is_as_it_was(options):
    assert set(made(options, bottleneck=0).module) == {"matching"}
    assert set(made(options).module) == {"adapters", "matching"}


def test_a_target_that_comes_twice_is_no_negative(options):
    recipe = made(options)
    heads = require("torch").nn.functional.normalize(require("torch").randn(3, 12, 8), dim=-1)
    scores, own = recipe._compared(heads, heads, ["a", "b", "a"])
    hidden = np.isinf(scores.numpy())
    assert hidden.tolist() == [[False, False, True], [False, False, False], [True, False, False]]
    assert own.tolist() == [0, 1, 2]
    assert np.allclose(np.diag(scores.numpy()), 1 / 0.2, atol=1e-5)  # a mean cosine of one over tau


def test_pictures_that_are_gone_leave_triplets_out(folder, options, tmp_path):
    official_fashion.facap(tmp_path)
    (tmp_path / "f200k_images/dress/00900_0.jpeg").unlink()
    recipe = made({**options, "root": str(tmp_path), "split": "all"})
    assert "2 triplets left out, since their pictures are missing" in recipe.summary


def test_triplets_of_a_collection(folder, options, tmp_path, monkeypatch):
    for n in range(6):
        draw(tmp_path / f"p/{n}.png", n)
    rows = ["reference,text,target", *(f"{n}.png,in red,{n + 1}.png" for n in range(5)), "0.png,longer,gone.png"]
    write(tmp_path / "pairs.csv", "\n".join(rows))
    monkeypatch.setattr(training_pairs, "open", lambda _: _Folder(tmp_path / "p"))
    given = {"base": str(folder), "triplets": str(tmp_path / "pairs.csv"), "collection": "shop", **SMALL, "batch": 2}
    recipe = made(given)
    assert recipe.summary.startswith("4 triplets to train on, 1 to validate on") or "left out" in recipe.summary
    assert next(recipe.batches(0, 0))[0].shape == (2, 28, 28, 3)


class _Folder:
    """As much of a collection as the recipe asks for."""

    def __init__(self, folder):
        self.folder = folder
        self.store = self.engine = self

    def snapshot(self):
        return self

    def view(self):
        return self

    def live_positions(self):
        return list(range(6))

    def ids(self, positions):
        return [f"{each}.png" for each in positions]

    def read(self, id):
        from PIL import Image

        with Image.open(self.folder / id) as picture:
            return Sample("image", np.asarray(picture.convert("RGB")))


def test_what_is_asked_for_must_be_there(folder, options, tmp_path):
    for more, message in (
        ({"benchmark": ""}, "learns from"),
        ({"root": ""}, "needs its files"),
        ({"base": ""}, "needs weights"),
        ({"batch": 1}, "batch is 2"),
        ({"benchmark": "fashion/shoes"}, "no training triplets|relative_captions"),
    ):
        with pytest.raises((UsageError, LoaderError), match=message):
            made({**options, **more})


@pytest.mark.skipif("not __import__('torch').cuda.is_available()", reason="needs a GPU")
def test_it_learns_on_a_gpu(folder, options):
    torch = require("torch")
    recipe = registry().create(
        "recipes", "fashion/blip2", {**options, "seed": 0, "device": "cuda", "precision": "bf16"}
    )
    with torch.autocast("cuda", dtype=torch.bfloat16):
        losses = trained(recipe, 24)
    assert np.mean(losses[-4:]) < np.mean(losses[:4])
