"""Pseudo-words: vectors put where a text tower would look up the embedding of the placeholder `$`.

Everything else of the tower (positions, mask, pooling, projection) is the library's own, so that a pseudo-word
equal to the placeholder's own embedding gives what the ordinary text gives.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from fieldglass._torchvision import require
from fieldglass.errors import QueryError, UsageError

__all__ = ["PLACEHOLDER", "PseudoWords"]

PLACEHOLDER = "$"
_WITH, _WITHOUT = f"a photo of {PLACEHOLDER} that", "a photo of that"


class PseudoWords:
    """The text tower of an open_clip model with pseudo-words. Safe in threads.

    UsageError where the tokenizer does not read the placeholder as one token.
    """

    def __init__(self, model: Any, tokenize: Callable[[list[str]], Any], label: str) -> None:
        self._model = model
        self._tokenize = tokenize
        self._table = _table(model)
        self._local = threading.local()
        self.width = int(self._table.weight.shape[1])
        self.token = _token(tokenize, label)
        self._table.register_forward_hook(self._inject)

    def features(self, prompts: Sequence[str], words: Any) -> Any:
        """(n,) prompts and a tensor (n, width) -> (n, dim), not normalised; gradients flow into the words.

        A word stands at every placeholder of its prompt. QueryError where a prompt was cut before its placeholder.
        """
        tokens = self._tokenize(list(prompts)).to(words.device)
        lost = [
            prompt
            for prompt, here in zip(prompts, (tokens == self.token).any(dim=1).tolist(), strict=True)
            if PLACEHOLDER in prompt and not here
        ]
        if lost:
            raise QueryError(f"{lost[0][:60]!r} is too long: it is cut before the picture's place in it.")
        self._local.words = (tokens == self.token, words)
        try:
            return self._model.encode_text(tokens)
        finally:
            self._local.words = None

    def _inject(self, _module: Any, _arguments: Any, looked_up: Any) -> Any:
        held = getattr(self._local, "words", None)
        if held is None:  # an ordinary text, or another thread's
            return looked_up
        here, words = held
        return require("torch").where(here[..., None], words[:, None, :].to(looked_up.dtype), looked_up)


def _table(model: Any) -> Any:
    """The token embedding of the text tower: CLIP's own, a custom text tower's, or Hugging Face's."""
    for owner in (model, getattr(model, "text", model)):
        if hasattr(owner, "token_embedding"):
            return owner.token_embedding
    return model.text.transformer.get_input_embeddings()


def _token(tokenize: Callable[[list[str]], Any], label: str) -> int:
    """The id of the placeholder: what stands in a sentence with it, and nothing else of it changes but the place."""
    with_it, without = (row.tolist() for row in tokenize([_WITH, _WITHOUT]))
    at = next((at for at, (one, other) in enumerate(zip(with_it, without, strict=True)) if one != other), -1)
    if at < 0 or with_it[at + 1 :] != without[at:-1]:
        raise UsageError(
            f"The tokenizer of {label} does not read {PLACEHOLDER!r} as one word, so that no picture can stand for it.",
            hint="Use a CLIP with OpenAI's vocabulary for textual inversion.",
        )
    return int(with_it[at])
