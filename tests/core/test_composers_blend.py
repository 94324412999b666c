"""Two composers at once: with and without a scan, over any fusions, and what they refuse."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

from fieldglass.composers.blend import Blend
from fieldglass.composers.fusions import ZScore
from fieldglass.composers.scores import percentile
from fieldglass.errors import UnknownNameError, UsageError
from fieldglass.search import Engine
from fieldglass.store import Field
from fieldglass.testing import ComposerContract
from galleries import gallery
from given_vectors import GALLERY, TEXT, GivenVectors, query


class TestBlendOfVectors(ComposerContract):
    composer = "blend"
    options: ClassVar = {"first": "image", "second": "text"}


class TestBlendOfFusions(ComposerContract):
    composer = "blend"
    options: ClassVar = {"first": "weicom", "second": "rrf", "by": "rrf"}


class TestBlendOfBlends(ComposerContract):
    composer = "blend"
    options: ClassVar = {"first": "blend", "second": "slerp", "by": "percentile"}


@pytest.fixture
def engine(tmp_path):
    return Engine(gallery(tmp_path, GALLERY, field=Field("image", "given", {}, "given", 4)), GivenVectors({"t": TEXT}))


def scores(engine, composer, **options):
    found = engine.search([query()], composer=composer, options=options, k=6)[0].ranking
    return found.scores[np.argsort(found.positions)]


def test_picture_and_text_blended_are_zscore(engine):
    blended = scores(engine, "blend", first="image", second="text", share=0.3)
    assert blended == pytest.approx(scores(engine, "zscore", text_weight=0.3), abs=1e-6)


@pytest.mark.parametrize("by", ["zscore", "percentile"])
def test_a_blend_of_fusions_is_that_of_their_scores(engine, by):
    def normal(values):
        return (values - values.mean()) / values.std(ddof=1) if by == "zscore" else percentile(values)

    blended = scores(
        engine, "blend", first="weicom", second="zscore", by=by, share=0.25, first_settings="text_weight=.3"
    )
    weicom, zscore = scores(engine, "weicom", text_weight=0.3), scores(engine, "zscore")
    assert blended == pytest.approx(0.75 * normal(weicom) + 0.25 * normal(zscore), abs=1e-6)


@pytest.mark.parametrize(("share", "alone"), [(0.0, "weicom"), (1.0, "slerp")])
def test_the_ends_are_the_composers_themselves(engine, share, alone):
    blended = scores(engine, "blend", first="weicom", second="slerp", share=share)
    assert np.argsort(-blended).tolist() == np.argsort(-scores(engine, alone)).tolist()


def test_objects_and_settings_and_fields():
    made = Blend(
        first=ZScore(text_weight=0.2), second="sum", second_settings="text_weight=0.9; field=other", field="mine"
    )
    assert made.first.text_weight == 0.2 and made.second.text_weight == 0.9 and made.second.field == "other"
    assert Blend(field="mine").first.field == "mine"


def test_what_cannot_be_blended():
    with pytest.raises(UsageError, match="share"):
        Blend(share=2)
    with pytest.raises(UsageError, match="by is"):
        Blend(by="chance")
    with pytest.raises(UnknownNameError):
        Blend(first="nothing-like-it")
    with pytest.raises(UsageError, match="no option"):
        Blend(first="sum", first_settings="wieght=1")
