"""A question that would narrow a search: which value of a column, where the first hits differ most.

PlugIR (arXiv 2406.03411) takes the first 500 hits in the first round and fewer in each that follows; so do we. The
column is the one whose values have the highest entropy among them: its answer tells most.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Any

__all__ = ["Proposal", "depth", "narrowed", "propose"]

FIRST, LEAST = 500, 50  # hits looked at in the first round, and in any
VALUES = 12  # a question with more answers than that is none
SHARE = 0.5  # of the hits must have a value
SHOWN = 6


@dataclass(frozen=True)
class Proposal:
    """A question, the column it is about, and its answers with their counts, the most frequent first."""

    text: str
    column: str
    answers: tuple[tuple[Any, int], ...]


def depth(turn: int) -> int:
    """How many hits are looked at after so many turns: 500 (1 - (turn - 1) / 10), 50 at least."""
    return max(LEAST, int(FIRST * (1 - (turn - 1) / 10)))


def propose(rows: Sequence[Mapping[str, Any]], asked: Collection[str]) -> Proposal | None:
    """Metadata of the hits -> the best question about a column not yet asked; None where they differ in none."""
    best: tuple[float, str, Counter[Any]] | None = None
    for column in sorted({name for row in rows for name in row} - set(asked)):
        found = Counter(row[column] for row in rows if isinstance(row.get(column), str | int) and row[column] != "")
        known = found.total()
        if not 2 <= len(found) <= VALUES or known < SHARE * len(rows) or len(found) == known:
            continue
        entropy = -sum(count / known * log(count / known) for count in found.values()) * known / len(rows)
        if best is None or entropy > best[0]:
            best = (entropy, column, found)
    if best is None:
        return None
    _, column, found = best
    answers = tuple(sorted(found.items(), key=lambda each: (-each[1], str(each[0]))))
    shown = ", ".join(f"{value} ({count})" for value, count in answers[:SHOWN])
    more = " ..." if len(answers) > SHOWN else ""
    return Proposal(f"Which {column.replace('_', ' ')}? {shown}{more}", column, answers)


def narrowed(proposal: Proposal, answer: str, where: str) -> str | None:
    """The filter that an answer amounts to, with the one that holds; None where it is no value of the column."""
    wanted = answer.strip().casefold()
    for value, _ in proposal.answers:
        if str(value).casefold() == wanted:
            column = proposal.column.replace('"', '""')
            literal = str(int(value)) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"
            return f'({where}) AND "{column}" = {literal}' if where else f'"{column}" = {literal}'
    return None
