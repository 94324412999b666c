"""Normalised modified retrieval rank of one query: the ANMRR of remote sensing, from MPEG-7."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldglass.errors import UsageError

if TYPE_CHECKING:
    from fieldglass.types import I64

__all__ = ["nmrr"]


def nmrr(ranks: I64, positives: int, *, window: float = 2.0) -> float:
    """0 where all relevant items come first, 1 where none is within the window; ANMRR is its mean over queries.

    With NG positives and K = window * NG, a 1-based rank above K counts as 1.25 K; AVR is the mean of these ranks over
    the NG positives, retrieved or not, and NMRR = (AVR - (1 + NG) / 2) / (1.25 K - (1 + NG) / 2) (MPEG-7, Manjunath
    et al. 2001). K is 2 NG in remote sensing (PatternNet, Zhou et al. 2018).

    :param ranks: 0-based and ascending, of `hit_ranks`. Without positives the rank is 0. UsageError for a window
        below 1, or more ranks than positives.
    """
    if window < 1:
        raise UsageError(f"window={window} must be 1 or more, or perfect answers would be punished.")
    if len(ranks) > positives:
        raise UsageError(f"{len(ranks)} relevant items were retrieved, of {positives} that there are.")
    if not positives:
        return 0.0
    last = window * positives
    late = 1.25 * last
    within = ranks[ranks + 1 <= last] + 1.0
    average = (float(within.sum()) + late * (positives - len(within))) / positives
    least = (1 + positives) / 2
    return (average - least) / (late - least)
