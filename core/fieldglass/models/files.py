"""Weight files as an encoder is given them: a path, a folder, or `hf:ORG/REPO/FILE` of the hub's cache."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fieldglass.errors import UsageError, WeightsMissingError
from fieldglass.models.card_files import cards
from fieldglass.models.hub import Part, find

__all__ = ["hub_parts", "kept_name", "weight_file"]

_HUB = "hf:"


def hub_parts(options: Mapping[str, Any]) -> tuple[Part, ...]:
    """The files of the hub that a checkpoint's options name, in their order."""
    return tuple(_part(str(value)) for value in options.values() if str(value).startswith(_HUB))


def weight_file(given: str, encoder: str, names: tuple[str, ...] = ()) -> Path:
    """The file itself; of a folder the first of `names` that it holds. WeightsMissingError says how to get it.

    Nothing is downloaded.
    """
    if given.startswith(_HUB):
        known = [each.name for each in cards().values() if each.family == encoder and given in each.options.values()]
        return find(_part(given), known[0] if known else given, known[0] if known else given)
    path = Path(given).expanduser().absolute()
    if path.is_dir():
        inside = [path / name for name in names if (path / name).is_file()]
        if not inside:
            raise WeightsMissingError(f"{path} holds none of {', '.join(names) or 'the files that are looked for'}.")
        path = inside[0]
    if not path.is_file():
        raise WeightsMissingError(f"There is no weight file {path}.")
    return path


def _part(given: str) -> Part:
    pieces = given.removeprefix(_HUB).split("/", 2)
    if len(pieces) != 3 or not all(pieces) or ".." in pieces[2].split("/"):
        raise UsageError(f"{given!r} names no file of the hub.", hint="Write hf:ORG/REPO/FILE.")
    return Part("/".join(pieces[:2]), (pieces[2],))


def kept_name(given: object, path: Path) -> str:
    """What a collection keeps of weights: their name on the hub as it was given, else where the file was found."""
    return str(given) if str(given).startswith(_HUB) else str(path)
