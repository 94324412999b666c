"""Samples in Hounsfield units, grey or colour as 8-bit pictures, by stated windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.errors import UsageError
from fieldglass.types import Accepts, Sample
from fieldglass_medical.pixels import eight_bit, shades, thrice
from fieldglass_medical.windows import parse_window

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["KINDS", "Display", "accepted", "sections"]

KINDS = ("image", "volume", "clip")
_FORMS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("HU",), "HU"), (("L",), "unit"), (("R", "G", "B"), "unit"), (("R", "G", "B"), "srgb8"), (("L",), "srgb8"),
)  # fmt: skip


def accepted(towers: dict[str, str]) -> tuple[Accepts, ...]:
    """Every form that `Display` shows, for the tower of each kind of sample."""
    return tuple(Accepts(tower, kind, bands, units) for kind, tower in towers.items() for bands, units in _FORMS)


def sections(depth: int, count: int) -> NDArray[np.int64]:
    """Numbers of at most `count` slices: the middle of each of `count` equal parts, all of fewer."""
    if depth <= count:
        return np.arange(depth)
    return np.asarray(((np.arange(count) + 0.5) * depth / count).astype(np.int64))


@dataclass(frozen=True)
class Display:
    """How Hounsfield units become a picture.

    `window` is a preset or "centre,width", or three of them with "/" between: red, green and blue then are three
    windows of one slice ("lung/soft/bone"). Grey in "unit" is 0..1 already windowed, and colour stays as it is.
    """

    window: str = "lung/soft/bone"

    def __post_init__(self) -> None:
        if len(self._windows()) not in (1, 3):
            raise UsageError(f"window={self.window!r} names {len(self._windows())} windows.", hint="Name one or three.")

    def __call__(self, sample: Sample, encoder: str) -> NDArray[np.uint8]:
        """(H, W, 3) of an image, (D, H, W, 3) of a volume or clip, uint8. UsageError for what cannot be shown."""
        self.check(sample, encoder)
        return self.render(sample.content, sample.units, sample.mask)

    def check(self, sample: Sample, encoder: str) -> None:
        """UsageError where the sample is not one that can be shown."""
        if sample.kind not in KINDS or (tuple(sample.bands), sample.units) not in _FORMS:
            raise UsageError(
                f"{encoder} takes images, volumes and clips in HU, unit or srgb8, not {sample.kind} of bands "
                f"{', '.join(sample.bands)} in {sample.units}."
            )
        content, axes = sample.content, 3 if sample.kind == "image" else 4
        if content.ndim != axes or 0 in content.shape or content.shape[-1] != len(sample.bands):
            raise UsageError(f"{encoder} takes a {sample.kind} of {axes} axes, bands last, not {content.shape}.")

    def render(self, values: NDArray[Any], units: str, mask: NDArray[np.bool_] | None) -> NDArray[np.uint8]:
        """(..., 1 or 3) values -> (..., 3) uint8; what the mask leaves out, and NaN, is black."""
        if units == "srgb8":
            bands = [np.asarray(values[..., band], dtype=np.uint8) for band in range(values.shape[-1])]
        elif units == "HU":
            finite = np.fmin(np.fmax(np.asarray(values[..., 0], dtype=np.float32), -32768), 65535)  # NaN is lowest
            bands = [shades(finite, *each) for each in self._windows()]
        else:
            numbers = np.nan_to_num(np.asarray(values, dtype=np.float32), nan=0.0)
            bands = [eight_bit(np.clip(numbers[..., band], 0, 1)) for band in range(values.shape[-1])]
        return thrice(*(each if mask is None else np.where(mask, each, np.uint8(0)) for each in bands))

    def _windows(self) -> list[tuple[float, float]]:
        return [parse_window(each) for each in self.window.split("/")]
