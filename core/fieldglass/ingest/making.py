"""Makes what an ingest needs from names and options: the loader, the field, the name of a source."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fieldglass.errors import LoaderError
from fieldglass.ingest.shown import Shown
from fieldglass.options import options_of
from fieldglass.registry import registry
from fieldglass.store import Field, Source

if TYPE_CHECKING:
    from fieldglass.interfaces import Encoder

__all__ = ["concealed", "field_of", "make_loader", "source_name", "source_root"]


def make_loader(name: str, options: Mapping[str, Any], encoder: Encoder) -> Shown:
    """The loader of that name, for that encoder.

    Its option `pixels`, where it has one and it is not given, is the encoder's; what the encoder does not take is
    given as the loader shows it.
    """
    chosen = dict(options)
    if "pixels" not in chosen and "pixels" in options_of(registry().factory("loaders", name)):
        pixels = getattr(encoder, "pixels", 0)
        if pixels:
            chosen["pixels"] = int(pixels)
    return Shown(registry().create("loaders", name, chosen), encoder)


def concealed(source: Source, root: Path) -> Path:
    """What a collection keeps for a new root of a source: the root, unless it is kept beside a key."""
    if source.root.is_absolute():
        return root
    kept: Path = registry().create("loaders", source.loader, dict(source.options)).conceal(root)
    return kept


def field_of(
    name: str, encoder: Encoder, encoder_name: str, options: Mapping[str, Any], *, origin: str = "sample"
) -> Field:
    """The field that holds the vectors of an encoder; `encoder_name` and options make it again."""
    return Field(
        name,
        encoder_name,
        dict(options) | dict(getattr(encoder, "options", {})),
        encoder.fingerprint,
        encoder.dim,
        encoder.rows,
        encoder.dtype,
        "max" if encoder.rows > 1 else "none",
        origin,
    )


def source_root(path: str | os.PathLike[str]) -> Path:
    """The absolute, resolved path of a source. LoaderError where there is nothing."""
    root = Path(path)
    try:
        return root.resolve(strict=True)
    except FileNotFoundError:
        raise LoaderError(f"There is no folder or file {str(root)!r}.", hint="Check the path and its drive.") from None
    except (OSError, RuntimeError) as error:
        raise LoaderError(f"{str(root)!r} cannot be opened: {error}.") from error


def source_name(root: Path, sources: Mapping[str, Source]) -> str:
    """The name that this root already has, or a new one from its last part."""
    for source in sources.values():
        if source.root == root:
            return source.name
    wanted = "".join(each if each.isprintable() and each != "/" else "_" for each in root.name) or "root"
    wanted = wanted.encode("utf-8", "replace").decode()
    name, number = wanted, 2
    while name in sources:
        name, number = f"{wanted}-{number}", number + 1
    return name
