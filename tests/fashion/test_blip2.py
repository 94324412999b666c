"""`fashion/blip2` against transformers' implementation, on small random checkpoints in the official layouts."""

from __future__ import annotations

import numpy as np
import pytest

from fashion import blip2_files as files
from fieldglass._torchvision import require
from fieldglass.encoders import encode
from fieldglass.encoders.cut import noting
from fieldglass.errors import UsageError, WeightsError, WeightsMissingError
from fieldglass.testing import EncoderContract
from fieldglass.types import Prepared, Sample
from fieldglass_fashion.blip2.encoder import Blip2

TEXTS = ["a black midi dress", "it has longer sleeves, and no belt", ""]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("blip2")
    files.official(folder)
    return folder


@pytest.fixture(scope="module")
def encoder(folder):
    return Blip2(weights=str(folder), device="cpu", precision="fp32")


@pytest.fixture(scope="module")
def theirs(folder):
    found = require("transformers").Blip2ForImageTextRetrieval.from_pretrained(folder, local_files_only=True)
    return found.eval()


def pictures(count: int = 3) -> list[Prepared]:
    noise = np.random.default_rng(0)
    return [Prepared(noise.integers(0, 256, (28, 28, 3), dtype=np.uint8), "image") for _ in range(count)]


def inputs(encoder, batch):
    ids, mask = encoder._words(TEXTS[: len(batch)], "cpu")
    return {"pixel_values": encoder._preprocess.batch(batch, "cpu"), "input_ids": ids, "attention_mask": mask.long()}


class TestContract(EncoderContract):
    encoder = "fashion/blip2"

    @pytest.fixture(autouse=True)
    def _weights(self, folder):
        type(self).options = {"weights": str(folder), "device": "cpu"}


def test_vectors_and_scores_are_those_of_transformers(encoder, theirs):
    batch = pictures()
    with require("torch").no_grad():
        found = theirs(**inputs(encoder, batch))
    ours, texts = encoder.images(batch), encoder.texts(TEXTS)
    assert ours.shape == (3, 32, 16) and encoder.rows == 32 and encoder.dtype == "f16"
    assert np.abs(ours - found.image_embeds.numpy()).max() < 1e-5
    assert np.abs(texts - found.text_embeds.numpy()).max() < 1e-5
    scores = (ours @ texts.T).max(axis=1)
    assert np.abs(scores - found.logits_per_image.numpy()).max() < 1e-5


def test_the_matching_head_is_that_of_transformers(encoder, theirs):
    batch = pictures()
    with require("torch").no_grad():
        logits = theirs(**inputs(encoder, batch), use_image_text_matching_head=True).logits_per_image
    expected = logits.softmax(dim=1)[:, 1].numpy()
    assert np.abs(encoder.match(batch, TEXTS) - expected).max() < 1e-5


def test_the_query_of_sprc_is_two_passes_of_their_qformer(encoder, theirs):
    torch, batch = require("torch"), pictures()
    given = inputs(encoder, batch)
    ones = torch.ones(3, 32, dtype=torch.long)
    mask = torch.cat([ones, given["attention_mask"]], dim=1)
    with torch.no_grad():
        states = theirs.vision_model(given["pixel_values"]).last_hidden_state
        words = theirs.embeddings(given["input_ids"])
        first = theirs.qformer(
            torch.cat([theirs.query_tokens.expand(3, -1, -1), words], dim=1), query_length=32, attention_mask=mask,
            encoder_hidden_states=states,
        ).last_hidden_state[:, :32]  # fmt: skip
        second = theirs.qformer(torch.cat([first, words], dim=1), query_length=0, attention_mask=mask)
        expected = torch.nn.functional.normalize(theirs.text_projection(second.last_hidden_state[:, 32]), dim=-1)
    assert np.abs(encoder.pairs(batch, TEXTS) - expected.numpy()).max() < 1e-5


def test_pairs_are_what_one_by_one_is_and_a_picture_may_come_twice(encoder):
    one, two = pictures(2)
    together = encoder.pairs([one, two, one], TEXTS)
    alone = np.concatenate([encoder.pairs([image], [text]) for image, text in zip((one, two, one), TEXTS, strict=True)])
    assert np.abs(together - alone).max() < 1e-5
    assert not np.allclose(together[0], together[2], atol=1e-3)
    with pytest.raises(UsageError):
        encoder.pairs([one], TEXTS)


@pytest.mark.parametrize(("wrapper", "prompts"), [("model", False), ("Blip2QformerCirAlignPrompt", True)])
def test_files_of_lavis_and_sprc_give_the_same(encoder, tmp_path, wrapper, prompts):
    path = files.lavis(tmp_path / "model.pth", wrapper=wrapper, prompts=prompts)
    ours = Blip2(weights=str(path), device="cpu", precision="fp32")
    assert ours._preprocess.pad_ratio == (1.25 if prompts else None)
    assert ours._preprocess.mode == ("shortest" if prompts else "squash")
    batch = pictures()
    assert np.abs(ours.images(batch) - encoder.images(batch)).max() < 1e-4  # its last norm has another epsilon
    assert np.abs(ours.texts(TEXTS) - encoder.texts(TEXTS)).max() < 1e-6
    assert np.abs(ours.pairs(batch, TEXTS) - encoder.pairs(batch, TEXTS)).max() < 1e-4


def test_a_longer_sentence_is_cut_at_the_stated_length(folder):
    text = "a dress with a very long description of its many details " * 8
    short, long = (Blip2(weights=str(folder), tokens=tokens, device="cpu") for tokens in (32, 64))
    cut = " ".join(text.split()[:30])
    with noting() as told:
        short.texts([text, cut])
    assert told == {text: " ".join(text.split()[30:])}
    assert np.allclose(short.texts([text]), short.texts([cut]), atol=1e-6)
    assert not np.allclose(long.texts([text]), long.texts([cut]), atol=1e-3)
    assert short.fingerprint != long.fingerprint
    assert Blip2(**long.options, device="cpu").fingerprint == long.fingerprint
    with pytest.raises(UsageError, match="between 3 and 64"):
        Blip2(weights=str(folder), tokens=65)


def test_a_model_that_writes_text_is_refused(folder, tmp_path):
    safetensors = require("safetensors.torch")
    state = safetensors.load_file(folder / "model.safetensors")
    safetensors.save_file(
        {**state, "language_projection.weight": state["itm_head.weight"].clone()}, tmp_path / "w.safetensors"
    )
    with pytest.raises(WeightsError, match="writes text"):
        Blip2(weights=str(tmp_path / "w.safetensors"))


@pytest.mark.parametrize("left", ["query_tokens", "vision_projection.weight", "qformer.layernorm.weight"])
def test_a_file_without_a_part_is_refused(folder, tmp_path, left):
    safetensors = require("safetensors.torch")
    state = safetensors.load_file(folder / "model.safetensors")
    del state[left]
    safetensors.save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match=left):
        Blip2(weights=str(tmp_path / "w.safetensors"), device="cpu").texts(["a dress"])


def test_without_weights_the_error_says_how_to_get_them(tmp_path):
    with pytest.raises(UsageError) as error:
        Blip2()
    assert "models pull blip2-itm-vit-g" in error.value.hint
    with pytest.raises(WeightsMissingError):
        Blip2(weights=str(tmp_path))


def test_other_configurations_are_refused(folder, tmp_path):
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    files.described(tmp_path, model_type="blip")
    with pytest.raises(WeightsError, match="of a blip"):
        Blip2(weights=str(tmp_path))
    (tmp_path / "config.json").write_text("[")
    with pytest.raises(WeightsError, match="configuration"):
        Blip2(weights=str(tmp_path))


def test_a_batch_of_pictures_is_what_one_by_one_is(encoder):
    batch = pictures(5)
    together = encode(encoder, batch)
    assert np.abs(together - np.concatenate([encode(encoder, [each]) for each in batch])).max() < 1e-5
    assert encoder.prepare(Sample("image", np.zeros((40, 20, 3), np.uint8))).content.shape == (28, 28, 3)
