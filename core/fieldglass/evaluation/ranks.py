"""Where the relevant items stand in a ranking: the one place where ties, doubles, junk and NaN are decided.

Ranks are 0-based, int64, ascending, and every metric of this package starts from them.

- An id that occurs twice counts at its first place; the second is as if it were not there.
- Junk is taken out before counting, so an item below it moves up (revisited Oxford and Paris).
- A relevant item that was not retrieved has no rank; what that costs is each metric's own affair.
- Scores: equal scores count against the relevant item by default (`ties="against"`), NaN is the last.
- A reference image that is also listed as relevant is the benchmark's error, not corrected here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Literal

import numpy as np

from fieldglass.errors import UsageError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from fieldglass.types import I64

__all__ = ["hit_ranks", "ranks_from_scores"]


def hit_ranks(ids: Iterable[str], relevant: Collection[str], *, junk: Collection[str] = ()) -> I64:
    """0-based ranks of the relevant ids in a ranking (best first), junk and doubles taken out."""
    wanted = relevant if isinstance(relevant, (set, frozenset, dict)) else frozenset(relevant)
    ignored = junk if isinstance(junk, (set, frozenset, dict)) else frozenset(junk)
    order = ids if isinstance(ids, (tuple, list)) else tuple(ids)
    if len(set(order)) != len(order):
        order = tuple(dict.fromkeys(order))
    places = [place for place, name in enumerate(order) if name in wanted and name not in ignored]
    found = np.array(places, dtype=np.int64)
    if ignored and len(found):
        dropped = np.array([place for place, name in enumerate(order) if name in ignored], dtype=np.int64)
        found -= np.searchsorted(dropped, found)
    return found


def ranks_from_scores(
    scores: ArrayLike, relevant: ArrayLike, *, ties: Literal["against", "for", "order"] = "against"
) -> I64:
    """0-based ranks of the relevant rows of (n,) scores, higher is better; `relevant` is (n,) bool.

    :param ties: equal scores count "against" the relevant row (it comes after every irrelevant one), "for" it,
        or keep the "order" of the rows. NaN is below everything, and a tie among NaN.
    """
    if ties not in ("against", "for", "order"):
        raise UsageError(f"ties is 'against', 'for' or 'order', not {ties!r}.")
    values = np.asarray(scores, dtype=np.float64)
    marked = np.asarray(relevant, dtype=np.bool_)
    if values.ndim != 1 or values.shape != marked.shape:
        raise UsageError(f"Scores of shape {values.shape} and marks of shape {marked.shape} do not go together.")
    unknown = np.isnan(values)
    values = np.where(unknown, 0.0, values)
    second = {"against": marked, "for": ~marked, "order": np.zeros(len(values), dtype=np.bool_)}[ties]
    order = np.lexsort((np.arange(len(values)), second, -values, unknown))
    return np.asarray(np.flatnonzero(marked[order]), dtype=np.int64)
