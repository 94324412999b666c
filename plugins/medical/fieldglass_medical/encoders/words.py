"""Sentences as the numbers of a BERT's words."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fieldglass._torchvision import require
from fieldglass.errors import WeightsError
from fieldglass.models.files import weight_file

__all__ = ["Words", "vocabulary"]

_FILES = ("tokenizer.json", "vocab.txt")


class Words:
    """Lower case, word pieces, [CLS] before and [SEP] after, cut at `longest` tokens.

    `path` is a tokenizer.json or vocab.txt; its words are as many as `count`, else WeightsError.
    """

    def __init__(self, path: Path, count: int, longest: int, what: str) -> None:
        library = require("tokenizers")
        try:
            if path.suffix == ".json":
                made = library.Tokenizer.from_file(str(path))
            else:
                lines = [line.rstrip("\r") for line in path.read_text("utf-8").rstrip("\n").split("\n")]
                table = {line: number for number, line in enumerate(lines)}
                made = library.BertWordPieceTokenizer(vocab=table, lowercase=True)
        except Exception as error:  # the library raises bare exceptions
            raise WeightsError(f"{path} is no tokenizer: {error}.") from error
        found = made.get_vocab_size()
        special = {name: made.token_to_id(name) for name in ("[PAD]", "[CLS]", "[SEP]")}
        if found != count or None in special.values():
            raise WeightsError(
                f"{what} knows {count} words, and the tokenizer {path} {found}: it is another model's.",
                hint="Give its own: --set tokenizer=FILE, a tokenizer.json or vocab.txt.",
            )
        made.no_padding()
        made.enable_truncation(longest)
        self.pad, self.first, self.last = (int(each) for each in special.values() if each is not None)
        self._tokenizer, self._busy = made, threading.Lock()

    def __call__(self, texts: Sequence[str], device: str) -> tuple[Any, Any]:
        """(n, t) int64 ids and (n, t) bool, True where there is a token; t is that of the longest sentence."""
        torch = require("torch")
        with self._busy:
            rows = [each.ids for each in self._tokenizer.encode_batch(list(texts))]
        width = max(len(row) for row in rows)
        ids = torch.tensor([row + [self.pad] * (width - len(row)) for row in rows], device=device)
        counts = torch.tensor([len(row) for row in rows], device=device)
        return ids, torch.arange(width, device=device)[None] < counts[:, None]


def vocabulary(given: str, encoder: str, beside: Path) -> Path | None:
    """The tokenizer's file: the one given, or one beside the weights; None without either."""
    if given:
        return weight_file(given, encoder, _FILES)
    found = [beside.parent / name for name in _FILES if (beside.parent / name).is_file()]
    return found[0] if found else None
