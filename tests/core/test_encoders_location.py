"""Spherical harmonics and SatCLIP's network, by golden values and by the closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fieldglass.encoders.location import SatClipLocation, harmonics
from fieldglass.errors import UsageError, WeightsError

# (longitude, latitude) -> the first nine, orthonormal
GOLDEN = {
    (0, 0): [0.282095, 0, 0, 0.488603, 0, 0, -0.315392, 0, 0.546274],
    (90, 0): [0.282095, 0.488603, 0, 0, 0, 0, -0.315392, 0, -0.546274],
    (13.4, 52.5): [0.282095, 0.068932, -0.387634, 0.289345, 0.091277, -0.122284, 0.280140, -0.513295, 0.180699],
}


@pytest.mark.parametrize("at", GOLDEN)
def test_golden_vectors(at):
    assert harmonics(np.array([at[::-1]]), 3)[0] == pytest.approx(GOLDEN[at], abs=2e-6)


def test_legacy_terms_of_order_zero_are_pi_times_larger():
    pole = np.array([[-90.0, 0.0]])  # the polar angle is 0 there: only order 0 is left
    zero = [0, 2, 6]
    assert harmonics(pole, 3)[0, zero] == pytest.approx([0.282095, 0.488603, 0.630783], abs=1e-6)
    assert harmonics(pole, 3, "legacy_pi")[0, zero] == pytest.approx([0.886227, 1.534990, 1.981664], abs=1e-6)
    rest = [column for column in range(9) if column not in zero]
    places = np.array([[12.0, 34.0]])
    assert np.array_equal(harmonics(places, 3)[:, rest], harmonics(places, 3, "legacy_pi")[:, rest])


@pytest.mark.parametrize(("degrees", "total"), [(10, 7.957747), (40, 127.323954)])
def test_squares_add_up_everywhere(degrees, total):
    rng = np.random.default_rng(0)
    places = np.stack([np.degrees(np.arcsin(rng.uniform(-1, 1, 200))), rng.uniform(-180, 180, 200)], axis=1)
    assert np.allclose((harmonics(places, degrees) ** 2).sum(axis=1), total, rtol=1e-7)


def test_the_antimeridian_is_no_seam_and_poles_have_no_longitude():
    found = harmonics(np.array([[40.0, -180.0], [40.0, 180.0], [90.0, 0.0], [90.0, 77.0]]), 10)
    assert np.allclose(found[0], found[1], atol=1e-12) and np.allclose(found[2], found[3], atol=1e-12)


def state(degrees: int = 4, width: int = 8, out: int = 6, depth: int = 2, prefix: str = "model.location.") -> dict:
    rng = np.random.default_rng(0)
    sizes = [degrees**2, *[width] * depth, out]
    names = [*(f"nnet.layers.{row}" for row in range(depth)), "nnet.last_layer"]
    found = {}
    for name, rows, columns in zip(names, sizes[1:], sizes, strict=False):
        found[f"{prefix}{name}.weight"] = rng.normal(0, 1 / columns, (rows, columns))
        found[f"{prefix}{name}.bias"] = rng.normal(0, 0.1, rows)
    return found


def test_the_network_is_sines_after_a_frequency_of_30():
    tensors, places = state(), np.array([[52.5, 13.4], [-33.9, 151.2]])
    encoder = SatClipLocation(tensors)
    found = harmonics(places, 4, "legacy_pi")
    w = {name.removeprefix("model.location.nnet."): value for name, value in tensors.items()}
    first = np.sin(30 * (found @ w["layers.0.weight"].T + w["layers.0.bias"]))
    second = np.sin(first @ w["layers.1.weight"].T + w["layers.1.bias"])
    assert np.allclose(encoder(places), second @ w["last_layer.weight"].T + w["last_layer.bias"], atol=1e-12)
    assert (encoder.degrees, encoder.dim) == (4, 6) and math.isclose(encoder(places)[0, 0], encoder(places[:1])[0, 0])
    assert not np.allclose(encoder(places), SatClipLocation(tensors, variant="orthonormal")(places))


def test_what_is_wrong_is_said():
    with pytest.raises(WeightsError, match="lacks"):
        SatClipLocation({name: value for name, value in state().items() if "layers.1.bias" not in name})
    with pytest.raises(WeightsError, match="besides"):
        SatClipLocation({**state(), "nnet.extra": np.zeros(1)})
    with pytest.raises(WeightsError, match="do not fit"):
        SatClipLocation({**state(), "model.location.nnet.last_layer.bias": np.zeros(3)})
    with pytest.raises(UsageError, match="orthonormal"):
        SatClipLocation(state(), variant="analytic")
    with pytest.raises(UsageError, match="latitude"):
        harmonics(np.array([[151.2, -33.9]]), 3)
