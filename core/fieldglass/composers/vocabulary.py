"""Word lists, bundled or the user's, and their vectors, which are encoded once per encoder and kept."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np

from fieldglass.composers.vectors import unit
from fieldglass.errors import QueryError, UsageError
from fieldglass.models.cache import cache_dir, write_atomic

if TYPE_CHECKING:
    from fieldglass.interfaces import Encoder
    from fieldglass.types import F32

__all__ = ["load_words", "text_rows", "word_vectors"]

BUNDLED = ("nouns", "subjects", "styles")
BATCH = 512

_KNOWN: WeakKeyDictionary[Encoder, dict[tuple[str, tuple[str, ...]], F32]] = WeakKeyDictionary()


def load_words(source: str) -> tuple[str, ...]:
    """The words of a list: "nouns", "subjects" or "styles" of this package, or a UTF-8 file of one word a line.

    Blank lines, lines that begin with "#", and repetitions are left out. UsageError where there is nothing left.
    """
    if source in BUNDLED:
        text = (files("fieldglass.composers") / "words" / f"{source}.txt").read_text("utf-8")
    else:
        try:
            text = Path(source).expanduser().read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"The word list {source!r} cannot be read: {error}.",
                hint=f"Give a text file of one word a line, or one of {', '.join(BUNDLED)}.",
            ) from error
    lines = (line.strip() for line in text.splitlines())
    words = tuple(dict.fromkeys(line for line in lines if line and not line.startswith("#")))
    if not words:
        raise UsageError(f"The word list {source!r} is empty.", hint="Give a text file of one word a line.")
    return words


def word_vectors(words: Sequence[str], encoder: Encoder) -> F32:
    """(n,) words as they are, with no template -> unit rows (n, d) float32, kept in memory and in the user's cache."""
    known = _KNOWN.setdefault(encoder, {})
    if (encoder.fingerprint, tuple(words)) not in known:
        known[encoder.fingerprint, tuple(words)] = _kept(words, encoder)
    return known[encoder.fingerprint, tuple(words)]


def _kept(words: Sequence[str], encoder: Encoder) -> F32:
    key = "\n".join((encoder.name, encoder.fingerprint, *words))
    kept = cache_dir() / "words" / f"{hashlib.sha256(key.encode()).hexdigest()}.npy"
    try:
        found: F32 = np.load(kept, allow_pickle=False)
        if found.shape == (len(words), encoder.dim) and found.dtype == np.float32 and np.isfinite(found).all():
            return found
    except (OSError, ValueError, EOFError):  # not there, or damaged: it is made again
        pass
    found = np.concatenate([text_rows(words[at : at + BATCH], encoder) for at in range(0, len(words), BATCH)])
    file = io.BytesIO()
    np.save(file, found, allow_pickle=False)
    write_atomic(kept, file.getvalue())
    return found


def text_rows(texts: Sequence[str], encoder: Encoder) -> F32:
    """(n,) sentences -> unit rows (n, d) float32. QueryError where the encoder does not read text."""
    read = getattr(encoder, "texts", None)
    if not callable(read):
        raise QueryError(f"{encoder.name} does not read text.", hint="Search by picture, or use another encoder.")
    return unit(np.asarray(read(list(texts)), dtype=np.float32))
