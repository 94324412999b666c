"""`encode`: prepared samples of any towers, in order, and nothing but sound vectors."""

from __future__ import annotations

import numpy as np
import pytest

from fieldglass.encoders import as_query, as_text, capabilities, encode
from fieldglass.errors import UsageError, WeightsError
from fieldglass.types import Prepared, Sample
from tiny import TinyEncoder

SAMPLES = [
    Sample("image", np.full((4, 4, 3), 200, dtype=np.uint8)),
    Sample("text", "red", (), "unit"),
    Sample("place", (52.5, 13.4), (), "degrees"),
    Sample("image", np.zeros((4, 4, 3), dtype=np.uint8)),
]


def test_towers_are_batched_and_the_order_is_kept():
    tiny = TinyEncoder()
    prepared = [tiny.prepare(sample) for sample in SAMPLES]
    together = encode(tiny, prepared)
    assert together.shape == (4, 1, 16) and together.dtype == np.float32
    alone = np.concatenate([encode(tiny, [each]) for each in prepared])
    assert np.array_equal(together, alone)
    assert encode(tiny, []).shape == (0, 1, 16)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda found: found * np.nan, "NaN"),
        (lambda found: found * np.inf, "infinity"),
        (lambda found: found * 3, "norm 3"),
        (lambda found: found * 0, "norm 0"),
        (lambda found: found[:, :, :8], "shape"),
        (lambda found: found[:1], "shape"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_vectors_that_are_not_sound_are_refused(wrong, words):
    class Wrong(TinyEncoder):
        def images(self, batch):
            return wrong(super().images(batch))

    encoder = Wrong()
    with pytest.raises(WeightsError, match=words):
        encode(encoder, [encoder.prepare(sample) for sample in SAMPLES])


def test_a_tower_that_is_not_there_is_named():
    with pytest.raises(UsageError, match="sonar"):
        encode(TinyEncoder(), [Prepared(np.zeros(3), "sonar")])


def test_capabilities_are_the_methods_it_has():
    assert capabilities(TinyEncoder()) == {"images", "texts", "places"}


def test_several_rows_are_probed_by_their_unit_mean():
    rows = np.eye(16, dtype=np.float32)[None, :2]
    expected = np.zeros(16)
    expected[:2] = np.sqrt(0.5)
    assert np.allclose(as_query(TinyEncoder(), rows), expected) and np.allclose(as_text(TinyEncoder(), rows), expected)
