"""The best point, the radius and the probabilities of places on the sphere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fieldglass_geo.gallery.points import unit_vectors
from fieldglass_geo.locating.cells import cells
from fieldglass_geo.locating.spread import away_km, degrees_of, mode, probabilities, radius_km


def best(places, weights, km=25.0):
    lat, lon = np.array(places, dtype=np.float64).T
    weights = np.array(weights, dtype=np.float64)
    return degrees_of(mode(unit_vectors(lat, lon), weights, cells(lat, lon, km), km))


def test_haversine_golden_values():
    places = unit_vectors(np.array([40.7128, 34.0522, 0, 0, 0]), np.array([-74.0060, -118.2437, 179.9, -179.9, 1.0]))
    scale = 6371 / 6371.0088
    assert away_km(places, places[0])[1] * scale == pytest.approx(3935.746, abs=1e-3)
    assert away_km(places, places[2])[3] * scale == pytest.approx(22.2390, abs=1e-4)
    origin = unit_vectors(np.array([0.0]), np.array([0.0]))[0]
    assert away_km(places, origin)[4] == pytest.approx(111.19508, abs=1e-5)


def test_the_best_point_is_a_mode_and_no_mean():
    found = best([(38.72, -9.14), (38.73, -9.15), (49.28, -123.12)], [0.3, 0.3, 0.4])
    assert found == pytest.approx((38.725, -9.145), abs=1e-3)  # two near one another outweigh the likeliest one


def test_the_best_point_lies_across_the_antimeridian_and_at_the_pole():
    lat, lon = best([(0, 179.95), (0, -179.95), (10, 0)], [0.4, 0.4, 0.2])
    assert lat == pytest.approx(0, abs=1e-9)
    assert abs(lon) == pytest.approx(180, abs=1e-6)
    lat, _ = best([(89.95, 0), (89.95, 120), (89.95, -120), (0, 0)], [0.25, 0.25, 0.25, 0.25])
    assert lat == pytest.approx(90, abs=1e-6)


def test_one_point_is_its_own_best_point_with_no_radius():
    vectors = unit_vectors(np.array([64.15]), np.array([-21.94]))
    assert best([(64.15, -21.94)], [1.0]) == pytest.approx((64.15, -21.94))
    assert radius_km(vectors, np.array([1.0]), vectors[0], 0.9) == 0.0


def test_places_that_cancel_out_have_a_best_point_too():
    lat, lon = best([(0, 0), (0, 180)], [0.5, 0.5], km=30_000)
    assert np.isfinite([lat, lon]).all()


@given(
    st.lists(st.tuples(st.floats(-90, 90), st.floats(-180, 180), st.floats(0.001, 1)), min_size=1, max_size=40),
    st.sampled_from([0.1, 0.5, 0.9, 0.999]),
)
@settings(max_examples=50, deadline=None)
def test_the_radius_holds_its_coverage_and_no_smaller_one_does(places, coverage):
    lat, lon, weights = np.array(places).T
    weights = weights / weights.sum()
    vectors = unit_vectors(lat, lon)
    at = mode(vectors, weights, cells(lat, lon, 25.0), 25.0)
    assert np.linalg.norm(at) == pytest.approx(1)
    away = away_km(vectors, at)
    radius = radius_km(vectors, weights, at, coverage)
    assert weights[away <= radius].sum() >= coverage - 1e-9
    assert weights[away < radius].sum() < coverage + 1e-9


@given(st.floats(-80, 80), st.floats(-180, 179))
@settings(max_examples=25, deadline=None)
def test_turning_the_globe_turns_the_best_point(lat, turn):
    lats = np.array([lat, lat + 0.1, lat - 0.1, -lat])
    lons = np.array([0.0, 0.1, -0.1, 90.0])
    weights = np.array([0.2, 0.3, 0.3, 0.2])
    one = mode(unit_vectors(lats, lons), weights, cells(lats, lons, 50.0), 50.0)
    other = mode(unit_vectors(lats, lons + turn), weights, cells(lats, lons + turn, 50.0), 50.0)
    there = np.radians(turn)
    turned = np.array([[np.cos(there), -np.sin(there), 0], [np.sin(there), np.cos(there), 0], [0, 0, 1]]) @ one
    assert away_km(other[None], turned)[0] < 0.01


def test_probabilities_are_a_softmax_weighted_by_the_prior():
    scores = np.array([0.3, 0.1, -0.5], dtype=np.float32)
    expected = np.exp(39.687 * scores.astype(np.float64))
    assert probabilities(scores, 39.687) == pytest.approx(expected / expected.sum(), rel=1e-4)
    prior = np.array([1.0, 5.0, 0.5])
    assert probabilities(scores, 39.687, prior) == pytest.approx(expected * prior / (expected * prior).sum(), rel=1e-4)
    assert np.isfinite(probabilities(np.array([1.0, -1.0], dtype=np.float32), 1e4)).all()


def test_cells_are_of_about_the_same_area_everywhere():
    lat, lon = np.full(4000, 70.0), np.linspace(-180, 179.99, 4000)
    assert len(np.unique(cells(lat, lon, 100.0))) == pytest.approx(40030 * np.cos(np.radians(70)) / 100, rel=0.02)
    assert cells(np.array([0.0, 0.0]), np.array([-180.0, 180.0]), 50.0).tolist() == [0, 0]
