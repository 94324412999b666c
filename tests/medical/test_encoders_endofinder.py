"""`med/endofinder` on small files in the official layout, against timm; hashes through a collection and the index."""

from __future__ import annotations

import numpy as np
import pytest

import fieldglass
from fieldglass._torchvision import require
from fieldglass.encoders import encode
from fieldglass.errors import UsageError, WeightsError
from fieldglass.models.sources import parse, parts
from fieldglass.testing import EncoderContract
from fieldglass.types import Sample
from fieldglass_medical.encoders.endofinder import EndoFinder


def tiny(seed: int = 0):
    torch = require("torch")
    torch.manual_seed(seed)
    module = require("timm.models.vision_transformer")
    made = module.VisionTransformer(
        img_size=32, patch_size=8, num_classes=0, embed_dim=64, depth=2, num_heads=1, global_pool="token"
    ).eval()
    for each in made.parameters():
        if each.ndim > 1:
            each.data.normal_(0, 0.2)  # as timm draws them, all signs are those of the class token
    return made


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    """(file, its network): the encoder beside the decoder of MAE and the contrastive head."""
    torch, module = require("torch"), tiny()
    beside = {
        "decoder_embed.weight": torch.zeros(8, 64), "decoder_blocks.0.norm1.weight": torch.ones(8),
        "mask_token": torch.zeros(1, 1, 8), "head.weight": torch.zeros(16, 64), "target_embed.0": torch.zeros(3),
    }  # fmt: skip
    path = tmp_path_factory.mktemp("endofinder") / "EndoFinder.pth"
    torch.save({"model": {**module.state_dict(), **beside}, "epoch": 99}, path)
    return path, module


class _Contract(EncoderContract):
    bits = False

    @pytest.fixture(autouse=True)
    def _weights(self, official):
        type(self).options = {"weights": str(official[0]), "hash": self.bits, "device": "cpu"}

    encoder = "med/endofinder"


class TestVectors(_Contract):
    """As they are."""


class TestHashes(_Contract):
    bits = True


def polyp(seed: int) -> Sample:
    return Sample("image", np.random.default_rng(seed).integers(0, 255, (40, 30, 3), dtype=np.uint8))


def test_a_vector_is_the_class_token_after_the_norm(official):
    torch, (path, module) = require("torch"), official
    encoder = EndoFinder(weights=str(path), device="cpu")
    prepared = encoder.prepare(polyp(0))
    pixels = torch.from_numpy(prepared.content.copy()).permute(2, 0, 1)[None].float() / 255
    mean, std = (torch.tensor(each).view(1, 3, 1, 1) for each in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.inference_mode():
        expected = module.forward_features((pixels - mean) / std).numpy()
    expected /= np.linalg.norm(expected, axis=-1, keepdims=True)
    assert np.allclose(encode(encoder, [prepared])[0, 0], expected[0, 0], atol=1e-5)
    assert np.allclose(encoder.patches([prepared]), expected[:, 1:], atol=1e-5)


def test_the_inner_product_of_hashes_is_their_hamming_distance(official):
    path, _ = official
    plain, hashed = (EndoFinder(weights=str(path), hash=each, device="cpu") for each in (False, True))
    batch = [plain.prepare(polyp(seed)) for seed in range(4)]
    vectors, signs = encode(plain, batch)[:, 0], encode(hashed, batch)[:, 0]
    differing = (np.where(vectors >= 0, 1, 0)[:, None] != np.where(vectors >= 0, 1, 0)[None]).sum(axis=-1)
    assert np.allclose(64 * signs @ signs.T, 64 - 2 * differing, atol=1e-4)
    assert hashed.dtype == "bits" and hashed.fingerprint != plain.fingerprint


def test_a_collection_of_hashes_is_searched_by_the_binary_index(official, tmp_path):
    from PIL import Image

    (tmp_path / "polyps").mkdir()
    for seed in range(12):
        Image.fromarray(polyp(seed).content).save(tmp_path / "polyps" / f"{seed}.png")
    target = tmp_path / "polyps.collection"
    options = {"weights": str(official[0]), "hash": True, "device": "cpu"}
    with fieldglass.create(target, "med/endofinder", options) as opened:
        opened.index(tmp_path / "polyps")
        exact = opened.search(like="3.png", k=5)
        opened.build("binary")
        found = opened.search(like="3.png", k=5, index="binary")
        assert [each.id for each in found.hits] == [each.id for each in exact.hits]


def test_what_does_not_fit_is_said(official, tmp_path):
    torch, state = require("torch"), dict(official[1].state_dict())
    with pytest.raises(UsageError, match="needs weights"):
        EndoFinder()
    for name, damaged, message in (
        ("extra", {**state, "extra.weight": torch.zeros(1)}, r"has extra\.weight besides"),
        ("lacking", {key: each for key, each in state.items() if key != "norm.bias"}, r"lacks norm\.bias"),
        ("other", {"a": torch.zeros(2)}, "no ViT with a class"),
    ):
        torch.save({"model": damaged}, tmp_path / f"{name}.pth")
        with pytest.raises(WeightsError, match=message):
            EndoFinder(weights=str(tmp_path / f"{name}.pth"), device="cpu")
    encoder = EndoFinder(weights=str(official[0]), device="cpu")
    with pytest.raises(UsageError, match="takes images, not volume"):
        encoder.prepare(Sample("volume", np.zeros((2, 4, 4, 1), np.float32), ("HU",), "HU"))


def test_its_card():
    assert parts(*parse("endofinder"))[0].names == ("pretrained_models/EndoFinder.pth",)
