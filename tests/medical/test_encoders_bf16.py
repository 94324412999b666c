"""Medical networks in bf16, as a GPU runs them: finite unit vectors near those of fp32."""

from __future__ import annotations

import numpy as np
import pytest

from fieldglass.encoders import capabilities, encode
from fieldglass.registry import registry
from fieldglass.types import Sample
from tests.medical import networks

VOLUME = Sample(
    "volume", np.random.default_rng(0).uniform(-1000, 1000, (6, 16, 16, 1)).astype(np.float32), ("HU",), "HU", None,
    (1.5, 0.75, 0.75),
)  # fmt: skip
PICTURE = Sample("image", np.random.default_rng(0).random((32, 32, 1), dtype=np.float32), ("L",), "unit")


@pytest.mark.parametrize(
    ("name", "make", "options", "sample"),
    [
        ("med/m3d-clip", networks.m3d, {}, VOLUME),
        ("med/ct-clip", networks.ct_clip, {"size": 16, "depth": 6}, VOLUME),
        ("med/ptunifier", networks.ptunifier, {"vectors": "pooled"}, PICTURE),
    ],
)
def test_half_precision_gives_nearly_the_same(tmp_path, name, make, options, sample):
    weights = str(make(tmp_path))
    networks.vocabulary(tmp_path)
    found = []
    for precision in ("fp32", "bf16"):
        given = {"weights": weights, "device": "cpu", "precision": precision, **options}
        encoder = registry().create("encoders", name, given)
        vectors = [encode(encoder, [encoder.prepare(sample)])[0, 0]]
        if "texts" in capabilities(encoder):
            vectors.append(encoder.texts(["left lung is clear"])[0])
        found.append(np.stack([each for each in vectors]))
    cosines = (found[0] * found[1]).sum(axis=-1)
    assert np.isfinite(found[1]).all() and cosines.min() > 0.8, cosines
