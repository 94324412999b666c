"""`med/m3d-clip` on a small file in the official layout, against torch's own transformer layers."""

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
from fieldglass_medical.encoders.m3d_clip import M3DClip, framed
from tests.medical.networks import m3d


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    return m3d(tmp_path_factory.mktemp("m3d"))


@pytest.fixture(scope="module")
def encoder(published):
    return M3DClip(weights=str(published), device="cpu")


class TestContract(EncoderContract):
    encoder = "med/m3d-clip"

    @pytest.fixture(autouse=True)
    def _weights(self, published):
        type(self).options = {"weights": str(published.parent), "device": "cpu"}

    def samples(self):
        """Some of the forms, without pictures of one pixel, which min-max makes alike."""
        forms = {("image", "unit"), ("volume", "HU"), ("clip", "srgb8")}
        found = [each for each in super().samples() if (each.kind, each.units) in forms or each.kind == "text"]
        return [each for each in found if each.kind == "text" or each.content.shape[-2] > 1]


def scan(seed: int = 0, depth: int = 11) -> Sample:
    values = np.random.default_rng(seed).uniform(-1000, 1000, (depth, 30, 24, 1)).astype(np.float32)
    return Sample("volume", values, ("HU",), "HU", None, (2.0, 1.0, 1.0))


def test_a_vector_is_that_of_torchs_own_layers(published, encoder):
    torch = require("torch")
    state = require("safetensors.torch").load_file(str(published))
    prepared = encoder.prepare(scan())
    cut = [
        prepared.content[z : z + 2, y : y + 8, x : x + 8].ravel() for z in (0, 2, 4, 6) for y in (0, 8) for x in (0, 8)
    ]
    entry = "vision_encoder.patch_embedding.patch_embeddings.1."
    states = torch.tensor(np.stack(cut)) @ state[f"{entry}weight"].T + state[f"{entry}bias"]
    states = states + state["vision_encoder.patch_embedding.position_embeddings"][0]
    states = torch.cat([state["vision_encoder.cls_token"][0], states])[None]
    for at in range(2):
        block = torch.nn.TransformerEncoderLayer(64, 2, 96, 0.0, "gelu", batch_first=True, norm_first=True).eval()
        names = {
            "self_attn.in_proj_weight": "attn.qkv.weight", "self_attn.out_proj.weight": "attn.out_proj.weight",
            "self_attn.out_proj.bias": "attn.out_proj.bias", "linear1.weight": "mlp.linear1.weight",
            "linear1.bias": "mlp.linear1.bias", "linear2.weight": "mlp.linear2.weight",
            "linear2.bias": "mlp.linear2.bias", "norm1.weight": "norm1.weight", "norm1.bias": "norm1.bias",
            "norm2.weight": "norm2.weight", "norm2.bias": "norm2.bias",
        }  # fmt: skip
        loaded = {name: state[f"vision_encoder.blocks.{at}.{other}"] for name, other in names.items()}
        block.load_state_dict({**loaded, "self_attn.in_proj_bias": torch.zeros(192)})
        with torch.no_grad():
            states = block(states)
    normed = torch.nn.functional.layer_norm(
        states, (64,), state["vision_encoder.norm.weight"], state["vision_encoder.norm.bias"]
    )
    expected = normed[0] @ state["mm_vision_proj.weight"].T + state["mm_vision_proj.bias"]
    expected = (expected / expected.norm(dim=-1, keepdim=True)).numpy()
    assert np.allclose(encode(encoder, [prepared])[0, 0], expected[0], atol=1e-5)
    assert np.allclose(encoder.patches([prepared])[0], expected[1:], atol=1e-5)


def test_a_volume_is_stretched_cut_and_averaged():
    values = np.zeros((6, 10, 10), np.float32)
    values[2:6, 2:10, 2:10] = np.arange(4, dtype=np.float32)[:, None, None] + 1
    found = framed(values, (2, 4, 4))
    assert np.allclose(found[0], 1.5 / 4) and np.allclose(found[1], 3.5 / 4)
    assert (framed(np.full((3, 4, 5), 7, np.float32), (2, 2, 2)) == 0).all()
    assert np.allclose(framed(1000 * values - 300, (2, 4, 4)), found, atol=1e-6)


def test_a_picture_is_a_volume_of_one_slice(encoder):
    one = scan(depth=1)
    picture = Sample("image", one.content[0], ("HU",), "HU")
    assert np.array_equal(encoder.prepare(one).content, encoder.prepare(picture).content)


def test_sentences_and_volumes_share_a_space(encoder):
    vectors = encoder.texts(["left lung is clear", "a red car", "left lung is clear " * 40])
    assert vectors.shape == (3, 32) and not np.allclose(vectors[0], vectors[1], atol=1e-3)
    assert np.allclose(encoder.texts(["a red car"]), vectors[1:2], atol=1e-5)


def test_what_does_not_fit_is_said(published, tmp_path):
    save = require("safetensors.torch").save_file
    state = require("safetensors.torch").load_file(str(published))
    with pytest.raises(UsageError, match="needs weights"):
        M3DClip()
    for name in ("config.json", "vocab.txt"):
        (tmp_path / name).write_bytes((published.parent / name).read_bytes())
    file = tmp_path / "model.safetensors"
    for changed, message in (
        ({name: each for name, each in state.items() if not name.startswith("mm_language")}, "lacks mm_language_proj"),
        ({**state, "extra": state["mm_vision_proj.bias"].clone()}, "has extra besides"),
        ({name: each for name, each in state.items() if "norm2" not in name}, r"lacks blocks\.0\.norm2"),
    ):
        save(changed, str(file))
        with pytest.raises(WeightsError, match=message):
            M3DClip(weights=str(file), device="cpu")
    save(state, str(file))
    (tmp_path / "config.json").write_text(json.dumps({"img_size": [8, 16, 15], "patch_size": [2, 8, 8]}))
    with pytest.raises(WeightsError, match="no multiple of patch_size"):
        M3DClip(weights=str(file), device="cpu")


def test_its_card():
    assert [each.names for each in parts(*parse("m3d-clip"))] == [("model.safetensors",), ("vocab.txt",)]
