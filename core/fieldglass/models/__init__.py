"""Models are data: a card (TOML) per checkpoint, from the core and from every plugin's `cards/` folder."""

from __future__ import annotations

from fieldglass.models.card_files import card, cards, composer_defaults

__all__ = ["card", "cards", "composer_defaults"]
