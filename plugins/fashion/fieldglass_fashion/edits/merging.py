"""The edits of several turns as one: a later turn overrules what it contradicts, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable

from fieldglass_fashion.edits.asked import Edits

__all__ = ["merged"]


def merged(turns: Iterable[Edits]) -> Edits:
    """Oldest first. Turns that do not contradict one another amount to the same in any order, but for its order.

    A later colour stands instead of those before it; what is refused later is no longer wanted, and the other way
    round.
    """
    found = Edits()
    for each in turns:
        away = set(each.refused)
        wanted = tuple(said for said in found.wanted if said not in away)
        refused = tuple(said for said in found.refused if said not in each.wanted)
        colours = () if each.colours else tuple(c for c in found.colours if c not in each.not_colours)
        not_colours = tuple(c for c in found.not_colours if c not in each.colours)
        found = Edits(wanted, refused, colours, not_colours) + each
    return found
