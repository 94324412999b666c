"""Textual inversion: the authors' files, their prompts, several pictures, and what is refused."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from skimage import data

import small_checkpoints as small
from fieldglass._torchvision import require
from fieldglass.composers.inversion import Lincir, Pic2Word, Searle
from fieldglass.composers.oti import Oti
from fieldglass.composers.pdv import Pdv
from fieldglass.composers.phi import load_phi
from fieldglass.encoders import encode
from fieldglass.encoders.open_clip import OpenClip
from fieldglass.errors import QueryError, UsageError, WeightsError, WeightsMissingError
from fieldglass.registry import registry
from fieldglass.testing import ComposerContract
from fieldglass.testing.gallery import ArrayGallery
from fieldglass.testing.tiny import TinyEncoder
from fieldglass.types import Query, QueryImage, QueryText, Sample

PICTURES = [data.chelsea(), data.coffee(), data.astronaut(), data.rocket(), data.hubble_deep_field()[:200, :200]]
ENCODER: dict[str, OpenClip] = {}
FILES: dict[str, str] = {}


def searle(width_in=32, width_out=32):
    """The layers of SEARLE and LinCIR, as their code makes them."""
    nn = require("torch").nn
    hidden = 4 * width_in
    layers = [nn.Linear(width_in, hidden), nn.GELU(), nn.Dropout(0.5), nn.Linear(hidden, hidden), nn.GELU()]
    made = nn.Module()
    made.layers = nn.Sequential(*layers, nn.Dropout(0.5), nn.Linear(hidden, width_out))
    made.run = made.layers.forward
    return made.eval()


def pic2word():
    """The layers of Pic2Word's IM2TEXT."""
    nn = require("torch").nn
    made = nn.Module()
    blocks = [nn.Sequential(nn.Linear(32, 48), nn.Dropout(0.1), nn.ReLU()) for _ in range(1)]
    blocks.append(nn.Sequential(nn.Linear(48, 48), nn.Dropout(0.1), nn.ReLU()))
    made.layers = nn.Sequential(*blocks)
    made.fc_out = nn.Linear(48, 32)
    made.run = lambda x: made.fc_out(made.layers(x))
    return made.eval()


def saved(folder, name, network):
    """One of the layouts in which the authors publish."""
    torch = require("torch")
    state = network.state_dict()
    layouts = {
        "searle": {"Phi": state},
        "lincir": {"epoch": 3, "Phi": state},
        "pic2word": {
            "epoch": 3,
            "name": "im2text",
            "state_dict": {"module.visual.proj": torch.zeros(2, 2)},
            "state_dict_img2text": {f"module.{key}": value for key, value in state.items()},
            "optimizer": {"state": {}, "param_groups": [{"lr": 1e-4, "params": [0, 1]}]},
        },
    }
    path = folder / f"{name}.pt"
    torch.save(layouts[name], path)
    return str(path)


@pytest.fixture(scope="module", autouse=True)
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inversion")
    small.clip(folder / "clip")
    ENCODER["clip"] = OpenClip(weights=str(folder / "clip"))
    require("torch").manual_seed(0)
    for name in ("searle", "lincir", "pic2word"):
        FILES[name] = saved(folder, name, pic2word() if name == "pic2word" else searle())
    yield
    ENCODER.clear()
    FILES.clear()


class Album(ArrayGallery):
    """A gallery whose items can be read again."""

    def read(self, id):
        return Sample("image", PICTURES[int(id[1:]) % len(PICTURES)])


def album():
    encoder = ENCODER["clip"]
    vectors = encode(encoder, [encoder.prepare(Sample("image", each)) for each in PICTURES])
    return Album([f"p{number}" for number in range(len(PICTURES))], {"image": vectors})


class Kit(ComposerContract):
    def make_encoder(self):
        return ENCODER["clip"]

    def make(self):
        options = {**self.options, **({"weights": FILES[self.composer]} if self.composer in FILES else {})}
        return registry().create("composers", self.composer, options)

    def gallery(self):
        return album()

    def test_the_order_of_the_gallery_does_not_matter(self):
        """No composer of this kind looks at the gallery but to read a picture of the query."""
        found = self._compose(self.queries(), album()).probes[0].vectors
        assert np.array_equal(found, self._compose(self.queries(), album()).probes[0].vectors)


class TestSearle(Kit):
    composer = "searle"


class TestLincir(Kit):
    composer = "lincir"


class TestPic2Word(Kit):
    composer = "pic2word"


class TestOti(Kit):
    composer = "oti"
    options: ClassVar = {"steps": 3}


del Kit

MAKERS = {"searle": Searle, "lincir": Lincir, "pic2word": Pic2Word}


def composed(name, *queries):
    return MAKERS[name](weights=FILES[name]).compose(queries, ENCODER["clip"], album()).probes[0].vectors


def by_hand(network, prompt, row=0):
    """The network run by torch on the vector before normalisation, the word put into the prompt."""
    torch, encoder = require("torch"), ENCODER["clip"]
    raw = encoder.raw_images([encoder.prepare(Sample("image", PICTURES[row]))])[:, 0]
    with torch.inference_mode():
        word = network.run(torch.from_numpy(raw)).numpy()
    return encoder.pseudo_texts([prompt], word)[0]


def query(*texts, row=0, **roles):
    return Query(images=(QueryImage(id=f"p{row}"),), texts=tuple(QueryText(text, **roles) for text in texts))


def network(name):
    require("torch").manual_seed(0)
    made = {}
    for each in ("searle", "lincir", "pic2word"):
        made[each] = pic2word() if each == "pic2word" else searle()
    return made[name]


@pytest.mark.parametrize(
    ("name", "prompt"),
    [
        ("searle", "a photo of $ that is red"),
        ("lincir", "a photo of $ that is red"),
        ("pic2word", "a photo of $ , is red"),
    ],
)
def test_the_vector_is_that_of_the_network_and_the_prompt(name, prompt):
    assert composed(name, query("is red"))[0] == pytest.approx(by_hand(network(name), prompt), abs=1e-5)


def test_a_picture_by_id_and_as_a_file_are_the_same():
    fresh = Query(images=(QueryImage(sample=Sample("image", PICTURES[0])),), texts=(QueryText("is red"),))
    assert np.array_equal(composed("searle", fresh), composed("searle", query("is red")))


def test_two_sentences_share_a_prompt_in_both_orders():
    made = network("searle")
    both = by_hand(made, "a photo of $ that is red and is big") + by_hand(made, "a photo of $ that is big and is red")
    assert composed("searle", query("is red", "is big"))[0] == pytest.approx(both / np.linalg.norm(both), abs=1e-5)
    last = by_hand(network("pic2word"), "a photo of $ , is big and is red")
    assert composed("pic2word", query("is red", "is big"))[0] == pytest.approx(last, abs=1e-5)


def test_sentences_of_different_weights_and_pictures_and_a_refused_text():
    made, encoder = network("searle"), ENCODER["clip"]
    asked = Query(
        images=(
            QueryImage(id="p0"),
            QueryImage(id="p1", weight=0.5),
            QueryImage(id="p2", role="negative", weight=0.25),
        ),
        texts=(QueryText("red", weight=2.0), QueryText("big"), QueryText("blue", role="negative", weight=0.5)),
    )
    total = sum(
        part * weight * by_hand(made, f"a photo of $ that {text}", row)
        for row, part in ((0, 1.0), (1, 0.5), (2, -0.25))
        for text, weight in (("red", 2.0), ("big", 1.0))
    )
    total = total / np.linalg.norm(total) - 0.5 * encoder.texts(["blue"])[0]
    assert composed("searle", asked)[0] == pytest.approx(total / np.linalg.norm(total), abs=1e-5)


def test_a_domain_takes_the_place_of_photo():
    found = composed("pic2word", query("sketch", role="domain"))[0]
    assert found == pytest.approx(by_hand(network("pic2word"), "a sketch of $"), abs=1e-5)


def test_the_users_placeholder_is_not_the_picture():
    assert np.array_equal(composed("searle", query("costs $ 5")), composed("searle", query("costs 5")))
    with pytest.raises(QueryError, match="Nothing is left"):
        composed("searle", query("$$"))


def test_a_long_text_is_cut_and_keeps_its_end():
    long = composed("searle", query("and more " * 100))[0]
    assert np.isfinite(long).all() and np.linalg.norm(long) == pytest.approx(1, abs=1e-5)


def test_pdv_around_an_inversion_and_its_ends():
    base = Searle(weights=FILES["searle"])
    asked, view, encoder = [query("is red")], album(), ENCODER["clip"]

    def moved(**options):
        return Pdv(base=base, **options).compose(asked, encoder, view).probes[0].vectors

    assert moved(beta=1.0, alpha_text=1.0) == pytest.approx(composed("searle", *asked), abs=1e-6)
    assert moved(beta=0.0, alpha_image=0.0) == pytest.approx(view.vectors("image", np.array([0]))[:, 0], abs=1e-6)
    assert moved(beta=1.0, alpha_text=0.0)[0] == pytest.approx(by_hand(network("searle"), "a photo of $"), abs=1e-5)


def test_oti_comes_nearer_to_the_picture_with_each_step():
    encoder, view = ENCODER["clip"], album()
    seen = view.vectors("image", np.array([0]))[0, 0]
    near = [float(Oti(steps=steps, memory=0.0).bare([query()], encoder, view)[0] @ seen) for steps in (1, 30, 120)]
    assert near[0] < near[1] < near[2] and near[2] > near[0] + 0.15


def test_oti_keeps_to_its_concepts(tmp_path, monkeypatch):
    monkeypatch.setenv("FIELDGLASS_CACHE", str(tmp_path))
    (tmp_path / "words.txt").write_text("cat\ndog\ncoffee")
    encoder, view = ENCODER["clip"], album()
    options: ClassVar = {"steps": 40, "memory": 0.0, "concepts": str(tmp_path / "words.txt")}
    with_concepts = Oti(concept_weight=50.0, **options).bare([query()], encoder, view)[0]
    without = Oti(concept_weight=0.0, **options).bare([query()], encoder, view)[0]
    words = encoder.texts([f"a photo of {word}" for word in ("cat", "dog", "coffee")])
    assert (words @ with_concepts).mean() > (words @ without).mean()


@pytest.mark.parametrize("name", list(MAKERS))
def test_a_network_must_be_given_and_found(name):
    with pytest.raises(UsageError, match="needs its network"):
        MAKERS[name]().compose([query("red")], ENCODER["clip"], album())
    with pytest.raises(WeightsMissingError):
        MAKERS[name](weights="/nowhere/phi.pt").compose([query("red")], ENCODER["clip"], album())


def test_files_of_other_architectures_and_widths_are_named(tmp_path):
    torch, encoder = require("torch"), ENCODER["clip"]
    wide = saved(tmp_path, "searle", searle(512, 512))
    with pytest.raises(WeightsError, match=r"vectors of 512 into words of 512.*vectors of 32 and words of 32") as error:
        load_phi(wide, encoder, "searle")
    assert "clip-vit-b-32-openai" in error.value.hint
    state = searle().state_dict()
    for name, change, why in (
        ("lacks", {key: value for key, value in state.items() if key != "layers.6.bias"}, "lacks layers.6.bias"),
        ("besides", {**state, "more": torch.zeros(1)}, "has more besides"),
        ("broken", {**state, "layers.3.weight": torch.zeros(7, 5)}, r"layers.3 is \(7, 5\)"),
        ("nan", {**state, "layers.0.bias": torch.full((128,), float("nan"))}, "NaN or infinity"),
    ):
        torch.save({"Phi": change}, tmp_path / f"{name}.pt")
        with pytest.raises(WeightsError, match=why):
            load_phi(str(tmp_path / f"{name}.pt"), encoder, "searle")


def test_encoders_without_tokens_are_refused_by_what_they_lack():
    assert Searle.requires - {"texts"} == {"tokens", "raw"}
    with pytest.raises(QueryError, match="gives no gradients"):
        Oti().words(None, TinyEncoder(), album())
    with pytest.raises(QueryError, match="needs a picture"):
        composed("searle", Query(texts=(QueryText("red"),)))
