"""The card `biomedclip` from a folder of its repository's files: no network, no configuration of its text tower."""

from __future__ import annotations

import json

import numpy as np
import pytest

import fieldglass
from fieldglass._torchvision import require
from fieldglass.encoders import encode
from fieldglass.errors import WeightsMissingError
from fieldglass.models import cards
from fieldglass.testing import EncoderContract
from fieldglass.types import Sample
from fieldglass_medical.encoders.slices import SlicePooling
from tests.medical.networks import WORDS, vocabulary

NAME = "microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract"
MODEL = {
    "embed_dim": 32,
    "vision_cfg": {
        "timm_model_name": "test_vit", "timm_model_pretrained": False, "timm_pool": "", "timm_proj": "linear",
        "image_size": 160,
    },
    "text_cfg": {
        "hf_model_name": NAME, "hf_tokenizer_name": NAME, "hf_proj_type": "mlp",
        "hf_pooler_type": "cls_last_hidden_state_pooler", "context_length": 16,
    },
}  # fmt: skip
PREPROCESS = {"mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711]}


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """(folder as the repository lays it out, the network of open_clip): no config.json, an obsolete table besides."""
    torch, open_clip, transformers = require("torch"), require("open_clip"), require("transformers")
    folder, elsewhere = tmp_path_factory.mktemp("biomedclip"), tmp_path_factory.mktemp("bert")
    sizes = {"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 48}
    config = transformers.BertConfig(vocab_size=len(WORDS), max_position_embeddings=16, **sizes)
    config.save_pretrained(elsewhere)
    torch.manual_seed(0)
    text = {**MODEL["text_cfg"], "hf_model_name": str(elsewhere), "hf_model_pretrained": False}
    module = open_clip.CustomTextCLIP(MODEL["embed_dim"], MODEL["vision_cfg"], text).eval()
    for each in module.parameters():
        if each.ndim > 1:
            each.data.normal_(0, 0.1)
    obsolete = {"text.transformer.embeddings.position_ids": torch.arange(16)[None]}
    torch.save({**module.state_dict(), **obsolete}, folder / "open_clip_pytorch_model.bin")
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": MODEL, "preprocess_cfg": PREPROCESS}))
    vocabulary(folder)
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": 16})
    )
    return folder, module


def options(folder) -> dict:
    """As `--encoder biomedclip --weights FOLDER` gives them."""
    return {**cards()["biomedclip"].options, "weights": str(folder), "device": "cpu"}


class TestContract(EncoderContract):
    encoder = "med/slices"

    @pytest.fixture(autouse=True)
    def _weights(self, published):
        type(self).options = {**options(published[0]), "slices": 1}

    def samples(self):
        """Some of the forms."""
        forms = {("image", "unit"), ("volume", "HU"), ("text", "unit")}
        return [each for each in super().samples() if (each.kind, each.units) in forms]


def test_both_towers_are_those_of_the_file(published):
    torch, (folder, module) = require("torch"), published
    encoder = SlicePooling(**options(folder))
    sample = Sample("image", np.random.default_rng(0).random((40, 30, 1), dtype=np.float32), ("L",), "unit")
    prepared = encoder.prepare(sample)
    pixels = torch.from_numpy(prepared.content.copy()).permute(2, 0, 1)[None].float() / 255
    mean, std = (torch.tensor(PREPROCESS[name]).view(1, 3, 1, 1) for name in ("mean", "std"))
    words = torch.tensor([[2, 5, 9, 10, 3] + [0] * 11])
    with torch.inference_mode():
        expected = module.encode_image((pixels - mean) / std, normalize=True).numpy()
        said = module.encode_text(words, normalize=True).numpy()
    assert np.allclose(encode(encoder, [prepared])[0], expected, atol=1e-5)
    assert np.allclose(encoder.texts(["A left lung"]), said, atol=1e-5)


def test_the_options_reopen_it(published):
    encoder = SlicePooling(**options(published[0]))
    again = SlicePooling(**{**encoder.options, "device": "cpu"})
    assert again.fingerprint == encoder.fingerprint
    named = {"encoder": "biomedclip", "window": "soft", "weights": str(published[0]), "device": "cpu"}
    assert SlicePooling(**named).fingerprint == encoder.fingerprint


def test_without_files_the_error_says_what_to_pull(monkeypatch, tmp_path):
    monkeypatch.setattr(require("huggingface_hub.constants"), "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsMissingError) as raised:
        SlicePooling(**cards()["biomedclip"].options, device="cpu")
    assert "models pull hf-hub:microsoft/BiomedCLIP" in str(raised.value)


def test_a_collection_by_the_cards_name(published, tmp_path):
    from PIL import Image

    (tmp_path / "figures").mkdir()
    for seed in range(3):
        pixels = np.random.default_rng(seed).integers(0, 255, (20, 20, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "figures" / f"{seed}.png")
    with fieldglass.create(tmp_path / "c", "biomedclip", {"weights": str(published[0]), "device": "cpu"}) as opened:
        opened.index(tmp_path / "figures")
    with fieldglass.open(tmp_path / "c") as opened:
        assert opened.search(like="1.png", k=3).hits[0].id == "1.png"
        assert len(opened.search(text="left lung", k=3).hits) == 3
