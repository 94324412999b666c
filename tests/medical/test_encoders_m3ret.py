"""`med/m3ret` and its recipe: 4-D patches, the golden values of both losses, real slices that pydicom carries."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import ClassVar

import numpy as np
import pydicom
import pytest

import fieldglass
from fieldglass._torchvision import require
from fieldglass.encoders import encode
from fieldglass.errors import UsageError, WeightsError
from fieldglass.testing import EncoderContract, RecipeContract
from fieldglass.training import train
from fieldglass.types import Sample
from fieldglass_medical.encoders.m3ret import M3Ret
from fieldglass_medical.encoders.m3ret_network import Shape, embedded, network, patches_of, positions
from fieldglass_medical.recipes.objectives import coding_rate, kept_patches, reconstruction, simdino

REAL = Path(pydicom.__file__).parent / "data" / "test_files"
SLICES = ("CT_small.dcm", "MR_small.dcm", "MR_small_RLE.dcm", "examples_overlay.dcm", "693_J2KI.dcm", "JPEG2000.dcm")
TINY = {"width": 48, "depth": 2, "heads": 3, "patch": 8, "thick": 2, "size": 32, "frames": 4}


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    torch, path = require("torch"), tmp_path_factory.mktemp("m3ret") / "m3ret.pt"
    torch.manual_seed(0)
    shape = Shape(**TINY)
    torch.save({"state_dict": network(shape).state_dict(), "m3ret": shape.text()}, path)
    return path


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    """Real slices of CT, MR and nuclear medicine, indexed with a small encoder."""
    folder = tmp_path_factory.mktemp("slices")
    (folder / "files").mkdir()
    for name in SLICES:
        if (REAL / name).is_file():
            shutil.copy(REAL / name, folder / "files" / name)
    options = {"encoder": "timm", "model": "test_vit.r160_in1k", "pretrained": "random", "device": "cpu"}
    with fieldglass.create(folder / "slices.collection", "med/slices", options) as made:
        made.index(folder / "files", loader="med/dicom", loader_options={"key": str(folder / "medical.key")})
    return folder / "slices.collection"


class TestEncoder(EncoderContract):
    encoder = "med/m3ret"

    @pytest.fixture(autouse=True)
    def _weights(self, weights):
        type(self).options = {"weights": str(weights), "device": "cpu"}


class _Recipe(RecipeContract):
    recipe = "med/m3ret"
    more: ClassVar = {}

    @pytest.fixture(autouse=True)
    def _collection(self, collection):
        small = {"decoder_width": 32, "decoder_depth": 1, "local": 1, "projection": 16, "batch": 2, "epochs": 2}
        type(self).options = {"collection": str(collection), **TINY, **small, **self.more}


class TestMae(_Recipe):
    """Three quarters hidden."""


class TestSimDino(_Recipe):
    more: ClassVar = {"objective": "simdino"}


def test_the_coding_rate_is_the_golden_one():
    torch = require("torch")
    assert float(coding_rate(torch.eye(4), eps=0.5)) == pytest.approx(1.0986123, abs=1e-6)


def test_a_picture_is_the_clip_of_its_own_frames(weights):
    encoder = M3Ret(weights=str(weights), device="cpu")
    picture = np.random.default_rng(0).integers(0, 255, (40, 50, 3), dtype=np.uint8)
    torch, shape = require("torch"), Shape(**TINY)
    prepared = encoder.prepare(Sample("image", picture))
    clip = torch.from_numpy(np.repeat(prepared.content, shape.thick, axis=0)).permute(3, 0, 1, 2)[None] / 127.5 - 1
    from fieldglass_medical.encoders.m3ret_network import tokens_of

    module = network(shape)
    module.load_state_dict(torch.load(weights, weights_only=True)["state_dict"])
    with torch.inference_mode():
        expected = tokens_of(module.eval(), embedded(module, shape, clip))[0, 0].numpy()
    assert np.allclose(encode(encoder, [prepared])[0, 0], expected / np.linalg.norm(expected), atol=1e-5)


def test_tokens_are_counted_by_patches(weights):
    encoder = M3Ret(weights=str(weights), device="cpu")
    picture = Sample("image", np.zeros((9, 9, 1), np.float32), ("HU",), "HU")
    volume = Sample("volume", np.zeros((7, 9, 9, 1), np.float32), ("HU",), "HU")
    assert encoder.patches([encoder.prepare(picture)]).shape == (1, 16, 48)
    assert encoder.patches([encoder.prepare(volume)]).shape == (1, 2 * 16, 48)


def test_positions_mean_places_at_any_size():
    native = positions(48, (2, 4, 4), (2, 4, 4))
    share = 48 // 6 * 2
    assert native.shape == (32, 48) and np.allclose(native[0, :8], 0) and np.allclose(native[0, 8:16], 1)
    assert np.array_equal(native, positions(48, (2, 4, 4), (2, 4, 4)))
    finer = positions(48, (2, 12, 12), (2, 4, 4)).reshape(2, 12, 12, 48)
    assert np.allclose(finer[:, 1::3, 1::3], native.reshape(2, 4, 4, 48), atol=1e-6)  # the middle of each third
    assert not np.allclose(native[1, 2 * share :], native[0, 2 * share :])


def test_patches_hold_the_pixels_that_the_convolution_sees():
    torch, shape = require("torch"), Shape(**TINY)
    samples = torch.randn(2, 3, 4, 32, 32)
    module = network(shape)
    by_hand = patches_of(samples, shape) @ module.embed.weight.flatten(1).T + module.embed.bias
    assert torch.allclose(by_hand, module.embed(samples).flatten(2).transpose(1, 2), atol=1e-4)


def test_reconstruction_is_of_masked_and_normalised_patches():
    torch = require("torch")
    target = torch.tensor([[[0.0, 2.0], [5.0, 9.0]]])
    masked = torch.tensor([[True, False]])
    assert float(reconstruction(torch.tensor([[[-1.0, 1.0], [70.0, 70.0]]]), target, masked)) == pytest.approx(
        0, abs=1e-9
    )
    assert float(reconstruction(torch.zeros(1, 2, 2), target, masked)) == pytest.approx(1, abs=1e-5)
    kept, hidden = kept_patches(torch.tensor([[0.1, 0.9, 0.5]]), 2)
    assert kept.tolist() == [[1, 2]] and hidden.tolist() == [[True, False, False]]


def test_simdino_prefers_views_that_agree_and_features_that_spread():
    torch = require("torch")
    spread = torch.eye(4)
    agreed = simdino([spread, spread], [spread, spread])
    assert float(agreed["loss"]) == pytest.approx(-1 - 1.0986123, abs=1e-6)
    collapsed = spread[:1].expand(4, 4)
    assert float(simdino([collapsed] * 2, [collapsed] * 2)["loss"]) > float(agreed["loss"])
    assert float(simdino([spread, -spread], [spread, -spread])["loss"]) > float(agreed["loss"])


@pytest.mark.parametrize("objective", ["mae", "simdino"])
def test_the_loss_falls_on_real_slices_and_the_encoder_reads_what_was_learned(collection, tmp_path, objective):
    options = {
        "collection": str(collection), "objective": objective, **TINY, "decoder_width": 32, "decoder_depth": 1,
        "local": 1, "projection": 8, "batch": 3, "epochs": 25, "lr": 3e-3, "momentum": 0.9,
    }  # fmt: skip
    trained = train("med/m3ret", tmp_path / "run", options, device="cpu", threads=1)
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text("utf-8").splitlines()]
    losses = [line["mean loss"] for line in lines if "mean loss" in line]
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.05, losses
    encoder = M3Ret(weights=str(trained.weights), device="cpu")
    sample = Sample("volume", np.zeros((5, 20, 20, 1), np.float32), ("HU",), "HU")
    assert encode(encoder, [encoder.prepare(sample)]).shape == (1, 1, 48)


def test_what_does_not_fit_is_said(tmp_path):
    torch = require("torch")
    with pytest.raises(UsageError, match="none are published"):
        M3Ret()
    torch.save({"a": torch.zeros(1)}, tmp_path / "other.pt")
    with pytest.raises(WeightsError, match="does not say the shape"):
        M3Ret(weights=str(tmp_path / "other.pt"))
    with pytest.raises(UsageError, match="a multiple of patch"):
        Shape(size=30)
