"""Query expansion: the golden vector, its ends, other bases."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from fieldglass.composers.alpha_qe import AlphaQe
from fieldglass.errors import QueryError, UsageError
from fieldglass.search import Engine
from fieldglass.store import Field
from fieldglass.testing import ComposerContract
from galleries import gallery
from given_vectors import GALLERY, TEXT, GivenVectors, query


class TestAlphaQe(ComposerContract):
    composer = "alpha-qe"
    parts = "image"


class TestAlphaQeOfASum(ComposerContract):
    composer = "alpha-qe"
    options: ClassVar = {"base": "sum", "n": 3}


@pytest.fixture
def engine(tmp_path):
    return Engine(gallery(tmp_path, GALLERY, field=Field("image", "given", {}, "given", 4)), GivenVectors({"t": TEXT}))


def vector(engine, **options):
    return AlphaQe(**options).compose([query()], engine.encoder, engine.view()).probes[0].vectors[0]


def test_the_golden_vector_and_order(engine):
    assert vector(engine, n=3, alpha=3.0) == pytest.approx([-0.007654, -0.679190, -0.726281, -0.105633], abs=1e-6)
    found = engine.search([query()], composer="alpha-qe", options={"n": 3, "alpha": 3.0}, k=6)[0]
    assert found.ranking.positions.tolist() == [2, 5, 4, 1, 0, 3]


def test_hits_below_zero_move_nothing_and_more_than_there_are_is_all(engine):
    assert vector(engine, n=3) == pytest.approx(vector(engine, n=500), abs=1e-6)  # only three are above zero


def test_another_base(engine):
    moved = vector(engine, base="text", n=1, alpha=0)
    both = TEXT + GALLERY[0]
    assert moved == pytest.approx(both / np.linalg.norm(both), abs=1e-6)


def test_what_is_refused(engine):
    with pytest.raises(UsageError, match="n of 1 or more"):
        AlphaQe(n=0)
    with pytest.raises(QueryError, match="one vector a query"):
        vector(engine, base="weicom")
