"""`rs/backbone` on small checkpoints as SSL4EO-S12, MoCo, MAE and CLOSP publish them, against timm."""

from __future__ import annotations

import numpy as np
import pytest

from fieldglass._torchvision import require
from fieldglass.encoders import capabilities, encode
from fieldglass.errors import UsageError, WeightsError
from fieldglass.models import cards
from fieldglass.models.sources import parse, parts
from fieldglass.testing import EncoderContract
from fieldglass.types import Sample
from fieldglass_remote_sensing.backbone import Backbone
from fieldglass_remote_sensing.normalisation import RECIPES
from fieldglass_remote_sensing.spectral import SENTINEL2
from remote_sensing.closp_files import resnet, save, vit


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder, torch = tmp_path_factory.mktemp("backbones"), require("torch")
    torch.manual_seed(0)
    made = {"resnet": resnet(13, 0), "vit": vit(13), "radar": resnet(2, 7)}
    return {name: (save(folder / f"{name}.pth", module.state_dict()), module) for name, module in made.items()}


class _Contract(EncoderContract):
    encoder = "rs/backbone"
    file = "resnet"

    @pytest.fixture(autouse=True)
    def _weights(self, files):
        type(self).options = {"weights": str(files[self.file][0]), "device": "cpu"}


class TestResNet(_Contract):
    """Sentinel-2"""


class TestTransformer(_Contract):
    file = "vit"


class TestRadar(_Contract):
    file = "radar"


def optical(side: int = 256) -> Sample:
    values = np.random.default_rng(0).uniform(0, 0.4, (side, side, 13)).astype(np.float32)
    return Sample("image", values, SENTINEL2, "reflectance")


def test_features_are_timms_of_256_pixels_cropped_to_224(files):
    torch = require("torch")
    for name in ("resnet", "vit"):
        path, module = files[name]
        encoder = Backbone(weights=str(path), device="cpu")
        planes = torch.from_numpy(np.moveaxis(optical().content, -1, 0)[None, :, 16:240, 16:240].copy())
        with torch.inference_mode():
            expected = module.forward_head(module.forward_features(planes), pre_logits=True).numpy()
        found = encoder.raw_images([encoder.prepare(optical())])[:, 0]
        assert encoder.dim == expected.shape[1] and np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()


def test_a_transformer_gives_patches_row_by_row(files):
    torch, (path, module) = require("torch"), files["vit"]
    encoder = Backbone(weights=str(path), device="cpu")
    prepared = encoder.prepare(optical())
    with torch.inference_mode():
        expected = module.forward_features(torch.from_numpy(prepared.content)[None])[:, 1:].numpy()
    expected /= np.linalg.norm(expected, axis=-1, keepdims=True)
    assert np.allclose(encoder.patches([prepared]), expected, atol=1e-5) and expected.shape == (1, 16, 64)
    assert "patches" not in capabilities(Backbone(weights=str(files["resnet"][0]), device="cpu"))


def test_standard_normalisation_is_that_of_ssl4eo():
    means = np.array(RECIPES["standard", "s2"].mean)
    assert means[SENTINEL2.index("B8A")] == pytest.approx(0.2581) and means[SENTINEL2.index("B10")] == pytest.approx(
        0.0022
    )
    planes = np.full((2, 3, 3), -20.26, dtype=np.float32)
    found = RECIPES["standard", "s1"](planes)
    assert np.allclose(found[1], 0, atol=1e-6) and np.allclose(found[0], (-20.26 + 12.59) / 5.26)


def test_the_recipe_is_in_the_fingerprint(files):
    path = str(files["resnet"][0])
    made = {Backbone(weights=path, normalise=each, device="cpu").fingerprint for each in ("moco", "standard", "closp")}
    assert len(made) == 3
    encoder = Backbone(weights=path, normalise="closp", device="cpu")
    assert Backbone(**encoder.options, device="cpu").fingerprint == encoder.fingerprint
    assert encoder.prepare(optical(40)).content.shape == (13, 40, 40)


@pytest.mark.parametrize("layout", ["moco", "mae", "closp"])
def test_layouts_of_pre_training_are_unwrapped(files, tmp_path, layout):
    torch = require("torch")
    name = "vit" if layout == "mae" else "resnet"
    path, module = files[name]
    state = dict(module.state_dict())
    if layout == "moco":
        state = {f"module.encoder_q.{key}": value for key, value in state.items()}
        state |= {"module.encoder_q.fc.0.weight": torch.zeros(4, 4), "module.queue": torch.zeros(2, 2)}
        content: dict = {"state_dict": state, "epoch": 99}
    elif layout == "mae":
        state |= {"mask_token": torch.zeros(1, 1, 8), "decoder_embed.weight": torch.zeros(8, 8)}
        content = {"model": state, "epoch": 99}
    else:
        content = state | {"fc.weight": torch.zeros(1000, 2048), "fc.bias": torch.zeros(1000)}
    torch.save(content, tmp_path / "official.pth")
    plain, found = (
        Backbone(weights=str(path), device="cpu"),
        Backbone(weights=str(tmp_path / "official.pth"), device="cpu"),
    )
    assert np.array_equal(*(encode(each, [each.prepare(optical(64))]) for each in (plain, found)))


def test_what_does_not_fit_is_said(files, tmp_path):
    state = dict(files["resnet"][1].state_dict())
    del state["layer3.0.conv2.weight"]
    with pytest.raises(WeightsError, match=r"lacks layer3\.0\.conv2\.weight"):
        Backbone(weights=str(save(tmp_path / "cut.pth", state)), device="cpu")
    with pytest.raises(WeightsError, match=r"has extra\.weight besides"):
        extra = {**files["resnet"][1].state_dict(), "extra.weight": require("torch").zeros(1)}
        Backbone(weights=str(save(tmp_path / "more.pth", extra)), device="cpu")
    with pytest.raises(UsageError, match=r"takes \(3,\) bands"):
        Backbone(weights=str(save(tmp_path / "rgb.pth", resnet(3).state_dict())), device="cpu")
    with pytest.raises(WeightsError, match="no ResNet or ViT"):
        Backbone(weights=str(save(tmp_path / "other.pth", {"a": require("torch").zeros(1)})), device="cpu")
    encoder = Backbone(weights=str(files["resnet"][0]), device="cpu")
    with pytest.raises(UsageError, match="in reflectance, not image in dB"):
        encoder.prepare(Sample("image", np.zeros((4, 4, 2)), ("VV", "VH"), "dB"))


def test_cards_pin_a_revision_of_the_hub():
    found = {each.name: parts(*parse(each.name))[0] for each in cards().values() if each.family == "rs/backbone"}
    assert found["ssl4eo-s2-resnet50-moco"].address[1].startswith("da4f3c9d") and len(found) == 3
    assert cards()["ssl4eo-s2-resnet50-moco"].files.keys() == set(found["ssl4eo-s2-resnet50-moco"].names)
