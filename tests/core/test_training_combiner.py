"""The Combiner: the authors' files, its formula, its training, and what is refused."""

from __future__ import annotations

import csv
from typing import ClassVar

import numpy as np
import pytest
import torch

import fieldglass
import official_files as official
import small_checkpoints as small
from fieldglass.composers.combiner import Combiner
from fieldglass.composers.combiner_network import load_combiner
from fieldglass.composers.vectors import picture_vectors, text_vectors, unit
from fieldglass.errors import FingerprintError, LoaderError, QueryError, UsageError, WeightsError
from fieldglass.evaluation.prepared import prepare
from fieldglass.evaluation.run import evaluate
from fieldglass.models.weights import notes, read
from fieldglass.registry import registry
from fieldglass.testing import ComposerContract, RecipeContract, TinyEncoder
from fieldglass.training import Position, train
from fieldglass.training.combiner import CombinerRecipe, augmented, combine, layers
from fieldglass.training.triplets import read_triplets, variants, worded
from fieldglass.types import Query, QueryImage, QueryText
from plugged import COLOURS, paint, site  # noqa: F401

FILES: dict[str, str] = {}


def saved(path, width=16, *, prefix="", **more):
    """A file as the authors write it."""
    torch.manual_seed(0)
    made = layers(width, 2 * width, 4 * width, 0.5)
    state = {prefix + name: value for name, value in made.state_dict().items()}
    torch.save({"epoch": 3, "Combiner": state, **more}, path)
    return made.eval(), str(path)


@pytest.fixture(scope="module", autouse=True)
def weights(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDGLASS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield from _weights(tmp_path_factory)


def _weights(tmp_path_factory):
    FILES["weights"] = saved(tmp_path_factory.mktemp("combiner") / "c.pt")[1]
    yield


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Twelve pictures with a small CLIP, and a triplet from each to each other colour."""
    home = tmp_path_factory.mktemp("clip")
    paint(home / "p", **{f"{colour}{number}": colour for colour in COLOURS for number in range(2)})
    with fieldglass.create(home / "c", "open_clip", {"weights": str(small.clip(home / "model").parent)}) as made:
        made.index(home / "p")
    return home


def pairs(path, suffix=".png", copies=2):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("reference", "text", "target"))
        for one in COLOURS:
            for other in COLOURS:
                for number in range(copies):
                    if one != other:
                        writer.writerow((f"{one}{number}{suffix}", other, f"{other}{number}{suffix}"))
    return str(path)


def options(clip, **more):
    return {
        "triplets": pairs(clip / "pairs.csv"), "collection": str(clip / "c"), "metric": "R@1", "batch": 16,
        "lr": 1e-3, "held_out": 0.2, "epochs": 2, **more,
    }  # fmt: skip


class TestCombiner(ComposerContract):
    composer = "combiner"

    def make(self):
        return Combiner(weights=FILES["weights"])


class TestTraining(RecipeContract):
    recipe = "combiner"
    wrappers = ("Combiner",)
    options: ClassVar[dict] = {}

    @pytest.fixture(autouse=True, params=["plain", "everything"])
    def small(self, clip, request):
        more = {"bank": True, "uncertainty": 1.0} if request.param == "everything" else {}
        type(self).options = options(clip, **more)


@pytest.mark.parametrize("prefix", ["", "module."])
def test_the_network_is_that_of_torch(tmp_path, prefix):
    module, path = saved(tmp_path / "c.pt", prefix=prefix)
    noise = np.random.default_rng(0)
    pictures, texts = noise.normal(size=(2, 5, 16)).astype(np.float32)
    with torch.no_grad():
        wanted = combine(module, torch.from_numpy(pictures), torch.from_numpy(texts)).numpy()
    assert np.allclose(load_combiner(path, TinyEncoder())(pictures, texts), wanted, atol=1e-6)


def test_without_its_output_and_with_half_a_share_it_is_the_plain_mean(tmp_path):
    module, path = saved(tmp_path / "c.pt")
    state = module.state_dict()
    for name in ("output_layer.weight", "output_layer.bias", "dynamic_scalar.3.weight", "dynamic_scalar.3.bias"):
        state[name].zero_()
    torch.save({"epoch": 0, "Combiner": state}, path)
    kit, encoder = TestCombiner(), TinyEncoder()
    queries, gallery = kit.queries(), kit.gallery()
    (probe,) = Combiner(weights=path).compose(queries, encoder, gallery).probes
    both = picture_vectors(queries, encoder, gallery, name="x") + text_vectors(queries, encoder, name="x")
    assert np.allclose(probe.vectors, unit(both), atol=1e-6)


def test_several_pictures_texts_weights_and_refusals_are_taken():
    kit, encoder = TestCombiner(), TinyEncoder()
    gallery, made = kit.gallery(), kit.make()

    def vector(images, texts):
        query = Query(images=tuple(images), texts=tuple(texts))
        return made.compose([query], encoder, gallery).probes[0].vectors[0]

    one, two = QueryImage(id="p0"), QueryImage(id="p1")
    said = [QueryText("red"), QueryText("dark")]
    assert np.allclose(vector([one], said), vector([one], [QueryText("red and dark")]))
    assert not np.allclose(vector([one], said), vector([one], [QueryText("red"), QueryText("dark", weight=0.5)]))
    assert not np.allclose(vector([one, two], said), vector([one], said))
    refused = vector([one], [*said, QueryText("blue", "negative")])
    assert refused @ encoder.texts(["blue"])[0] < vector([one], said) @ encoder.texts(["blue"])[0]
    with pytest.raises(QueryError):
        vector([one], [])


def test_files_that_do_not_fit_are_told(tmp_path):
    encoder = TinyEncoder()
    with pytest.raises(UsageError, match="fieldglass train combiner"):
        load_combiner("", encoder)
    with pytest.raises(WeightsError, match=r"512; those of tiny have 16.*Vectors of 512 are those of"):
        load_combiner(saved(tmp_path / "wide.pt", 512)[1], encoder)
    torch.save({"Combiner": {"output_layer.weight": torch.zeros(2, 2)}}, tmp_path / "part.pt")
    with pytest.raises(WeightsError, match="it lacks combiner_layer"):
        load_combiner(str(tmp_path / "part.pt"), encoder)
    module, path = saved(tmp_path / "odd.pt")
    state = module.state_dict() | {"output_layer.weight": torch.zeros(16, 3)}
    torch.save({"Combiner": state}, path)
    with pytest.raises(WeightsError, match=r"output_layer is \(16, 3\)"):
        load_combiner(path, encoder)
    _, other = saved(tmp_path / "other.pt", encoder="mini-1234")
    with pytest.raises(WeightsError, match="trained on mini-1234"):
        load_combiner(other, encoder)
    assert load_combiner(other, encoder, check=False).width == 16


def test_training_finds_what_it_was_not_shown(clip, tmp_path):
    found = train("combiner", tmp_path / "run", options(clip, epochs=25, patience=25), device="cpu")
    assert found.best is not None and found.values.keys() == {"R@1", "R@10", "R@50", "mean"}
    said = notes(tmp_path / "run" / "combiner.pt")
    assert said["features"] == "raw"
    with fieldglass.open(clip / "c") as opened:
        assert said["encoder"] == opened.encoder.fingerprint
        right = {}
        for name, network in (("combiner", {"weights": found.weights}), ("sum", {})):
            right[name] = 0
            for one in COLOURS:
                for other in set(COLOURS) - {one}:
                    hits = opened.search(like=f"{one}0.png", text=other, composer=name, options=network, k=1)
                    right[name] += hits.hits[0].id.startswith(other)
    assert right["combiner"] > 1.5 * right["sum"], f"{right} of 30"


def test_an_encoder_without_raw_vectors_gives_unit_ones(site, tmp_path):
    paint(tmp_path / "p", **{f"{colour}{number}": colour for colour in COLOURS for number in range(2)})
    with fieldglass.create(tmp_path / "c", "tiny") as made:
        made.index(tmp_path / "p")
    told: list[str] = []
    found = train("combiner", tmp_path / "run", options(tmp_path), device="cpu", told=told.append)
    assert "unit vectors of 16" in told[0]
    with fieldglass.open(tmp_path / "c") as opened:
        hits = opened.search(like="red0.png", text="blue", composer="combiner", options={"weights": found.weights})
        assert hits.hits


def test_validation_recall_is_that_of_a_search(clip, tmp_path):
    made = CombinerRecipe(**options(clip))
    made.module.eval()
    with torch.no_grad():
        values = made.validate()
        made.save(tmp_path / "c.pt")
    assert read(tmp_path / "c.pt", ("Combiner",)).keys() == made.module.state_dict().keys()
    held, hits = made.held, 0
    with fieldglass.open(clip / "c") as opened:
        snapshot = opened.store.snapshot()
        names = snapshot.ids(np.flatnonzero(snapshot.present("image")))
        texts = {row: text for text in COLOURS for row, kept in enumerate(held.texts)
                 if np.allclose(kept, opened.encoder.raw_texts([text])[0], atol=1e-5)}  # fmt: skip
        for row in range(len(held)):
            reference, target = names[held.shown[row]], names[held.targets[row]]
            found = opened.search(
                like=reference, text=texts[int(held.said[row, 0])], composer="combiner", exclude=[reference],
                options={"weights": str(tmp_path / "c.pt")}, k=1,
            )  # fmt: skip
            hits += found.hits[0].id == target
    assert values["R@1"] == pytest.approx(100 * hits / len(held))


def test_uncertainty_is_that_of_the_authors():
    torch.manual_seed(0)
    targets = torch.nn.functional.normalize(torch.randn(4000, 32), dim=1)
    noisy = augmented(targets)
    plain = torch.nn.functional.instance_norm(targets[None])[0]
    spread, mean = torch.std_mean(targets, dim=1, keepdim=True)
    assert torch.allclose(noisy.mean(), (plain + mean).mean(), atol=3e-3)
    wanted = (spread**2 * plain**2 + spread**2).mean()  # both noises have the row's own deviation
    assert float((noisy - plain - mean).var()) == pytest.approx(float(wanted), rel=0.05)


def test_a_bank_has_more_negatives_than_a_batch(clip):
    plain, bank = (CombinerRecipe(**options(clip, bank=bank)) for bank in (False, True))
    bank.module.load_state_dict(plain.module.state_dict())
    for made in (plain, bank):
        made.module.eval()
    batch, at = next(plain.batches(0, 0)), Position()
    assert bank.all.shape[0] == 12
    assert bank.loss(batch, at)["loss"].item() > plain.loss(batch, at)["loss"].item()


def test_other_data_are_not_gone_on_with(clip, tmp_path):
    given = options(clip, triplets=pairs(tmp_path / "pairs.csv"))
    train("combiner", tmp_path / "run", given, device="cpu")
    pairs(tmp_path / "pairs.csv", copies=1)
    with pytest.raises(FingerprintError):
        train("combiner", tmp_path / "run", resume=True, device="cpu")


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("reference,text\na,b\n", LoaderError, "target"),
        ("reference,text,target\nred0.png,,blue0.png\n", LoaderError, "text is empty"),
        ("reference,text,target\nx.png,red,y.png\n", UsageError, "None of the 1 triplets"),
        ("reference,text,target\nred0.png,red,blue0.png\n", UsageError, "cannot be split"),
    ],
)
def test_bad_triplets_are_told(clip, tmp_path, text, error, said):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(error, match=said):
        train("combiner", tmp_path / "run", options(clip, triplets=str(tmp_path / "t.csv")), device="cpu")
    assert not (tmp_path / "run" / "run.json").exists()


def test_triplets_whose_pictures_are_missing_are_counted(clip, tmp_path):
    path = tmp_path / "pairs.csv"
    pairs(path)
    with path.open("a") as file:
        file.write("gone.png,red,red0.png\n")
    made = CombinerRecipe(**options(clip, triplets=str(path)))
    assert "1 triplets left out" in made.summary and len(made.examples) + len(made.held) == 60


@pytest.mark.parametrize(("name", "counts"), [("fashioniq", (6, 6, 12)), ("cirr", (4, 4, 12))])
def test_a_benchmark_is_trained_on_and_then_evaluated(clip, tmp_path, name, counts):
    root = tmp_path / "official"
    for split in ("train", "val"):
        getattr(official, name)(root, split=split)
    options = {"weights": str(clip / "model")}
    given = {"benchmark": name, "root": str(root), "encoder": "open_clip", "epochs": 2, "batch": 4}
    told: list[str] = []
    found = train(
        "combiner", tmp_path / "run", given | {"encoder_options": f"weights={clip / 'model'}"}, told=told.append
    )
    triplets, held, pictures = counts
    assert f"{triplets} triplets to train on, {held} to validate on among {pictures} pictures; " in told[0]
    reader = registry().create("benchmarks", name, {"root": str(root)})
    with prepare(tmp_path / "c", name, {"root": str(root)}, "open_clip", options) as opened:
        outcome = evaluate(reader, opened, root=root, composer="combiner", options={"weights": found.weights})
    assert outcome.queries == held


@pytest.mark.parametrize(
    "wrong", [{}, {"triplets": "a", "benchmark": "cirr"}, {"triplets": "a"}, {"benchmark": "cirr"}]
)
def test_what_to_learn_from_must_be_said(wrong):
    with pytest.raises(UsageError, match="combiner"):
        CombinerRecipe(**wrong)


def test_captions_of_fashioniq_are_worded_as_the_authors_do(tmp_path):
    assert worded(("is red.", "has long sleeves ?")) == "Is red and has long sleeves"
    assert variants(("is red.", "is long")) == ("Is red and is long", "Is long and is red", "Is red", "Is long")
    assert variants(("as it is.",)) == ("as it is.",)
    (tmp_path / "t.jsonl").write_text('{"reference": "a", "text": "x", "target": "b"}\n')
    assert [each.target for each in read_triplets(tmp_path / "t.jsonl")] == ["b"]
