"""Metrics against trec_eval, by way of its Python bindings, and the paired test against scipy's."""

from __future__ import annotations

import numpy as np
import pytest

from fieldglass import metrics
from test_evaluation_metrics import cases

DEPTHS = (1, 5, 10, 50)


@pytest.fixture(scope="module")
def judged():
    """1000 random cases: what trec_eval says of each, with the case."""
    trec = pytest.importorskip("pytrec_eval")
    every = list(cases())
    gains = [np.random.default_rng(n).integers(1, 4, len(scores)) * right for n, (scores, right, _) in enumerate(every)]
    truth = {f"q{n}": {f"d{item}": int(gain) for item, gain in enumerate(mine)} for n, mine in enumerate(gains)}
    run = {
        f"q{n}": {f"d{item}": float(score) for item, score in enumerate(scores)}
        for n, (scores, _, _) in enumerate(every)
    }
    depths = ",".join(map(str, DEPTHS))
    wanted = {"map", "recip_rank", "ndcg", *(f"{name}.{depths}" for name in ("map_cut", "ndcg_cut", "recall", "P"))}
    found = trec.RelevanceEvaluator(truth, wanted).evaluate(run)
    return [(*case[:2], mine, found[f"q{n}"]) for n, (case, mine) in enumerate(zip(every, gains, strict=True))]


def test_average_precision_and_reciprocal_rank(judged):
    for scores, relevant, _, wanted in judged:
        places, positives = metrics.ranks_from_scores(scores, relevant), int(relevant.sum())
        assert abs(metrics.average_precision(places, positives) - wanted["map"]) < 1e-9
        assert abs(metrics.reciprocal_rank(places) - wanted["recip_rank"]) < 1e-9
        for k in DEPTHS:
            found = metrics.average_precision(places, positives, k, denominator="positives")
            assert abs(found - wanted[f"map_cut_{k}"]) < 1e-9
            other = metrics.average_precision(places, positives, k)
            assert abs(other - wanted[f"map_cut_{k}"] * positives / min(positives, k)) < 1e-9


def test_recall_and_precision(judged):
    for scores, relevant, _, wanted in judged:
        places, positives = metrics.ranks_from_scores(scores, relevant), int(relevant.sum())
        for k in DEPTHS:
            assert abs(metrics.recall_at(places, positives, k) - wanted[f"recall_{k}"]) < 1e-9
            assert abs(metrics.precision_at(places, k) - wanted[f"P_{k}"]) < 1e-9


def test_ndcg(judged):
    for scores, _, gains, wanted in judged:
        listed = gains[np.argsort(-scores)]
        assert abs(metrics.ndcg(listed) - wanted["ndcg"]) < 1e-9
        for k in DEPTHS:
            assert abs(metrics.ndcg(listed, gains, k) - wanted[f"ndcg_cut_{k}"]) < 1e-9


def test_the_paired_test_is_scipys():
    """Ours draws 20 000 signs; scipy's goes through all of them, for so few queries: within four standard errors."""
    stats = pytest.importorskip("scipy.stats")
    for seed in range(8):
        random = np.random.default_rng(seed)
        a = random.random(10)
        b = a + random.normal(0.1 * (seed % 4), 0.3, 10)
        exact = stats.permutation_test(
            (b, a), lambda x, y, axis: np.mean(x - y, axis=axis), permutation_type="samples", vectorized=True
        ).pvalue
        found = metrics.compare(a, b, resamples=20_000, seed=seed).p
        assert abs(found - exact) < 4 * np.sqrt(exact * (1 - exact) / 20_000) + 1 / 20_000
