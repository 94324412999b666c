"""`timm`: pooled features, equal to the library's, from local files alone."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from skimage import data

import small_checkpoints as small
from fieldglass._torchvision import require
from fieldglass.encoders import encode
from fieldglass.encoders.timm import Timm
from fieldglass.errors import UnknownNameError, UsageError, WeightsError, WeightsMissingError
from fieldglass.registry import registry
from fieldglass.testing import EncoderContract
from fieldglass.types import Sample


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return small.vision(tmp_path_factory.mktemp("vit")).parent


class TestContract(EncoderContract):
    encoder = "timm"

    @pytest.fixture(autouse=True)
    def checkpoint(self, folder):
        type(self).options = {"weights": str(folder)}


def vectors(encoder, *pictures):
    return encode(encoder, [encoder.prepare(Sample("image", each)) for each in pictures])[:, 0]


@pytest.mark.parametrize("architecture", ["test_vit", "test_efficientnet", "test_resnet", "test_convnext"])
def test_vectors_are_those_of_the_library(architecture, tmp_path):
    torch, timm = require("torch"), require("timm")
    small.vision(tmp_path, architecture=architecture)
    model = timm.create_model(f"local-dir:{tmp_path}", pretrained=True, num_classes=0).eval()
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
    pictures = [data.chelsea(), data.coffee()]
    with torch.inference_mode():
        theirs = model(torch.stack([transform(Image.fromarray(each)) for each in pictures])).numpy()
    ours = Timm(weights=str(tmp_path))
    assert ours.dim == theirs.shape[1]
    assert np.abs(vectors(ours, *pictures) - theirs / np.linalg.norm(theirs, axis=1, keepdims=True)).max() < 1e-5


def test_what_was_pulled_is_used(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(require("huggingface_hub.constants"), "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsMissingError, match="not on this machine") as error:
        Timm(model="hf-hub:me/vit")
    assert "fieldglass models pull timm:hf-hub:me/vit`" in error.value.hint
    small.hub(tmp_path, "me/vit", folder / "model.safetensors", folder / "config.json")
    small.hub(tmp_path, "timm/test_vit.r160_in1k", folder / "model.safetensors")
    assert Timm(model="hf-hub:me/vit").fingerprint == Timm(weights=str(folder)).fingerprint
    assert vectors(Timm(model="test_vit.r160_in1k"), data.coffee()).shape == (1, 64)


def test_preprocessing_is_never_guessed(tmp_path):
    path = str(small.vision(tmp_path, config=False))
    with pytest.raises(UsageError, match="architecture"):
        Timm(weights=path)
    with pytest.raises(UsageError, match="preprocessing"):
        Timm(weights=path, model="test_vit")
    assert Timm(weights=path, model="test_vit.r160_in1k").dim == 64
    stated = {"mean": (0.5,) * 3, "std": (0.5,) * 3, "interpolation": "bicubic", "crop_pct": 1.0}
    assert Timm(weights=path, model="test_vit", **stated).pixels == 160


def test_the_fingerprint_covers_content_and_settings(folder, tmp_path):
    base = Timm(weights=str(folder))
    assert Timm(weights=str(shutil.copytree(folder, tmp_path / "moved"))).fingerprint == base.fingerprint
    assert Timm(**base.options).fingerprint == base.fingerprint
    others = [
        Timm(weights=str(small.vision(tmp_path / "seeded", seed=1))),
        Timm(weights=str(folder), precision="bf16"),
        Timm(weights=str(folder), crop_pct=1.0),
        Timm(weights=str(folder), image_size=128),
    ]
    assert len({base.fingerprint, *(each.fingerprint for each in others)}) == 1 + len(others)


def test_another_image_size_is_taken(folder):
    assert vectors(Timm(weights=str(folder), image_size=128), data.coffee()).shape == (1, 64)


def test_weights_of_another_architecture_are_refused(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "x")
    config = json.loads((tmp_path / "x" / "config.json").read_text())
    (tmp_path / "x" / "config.json").write_text(json.dumps({**config, "architecture": "test_vit2"}))
    with pytest.raises(WeightsError, match="not a checkpoint of test_vit2"):
        vectors(Timm(weights=str(tmp_path / "x")), data.coffee())
    with pytest.raises(UsageError, match="test_vit2, not test_resnet"):
        Timm(weights=str(tmp_path / "x"), model="test_resnet")


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"architecture": 3, "pretrained_cfg": []}'])
def test_a_broken_configuration_is_named(folder, tmp_path, content):
    shutil.copytree(folder, tmp_path / "x")
    (tmp_path / "x" / "config.json").write_text(content)
    with pytest.raises((WeightsError, UsageError, UnknownNameError), match=r"config\.json|architecture"):
        Timm(weights=str(tmp_path / "x"))


def test_a_configuration_cannot_name_another_file_to_load(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "x")
    config = json.loads((tmp_path / "x" / "config.json").read_text())
    config["model_args"] = {"checkpoint_path": "/etc/passwd"}
    (tmp_path / "x" / "config.json").write_text(json.dumps(config))
    with pytest.raises(WeightsError, match="checkpoint_path"):
        Timm(weights=str(tmp_path / "x"))


def test_nan_and_integers_are_refused(folder, tmp_path):
    files = require("safetensors.torch")
    for number, change in enumerate((float("nan"), None)):
        target = shutil.copytree(folder, tmp_path / str(number)) / "model.safetensors"
        state = files.load_file(target)
        state["norm.bias"] = state["norm.bias"].long() if change is None else state["norm.bias"] * change
        files.save_file(state, target)
        with pytest.raises(WeightsError, match=r"norm\.bias"):
            vectors(Timm(weights=str(target)), data.coffee())


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({}, UsageError, "needs a model"),
        ({"model": "vit_smal_patch14_dinov2"}, UnknownNameError, "vit_small_patch14_dinov2"),
        ({"model": "vit_small_patch14_dinov2.nope"}, UnknownNameError, "lvd142m"),
        ({"model": "test_vit", "pretrained": "openai"}, UsageError, "test_vit.openai"),
        ({"weights": "/nowhere"}, WeightsMissingError, "/nowhere"),
    ],
)
def test_options_that_cannot_be_say_what_can(options, error, words):
    with pytest.raises(error) as found:
        registry().create("encoders", "timm", options)
    assert words in str(found.value)


def test_random_weights_are_explicit_and_repeat():
    options = {"model": "test_vit", "pretrained": "random"}
    assert np.array_equal(vectors(Timm(**options), data.coffee()), vectors(Timm(**options), data.coffee()))
    assert not np.allclose(vectors(Timm(**options), data.coffee()), vectors(Timm(**options, seed=1), data.coffee()))
