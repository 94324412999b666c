"""What a collection keeps of an encoder that is made from one file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fieldglass.encoders.device import Placement
from fieldglass.encoders.fingerprint import fingerprint
from fieldglass.models.cache import sha256_of
from fieldglass.models.files import kept_name

__all__ = ["kept"]


def kept(
    name: str, weights: str, path: Path, placement: Placement, options: Mapping[str, Any], **parts: Any
) -> tuple[str, Mapping[str, Any]]:
    """The fingerprint of an encoder, and the options that make it again, without texts that are empty.

    `weights` is how the file at `path` was asked for; `parts` are what tells its vectors from others besides the file
    and the precision.
    """
    made_of = fingerprint(name, weights=sha256_of(path), precision=placement.precision, version=1, **parts)
    asked = {option: value for option, value in options.items() if value != ""}
    return made_of, {"weights": kept_name(weights, path), **asked, "precision": placement.precision}
