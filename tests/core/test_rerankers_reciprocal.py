"""k-reciprocal: the published algorithm step by step, its ends, and what it leaves alone."""

from __future__ import annotations

import numpy as np
import pytest

from fieldglass.errors import UsageError
from fieldglass.rerankers.reciprocal import KReciprocal
from fieldglass.testing import RerankerContract
from fieldglass.testing.gallery import ArrayGallery
from fieldglass.types import Fusion, Probe, Probes, Query
from galleries import random_rows


class TestKReciprocal(RerankerContract):
    reranker = "k-reciprocal"


def asked(rows, vector, fusion=None, **options):
    rows = np.asarray(rows, dtype=np.float32)[:, None]
    view = ArrayGallery([str(row) for row in range(len(rows))], {"image": rows})
    vectors = np.asarray(vector, dtype=np.float32)[None]
    probes = Probes((Probe("image", vectors),), fusion or Fusion("image", "linear"))
    before = view.neighbours("image", vectors, len(rows))[0]
    return before, KReciprocal(**options).rerank(Query(), probes, before, view)


def step_by_step(nodes, k1, k2, weight):
    """Sets and loops, as the paper's section 3 tells it."""
    count = len(nodes)
    apart = np.array([[max(2 - 2 * float(a @ b), 0.0) if a is not b else 0.0 for b in nodes] for a in nodes])
    apart /= apart.max(axis=1, keepdims=True)
    order = [sorted(range(count), key=lambda other, row=row: (apart[row, other], other)) for row in range(count)]

    def reciprocal(row, k):
        return {other for other in order[row][: k + 1] if row in order[other][: k + 1]}

    shares = np.zeros((count, count))
    for row in range(count):
        own = reciprocal(row, k1)
        wide = set(own)
        for member in own:
            theirs = reciprocal(member, round(k1 / 2))
            if len(theirs & own) > 2 / 3 * len(theirs):
                wide |= theirs
        for other in wide:
            shares[row, other] = np.exp(-apart[row, other])
        shares[row] /= shares[row].sum()
    shares = np.stack([np.mean([shares[other] for other in order[row][:k2]], axis=0) for row in range(count)])
    found = []
    for row in range(1, count):
        least = np.minimum(shares[0], shares[row]).sum()
        most = np.maximum(shares[0], shares[row]).sum()
        found.append((1 - weight) * (1 - least / most) + weight * apart[0, row])
    return 1 - np.array(found)


@pytest.mark.parametrize(("k1", "k2", "weight"), [(20, 6, 0.3), (5, 1, 0.0), (7, 3, 1.0), (200, 90, 0.5), (1, 1, 0.3)])
def test_any_gallery_is_as_the_paper_says(k1, k2, weight):
    centres = random_rows(6, dim=12, seed=k1)
    rows = centres[np.arange(80) % 6] + 0.5 * random_rows(80, dim=12, seed=k2)
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    query = rows[0] * 0.9 + 0.1 * centres[1]
    query /= np.linalg.norm(query)
    before, after = asked(rows, query, m=60, k1=k1, k2=k2, weight=weight)
    nodes = list(np.concatenate([[query], rows[before.positions[:60]]]).astype(np.float64))
    wanted = dict(zip(before.positions[:60].tolist(), step_by_step(nodes, k1, k2, weight), strict=True))
    got = dict(zip(after.positions[:60].tolist(), after.scores[:60], strict=True))
    assert got == pytest.approx(wanted, abs=1e-5)
    assert after.positions[60:].tolist() == before.positions[60:].tolist()


def test_the_distance_alone_keeps_the_order():
    rows = random_rows(50, dim=12)
    before, after = asked(rows, random_rows(1, dim=12, seed=7)[0], weight=1.0)
    assert after.positions.tolist() == before.positions.tolist()


def test_items_of_one_kind_come_nearer():
    """Noisy copies of ten things: more of the query's own kind among its first hits than by distance alone."""
    centres, shares = random_rows(10, dim=24, seed=1), []
    for seed in range(20):
        rows = centres[np.arange(200) % 10] + random_rows(200, dim=24, seed=100 + seed)
        query = centres[3] + random_rows(1, dim=24, seed=500 + seed)[0]
        rows, query = (each / np.linalg.norm(each, axis=-1, keepdims=True) for each in (rows, query))
        shares.append([np.mean(each.positions[:20] % 10 == 3) for each in asked(rows, query)])
    before, after = np.mean(shares, axis=0)
    assert after > before + 0.05


def test_what_is_no_single_vector_is_left_and_told():
    before, after = asked(
        random_rows(9), random_rows(1, seed=3)[0], Fusion("weicom", "moments", lambda parts: parts[0])
    )
    assert after.positions.tolist() == before.positions.tolist() and "weicom is not" in after.notes[0]


@pytest.mark.parametrize("options", [{"m": 0}, {"k1": 0}, {"k2": 0}, {"weight": 1.1}])
def test_what_is_refused(options):
    with pytest.raises(UsageError, match="k-reciprocal takes"):
        KReciprocal(**options)
