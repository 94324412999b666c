"""STAC items whose assets lie beside them: bands by their declared names, scales and offsets. Nothing is fetched."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from fieldglass.loaders import inside
from fieldglass.loaders.paths import OutsideError, open_regular
from fieldglass_remote_sensing.bandfiles import joint
from fieldglass_remote_sensing.choices import Choices
from fieldglass_remote_sensing.naming import radiometry_of, settled_sensor
from fieldglass_remote_sensing.rasters import DRIVERS
from fieldglass_remote_sensing.scenes import Scene, SceneError
from fieldglass_remote_sensing.sensors import Guess, canonical, date_in, guess, ordered
from fieldglass_remote_sensing.stacking import Part, in_order, stack

__all__ = ["describe_stac", "local_assets", "stac_item"]

_MOST = 8 << 20  # bytes of an item


def stac_item(base: Path, name: str) -> Mapping[str, Any] | None:
    """The STAC item in a JSON file; None where it is something else. OSError, OutsideError."""
    with open_regular(inside(base, name)) as file:
        content = file.read(_MOST + 1)
    try:
        found = json.loads(content) if len(content) <= _MOST else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or "stac_version" not in found or found.get("type") != "Feature":
        return None
    return found if isinstance(found.get("assets"), dict) and isinstance(found.get("properties"), dict) else None


def local_assets(item: Mapping[str, Any], name: str) -> dict[str, str]:
    """Asset -> its path relative to the base, of those that name a raster file below it."""
    found = {}
    for key, asset in item["assets"].items():
        href = asset.get("href") if isinstance(asset, dict) else None
        if not isinstance(href, str) or "://" in href or href.startswith(("/", "\\")):
            continue
        path = posixpath.normpath(posixpath.join(posixpath.dirname(name), href))
        if not path.startswith("..") and PurePosixPath(path).suffix.lower() in DRIVERS:
            found[key] = path
    return found


def describe_stac(id: str, name: str, base: Path, choices: Choices) -> Scene:
    """The scene of an item. SceneError where no asset of it lies here."""
    item = stac_item(base, name)
    if item is None:
        raise SceneError("stac-item", "It is no STAC item.")
    found, told = _sensor(item, choices)
    parts = list(_parts(item, local_assets(item, name), base, found.sensor))
    if not any(part.role == "image" for part in parts):
        raise SceneError("stac-remote", "None of its bands lies here; remote assets are not fetched.")
    if item["properties"].get("earthsearch:boa_offset_applied") is True and choices.s2_offset == "auto":
        choices = replace(choices, s2_offset="0")
    made = stack(parts, base, choices)
    images = [part.band for part in parts if part.role == "image"]
    if len(set(images)) != len(images):
        raise SceneError("scene-bands", f"Two assets have one band: {', '.join(sorted(images))}.")
    bands = ordered(images, found.sensor)
    layers = in_order(made.layers, bands)
    whole = joint([layer for layer in layers if layer.role == "image"])
    radiometry, settled, _ = radiometry_of(whole, bands, made.dtype, found, id, told, choices)
    if not settled.scales:
        layers = tuple(replace(layer, scales=(1.0,), offsets=(0.0,)) for layer in layers)
    metadata = {"date": found.date, "platform": found.platform, "baseline": found.baseline, "depth": made.dtype}
    cloud = item["properties"].get("eo:cloud_cover")
    if isinstance(cloud, int | float) and all(part.role == "image" for part in parts):
        metadata["cloud"] = float(cloud) / 100
    return Scene(
        id,
        (name, *dict.fromkeys(layer.file for layer in layers)),
        layers=layers,
        dtype=made.dtype,
        sensor=found.sensor,
        sensor_reason=found.reason,
        radiometry=radiometry,
        metadata={key: value for key, value in metadata.items() if value is not None},
        order=bands,
        block=made.block,
        **made.grid,
    )


def _sensor(item: Mapping[str, Any], choices: Choices) -> tuple[Guess, dict[str, str]]:
    told = {key: value for key, value in item["properties"].items() if isinstance(value, str)}
    if isinstance(item.get("collection"), str):
        told["constellation"] = item["collection"]
    found = guess(str(item.get("id", "")), (), told)
    if found.sensor == "sentinel-2-l2a" and "l1c" in told.get("constellation", ""):
        found = replace(found, sensor="sentinel-2-l1c")
    date = date_in(told.get("datetime") or told.get("start_datetime") or "") or found.date
    platform = told.get("platform", "").lower() or found.platform
    baseline = told.get("s2:processing_baseline") or told.get("processing:version") or found.baseline
    return settled_sensor(replace(found, date=date, platform=platform, baseline=baseline), choices), told


def _parts(item: Mapping[str, Any], assets: Mapping[str, str], base: Path, sensor: str) -> Sequence[Part]:
    found = []
    for key, path in assets.items():
        asset = item["assets"][key]
        roles = asset.get("roles") or []
        driver = DRIVERS[PurePosixPath(path).suffix.lower()]
        if key.lower() == "scl":
            found.append(Part(path, driver, "SCL", "classes"))
            continue
        if {"thumbnail", "overview", "metadata", "visual"} & set(roles) or key in ("visual", "thumbnail", "preview"):
            continue
        try:
            if not inside(base, path).is_file():
                continue
        except OutsideError:
            continue
        bands = asset.get("eo:bands") or asset.get("bands") or ([{"name": key}] if "data" in roles else [])
        scales = asset.get("raster:bands") or []
        for place, band in enumerate(bands):
            numbers = {**band, **(scales[place] if place < len(scales) else {})}
            known = canonical(str(band.get("name", key)), sensor)
            common = band.get("eo:common_name") or band.get("common_name")
            name = canonical(str(common), sensor) if common and not sensor.startswith("sentinel-2") else known
            scale, offset = (numbers.get(f"raster:{each}", numbers.get(each)) for each in ("scale", "offset"))
            found.append(Part(path, driver, name, "image", place + 1, scale, offset))
    return found
