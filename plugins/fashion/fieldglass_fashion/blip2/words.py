"""Sentences for the Q-Former: BERT's uncased WordPiece, whose file the package of MiniLM carries."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from fieldglass._torchvision import require
from fieldglass.encoders.cut import beyond, note_cuts
from fieldglass.encoders.once import Once
from fieldglass.errors import WeightsError
from fieldglass.models.carriers import carried

__all__ = ["WordPieces"]

_WORDS = 30522  # of bert-base-uncased; BLIP-2 adds [DEC], which only writing needs


class WordPieces:
    """Sentences -> (ids (n, length) int64, mask (n, length) bool), cut at `length` tokens with [CLS] and [SEP].

    MiniLM has the vocabulary of bert-base-uncased, so nothing is downloaded. WeightsError where the network's table
    of `words` is another.
    """

    def __init__(self, words: int, length: int) -> None:
        if words < _WORDS or words > _WORDS + 8:
            raise WeightsError(f"The checkpoint has {words} words; bert-base-uncased has {_WORDS}.")
        self._length = length
        self._tokenizer = Once(_tokenizer)
        self._lock = threading.Lock()  # it keeps the length and padding of its last call

    def __call__(self, texts: Sequence[str], device: str) -> tuple[Any, Any]:
        """Tensors on the device; shorter sentences are padded, and masked."""
        with self._lock:
            note_cuts(texts, lambda text: beyond(self._tokenizer(), text, self._length))
            found = self._tokenizer()(
                list(texts), return_tensors="pt", padding=True, truncation=True, max_length=self._length
            )
        return found["input_ids"].to(device), found["attention_mask"].bool().to(device)


def _tokenizer() -> Any:
    return require("transformers").PreTrainedTokenizerFast(
        tokenizer_file=str(carried("tokenizer.json")), pad_token="[PAD]"
    )
