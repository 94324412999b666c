"""`med/ct-clip` on a small file in the official layout, against its equations written out."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest

import fieldglass
from fieldglass._torchvision import require
from fieldglass.encoders import encode
from fieldglass.errors import UsageError, WeightsError
from fieldglass.models.local import pull
from fieldglass.testing import EncoderContract
from fieldglass.types import Sample
from fieldglass_medical.encoders.ct_clip import CtClip, laid_out
from tests.medical.networks import ct_clip, vocabulary

_SIZES = {"size": 16, "depth": 6, "device": "cpu"}


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    return ct_clip(tmp_path_factory.mktemp("ct-clip"))


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    return vocabulary(tmp_path_factory.mktemp("words"))


def scan(seed: int = 0, shape: tuple[int, ...] = (6, 16, 16), spacing=(1.5, 0.75, 0.75)) -> Sample:
    values = np.random.default_rng(seed).uniform(-1500, 1500, (*shape, 1)).astype(np.float32)
    return Sample("volume", values, ("HU",), "HU", None, spacing)


class TestContract(EncoderContract):
    encoder = "med/ct-clip"

    @pytest.fixture(autouse=True)
    def _weights(self, published, words):
        type(self).options = {"weights": str(published), "tokenizer": str(words), **_SIZES}

    def samples(self):
        """Volumes that say their spacing, and texts."""
        texts = [each for each in super().samples() if each.kind == "text"]
        return [scan(), scan(1), scan(2, (9, 30, 20), (1.0, 0.5, 0.9)), *texts]


def test_a_vector_is_what_the_equations_give(published):
    """Every patch, slab and column by itself, with softmax and norms written out."""
    torch = require("torch")
    state = torch.load(published, weights_only=True)
    vision = {name.removeprefix("visual_transformer."): each.double() for name, each in state.items()}
    encoder = CtClip(weights=str(published), **_SIZES)
    prepared = encoder.prepare(scan())
    volume = torch.tensor(prepared.content / 32767.0)
    patches = torch.stack(
        [volume[3 * z : 3 * z + 3, 4 * y : 4 * y + 4, 4 * x : 4 * x + 4].flatten() for z, y, x in np.ndindex(2, 4, 4)]
    )
    states = _norm(vision, "to_patch_emb.1", patches)
    states = states @ vision["to_patch_emb.2.weight"].T + vision["to_patch_emb.2.bias"]
    states = _norm(vision, "to_patch_emb.3", states).reshape(2, 16, 32)
    bias = torch.empty(2, 16, 16, dtype=torch.float64)
    for one, other in np.ndindex(16, 16):
        apart = np.array([one // 4 - other // 4, one % 4 - other % 4], dtype=np.float64)
        way = torch.tensor(np.sign(apart) * np.log(np.abs(apart) + 1))
        for at in (0, 1):
            way = (
                vision[f"spatial_rel_pos_bias.net.{at}.0.weight"] @ way
                + vision[f"spatial_rel_pos_bias.net.{at}.0.bias"]
            )
            way = torch.where(way > 0, way, 0.1 * way)
        last = vision["spatial_rel_pos_bias.net.2.weight"] @ way + vision["spatial_rel_pos_bias.net.2.bias"]
        bias[:, one, other] = last
    states = _tower(vision, "enc_spatial_transformer", states, bias)
    states = _tower(vision, "enc_temporal_transformer", states.permute(1, 0, 2), None).permute(1, 0, 2)
    codes = vision["vq._codebook.embed"][0]
    codes = codes / codes.norm(dim=-1, keepdim=True)
    nearest = codes[(states @ codes.T).argmax(dim=-1)]
    expected = state["to_visual_latent.weight"].double() @ nearest.mean(dim=0).flatten()
    expected = (expected / expected.norm()).numpy()
    assert np.allclose(encode(encoder, [prepared])[0, 0], expected, atol=1e-5)


def _tower(vision, name, rows, bias):
    torch = require("torch")
    for at in range(2):
        layer = f"{name}.layers.{at}."
        laid = rows.reshape(2, 4, 4, 32)  # whatever the rows are
        padded = torch.zeros(4, 6, 6, 32, dtype=torch.float64)
        padded[2:, 1:5, 1:5] = laid
        kernel, moved = vision[f"{layer}0.dsconv.weight"][:, 0], torch.empty_like(laid)
        for z, y, x in np.ndindex(2, 4, 4):
            window = padded[z : z + 3, y : y + 3, x : x + 3]
            moved[z, y, x] = torch.einsum("zyxd,dzyx->d", window, kernel) + vision[f"{layer}0.dsconv.bias"]
        rows = moved.reshape(rows.shape) + rows
        rows = torch.stack([_attended(vision, f"{layer}1.", each, bias) for each in rows]) + rows
        value, gate = (_norm(vision, f"{layer}3.0", rows) @ vision[f"{layer}3.1.weight"].T).chunk(2, dim=-1)
        rows = (torch.nn.functional.gelu(gate) * value) @ vision[f"{layer}3.4.weight"].T + rows
    return _norm(vision, f"{name}.norm_out", rows, "gamma", "beta")


def _attended(vision, layer, rows, bias):
    torch = require("torch")
    query = _norm(vision, f"{layer}norm", rows, "gamma", "beta") @ vision[f"{layer}to_q.weight"].T
    key, value = (rows @ vision[f"{layer}to_kv.weight"].T).chunk(2, dim=-1)
    found = []
    for head in range(2):
        part = slice(8 * head, 8 * head + 8)
        one = query[:, part] / query[:, part].norm(dim=-1, keepdim=True) * vision[f"{layer}q_scale"]
        other = key[:, part] / key[:, part].norm(dim=-1, keepdim=True) * vision[f"{layer}k_scale"]
        scores = 8 * one @ other.T + (0 if bias is None else bias[head])
        found.append(scores.softmax(dim=-1) @ value[:, part])
    return torch.cat(found, dim=-1) @ vision[f"{layer}to_out.weight"].T


def _norm(vision, name, rows, weight="weight", bias="bias"):
    normal = require("torch").nn.functional.layer_norm(rows, rows.shape[-1:])
    return normal * vision[f"{name}.{weight}"] + vision[f"{name}.{bias}"]


def test_a_volume_is_laid_out_as_its_files_are():
    values = np.zeros((2, 3, 4), np.float32)
    values[1, 2, 0] = 500  # upper slice, hindmost row, rightmost column
    values[0, 0, 0] = 4000
    found = laid_out(Sample("volume", values[..., None], ("HU",), "HU", None, (1.5, 0.75, 0.75)), (2, 4, 3))
    assert abs(int(found[1, 0, 0]) - 16383.5) <= 0.5 and found[0, 0, 2] == 32767 and (found == 0).sum() == 22


def test_small_volumes_are_padded_with_air_and_large_ones_cut():
    small = Sample("volume", np.full((1, 2, 2, 1), 100, np.float32), ("HU",), "HU", None, (1.5, 0.75, 0.75))
    found = laid_out(small, (3, 4, 4))
    assert (found == -32767).sum() == 44 and (found[1, 1:3, 1:3] == round(0.1 * 32767)).all()
    ramp = np.arange(8, dtype=np.float32)[:, None, None, None] * np.ones((1, 2, 2, 1), np.float32)
    cut = laid_out(Sample("volume", ramp, ("HU",), "HU", None, (1.5, 0.75, 0.75)), (2, 2, 2))
    assert np.allclose(cut[:, 0, 0] / 32.767, [3, 4], atol=0.02)
    grown = laid_out(Sample("volume", ramp, ("HU",), "HU", None, (3.0, 0.75, 0.75)), (16, 2, 2))
    assert np.allclose(grown[:3, 0, 0] / 32.767, [0, 0.25, 0.75], atol=0.02)


def test_without_its_vocabulary_there_are_no_sentences(published, words):
    encoder = CtClip(weights=str(published), **_SIZES)
    assert not hasattr(encoder, "texts") and [each.kind for each in encoder.accepts] == ["volume"]
    spoken = CtClip(weights=str(published), tokenizer=str(words), **_SIZES)
    assert spoken.texts(["left lung is clear"]).shape == (1, 24) and spoken.fingerprint != encoder.fingerprint


def test_what_does_not_fit_is_said(published, tmp_path):
    torch = require("torch")
    encoder = CtClip(weights=str(published), **_SIZES)
    with pytest.raises(UsageError, match="does not say its spacing"):
        encoder.prepare(scan(spacing=None))
    with pytest.raises(UsageError, match="in Hounsfield units, not volume in unit"):
        encoder.prepare(Sample("volume", np.zeros((2, 2, 2, 1), np.float32), ("L",), "unit"))
    with pytest.raises(UsageError, match="needs weights"):
        CtClip()
    with pytest.raises(WeightsError, match=r"for volumes of 240 x 480 x 480.*48 voxels"):
        CtClip(weights=str(published), device="cpu")
    with pytest.raises(WeightsError, match="has stray besides"):
        CtClip(weights=str(ct_clip(tmp_path, stray=torch.zeros(1))), **_SIZES)
    name = "visual_transformer.enc_spatial_transformer.layers.0.1.to_out.weight"
    with pytest.raises(WeightsError, match=r"to_out\.weight is \(2, 2\), not \(32, 16\)"):
        CtClip(weights=str(ct_clip(tmp_path, **{name: torch.zeros(2, 2)})), **_SIZES)


def test_an_index_of_single_slices_is_told_what_it_takes(published, tmp_path):
    """Of a private source the words of the error are hidden; what the sample is, and what is taken, is not."""
    (tmp_path / "files").mkdir()
    for name in ("CT_small.dcm", "MR_small.dcm"):
        shutil.copy(Path(pydicom.__file__).parent / "data" / "test_files" / name, tmp_path / "files" / name)
    options = {"key": str(tmp_path / "medical.key")}
    with (
        fieldglass.create(tmp_path / "c", "med/ct-clip", {"weights": str(published), **_SIZES}) as made,
        pytest.raises(UsageError, match=r"UsageError\. This is image in (HU|unit); it takes volume in HU\."),
    ):
        made.index(tmp_path / "files", loader="med/dicom", loader_options=options)


def test_its_card_says_where_the_file_is():
    with pytest.raises(UsageError, match=r"are at huggingface\.co/datasets/ibrahimhamamci/CT-RATE") as raised:
        pull("ct-clip")
    assert "--encoder med/ct-clip --weights FILE" in str(raised.value)
