"""FashionBLIP-2: adapters that begin as nothing, 12 heads as one vector, and the two composers that see both."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import fieldglass
from fashion import blip2_files as files
from fieldglass._torchvision import require
from fieldglass.cli import main
from fieldglass.composers.default import suiting_composer
from fieldglass.errors import QueryError, UsageError, WeightsError
from fieldglass.models.cache import sha256_of
from fieldglass.testing import ComposerContract, EncoderContract
from fieldglass.testing.gallery import ArrayGallery, full_scan
from fieldglass.types import Prepared, Query, QueryImage, QueryText, Sample
from fieldglass_fashion.blip2.adapters import Matching
from fieldglass_fashion.blip2.encoder import Blip2
from fieldglass_fashion.blip2.fashionblip2 import FashionBlip2
from fieldglass_fashion.joint import FashionBlip2Matching, Sprc
from fieldglass_fashion.reasons import reasons


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("blip2")
    files.official(folder)
    return folder


@pytest.fixture(scope="module")
def trained(folder):
    return files.trained(folder / "fashionblip2.pt", base=sha256_of(folder / "model.safetensors"))


@pytest.fixture(scope="module")
def encoder(folder, trained):
    return FashionBlip2(weights=str(folder), trained=str(trained), device="cpu", precision="fp32")


def pictures(count: int = 3) -> list[Prepared]:
    noise = np.random.default_rng(0)
    return [Prepared(noise.integers(0, 256, (28, 28, 3), dtype=np.uint8), "image") for _ in range(count)]


class TestEncoder(EncoderContract):
    encoder = "fashion/fashionblip2"

    @pytest.fixture(autouse=True)
    def _weights(self, folder, trained):
        type(self).options = {"weights": str(folder), "trained": str(trained), "device": "cpu"}


class TestSprc(ComposerContract):
    composer = "fashion/sprc"

    @pytest.fixture(autouse=True)
    def _encoder(self, folder):
        type(self).blip2 = Blip2(weights=str(folder), device="cpu", precision="fp32")

    def make_encoder(self):
        return type(self).blip2


class TestFashionBlip2(ComposerContract):
    composer = "fashion/fashionblip2"

    @pytest.fixture(autouse=True)
    def _encoder(self, encoder):
        type(self).blip2 = encoder

    def make_encoder(self):
        return type(self).blip2


def test_one_inner_product_of_3072_is_the_sum_of_12_cosines():
    """At the published sizes: 32 tokens of 768 to 12 heads of 256."""
    torch = require("torch")
    torch.manual_seed(0)
    matching = Matching(32, 768, apart=True)
    asked, found = torch.randn(5, 32, 768), torch.randn(7, 32, 768)
    with torch.no_grad():
        queries, candidates = matching.queries(asked), matching.candidates(found)
        mixing = matching.query, matching.candidate
        plain = [
            torch.einsum("ht,ntw,cw->nhc", each.tokens.weight, tokens, each.channels.weight)
            for each, tokens in zip(mixing, (asked, found), strict=True)
        ]
        expected = torch.nn.functional.cosine_similarity(plain[0][:, None], plain[1][None], dim=-1).sum(dim=-1)
    flat = queries.reshape(5, 3072).double() @ candidates.reshape(7, 3072).double().T
    assert queries.shape == (5, 12, 256)
    assert float((flat - expected).abs().max()) < 1e-5
    assert float(expected.abs().max()) <= 12


def test_random_heads_flattened_to_one_vector_give_the_sum_of_their_cosines():
    noise = np.random.default_rng(1)
    one, other = noise.normal(size=(2, 12, 256))
    cosines = (one * other).sum(axis=1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
    flat = [(each / np.linalg.norm(each, axis=1, keepdims=True)).astype(np.float32).ravel() for each in (one, other)]
    assert abs(flat[0] @ flat[1] - cosines.sum()) < 1e-5


def test_the_score_of_the_composer_is_the_sum_of_the_cosines(encoder):
    candidates, texts = pictures(4), ["longer", "in red", "with a belt", "shorter"]
    heads = encoder.images(candidates).reshape(4, 12, 8) * np.sqrt(12)
    asked = encoder.pairs(candidates[::-1], texts).reshape(4, 12, 8) * np.sqrt(12)
    assert np.allclose(np.linalg.norm(heads, axis=2), 1, atol=1e-5)
    expected = np.einsum("qhc,nhc->qn", asked.astype(np.float64), heads.astype(np.float64))
    gallery = ArrayGallery([f"p{n}" for n in range(4)], {"image": encoder.images(candidates)})
    images = [Sample("image", each.content) for each in candidates[::-1]]
    queries = [
        Query((QueryImage(sample=image),), (QueryText(text),)) for image, text in zip(images, texts, strict=True)
    ]
    summed = full_scan(FashionBlip2Matching().compose(queries, encoder, gallery), gallery)
    assert np.abs(summed - expected).max() < 1e-5
    mean = full_scan(FashionBlip2Matching(score="mean").compose(queries, encoder, gallery), gallery)
    assert np.abs(12 * mean - expected).max() < 1e-5 and np.abs(mean).max() <= 1


def test_adapters_begin_as_nothing_and_then_count(folder, tmp_path):
    base = sha256_of(folder / "model.safetensors")
    made = {
        name: FashionBlip2(
            weights=str(folder), trained=str(files.trained(tmp_path / f"{name}.pt", base, **options)), device="cpu"
        )
        for name, options in {"none": {"adapted": False}, "zero": {"scale": 0.0}, "some": {"scale": 0.5}}.items()
    }
    batch = pictures()
    vectors = {name: each.images(batch) for name, each in made.items()}
    assert np.abs(vectors["none"] - vectors["zero"]).max() < 1e-6
    assert np.abs(vectors["none"] - vectors["some"]).max() > 1e-3
    assert len({each.fingerprint for each in made.values()}) == 3
    again = FashionBlip2(**made["some"].options, device="cpu")
    assert again.fingerprint == made["some"].fingerprint


def test_nothing_is_made_up_where_the_matching_is_missing(folder, trained, tmp_path):
    with pytest.raises(UsageError) as error:
        FashionBlip2(weights=str(folder))
    assert "fashion/sprc" in error.value.hint
    torch = require("torch")
    torch.save({"state_dict": {"adapters.0.up.bias": torch.zeros(3)}}, tmp_path / "half.pt")
    with pytest.raises(WeightsError, match="none is made up"):
        FashionBlip2(weights=str(folder), trained=str(tmp_path / "half.pt"))
    other = files.trained(tmp_path / "other.pt", base="0" * 64)
    with pytest.raises(WeightsError, match="sha256 000000000000"):
        FashionBlip2(weights=str(folder), trained=str(other))


def test_a_composer_says_what_it_cannot(folder, encoder):
    blip2 = Blip2(weights=str(folder), device="cpu", precision="fp32")
    gallery = ArrayGallery(["p"], {"image": blip2.images(pictures(1))})
    picture = QueryImage(sample=Sample("image", np.zeros((9, 9, 3), np.uint8)))
    with pytest.raises(QueryError, match="has not"):
        FashionBlip2Matching().compose([Query((picture,), (QueryText("longer"),))], blip2, gallery)
    with pytest.raises(QueryError, match="cannot refuse"):
        Sprc().compose([Query((picture,), (QueryText("a belt", role="negative"),))], blip2, gallery)
    with pytest.raises(QueryError, match="empty"):
        Sprc().compose([Query((picture,), (QueryText(" . "),))], blip2, gallery)
    worded = Sprc().compose(
        [
            Query(
                (picture,),
                (
                    QueryText("is red."),
                    QueryText("longer, "),
                ),
            )
        ],
        blip2,
        gallery,
    )
    expected = blip2.pairs([blip2.prepare(picture.sample)], ["Is red and longer"])
    assert np.allclose(worded.probes[0].vectors, expected, atol=1e-6)


def test_a_shop_is_indexed_and_searched_by_both(folder, trained, tmp_path):
    noise = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        Image.fromarray(noise.integers(0, 256, (40, 30, 3), dtype=np.uint8)).save(tmp_path / f"{name}.png")
    given = {"weights": str(folder), "device": "cpu"}
    for name, options, composer in (
        ("fashion/blip2", given, "fashion/sprc"),
        ("fashion/fashionblip2", {**given, "trained": str(trained)}, "fashion/fashionblip2"),
    ):
        path = tmp_path / f"{name.partition('/')[2]}.collection"
        with fieldglass.create(path, encoder=name, options=options) as made:
            made.index(tmp_path)
            hits = list(made.search(like="a.png", text="in red, longer", composer=composer, k=3))
            assert sorted(hit.id for hit in hits) == ["a.png", "b.png", "c.png"]
            assert next(iter(made.search(like="b.png", k=1))).id == "b.png"
            if name == "fashion/blip2":
                assert len(list(made.search(text="a red dress", k=3))) == 3
                assert made.store.snapshot().fields["image"].rows == 32
                assert made.search(like="a.png", text="in red").composer == "weicom"  # these are not SPRC's weights
                continue
            assert made.search(like="a.png", text="in red, longer", k=3).hits == tuple(hits)  # what it was trained with
            with pytest.raises(QueryError, match="only beside a picture"):
                made.search(text="a red dress")
            with pytest.raises(QueryError, match="cannot refuse"):
                made.search(like="a.png", not_text="a belt")
            asked = made.ask(like="a.png", text="in red")
            (note,) = made.search(like="a.png", text="longer and " * 40 + "in dark red").notes
            assert "longer than fashion/fashionblip2 reads" in note and note.endswith("longer and in dark red”.")
            said = " ".join(reasons(made, asked.query, hits).values())
            assert "the picture" in said and "in red" not in said  # a sentence alone has no vector
        turns = CliRunner().invoke(
            main, ["fashion", "session", str(path), "--like", "a.png", "-k", "2"], input="in red\nlonger\n"
        )
        assert turns.exit_code == 0, turns.output
        assert turns.stdout.count("rank") == 3


def test_sprc_s_weights_bring_its_composer(folder, tmp_path):
    made = Blip2(weights=str(files.lavis(tmp_path / "sprc.pt", prompts=True)), device="cpu", precision="fp32")
    both = Query((QueryImage("a"),), (QueryText("in red"),))
    assert suiting_composer(both, made) == "fashion/sprc"
    assert suiting_composer(replace(both, texts=(QueryText("red", role="negative"),)), made) == "weicom"


def test_an_encoder_of_pictures_alone_says_so():
    class Seeing:
        name = "seeing"

        def images(self, batch):
            raise NotImplementedError

    with pytest.raises(QueryError, match="seeing reads no sentences") as error:
        suiting_composer(Query((QueryImage("a"),), (QueryText("in red"),)), Seeing())
    assert "fashion/mini" in error.value.hint and "weicom" not in str(error.value)
    assert suiting_composer(Query((QueryImage("a"),)), Seeing()) == "image"
