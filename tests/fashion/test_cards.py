"""The cards of fashion: checkpoints in their official layouts, from files alone."""

from __future__ import annotations

import json

import numpy as np
import pytest

import small_checkpoints as small
from fashion import blip2_files
from fieldglass._torchvision import require
from fieldglass.encoders.open_clip import OpenClip
from fieldglass.errors import WeightsError, WeightsMissingError
from fieldglass.models import cards
from fieldglass.models.local import files, present
from fieldglass.models.sources import parse, parts
from fieldglass.registry import registry
from fieldglass.types import Sample

MINE = ("blip2-itm-vit-g", "blip2-itm-vit-g-coco", "fashionclip", "marqo-fashionclip", "marqo-fashionsiglip")
PICTURE = np.random.default_rng(0).integers(0, 256, (80, 64, 3), dtype=np.uint8)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "hub"
    folder.mkdir()
    monkeypatch.setattr(require("huggingface_hub.constants"), "HF_HUB_CACHE", str(folder))
    return folder


def test_every_card_names_its_files_and_says_how_to_pull_them(cache):
    for name in MINE:
        card = cards()[name]
        part = parts(*parse(name))[0]
        assert f"hf:{part.repo}" == card.source and part.names[0].endswith(".safetensors") and card.licence
        with pytest.raises(WeightsMissingError) as error:
            registry().create("encoders", name, {"device": "cpu"})
        assert f"fieldglass models pull {name}" in error.value.hint and not present(name)
    assert {cards()[name].dim for name in MINE if "blip2" in name} == {256}


def clip_model(folder, act="quick_gelu"):
    """A small `CLIPModel` as `save_pretrained` writes it, of the sizes of `small.CLIP`."""
    torch, transformers = require("torch"), require("transformers")
    vision = {"image_size": 64, "num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 2, "patch_size": 16}
    text = {"vocab_size": 49408, "hidden_size": 32, "num_attention_heads": 2, "num_hidden_layers": 1}
    config = transformers.CLIPConfig(
        vision_config={**vision, "intermediate_size": 256, "hidden_act": act},
        text_config={**text, "intermediate_size": 128, "hidden_act": act, "eos_token_id": 49407},
        projection_dim=32,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = transformers.CLIPModel(config).eval()
        with torch.no_grad():
            for name, each in model.named_parameters():
                if each.ndim == 2 and "embedding" not in name:
                    each.normal_(0, 2 / each.shape[1] ** 0.5)
                elif each.ndim:
                    each.normal_(1.0 if "norm" in name and name.endswith("weight") else 0.0, 0.3)
    model.save_pretrained(folder)
    return model


def test_a_clip_that_transformers_wrote_gives_its_vectors(tmp_path):
    """The layout of patrickjohncyh/fashion-clip, against transformers' own forward pass."""
    torch, theirs = require("torch"), clip_model(tmp_path)
    described = {"model_cfg": {**small.CLIP, "quick_gelu": True}, "preprocess_cfg": small.PREPROCESS}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(described))
    encoder = OpenClip(weights=str(tmp_path), device="cpu", precision="fp32")
    prepared = encoder.prepare(Sample("image", PICTURE))
    tokens = encoder._tokens(["a red dress", "boots with a heel"])
    with torch.no_grad():
        picture = theirs.get_image_features(pixel_values=encoder._preprocess.batch([prepared], "cpu")).pooler_output
        # open_clip pads with 0, transformers' mask hides what comes after the end
        texts = theirs.get_text_features(input_ids=tokens, attention_mask=(tokens != 0).long()).pooler_output
    assert np.abs(encoder.raw_images([prepared])[:, 0] - picture.numpy()).max() < 1e-5 * float(picture.abs().max())
    assert np.abs(encoder.raw_texts(["a red dress", "boots with a heel"]) - texts.numpy()).max() < 1e-4
    plain = OpenClip(weights=str(tmp_path), quick_gelu=False, device="cpu", precision="fp32")
    assert np.abs(plain.raw_images([prepared])[:, 0] - picture.numpy()).max() > 1e-3 * float(picture.abs().max())


def test_a_clip_without_a_part_is_refused(tmp_path):
    clip_model(tmp_path)
    described = {"model_cfg": small.CLIP, "preprocess_cfg": small.PREPROCESS}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(described))
    safetensors = require("safetensors.torch")
    state = safetensors.load_file(tmp_path / "model.safetensors")
    del state["vision_model.encoder.layers.1.self_attn.k_proj.weight"]
    safetensors.save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match=r"resblocks\.1\.attn\.in_proj_weight"):
        OpenClip(weights=str(tmp_path), device="cpu").texts(["a dress"])


def test_fashionclip_is_made_as_its_configuration_says(cache, tmp_path):
    clip_model(tmp_path)
    small.hub(cache, "patrickjohncyh/fashion-clip", tmp_path / "model.safetensors")
    encoder = registry().create("encoders", "fashionclip", {"device": "cpu"})
    assert encoder.dim == 512 and encoder._checkpoint.config["quick_gelu"] is True
    assert encoder._preprocess.size == (224, 224) and encoder._preprocess.mode == "shortest"
    assert present("fashionclip") and files("fashionclip")[0].name == "model.safetensors"


@pytest.fixture(scope="module")
def siglip(tmp_path_factory):
    """What Marqo's repository holds: open_clip's files, a tokenizer, and a config.json that names code."""
    torch, open_clip, tokenizers = require("torch"), require("open_clip"), require("tokenizers")
    folder = tmp_path_factory.mktemp("siglip")
    config = {
        "embed_dim": 24, "custom_text": True, "init_logit_bias": -10,
        "vision_cfg": {"image_size": 32, "timm_model_name": "test_vit", "timm_model_pretrained": False,
                       "timm_pool": "avg", "timm_proj": "linear"},
        "text_cfg": {"context_length": 64, "vocab_size": 64, "hf_tokenizer_name": "timm/ViT-B-16-SigLIP", "width": 24,
                     "heads": 2, "layers": 1, "no_causal_mask": True, "proj_bias": True, "pool_type": "last",
                     "tokenizer_kwargs": {"clean": "canonicalize"}},
    }  # fmt: skip
    words = ["<pad>", "</s>", "<unk>", "a", "red", "dress", "boots", "with", "heel"]
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel({word: row for row, word in enumerate(words)}, "<unk>"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "<pad>", "eos_token": "</s>"})
    )
    code = {
        "AutoConfig": "marqo_fashionSigLIP.MarqoFashionSigLIPConfig",
        "AutoModel": "marqo_fashionSigLIP.MarqoFashionSigLIP",
    }
    (folder / "config.json").write_text(json.dumps({"auto_map": code, "model_type": "siglip"}))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        towers = {name: dict(value) if isinstance(value, dict) else value for name, value in config.items()}
        towers.pop("custom_text")
        model = open_clip.CustomTextCLIP(**towers)
    require("safetensors.torch").save_file(model.state_dict(), str(folder / "open_clip_model.safetensors"))
    described = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "squash"}
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": described}))
    return folder


def test_fashionsiglip_loads_from_a_folder_of_its_files_and_runs_no_code(siglip):
    encoder = OpenClip(weights=str(siglip), device="cpu", precision="fp32")
    texts = encoder.texts(["a red dress", "boots with a heel"])
    assert texts.shape == (2, 24) and encoder._tokens(["a red dress"]).shape == (1, 64)  # padded to SigLIP's length
    assert encoder.images([encoder.prepare(Sample("image", PICTURE))]).shape == (1, 1, 24)


def test_a_tokenizer_that_asks_for_code_is_refused(siglip, tmp_path):
    for path in siglip.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "config.json").write_text(json.dumps({"auto_map": {"AutoTokenizer": "mine.Tokenizer"}}))
    with pytest.raises(WeightsError, match="asks for code"):
        OpenClip(weights=str(tmp_path), device="cpu").texts(["a dress"])


def test_a_pulled_fashionsiglip_needs_the_tokenizer_of_timm(siglip, cache):
    repo = "Marqo/marqo-fashionSigLIP"
    small.hub(cache, repo, *(path for path in siglip.iterdir() if path.name.startswith("open_clip")))
    encoder = registry().create("encoders", "marqo-fashionsiglip", {"device": "cpu"})
    with pytest.raises(WeightsMissingError) as error:
        encoder.texts(["a red dress"])
    assert "models pull marqo-fashionsiglip" in error.value.hint
    named = [part.repo for part in parts(*parse("marqo-fashionsiglip"))]
    assert "timm/ViT-B-16-SigLIP" in named


def test_a_pulled_blip2_is_an_encoder(cache, tmp_path):
    blip2_files.official(tmp_path)
    small.hub(cache, "Salesforce/blip2-itm-vit-g", tmp_path / "model.safetensors", tmp_path / "config.json")
    encoder = registry().create("encoders", "blip2-itm-vit-g", {"device": "cpu"})
    assert encoder.rows == 32 and encoder.options["weights"] == "hf:Salesforce/blip2-itm-vit-g/model.safetensors"
    again = registry().create("encoders", "fashion/blip2", {**encoder.options, "device": "cpu"})
    assert again.fingerprint == encoder.fingerprint
