"""`med/ptunifier` on a small file as Lightning writes it: prompts by their definition, towers against transformers."""

from __future__ import annotations

import numpy as np
import pytest

from fieldglass._torchvision import require
from fieldglass.encoders import encode
from fieldglass.errors import UsageError, WeightsError
from fieldglass.testing import EncoderContract
from fieldglass.types import Sample
from fieldglass_medical.encoders import ptunifier_network
from fieldglass_medical.encoders.ptunifier import PTUnifier
from tests.medical.networks import ptunifier


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    return ptunifier(tmp_path_factory.mktemp("ptunifier"))


@pytest.fixture(scope="module")
def encoder(published):
    return PTUnifier(weights=str(published), device="cpu")


class TestContract(EncoderContract):
    encoder = "med/ptunifier"

    @pytest.fixture(autouse=True)
    def _weights(self, published):
        type(self).options = {"weights": str(published.parent), "device": "cpu"}


def radiograph(seed: int = 0) -> Sample:
    return Sample("image", np.random.default_rng(seed).random((40, 40, 1), dtype=np.float32), ("L",), "unit")


def test_the_picture_tower_is_clips(encoder):
    torch, transformers = require("torch"), require("transformers")
    config = transformers.CLIPVisionConfig(
        hidden_size=64, intermediate_size=256, num_hidden_layers=2, num_attention_heads=1, image_size=32, patch_size=8
    )
    other = transformers.CLIPVisionModel(config).eval()
    visual, names = encoder._model().visual.state_dict(), {}
    for name, value in visual.items():
        if "in_proj" in name:
            parts = zip(("q_proj", "k_proj", "v_proj"), value.chunk(3), strict=True)
            names |= {name.replace("attn.in_proj_", f"self_attn.{part}."): each for part, each in parts}
        else:
            names[name] = value
    table = {
        "class_embedding": "embeddings.class_embedding", "positional_embedding": "embeddings.position_embedding.weight",
        "conv1.weight": "embeddings.patch_embedding.weight",
    }  # fmt: skip
    swaps = {
        "transformer.resblocks.": "encoder.layers.", "ln_pre.": "pre_layrnorm.", "ln_post.": "post_layernorm.",
        "ln_1.": "layer_norm1.", "ln_2.": "layer_norm2.", "mlp.c_fc.": "mlp.fc1.", "mlp.c_proj.": "mlp.fc2.",
        "attn.out_proj.": "self_attn.out_proj.",
    }  # fmt: skip
    state = {}
    for name, value in names.items():
        new = table.get(name, name)
        for old, fresh in swaps.items():
            if old in new and fresh not in new:
                new = new.replace(old, fresh)
        state[new] = value
    target = getattr(other, "vision_model", other)
    target.load_state_dict(state)
    pixels = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = target.post_layernorm(target(pixel_values=pixels).last_hidden_state)
        module = encoder._model().visual
        patches = module.conv1(pixels).flatten(2).transpose(1, 2)
        first = module.class_embedding.expand(2, 1, -1)
        entered = torch.cat([first, patches], dim=1) + module.positional_embedding
        found = ptunifier_network._seen(module, entered)
    assert torch.allclose(found, expected, atol=1e-4)


def test_prompts_are_those_that_answer_best(encoder):
    torch = require("torch")
    pool = torch.eye(6)
    found = ptunifier_network._prompts(torch.tensor([[0.1, 3.0, 0.0, 2.0, -1.0, 0.0]]), pool, 3)
    assert found[0].argmax(dim=-1).tolist() == [1, 3, 0]


def test_pooled_vectors_lead_to_those_of_the_contrast(published, encoder):
    torch = require("torch")
    pooled = PTUnifier(weights=str(published), vectors="pooled", device="cpu")
    assert pooled.dim == 128 and encoder.dim == 40 and pooled.fingerprint != encoder.fingerprint
    ids, mask = encoder._words(["left lung is clear"], "cpu")
    head = encoder._model().itc_head
    with torch.inference_mode():
        both = ptunifier_network.said(encoder._model(), ids, mask)
        led = head.language_proj(head.language_ln(both)).numpy()
    assert np.allclose(encoder.texts(["left lung is clear"]), led / np.linalg.norm(led), atol=1e-5)
    both = both.numpy()
    assert np.allclose(pooled.texts(["left lung is clear"]), both / np.linalg.norm(both), atol=1e-5)


def test_padding_does_not_matter(encoder):
    alone = encoder.texts(["a dog"])
    beside = encoder.texts(["a dog", "left lung is clear a red car is clear"])
    assert np.allclose(alone[0], beside[0], atol=1e-5) and not np.allclose(beside[0], beside[1], atol=1e-3)


def test_without_a_head_vectors_are_the_pooled_ones(tmp_path):
    encoder = PTUnifier(weights=str(ptunifier(tmp_path, head=False)), device="cpu")
    assert encoder.dim == 128 and encode(encoder, [encoder.prepare(radiograph())]).shape == (1, 1, 128)
    with pytest.raises(UsageError, match="has no contrastive head"):
        PTUnifier(weights=str(tmp_path), vectors="contrast", device="cpu")


def test_what_does_not_fit_is_said(published, tmp_path, encoder):
    torch = require("torch")
    state = torch.load(published, weights_only=True)["state_dict"]
    with pytest.raises(UsageError, match="which are not free to download"):
        PTUnifier()
    with pytest.raises(UsageError, match="takes images and texts, not volume"):
        encoder.prepare(Sample("volume", np.zeros((2, 4, 4, 1), np.float32), ("HU",), "HU"))
    for changed, message in (
        ({**state, "stray.weight": torch.zeros(1)}, r"has stray\.weight besides"),
        ({name: each for name, each in state.items() if "pool" not in name}, "lacks its projections or its prompt"),
        ({name: each for name, each in state.items() if "pooler.dense" not in name}, "lacks multi_modal_"),
        ({**state, "pseudo_vision_token_pool": torch.zeros(9, 64)}, "fewer prompts"),
        ({"a": torch.zeros(1)}, "no CLIP ViT"),
    ):
        torch.save({"state_dict": changed}, tmp_path / "bad.ckpt")
        with pytest.raises(WeightsError, match=message):
            PTUnifier(weights=str(tmp_path / "bad.ckpt"), device="cpu")
