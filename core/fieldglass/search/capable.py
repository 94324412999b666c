"""Refuses a composer that asks more of an encoder than it can, and says which encoders can."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fieldglass.encoders import capabilities
from fieldglass.errors import QueryError
from fieldglass.registry import registry

if TYPE_CHECKING:
    from fieldglass.interfaces import Composer, Encoder

__all__ = ["check_capable"]


def check_capable(name: str, composer: Composer, encoder: Encoder) -> None:
    """QueryError that names what lacks, the installed encoders that have it, and the plugins that did not load."""
    lacking = composer.requires - capabilities(encoder)
    if not lacking:
        return
    known = registry()
    able = [offer.name for offer in known.offers("encoders").values() if composer.requires <= offer.provides]
    broken = [plugin.name for plugin in known.plugins if plugin.broken]
    has = f"Encoders that have it: {', '.join(able)}; index with one." if able else "No installed encoder has it."
    raise QueryError(
        f"The composer {name!r} needs {', '.join(sorted(lacking))}, which {encoder.name} has not.",
        hint=has + (f" (Not loaded: {', '.join(broken)}; see `fieldglass doctor`.)" if broken else ""),
    )
