"""The grid of an area never says what its exact shape would not."""

from __future__ import annotations

import numpy as np
import pytest

shapely = pytest.importorskip("shapely")

from fieldglass.spatial.raster import Raster  # noqa: E402

ANGLES = np.linspace(0, 2 * np.pi, 700, endpoint=False)
RAGGED = (10 + np.sin(9 * ANGLES) + np.random.default_rng(0).uniform(0, 0.5, 700))[:, None]
SHAPES = {
    "ragged": shapely.Polygon(RAGGED * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)),
    "hole": shapely.Polygon([(0, 0), (9, 1), (10, 10), (0, 9)], [[(2, 2), (8, 2), (8, 8), (2, 8)]]),
    "islands": shapely.MultiPolygon([shapely.Point(at, at % 3).buffer(0.7) for at in range(0, 20, 2)]),
    "line": shapely.LineString([(0, 0), (3, 5), (7, 1)]),
    "points": shapely.MultiPoint([(0, 0), (1, 2)]),
    "sliver": shapely.Polygon([(0, 0), (1e-7, 0), (1e-7, 2e-7)]),
    "box": shapely.box(1, 2, 3, 4),
    "mixed": shapely.GeometryCollection(
        [
            shapely.Point(0, 0).buffer(1),
            shapely.LineString([(0, 0), (5, 5)]),
            shapely.MultiPolygon([shapely.box(7, 7, 8, 8)]),
        ]
    ),
}


@pytest.mark.parametrize("size", [0, 0.002, 0.05, 0.4])
@pytest.mark.parametrize("name", SHAPES)
def test_sure_answers_are_those_of_the_shape(name, size):
    shape = SHAPES[name]
    west, south, east, north = shapely.bounds(shape)
    reach = max(east - west, north - south)
    random = np.random.default_rng(1)
    x, y = (random.uniform(low - 0.1 * reach, low + 1.1 * reach, 5000) for low in (west, south))
    across = random.uniform(0, size, 5000) * reach
    inside, outside = Raster(shape).judge(x, y, x + across, y + across)
    met = shapely.intersects(shape, shapely.box(x, y, x + across, y + across) if size else shapely.points(x, y))
    assert met[inside].all()
    assert not met[outside].any()


def test_few_items_are_left_to_the_shape():
    x, y = np.random.default_rng(1).uniform(-10, 10, (2, 20_000))
    inside, outside = Raster(SHAPES["ragged"]).judge(x, y, x, y)
    assert (inside | outside).mean() > 0.97
    assert inside.sum() > 5000
