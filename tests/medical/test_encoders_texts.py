"""BERT and its layers as the text towers of medical networks have them, against transformers; their word tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fieldglass._torchvision import require
from fieldglass.errors import WeightsError
from fieldglass.models.carriers import carried
from fieldglass_medical.encoders.bert import bert, embedded, encoded, layer, passed
from fieldglass_medical.encoders.words import Words
from tests.medical.networks import WORDS, bert_layer, bert_shapes, drawn, vocabulary


def config(**more):
    return require("transformers").BertConfig(
        vocab_size=len(WORDS), hidden_size=128, num_hidden_layers=2, num_attention_heads=2, intermediate_size=96,
        max_position_embeddings=40, **more,
    )  # fmt: skip


def test_hidden_states_are_those_of_transformers():
    torch, transformers = require("torch"), require("transformers")
    state = drawn(bert_shapes("", width=128))
    other = transformers.BertModel(config()).eval()
    other.load_state_dict(state)
    mine = bert({**state, "embeddings.position_ids": torch.arange(40)[None]}, Path("x"), "x")
    ids = torch.tensor([[2, 5, 6, 7, 3], [2, 8, 3, 0, 0]])
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    with torch.inference_mode():
        expected = other(input_ids=ids, attention_mask=mask).last_hidden_state
        found = encoded(mine, embedded(mine, ids), mask.bool())
    assert torch.allclose(found[0], expected[0], atol=1e-5)
    assert torch.allclose(found[1, :3], expected[1, :3], atol=1e-5)


def test_a_layer_across_is_that_of_transformers():
    torch, modeling = require("torch"), require("transformers.models.bert.modeling_bert")
    shaped = config(is_decoder=True, add_cross_attention=True)
    shaped._attn_implementation = "eager"
    state = drawn(bert_layer("", 128, 96, across=True))
    other, mine = modeling.BertLayer(shaped).eval(), layer(128, 96, across=True)
    other.load_state_dict(state)
    mine.load_state_dict(state)
    generator = torch.Generator().manual_seed(1)
    states, seen = torch.randn(2, 4, 128, generator=generator), torch.randn(2, 6, 128, generator=generator)
    masks = torch.ones(2, 4, dtype=torch.bool), torch.ones(2, 6, dtype=torch.bool)
    masks[0][1, 2:] = masks[1][0, 5:] = False
    added = [torch.where(each, 0.0, -1e9)[:, None, None] for each in masks]
    with torch.inference_mode():
        expected = other(states, added[0], encoder_hidden_states=seen, encoder_attention_mask=added[1])
        expected = expected[0] if isinstance(expected, tuple) else expected
        found = passed(mine, states, masks[0], seen, masks[1])
    assert torch.allclose(found, expected, atol=1e-5)


def test_words_of_a_vocabulary_and_of_mini(tmp_path):
    words = Words(vocabulary(tmp_path), len(WORDS), 6, "x")
    ids, mask = words(["A left lung", "dogs", ""], "cpu")
    assert ids.tolist() == [[2, 5, 9, 10, 3], [2, 6, 13, 3, 0], [2, 3, 0, 0, 0]]
    assert mask.sum(dim=1).tolist() == [5, 4, 2]
    assert words(["a a a a a a a a"], "cpu")[0].tolist() == [[2, 5, 5, 5, 5, 3]]
    usual = Words(carried("tokenizer.json"), 30522, 128, "x")
    ids, _ = usual(["A left pleural effusion"], "cpu")
    assert ids.tolist() == [[101, 1037, 2187, 20228, 11236, 2389, 1041, 4246, 14499, 102]]


def test_another_vocabulary_is_refused(tmp_path):
    with pytest.raises(WeightsError, match="knows 30522 words, and the tokenizer"):
        Words(vocabulary(tmp_path), 30522, 6, "x")
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(WeightsError, match="is no tokenizer"):
        Words(tmp_path / "tokenizer.json", 3, 6, "x")
    windows = tmp_path / "vocab.txt"
    windows.write_bytes("\r\n".join(WORDS).encode() + b"\r\n")
    assert Words(windows, len(WORDS), 6, "x")(["red car"], "cpu")[0].tolist() == [[2, 7, 8, 3]]


def test_a_bert_that_is_none_is_refused():
    with pytest.raises(WeightsError, match="holds no BERT"):
        bert({"a": np.zeros(2)}, Path("x"), "x")
