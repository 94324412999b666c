"""`open_clip`: the library's own vectors, from local files alone, with the checkpoint's own preprocessing."""

from __future__ import annotations

import json
import shutil
import socket
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from skimage import data

import small_checkpoints as small
from fieldglass._torchvision import require
from fieldglass.encoders import encode
from fieldglass.encoders.cut import noting
from fieldglass.encoders.open_clip import OpenClip
from fieldglass.errors import UnknownNameError, UsageError, WeightsError, WeightsMissingError
from fieldglass.models.carriers import locate
from fieldglass.registry import registry
from fieldglass.testing import EncoderContract
from fieldglass.types import Sample

STATED = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5), "interpolation": "bicubic", "resize_mode": "squash"}


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return small.clip(tmp_path_factory.mktemp("clip")).parent


@pytest.fixture
def alone(folder, tmp_path):
    """The weights without their configuration."""
    return shutil.copy(folder / "open_clip_model.safetensors", tmp_path / "mine.safetensors")


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_):
        raise AssertionError("something asked the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


class TestContract(EncoderContract):
    encoder = "open_clip"

    @pytest.fixture(autouse=True)
    def checkpoint(self, folder):
        type(self).options = {"weights": str(folder)}


def vectors(encoder, *pictures):
    return encode(encoder, [encoder.prepare(Sample("image", each)) for each in pictures])[:, 0]


def test_vectors_are_those_of_the_library(folder, no_network):
    torch, open_clip = require("torch"), require("open_clip")
    model, transform = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
    pictures = [data.chelsea(), data.coffee(), data.astronaut()]
    with torch.inference_mode():
        pixels = torch.stack([transform(Image.fromarray(each)) for each in pictures])
        theirs = model.encode_image(pixels, normalize=True).numpy()
        tokens = open_clip.get_tokenizer("ViT-B-32")(["a cat", "ein Café", "word " * 100])
        texts = model.encode_text(tokens, normalize=True).numpy()
    ours = OpenClip(weights=str(folder))
    assert np.abs(vectors(ours, *pictures) - theirs).max() < 1e-5
    assert np.abs(ours.texts(["a cat", "ein Café", "word " * 100]) - texts).max() < 1e-5


def test_a_tower_of_timm_and_a_tokenizer_beside_the_file(tmp_path, no_network):
    torch, open_clip = require("torch"), require("open_clip")
    words = locate("tokenizer.json").parent
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"):
        shutil.copy(words / name, tmp_path)
    config = {
        "embed_dim": 64,
        "custom_text": True,
        "vision_cfg": {"image_size": 160, "timm_model_name": "test_vit", "timm_pool": "", "timm_proj": "linear"},
        "text_cfg": {
            "context_length": 16, "vocab_size": 30522, "width": 32, "heads": 2, "layers": 1, "no_causal_mask": True,
            "hf_tokenizer_name": "bert", "tokenizer_kwargs": {"clean": "canonicalize"}, "pool_type": "last",
        },
    }  # fmt: skip
    described = {"model_cfg": config, "preprocess_cfg": small.PREPROCESS}
    (tmp_path / "open_clip_config.json").write_text(json.dumps(described))
    model = open_clip.create_model(f"local-dir:{tmp_path}", load_weights=False).eval()
    require("safetensors.torch").save_file(model.state_dict(), tmp_path / "open_clip_model.safetensors")
    texts = ["A dog, on a beach!", "ein Café"]
    with torch.inference_mode():
        tokens = open_clip.get_tokenizer(f"local-dir:{tmp_path}")(texts)
        theirs = model.encode_text(tokens, normalize=True).numpy()
    ours = OpenClip(weights=str(tmp_path))
    assert np.abs(ours.texts(texts) - theirs).max() < 1e-5
    assert vectors(ours, data.chelsea()).shape == (1, 64)


def test_another_image_size_is_that_of_the_library(folder):
    torch, open_clip = require("torch"), require("open_clip")
    model = open_clip.create_model(f"local-dir:{folder}", force_image_size=96).eval()
    own = open_clip.transform.PreprocessCfg(**model.visual.preprocess_cfg)
    transform = open_clip.transform.image_transform_v2(own, is_train=False)
    with torch.inference_mode():
        theirs = model.encode_image(transform(Image.fromarray(data.chelsea()))[None], normalize=True).numpy()
    ours = OpenClip(weights=str(folder), image_size=96)
    assert ours.pixels == 96
    assert np.abs(vectors(ours, data.chelsea()) - theirs).max() < 1e-5


def test_the_preprocessing_beside_the_file_is_used(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "other")
    config = tmp_path / "other" / "open_clip_config.json"
    described = json.loads(config.read_text())
    described["preprocess_cfg"]["mean"] = [0.9, 0.1, 0.1]
    config.write_text(json.dumps(described))
    one, two = OpenClip(weights=str(folder)), OpenClip(weights=str(tmp_path / "other"))
    assert one.fingerprint != two.fingerprint
    assert np.abs(vectors(one, data.chelsea()) - vectors(two, data.chelsea())).max() > 1e-3


def test_preprocessing_is_never_guessed(folder, alone, tmp_path):
    with pytest.raises(UsageError, match="architecture"):
        OpenClip(weights=alone)
    with pytest.raises(UsageError, match="preprocessing") as error:
        OpenClip(weights=alone, model="ViT-B-32")
    assert "pretrained=TAG" in str(error.value)
    assert OpenClip(weights=alone, model="ViT-B-32", pretrained="openai").pixels == 224
    assert OpenClip(weights=alone, model="ViT-B-32", **STATED).pixels == 224
    silent = small.clip(tmp_path / "silent", preprocess=None)
    with pytest.raises(UsageError, match="does not say the preprocessing"):
        OpenClip(weights=str(silent))
    assert OpenClip(weights=str(silent), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)).pixels == 64


def test_two_statements_of_what_a_file_is_are_refused(folder):
    with pytest.raises(UsageError, match="Leave them out"):
        OpenClip(weights=str(folder), model="ViT-B-32", pretrained="openai")


def test_the_fingerprint_covers_content_and_settings_and_no_path(folder, tmp_path):
    base = OpenClip(weights=str(folder))
    moved = shutil.copytree(folder, tmp_path / "moved")
    assert OpenClip(weights=str(moved)).fingerprint == base.fingerprint
    assert OpenClip(**base.options).fingerprint == base.fingerprint
    others = [
        OpenClip(weights=str(small.clip(tmp_path / "seeded", seed=1))),
        OpenClip(weights=str(folder), precision="bf16"),
        OpenClip(weights=str(folder), image_size=96),
        OpenClip(weights=str(folder), **STATED),
        OpenClip(weights=str(folder), mean=(0.5, 0.5, 0.5)),
    ]
    assert len({base.fingerprint, *(each.fingerprint for each in others)}) == 1 + len(others)


def test_bf16_is_near_fp32(folder):
    found = vectors(OpenClip(weights=str(folder), precision="bf16"), data.chelsea())
    assert np.abs(found - vectors(OpenClip(weights=str(folder)), data.chelsea())).max() < 0.02
    assert abs(np.linalg.norm(found) - 1) < 1e-5


def test_a_checkpoint_of_another_shape_is_named(folder, tmp_path):
    config = {**small.CLIP, "vision_cfg": {**small.CLIP["vision_cfg"], "width": 96}}
    shutil.copytree(folder, tmp_path / "x")
    described = {"model_cfg": config, "preprocess_cfg": small.PREPROCESS}
    (tmp_path / "x" / "open_clip_config.json").write_text(json.dumps(described))
    with pytest.raises(WeightsError, match=r"visual\.\S+ is \(.*\), not \("):
        vectors(OpenClip(weights=str(tmp_path / "x")), data.chelsea())


def test_an_undeclared_position_table_is_not_resized(folder, tmp_path):
    config = {**small.CLIP, "vision_cfg": {**small.CLIP["vision_cfg"], "image_size": 96}}
    shutil.copytree(folder, tmp_path / "x")
    described = {"model_cfg": config, "preprocess_cfg": small.PREPROCESS}
    (tmp_path / "x" / "open_clip_config.json").write_text(json.dumps(described))
    with pytest.raises(WeightsError, match="positional_embedding"):
        vectors(OpenClip(weights=str(tmp_path / "x")), data.chelsea())


def test_nan_weights_are_refused(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "x")
    files = require("safetensors.torch")
    state = files.load_file(tmp_path / "x" / "open_clip_model.safetensors")
    state["visual.proj"][0, 0] = float("nan")
    files.save_file(state, tmp_path / "x" / "open_clip_model.safetensors")
    with pytest.raises(WeightsError, match=r"visual\.proj"):
        OpenClip(weights=str(tmp_path / "x")).texts(["a cat"])


@pytest.mark.parametrize(
    "content",
    ["{", "[]", "{}", '{"model_cfg": {"embed_dim": "x", "vision_cfg": {}, "text_cfg": {}}}',
     '{"model_cfg": {"embed_dim": 8, "vision_cfg": [], "text_cfg": {}}}'],
)  # fmt: skip
def test_a_broken_configuration_is_named(folder, tmp_path, content):
    shutil.copytree(folder, tmp_path / "x")
    (tmp_path / "x" / "open_clip_config.json").write_text(content)
    with pytest.raises(WeightsError, match="open_clip_config"):
        OpenClip(weights=str(tmp_path / "x"))


def test_unknown_settings_in_a_configuration_are_refused(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "x")
    described = {"model_cfg": {**small.CLIP, "run": "this"}, "preprocess_cfg": small.PREPROCESS}
    (tmp_path / "x" / "open_clip_config.json").write_text(json.dumps(described))
    with pytest.raises(WeightsError, match="run"):
        OpenClip(weights=str(tmp_path / "x")).texts(["a cat"])


def test_remote_code_is_refused_and_not_run(folder, tmp_path, no_network):
    shutil.copytree(folder, tmp_path / "x")
    marker = tmp_path / "ran"
    (tmp_path / "x" / "evil.py").write_text(f"open({str(marker)!r}, 'w')")
    (tmp_path / "x" / "config.json").write_text(
        json.dumps({"model_type": "evil", "auto_map": {"AutoConfig": "evil.Config", "AutoModel": "evil.Model"}})
    )
    text = {"hf_model_name": str(tmp_path / "x"), "hf_tokenizer_name": str(tmp_path / "x"), "proj_type": "mlp"}
    described = {"model_cfg": {**small.CLIP, "text_cfg": text}, "preprocess_cfg": small.PREPROCESS}
    (tmp_path / "x" / "open_clip_config.json").write_text(json.dumps(described))
    encoder = OpenClip(weights=str(tmp_path / "x"))
    with pytest.raises(WeightsError, match="asks for code"):
        encoder.images([encoder.prepare(Sample("image", data.chelsea()))])
    with pytest.raises(WeightsError, match="asks for code"):
        encoder.texts(["a cat"])
    assert not marker.exists()


@pytest.mark.parametrize(
    ("options", "pull"),
    [
        ({"model": "ViT-B-32", "pretrained": "laion2b_s34b_b79k"}, "clip-vit-b-32-laion2b"),
        ({"model": "ViT-B-32", "pretrained": "laion2b_e16"}, "open_clip:ViT-B-32:laion2b_e16"),
        ({"model": "hf-hub:someone/something"}, "hf-hub:someone/something"),
    ],
)
def test_missing_weights_are_not_fetched_but_named(options, pull, no_network, tmp_path, monkeypatch):
    monkeypatch.setattr(require("huggingface_hub.constants"), "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsMissingError, match="not on this machine") as error:
        OpenClip(**options)
    assert f"fieldglass models pull {pull}`" in error.value.hint


def test_what_was_pulled_is_used(folder, no_network, tmp_path, monkeypatch):
    monkeypatch.setattr(require("huggingface_hub.constants"), "HF_HUB_CACHE", str(tmp_path))
    small.hub(tmp_path, "me/small", folder / "open_clip_model.safetensors", folder / "open_clip_config.json")
    found = OpenClip(model="hf-hub:me/small")
    assert found.fingerprint == OpenClip(weights=str(folder)).fingerprint
    assert np.array_equal(vectors(found, data.coffee()), vectors(OpenClip(weights=str(folder)), data.coffee()))


def test_a_tokenizer_that_was_not_pulled_is_named(folder, no_network, tmp_path, monkeypatch):
    monkeypatch.setattr(require("huggingface_hub.constants"), "HF_HUB_CACHE", str(tmp_path))
    text = {**small.CLIP["text_cfg"], "hf_tokenizer_name": "me/words"}
    config = tmp_path / "open_clip_config.json"
    config.write_text(json.dumps({"model_cfg": {**small.CLIP, "text_cfg": text}, "preprocess_cfg": small.PREPROCESS}))
    small.hub(tmp_path, "me/small", folder / "open_clip_model.safetensors", config)
    encoder = OpenClip(model="hf-hub:me/small")
    assert vectors(encoder, data.coffee()).shape == (1, 32)
    with pytest.raises(WeightsMissingError, match="text files") as error:
        encoder.texts(["a cat"])
    assert "fieldglass models pull hf-hub:me/small`" in error.value.hint


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({}, UsageError, "needs a model"),
        ({"model": "ViT-B-33", "pretrained": "openai"}, UnknownNameError, "ViT-B-32"),
        ({"model": "ViT-B-32", "pretrained": "opnai"}, UnknownNameError, "openai"),
        ({"model": "ViT-B-32"}, UsageError, "laion2b_s34b_b79k"),
        ({"weights": "/nowhere/x.pt"}, WeightsMissingError, "/nowhere/x.pt"),
        ({"model": "ViT-B-32", "pretrained": "random", "mean": "0.5,0.5"}, UsageError, "three numbers"),
        ({"model": "ViT-B-32", "pretrained": "random", "precision": "int3"}, UsageError, "fp32"),
        ({"model": "ViT-B-32", "pretrained": "random", "device": "abacus"}, UsageError, "abacus"),
    ],
)
def test_options_that_cannot_be_say_what_can(options, error, words):
    with pytest.raises(error) as found:
        registry().create("encoders", "open_clip", options)
    assert words in str(found.value)


def test_quick_gelu_follows_the_weights(alone):
    by_tag = OpenClip(model="ViT-B-32", pretrained="openai", weights=alone)
    by_hand = OpenClip(model="ViT-B-32", pretrained="laion2b_e16", weights=alone)
    assert by_tag._checkpoint.config["quick_gelu"] and not by_hand._checkpoint.config["quick_gelu"]
    assert by_tag.fingerprint != by_hand.fingerprint


def test_many_threads_at_first_use_give_one_answer(folder):
    encoder = OpenClip(weights=str(folder))
    prepared = [encoder.prepare(Sample("image", data.chelsea()))]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: encoder.images(prepared), range(16)))
    assert all(np.array_equal(each, found[0]) for each in found)


def test_random_weights_are_explicit_and_repeat():
    options = {"model": "RN50", "pretrained": "random"}
    one, two, other = OpenClip(**options), OpenClip(**options), OpenClip(**options, seed=1)
    assert one.fingerprint == two.fingerprint != other.fingerprint
    assert one.dim == 1024


def test_what_is_left_out_of_a_long_sentence_is_told(folder):
    made = OpenClip(weights=str(folder), device="cpu")
    long = " ".join(f"word{n}" for n in range(60))
    with noting() as told:
        made.texts(["a short one", long])
    (rest,) = told.values()
    assert list(told) == [long] and long.endswith(rest)
    kept = long.removesuffix(rest).strip()
    assert np.array_equal(made.texts([kept]), made.texts([long]))
    assert not np.array_equal(made.texts([kept.rpartition(" ")[0]]), made.texts([long]))
