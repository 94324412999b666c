"""Captions for training, streamed from a text or JSONL file, and what is masked in them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from fieldglass._torchvision import require
from fieldglass.errors import LoaderError, MissingExtraError, UsageError

__all__ = ["LAST_RESORT", "Tagger", "masked", "offsets", "read_captions_at", "tagger_of", "words_of"]

Tagger = Callable[[str], list[tuple[str, bool]]]  # a sentence -> (word, whether it is a keyword)

PLACEHOLDER = "$"
LAST_RESORT = f"a photo of {PLACEHOLDER}"
_WORD = re.compile(r"[a-z0-9']+(?:-[a-z0-9']+)*|[^\sa-z0-9']+")


def words_of(text: str) -> list[tuple[str, bool]]:
    """By `plain_words.txt`: every word that is not in it is a keyword, punctuation is not."""
    found = _WORD.findall(text)
    plain = _plain_words()
    return [(word, word[0].isalnum() and word not in plain) for word in found]


def tagger_of(name: str) -> Tagger:
    """ "words", the list beside this module, or the name of a spaCy model that is installed (en_core_web_sm)."""
    if name == "words":
        return words_of
    try:
        spacy: Any = require("spacy")
    except ImportError as error:
        raise MissingExtraError(f"tagger={name!r} needs spaCy.", hint="pip install spacy, or tagger=words.") from error
    try:
        model = spacy.load(name, disable=["parser", "ner"])
    except OSError as error:
        raise UsageError(f"spaCy has no model {name!r} here.", hint=f"python -m spacy download {name}") from error
    return lambda text: [(str(word), word.pos_ in ("NOUN", "PROPN", "ADJ", "DET")) for word in model(text)]


def masked(text: str, tagger: Tagger, random: np.random.Generator) -> str:
    """Every longest run of keywords as one placeholder; a random word where there is none.

    "a photo of $" where nothing is left to mask.
    """
    words = [(word, key) for word, key in tagger(text) if word.strip()]
    if not any(key for _, key in words):
        plain = [place for place, (word, _) in enumerate(words) if word[0].isalnum()]
        if not plain:
            return LAST_RESORT
        chosen = plain[int(random.integers(len(plain)))]
        words = [(word, place == chosen) for place, (word, _) in enumerate(words)]
    found: list[str] = []
    before = False
    for word, key in words:
        if key and not before:
            found.append(PLACEHOLDER)
        elif not key:
            found.append(word)
        before = key
    return " ".join(found)


def offsets(path: Path) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Where each line that is not blank begins, (n,) int64 bytes: the file itself stays on the disk."""
    found, at = [], 0
    try:
        with path.open("rb") as file:
            for line in file:
                if line.strip():
                    found.append(at)
                at += len(line)
    except OSError as error:
        raise LoaderError(f"{path} cannot be read: {error.strerror or error}.") from error
    if not found:
        raise LoaderError(f"{path} holds no captions.", hint="One a line, or JSONL with the key caption.")
    return np.array(found, dtype=np.int64)


def read_captions_at(path: Path, places: Any) -> list[str]:
    """The captions of these lines, lower-cased, without the placeholder. LoaderError names a bad byte."""
    found = []
    with path.open("rb") as file:
        for place in places:
            file.seek(int(place))
            line = file.readline()
            try:
                text = line.decode("utf-8-sig")
                if path.suffix in (".jsonl", ".ndjson"):
                    row = json.loads(text)
                    text = row if isinstance(row, str) else row["caption"]
                if not isinstance(text, str):
                    raise TypeError(f"a {type(text).__name__}, no text")
            except (UnicodeDecodeError, ValueError, KeyError, TypeError) as error:
                raise LoaderError(f"{path}: the line at byte {place} is no caption: {error}.") from error
            found.append(" ".join(text.lower().replace(PLACEHOLDER, " ").split()) or "a photo")
    return found


@cache
def _plain_words() -> frozenset[str]:
    """The list that comes with Fieldglass."""
    text = (files("fieldglass.training") / "plain_words.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))
