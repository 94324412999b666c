"""What is known of a scene before a pixel of it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np

from fieldglass_remote_sensing.places import Place, metres_per_unit
from fieldglass_remote_sensing.radiometry import Numbers, Radiometry
from fieldglass_remote_sensing.sparse import Written

__all__ = ["Layer", "Scene", "SceneError"]


class SceneError(ValueError):
    """A scene that is not taken: a stable code and a sentence, both for the journal."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(frozen=True)
class Layer:
    """Bands of one raster file, on one grid that covers the whole scene.

    `file` is relative to the base of the source; "a.zip!b/c.jp2" is a member of an archive. `role` "classes" is
    a scene classification that masks the image and is no band of it.
    """

    file: str
    driver: str
    indexes: tuple[int, ...]
    bands: tuple[str, ...]
    shape: tuple[int, int]
    scales: tuple[float, ...] = ()
    offsets: tuple[float, ...] = ()
    role: Literal["image", "classes"] = "image"
    nodata: float | None = None  # where the file itself declares none
    options: Mapping[str, Any] = field(default_factory=dict)  # of the driver
    declared: float | None = None  # the no-data of the file's first band


@dataclass(frozen=True)
class Scene:
    """A scene: its grid (that of its finest band), its bands, its place and its units.

    `id` is its path; `paths` are all files of it, the one that names it first. `transform` is affine, pixel to
    `crs`; a scene with ground control points only has `gcps` (row, column, x, y) instead. `warp` says that it is
    resampled to a north-up grid while it is read, of which `height`, `width` and `transform` tell.
    """

    id: str
    paths: tuple[str, ...]
    height: int
    width: int
    layers: tuple[Layer, ...]
    dtype: str
    transform: Any = None
    crs: str | None = None
    gcps: tuple[tuple[float, float, float, float], ...] = ()
    warp: bool = False
    sensor: str = "unknown"
    sensor_reason: str = ""
    radiometry: Radiometry = field(default_factory=Numbers)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    order: tuple[str, ...] = ()  # bands in the order of the samples, where it is not that of the layers
    block: tuple[int, int] = (256, 256)
    palette: Mapping[int, tuple[int, ...]] | None = None
    written: Written | None = None  # where the file says which of its blocks it holds
    striped: bool = False  # neither tiles nor overviews

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the bands of its samples."""
        if self.palette is not None:
            return ("R", "G", "B")
        return self.order or tuple(band for layer in self.layers if layer.role == "image" for band in layer.bands)

    @cached_property
    def place(self) -> Place | None:
        """Where it lies; None where it does not say. ValueError where its CRS leads nowhere."""
        if self.crs is None:
            return None
        if self.transform is not None:
            return Place.affine(self.crs, self.transform)
        return Place(self.crs, _control(self.gcps)) if len(self.gcps) >= 3 else None

    @cached_property
    def pixel(self) -> tuple[float, float] | None:
        """Metres per pixel down and across, in the middle; None where it does not say."""
        unit = metres_per_unit(self.crs) if self.crs is not None else None
        if unit is None:
            return None
        if unit and self.transform is not None:
            across, down = np.hypot(self.transform.a, self.transform.d), np.hypot(self.transform.b, self.transform.e)
            return float(down * unit), float(across * unit)
        return self._on_the_globe()

    def _on_the_globe(self) -> tuple[float, float] | None:
        row, column = self.height / 2, self.width / 2
        if self.place is None:
            return None
        lon, lat = self.place.degrees(np.array([column, column + 1, column]), np.array([row, row, row + 1]))
        if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
            return None
        metre = np.pi * 6371008.8 / 180
        east = ((lon[1:] - lon[0] + 180) % 360 - 180) * np.cos(np.radians(lat[0])) * metre
        across, down = np.hypot(east, (lat[1:] - lat[0]) * metre)
        return (float(down), float(across)) if down > 0 and across > 0 else None


def _control(gcps: tuple[tuple[float, float, float, float], ...]) -> Any:
    """Ground control points -> (columns, rows) to (x, y): bilinear in their grid, else the best affine."""
    from fieldglass_remote_sensing.control import mapping_of

    return mapping_of(gcps)
