"""The map page: closed to the outside, and every pin in its place, seen in a browser without a network."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("shapely")

from placed import ROWS, placed

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
HIT = (0xC8, 0x36, 0x1D)  # --hit of the light style sheet


def data_of(page):
    return json.loads(re.search(r'<script id="data" type="application/json">(.*?)</script>', page, re.S).group(1))


def test_the_policy_admits_the_style_and_the_script_of_the_page_and_nothing_else():
    page = placed().to_map()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page).group(1)
    script = re.search(r"<script>(.*?)</script>", page, re.S).group(1)
    style = re.search(r"<style>(.*?)</style>", page, re.S).group(1)
    for kind, code in (("script-src", script), ("style-src", style)):
        assert f"{kind} 'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'" in policy
    assert policy.startswith("default-src 'none'")
    assert not re.findall(r"""(?:src|href)=["'](?!data:|#)""", page)
    assert "http" not in page.replace("http-equiv", "")


def test_hostile_metadata_stays_text():
    rows = [{"lat": 1.0, "lon": 2.0, "x": "</script><script>alert(1)</script>"}]
    page = placed(rows).to_map()
    assert page.count("<script") == 2
    assert "alert(1)" not in page


def test_hits_without_a_place_are_listed_and_said():
    page = placed().to_map()
    assert "5 hits, 1 without a place" in page
    assert data_of(page)["hits"][4] == {"rank": 5, "at": None}
    assert page.count("<li ") == 5


def test_the_searched_area_is_shown_also_where_nothing_was_found():
    from dataclasses import replace

    from fieldglass.asking import outlines_of
    from fieldglass.result import Asked
    from fieldglass.spatial import Near, box
    from fieldglass.types import All

    where = All(("cloud < 1", box(170, -20, -170, 20), Near(0, 0, 1000)))
    asked = Asked(outlines=outlines_of(where))
    data = data_of(replace(placed(), asked=asked).to_map())
    assert len(data["area"]) == 2
    assert sorted(set(data["area"][0][::2])) in ([170.0, 190.0], [170.0, 180.0, 190.0])
    circle = np.array(data["area"][1]).reshape(-1, 2)
    assert np.allclose(np.hypot(*circle.T), np.degrees(1000 / 6371.0088), atol=0.01)  # a flat one at the equator
    assert data["bounds"] == data_of(placed().to_map())["bounds"]
    alone = Asked(outlines=outlines_of(box(170, -20, -170, 20)))
    assert data_of(replace(placed([]), asked=alone).to_map())["bounds"] == [170.0, -20.0, 190.0, 20.0]
    assert data_of(placed().to_map())["area"] == []
    assert outlines_of("cloud < 1") == outlines_of(None) == ()


def test_a_footprint_across_the_antimeridian_is_one_shape():
    hit = data_of(placed([ROWS[2]]).to_map())["hits"][0]
    assert hit["at"] == [180.0, -17.0]
    assert len(hit["rings"]) == 1
    assert sorted(set(hit["rings"][0][::2])) in ([179.0, 181.0], [179.0, 180.0, 181.0])
    assert hit["bounds"] == [179.0, -18.0, 181.0, -16.0]


def test_the_view_goes_the_short_way_round():
    pins = [{"lat": -17.0, "lon": 177.0}, {"lat": -14.0, "lon": -171.0}]
    west, _, east, _ = data_of(placed(pins).to_map())["bounds"]
    assert (round(west), round(east)) == (177, 189)


def shot(tmp_path, page, width):
    """The picture of the page and the view that the script says it drew: lon, lat, scale, squeeze; the canvas' size.

    The page is given a fixed size, for Chromium takes its pictures in another window than it runs the page in.
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
    return np.asarray(Image.open(picture).convert("RGB")), [float(each) for each in view.split(",")], size


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("rows", [(0, 3), (2,)], ids=["world", "antimeridian"])
def test_pins_lie_where_they_belong(tmp_path, width, rows):
    hits = [{**ROWS[number], "uncertainty_km": None} for number in rows]
    page = placed(hits, shelf=False).to_map()
    picture, (lon, lat, scale, squeeze), size = shot(tmp_path, page, width)
    across, up = int(size.group(1)), int(size.group(2))
    red = np.abs(picture.astype(int) - HIT).max(axis=2) < 12
    top = _top(picture)
    for hit in data_of(page)["hits"]:
        x = across / 2 + (hit["at"][0] - lon) * scale * squeeze
        y = top + up / 2 - (hit["at"][1] - lat) * scale
        pin = red[round(y) - 11 : round(y) + 12, round(x) - 11 : round(x) + 12]
        rows_, columns = np.nonzero(pin)
        assert len(rows_) > 150  # the disc of a pin
        assert abs((rows_.min() + rows_.max()) / 2 - 11) <= 1
        assert abs((columns.min() + columns.max()) / 2 - 11) <= 1


def _top(picture):
    """The first row of the canvas: the sea begins there."""
    sea = np.abs(picture[:, 60:360].astype(int) - (0xDF, 0xE8, 0xEA)).max(axis=2) < 4
    return int(np.flatnonzero(sea.any(axis=1))[0])


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
def test_the_script_runs_under_its_own_policy(tmp_path):
    (tmp_path / "map.html").write_text(placed().to_map(), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]
    address = (tmp_path / "map.html").as_uri()
    done = subprocess.run([CHROMIUM, *options, address], check=True, capture_output=True, timeout=120)
    assert re.search(r'<canvas[^>]* data-view="', done.stdout.decode())
