"""Longer texts for a CLIP: the position table, the mask and the tokenizer."""

from __future__ import annotations

import numpy as np
import pytest

import small_checkpoints as small
from fieldglass._torchvision import require
from fieldglass.encoders.open_clip import OpenClip
from fieldglass.encoders.open_clip_context import stretched
from fieldglass.errors import UsageError
from fieldglass.models import weights

LONG = "a street with " + ", ".join(f"shop number {n}" for n in range(60))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return small.clip(tmp_path_factory.mktemp("clip")).parent


def test_the_same_length_is_the_same_table_bit_for_bit():
    table = require("torch").randn(77, 8)
    assert stretched(table, 77) is table


def test_interpolation_is_linear_with_half_pixel_centres():
    torch = require("torch")
    table = torch.randn(77, 8)
    at = np.clip((np.arange(300) + 0.5) * 77 / 300 - 0.5, 0, 76)
    expected = np.stack([np.interp(at, np.arange(77), table[:, column].numpy()) for column in range(8)], axis=1)
    assert np.abs(stretched(table, 300).numpy() - expected).max() < 1e-4
    kept = stretched(table, 248, keep=20)
    assert kept.shape == (248, 8) and torch.equal(kept[:20], table[:20])
    assert torch.equal(kept[20:], stretched(table[20:], 228))


def test_a_longer_context_reads_what_77_tokens_cut(folder):
    short, long = OpenClip(weights=str(folder), device="cpu"), OpenClip(weights=str(folder), context=300, device="cpu")
    ends = [f"{LONG} beside a river", f"{LONG} beside a temple"]
    assert np.array_equal(*short.texts(ends)[:, None]) and not np.allclose(*long.texts(ends)[:, None], atol=1e-5)
    model = long._model()
    assert model.positional_embedding.shape[0] == 300 and model.attn_mask.shape == (300, 300)
    upper = np.triu(np.ones((300, 300), dtype=bool), 1)
    assert np.isneginf(model.attn_mask.numpy()[upper]).all() and not model.attn_mask.numpy()[~upper].any()


def test_a_context_of_77_changes_nothing(folder):
    same, plain = OpenClip(weights=str(folder), context=77, device="cpu"), OpenClip(weights=str(folder), device="cpu")
    assert np.array_equal(same.texts([LONG, "a dog"]), plain.texts([LONG, "a dog"]))
    assert same.fingerprint == plain.fingerprint


def test_the_first_positions_can_be_kept(folder):
    plain, kept, all_ = (
        OpenClip(weights=str(folder), device="cpu", **options)
        for options in ({}, {"context": 248, "keep": 20}, {"context": 248})
    )
    short = ["a red house near the station"]
    assert np.allclose(kept.texts(short), plain.texts(short), atol=1e-5)
    assert not np.allclose(all_.texts(short), plain.texts(short), atol=1e-5)
    assert len({plain.fingerprint, kept.fingerprint, all_.fingerprint}) == 3
    assert OpenClip(**kept.options, device="cpu").fingerprint == kept.fingerprint


def test_a_checkpoint_of_the_long_table_is_loaded_as_it_is(folder, tmp_path):
    """As CrossText2Loc is published: the table in the file already has 300 rows."""
    torch = require("torch")
    state = weights.read(folder / "open_clip_model.safetensors")
    state["positional_embedding"] = torch.randn(300, state["positional_embedding"].shape[1])
    torch.save(state, tmp_path / "long.pth")
    (tmp_path / "open_clip_config.json").write_bytes((folder / "open_clip_config.json").read_bytes())
    encoder = OpenClip(weights=str(tmp_path / "long.pth"), context=300, device="cpu")
    assert torch.equal(encoder._model().positional_embedding, state["positional_embedding"])


@pytest.mark.parametrize("options", [{"context": 76}, {"context": 300, "keep": 77}, {"keep": 20}])
def test_what_does_not_fit_is_refused(folder, options):
    with pytest.raises(UsageError, match="context"):
        OpenClip(weights=str(folder), device="cpu", **options)
