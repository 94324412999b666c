"""Composers made by name with the options that suit a model, those inside them as well."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from fieldglass.registry import registry

if TYPE_CHECKING:
    from fieldglass.interfaces import Composer

__all__ = ["made_suited", "suited"]

Defaults = Callable[[str], Mapping[str, Any]]

_DEFAULTS: ContextVar[Defaults | None] = ContextVar("defaults", default=None)


def made_suited(name: str, options: Mapping[str, Any], defaults: Defaults) -> Composer:
    """The composer of that name; `defaults` gives a composer's options with the model, before those given here.

    Composers that it makes in turn, by `suited`, get theirs.
    """
    token = _DEFAULTS.set(defaults)
    try:
        return suited(name, options)
    finally:
        _DEFAULTS.reset(token)


def suited(name: str, options: Mapping[str, Any]) -> Composer:
    """As `made_suited`, with the defaults of the composer that is being made around it, if any."""
    defaults = _DEFAULTS.get()
    made: Composer = registry().create("composers", name, {**(defaults(name) if defaults else {}), **options})
    return made
