"""What a folder of photos says of places: a row for each, and the problems as a table."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fieldglass.errors import UsageError
from fieldglass_geo.columns import PLACED, harmless, rounded
from fieldglass_geo.containers import SUFFIXES
from fieldglass_geo.position import NoPosition, Rules
from fieldglass_geo.where_taken import find

__all__ = ["Entry", "inventory", "photos_of", "write_places", "write_problems"]

_MENDED = {
    "assumed_ref": "N, S, E or W was missing and is assumed.",
    "bad_seconds": "The seconds are no number; they are taken as 0.",
    "datum": "Its datum is not WGS 84; the place may be off by some hundred metres.",
    "double_sign": "A negative number with S or W; the sign is taken once.",
    "partial_dms": "Minutes or seconds are missing; they are taken as 0.",
    "trusted_ref": "A negative number with N or E; the letter is taken.",
    "trusted_sign": "A negative number with N or E; the sign is taken.",
    "xmp_decimal": "Its XMP packet writes a plain decimal with a separate letter.",
}


@dataclass(frozen=True)
class Entry:
    """A photo: `file` and the columns of the metadata hook; a code ("" where all is well) and a sentence."""

    row: dict[str, Any]
    code: str = ""
    message: str = ""


def photos_of(paths: Iterable[Path]) -> Iterator[Path]:
    """The files among the paths, and the photos below the folders, sorted; what is hidden is passed over."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for each in sorted(path.rglob("*")):
            hidden = any(part.startswith(".") for part in each.relative_to(path).parts)
            if each.suffix.lower() in SUFFIXES and not hidden and each.is_file():
                yield each


def inventory(files: Iterable[Path], rules: Rules) -> list[Entry]:
    """One entry for each file, in their order."""
    return [_entry(path, rules) for path in files]


def write_problems(path: Path, entries: Iterable[Entry]) -> None:
    """The entries with a code as CSV: file, code, message. A cell that a spreadsheet would run gets a quote."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "code", "message"))
        for each in entries:
            if each.code:
                writer.writerow((harmless(each.row["file"]), each.code, each.message))


def write_places(path: Path, entries: Iterable[Entry]) -> None:
    """The entries with a place as .csv or .geojson."""
    rows = [each.row for each in entries if "lat" in each.row]
    suffix = path.suffix.lower()
    if suffix == ".csv":
        names = ("file", *PLACED)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(names)
            writer.writerows([harmless(row.get(name, "")) for name in names] for row in rows)
    elif suffix in (".geojson", ".json"):
        features = [
            {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": [row["lon"], row["lat"]]},
                "properties": {name: value for name, value in row.items() if name not in ("lat", "lon")},
            }
            for row in rows
        ]
        document = {"type": "FeatureCollection", "features": features}
        path.write_text(json.dumps(document, ensure_ascii=False, allow_nan=False, default=str), encoding="utf-8")
    else:
        raise UsageError(f"{path.name} cannot be written.", hint="Name a .csv or .geojson file.")


def _entry(path: Path, rules: Rules) -> Entry:
    found = find(path, rules)
    columns = {} if rules.drop_gps else rounded(found, rules)
    row = {"file": str(path), **columns}
    if "taken_utc" in row:
        row["taken_utc"] = f"{row['taken_utc'].isoformat(timespec='seconds')}Z"
    if isinstance(found.position, NoPosition):
        code = f"gps-{found.position.reason.replace('_', '-')}"
        return Entry(row, code, found.position.message)
    if not found.flags:
        return Entry(row)
    said = [_MENDED.get(flag) or _told(flag) for flag in found.flags]
    return Entry(row, f"gps-{found.flags[0].replace('_', '-')}", " ".join(said))


def _told(flag: str) -> str:
    if flag.endswith("_conflict"):
        one, other = flag.removesuffix("_conflict").split("_")
        return f"{one} and {other} are more than 1 km apart; {one} is taken."
    return NoPosition(flag).message + " Another source tells the place."
