"""What an endpoint answered, taken from the protocol's JSON."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

__all__ = ["Answer", "read_answer", "read_reason"]

_THOUGHT = re.compile(r"\A\s*<think>.*?(?:</think>|\Z)", re.DOTALL)


@dataclass(frozen=True)
class Answer:
    """`text` without the model's thinking; the tokens that were paid for it; whether it was cut off, or kept here."""

    text: str
    tokens_in: int = 0
    tokens_out: int = 0
    truncated: bool = False
    kept: bool = False


def read_answer(content: bytes) -> Answer:
    """ValueError where it is not an answer of the protocol."""
    try:
        found = json.loads(content)
        choice = found["choices"][0]
        said = choice["message"]["content"]
    except (ValueError, LookupError, TypeError, RecursionError):
        raise ValueError("an answer that is not a chat completion") from None
    if isinstance(said, list):
        said = "".join(str(part.get("text") or "") for part in said if isinstance(part, dict))
    if said is not None and not isinstance(said, str):
        raise ValueError("an answer whose content is no text")
    usage = found.get("usage") if isinstance(found, dict) else None
    counts = usage if isinstance(usage, dict) else {}
    return Answer(
        _THOUGHT.sub("", said or "").strip(),
        _count(counts.get("prompt_tokens")),
        _count(counts.get("completion_tokens")),
        choice.get("finish_reason") == "length",
    )


def read_reason(content: bytes, secret: str) -> str:
    """What the endpoint says of an error, on one line of at most 300 letters, without the key."""
    try:
        found = json.loads(content)
        said = found.get("error", found.get("detail", found.get("message", "")))
        said = said.get("message", "") if isinstance(said, dict) else said
    except (ValueError, AttributeError, RecursionError):
        said = ""
    text = said if isinstance(said, str) else ""
    text = text.replace(secret, "***") if secret else text
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:300]


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 40 else 0
