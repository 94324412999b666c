"""Maps of what makes two pictures alike: they mark the right place, and lie over the part that the encoder looks at."""

from __future__ import annotations

import numpy as np
import pytest

from fieldglass.errors import UsageError
from fieldglass.registry import registry
from fieldglass.testing.tiny import TinyEncoder
from fieldglass.types import Sample
from fieldglass_medical.looked_at import WHOLE, looked_at
from fieldglass_medical.similarity_map import drawn, similarity_maps


def picture(at, size=(64, 64), colour=(250, 20, 20)):
    """Grey, with a square of a colour at (row, column)."""
    found = np.full((*size, 3), 120, np.uint8)
    found[at[0] : at[0] + 16, at[1] : at[1] + 16] = colour
    return Sample("image", found)


def test_covering_what_both_have_costs_most():
    query, hit = picture((0, 8)), picture((40, 40))
    found = similarity_maps(TinyEncoder(), query, hit)
    assert found.how == "occlusion" and found.query.shape == found.hit.shape == (8, 8)
    for values, (row, column) in ((found.query, (0, 8)), (found.hit, (40, 40))):
        place = np.unravel_index(int(values.argmax()), values.shape)
        assert row // 8 <= place[0] <= row // 8 + 1 and column // 8 <= place[1] <= column // 8 + 1
        far = values[7, 0]
        assert values.max() > 0 and abs(far) < 0.2 * values.max()


def test_a_picture_smaller_than_the_squares_and_a_mask():
    small = Sample("image", np.full((3, 5, 3), 9, np.uint8))
    assert similarity_maps(TinyEncoder(), small, picture((0, 0))).query.shape == (3, 5)
    masked = Sample("image", picture((0, 0)).content, mask=np.ones((64, 64), bool))
    assert similarity_maps(TinyEncoder(), masked, small).query.shape == (8, 8)


@pytest.mark.parametrize("kind", ["volume", "clip"])
def test_volumes_and_clips_have_none(kind):
    several = Sample(kind, np.zeros((2, 8, 8, 3), np.uint8))
    with pytest.raises(UsageError, match=f"this is a {kind}"):
        similarity_maps(TinyEncoder(), several, picture((0, 0)))


def test_a_map_is_drawn_where_the_encoder_looked():
    grey = np.full((40, 80, 3), 100, np.uint8)
    shown = drawn(grey, np.array([[0, 1], [0, 1]], np.float32), (0.25, 0.0, 0.75, 1.0))
    assert np.array_equal(shown[:, :20], grey[:, :20]) and np.array_equal(shown[:, 60:], grey[:, 60:])
    assert shown[20, 55, 0] > 150 and shown[20, 22, 0] < 110
    assert shown[:, :, 2].max() <= 100
    assert np.array_equal(drawn(grey, np.ones((2, 2), np.float32)), grey)
    assert drawn(grey, np.eye(2, dtype=np.float32), (-0.5, 0.0, 1.5, 1.0)).shape == grey.shape


@pytest.mark.parametrize(
    ("size", "part"),
    [((256, 256), (1 / 16, 1 / 16, 15 / 16, 15 / 16)), ((256, 512), (9 / 32, 1 / 16, 23 / 32, 15 / 16))],
)
def test_where_mini_looks(size, part):
    """The shorter side to 256, and of that the middle 224 x 224."""
    assert np.allclose(looked_at(registry().create("encoders", "med/mini", {}), *size), part, atol=0.02)


def test_an_encoder_that_does_not_show_what_it_sees_is_taken_to_see_all():
    assert looked_at(TinyEncoder(), 64, 64) == WHOLE
