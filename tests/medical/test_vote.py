"""The vote and its calibration, against values computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fieldglass.errors import UsageError
from fieldglass_medical.calibration import Calibration, cross_fitted, expected_calibration_error, fit, isotonic
from fieldglass_medical.vote import vote, weights


def test_weights_are_a_softmax():
    assert weights([0.9, 0.8, 0.8], 0.1).tolist() == pytest.approx(
        [math.e / (math.e + 2), 1 / (math.e + 2), 1 / (math.e + 2)]
    )
    assert weights([0.5], 0.01).tolist() == [1.0]
    assert weights([900.0, 0.0], 1).tolist() == pytest.approx([1, 0])


def test_two_far_neighbours_may_outvote_one_that_is_near():
    near = vote(["adenoma", "hyperplastic", "hyperplastic"], [0.9, 0.8, 0.8], tau=0.1)
    assert near.label == "adenoma"
    assert near.share == pytest.approx(math.e / (math.e + 2))
    heads = vote(["adenoma", "hyperplastic", "hyperplastic"], [0.9, 0.8, 0.8], tau=10)
    assert heads.label == "hyperplastic"
    assert heads.shares["hyperplastic"] == pytest.approx(2 / (2 + math.exp(0.01)))


def test_equal_weights_go_to_the_first_of_the_alphabet():
    assert vote(["b", "a"], [0.5, 0.5]).label == "a"


def test_it_abstains_below_the_confidence_that_is_asked_for():
    said = vote(["a", "b"], [0.5, 0.5], abstain=0.6)
    assert (said.label, said.leading, said.reason) == (None, "a", "confidence below 0.6")
    assert vote([], []).label is None


@pytest.mark.parametrize("given", [{"tau": 0}, {"tau": -1}, {"abstain": 1.5}])
def test_what_cannot_be_is_told(given):
    with pytest.raises(UsageError):
        vote(["a"], [0.5], **given)
    with pytest.raises(UsageError):
        weights([float("nan")])


def test_isotonic_pools_what_falls():
    """Shares .2 .4 .6 .8 with 0, 1, 0, 1 right: .4 and .6 are pooled to one half."""
    knots, rates = isotonic(np.array([0.8, 0.2, 0.6, 0.4]), np.array([1.0, 0.0, 0.0, 1.0]))
    assert knots.tolist() == [0.2, 0.4, 0.6, 0.8]
    assert rates.tolist() == [0, 0.5, 0.5, 1]
    assert Calibration("isotonic", tuple(knots), tuple(rates)).of(0.3) == pytest.approx(0.25)


def test_isotonic_is_that_of_scikit_learn():
    sklearn = pytest.importorskip("sklearn.isotonic")
    rng = np.random.default_rng(0)
    shares = rng.integers(0, 40, 300) / 40
    right = (rng.random(300) < shares).astype(float)
    found = fit(shares, right).apply(shares)
    wanted = sklearn.IsotonicRegression().fit_transform(shares, right)
    assert found == pytest.approx(wanted)


def test_temperature_finds_the_one_that_made_the_data():
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, 20_000)
    right = rng.random(20_000) < 1 / (1 + np.exp(-logits / 3))
    found = fit(1 / (1 + np.exp(-logits)), right, "temperature")
    assert found.temperature == pytest.approx(3, rel=0.1)


def test_expected_calibration_error_by_hand():
    """Bins of a tenth: {.91, .93} with one right: |1 - 1.84|; {.35} wrong: .35; over 3."""
    assert expected_calibration_error([0.91, 0.93, 0.35], [1, 0, 0]) == pytest.approx((0.84 + 0.35) / 3)
    assert expected_calibration_error([1.0, 0.0], [1, 0]) == 0
    assert math.isnan(expected_calibration_error([], []))


def test_calibration_lowers_the_error_on_patients_it_has_not_seen():
    rng = np.random.default_rng(2)
    shares = rng.random(2000)
    right = rng.random(2000) < 1 / (1 + np.exp(-np.log(shares / (1 - shares)) / 3))  # far too sure
    patients = rng.integers(0, 100, 2000)
    before = expected_calibration_error(shares, right)
    for method in ("isotonic", "temperature"):
        after = expected_calibration_error(cross_fitted(shares, right, patients, method), right)
        assert after < before - 0.02
    assert expected_calibration_error(cross_fitted(shares, right, patients, "isotonic"), right) < 0.05


def test_a_patient_is_never_in_the_fit_of_its_own_confidence():
    """One patient that is always wrong at .9, all others right: its own confidence stays high."""
    shares = np.full(20, 0.9)
    right = np.ones(20)
    right[:5] = 0
    patients = np.repeat(np.arange(4), 5)
    assert cross_fitted(shares, right, patients, "isotonic")[:5].tolist() == [1.0] * 5
