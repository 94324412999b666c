"""Is a checkpoint what it should be: its hash, its tensors, and a picture and a sentence through it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fieldglass.errors import WeightsError, WeightsMissingError
from fieldglass.models.cache import sha256_of
from fieldglass.models.card_files import cards
from fieldglass.models.local import files
from fieldglass.models.sources import parse

if TYPE_CHECKING:
    from fieldglass.interfaces import Encoder

__all__ = ["Check", "verify"]


_RANGES = {"srgb8": (0.0, 255.0), "dB": (-30.0, 5.0), "HU": (-1000.0, 1500.0)}


@dataclass(frozen=True)
class Check:
    """One thing that was found to be right."""

    what: str
    found: str


def verify(name: str, options: Mapping[str, Any] | None = None) -> Iterator[Check]:
    """Check a checkpoint by name, or a weight file by path with its encoder's options; WeightsError at the first fault.

    Every byte is read, whatever the cache remembers.
    """
    path = Path(name).expanduser()
    if path.exists():
        encoder, chosen = _family_of(path, options or {}), {**(options or {}), "weights": str(path)}
        chosen.pop("encoder", None)
        found = [path] if path.is_file() else []
    else:
        encoder, chosen = parse(name)
        found = files(name)
    pinned = cards()[name].files if name in cards() else {}
    for each in found:
        yield Check(each.name, f"sha256 {_hash(each, pinned.get(each.name, ''))}")
    yield from _probe(encoder, chosen)


def _family_of(path: Path, options: Mapping[str, Any]) -> str:
    folder = path if path.is_dir() else path.parent
    if options.get("encoder"):
        return str(options["encoder"])
    beside_timm = (folder / "config.json").is_file() and not (folder / "open_clip_config.json").is_file()
    return "timm" if beside_timm else "open_clip"


def _hash(path: Path, pinned: str) -> str:
    found = sha256_of(path, fresh=True)
    blob = path.resolve().name
    expected = pinned or (blob if len(blob) == 64 and set(blob) <= set("0123456789abcdef") else "")
    if expected and found != expected:
        raise WeightsError(f"{path} has sha256 {found}, not {expected}.", hint="Fetch or install it again.")
    return f"{found[:16]}... {'as stated' if expected else '(nothing to compare with)'}"


def _probe(encoder: str, options: Mapping[str, Any]) -> Iterator[Check]:
    import numpy as np

    from fieldglass.encoders import encode
    from fieldglass.registry import registry
    from fieldglass.types import Sample

    model: Encoder = registry().create("encoders", encoder, {**options, "device": "cpu", "precision": "fp32"})
    noise = np.random.default_rng(0)
    for accepts in model.accepts:
        low, high = _RANGES.get(accepts.units, (0.0, 1.0))
        shape = (*((4,) if accepts.kind in ("volume", "clip") else ()), 96, 128, len(accepts.bands))
        pixels = noise.uniform(low, high, shape).astype(np.uint8 if accepts.units == "srgb8" else np.float32)
        content = {"text": "a photograph", "place": (52.5, 13.4)}.get(accepts.kind, pixels)
        sample = Sample(accepts.kind, content, accepts.bands, accepts.units)  # type: ignore[arg-type]
        try:
            vector = encode(model, [model.prepare(sample)])
        except WeightsMissingError as error:  # a tower that its encoder does without, such as geo/geoclip's photos
            yield Check(sample.kind, f"not checked: {error} {error.hint}")
            continue
        norm = float(np.linalg.norm(vector[0, 0]))
        if abs(norm - 1) > 1e-3:
            raise WeightsError(f"{encoder} gives a vector of norm {norm:.3g} for a {sample.kind}.")
        units = f" in {accepts.units}" if accepts.kind != "text" and accepts.units != "srgb8" else ""
        yield Check(f"{sample.kind}{units}", f"{model.rows} x {model.dim} numbers, finite, of norm 1")
    yield Check("fingerprint", model.fingerprint)
