"""Folders with one file per band: Landsat, BigEarthNet, and Sentinel-2 as clouds distribute it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from fieldglass_remote_sensing.choices import Choices
from fieldglass_remote_sensing.naming import radiometry_of, settled_sensor
from fieldglass_remote_sensing.rasters import DRIVERS
from fieldglass_remote_sensing.scenes import Layer, Scene, SceneError
from fieldglass_remote_sensing.sensors import canonical, guess, ordered
from fieldglass_remote_sensing.stacking import Part, in_order, stack

__all__ = ["band_groups", "describe_bands", "joint"]

_FILE = re.compile(
    r"(?P<stem>.*?)(?:^|[_.-])(?P<band>(?:SR_)?B\d{1,2}A?|SCL|VV|VH)(?:[_-](?P<metres>10|20|60)m)?"
    r"\.(?P<suffix>tif|tiff|jp2)",
    re.IGNORECASE,
)


def band_groups(names: Sequence[str]) -> dict[str, list[str]]:
    """Scene id -> its band files, where a folder has several files that differ in the band alone."""
    groups: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for name in names:
        path = PurePosixPath(name)
        match = _FILE.fullmatch(path.name)
        if match:
            folder = "" if str(path.parent) == "." else str(path.parent)
            groups.setdefault((folder, match["stem"]), []).append((match["band"].upper(), name))
    found = {}
    for (folder, stem), files in groups.items():
        if len({band for band, _ in files}) >= 2 and {band for band, _ in files} != {"SCL"}:
            found["/".join(each for each in (folder, stem) if each) or "bands"] = [name for _, name in files]
    return found


def describe_bands(id: str, names: Sequence[str], base: Path, choices: Choices) -> Scene:
    """The scene of such files. SceneError where they do not cover the same ground."""
    chosen: dict[str, tuple[int, str]] = {}
    for name in names:
        match = _FILE.fullmatch(PurePosixPath(name).name)
        if match is None:
            raise SceneError("scene-bands", f"{name} names no band.")
        metres = int(match["metres"] or 0)
        band = match["band"].upper()
        if band not in chosen or metres < chosen[band][0]:
            chosen[band] = metres, name
    first = guess(names[0]).sensor
    if first.startswith("landsat-"):  # panchromatic and thermal bands are no part of the image
        chosen = {band: found for band, found in chosen.items() if canonical(band, first) != band}
    parts = [
        Part(
            name,
            DRIVERS[PurePosixPath(name).suffix.lower()],
            canonical(band, first),
            "classes" if band == "SCL" else "image",
        )
        for band, (_, name) in sorted(chosen.items())
    ]
    made = stack(parts, base, choices)
    images = tuple(part.band for part in parts if part.role == "image")
    found = settled_sensor(guess(parts[0].file, images, made.tags), choices)
    bands = ordered(images, found.sensor)
    layers = in_order(made.layers, bands)
    whole = joint([layer for layer in layers if layer.role == "image"])
    radiometry, settled, _ = radiometry_of(whole, bands, made.dtype, found, parts[0].file, made.tags, choices)
    if not settled.scales:  # the radiometry has taken them over
        layers = tuple(replace(layer, scales=(1.0,), offsets=(0.0,)) for layer in layers)
    metadata = {"date": found.date, "platform": found.platform, "baseline": found.baseline, "depth": made.dtype}
    return Scene(
        id,
        tuple(layer.file for layer in layers),
        layers=layers,
        dtype=made.dtype,
        sensor=found.sensor,
        sensor_reason=found.reason,
        radiometry=radiometry,
        metadata={name: value for name, value in metadata.items() if value is not None},
        order=bands,
        block=made.block,
        **made.grid,
    )


def _driver(name: str) -> str:
    return DRIVERS[PurePosixPath(name).suffix.lower()]


def joint(layers: Sequence[Layer]) -> Layer:
    """The layers as one, to decide their radiometry together."""
    return replace(
        layers[0],
        indexes=tuple(range(1, len(layers) + 1)),
        bands=tuple(layer.bands[0] for layer in layers),
        scales=tuple(layer.scales[0] for layer in layers),
        offsets=tuple(layer.offsets[0] for layer in layers),
    )
