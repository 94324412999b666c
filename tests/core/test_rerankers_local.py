"""Local features: a turned, cropped and shrunk photograph finds its original; what cannot be looked at."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fieldglass
from fieldglass.errors import UsageError
from fieldglass.rerankers.features import Attentive, Sift
from fieldglass.rerankers.geometry import Features, mutual_matches, verified
from fieldglass.rerankers.local import Local
from fieldglass.rerankers.pictures import FeatureCache, pixels
from fieldglass.testing import RerankerContract
from fieldglass.testing.gallery import ArrayGallery
from fieldglass.types import Fusion, Probe, Probes, Query, QueryImage, Ranking, Sample
from plugged import site  # noqa: F401

PHOTOGRAPHS = ("astronaut", "camera", "chelsea", "coffee", "rocket", "page", "brick", "hubble_deep_field")


class TestLocal(RerankerContract):
    reranker = "local"


def photograph(name, side=400):
    folder = Path(find_spec("skimage").origin).parent / "data"
    with Image.open(next(folder.glob(f"{name}.*"))) as opened:
        found = opened.convert("RGB")
    found.thumbnail((side, side))
    return found


def twisted(picture, angle=20, kept=0.6, scale=0.8):
    """Turned about its middle, of which a part is kept, and made smaller."""
    turned = picture.rotate(angle, resample=Image.Resampling.BICUBIC)
    wide, high = (round(side * kept) for side in picture.size)
    left, top = (picture.width - wide) // 2, (picture.height - high) // 2
    cut = turned.crop((left, top, left + wide, top + high))
    return cut.resize((round(wide * scale), round(high * scale)), Image.Resampling.LANCZOS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("photographs")
    for name in PHOTOGRAPHS:
        photograph(name).save(made / f"{name}.png")
    return made


@pytest.fixture
def collection(site, folder, tmp_path):
    made = fieldglass.create(tmp_path / "c.collection", "tiny")
    made.index(folder)
    with made:
        yield made


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "page"])
def test_a_twisted_photograph_finds_its_original(collection, tmp_path, name):
    twisted(photograph(name)).save(tmp_path / "query.png")
    found = collection.search(image=tmp_path / "query.png", rerank="local")
    assert found[0].id == f"{name}.png" and found[0].score >= 10
    assert found.reranker == "local" and all(hit.score < 10 for hit in found[1:])
    plain = [hit.id for hit in collection.search(image=tmp_path / "query.png")]
    rest = [hit.id for hit in found[1:]]
    assert rest == [id for id in plain if id != found[0].id]  # what is not verified keeps its order


def test_colour_alone_would_not_have_found_them_all(collection, tmp_path):
    firsts = []
    for name in PHOTOGRAPHS:
        twisted(photograph(name)).save(tmp_path / "query.png")
        firsts.append(collection.search(image=tmp_path / "query.png")[0].id == f"{name}.png")
    assert not all(firsts)


@pytest.mark.slow  # loads the backbone
def test_attentive_features_find_a_crop(folder):
    extract = Attentive(300)
    own = extract(np.asarray(photograph("astronaut", 320)))
    other = extract(np.asarray(photograph("coffee", 320)))
    crop = extract(np.asarray(twisted(photograph("astronaut", 320), angle=0, kept=0.7, scale=1.0)))
    settings = {"ratio": extract.ratio, "threshold": extract.threshold}
    assert verified(crop, own, **settings) > 2 * max(verified(crop, other, **settings), 5)
    assert np.linalg.norm(own.descriptors, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert own.points.min() >= 0 and own.points.max() <= 320


def test_a_known_homography_and_noise(folder):
    random = np.random.default_rng(0)
    here = random.uniform(0, 300, (60, 2)).astype(np.float32)
    descriptors = random.standard_normal((60, 64)).astype(np.float32)
    descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
    plane = np.array([[0.8, -0.3, 40], [0.25, 0.9, 10], [1e-4, 5e-5, 1]])
    landed = np.c_[here, np.ones(60)] @ plane.T
    there = (landed[:, :2] / landed[:, 2:]).astype(np.float32)
    there[:20] = random.uniform(0, 300, (20, 2))
    first, second = Features(here, descriptors), Features(there, descriptors)
    assert 40 <= verified(first, second, ratio=0.9, threshold=2.0) <= 42
    mirrored = Features(np.stack([300 - here[:, 0], here[:, 1]], axis=1), descriptors)
    assert verified(first, mirrored, ratio=0.9, threshold=2.0) == 0
    one_place = Features(np.repeat(there[:1], 60, axis=0), descriptors)
    assert verified(first, one_place, ratio=0.9, threshold=2.0) <= 1


def test_matches_are_mutual_and_told_from_the_second_best():
    first = Features(np.zeros((2, 2), np.float32), np.array([[1, 0], [0, 1]], np.float32))
    close = np.array([[0.8, 0.6]], np.float32)
    second = Features(np.zeros((3, 2), np.float32), np.concatenate([first.descriptors, close]))
    assert mutual_matches(first, second, 0.5).tolist() == [[0, 0], [1, 1]]
    twins = Features(np.zeros((4, 2), np.float32), np.repeat(first.descriptors, 2, axis=0))
    assert mutual_matches(first, twins, 0.99).tolist() == []
    none = Features(np.empty((0, 2), np.float32), np.empty((0, 2), np.float32))
    assert mutual_matches(first, none, 0.9).shape == (0, 2)


def test_missing_files_are_seen_in_their_previews_or_keep_their_order(site, folder, tmp_path):
    moved = tmp_path / "pics"
    moved.mkdir()
    for each in folder.iterdir():
        (moved / each.name).write_bytes(each.read_bytes())
    twisted(photograph("chelsea"), kept=0.8, scale=1.0).save(tmp_path / "query.png")
    with fieldglass.create(tmp_path / "c.collection", "tiny") as made:
        made.index(moved)
        for each in moved.iterdir():
            each.unlink()
        blind = made.search(image=tmp_path / "query.png", rerank="local", rerank_options={"source": "file"})
        plain = made.search(image=tmp_path / "query.png")
        assert [hit.id for hit in blind] == [hit.id for hit in plain]
        assert f"local could not look at {len(PHOTOGRAPHS)} of the first" in blind.notes[-1]
        assert made.search(image=tmp_path / "query.png", rerank="local")[0].id == "chelsea.png"
        text = made.search(text="red", rerank="local")
        assert "the query has none" in text.notes[-1]


def test_features_are_made_once_and_anew_after_a_change():
    calls = []

    class Counting(Sift):
        def __call__(self, picture):
            calls.append(picture.shape)
            return super().__call__(picture)

    class Pictured(ArrayGallery):
        def read(self, id):
            return Sample("image", np.asarray(photograph("camera", 64)))

    cache, make = FeatureCache(), Counting(50)
    gallery = Pictured(["a", "b"], {})
    ranking = Ranking(np.arange(2), np.zeros(2), ids=("a", "b"))
    for _ in range(3):
        cache.of_hits(gallery, ranking, 2, make, "k", "auto")
    assert len(calls) == 2
    cache.of_hits(Pictured(["a", "b"], {}), ranking, 2, make, "k", "auto")
    assert len(calls) == 4


@pytest.mark.parametrize(
    ("sample", "shape"),
    [
        (Sample("image", np.zeros((900, 30, 1), np.uint8), ("L",)), (640, 21, 3)),
        (Sample("image", np.zeros((10, 30, 3), np.uint8)), (10, 30, 3)),
        (Sample("image", np.zeros((10, 30, 3), np.float32), units="reflectance"), None),
        (Sample("image", np.zeros((10, 30, 4), np.uint8)), None),
        (Sample("text", "words", (), "unit"), None),
    ],
)
def test_what_can_be_looked_at(sample, shape):
    found = pixels(sample, 640)
    assert (None if found is None else found.shape) == shape


def test_a_picture_without_features_moves_nothing():
    gallery = ArrayGallery(["a"], {"image": np.ones((1, 1, 4), np.float32)})
    probes = Probes((Probe("image", np.ones((1, 4), np.float32)),), Fusion("image", "linear"))
    ranking = Ranking(np.arange(1), np.ones(1), ids=("a",))
    flat = QueryImage(sample=Sample("image", np.zeros((50, 50, 3), np.uint8)))
    found = Local().rerank(Query(images=(flat,)), probes, ranking, gallery)
    assert found.positions.tolist() == [0] and "could not look at 1" in found.notes[0]
    odd = QueryImage(sample=Sample("image", np.zeros((5, 5, 1), np.float32), ("VV",), "dB"))
    assert (
        "cannot look at the query's picture" in Local().rerank(Query(images=(odd,)), probes, ranking, gallery).notes[0]
    )


@pytest.mark.parametrize("options", [{"m": 0}, {"count": 2}, {"least": 1}, {"features": "surf"}, {"model": "resnet50"}])
def test_what_is_refused(options):
    with pytest.raises(UsageError):
        Local(**options)
