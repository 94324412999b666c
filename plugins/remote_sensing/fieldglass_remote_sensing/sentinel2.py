"""Sentinel-2 L1C and L2A products (.SAFE) and their bands: grids of 10, 20 and 60 m, offsets, scene classification."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any
from xml.etree import ElementTree

from fieldglass_remote_sensing.choices import Choices
from fieldglass_remote_sensing.members import Members, texts
from fieldglass_remote_sensing.radiometry import Reflectance, s2_offset_of
from fieldglass_remote_sensing.scenes import Scene, SceneError
from fieldglass_remote_sensing.sensors import SCHEMES, guess, ordered
from fieldglass_remote_sensing.stacking import Part, in_order, plain, stack

__all__ = ["describe_sentinel2"]

_BAND = re.compile(r"_(B\d{2}|B8A|SCL)(?:_(10|20|60)m)?\.(?:jp2|tif|tiff)$", re.IGNORECASE)
_ALL = SCHEMES["sentinel-2-l1c"]  # in the order of band_id
_DRIVER = {".jp2": "JP2OpenJPEG", ".tif": "GTiff", ".tiff": "GTiff"}


def describe_sentinel2(id: str, members: Members, base: Path, choices: Choices) -> Scene:
    """The scene of a product with MTD_MSIL1C.xml or MTD_MSIL2A.xml. SceneError where it is not whole."""
    name = members.ending("/MTD_MSIL2A.xml", "/MTD_MSIL1C.xml", "!MTD_MSIL2A.xml", "!MTD_MSIL1C.xml")
    name = name or [each for each in members.names if each in ("MTD_MSIL2A.xml", "MTD_MSIL1C.xml")]
    if not name:
        raise SceneError("scene-manifest", "It has no MTD_MSIL2A.xml or MTD_MSIL1C.xml.")
    manifest = members.xml(name[0])
    if not manifest.tag.endswith("User_Product"):
        raise SceneError("scene-manifest", f"{PurePosixPath(name[0]).name} is not that of a Sentinel-2 product.")
    level = "l2a" if name[0].endswith("2A.xml") else "l1c"
    files = _finest([each for each in members.names if "/IMG_DATA/" in each])
    if not set(files) - {"SCL"}:
        raise SceneError("scene-bands", "Its folder IMG_DATA has no band.")
    parts = [
        Part(file, _DRIVER[PurePosixPath(file).suffix.lower()], band, "classes" if band == "SCL" else "image")
        for band, file in files.items()
    ]
    made = stack(parts, base, choices)
    bands = ordered([part.band for part in parts if part.role == "image"], f"sentinel-2-{level}")
    layers = plain(in_order(made.layers, bands))
    baseline = _first(manifest, "PROCESSING_BASELINE")
    quantification = _first(manifest, "BOA_QUANTIFICATION_VALUE") or _first(manifest, "QUANTIFICATION_VALUE")
    offsets = _offsets(manifest, bands, baseline, choices)
    paths = (members.archive,) if members.archive else (name[0], *(layer.file for layer in layers))
    return Scene(
        id,
        paths,
        layers=layers,
        dtype=made.dtype,
        sensor=f"sentinel-2-{level}",
        sensor_reason=f"manifest {PurePosixPath(name[0].replace('!', '/')).name}",
        radiometry=Reflectance(offsets, float(quantification or 10_000)),
        metadata=_metadata(id, manifest, baseline, offsets, has_classes="SCL" in files),
        order=bands,
        block=made.block,
        **made.grid,
    )


def _finest(names: Sequence[str]) -> dict[str, str]:
    """Band -> its file of the finest grid."""
    found: dict[str, tuple[int, str]] = {}
    for name in names:
        match = _BAND.search(name)
        if match:
            metres = int(match[2] or 0)
            band = match[1].upper()
            if band not in found or metres < found[band][0]:
                found[band] = metres, name
    return {band: name for band, (_, name) in sorted(found.items())}


def _offsets(
    manifest: ElementTree.Element, bands: Sequence[str], baseline: str | None, choices: Choices
) -> tuple[float, ...]:
    """The offset of each band: as the user says, as the manifest says, else by the processing baseline."""
    if choices.s2_offset != "auto":
        return (float(choices.s2_offset),) * len(bands)
    told: dict[str, float] = {}
    for tag in ("BOA_ADD_OFFSET", "RADIO_ADD_OFFSET"):
        for element, text in texts(manifest, tag):
            number = element.get("band_id", "")
            if number.isdigit() and int(number) < len(_ALL):
                told[_ALL[int(number)]] = float(text)
    default = s2_offset_of(baseline) or 0.0
    return tuple(told.get(band, default) for band in bands)


def _metadata(
    id: str, manifest: ElementTree.Element, baseline: str | None, offsets: Sequence[float], *, has_classes: bool
) -> dict[str, Any]:
    craft = _first(manifest, "SPACECRAFT_NAME")
    cloud = _first(manifest, "Cloud_Coverage_Assessment") or _first(manifest, "CLOUDY_PIXEL_OVER_LAND_PERCENTAGE")
    product = _first(manifest, "PRODUCT_URI") or id
    told = guess(product)
    found: dict[str, Any] = {
        "date": _when(_first(manifest, "PRODUCT_START_TIME") or _first(manifest, "DATATAKE_SENSING_START"))
        or told.date,
        "platform": craft.lower() if craft else told.platform,
        "baseline": baseline,
        "s2_offset": offsets[0],
        "depth": "uint16",
    }
    if told.tile:
        found["mgrs"] = told.tile
    if cloud and not has_classes:  # where there are classes, each tile has its own
        found["cloud"] = float(cloud) / 100
    return {name: value for name, value in found.items() if value is not None}


def _first(root: ElementTree.Element, tag: str) -> str | None:
    return next((text for _, text in texts(root, tag) if text), None)


def _when(text: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo else found.replace(tzinfo=UTC)
