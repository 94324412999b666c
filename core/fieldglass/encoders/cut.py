"""Sentences that are longer than an encoder reads: what was left out, told to whoever asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

__all__ = ["beyond", "note_cuts", "noting"]

_FOUND: ContextVar[dict[str, str] | None] = ContextVar("fieldglass_cut", default=None)


@contextmanager
def noting() -> Iterator[dict[str, str]]:
    """Sentence -> what was left out of it, of all that is encoded meanwhile in this thread."""
    found: dict[str, str] = {}
    token = _FOUND.set(found)
    try:
        yield found
    finally:
        _FOUND.reset(token)


def note_cuts(texts: Sequence[str], unread: Callable[[str], str]) -> None:
    """An encoder tells that it reads these; `unread` gives the end of a sentence that it does not. Else no cost."""
    found = _FOUND.get()
    if found is not None:
        found.update({text: rest for text in dict.fromkeys(texts) if (rest := unread(text))})


def beyond(tokenizer: Any, text: str, length: int) -> str:
    """What a fast tokenizer of transformers leaves out of a sentence at `length` tokens, those at its ends included."""
    if len(text) <= length - 2:  # no token is shorter than a character
        return ""
    places = tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
    return "" if len(places) <= length else text[places[length - 2][1] :].strip()
