"""The label vectors of `mini`: what each of ImageNet's 1000 classes means, in the space of sentences.

They take some 15 seconds, so they are computed once and kept in the user's cache.
"""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fieldglass._torchvision import require
from fieldglass.models import card
from fieldglass.models.cache import cache_dir, write_atomic

if TYPE_CHECKING:
    from fieldglass.types import F32

__all__ = ["label_vectors"]

_CLASSES = 1000
_lock = threading.Lock()


def label_vectors(embed: Callable[[], Callable[[Sequence[str]], F32]]) -> tuple[F32, F32]:
    """Centred unit vectors (1000, 384) and the mean (384,) that a query is centred by.

    `embed` gives the text tower when the cache has nothing sound.
    """
    with _lock:
        path = _path()
        found = _load(path)
        if found is None:
            found = _compute(embed())
            buffer = io.BytesIO()
            np.savez(buffer, vectors=found[0], mean=found[1])
            write_atomic(path, buffer.getvalue())
        return found


def _path() -> Path:
    pinned = card("mini").files
    versions = [version("timm"), pinned["model.safetensors"], pinned["tokenizer.json"]]
    return cache_dir() / f"mini-labels-{hashlib.sha256('|'.join(versions).encode()).hexdigest()[:24]}.npz"


def _load(path: Path) -> tuple[F32, F32] | None:
    try:
        with np.load(path, allow_pickle=False) as stored:  # zip checks the CRC of each array
            vectors, mean = stored["vectors"], stored["mean"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    if vectors.shape != (_CLASSES, 384) or mean.shape != (384,) or vectors.dtype != np.float32 != mean.dtype:
        return None
    sound = np.isfinite(mean).all() and np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
    return (vectors, mean) if sound else None


def _compute(embed: Callable[[Sequence[str]], F32]) -> tuple[F32, F32]:
    lemmas, definitions = _texts()
    both = embed(lemmas).astype(np.float64) + embed(definitions)
    both /= np.linalg.norm(both, axis=1, keepdims=True)
    mean = both.mean(axis=0)
    centred = both - mean
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    return centred.astype(np.float32), mean.astype(np.float32)


def _texts() -> tuple[list[str], list[str]]:
    info = require("timm.data").ImageNetInfo()
    lemmas = [info.index_to_description(row) for row in range(_CLASSES)]
    detailed = [info.index_to_description(row, detailed=True) for row in range(_CLASSES)]
    return lemmas, [text.removeprefix(f"{names}: ") for names, text in zip(lemmas, detailed, strict=True)]
