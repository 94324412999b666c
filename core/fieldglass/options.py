"""Turns the strings after `--set name=value` into the typed keyword options of a factory."""

from __future__ import annotations

import difflib
import inspect
import numbers
import os
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

from fieldglass.errors import UsageError

__all__ = ["coerce", "completed", "options_of", "parse"]


def parse(pairs: tuple[str, ...], flag: str = "--set") -> dict[str, str]:
    """("a=1", "b=x") -> {"a": "1", "b": "x"}; UsageError, which names the flag, without the equals sign."""
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"{flag} takes name=value, not {pair!r}.")
        found[name.strip().replace("-", "_")] = value
    return found


def options_of(factory: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """The keyword parameters of a factory."""
    kinds = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    found = inspect.signature(factory).parameters
    return {name: parameter for name, parameter in found.items() if parameter.kind in kinds}


def completed(factory: Callable[..., Any], owner: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """All options that a factory is called with: those given, typed as by `coerce`, and its defaults."""
    defaults = {name: each.default for name, each in options_of(factory).items() if each.default is not each.empty}
    return {**defaults, **coerce(factory, owner, options)}


def coerce(factory: Callable[..., Any], owner: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a factory, strings turned into the types of its signature, other values checked against them.

    UsageError names an option that the factory does not have, or a value of another type.
    """
    known = options_of(factory)
    hints = typing.get_type_hints(factory if inspect.isfunction(factory) else factory.__init__)
    typed = {}
    for name, value in options.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            help_ = f"Did you mean {near[0]!r}?" if near else f"It has: {', '.join(known) or 'none'}."
            raise UsageError(f"{owner!r} has no option {name!r}.", hint=help_)
        hint = hints.get(name, Any)
        try:
            typed[name] = _convert(value, hint) if isinstance(value, str) else _checked(value, hint)
        except ValueError:
            wanted = hint.__name__ if isinstance(hint, type) else hint
            raise UsageError(f"{owner!r}: {name}={value!r} is not a {wanted}.") from None
    return typed


def _convert(value: str, hint: Any) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if type(None) in arguments and value.lower() in ("", "none"):
            return None
        return _convert(value, next(each for each in arguments if each is not type(None)))
    if origin is typing.Literal:
        if value not in arguments:
            raise ValueError(value)
        return value
    if origin in (tuple, list):
        return origin(_convert(part.strip(), arguments[0]) for part in value.split(",") if part.strip())
    if hint is bool:
        lowered = value.lower()
        if lowered not in ("1", "0", "true", "false", "yes", "no", "on", "off"):
            raise ValueError(value)
        return lowered in ("1", "true", "yes", "on")
    if hint in (int, float):
        return hint(value)
    return value


def _checked(value: Any, hint: Any) -> Any:
    """A value from a file or from Python as it is; ValueError where it is of another kind than a plain hint."""
    if not _fits(value, hint):
        raise ValueError(value)
    return value


def _fits(value: Any, hint: Any) -> bool:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, each) for each in arguments)
    if origin is typing.Literal:
        return any(value == each for each in arguments)
    if origin in (tuple, list):
        return isinstance(value, (tuple, list)) and all(_fits(each, arguments[0]) for each in value)
    if hint in (int, float):
        return isinstance(value, numbers.Integral if hint is int else numbers.Real) and not isinstance(value, bool)
    if hint in (bool, str, type(None)):
        return isinstance(value, (str, os.PathLike) if hint is str else hint)
    return True  # an object: its factory knows
