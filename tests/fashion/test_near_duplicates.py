"""Near duplicates: what is the same picture, and what only looks so."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from fieldglass_fashion.near_duplicates import WIDTH, groups, signature


def photo(seed: int, side: int = 200) -> np.ndarray:
    """Smooth noise, as unlike another as two photographs are."""
    small = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC))


def saved(pixels: np.ndarray, **how) -> np.ndarray:
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", **how)
    return np.asarray(Image.open(data))


def test_saved_and_made_smaller_it_is_the_same():
    copies = [photo(1), saved(photo(1), quality=60), np.asarray(Image.fromarray(photo(1)).resize((90, 90)))]
    found = groups(np.stack([signature(each) for each in [*copies, photo(2), photo(3)]]))
    assert found.tolist() == [0, 0, 0, 3, 4]


def test_the_same_cut_in_another_colour_is_another_product():
    grey = photo(1).mean(axis=2, keepdims=True)
    red, blue = (np.uint8(grey * np.array(colour)) for colour in ((1.0, 0.2, 0.2), (0.2, 0.2, 1.0)))
    assert groups(np.stack([signature(red), signature(blue)])).tolist() == [0, 1]


def test_blank_pictures_are_one_group_and_take_no_one_along():
    blank = np.full((60, 60, 3), 250, dtype=np.uint8)
    found = groups(np.stack([signature(each) for each in [*[blank] * 300, photo(5)]]))
    assert set(found[:300]) == {0} and found[300] == 300


def test_groups_do_not_depend_on_the_order():
    rows = np.stack([signature(photo(seed // 2)) for seed in range(40)])
    order = np.random.default_rng(0).permutation(40)
    one, other = groups(rows), groups(rows[order])
    together = {frozenset(np.flatnonzero(one == each)) for each in one}
    assert together == {frozenset(order[np.flatnonzero(other == each)]) for each in other}
    assert len(together) == 20


def test_many_unlike_pictures_stay_apart_quickly():
    rows = np.random.default_rng(0).integers(0, 256, (20_000, WIDTH), dtype=np.uint8)
    assert len(set(groups(rows).tolist())) == 20_000
    assert groups(rows[:0]).tolist() == []
