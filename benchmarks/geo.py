"""Places of photos: headers read a second, names of points, and filters by country over a million points.

All of it runs on one core; times are of the processor, so that what else runs on the machine does not count.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from benchmarks.spatial import Gallery
from benchmarks.table import Row
from fieldglass.spatial.places import places_of
from fieldglass_geo.reverse import country_area, reverse
from fieldglass_geo.where_taken import find


def rows(quick: bool) -> Iterator[Row]:
    yield from _headers(1000 if quick else 10_000)
    yield from _names(10_000 if quick else 100_000)
    yield from _countries(100_000 if quick else 1_000_000)


def _headers(count: int) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        content = _photo()
        paths = [Path(folder) / f"IMG_{number:05}.jpg" for number in range(count)]
        for path in paths:
            path.write_bytes(content)
        find(paths[0])
        start = time.process_time()
        found = [find(path) for path in paths]
        rate = count / (time.process_time() - start)
        start = time.process_time()
        for path in paths[: count // 10]:
            with Image.open(path) as picture:
                dict(picture.getexif().get_ifd(0x8825))
        pillow = count // 10 / (time.process_time() - start)
    placed = sum(each.source == "exif" for each in found)
    note = f"{placed:,} with a place, sidecars looked for; Pillow's header alone: {pillow:,.0f}/s"
    yield Row(
        f"places of {count:,} JPEG files", ">= 1500 files/s/core", f"{rate:,.0f} files/s/core", rate >= 1500, note
    )


def _names(count: int) -> Iterator[Row]:
    random = np.random.default_rng(0)
    start = time.process_time()
    reverse([0.0], [0.0])
    yield Row("names opened, once a process", "-", f"{time.process_time() - start:.2f} s", None)
    globe = np.degrees(np.arcsin(random.uniform(-1, 1, count))), random.uniform(-180, 180, count)
    europe = random.normal(48, 6, count), random.normal(10, 10, count)
    for where, (lat, lon) in (("all over the globe", globe), ("in Europe", europe)):
        start = time.process_time()
        found = reverse(lat, lon)
        spent = time.process_time() - start
        land = sum(each.country is not None for each in found)
        yield Row(f"names of {count:,} points {where}", "< 2 s", f"{spent:.2f} s", spent < 2, f"{land:,} on land")


def _countries(size: int) -> Iterator[Row]:
    gallery = Gallery(size, footprints=False)
    places_of(gallery)
    for code, bar in (("IS", 150), ("FR", 150), ("NO", 150), ("RU", 150), ("CA", 150)):
        area = country_area(code)
        corners = len(area.geometry.__geo_interface__["coordinates"])
        spent = []
        for _ in range(7):
            start = time.process_time()
            bitmap = country_area(code).bitmap(gallery)
            spent.append(1000 * (time.process_time() - start))
        middle = float(np.median(spent))
        note = f"{corners} parts, {int(bitmap.sum()):,} hits"
        yield Row(f"in {code} over {size:,} points", f"< {bar} ms", f"{middle:.0f} ms", middle < bar, note)


def _photo() -> bytes:
    """A JPEG with a GPS block, and a picture that nobody should read."""
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    picture = Image.fromarray(noise)
    exif = picture.getexif()
    exif[0x010F] = "Fieldglass"
    exif.get_ifd(0x8769)[0x9003] = "2024:05:01 14:00:00"
    exif.get_ifd(0x8769)[0x9011] = "+02:00"
    seconds = IFDRational(338760, 10000)
    exif.get_ifd(0x8825).update({1: "N", 2: (IFDRational(55), IFDRational(40), seconds), 3: "E",
                                 4: (IFDRational(12), IFDRational(34), seconds), 6: IFDRational(125, 10)})  # fmt: skip
    file = BytesIO()
    picture.save(file, "JPEG", exif=exif)
    return file.getvalue()
