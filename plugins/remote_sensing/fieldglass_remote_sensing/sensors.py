"""Which sensor took a scene, with the reason for saying so, and what its bands are called."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

__all__ = ["SCHEMES", "Guess", "canonical", "date_in", "guess", "ordered", "scheme_of", "sensor_of_scheme"]

_S2 = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")
_L2A = tuple(band for band in _S2 if band != "B10")

SCHEMES: Mapping[str, tuple[str, ...]] = {
    "sentinel-1-grd": ("VV", "VH"),
    "sentinel-2-l1c": _S2,
    "sentinel-2-l2a": _L2A,
    "eurosat": (*(band for band in _S2 if band != "B8A"), "B8A"),  # its files have B8A last
    "sentinel-2-10": tuple(band for band in _L2A if band not in ("B01", "B09")),  # the bands of 10 and 20 m
    "landsat-8": ("COASTAL", "B", "G", "R", "NIR", "SWIR1", "SWIR2"),
    "hls": ("B", "G", "R", "NIR", "SWIR1", "SWIR2"),
    "aerial": ("R", "G", "B", "NIR"),
    "rgb": ("R", "G", "B"),
}
_SENSOR_OF = {
    "eurosat": "sentinel-2-l1c",
    "sentinel-2-10": "sentinel-2-l2a",
    "rgb": "aerial",
}

# Landsat's numbers mean other wavelengths than Sentinel-2's, so its bands go by their common names.
_LANDSAT = {
    "8": {1: "COASTAL", 2: "B", 3: "G", 4: "R", 5: "NIR", 6: "SWIR1", 7: "SWIR2"},
    "5": {1: "B", 2: "G", 3: "R", 4: "NIR", 5: "SWIR1", 7: "SWIR2"},
}

S2_PRODUCT = re.compile(r"(S2[A-D])_MSIL(1C|2A)_(\d{8}T\d{6})_N(\d{4})_R\d{3}_(T\w{5})")
S1_PRODUCT = re.compile(r"(S1[A-D])_(IW|EW|WV|S[1-6])_GRD[FHM]_1S(SH|SV|DH|DV|VV|VH|HH|HV)_(\d{8}T\d{6})")
LANDSAT = re.compile(r"L([COTEM])(0[1-9])_(L\w{3})_\d{6}_(\d{8})_\d{8}_\d{2}_(?:T1|T2|RT)")
_S2_TILE = re.compile(r"(?:^|[_/])T\d{2}[A-Z]{3}_(\d{8}T\d{6})_")
_PLATFORMS = {"sentinel-1": "sentinel-1-grd", "sentinel-2": "sentinel-2-l2a", "sentinel2": "sentinel-2-l2a"}
_BAND = re.compile(r"(?:band[ _-]?|sr_b|b)0?(\d{1,2})(a?)(?:[_ -].*)?", re.IGNORECASE)
_COLOURS = {
    "red": "R", "green": "G", "blue": "B", "nir": "NIR", "nir08": "NIR", "near infrared": "NIR", "near-infrared": "NIR",
    "swir16": "SWIR1", "swir1": "SWIR1", "swir22": "SWIR2", "swir2": "SWIR2", "r": "R", "g": "G", "b": "B", "n": "NIR",
}  # fmt: skip
_S2_COMMON = {
    "coastal": "B01", "blue": "B02", "green": "B03", "red": "B04", "rededge1": "B05", "rededge2": "B06",
    "rededge3": "B07", "rededge071": "B05", "rededge075": "B06", "rededge078": "B07", "nir": "B08", "nir08": "B8A",
    "nir09": "B09", "cirrus": "B10", "swir16": "B11", "swir22": "B12",
}  # fmt: skip


@dataclass(frozen=True)
class Guess:
    """A sensor ("unknown" where nothing tells), why, and what its name tells besides."""

    sensor: str = "unknown"
    reason: str = "nothing in the file or its name tells"
    platform: str | None = None
    date: datetime | None = None
    baseline: str | None = None
    tile: str | None = None


def guess(name: str, bands: Sequence[str] = (), tags: Mapping[str, str] | None = None) -> Guess:
    """From the path, then the tags, then the names of the bands."""
    found = _by_name(name)
    if found is not None:
        return found
    for key in ("platform", "PLATFORM", "SPACECRAFT_NAME", "SPACECRAFT_ID", "satellite", "constellation", "sensor"):
        value = (tags or {}).get(key, "")
        for start, sensor in _PLATFORMS.items():
            if value.lower().startswith(start):
                return Guess(sensor, f"tag {key} is {value!r}", value.lower(), date_in(name))
    names = set(bands)
    if names and names <= {"VV", "VH"}:
        return Guess("sentinel-1-grd", f"its bands are called {', '.join(bands)}", date=date_in(name))
    if len(names & set(_S2)) >= 10:
        sensor = "sentinel-2-l1c" if "B10" in names else "sentinel-2-l2a"
        return Guess(sensor, f"its {len(names)} bands are called as those of Sentinel-2", date=date_in(name))
    if {"R", "G", "B"} <= names and len(names) <= 4:
        return Guess("unknown", "red, green and blue tell no sensor", date=date_in(name))
    return Guess(date=date_in(name))


def _by_name(name: str) -> Guess | None:
    product = S2_PRODUCT.search(name)
    if product:
        craft, level, taken, baseline, tile = product.groups()
        reason = f"product name {product.group()}"
        return Guess(f"sentinel-2-l{level.lower()}", reason, _craft(craft), date_in(taken), baseline, tile)
    product = S1_PRODUCT.search(name)
    if product:
        reason = f"product name {product.group()}"
        return Guess("sentinel-1-grd", reason, _craft(product[1]), date_in(product[4]))
    product = LANDSAT.search(name)
    if product:
        number = int(product[2])
        sensor = f"landsat-{number}"
        return Guess(sensor, f"product name {product.group()}", sensor, date_in(product[4]))
    product = _S2_TILE.search(name)
    if product:
        level = "2a" if re.search(r"_[126]0m\b", name) else "1c"
        return Guess(
            f"sentinel-2-l{level}", f"file name {product.group().strip('_/')}", "sentinel-2", date_in(product[1])
        )
    return None


def _craft(short: str) -> str:
    return f"sentinel-{short[1]}{short[2].lower()}"


_WHEN = re.compile(r"(?<!\d)((?:19|20)\d{2})-?([01]\d)-?([0-3]\d)(?:[T_ -]?([0-2]\d):?([0-5]\d):?([0-5]\d))?(?!\d)")


def date_in(text: str) -> datetime | None:
    """The first date in a text, UTC: 20230115, 2023-01-15, 20230115T104531, 2022:01:17 10:43:43."""
    for found in _WHEN.finditer(text.replace(":", "")):
        try:
            return datetime(*(int(each or 0) for each in found.groups()), tzinfo=UTC)  # type: ignore[misc]
        except ValueError:
            continue
    return None


def canonical(name: str, sensor: str = "unknown") -> str:
    """ "B2", "Band 2", "SR_B2" -> "B02"; "b8a" -> "B8A"; "vv" -> "VV"; colours -> "R", of Sentinel-2 -> "B04"."""
    plain = name.strip()
    lowered = plain.lower()
    if sensor.startswith("sentinel-2") and lowered in _S2_COMMON:
        return _S2_COMMON[lowered]
    if lowered in ("vv", "vh", "hh", "hv", "scl"):
        return lowered.upper()
    found = _BAND.fullmatch(plain)
    if found:
        number, letter = int(found[1]), found[2].upper()
        if sensor.startswith("landsat-"):
            return _LANDSAT["8" if sensor in ("landsat-8", "landsat-9") else "5"].get(number, plain)
        return f"B{number}{letter}" if letter else f"B{number:02}"
    return _COLOURS.get(lowered, plain)


def ordered(bands: Sequence[str], sensor: str) -> tuple[str, ...]:
    """In the order of the sensor; others stay behind in their own."""
    reference = _S2 if sensor.startswith("sentinel-2") else SCHEMES.get(sensor, ())
    places = {band: place for place, band in enumerate(reference)}
    return tuple(sorted(bands, key=lambda band: places.get(band, len(places))))


def scheme_of(name: str, count: int) -> tuple[str, ...] | None:
    """The bands of a scheme of so many; Sentinel-2 of 10, 12 or 13 bands by count. None where it has not as many."""
    choices = ["sentinel-2-l1c", "sentinel-2-l2a", "sentinel-2-10"] if name.startswith("sentinel-2") else [name]
    if name in ("aerial", "rgb"):
        choices = ["rgb", "aerial"]
    return next((SCHEMES[each] for each in choices if each in SCHEMES and len(SCHEMES[each]) == count), None)


def sensor_of_scheme(name: str) -> str:
    """The sensor of a scheme: "eurosat" is Sentinel-2 L1C."""
    return _SENSOR_OF.get(name, name)
