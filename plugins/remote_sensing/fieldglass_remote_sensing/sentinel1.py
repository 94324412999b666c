"""Sentinel-1 GRD products (.SAFE): decibels by the calibration table, placed by their ground control points.

The grid is that of the product, in the order in which it was taken: it is not turned to the north. Thermal noise
is not removed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, cast
from xml.etree import ElementTree

import numpy as np

from fieldglass_remote_sensing.choices import Choices
from fieldglass_remote_sensing.control import Lattice
from fieldglass_remote_sensing.members import Members, texts
from fieldglass_remote_sensing.radiometry import Decibels, Units
from fieldglass_remote_sensing.scenes import Scene, SceneError
from fieldglass_remote_sensing.sensors import guess
from fieldglass_remote_sensing.stacking import Part, in_order, plain, stack

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass_remote_sensing.tiling import Tile

__all__ = ["describe_sentinel1"]

_MEASUREMENT = re.compile(r"(?:^|[/!])measurement/s1[a-d]-\w+-grd-(vv|vh|hh|hv)-[^/]*\.tiff?$", re.IGNORECASE)
_ORDER = ("VV", "VH", "HH", "HV")


def describe_sentinel1(id: str, members: Members, base: Path, choices: Choices) -> Scene:
    """The scene of a GRD product. SceneError where it is not whole, or has other polarisations than VV and VH."""
    files = {found[1].upper(): name for name in members.names if (found := _MEASUREMENT.search(name))}
    if not files:
        raise SceneError("scene-bands", "Its folder `measurement` has no GRD image; SLC and OCN are not read.")
    bands = tuple(band for band in _ORDER if band in files)
    names = dict(zip(bands, bands, strict=True))
    if not set(bands) <= {"VV", "VH"}:
        if len(choices.bands) != len(bands):
            raise SceneError(
                "scene-polarisation",
                f"It has {', '.join(bands)}; encoders know VV and VH. --set bands=VV,VH takes them in that order.",
            )
        names = dict(zip(bands, choices.bands, strict=True))
    made = stack([Part(files[band], "GTiff", band) for band in bands], base, choices.keeping_rotation())
    layers = plain(in_order(made.layers, bands))
    layers = tuple(replace(layer, bands=(names[layer.bands[0]],)) for layer in layers)
    given = "amplitude_dn" if choices.s1_units == "auto" else choices.s1_units
    tables = [_table(members, files[band]) for band in bands] if choices.s1_units == "auto" else []
    calibration = _Calibration([_sigma(members.xml(name)) for name in tables]) if tables else None
    annotation = _annotation(members, files[bands[0]])
    paths = (members.archive,) if members.archive else _paths(members, [*files.values(), *tables], annotation)
    told = guess(f"{id}/{files[bands[0]]}")
    return Scene(
        id,
        paths,
        layers=layers,
        dtype=made.dtype,
        sensor="sentinel-1-grd",
        sensor_reason="folder `measurement` of a GRD product",
        radiometry=Decibels(cast("Units", given), calibration),
        metadata=_metadata(members, annotation, told.platform, told.date),
        order=tuple(names[band] for band in bands),
        block=made.block,
        **made.grid,
    )


class _Calibration:
    """A of sigma0 = DN^2 / A^2 at the pixels of a tile."""

    def __init__(self, lattices: list[Lattice]) -> None:
        self._lattices = lattices

    def __call__(self, tile: Tile) -> NDArray[np.float32]:
        """(h, w, bands) float32."""
        row0, col0, row1, col1 = tile.window
        height, width = tile.shape
        rows = row0 + (np.arange(height) + 0.5) * (row1 - row0) / height - 0.5
        columns = col0 + (np.arange(width) + 0.5) * (col1 - col0) / width - 0.5
        grid = np.meshgrid(rows, columns, indexing="ij")
        return np.concatenate([lattice(*grid) for lattice in self._lattices], axis=-1).astype(np.float32)


def _table(members: Members, measurement: str) -> str:
    stem = PurePosixPath(measurement.replace("!", "/")).stem
    wanted = f"calibration-{stem}.xml"
    found = [name for name in members.names if name.endswith(wanted)]
    if not found:
        raise SceneError(
            "scene-calibration",
            f"annotation/calibration/{wanted} is not there, and numbers without it are no backscatter. "
            "--set s1_units=amplitude_dn takes them as they are.",
        )
    return found[0]


def _sigma(root: ElementTree.Element) -> Lattice:
    """The table sigmaNought of lines and pixels."""
    lines, pixels, values = [], [], []
    for vector, _ in texts(root, "calibrationVector"):
        told = {each.tag.rpartition("}")[2]: each.text or "" for each in vector}
        lines.append(float(told["line"]))
        pixels.append(np.array(told["pixel"].split(), dtype=np.float64))
        values.append(np.array(told["sigmaNought"].split(), dtype=np.float64))
    if len(lines) < 2 or any(len(each) < 2 for each in pixels):
        raise SceneError("scene-calibration", "Its calibration table has fewer than two lines or pixels.")
    columns = pixels[0]
    table = np.stack([np.interp(columns, px, each) for px, each in zip(pixels, values, strict=True)])
    if not (np.isfinite(table).all() and (table > 0).all()):
        raise SceneError("scene-calibration", "Its calibration table holds values that are not above 0.")
    order = np.argsort(lines)
    return Lattice(np.array(lines)[order], columns, table[order][..., None])


def _annotation(members: Members, measurement: str) -> str | None:
    stem = PurePosixPath(measurement.replace("!", "/")).stem
    found = [name for name in members.names if name.endswith(f"annotation/{stem}.xml")]
    return found[0] if found else None


def _paths(members: Members, files: list[str], annotation: str | None) -> tuple[str, ...]:
    manifest = [name for name in members.names if name.endswith("manifest.safe")]
    return tuple(dict.fromkeys([*manifest, *files, *([annotation] if annotation else [])]))


def _metadata(
    members: Members, annotation: str | None, platform: str | None, date: datetime | None
) -> Mapping[str, Any]:
    found: dict[str, Any] = {"platform": platform, "date": date, "depth": "uint16"}
    if annotation is not None:
        root = members.xml(annotation)
        tags = ("pass", "startTime", "missionId")
        told = {tag: next((text for _, text in texts(root, tag) if text), "") for tag in tags}
        if told["pass"]:
            found["orbit"] = told["pass"].lower()
        if told["missionId"] and not platform:
            found["platform"] = f"sentinel-{told['missionId'][1:].lower()}"
        try:
            when = datetime.fromisoformat(told["startTime"])
            found["date"] = when if when.tzinfo else when.replace(tzinfo=UTC)
        except ValueError:
            pass
    return {name: value for name, value in found.items() if value is not None}
