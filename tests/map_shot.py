"""Pictures of map pages in a headless Chromium without a network, and where on them a place should be."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass

import numpy as np
from PIL import Image

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
_HIT = (0xC8, 0x36, 0x1D)  # --hit of the light style sheet
_SEA = (0xDF, 0xE8, 0xEA)


def data_of(page):
    return json.loads(re.search(r'<script id="data" type="application/json">(.*?)</script>', page, re.S).group(1))


@dataclass(frozen=True)
class Shot:
    """(h, w, 3) uint8; the view that the script says it drew; the size and the first row of the canvas."""

    pixels: np.ndarray
    view: tuple[float, float, float, float]  # longitude, latitude, scale, squeeze
    size: tuple[int, int]
    top: int

    def at(self, lon, lat):
        """Column and row of a place, by the view."""
        middle_lon, middle_lat, scale, squeeze = self.view
        turned = (lon - middle_lon + 180) % 360 - 180
        return self.size[0] / 2 + turned * scale * squeeze, self.top + self.size[1] / 2 - (lat - middle_lat) * scale

    def red(self, lon, lat, around):
        """(2 * around + 1, ...) bool: the pixels near a place that have the colour of hits."""
        x, y = map(round, self.at(lon, lat))
        near = self.pixels[max(y - around, 0) : y + around + 1, max(x - around, 0) : x + around + 1]
        return np.abs(near.astype(int) - _HIT).max(axis=2) < 12

    def line(self, lon, lat, around=2):
        """Whether a thin line of the colour of hits, blended with what is under it, passes near a place."""
        x, y = map(round, self.at(lon, lat))
        near = self.pixels[max(y - around, 0) : y + around + 1, max(x - around, 0) : x + around + 1].astype(int)
        return bool((near[..., 0] - near[..., 1] > 40).any())

    def pin_is_off(self, lon, lat):
        """How many pixels the middle of the disc that should be there is from the place."""
        rows, columns = np.nonzero(self.red(lon, lat, 11))
        assert len(rows) > 150, "there is no pin"
        return max(abs((rows.min() + rows.max()) / 2 - 11), abs((columns.min() + columns.max()) / 2 - 11))


def shot(tmp_path, page, width):
    """The page as it is drawn.

    It is given a fixed size, for Chromium takes its pictures in another window than it runs the page in.
    """
    page = page.replace("Content-Security-Policy", "not-now", 1)
    fixed = f"html, body {{ height: 700px; width: {width}px; }} .map {{ max-height: 400px; min-height: 400px; }}"
    page = page.replace("</head>", f"<style>{fixed}</style></head>")
    (tmp_path / "map.html").write_text(page, encoding="utf-8")
    options = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
        "--hide-scrollbars", "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={tmp_path / 'profile'}",
        f"--window-size={max(width, 500)},800", "--virtual-time-budget=2000",
    ]  # fmt: skip
    address = (tmp_path / "map.html").as_uri()
    picture = tmp_path / "map.png"
    command = [*options, f"--screenshot={picture}", "--dump-dom", address]  # one window for both
    dumped = subprocess.run(command, check=True, capture_output=True, timeout=120)
    view = re.search(r'data-view="([^"]+)"', dumped.stdout.decode()).group(1)
    size = re.search(r'<canvas[^>]* width="(\d+)" height="(\d+)"', dumped.stdout.decode())
    pixels = np.asarray(Image.open(picture).convert("RGB"))
    sea = np.abs(pixels[:, 60:360].astype(int) - _SEA).max(axis=2) < 4  # the canvas begins with sea
    top = int(np.flatnonzero(sea.any(axis=1))[0])
    return Shot(pixels, tuple(map(float, view.split(","))), (int(size.group(1)), int(size.group(2))), top)
