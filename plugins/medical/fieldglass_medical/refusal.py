"""Why a file is not taken: raised below the loader, a row of the journal above it."""

from __future__ import annotations

__all__ = ["Refusal"]


class Refusal(Exception):
    """A stable code and a sentence. The sentence never quotes a tag, a file name or another error's text."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
