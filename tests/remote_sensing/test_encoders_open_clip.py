"""`rs/open_clip` and its cards: scenes by a stated rendering, files of the hub's cache, the paper's weights."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import small_checkpoints as small
from fieldglass._torchvision import require
from fieldglass.encoders import encode
from fieldglass.encoders.open_clip import OpenClip
from fieldglass.errors import WeightsMissingError
from fieldglass.models import cards, composer_defaults
from fieldglass.models.local import files, present
from fieldglass.models.sources import parse, parts
from fieldglass.registry import registry
from fieldglass.testing import EncoderContract
from fieldglass.types import Sample
from fieldglass_remote_sensing.open_clip import RemoteSensingClip
from fieldglass_remote_sensing.rendering import Rendering


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return small.clip(tmp_path_factory.mktemp("clip")).parent


class TestContract(EncoderContract):
    encoder = "rs/open_clip"

    @pytest.fixture(autouse=True)
    def _weights(self, folder):
        type(self).options = {"weights": str(folder), "device": "cpu"}


def photo(name):
    """A photograph that scikit-image carries; the test is skipped without it."""
    return getattr(pytest.importorskip("skimage.data"), name)()


def scene() -> Sample:
    values = np.random.default_rng(0).uniform(0, 0.4, (70, 90, 4)).astype(np.float32)
    return Sample("image", values, ("B02", "B03", "B04", "B08"), "reflectance")


def test_a_scene_is_its_rendering_and_a_chip_is_as_in_the_core(folder):
    encoder, core = (kind(weights=str(folder), device="cpu") for kind in (RemoteSensingClip, OpenClip))
    rendered = Rendering("gain", 3.0)(scene(), "x")
    found = encode(encoder, [encoder.prepare(scene()), encoder.prepare(Sample("image", photo("chelsea")))])
    expected = encode(core, [core.prepare(rendered), core.prepare(Sample("image", photo("chelsea")))])
    assert np.abs(found - expected).max() < 1e-5
    assert np.allclose(encoder.texts(["a harbour"]), core.texts(["a harbour"]), atol=1e-6)


def test_the_fingerprint_covers_the_rendering(folder):
    made = {
        RemoteSensingClip(weights=str(folder), device="cpu", **options).fingerprint
        for options in ({}, {"gain": 2.5}, {"rendering": "percentile"})
    }
    assert len(made) == 3
    encoder = RemoteSensingClip(weights=str(folder), gain=2.5, device="cpu")
    assert RemoteSensingClip(**encoder.options, device="cpu").fingerprint == encoder.fingerprint


def test_a_card_is_an_encoder_once_its_file_is_pulled(folder, tmp_path, monkeypatch):
    """The layout of the hub's cache, with a small CLIP under the name of RemoteCLIP's file."""
    monkeypatch.setattr(require("huggingface_hub.constants"), "HF_HUB_CACHE", str(tmp_path))
    name = "remoteclip-vit-b-32"
    with pytest.raises(WeightsMissingError) as error:
        registry().create("encoders", name, {"device": "cpu"})
    assert f"fieldglass models pull {name}" in error.value.hint and not present(name)
    file = tmp_path / "RemoteCLIP-ViT-B-32.pt"
    shutil.copy(folder / "open_clip_model.safetensors", file)
    small.hub(tmp_path, "chendelong/RemoteCLIP", file)
    assert present(name) and files(name)[0].name == file.name
    encoder = registry().create("encoders", name, {"device": "cpu"})
    assert isinstance(encoder, RemoteSensingClip) and encoder.dim == 512
    assert encoder.options["weights"] == "hf:chendelong/RemoteCLIP/RemoteCLIP-ViT-B-32.pt"
    assert encoder._checkpoint.config["quick_gelu"] is True
    plain = registry().create("encoders", name, {"device": "cpu", "quick_gelu": "false"})
    assert plain._checkpoint.config["quick_gelu"] is False and plain.fingerprint != encoder.fingerprint
    assert registry().create("encoders", "rs/open_clip", plain.options).fingerprint == plain.fingerprint


def test_text_weights_are_those_of_the_paper_per_backbone():
    options = dict(cards()["remoteclip-vit-l-14"].options)
    assert composer_defaults("rs/open_clip", options, "weicom") == {"text_weight": 0.6}
    assert composer_defaults("remoteclip-rn50", {"weights": "/mine.pt"}, "weicom") == {"text_weight": 0.6}
    assert composer_defaults("rs/open_clip", {"model": "ViT-L-14"}, "weicom") == {"text_weight": 0.3}


def test_every_card_of_this_plugin_names_files_and_dimensions():
    mine = [each for each in cards().values() if each.family == "rs/open_clip" and each.source]
    assert len(mine) == 9
    open_clip = require("open_clip")
    for each in mine:
        assert open_clip.get_model_config(each.options["model"])["embed_dim"] == each.dim, each.name
        if each.source.startswith("hf:"):
            part = parts(*parse(each.name))[0]
            assert f"hf:{part.repo}" == each.source and part.names[0].endswith(".pt"), each.name
    assert parts(*parse("georsclip-vit-h-14"))[0].names == ("ckpt/RS5M_ViT-H-14.pt",)
    assert parts(*parse("hf:me/mine/deep/file.pt"))[0].names == ("deep/file.pt",)
