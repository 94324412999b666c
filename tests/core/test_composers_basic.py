"""BASIC against the formulas written out row by row, its parts, its memory, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from fieldglass.composers.basic import Basic, harris
from fieldglass.composers.centring import eigenspace
from fieldglass.errors import QueryError, UsageError
from fieldglass.search import Engine
from fieldglass.store import Field
from fieldglass.testing import ComposerContract
from fieldglass.types import Query, QueryText
from galleries import gallery, random_rows, unit
from given_vectors import GivenVectors, picture

DIM = 12
SUBJECTS = {f"s{number}": row for number, row in enumerate(random_rows(40, DIM, 1))}
STYLES = {f"m{number}": row for number, row in enumerate(random_rows(9, DIM, 2))}
ASKED, REFUSED = random_rows(2, DIM, 3)
TEXTS = {**SUBJECTS, **STYLES, "t": ASKED, "refused": REFUSED}
ROWS, SHOWN = random_rows(80, DIM, 4), random_rows(1, DIM, 6)[0]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FIELDGLASS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def lists(tmp_path):
    for name, words in (("subjects", SUBJECTS), ("styles", STYLES)):
        (tmp_path / f"{name}.txt").write_text("\n".join(words))
    return {name: str(tmp_path / f"{name}.txt") for name in ("subjects", "styles")} | {"contexts": 0}


@pytest.fixture
def engine(tmp_path):
    field = Field("image", "given", {}, "given", DIM)
    return Engine(gallery(tmp_path, ROWS, field=field), GivenVectors(TEXTS, DIM))


class TestBasic(ComposerContract):
    composer = "basic"


def by_the_formulas(expand):
    """Reference composers.md 2.11, one row at a time in float64."""
    gallery_rows, subjects, styles = (
        np.asarray(each, dtype=np.float64) for each in (ROWS, list(SUBJECTS.values()), list(STYLES.values()))
    )
    mean_image, mean_text = gallery_rows.mean(axis=0), subjects.mean(axis=0)
    contrast = np.full((DIM, DIM), 1e-5)
    for row in subjects - mean_text:
        contrast += 0.8 * np.outer(row, row) / (len(subjects) - 1)
    for row in styles - mean_text:
        contrast -= 0.2 * np.outer(row, row) / (len(styles) - 1)
    values, vectors = np.linalg.eigh(contrast)
    project = sum(np.outer(vectors[:, at], vectors[:, at]) for at in range(DIM) if values[at] > 0)
    centred = gallery_rows - mean_image
    seen = SHOWN - mean_image
    p = seen @ project
    if expand:
        similar = centred @ p
        near = np.argsort(-similar)[:25]
        weights = np.exp(0.1 * np.append(similar[near], 1.0))
        p = (weights[:, None] * np.vstack([centred[near], seen])).sum(axis=0) / weights.sum() @ project
    anything = sorted({int(np.argmax(gallery_rows @ word)) for word in subjects})
    least_image = min((centred[a] @ project) @ centred[b] for a in anything for b in anything)
    least_text = min((word - mean_text) @ centred[b] for word in subjects for b in anything)
    image = np.maximum((centred @ p - least_image) / abs(least_image), 0)
    text = np.maximum((centred @ (ASKED - mean_text) - least_text) / abs(least_image), 0)
    return text * image - 0.1 * (text + image) ** 2


@pytest.mark.parametrize("expand", [False, True])
def test_it_is_the_formulas(engine, lists, expand):
    options = {**lists, "expand": expand}
    query = Query(images=(picture(SHOWN),), texts=(QueryText("t"),))
    found = engine.search([query], composer="basic", options=options, k=80)[0].ranking
    expected = by_the_formulas(expand)
    assert found.scores[np.argsort(found.positions)] == pytest.approx(expected, abs=1e-5)
    assert found.positions[:10].tolist() == np.argsort(-expected)[:10].tolist()


def test_the_golden_value_of_harris():
    assert harris(np.array([0.6]), np.array([0.4]), 0.1) == pytest.approx([0.14])


def test_only_directions_of_the_subjects_are_kept():
    axes = np.eye(6)
    kept = eigenspace(np.vstack([axes[:3], -axes[:3]]), np.vstack([axes[2:5], -axes[2:5]]) * 4, 0.2)
    assert np.abs(kept[2:5]).max() < 1e-3 and kept.shape[1] <= 3


def test_contexts_are_said_with_the_text(engine, lists):
    encoder = GivenVectors({**TEXTS, **{f"{word} t": ASKED + row for word, row in SUBJECTS.items()}}, DIM)
    query = Query(images=(picture(SHOWN),), texts=(QueryText("t"),))
    made = Basic(**{**lists, "contexts": 2}).compose([query], encoder, engine.view()).probes[1].vectors[0]
    said = unit(unit(ASKED + SUBJECTS["s0"]) + unit(ASKED + SUBJECTS["s20"])).astype(np.float64)
    assert made == pytest.approx(said - np.mean(list(SUBJECTS.values()), axis=0), abs=1e-6)


def test_a_refused_text_and_several_pictures(engine, lists):
    query = Query(
        images=(picture(SHOWN, weight=2.0), picture(ROWS[3])),
        texts=(QueryText("t"), QueryText("refused", role="negative", weight=0.5)),
    )
    made = Basic(**lists, expand=False).compose([query], engine.encoder, engine.view())
    mean = np.mean(list(SUBJECTS.values()), axis=0)
    assert made.probes[1].vectors[0] == pytest.approx(unit(ASKED - 0.5 * REFUSED) - mean, abs=1e-6)
    one = Query(images=(picture(unit(2 * SHOWN + ROWS[3])),), texts=query.texts)
    other = Basic(**lists, expand=False).compose([one], engine.encoder, engine.view())
    assert made.probes[0].vectors == pytest.approx(other.probes[0].vectors, abs=1e-6)


def test_a_gallery_of_one(tmp_path, lists):
    field = Field("image", "given", {}, "given", DIM)
    engine = Engine(gallery(tmp_path, ROWS[:1], field=field), GivenVectors(TEXTS, DIM))
    query = Query(images=(picture(SHOWN),), texts=(QueryText("t"),))
    (found,) = engine.search([query], composer="basic", options=lists)
    assert found.ranking.positions.tolist() == [0] and np.isfinite(found.ranking.scores).all()


def test_what_is_refused(engine, lists):
    for wrong in ({"contrast": 2}, {"harris": float("nan")}, {"contexts": -1}):
        with pytest.raises(UsageError, match="contrast is 0 to 1"):
            Basic(**{**lists, **wrong})
    with pytest.raises(QueryError, match="needs a text"):
        engine.search([Query(images=(picture(SHOWN),))], composer="basic", options=lists)
