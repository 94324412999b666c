"""Countries as a filter."""

from __future__ import annotations

from collections.abc import Sequence

from fieldglass.errors import UsageError

__all__ = ["in_countries"]


def in_countries(codes: Sequence[str]) -> str:
    """SQL that keeps the items whose column `country` is one of these ISO 3166 codes of two letters."""
    wanted = [code.strip().upper() for code in codes]
    for code in wanted:
        if len(code) != 2 or not code.isalpha():
            raise UsageError(f"--country takes a code of two letters, not {code!r}.", hint="IS, DK, NZ: ISO 3166.")
    return "country IN ({})".format(", ".join(f"'{code}'" for code in wanted))
