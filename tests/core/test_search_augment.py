"""Database-side augmentation: the formula, going on after a break, new items, what is refused, searching it."""

from __future__ import annotations

import numpy as np
import pytest
from click.testing import CliRunner

import fieldglass
from fieldglass.cli import main
from fieldglass.errors import UsageError
from fieldglass.search import Engine, augment
from fieldglass.store import Field
from fieldglass.types import Query
from galleries import Ask, gallery, random_rows
from given_vectors import GALLERY, GivenVectors
from plugged import paint, site  # noqa: F401
from tiny import TinyEncoder


def stored(store, field):
    snapshot = store.snapshot()
    return Engine(store, TinyEncoder()).view().vectors(field, np.arange(snapshot.size))[:, 0]


def by_the_formula(rows, k, alpha):
    found = []
    for place, row in enumerate(rows):
        scores = rows @ row
        scores[place] = -np.inf
        near = np.argsort(-scores)[:k]
        moved = row + np.maximum(scores[near], 0) ** alpha @ rows[near]
        found.append(moved / np.linalg.norm(moved))
    return np.stack(found)


@pytest.mark.parametrize(("k", "alpha"), [(10, 3.0), (1, 0.0), (3, 1.5), (500, 3.0)])
def test_every_vector_is_as_the_formula_says(tmp_path, k, alpha):
    rows = random_rows(300)
    store = gallery(tmp_path, rows)
    done = augment(store, k=k, alpha=alpha)
    assert (done.field, done.written, done.kept) == ("image-dba", 300, 0)
    assert stored(store, "image-dba") == pytest.approx(by_the_formula(rows.astype(np.float64), k, alpha), abs=1e-5)
    assert np.array_equal(stored(store, "image"), rows)


def test_the_golden_expansion_is_an_item_augmented(tmp_path):
    """alpha-QE of v over the six golden rows is the augmentation of v among them."""
    from given_vectors import PICTURE

    field = Field("image", "given", {}, "given", 4)
    store = gallery(tmp_path, np.concatenate([GALLERY, [PICTURE]]), field=field)
    augment(store, k=3, alpha=3.0)
    view = Engine(store, GivenVectors({})).view()
    expected = [-0.007654, -0.679190, -0.726281, -0.105633]
    assert view.vectors("image-dba", np.array([6]))[0, 0] == pytest.approx(expected, abs=1e-5)


def test_a_run_goes_on_and_new_items_are_topped_up(tmp_path):
    rows = random_rows(300)
    store = gallery(tmp_path, rows)
    whole = by_the_formula(rows.astype(np.float64), 10, 3.0)

    def breaks(done, total):
        if done >= 128:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        augment(store, progress=breaks)
    with store.writer("test") as writer:  # as if the first 100 had been committed before the break
        writer.fill("image-dba", ((row, whole[row][None].astype(np.float32)) for row in range(100)))
    assert augment(store).written == 200
    assert augment(store).written == 0
    with store.writer("test") as writer:
        source = writer.add_source("photos", tmp_path, "files")
        writer.append_bulk(source, ["new1", "new2"], random_rows(2, seed=5), field="image")
    engine = Engine(store, TinyEncoder())
    (found,) = engine.search([Query()], composer=Ask(rows[:1], field="image-dba"))
    assert any("2 items of 'image' are not in 'image-dba'" in note for note in found.notes)
    done = augment(store)
    assert (done.written, done.kept) == (2, 300)
    again = augment(store, again=True)
    assert (again.written, again.kept) == (302, 0)
    every = np.concatenate([rows, random_rows(2, seed=5)]).astype(np.float64)
    assert stored(store, "image-dba") == pytest.approx(by_the_formula(every, 10, 3.0), abs=1e-5)
    (found,) = engine.search([Query()], composer=Ask(rows[:1], field="image-dba"))
    assert found.notes == ()


def test_what_is_refused(tmp_path):
    store = gallery(tmp_path, random_rows(20))
    for options in ({"k": 0}, {"alpha": -1.0}, {"alpha": float("nan")}, {"base": "none"}):
        with pytest.raises(UsageError):
            augment(store, **options)
    augment(store)
    with pytest.raises(UsageError, match="made otherwise") as raised:
        augment(store, k=5)
    assert "--to-field" in raised.value.hint
    with pytest.raises(UsageError, match="augmented already"):
        augment(store, base="image-dba")
    several = Field("image", "tiny", {}, "tiny-0", 16, 2, "f32", "max")
    with pytest.raises(UsageError, match="2 rows"):
        augment(gallery(tmp_path, random_rows(40).reshape(20, 2, 16), field=several, name="rows"))


def test_the_command_and_a_search_of_its_field(site, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paint(tmp_path / "pics")
    with fieldglass.create("c.collection", "tiny") as made:
        made.index("pics")
    found = CliRunner().invoke(main, ["augment", "c.collection", "--k", "2"])
    assert found.exit_code == 0 and "image-dba: " in found.output, found.output
    with fieldglass.open("c.collection") as opened:
        plain = opened.search(image="pics/red.png")
        moved = opened.search(image="pics/red.png", options={"field": "image-dba"})
        other = fieldglass.open("c.collection", field="image-dba").search(image="pics/red.png")
    assert {hit.id for hit in moved} == {hit.id for hit in plain}
    assert [hit.score for hit in moved] == [hit.score for hit in other] != [hit.score for hit in plain]
    refused = CliRunner().invoke(main, ["augment", "c.collection", "--k", "3"])
    assert refused.exit_code == 2 and "made otherwise" in refused.output
