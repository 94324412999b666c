"""`med/rad-dino` on a small file in both layouts, against transformers' Dinov2Model."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fieldglass._torchvision import require
from fieldglass.encoders import encode
from fieldglass.errors import UsageError, WeightsError
from fieldglass.models.sources import parse, parts
from fieldglass.testing import EncoderContract
from fieldglass.types import Sample
from fieldglass_medical.encoders.rad_dino import RadDino, timm_names


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """(folder as the repository lays it out, the network of transformers)."""
    torch, transformers = require("torch"), require("transformers")
    torch.manual_seed(0)
    config = transformers.Dinov2Config(
        hidden_size=128, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=7, mlp_ratio=2
    )
    module = transformers.Dinov2Model(config).eval()
    for each in module.parameters():
        each.data.normal_(0, 0.1)
    folder = tmp_path_factory.mktemp("rad-dino")
    module.save_pretrained(folder)  # under the names of files, which are older than those of the module
    processor = {"image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.25, 0.3], "crop_size": {"height": 28, "width": 28}}
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    return folder, module


class TestContract(EncoderContract):
    encoder = "med/rad-dino"

    @pytest.fixture(autouse=True)
    def _weights(self, published):
        type(self).options = {"weights": str(published[0]), "device": "cpu"}


def radiograph(seed: int = 0, shape: tuple[int, int] = (40, 30)) -> Sample:
    return Sample("image", np.random.default_rng(seed).random((*shape, 1), dtype=np.float32), ("L",), "unit")


def test_a_vector_is_the_class_token_of_transformers(published):
    torch, (folder, module) = require("torch"), published
    encoder = RadDino(weights=str(folder), device="cpu")
    prepared = encoder.prepare(radiograph())
    pixels = torch.from_numpy(prepared.content.copy()).permute(2, 0, 1)[None].float() / 255
    mean, std = (torch.tensor(each).view(1, 3, 1, 1) for each in ((0.4, 0.5, 0.6), (0.2, 0.25, 0.3)))
    with torch.inference_mode():
        expected = module((pixels - mean) / std).last_hidden_state.numpy()
    expected /= np.linalg.norm(expected, axis=-1, keepdims=True)
    assert np.allclose(encode(encoder, [prepared])[0, 0], expected[0, 0], atol=1e-5)
    assert np.allclose(encoder.patches([prepared]), expected[:, 1:], atol=1e-5)


def test_both_layouts_are_one_space(published, tmp_path):
    folder, module = published
    read = require("safetensors.torch").load_file(str(folder / "model.safetensors"))
    state = {name: each for name, each in timm_names(read, folder).items() if "mask_token" not in name}
    other = tmp_path / "backbone_compatible.safetensors"
    require("safetensors.torch").save_file(
        {name: each.contiguous() for name, each in state.items()} | {"mask_token": module.embeddings.mask_token.data},
        str(other),
    )
    (tmp_path / "preprocessor_config.json").write_bytes((folder / "preprocessor_config.json").read_bytes())
    encoders = [RadDino(weights=str(each), device="cpu") for each in (folder, tmp_path)]
    vectors = [encode(each, [each.prepare(radiograph())]) for each in encoders]
    assert np.array_equal(*vectors)


def test_without_a_processor_its_figures_hold(published, tmp_path):
    (tmp_path / "model.safetensors").write_bytes((published[0] / "model.safetensors").read_bytes())
    encoder = RadDino(weights=str(tmp_path), device="cpu")
    assert encoder._preprocess.mean == (0.5307,) * 3 and encoder._preprocess.std == (0.2583,) * 3
    (tmp_path / "preprocessor_config.json").write_text('{"image_mean": [0.5]}')
    with pytest.raises(WeightsError, match="no configuration of an image processor"):
        RadDino(weights=str(tmp_path), device="cpu")


def test_what_does_not_fit_is_said(published, tmp_path):
    read = require("safetensors.torch").load_file(str(published[0] / "model.safetensors"))
    state = {name: each for name, each in read.items() if ".key." not in name}
    require("safetensors.torch").save_file(state, str(tmp_path / "model.safetensors"))
    with pytest.raises(WeightsError, match=r"lacks encoder\.layer\.0\.attention\.attention\.key"):
        RadDino(weights=str(tmp_path), device="cpu")
    with pytest.raises(UsageError, match="needs weights"):
        RadDino()


def test_its_card():
    wanted = [each.names for each in parts(*parse("rad-dino"))]
    assert wanted == [("model.safetensors",), ("preprocessor_config.json",)]
