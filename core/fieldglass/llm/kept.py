"""Answers kept on disk, by what was asked: the address, the model, every word and every picture. Never by the key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from fieldglass.llm.answers import Answer
from fieldglass.models.cache import cache_dir, write_atomic

__all__ = ["digest", "folder", "forget", "keep", "known", "size"]

_VERSION = 1


def folder() -> Path:
    """Where they lie; it need not exist."""
    return cache_dir() / "llm"


def digest(url: str, body: Mapping[str, Any]) -> str:
    """The name of a question."""
    text = json.dumps([_VERSION, url, body], sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def known(name: str) -> Answer | None:
    """The answer of that name; None where there is none, or where its file is not whole."""
    try:
        found = json.loads(_path(name).read_text("utf-8"))
        text, tokens = found["text"], (found["tokens_in"], found["tokens_out"])
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    if not isinstance(text, str) or not all(isinstance(each, int) for each in tokens):
        return None
    return Answer(text, *tokens, kept=True)


def keep(name: str, answer: Answer) -> None:
    """Write it whole or not at all, for this user alone."""
    content = asdict(replace(answer, kept=False))
    write_atomic(_path(name), json.dumps(content, ensure_ascii=False).encode("utf-8", "replace"))


def size() -> tuple[int, int]:
    """How many answers are kept, and their bytes."""
    sizes = [path.stat().st_size for path in _files()]
    return len(sizes), sum(sizes)


def forget() -> int:
    """Remove them all; how many there were."""
    count = 0
    for path in list(_files()):
        path.unlink(missing_ok=True)
        count += 1
    return count


def _files() -> Iterator[Path]:
    return folder().glob("??/*.json")


def _path(name: str) -> Path:
    return folder() / name[:2] / f"{name}.json"
