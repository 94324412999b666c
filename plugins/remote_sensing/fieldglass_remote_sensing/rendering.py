"""Samples in physical units to pictures for encoders of photographs, by a rule that is stated and fingerprinted."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fieldglass.errors import UsageError
from fieldglass.types import Accepts
from fieldglass_remote_sensing.indices import roles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass.types import F32, Sample

__all__ = ["UNITS", "Rendering"]

# Units of the samples that become a picture; "srgb8" is one already.
UNITS: tuple[Accepts, ...] = (
    Accepts("image", "image"),
    Accepts("image", "image", ("B04", "B03", "B02"), "reflectance"),
    Accepts("image", "image", ("VV", "VH"), "dB"),
    Accepts("image", "image", ("R", "G", "B", "NIR"), "unit"),
)
_RADAR = (("VV", "VH"), ("HH", "HV"))
_LIMITS = ((-25.0, 0.0), (-32.0, -5.0), (0.0, 15.0))  # dB: co-polarised, cross-polarised, their difference
_SINGLE = (-30.0, 0.0)  # dB
_LEAST_RANGE = 0.02  # of full scale: what varies less is noise, and is not stretched


@dataclass(frozen=True)
class Rendering:
    """How bands become red, green and blue.

    Optical: red, green, blue; without a blue band the false colour near infrared, red, green; else the first
    band in grey. "gain" is clip(gain * reflectance, 0, 1); "percentile" maps the 2nd to the 98th percentile of the
    valid pixels of each band to 0..1, and is always used for "unit", whose full scale is not known. Radar:
    co-polarised -25..0 dB, cross-polarised -32..-5 dB and their difference 0..15 dB. No-data takes the mean colour.
    """

    rendering: Literal["gain", "percentile"] = "gain"
    gain: float = 3.0

    def __post_init__(self) -> None:
        if self.rendering not in ("gain", "percentile"):
            raise UsageError(f"rendering {self.rendering!r} is not known.", hint="Use gain or percentile.")
        if not 0 < self.gain < 1000:
            raise UsageError(f"gain={self.gain} is not a factor of reflectance.", hint="Usual ones are 2.5 to 3.5.")

    def settings(self) -> dict[str, Any]:
        """For fingerprints."""
        return asdict(self) | {"radar_dB": _LIMITS, "percentiles": (2, 98), "least": _LEAST_RANGE, "no_data": "mean"}

    def __call__(self, sample: Sample, encoder: str) -> Sample:
        """The sample as an "srgb8" picture (H, W, 3) uint8; a grey or RGB one stays as it is."""
        if sample.kind != "image" or sample.units not in {each.units for each in UNITS}:
            raise UsageError(
                f"{encoder} takes images in {', '.join(each.units for each in UNITS)}, "
                f"not {sample.kind} in {sample.units}."
            )
        if sample.units == "srgb8" and sample.content.shape[-1] in (1, 3):
            return sample
        if sample.content.ndim != 3 or 0 in sample.content.shape or sample.content.shape[2] != len(sample.bands):
            raise UsageError(
                f"{encoder} takes (H, W, bands), not {sample.content.shape} with bands {', '.join(sample.bands)}."
            )
        valid = np.isfinite(sample.content).all(axis=-1)
        if sample.mask is not None:
            valid &= sample.mask
        scaled = _radar(sample) if sample.units == "dB" else self._optical(sample, valid)
        picture = np.asarray(np.clip(np.nan_to_num(scaled), 0, 1) * 255 + 0.5, dtype=np.uint8)
        if not valid.all():
            picture[~valid] = picture[valid].mean(axis=0) if valid.any() else 0
        return replace(sample, content=picture, bands=("R", "G", "B"), units="srgb8")

    def _optical(self, sample: Sample, valid: NDArray[np.bool_]) -> F32:
        found = roles(sample)
        wanted = next((each for each in ("RGB", "NRG") if set(each) <= set(found)), None)
        chosen = [found[role] for role in wanted] if wanted else [sample.content[..., 0].astype(np.float32)] * 3
        bands = np.stack(chosen, axis=-1)
        if sample.units == "srgb8":
            return np.asarray(bands / 255, dtype=np.float32)
        if self.rendering == "gain" and sample.units == "reflectance":
            return np.asarray(bands * self.gain, dtype=np.float32)
        if not valid.any():
            return np.zeros_like(bands)
        low, high = np.percentile(bands[valid], (2, 98), axis=0).astype(np.float32)
        full = 1.0 if sample.units == "reflectance" else max(float(np.abs(high).max()), 1e-12)
        spread = np.maximum(high - low, _LEAST_RANGE * full)
        return np.asarray((bands - (low + high - spread) / 2) / spread, dtype=np.float32)


def _radar(sample: Sample) -> F32:
    for pair in _RADAR:
        if set(pair) <= set(sample.bands):
            co, cross = (sample.content[..., sample.bands.index(band)].astype(np.float32) for band in pair)
            channels = zip((co, cross, co - cross), _LIMITS, strict=True)
            return np.stack([(values - low) / (high - low) for values, (low, high) in channels], axis=-1)
    low, high = _SINGLE
    grey = (sample.content[..., 0].astype(np.float32) - low) / (high - low)
    return np.stack([grey] * 3, axis=-1)
