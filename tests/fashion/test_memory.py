"""The memory of a session: heads by the book, turns in any order, training, and what is refused."""

from __future__ import annotations

import json
import pickle
from typing import ClassVar

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import fieldglass
from fashion.tiny_offer import offered
from fieldglass.errors import LoaderError, QueryError, UsageError, WeightsError
from fieldglass.registry import registry
from fieldglass.session import Session
from fieldglass.testing import ArrayGallery, ComposerContract, RecipeContract, TinyEncoder
from fieldglass.testing.tiny import WORDS
from fieldglass.training import train
from fieldglass.types import Query, QueryImage, QueryText
from fieldglass_fashion.memory import STREAMS, Cascade, address, read, write
from fieldglass_fashion.memory.cascade import load_cascade
from fieldglass_fashion.memory.heads import opposed
from fieldglass_fashion.memory.module import made, queries
from fieldglass_fashion.memory.sessions import Spoken, read_sessions

DIM = TinyEncoder.dim
FILES: dict[str, str] = {}


def network(seed=0, *, trained=True, dim=DIM):
    torch.manual_seed(seed)
    module = made(dim, slots=6, width=20, hidden=24, key=8)
    if trained:
        torch.nn.init.normal_(module.output.weight, std=0.3)
    return module.eval()


def cascade(module):
    return Cascade({name: value.detach().double().numpy() for name, value in module.state_dict().items()})


@pytest.fixture(scope="module", autouse=True)
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("memory") / "m.pt"
    torch.save({"epoch": 1, "memory": network().state_dict()}, path)
    FILES["weights"] = str(path)


class _Memory(ComposerContract):
    composer = "fashion/memory"

    @property
    def options(self):
        return {"weights": FILES["weights"]}


class TestMemory(_Memory):
    pass


class TestMemoryOfTexts(_Memory):
    parts = "text"


class TestMemoryOfPictures(_Memory):
    parts = "image"


heads = st.integers(0, 10_000).map(np.random.default_rng)


@given(heads)
@settings(max_examples=20, deadline=None)
def test_where_a_head_looks_is_a_probability(rng):
    before = rng.dirichlet(np.ones(5), 3)
    found = address(
        rng.normal(size=(3, 5, 4)), rng.normal(size=(3, 4)), rng.uniform(0.1, 30, 3), gate=rng.uniform(0, 1, 3),
        before=before, shift=rng.dirichlet(np.ones(3), 3), sharpen=rng.uniform(1, 20, 3),
    )  # fmt: skip
    assert (found >= 0).all() and found.sum(axis=1) == pytest.approx(np.ones(3))


def test_heads_do_what_the_paper_says():
    """Two slots along the axes: cos is 1 and 0, softmax(2 (1, 0)) = (0.8808, 0.1192)."""
    content, key = np.eye(2)[None], np.array([[3.0, 0.0]])
    looked = address(content, key, np.array([2.0]))
    assert looked[0] == pytest.approx([0.880797, 0.119203], abs=1e-6)
    same = address(
        content, key, np.array([2.0]), gate=1.0, before=np.array([[0.0, 1.0]]), shift=np.array([[0.0, 1.0, 0.0]])
    )
    assert np.allclose(same, looked), "gate 1, no shift, no sharpening: by content alone"
    before = np.array([[0.25, 0.75]])
    assert np.allclose(address(content, key, np.array([2.0]), gate=0.0, before=before), before)
    three = address(np.eye(3)[None], np.array([[9.0, 0, 0]]), np.array([60.0]), shift=np.array([[0.0, 0.0, 1.0]]))
    assert three[0] == pytest.approx([0, 1, 0], abs=1e-9), "a shift of +1 looks at the next slot"
    sharp = address(content, key, np.array([2.0]), sharpen=2.0)
    assert sharp[0] == pytest.approx([0.982014, 0.017986], abs=1e-6)  # .8808^2 / (.8808^2 + .1192^2)
    memory = write(np.ones((1, 2, 2)), np.array([[1.0, 0.0]]), np.array([[1.0, 0.0]]), np.array([[0.5, 0.5]]))
    assert memory[0].tolist() == [[0.5, 1.5], [1.0, 1.0]]
    assert read(memory, np.array([[0.5, 0.5]]))[0] == pytest.approx([0.75, 1.25])
    assert opposed(np.array([[[1.0, 0], [-1, 0], [0, 0]]]), np.array([[1.0, 0]]))[0].tolist() == [0, 1, 0]


def turns_of(rng, count, dim=DIM):
    vectors = rng.normal(size=(2, count, 1, dim))
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def said(found, pictures, texts, order):
    state = found.begin(1)
    for turn in order:
        state = found.step(state, pictures[turn], texts[turn])
    return state


def agreeing(found, seed):
    """The network with what is written all on one side: no turn takes back what another said."""
    state = dict(found.state)
    for name in STREAMS:
        state[f"{name}.add.bias"] = np.abs(state[f"{name}.add.bias"]) + 4.0
    return Cascade(state)


@given(heads, st.permutations(range(4)))
@settings(max_examples=25, deadline=None)
def test_turns_that_do_not_contradict_come_in_any_order(rng, order):
    found = agreeing(cascade(network(3)), 3)
    pictures, texts = turns_of(rng, 4)
    one, other = said(found, pictures, texts, range(4)), said(found, pictures, texts, order)
    for first, second in zip(one.memories, other.memories, strict=True):
        assert np.allclose(first, second, atol=1e-9)
    assert np.allclose(found.query(one), found.query(other), atol=1e-9)


def test_a_later_contradiction_takes_back():
    """The same sentence turned round: what is left in its slots is the later one, whichever that is."""
    found = cascade(network(1))
    rng = np.random.default_rng(2)
    state = dict(found.state)
    for layer in ("controller", "add"):
        state[f"text.{layer}.bias"] = np.zeros_like(state[f"text.{layer}.bias"])
    for layer in ("where", "erase"):  # the same slots for both, and erasing whole
        state[f"text.{layer}.weight"] = np.zeros_like(state[f"text.{layer}.weight"])
    state["text.erase.bias"] = np.full_like(state["text.erase.bias"], 30.0)
    state["text.where.bias"] = np.concatenate([[40.0, 40.0], state["text.addresses"][2]])
    found = Cascade(state)
    (pictures, texts) = turns_of(rng, 1)
    nothing = np.zeros_like(pictures[0])
    for first in (texts[0], -texts[0]):
        memory = found.step(found.step(found.begin(1), nothing, first), nothing, -first).memories[1]
        alone = found.step(found.begin(1), nothing, -first).memories[1]
        assert np.allclose(memory, alone, atol=1e-3) and np.abs(alone).max() > 0.01


def test_every_session_begins_anew_and_can_be_put_away():
    found = cascade(network())
    pictures, texts = turns_of(np.random.default_rng(0), 3)
    state = said(found, pictures, texts, range(2))
    kept = pickle.loads(pickle.dumps(state))
    one, other = (found.query(found.step(each, pictures[2], texts[2])) for each in (state, kept))
    assert np.array_equal(one, other) and not found.begin(1).said.any()


def test_what_was_said_first_still_counts_after_four_turns():
    found = cascade(network())
    pictures, texts = turns_of(np.random.default_rng(5), 4)
    changed = texts.copy()
    changed[0] = turns_of(np.random.default_rng(6), 1)[0][0]
    one, other = (found.query(said(found, pictures, each, range(4))) for each in (texts, changed))
    assert (one * other).sum() < 0.99


def test_before_training_it_is_the_sum_of_the_turns():
    found = cascade(network(trained=False))
    pictures, texts = turns_of(np.random.default_rng(0), 3)
    total = (pictures + texts).sum(axis=0)
    assert np.allclose(found.query(said(found, pictures, texts, range(3))), total / np.linalg.norm(total), atol=1e-6)


def test_numpy_is_torch():
    module = network(4)
    pictures, texts = turns_of(np.random.default_rng(1), 3)
    pictures[1] = 0
    tensors = [torch.from_numpy(each.transpose(1, 0, 2).astype(np.float32)) for each in (pictures, texts)]
    there = torch.tensor([[True, True, False]])
    with torch.no_grad():
        found = queries(module, *tensors, there).numpy()[0]
    for turns, row in ((1, 0), (2, 1), (2, 2)):  # a turn that is not there changes nothing
        state = said(cascade(module), pictures, texts, range(turns))
        assert np.allclose(cascade(module).query(state)[0], found[row], atol=1e-5)


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """Sixty pictures in five colours; sessions lead from any picture to one of the colour that the texts say."""
    folder = tmp_path_factory.mktemp("shop")
    noise = np.random.default_rng(0)
    colours = {"red": (200, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 200), "dark": (9, 9, 9)}
    names = []
    for name, colour in colours.items():
        for number in range(10):
            pixels = np.clip(np.array(colour) + noise.integers(-30, 30, (8, 8, 3)), 0, 255).astype(np.uint8)
            (folder / "p").mkdir(exist_ok=True)
            names.append(f"{name}{number}.png")
            Image.fromarray(pixels).save(folder / "p" / names[-1])
    with open(folder / "sessions.jsonl", "w", encoding="utf-8") as file:
        for place in range(80):
            target = names[int(noise.integers(len(names)))]
            turns = [
                {"reference": names[int(noise.integers(len(names)))], "text": target.rstrip("0123456789.png")},
                {"reference": target if place % 2 else "", "text": "a garment"},
            ]
            file.write(json.dumps({"turns": turns, "target": target}) + "\n")
    with offered(tmp_path_factory.mktemp("site")):
        with fieldglass.create(folder / "c", "tiny") as made_:
            made_.index(folder / "p")
        FILES["collection"], FILES["sessions"] = str(folder / "c"), str(folder / "sessions.jsonl")
        yield folder


@pytest.mark.usefixtures("shop")
class TestRecipe(RecipeContract):
    recipe = "fashion/memory"
    wrappers = ("memory",)
    small: ClassVar = {"epochs": 2, "batch": 32, "slots": 4, "width": 16, "hidden": 16, "held_out": 0.2}

    @property
    def options(self):
        return {"sessions": FILES["sessions"], "collection": FILES["collection"], **self.small}


def test_training_lowers_the_loss_and_a_session_uses_it(shop, tmp_path):
    options = {"sessions": shop / "sessions.jsonl", "collection": shop / "c", "epochs": 6, "batch": 32, "slots": 4,
               "width": 32, "hidden": 32, "patience": 0, "lr": 0.01}  # fmt: skip
    found = train("fashion/memory", tmp_path / "run", options, threads=1)
    rows = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    losses = [row["mean loss"] for row in rows if "mean loss" in row]
    assert losses[-1] < losses[0] and {"R@5", "R@8", "sum R@5"} <= set(found.values)
    with fieldglass.open(shop / "c") as opened:
        session = Session(opened, updater="fashion/memory", options={"weights": found.weights})
        session.start(text="red")
        session.refine(text="a garment", like=1)
        assert session.refine(not_like=1).hits[0].id.startswith("red")
        session.save(tmp_path / "s.json")
        assert "memory.pt" not in (tmp_path / "s.json").read_text(), "weights are never taken from a file"


def test_published_sessions_are_read(tmp_path):
    """The layout of Multi-turn FashionIQ; one session has a single turn, captions may be blank."""
    path = tmp_path / "dress.train.json"
    rows = [
        {"target": ["http://x/t.jpg", "T"], "reference": [["http://x/a.jpg", ["is  red", " "], "A"]]},
        {"target": ["u", "T"], "reference": [["u", ["is red", "longer"], "A"], ["u", ["no belt", "x"], "B"]]},
    ]
    path.write_text(json.dumps(rows))
    assert list(read_sessions(path)) == [
        Spoken((("A", "is red"),), "T"),
        Spoken((("A", "is red and longer"), ("B", "no belt and x")), "T"),
    ]


@pytest.mark.parametrize(
    "text", ["nonsense", '{"target": "t"}', '{"target": "t", "turns": []}', '{"target": 3, "turns": [{"text": "x"}]}',
             '{"target": "t", "turns": [{"text": " "}]}', '[["t"]]', '[{"target": ["u"], "reference": []}]'],
)  # fmt: skip
def test_sessions_that_are_not_whole_are_named(text, tmp_path):
    path = tmp_path / "s.jsonl"
    path.write_text(text)
    with pytest.raises(LoaderError, match=r"s\.jsonl"):
        list(read_sessions(path))


def test_other_files_are_refused(tmp_path):
    encoder = TinyEncoder()
    with pytest.raises(UsageError, match="needs its network"):
        load_cascade("", encoder)
    for name, content, message in (
        ("a.pt", {"memory": {"x": torch.zeros(2)}}, "is no memory"),
        ("b.pt", {"memory": {**network().state_dict(), "more": torch.zeros(1)}}, "more is"),
        ("c.pt", {"memory": network(dim=DIM + 1).state_dict()}, "remembers vectors of"),
        ("d.pt", {"memory": network().state_dict(), "encoder": "another"}, "was trained on another"),
    ):
        torch.save(content, tmp_path / name)
        with pytest.raises(WeightsError, match=message):
            load_cascade(str(tmp_path / name), encoder)
    assert load_cascade(str(tmp_path / "d.pt"), encoder, check=False).dim == DIM


def test_refused_pictures_are_kept_away_from():
    encoder = TinyEncoder()
    gallery: ArrayGallery = ComposerContract.gallery(TestMemory())
    composer = registry().create("composers", "fashion/memory", {"weights": FILES["weights"]})
    history = (Query(texts=(QueryText(WORDS[0]),)),)
    plain = composer.compose([Query(texts=(QueryText(WORDS[1]),), history=history)], encoder, gallery)
    away = composer.compose(
        [Query((QueryImage("p3", role="negative"),), (QueryText(WORDS[1]),), history=history)], encoder, gallery
    )
    vector = gallery.vectors("image", gallery.positions(["p3"]))[0, 0]
    assert away.probes[0].vectors[0] @ vector < plain.probes[0].vectors[0] @ vector
    with pytest.raises(QueryError, match="Nothing is asked for"):
        composer.compose([Query((QueryImage("p3", role="negative"),))], encoder, gallery)
