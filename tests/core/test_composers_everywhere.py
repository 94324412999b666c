"""Every composer that the core offers, by name, on a collection of real pictures."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from skimage import data

import fieldglass
import small_checkpoints as small
from fieldglass._torchvision import require
from fieldglass.errors import QueryError
from fieldglass.registry import registry

PICTURES = ("chelsea", "coffee", "rocket", "astronaut", "camera", "coins")
TOKENS = {"pic2word", "searle", "lincir", "oti"}
TRAINED = {"combiner"}
SETTINGS = {"freedom": {"words": "styles"}, "oti": {"steps": 2}}
NAMES = sorted(
    name
    for name, offer in registry().offers("composers").items()
    if offer.factory.startswith("fieldglass.") and name not in TRAINED
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for name in PICTURES:
        Image.fromarray(getattr(data, name)()).convert("RGB").resize((96, 96)).save(folder / f"{name}.png")
    (folder / "captions.csv").write_text("id,caption\n" + "\n".join(f"{name}.png,a {name}" for name in PICTURES))
    return folder


def made(path, folder, **options):
    with fieldglass.create(path, **options) as opened:
        opened.index(folder)
        opened.annotate(folder / "captions.csv")
        opened.encode_column("caption")
    return path


@pytest.fixture(scope="module")
def with_mini(folder, tmp_path_factory):
    with fieldglass.open(made(tmp_path_factory.mktemp("mini") / "c", folder, encoder="mini")) as opened:
        yield opened


@pytest.fixture(scope="module")
def with_clip(folder, tmp_path_factory):
    home = tmp_path_factory.mktemp("clip")
    small.clip(home / "model")
    nn = require("torch").nn
    layers = nn.Module()
    layers.layers = nn.Sequential(
        nn.Linear(32, 128), nn.GELU(), nn.Dropout(), nn.Linear(128, 128), nn.GELU(), nn.Dropout(), nn.Linear(128, 32)
    )
    require("torch").save({"Phi": layers.state_dict()}, home / "phi.pt")
    options = {"weights": str(home / "model")}
    with fieldglass.open(made(home / "c", folder, encoder="open_clip", options=options)) as opened:
        yield opened, str(home / "phi.pt")


def check(collection, name, **options):
    texts = {} if name == "image" else {"text": "a cup of coffee"}
    pictures = {} if name == "text" else {"like": "chelsea.png"}
    hits = list(collection.search(**pictures, **texts, composer=name, options=options, k=10))
    assert sorted(hit.id for hit in hits) == sorted(f"{each}.png" for each in PICTURES)
    scores = [hit.score for hit in hits]
    assert np.isfinite(scores).all() and scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in TOKENS])
def test_with_mini(with_mini, name):
    check(with_mini, name, **SETTINGS.get(name, {}))


@pytest.mark.parametrize("name", NAMES)
def test_with_a_small_clip(with_clip, name):
    collection, phi = with_clip
    network = {"weights": phi} if name in TOKENS - {"oti"} else {}
    check(collection, name, **SETTINGS.get(name, {}), **network)


@pytest.mark.parametrize("name", sorted(TOKENS))
def test_an_encoder_without_pseudo_words_is_told(with_mini, name):
    with pytest.raises(QueryError, match=r"needs .*tokens"):
        with_mini.search(like="chelsea.png", text="red", composer=name)
