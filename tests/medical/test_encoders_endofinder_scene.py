"""`med/endofinder-scene` on a small file in the official layout: its layer over views against torch's own."""

from __future__ import annotations

import numpy as np
import pytest

from fieldglass._torchvision import require
from fieldglass.encoders import encode
from fieldglass.errors import UsageError, WeightsError
from fieldglass.testing import EncoderContract
from fieldglass.types import Sample
from fieldglass_medical.encoders.endofinder_scene import EndoFinderScene
from tests.medical.networks import drawn


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    """(file, its ViT, the tensors of the layer over views)."""
    torch, module = require("torch"), require("timm.models.vision_transformer")
    torch.manual_seed(0)
    vit = module.VisionTransformer(
        img_size=16, patch_size=8, num_classes=0, embed_dim=64, depth=1, num_heads=1, global_pool="token"
    ).eval()
    for each in vit.parameters():
        if each.ndim > 1:
            each.data.normal_(0, 0.2)
    layer = "scene_transform.layers.0."  # strong enough that signs change with the views
    scene = drawn({
        "scene_token": (1, 1, 64), f"{layer}0.norm.weight": (64,), f"{layer}0.norm.bias": (64,),
        f"{layer}0.fn.to_qkv.weight": (192, 64), f"{layer}0.fn.to_out.0.weight": (64, 64),
        f"{layer}0.fn.to_out.0.bias": (64,), f"{layer}1.norm.weight": (64,), f"{layer}1.norm.bias": (64,),
        f"{layer}1.fn.net.0.weight": (128, 64), f"{layer}1.fn.net.0.bias": (128,),
        f"{layer}1.fn.net.3.weight": (64, 128), f"{layer}1.fn.net.3.bias": (64,),
    }, scale=0.7)  # fmt: skip
    beside = {"decoder_embed.weight": torch.zeros(8, 64), "mask_token": torch.zeros(1, 1, 8)}
    path = tmp_path_factory.mktemp("scene") / "EndoFinder_Scene.pth"
    torch.save({**vit.state_dict(), **scene, **beside}, path)
    return path, vit, scene


class _Contract(EncoderContract):
    encoder = "med/endofinder-scene"
    bits = False

    @pytest.fixture(autouse=True)
    def _weights(self, official):
        type(self).options = {"weights": str(official[0]), "hash": self.bits, "device": "cpu"}

    def samples(self):
        """Pictures and clips in colour, and slices."""
        return [each for each in super().samples() if each.units in ("srgb8", "HU")]


class TestVectors(_Contract):
    """As they are."""


class TestHashes(_Contract):
    bits = True

    def samples(self):
        """Noise: so small a network gives smooth pictures the same signs."""
        return [scene(3), scene(2, seed=1), Sample("image", 255 - scene(1, seed=2).content[0])]


def scene(count: int, seed: int = 0) -> Sample:
    return Sample("clip", np.random.default_rng(seed).integers(0, 255, (count, 20, 24, 3), dtype=np.uint8))


@pytest.mark.parametrize("count", [1, 3])
def test_a_scene_is_its_token_after_torchs_own_layer(official, count):
    torch, (path, vit, state) = require("torch"), official
    encoder = EndoFinderScene(weights=str(path), device="cpu")
    prepared = encoder.prepare(scene(count))
    pixels = torch.from_numpy(prepared.content.copy()).permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(each).view(1, 3, 1, 1) for each in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    block = torch.nn.TransformerEncoderLayer(64, 16, 128, 0.0, "gelu", batch_first=True, norm_first=True).eval()
    names = {
        "self_attn.in_proj_weight": "0.fn.to_qkv.weight", "self_attn.out_proj.weight": "0.fn.to_out.0.weight",
        "self_attn.out_proj.bias": "0.fn.to_out.0.bias", "norm1.weight": "0.norm.weight", "norm1.bias": "0.norm.bias",
        "linear1.weight": "1.fn.net.0.weight", "linear1.bias": "1.fn.net.0.bias",
        "linear2.weight": "1.fn.net.3.weight", "linear2.bias": "1.fn.net.3.bias",
        "norm2.weight": "1.norm.weight", "norm2.bias": "1.norm.bias",
    }  # fmt: skip
    loaded = {name: state[f"scene_transform.layers.0.{other}"] for name, other in names.items()}
    block.load_state_dict({**loaded, "self_attn.in_proj_bias": torch.zeros(192)})
    with torch.no_grad():
        views = vit.forward_features((pixels - mean) / std)[:, 0]
        expected = block(torch.cat([state["scene_token"][0], views])[None])[0, 0].numpy()
    assert np.allclose(encode(encoder, [prepared])[0, 0], expected / np.linalg.norm(expected), atol=1e-5)


def test_the_order_of_views_does_not_matter_and_their_number_varies(official):
    encoder = EndoFinderScene(weights=str(official[0]), device="cpu")
    clip = scene(5)
    turned = Sample("clip", clip.content[[3, 1, 4, 0, 2]])
    picture = Sample("image", clip.content[0])
    batch = [encoder.prepare(each) for each in (clip, turned, picture, Sample("clip", clip.content[:1]))]
    found = encode(encoder, batch)[:, 0]
    assert np.allclose(found[0], found[1], atol=1e-5) and np.array_equal(found[2], found[3])
    assert not np.allclose(found[0], found[2], atol=1e-3)


def test_many_views_are_thinned_evenly(official):
    encoder = EndoFinderScene(weights=str(official[0]), views=2, device="cpu")
    clip = scene(8)
    kept = encoder.prepare(Sample("clip", clip.content[[2, 6]]))
    assert np.array_equal(encoder.prepare(clip).content, kept.content)


def test_what_does_not_fit_is_said(official, tmp_path):
    torch, (path, vit, _) = require("torch"), official
    with pytest.raises(UsageError, match="none are published yet"):
        EndoFinderScene()
    torch.save({"model": vit.state_dict()}, tmp_path / "EndoFinder.pth")
    with pytest.raises(WeightsError, match="has no layer over views") as raised:
        EndoFinderScene(weights=str(tmp_path / "EndoFinder.pth"), device="cpu")
    assert "endofinder" in str(raised.value.hint)
    with pytest.raises(UsageError, match="not volume"):
        EndoFinderScene(weights=str(path), device="cpu").prepare(
            Sample("volume", np.zeros((2, 4, 4, 1), np.float32), ("HU",), "HU")
        )
