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
from fieldglass.types import QueryText

PICTURES = ("chelsea", "coffee", "rocket", "astronaut", "camera", "coins")
TOKENS = {"pic2word", "searle", "lincir", "oti"}
TRAINED = {"combiner"}
RANKS = {"rrf", "percentile"}  # among six items their scores seldom change
PICTURES_ALONE, SENTENCES_ALONE = {"image", "alpha-qe"}, {"text", "chatir", "plugir"}
SETTINGS = {"freedom": {"words": "styles", "proxies": 2}, "oti": {"steps": 2}}
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
    for composer, options in ((name, {}), ("blend", {"first": "sum", "second": name})):
        with pytest.raises(QueryError, match=r"needs .*tokens") as error:
            with_mini.search(like="chelsea.png", text="red", composer=composer, options=options)
        assert "open_clip" in error.value.hint and "timm" not in error.value.hint


def test_a_composer_inside_another_has_what_suits_the_model(with_mini):
    """The card of mini gives weicom a text weight of its own."""
    asked = {"like": "chelsea.png", "text": "a cup of coffee"}
    whole = with_mini.search(**asked, composer="weicom")
    inside = with_mini.search(**asked, composer="blend", options={"first": "weicom", "second": "text", "share": 0.0})
    plain = with_mini.search(**asked, composer="weicom", options={"text_weight": 0.5})
    assert [hit.score for hit in whole] != [hit.score for hit in plain]
    scores = {hit.id: hit.score for hit in whole}
    found = np.array([scores[hit.id] for hit in inside])
    assert (found - found.mean()) / found.std(ddof=1) == pytest.approx([hit.score for hit in inside], abs=1e-6)


SEVERAL = {
    "like": ["chelsea.png", "coffee.png"],
    "text": [QueryText("a cup of coffee", weight=2.0), "in the sun"],
    "not_text": "a rocket",
}


def several(name):
    """Two pictures, two weighted sentences and one that is refused; what a composer does not take left out."""
    parts = dict(SEVERAL)
    if name in PICTURES_ALONE:
        del parts["text"], parts["not_text"]
    if name in SENTENCES_ALONE:
        del parts["like"]
    return parts


@pytest.mark.parametrize("name", NAMES)
def test_several_pictures_weights_and_a_refused_text(with_clip, name):
    collection, phi = with_clip
    options = {**SETTINGS.get(name, {}), **({"weights": phi} if name in TOKENS - {"oti"} else {})}

    def scores(**parts):
        hits = collection.search(**parts, composer=name, options=options)
        return {hit.id: hit.score for hit in hits}

    whole = scores(**several(name))
    assert len(whole) == len(PICTURES) and np.isfinite(list(whole.values())).all()
    for part in several(name):
        less = {key: value for key, value in several(name).items() if key != part}
        if part == "like":
            less["like"] = "chelsea.png"
        if part == "text":
            less["text"] = "a cup of coffee"
        if less and name not in RANKS:
            assert scores(**less) != whole, f"{name} does not look at {part}"


@pytest.mark.parametrize("first", [name for name in NAMES if name != "blend"])
def test_any_two_are_blended(with_clip, first):
    collection, phi = with_clip

    def settings(name):
        options = {**SETTINGS.get(name, {}), **({"weights": phi} if name in TOKENS - {"oti"} else {})}
        return ";".join(f"{key}={value}" for key, value in options.items())

    place = NAMES.index(first)
    for second in {"weicom", NAMES[(place + 1) % len(NAMES)], NAMES[(place + 5) % len(NAMES)]}:
        for by in ("zscore", "rrf"):
            options = {"first": first, "second": second, "by": by, "share": 0.3}
            options |= {"first_settings": settings(first), "second_settings": settings(second)}
            check(collection, "blend", **options)
