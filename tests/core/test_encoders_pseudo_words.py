"""Pseudo-words in the text towers of open_clip: equal to the ordinary text where they should be, for each tokenizer."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import small_checkpoints as small
from fieldglass._torchvision import require
from fieldglass.encoders import capabilities
from fieldglass.encoders.open_clip import OpenClip
from fieldglass.errors import QueryError, UsageError
from fieldglass.interfaces import TokenEncoder
from fieldglass.models.carriers import locate

PROMPTS = ["a photo of $ that is red", "$", "two of $ and $", "a photo of $ " + "and more " * 200]


def openai(folder):
    """CLIP's own tokenizer, padded with 0."""
    small.clip(folder)
    return OpenClip(weights=str(folder))


def hugging_face(folder):
    """The same vocabulary in the layout of Hugging Face, padded with the end token itself."""
    own = require("open_clip.tokenizer").SimpleTokenizer()
    tokenizers = require("tokenizers")
    merges = [pair for pair, _ in sorted(own.bpe_ranks.items(), key=lambda each: each[1])]
    model = tokenizers.models.BPE(
        vocab=own.encoder, merges=merges, end_of_word_suffix="</w>", unk_token="<end_of_text>"
    )
    made = tokenizers.Tokenizer(model)
    made.normalizer = tokenizers.normalizers.Lowercase()
    made.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="<start_of_text> $A <end_of_text>", special_tokens=[("<start_of_text>", 49406), ("<end_of_text>", 49407)]
    )
    special = {"bos_token": "<start_of_text>", "eos_token": "<end_of_text>", "pad_token": "<end_of_text>"}
    require("transformers").PreTrainedTokenizerFast(tokenizer_object=made, **special).save_pretrained(folder)
    small.clip(folder, config=small.CLIP | {"text_cfg": small.CLIP["text_cfg"] | {"hf_tokenizer_name": "clip"}})
    return OpenClip(weights=str(folder))


def word_pieces(folder, clean="whitespace"):
    """A custom text tower with the tokenizer of BERT, pooled at its end token."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"):
        shutil.copy(locate("tokenizer.json").parent / name, folder)
    text = {
        "context_length": 24, "vocab_size": 30522, "width": 32, "heads": 2, "layers": 1, "pool_type": "eos",
        "eos_id": 102, "hf_tokenizer_name": "bert", "tokenizer_kwargs": {"clean": clean},
    }  # fmt: skip
    config = small.CLIP | {"custom_text": True, "text_cfg": text}
    model = require("open_clip").CustomTextCLIP(
        **{name: each for name, each in config.items() if name != "custom_text"}
    )
    require("safetensors.torch").save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    described = {"model_cfg": config, "preprocess_cfg": small.PREPROCESS}
    (folder / "open_clip_config.json").write_text(json.dumps(described))
    return OpenClip(weights=str(folder))


@pytest.fixture(scope="module", params=[openai, hugging_face, word_pieces], ids=lambda each: each.__name__)
def encoder(request, tmp_path_factory):
    return request.param(tmp_path_factory.mktemp(request.param.__name__) / "model")


def own_embedding(encoder, count):
    held = encoder._pseudo_words()
    return np.repeat(held._table.weight[held.token].detach().numpy()[None], count, axis=0)


def test_the_own_embedding_is_the_ordinary_text(encoder):
    found = encoder.pseudo_texts(PROMPTS, own_embedding(encoder, len(PROMPTS)))
    assert np.abs(found - encoder.texts(PROMPTS)).max() < 1e-6
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-6)


def test_the_embedding_of_another_word_is_that_word(encoder):
    held = encoder._pseudo_words()
    tokens = encoder._tokens(["a photo of dog that"])[0].tolist()
    dog = tokens[encoder._tokens(["a photo of $ that"])[0].tolist().index(held.token)]
    word = held._table.weight[dog].detach().numpy()[None]
    found = encoder.pseudo_texts(["a photo of $ that", "$ and $"], np.repeat(word, 2, axis=0))
    assert np.abs(found - encoder.texts(["a photo of dog that", "dog and dog"])).max() < 1e-6


def test_a_batch_is_what_one_by_one_is_and_ordinary_texts_stay(encoder):
    before = encoder.texts(["a dog", "$"])
    words = np.random.default_rng(0).normal(size=(70, encoder.token_dim)).astype(np.float32)
    prompts = [f"a photo of $ that is number {number}" for number in range(70)]
    together = encoder.pseudo_texts(prompts, words)
    alone = np.concatenate([encoder.pseudo_texts([each], words[row : row + 1]) for row, each in enumerate(prompts)])
    assert np.abs(together - alone).max() < 1e-5
    assert np.abs(together[0] - together[1]).max() > 1e-3
    assert np.array_equal(encoder.texts(["a dog", "$"]), before)
    assert encoder.pseudo_texts([], words[:0]).shape == (0, encoder.dim)


def test_threads_do_not_see_each_others_words(encoder):
    words = np.random.default_rng(1).normal(size=(8, encoder.token_dim)).astype(np.float32)
    expected = [encoder.pseudo_texts(["a $ here"], words[row : row + 1]) for row in range(8)]
    plain = encoder.texts(["a $ here"])
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(encoder.pseudo_texts, ["a $ here"], words[row % 8 : row % 8 + 1]) for row in range(40)]
        texts = [pool.submit(encoder.texts, ["a $ here"]) for _ in range(20)]
        assert all(np.allclose(job.result(), expected[row % 8], atol=1e-6) for row, job in enumerate(jobs))
        assert all(np.allclose(job.result(), plain, atol=1e-6) for job in texts)


def test_gradients_reach_the_word(encoder):
    torch = require("torch")
    word = torch.zeros(1, encoder.token_dim, requires_grad=True)
    encoder.pseudo_features(["a photo of $"], word).square().sum().backward()
    assert float(word.grad.abs().max()) > 0


def test_a_prompt_cut_before_its_placeholder_is_refused(encoder):
    words = np.zeros((1, encoder.token_dim), dtype=np.float32)
    with pytest.raises(QueryError, match="cut before"):
        encoder.pseudo_texts(["word " * 200 + "$"], words)


def test_it_is_a_capability(encoder):
    assert "tokens" in capabilities(encoder) and isinstance(encoder, TokenEncoder)


def test_the_placeholder_is_openais(tmp_path):
    assert openai(tmp_path)._pseudo_words().token == 259


def test_a_tokenizer_that_drops_the_placeholder_is_named(tmp_path):
    encoder = word_pieces(tmp_path, clean="canonicalize")
    with pytest.raises(UsageError, match="does not read"):
        encoder.pseudo_texts(["$"], np.zeros((1, 32), dtype=np.float32))
