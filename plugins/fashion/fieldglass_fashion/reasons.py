"""Why a product is a hit, in words that a shop's visitor understands."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fieldglass.search.explain import Explanation, Part

__all__ = ["reason"]

_WEAK = 0.6  # of all items are less alike: less than that is no reason


def reason(found: Explanation) -> str:
    """One sentence from what each part of the query gave to the score."""
    said = [_part(part) for part in found.parts]
    told = [each for each in said if each]
    if len(found.parts) == 1 and not told:
        return f"{_name(found.parts[0].label)}: similarity {found.parts[0].score:.2f}"
    return "; ".join(told) or "a little of each part of the query"


def _part(part: Part) -> str:
    if not part.present:
        return f"{_name(part.label)}: unknown"
    if part.calibrated is None:
        return ""
    if part.weight < 0:
        return f"unlike {_name(part.label)}" if part.calibrated < 1 - _WEAK else ""
    if part.calibrated < _WEAK:
        return f"less by {_name(part.label)}"
    share = 100 * part.calibrated
    return f"{_name(part.label)}: nearer than {f'{share:.1f}' if share >= 99 else f'{share:.0f}'} % of the shop"


def _name(label: str) -> str:
    return label.strip() or "the query"
