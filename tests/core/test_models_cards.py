"""Cards: those of the core are true, and a plugin's are found."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint

import pytest

from fieldglass import card_files
from fieldglass._torchvision import require
from fieldglass.benchmarks import cards as benchmark_cards
from fieldglass.errors import PluginError, UnknownNameError, UsageError
from fieldglass.models import card, cards, composer_defaults
from fieldglass.models.hub import Part
from fieldglass.models.sources import known, parse, parts, pull_name
from fieldglass.registry import Plugin, registry


@pytest.fixture
def fresh():
    cards.cache_clear()
    yield
    cards.cache_clear()


def test_every_card_says_what_it_must():
    for each in cards().values():
        assert each.summary and each.family in registry().offers("encoders"), each.name
        if each.source:
            assert each.licence and each.dim and each.size_bytes, each.name


def test_every_card_of_the_hub_is_where_its_library_says():
    found = [
        each for each in cards().values() if each.source.startswith("hf:") and each.family in ("open_clip", "timm")
    ]
    assert len(found) > 10
    for each in found:
        weights = parts(each.family, each.options)[0]
        assert weights.repo == each.source.removeprefix("hf:"), each.name


def test_dimensions_are_those_of_the_libraries():
    open_clip, timm, torch = require("open_clip"), require("timm"), require("torch")
    for each in cards().values():
        if each.family == "open_clip" and each.source and not each.options["model"].startswith("hf-hub:"):
            assert open_clip.get_model_config(each.options["model"])["embed_dim"] == each.dim, each.name
        elif each.family == "timm":
            with torch.device("meta"):
                assert timm.create_model(each.options["model"]).num_features == each.dim, each.name


def test_an_unknown_card_names_the_near_ones():
    with pytest.raises(UnknownNameError, match="clip-vit-b-33-openai") as error:
        card("clip-vit-b-33-openai")
    assert "clip-vit-b-32-openai" in error.value.hint


@pytest.mark.parametrize(
    ("encoder", "options", "composer", "expected"),
    [
        ("mini", {"precision": "fp32"}, "weicom", {"text_weight": 0.9}),
        ("open_clip", {"model": "ViT-B-32", "pretrained": "openai"}, "weicom", {"text_weight": 0.3}),
        ("open_clip", {"weights": "/x/mine.pt"}, "weicom", {"text_weight": 0.3}),
        ("open_clip", {}, "sum", {}),
        ("timm", {}, "weicom", {}),
        ("nothing", {}, "weicom", {}),
    ],
)
def test_defaults_of_composers(encoder, options, composer, expected):
    assert composer_defaults(encoder, options, composer) == expected


CARD = """
name = "remote-b-32"
summary = "a CLIP of satellites"
family = "open_clip"
[options]
model = "ViT-B-32"
pretrained = "openai"
[composers.weicom]
text_weight = 0.6
"""


@pytest.fixture
def plugin(fresh, tmp_path, monkeypatch):
    """A plugin package with a `cards/` folder, and the entry point that leads to it."""
    name = "fieldglass_of_a_test"
    (tmp_path / name / "cards").mkdir(parents=True)
    (tmp_path / name / "__init__.py").write_text("raise AssertionError('reading cards imports no plugin')")
    monkeypatch.syspath_prepend(str(tmp_path))
    point = EntryPoint("of-a-test", f"{name}.hooks", "fieldglass")
    monkeypatch.setattr(card_files, "entry_points", lambda group: [point])
    monkeypatch.setattr(registry(), "plugins", [Plugin("of-a-test", "x", "1")])
    return tmp_path / name / "cards"


def test_a_plugins_card_is_found_and_the_closest_card_counts(plugin):
    (plugin / "remote.toml").write_text(CARD)
    assert card("remote-b-32").summary == "a CLIP of satellites"
    options = {"model": "ViT-B-32", "pretrained": "openai", "precision": "fp32"}
    assert composer_defaults("open_clip", options, "weicom") == {"text_weight": 0.6}
    assert composer_defaults("open_clip", {**options, "model": "ViT-L-14"}, "weicom") == {"text_weight": 0.3}
    assert "fieldglass_of_a_test" not in sys.modules


def test_a_published_number_says_how_it_is_known(plugin):
    rows = {(name, row.method, row.evidence) for name, each in benchmark_cards().items() for row in each.rows}
    assert ("cirr", "pic2word", "secondary") in rows and ("circo", "searle", "paper") in rows
    folder = plugin.parent / "benchmark_cards"
    folder.mkdir()
    (folder / "hearsay.toml").write_text(
        'name = "hearsay"\nsummary = "x"\n[[rows]]\nmethod = "a"\nbackbone = "b"\nsource = "c"\n'
        'evidence = "memory"\nmetrics = { R = 1.0 }\n'
    )
    benchmark_cards.cache_clear()
    with pytest.raises(PluginError, match=r"hearsay.toml.*evidence is paper or secondary"):
        benchmark_cards()
    benchmark_cards.cache_clear()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (CARD.replace("remote-b-32", "mini"), "'mini' is in"),
        (CARD.replace("summary =", "sumary ="), "sumary"),
        (CARD.replace('name = "remote-b-32"', ""), "name"),
        ("name = ", "broken.toml"),
    ],
)
def test_a_wrong_card_names_its_file(plugin, content, words):
    (plugin / "broken.toml").write_text(content)
    with pytest.raises(PluginError, match=words) as error:
        cards()
    assert "broken.toml" in str(error.value)


@pytest.mark.parametrize(
    ("name", "encoder", "options"),
    [
        ("mini", "mini", {}),
        ("clip-vit-b-32-openai", "open_clip", {"model": "ViT-B-32", "pretrained": "openai"}),
        ("open_clip:RN50:cc12m", "open_clip", {"model": "RN50", "pretrained": "cc12m"}),
        ("hf-hub:me/mine", "open_clip", {"model": "hf-hub:me/mine"}),
        ("timm:resnet18.a1_in1k", "timm", {"model": "resnet18.a1_in1k"}),
        ("timm:hf-hub:me/mine", "timm", {"model": "hf-hub:me/mine"}),
    ],
)
def test_names_of_checkpoints(name, encoder, options):
    assert parse(name) == (encoder, options)
    if options:
        assert parse(pull_name(encoder, options)) == (encoder, options)


@pytest.mark.parametrize("name", ["nothing", "open_clip:ViT-B-32", "zoo:bear", "timm:", "open_clip:"])
def test_what_names_no_checkpoint_is_refused(name):
    with pytest.raises((UsageError, UnknownNameError)):
        parse(name)


def test_every_name_of_the_libraries_can_be_listed():
    found = known(None)
    assert "open_clip:ViT-B-32:openai" in found and "timm:resnet18.a1_in1k" in found and "mini" in found
    assert len(found) > 1000
    assert all(name.startswith("timm:") or card(name).family == "timm" for name in known("timm"))


def test_tokenizers_come_with_their_models():
    repos = {part.repo for part in parts("open_clip", {"model": "ViT-SO400M-14-SigLIP", "pretrained": "webli"})}
    assert repos == {"timm/ViT-SO400M-14-SigLIP", "timm/ViT-B-16-SigLIP"}
    assert Part("a/b@v1", ("x",)).address == ("a/b", "v1")
