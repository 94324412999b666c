"""Metrics against golden values, against scikit-learn on 1000 random cases, and at their edges."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fieldglass import metrics
from fieldglass.errors import UsageError
from fieldglass.types import Ranking


def ranks(*places: int) -> np.ndarray:
    return np.array(places, dtype=np.int64)


def cases(count: int = 1000):
    """Score vectors without ties, with 1 to all items relevant."""
    for seed in range(count):
        random = np.random.default_rng(seed)
        size = int(random.integers(2, 60))
        relevant = np.zeros(size, dtype=bool)
        relevant[random.choice(size, int(random.integers(1, size + 1)), replace=False)] = True
        yield random.permutation(size) + random.random(), relevant, int(random.integers(1, size + 5))


def test_average_precision_is_that_of_scikit_learn():
    sklearn = pytest.importorskip("sklearn.metrics")
    for scores, relevant, _ in cases():
        found = metrics.average_precision(metrics.ranks_from_scores(scores, relevant), int(relevant.sum()))
        assert abs(found - sklearn.average_precision_score(relevant, scores)) < 1e-9


def test_average_precision_at_k_is_that_of_inquires_recipe():
    sklearn = pytest.importorskip("sklearn.metrics")
    for scores, relevant, k in cases():
        top = np.argsort(-scores)[:k]
        hits, positives = int(relevant[top].sum()), int(relevant.sum())
        wanted = sklearn.average_precision_score(relevant[top], scores[top]) * hits / min(positives, k) if hits else 0.0
        places = metrics.ranks_from_scores(scores, relevant)
        assert abs(metrics.average_precision(places, positives, k) - wanted) < 1e-9
        over_all = metrics.average_precision(places, positives, k, denominator="positives")
        assert abs(over_all - wanted * min(positives, k) / positives) < 1e-9


def test_ndcg_is_that_of_scikit_learn():
    sklearn = pytest.importorskip("sklearn.metrics")
    for scores, _, k in cases():
        gains = np.random.default_rng(len(scores)).integers(0, 4, len(scores))
        gains[0] = 1
        order = np.argsort(-scores)
        assert abs(metrics.ndcg(gains[order], k=k) - sklearn.ndcg_score([gains], [scores], k=k)) < 1e-9


def test_recall_and_precision_are_those_of_scikit_learn():
    sklearn = pytest.importorskip("sklearn.metrics")
    size, found = 60, []
    truth, taken = np.zeros((size, 1000), dtype=bool), np.zeros((size, 1000), dtype=bool)
    for column, (scores, relevant, k) in enumerate(cases()):
        truth[: len(relevant), column] = relevant
        taken[np.argsort(-scores)[:k], column] = True
        places = metrics.ranks_from_scores(scores, relevant)
        found.append((metrics.recall_at(places, int(relevant.sum()), k), metrics.precision_at(places, k) * k))
    recall, hits = np.array(found).T
    assert np.abs(recall - sklearn.recall_score(truth, taken, average=None)).max() < 1e-9
    assert np.abs(hits / taken.sum(0) - sklearn.precision_score(truth, taken, average=None)).max() < 1e-9


def test_hits_and_reciprocal_rank_are_those_of_scikit_learn():
    sklearn = pytest.importorskip("sklearn.metrics")
    for scores, _, k in cases():
        size, target = len(scores), int(k % len(scores))
        truth = np.arange(size) == target
        places = metrics.ranks_from_scores(scores, truth)
        wanted = sklearn.label_ranking_average_precision_score([truth], [scores])
        assert abs(metrics.reciprocal_rank(places) - wanted) < 1e-9
        if size > 2 and k < size:
            hit = sklearn.top_k_accuracy_score([target], [scores], k=k, labels=np.arange(size))
            assert metrics.hit_at(places, k) == hit


def test_micro_average_precision_is_that_of_scikit_learn_with_ties():
    sklearn = pytest.importorskip("sklearn.metrics")
    for seed in range(1000):
        random = np.random.default_rng(seed)
        scores, right = random.integers(0, 9, 50) / 8, random.random(50) < 0.3
        right[0] = True
        found = metrics.MicroAP()
        for score, mark in zip(scores, right, strict=True):
            found.add(score, mark)
        found.expect(int(right.sum()))
        assert abs(found.value() - sklearn.average_precision_score(right, scores)) < 1e-9


@pytest.mark.parametrize(("relevant", "value"), [("bdxyz", 0.2), ("bduvxyz", 0.2), ("b", 0.5), ("", 0.0)])
def test_average_precision_at_five(relevant, value):
    found = metrics.hit_ranks("abcde", set(relevant))
    assert metrics.average_precision(found, len(relevant), 5) == pytest.approx(value, abs=1e-9)


def test_inquire_check():
    found = metrics.hit_ranks("abcde", {"a", "c", "x", "y"})
    assert metrics.average_precision(found, 4, 5) == pytest.approx(0.416667, abs=1e-6)
    assert metrics.ndcg([1, 0, 1, 0, 0], [1, 1, 1, 1, 0, 0, 0], 5) == pytest.approx(0.585570, abs=1e-6)


def test_trapezoid_differs_from_the_step():
    assert metrics.trapezoid_ap(ranks(1, 3), 2) == pytest.approx(1 / 3)
    assert metrics.average_precision(ranks(1, 3), 2) == pytest.approx(0.5)
    assert metrics.trapezoid_ap(ranks(0, 2), 2) == pytest.approx(0.791667, abs=1e-6)
    assert metrics.average_precision(ranks(0, 2), 2) == pytest.approx(0.833333, abs=1e-6)
    assert metrics.trapezoid_ap(ranks(0), 1, epsilon=1e-5) == pytest.approx(1 / 1.00001)


def test_junk_is_taken_out():
    found = metrics.hit_ranks(["j1", "p1", "n1", "j2", "p2"], {"p1", "p2"}, junk={"j1", "j2"})
    assert found.tolist() == [0, 2]
    assert metrics.trapezoid_ap(found, 2) == pytest.approx(0.791667, abs=1e-6)


def test_doubles_count_once_and_move_nothing():
    assert metrics.hit_ranks(["a", "a", "b", "a", "c"], {"b", "c"}).tolist() == [1, 2]
    assert metrics.hit_ranks(iter("xa"), ["a", "a"]).tolist() == [1]


def test_ties_count_against_the_target():
    scores, target = [1.0, 1.0, 1.0, 0.5], [True, False, False, False]
    assert metrics.ranks_from_scores(scores, target).tolist() == [2]
    assert metrics.ranks_from_scores(scores, target, ties="for").tolist() == [0]
    assert metrics.ranks_from_scores(scores, [False, True, False, False], ties="order").tolist() == [1]
    assert metrics.ranks_from_scores([np.nan, -np.inf, np.nan], [True, False, False]).tolist() == [2]
    with pytest.raises(UsageError, match="ties"):
        metrics.ranks_from_scores(scores, target, ties="lucky")
    with pytest.raises(UsageError, match="shape"):
        metrics.ranks_from_scores(scores, [True])


def test_random_scores_find_one_of_fifteen():
    random = np.random.default_rng(0)
    target = np.arange(15) == 0
    for quantised in (False, True):
        scores = random.random((6000, 15)) if not quantised else random.integers(0, 50, (6000, 15)) / 50
        hits = np.mean([metrics.hit_at(metrics.ranks_from_scores(row, target), 1) for row in scores])
        assert hits < 1 / 15 + 0.01 and (quantised or hits > 1 / 15 - 0.01)


def test_edges():
    none = ranks()
    assert metrics.hit_at(none, 5) == metrics.recall_at(none, 0, 5) == metrics.reciprocal_rank(none) == 0
    assert metrics.precision_within(none, 5) == metrics.trapezoid_ap(none, 0) == metrics.ndcg([0, 0]) == 0
    assert metrics.hit_at(ranks(2), 1000) == 1  # k beyond the gallery
    assert metrics.precision_at(ranks(0), 10) == 0.1  # fewer than k
    assert metrics.precision_within(ranks(0, 1), 10) == 1
    with pytest.raises(UsageError):
        metrics.hit_at(none, 0)
    with pytest.raises(UsageError):
        metrics.average_precision(ranks(0), 1, 5, denominator="half")


def test_best_log_rank_integral():
    assert metrics.bri([0] * 11) == 0
    assert metrics.bri([9, 20, 0]) == pytest.approx((math.log(10) + math.log(10) / 2) / 2)
    assert metrics.bri([4]) == pytest.approx(math.log(5))
    for seed in range(200):  # never better for ranks that are nowhere better
        random = np.random.default_rng(seed)
        good = random.integers(0, 100, 11)
        assert metrics.bri(good) <= metrics.bri(good + random.integers(0, 5, 11)) + 1e-12
    by_round = metrics.hits_by_round([[20, 3, 50], [0, 9, 9], [50, 50, 11]], 10)
    assert by_round.tolist() == pytest.approx([1 / 3, 2 / 3, 2 / 3])
    with pytest.raises(UsageError):
        metrics.bri([])


def test_micro_average_precision_knows_what_was_missed():
    found = metrics.MicroAP()
    found.add(0.9, True)
    found.add(float("nan"), False)
    found.expect(2)
    assert found.value() == pytest.approx(0.5)
    found.add(0.1, True)
    found.add(0.2, True)
    with pytest.raises(UsageError, match="expected"):
        found.value()


def test_a_tally_leaves_out_what_does_not_count():
    tally = metrics.Tally()
    for query, value in (("a", 1.0), ("b", float("nan")), ("c", 0.5)):
        tally.add("mAP", query, value)
    assert tally.mean("mAP") == 0.75 and tally.mean("other") == 0
    assert tally.metrics == ("mAP",) and tally.queries["mAP"] == ["a", "b", "c"]


def test_a_tally_knows_which_metrics_are_no_shares():
    tally = metrics.Tally()
    tally.add("R@1", "a", 1.0)
    tally.add("deviation km", "a", 12.5, plain=True)
    assert tally.plain == {"deviation km"} and tally.mean("deviation km") == 12.5


def test_nmrr_by_hand_and_at_its_ends():
    assert metrics.nmrr(ranks(0, 1, 2), 3) == 0
    assert metrics.nmrr(ranks(), 3) == metrics.nmrr(ranks(6, 7), 3) == 1  # K = 6: rank 7 is outside
    # K = 4, late = 5: (1 + 4) / 2 and (1 + 5) / 2 less 1.5, over 3.5
    assert metrics.nmrr(ranks(0, 3), 2) == pytest.approx((2.5 - 1.5) / 3.5)
    assert metrics.nmrr(ranks(0, 4), 2) == pytest.approx((3.0 - 1.5) / 3.5)
    assert metrics.nmrr(ranks(), 0) == 0
    with pytest.raises(UsageError, match="were retrieved"):
        metrics.nmrr(ranks(0, 1), 1)
    with pytest.raises(UsageError, match="window"):
        metrics.nmrr(ranks(0), 1, window=0.5)


def test_both_ways_reads_the_columns_of_the_scores():
    scores = np.random.default_rng(0).random((7, 4))
    both = metrics.BothWays(list("wxyz"))
    for number, row in enumerate(scores):
        order = np.argsort(-row)[: 4 if number else 3]  # the first ranking lacks an item
        both.add(str(number), Ranking(order, row[order], ids=tuple("wxyz"[each] for each in order)))
    lacking = int(scores[0].argmin())
    relevant = np.arange(7) < 2
    for column, name in enumerate("wxyz"):
        values = scores[:, column].copy()
        if column == lacking:
            values[0] = -1
        wanted = sorted(int((values > values[place]).sum()) for place in (0, 1))
        assert both.query_ranks(name, relevant).tolist() == wanted
    assert np.isnan(both.scores("wxyz"[lacking])[0])


def test_the_bootstrap_covers_the_mean():
    random = np.random.default_rng(1)
    covered = 0
    for seed in range(200):
        low, high = metrics.bootstrap(random.random(60) < 0.3, seed=seed, resamples=400)
        covered += low <= 0.3 <= high
    assert 180 <= covered <= 200  # of 200, 95 % expected
    assert metrics.bootstrap([]) == (0, 0)
    assert metrics.bootstrap([0.5, 0.5, np.nan]) == (0.5, 0.5)


def test_paired_test_agrees_with_all_sign_flips():
    a = np.array([0.1, 0.2, 0.3, 0.1, 0.5, 0.2, 0.4, 0.3])
    b = a + np.array([0.1, 0.05, -0.02, 0.2, 0.1, 0.3, -0.05, 0.12])
    signs = np.array(np.meshgrid(*[[-1, 1]] * 8)).reshape(8, -1)
    exact = np.mean(np.abs((b - a) @ signs) >= abs((b - a).sum()) - 1e-12)
    found = metrics.compare(a, b, resamples=40_000)
    assert found.mean == pytest.approx((b - a).mean()) and found.low < found.mean < found.high
    assert found.p == pytest.approx(exact, abs=0.01)
    assert metrics.compare(a, a).p == 1
    assert metrics.compare(a, a + 1).p < 0.02
    with pytest.raises(UsageError, match="paired"):
        metrics.compare(a, a[1:])
