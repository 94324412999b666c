"""What a search gives back for one query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fieldglass.types import Ranking

__all__ = ["Outcome"]


@dataclass(frozen=True)
class Outcome:
    """The hits of one query, best first, with all that a page or a table shows of them.

    `exact` is False where an index or a sample stood in for the whole field. `matched` is the number
    of items that the filters left, None without any. `notes` are sentences for people: which rows the
    calibration saw, which items lacked a field, which index was put aside. `reranker` is "" where none gave the order.
    """

    ranking: Ranking
    metadata: list[dict[str, Any]]
    sources: list[str]
    composer: str
    exact: bool
    elapsed_ms: dict[str, float]
    matched: int | None = None
    notes: tuple[str, ...] = ()
    reranker: str = ""
