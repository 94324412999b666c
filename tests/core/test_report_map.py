"""The map page: closed to the outside, and every pin in its place, seen in a browser without a network."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess

import numpy as np
import pytest

pytest.importorskip("shapely")

from map_shot import CHROMIUM, data_of, shot
from placed import ROWS, placed


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


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("rows", [(0, 3), (2,)], ids=["world", "antimeridian"])
def test_pins_lie_where_they_belong(tmp_path, width, rows):
    hits = [{**ROWS[number], "uncertainty_km": None} for number in rows]
    page = placed(hits, shelf=False).to_map()
    drawn = shot(tmp_path, page, width)
    for hit in data_of(page)["hits"]:
        assert drawn.pin_is_off(*hit["at"]) <= 1


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
def test_the_script_runs_under_its_own_policy(tmp_path):
    (tmp_path / "map.html").write_text(placed().to_map(), encoding="utf-8")
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]
    address = (tmp_path / "map.html").as_uri()
    done = subprocess.run([CHROMIUM, *options, address], check=True, capture_output=True, timeout=120)
    assert re.search(r'<canvas[^>]* data-view="', done.stdout.decode())
