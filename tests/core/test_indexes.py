"""Indexes alone: what they propose, what survives a save, and what a damaged file does."""

from __future__ import annotations

import numpy as np
import pytest

from fieldglass.errors import DamagedError, UsageError
from fieldglass.indexes.binary import Binary
from fieldglass.indexes.exact import Exact
from fieldglass.indexes.ivf import Ivf
from fieldglass.testing import IndexContract
from galleries import random_rows, unit

DIM = 32


def clustered(count, seed=0):
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((40, DIM))
    return unit(centres[random.integers(0, 40, count)] + 0.4 * random.standard_normal((count, DIM)))


ROWS = clustered(5000)
ASKED = clustered(50, seed=1)
TRUE = np.argsort(-(ASKED.astype(np.float64) @ ROWS.T), axis=1)[:, :10]


def filled(kind):
    index = kind()
    for start in (0, 3000):
        part = ROWS[start : start + 3000]
        index.add(np.arange(start, start + len(part)) * 2, part)  # rows are positions, with gaps
    return index


def recall(found, true):
    return np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(found.tolist(), true.tolist(), strict=True)])


def test_exact_gives_the_nearest_in_order():
    assert (filled(Exact).candidates(ASKED, 10, None) == TRUE * 2).all()


def test_ivf_finds_the_nearest_among_its_candidates():
    assert recall(filled(Ivf).candidates(ASKED, 200, None), TRUE * 2) > 0.98


@pytest.mark.parametrize("kind", [Exact, Ivf])
def test_a_bitmap_bars_rows_and_k_beyond_them_is_padded(kind):
    allow = np.zeros(10_000, dtype=bool)
    allow[[0, 2, 4, 6]] = True
    found = filled(kind).candidates(ASKED[:3], 10, allow)
    assert found.shape == (3, 10)
    assert [sorted(row[row >= 0].tolist()) for row in found] == [[0, 2, 4, 6]] * 3
    assert (found[:, 4:] == -1).all()


@pytest.mark.parametrize("kind", [Exact, Ivf])
def test_nothing_in_it_and_nothing_asked(kind):
    assert (kind().candidates(ASKED[:2], 3, None) == -1).all()
    assert filled(kind).candidates(ASKED[:2], 0, None).shape == (2, 0)


@pytest.mark.parametrize("kind", [Exact, Ivf])
def test_what_was_saved_answers_bit_for_bit(kind, tmp_path):
    index = filled(kind)
    index.save(tmp_path / "index")
    loaded = kind().load(tmp_path / "index")
    assert (loaded.candidates(ASKED, 50, None) == index.candidates(ASKED, 50, None)).all()
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "index").read_bytes()
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["again", "index"]


@pytest.mark.parametrize("kind", [Exact, Ivf])
def test_a_damaged_file_is_never_loaded(kind, tmp_path):
    path = tmp_path / "index"
    filled(kind).save(path)
    whole = path.read_bytes()
    random = np.random.default_rng(0)
    for place in random.integers(0, len(whole), 40):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << int(random.integers(0, 8))
        path.write_bytes(flipped)
        with pytest.raises(DamagedError):
            kind().load(path)
    for length in (0, 5, 20, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(DamagedError):
            kind().load(path)


def test_another_kind_of_index_is_refused(tmp_path):
    filled(Exact).save(tmp_path / "index")
    with pytest.raises(DamagedError, match="of kind 'exact', not 'ivf'"):
        Ivf().load(tmp_path / "index")


def test_tuning_reaches_its_target_and_is_saved(tmp_path):
    index = filled(Ivf)
    far = unit(0.3 * ASKED + np.sqrt(1 - 0.09) * random_rows(50, DIM, seed=4))
    true = np.argsort(-(far.astype(np.float64) @ ROWS.T), axis=1)[:, :10]
    index.tune({"picture": (ASKED, TRUE * 2), "text": (far, true * 2)}, 0.95)
    settings = index.settings
    assert min(each.recall for each in settings.values()) >= 0.95
    assert settings["picture"].near > settings["text"].near
    for queries, truth in ((ASKED, TRUE), (far, true)):
        assert recall(index.candidates(queries, index.depth, None), truth * 2) >= 0.95
    index.save(tmp_path / "index")
    assert Ivf().load(tmp_path / "index").settings == settings


@pytest.mark.parametrize("count", [1, 3, 20])
@pytest.mark.parametrize("dim", [2, 7, 48])
def test_few_rows_and_odd_dimensions(count, dim):
    rows = random_rows(count, dim)
    index = Ivf()
    index.add(np.arange(count), rows)
    found = index.candidates(rows, count, None)
    for row, proposed in enumerate(found.tolist()):
        assert row in proposed
        assert set(proposed) <= {-1, *range(count)}


def test_vectors_of_another_size_are_refused():
    with pytest.raises(UsageError, match="32 dimensions, not 8"):
        filled(Ivf).add(np.array([1]), random_rows(1, 8))


class TestBinary(IndexContract):
    """Ten bits of thirty-two say little: what it is for has 1024."""

    index = "binary"
    recall = 0.5


def test_the_binary_index_orders_signs_as_their_inner_product():
    random = np.random.default_rng(0)
    signs = np.where(random.standard_normal((500, 64)) > 0, 1, -1).astype(np.float32) / 8
    index = Binary()
    index.add(np.arange(500) * 3, signs)
    found = index.candidates(signs[:20], 10, None)
    scores = signs[:20] @ signs.T
    for row, rows in enumerate(found):
        assert rows[0] == 3 * row
        assert np.allclose(scores[row][rows // 3], np.sort(scores[row])[::-1][:10], atol=1e-6)
