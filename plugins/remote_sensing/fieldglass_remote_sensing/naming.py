"""What the bands of a raster are called, and what its numbers mean."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from rasterio.enums import ColorInterp

from fieldglass_remote_sensing.choices import Choices
from fieldglass_remote_sensing.radiometry import (
    Decibels,
    Numbers,
    Photograph,
    Radiometry,
    Reflectance,
    Units,
    s2_offset_of,
)
from fieldglass_remote_sensing.scenes import Layer, SceneError
from fieldglass_remote_sensing.sensors import Guess, canonical, guess, ordered, scheme_of, sensor_of_scheme
from fieldglass_remote_sensing.settling import S1Open, S2Open

__all__ = ["named_bands", "radiometry_of", "settled_sensor"]

_RGB = ("R", "G", "B")
_COLOURS = {ColorInterp.red: "R", ColorInterp.green: "G", ColorInterp.blue: "B", ColorInterp.gray: "L"}
_UNCLEAR = (4, 10, 12, 13)  # counts that several sensors and orders have
_LANDSAT_SCALE, _LANDSAT_OFFSET = 0.0000275, -0.2  # Collection 2 surface reflectance


def named_bands(
    raster: Any, kept: Sequence[int], id: str, tags: Mapping[str, str], choices: Choices
) -> tuple[tuple[str, ...], Guess]:
    """Names of the bands in the order of the file, and the sensor. SceneError where a guess would be needed."""
    if choices.bands:
        if len(choices.bands) == 1 and (scheme := scheme_of(choices.bands[0], len(kept))):
            found = settled_sensor(guess(id, scheme, tags), choices, sensor_of_scheme(choices.bands[0]))
            return scheme, found
        if len(choices.bands) != len(kept):
            said = f"bands={','.join(choices.bands)} names {len(choices.bands)}, the file has {len(kept)}."
            raise SceneError("scene-bands", said)
        found = settled_sensor(guess(id, choices.bands, tags), choices)
        return tuple(canonical(band, found.sensor) for band in choices.bands), found
    told = _told(raster, kept, "unknown")
    found = settled_sensor(guess(id, told or (), tags), choices)
    if told is not None:
        return _told(raster, kept, found.sensor) or told, found
    scheme = scheme_of(choices.sensor if choices.sensor != "auto" else found.sensor, len(kept))
    if scheme:
        return scheme, found
    if len(kept) in _UNCLEAR:
        raise SceneError(
            "scene-bands",
            f"Its {len(kept)} bands have no names, and sensors differ in their order: "
            "say --set sensor=sentinel-2-l2a, or --set bands=B02,B03,...",
        )
    return tuple(str(n) for n in kept), found


def _told(raster: Any, kept: Sequence[int], sensor: str) -> tuple[str, ...] | None:
    """Names that the file itself gives: the descriptions where they differ, else the colours."""
    described = [canonical(raster.descriptions[n - 1] or "", sensor) for n in kept]
    if all(described) and len(set(described)) == len(kept):
        return tuple(described)
    colours = [_COLOURS.get(raster.colorinterp[n - 1]) for n in kept]
    if set(colours) in (set(_RGB), {"L"}) and len(set(colours)) == len(kept):
        return tuple(str(colour) for colour in colours)
    if set(_RGB) <= set(colours) and len(set(filter(None, colours))) == 3:
        names = [
            colour or described[place] or str(n) for place, (n, colour) in enumerate(zip(kept, colours, strict=True))
        ]
        return tuple(names) if len(set(names)) == len(names) else None
    return None


def settled_sensor(found: Guess, choices: Choices, scheme: str = "") -> Guess:
    """The guess, unless the user says another."""
    if choices.sensor not in ("auto", "unknown"):
        return replace(found, sensor=sensor_of_scheme(choices.sensor), reason=f"--set sensor={choices.sensor}")
    if scheme and found.sensor == "unknown":
        return replace(found, sensor=scheme, reason=f"--set bands={','.join(choices.bands)}")
    return found


def radiometry_of(
    layer: Layer,
    bands: tuple[str, ...],
    dtype: str,
    found: Guess,
    id: str,
    tags: Mapping[str, str],
    choices: Choices,
    *,
    palette: bool = False,
) -> tuple[Radiometry, Layer, tuple[str, ...]]:
    """How to convert, the layer with its bands in the order of the samples, and that order."""
    if palette:
        return Photograph(), layer, bands
    if dtype == "uint8" and set(bands) == set(_RGB):
        return Photograph(), _in_order(layer, bands, _RGB), _RGB
    wanted = ordered(bands, found.sensor)
    layer = _in_order(layer, bands, wanted)
    plain = set(layer.scales) <= {1.0} and set(layer.offsets) <= {0.0}
    if found.sensor.startswith("sentinel-2") and dtype != "uint8":
        if not plain:
            if len(set(layer.scales)) > 1:
                return Reflectance((0.0,), 1.0), layer, wanted
            offsets = tuple(offset / layer.scales[0] for offset in layer.offsets)
            return Reflectance(offsets, 1 / layer.scales[0]), replace(layer, scales=(), offsets=()), wanted
        return _s2(found, id, tags, choices, dtype), layer, wanted
    if found.sensor == "sentinel-1-grd":
        return (S1Open() if choices.s1_units == "auto" else Decibels(cast("Units", choices.s1_units))), layer, wanted
    if found.sensor.startswith("landsat-") and re.search(r"_L2S[PR]_", id) and dtype == "uint16" and plain:
        return Reflectance((_LANDSAT_OFFSET / _LANDSAT_SCALE,), 1 / _LANDSAT_SCALE), layer, wanted
    return Numbers(), layer, wanted


def _s2(found: Guess, id: str, tags: Mapping[str, str], choices: Choices, dtype: str) -> Radiometry:
    if choices.s2_offset != "auto":
        offset: float | None = float(choices.s2_offset)
    else:
        baseline = found.baseline or tags.get("PROCESSING_BASELINE") or tags.get("s2:processing_baseline")
        offset = s2_offset_of(baseline)
    if offset is None or dtype.startswith("float"):  # which may be reflectance already
        return S2Open(date=found.date, offset=offset)
    return Reflectance((offset,))


def _in_order(layer: Layer, bands: Sequence[str], wanted: Sequence[str]) -> Layer:
    places = [list(bands).index(band) for band in wanted]
    return replace(
        layer,
        indexes=tuple(layer.indexes[place] for place in places),
        bands=tuple(wanted),
        scales=tuple(layer.scales[place] for place in places),
        offsets=tuple(layer.offsets[place] for place in places),
    )
