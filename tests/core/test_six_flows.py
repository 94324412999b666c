"""The six flows that the types were made for, run from files to hits."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Picture
from skimage import data

from fieldglass.composers.vectors import picture_vectors
from fieldglass.composers.vectors import unit as unit_rows
from fieldglass.hooks import Offer
from fieldglass.ingest import encode_column, ingest
from fieldglass.registry import registry
from fieldglass.search import Engine, build
from fieldglass.store import Field, Store
from fieldglass.types import Fusion, Item, Probe, Probes, Query, QueryImage, QueryText, Sample
from flow_parts import OPTICAL, Patches, Places, TwoTowers, Volumes
from galleries import Ask, gallery, random_rows, unit
from tiny import TinyEncoder


@pytest.fixture(autouse=True)
def parts(monkeypatch):
    for name in ("Tiles", "Series", "Places"):
        offer = Offer(f"flow/{name.lower()}", f"flow_parts:{name}", "a loader of the flows")
        monkeypatch.setitem(registry()._offers["loaders"], offer.name, offer)


# 1. Late interaction


def photographs(folder):
    folder.mkdir()
    for name in ("astronaut", "coffee", "chelsea", "rocket"):
        Picture.fromarray(getattr(data, name)()).save(folder / f"{name}.png")
    half = np.zeros((64, 64, 3), dtype=np.uint8)
    half[:32, :32] = (255, 0, 0)
    Picture.fromarray(half).save(folder / "red corner.png")
    return folder


def test_late_interaction_over_real_pictures(tmp_path):
    encoder = Patches()
    store = Store.create(tmp_path / "c")
    assert ingest(store, photographs(tmp_path / "photos"), encoder=encoder).new == 5
    field = store.snapshot().fields["image"]
    assert (field.rows, field.dtype) == (4, "f16")
    engine = Engine(store, encoder)
    found = engine.search([Query(texts=(QueryText("red"),))], k=5)[0]
    assert found.ranking.ids[0] == "red corner.png"  # one quarter of it is; the mean of its rows is not
    rows = engine.view().vectors("image", np.arange(5)).astype(np.float64)
    best = (rows @ encoder.texts(["red"])[0]).max(axis=1)
    assert found.ranking.scores == pytest.approx(np.sort(best)[::-1], abs=1e-6)
    again = engine.search([Query(images=(QueryImage(id="coffee.png"),))], k=1)[0]
    sample = Sample("image", data.coffee())
    fresh = engine.search([Query(images=(QueryImage(sample=sample),))], k=1)[0]
    assert again.ranking.scores.tolist() == fresh.ranking.scores.tolist()


def late(folder, count, rows=4, dim=32):
    """A gallery of items of several rows around one centre each, as blocks."""
    field = Field("image", "late", {}, "tiny-0", dim, rows=rows, dtype="f16", reduce="max")
    store = Store.create(folder / "late")

    def blocks():
        for start in range(0, count, 50_000):
            random = np.random.default_rng(start)
            size = min(50_000, count - start)
            centre = unit(random.standard_normal((size, 1, dim)))
            yield unit(centre + 0.5 * random.standard_normal((size, rows, dim)) / np.sqrt(dim))

    with store.writer("test") as writer:
        source = writer.add_source("late", folder, "files")
        writer.add_field(field)
        writer.append_bulk(source, [f"i{row}" for row in range(count)], blocks())
    return store


@pytest.mark.parametrize("count", [30_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_late_interaction_indexes_the_mean_row_and_scores_by_the_best(tmp_path, count):
    store = late(tmp_path, count)
    build(store, kind="ivf")
    engine = Engine(store, TinyEncoder())
    near = engine.view().vectors("image", np.arange(0, count, count // 20)).astype(np.float64)
    asked = unit(near[:, 1] + 0.1 * random_rows(len(near), 32))
    exact = engine.search([Query()] * len(asked), composer=Ask(asked), k=10, index="exact")
    found = engine.search([Query()] * len(asked), composer=Ask(asked), k=10)
    assert not found[0].exact
    shared = [len(set(a.ranking.ids) & set(b.ranking.ids)) / 10 for a, b in zip(exact, found, strict=True)]
    assert np.mean(shared) >= 0.9
    for row, (one, other) in enumerate(zip(exact, found, strict=True)):
        assert len(set(other.ranking.ids)) == 10  # k counts items, never rows
        assert one.ranking.positions[0] == row * (count // 20)
        assert other.ranking.scores[0] == one.ranking.scores[0]


# 2. Sentinel-1 and Sentinel-2 in one collection


def tiles(folder):
    folder.mkdir()
    random = np.random.default_rng(0)
    for scene in range(12):
        land = scene / 11
        optical = (0.4 * land + 0.01 * random.standard_normal((16, 16, 3))).astype(np.float32)
        radar = (20 * land - 25 + 0.5 * random.standard_normal((16, 16, 2))).astype(np.float32)
        np.save(folder / f"scene{scene:02d}.s2.npy", optical)
        np.save(folder / f"scene{scene:02d}.s1.npy", radar)
    return folder


def test_radar_and_optical_tiles_share_one_space_and_one_collection(tmp_path):
    encoder = TwoTowers()
    store = Store.create(tmp_path / "c", properties={"exclude_group": "scene"})
    assert ingest(store, tiles(tmp_path / "tiles"), loader="flow/tiles", encoder=encoder).new == 24
    engine = Engine(store, encoder)
    query = Query(images=(QueryImage(id="scene05.s2.npy"),), where="sensor = 's1'")
    found = engine.search([query], k=2)[0]
    assert set(found.ranking.ids) == {"scene04.s1.npy", "scene06.s1.npy"}  # its own scene is left out
    assert all(each["sensor"] == "s1" for each in found.metadata)
    outside = Sample("image", np.full((8, 8, 3), 0.4, dtype=np.float32), OPTICAL, "reflectance")
    land = engine.search([Query(images=(QueryImage(sample=outside),))], k=2)[0]
    assert set(land.ranking.ids) == {"scene11.s2.npy", "scene11.s1.npy"}
    assert engine.view().read("scene03.s1.npy").spacing == (10.0, 10.0)


# 3. A CT series


def test_a_series_of_slices_is_one_item(tmp_path):
    random = np.random.default_rng(0)
    for patient, lung in (("anna", 0.8), ("bert", 0.8), ("carl", 0.1)):
        for study in (1, 2):
            folder = tmp_path / "ct" / f"{patient}-{study}"
            folder.mkdir(parents=True)
            for number in range(4):
                air = random.random((12, 12)) < lung
                hounsfield = np.where(air, -850, 40) + random.normal(0, 20, (12, 12))
                np.save(folder / f"{number}.npy", hounsfield.astype(np.int16))
    (tmp_path / "ct" / "dora-1").mkdir()
    encoder = Volumes()
    store = Store.create(tmp_path / "c")
    report = ingest(store, tmp_path / "ct", loader="flow/series", encoder=encoder)
    assert (report.new, report.problems) == (6, 1)
    engine = Engine(store, encoder)
    query = Query(images=(QueryImage(id="anna-1"),), exclude_group="patient")
    found = engine.search([query], k=4)[0]
    assert set(found.ranking.ids[:2]) == {"bert-1", "bert-2"}
    assert "anna-2" not in found.ranking.ids
    volume = engine.view().read("anna-1")
    assert volume.content.shape == (4, 12, 12, 1)
    query = Query(images=(QueryImage(item=Item("new", groups={"patient": "bert"}), sample=volume),))
    held = engine.search([replace(query, exclude_group="patient")], k=3, collapse="patient")[0]
    assert [name.split("-")[0] for name in held.ranking.ids] == ["anna", "carl"]


# 4. Bare coordinates


def test_a_gallery_of_places_is_searched_by_a_place_and_by_a_text(tmp_path):
    places = [("Berlin", 52.5, 13.4, "de"), ("Potsdam", 52.4, 13.1, "de"), ("Suva", -18.1, 178.4, "fj")]
    places += [("Apia", -13.8, -171.8, "ws"), ("Munich", 48.1, 11.6, "de"), ("Quito", -0.2, -78.5, "ec")]
    path = tmp_path / "places.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["name", "lat", "lon", "country"])
        writer.writerows(places)
    encoder = TinyEncoder()
    store = Store.create(tmp_path / "c")
    assert ingest(store, path, loader="flow/places", encoder=encoder).new == len(list(Places().scan(path))) == 6
    engine = Engine(store, encoder)
    found = engine.search([Query(place=(52.3, 13.3))], k=3)[0]
    assert found.ranking.ids == ("Potsdam", "Berlin", "Munich")
    across = engine.search([Query(place=(-16.0, 179.9))], k=2)[0]  # beyond the antimeridian lies Apia
    assert across.ranking.ids == ("Suva", "Apia")
    german = Query(images=(QueryImage(id="Berlin"),), where="country = 'de'", exclude=frozenset({"Berlin"}))
    assert engine.search([german])[0].ranking.ids == ("Potsdam", "Munich")
    assert len(engine.search([Query(texts=(QueryText("red"),))], k=6)[0].ranking.ids) == 6


# 5. A caption field


class Captioned:
    """Picture and caption scores, calibrated each: a composer over two fields, one of which items may lack."""

    requires = frozenset({"texts"})

    def compose(self, queries, encoder, gallery):
        from fieldglass.composers.weicom import calibrated_sum

        texts = encoder.texts([query.texts[0].text for query in queries])
        probes = (Probe("image", texts, 0.2, label="picture"), Probe("caption", texts, 0.8, label="caption"))
        return Probes(probes, Fusion("captioned", "moments", calibrated_sum))


def test_captions_are_a_second_field_that_some_items_lack(tmp_path):
    encoder = TinyEncoder()
    store = Store.create(tmp_path / "c")
    ingest(store, photographs(tmp_path / "photos"), encoder=encoder)
    with store.writer("annotate") as writer:
        captions = {"rocket.png": "a red rocket", "coffee.png": "a blue cup", "chelsea.png": "a green cat"}
        writer.put_metadata((name, {"caption": text}) for name, text in captions.items())
    assert encode_column(store, "caption", encoder) == 3
    engine = Engine(store, encoder)
    query = Query(texts=(QueryText("red rocket"),))
    found = engine.search([query], composer=Captioned(), k=5)[0]
    assert found.ranking.ids[0] == "rocket.png"
    assert len(found.ranking.ids) == 5
    assert any("2 items lack the field 'caption'" in note for note in found.notes)
    told = engine.explain(query, "astronaut.png", composer=Captioned())
    assert [(part.label, part.present) for part in told.parts] == [("picture", True), ("caption", False)]
    assert told.parts[1].calibrated == pytest.approx(0.5)
    alone = engine.search([query], composer="text", options={"field": "caption"}, k=5)[0]
    assert len(alone.ranking.ids) == 3
    assert alone.ranking.ids[0] == "rocket.png"


# 6. Relevance feedback


class Rocchio:
    """Moves the first query towards what was liked in later turns and away from what was not; reads `history` only."""

    requires: frozenset[str] = frozenset()

    def __init__(self, *, towards: float = 0.75, away: float = 0.25) -> None:
        self.towards, self.away = towards, away

    def compose(self, queries, encoder, gallery):
        moved = []
        for query in queries:
            turns = (*query.history, query)
            vector = picture_vectors(turns[:1], encoder, gallery, name="rocchio")[0].astype(np.float64)
            for turn in turns[1:]:
                for image in turn.images:
                    liked = Query(images=(QueryImage(id=image.id),))
                    step = -self.away if image.role == "negative" else self.towards
                    vector += step * picture_vectors([liked], encoder, gallery, name="rocchio")[0]
            moved.append(vector)
        return Probes((Probe("image", unit_rows(np.stack(moved).astype(np.float32))),), Fusion("rocchio", "linear"))


def test_feedback_moves_the_query_and_undo_is_replay(tmp_path):
    rows = random_rows(200)
    engine = Engine(gallery(tmp_path, rows), TinyEncoder())
    start = Query(images=(QueryImage(id="i0"),))
    first = engine.search([start], composer=Rocchio(), k=200)[0]
    plain = engine.search([start], k=200)[0]
    assert first.ranking.ids == plain.ranking.ids
    liked, disliked = first.ranking.ids[20], first.ranking.ids[1]
    second_turn = Query(
        images=(QueryImage(id=liked, role="positive"), QueryImage(id=disliked, role="negative")), history=(start,)
    )
    second = engine.search([second_turn], composer=Rocchio(), k=200)[0]
    assert second.ranking.ids.index(liked) < 20
    assert second.ranking.ids.index(disliked) > 1
    third_turn = Query(images=(QueryImage(id="i7", role="positive"),), history=(start, second_turn))
    third = engine.search([third_turn], composer=Rocchio(), k=200)[0]
    assert third.ranking.ids != second.ranking.ids
    undone = engine.search([third_turn.history[-1]], composer=Rocchio(), k=200)[0]
    assert undone.ranking.ids == second.ranking.ids
