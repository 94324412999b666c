"""The map of a located photo in a browser: the star, the places and the circle of uncertainty where they belong."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import fieldglass
from fieldglass.registry import registry
from fieldglass_geo.gallery.points import unit_vectors
from fieldglass_geo.locating.locator import Locator
from fieldglass_geo.locating.results import result_of
from fieldglass_geo.locating.spread import degrees_of
from globe_encoder import NAME, offer, painted
from map_shot import CHROMIUM, data_of, shot


def on_circle(lat, lon, km, bearing):
    """The place so far from another in a direction, degrees."""
    here = unit_vectors(np.array([lat]), np.array([lon]))[0]
    east = np.array([-np.sin(np.radians(lon)), np.cos(np.radians(lon)), 0])
    towards = np.cos(bearing) * np.cross(here, east) + np.sin(bearing) * east
    return degrees_of(here * np.cos(km / 6371.0088) + towards * np.sin(km / 6371.0088))


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
@pytest.mark.parametrize("middle", [(64.2, -20.0), (-17.0, 179.9)], ids=["Iceland", "antimeridian"])
def test_star_pins_and_circle_lie_where_they_belong(tmp_path, monkeypatch, middle):
    monkeypatch.setitem(registry()._offers["encoders"], NAME, offer())
    noise = np.random.default_rng(1)
    places = np.array(middle) + noise.normal(0, 4, (40, 2))
    lines = ["lat,lon", *(f"{lat:.5f},{(lon + 180) % 360 - 180:.5f}" for lat, lon in places)]
    (tmp_path / "p.csv").write_text("\n".join(lines))
    Image.fromarray(painted(*middle)).save(tmp_path / "photo.png")
    with fieldglass.create(tmp_path / "g.collection", NAME) as made:
        made.index(tmp_path / "p.csv", loader="geo/places")
        locator = Locator(made, coverage=0.8)
        question = made.ask(image=tmp_path / "photo.png")
        (found,) = locator.locate([question], k=3)
        page = result_of([found], locator, question.asked).to_map()
    hits = data_of(page)["hits"]
    assert [each["rank"] for each in hits] == [0, 1, 2, 3]
    assert hits[0]["km"] == pytest.approx(found.radius_km) and found.radius_km > 100
    drawn = shot(tmp_path, page, 1280)
    assert drawn.pin_is_off(found.lon, found.lat) <= 1
    apart = [np.hypot(*np.subtract(drawn.at(*each["at"]), drawn.at(*other["at"]))) for each in hits for other in hits]
    for hit in hits[1:]:
        near = [np.hypot(*np.subtract(drawn.at(*hit["at"]), drawn.at(*other["at"]))) for other in hits]
        if sorted(near)[1] > 30:  # a pin that no other one covers
            assert drawn.pin_is_off(*hit["at"]) <= 1
    assert max(apart) > 30
    met = 0
    for bearing in np.linspace(0, 2 * np.pi, 24, endpoint=False):
        lat, lon = on_circle(found.lat, found.lon, found.radius_km, bearing)
        x, y = drawn.at(lon, lat)
        if 5 < x < drawn.size[0] - 5 and drawn.top + 5 < y < drawn.top + drawn.size[1] - 5:
            assert drawn.line(lon, lat), f"no circle at {lat:.2f}, {lon:.2f}"
            met += 1
    assert met >= 12
