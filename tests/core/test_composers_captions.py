"""WeiMoCIR, CIReVL and PDV: golden values, captions from a file, language models that behave and that do not."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from skimage import data

import fieldglass
from fieldglass.cli import main
from fieldglass.composers.alpha_qe import AlphaQe
from fieldglass.composers.blend import Blend
from fieldglass.composers.cirevl import Cirevl
from fieldglass.composers.editing import parse
from fieldglass.composers.pdv import Pdv, directed
from fieldglass.composers.weimocir import WeiMoCir
from fieldglass.errors import EndpointError, LoaderError, QueryError, UsageError
from fieldglass.ingest.captions import read_captions
from fieldglass.llm import LanguageModel
from fieldglass.testing import ComposerContract
from fieldglass.testing.gallery import ArrayGallery
from fieldglass.testing.tiny import TinyEncoder
from fieldglass.types import Query, QueryImage, QueryText
from galleries import unit, wave
from given_vectors import BARE, GALLERY, PICTURE, TEXT, GivenVectors, picture
from llm_server import closed_port, serving

CAPTIONS = ["red", "blue", "dark green", "bright", "green red"] * 12


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("FIELDGLASS_CACHE", str(tmp_path / "cache"))
    for name in ("FIELDGLASS_LLM_URL", "FIELDGLASS_LLM_MODEL", "FIELDGLASS_LLM_KEY"):
        monkeypatch.delenv(name, raising=False)


class Captioned(ArrayGallery):
    """The kit's gallery with a column and a field of captions."""

    def __init__(self, ids, fields, metadata=None):
        told = [CAPTIONS[int(id[1:])] for id in ids]
        super().__init__(
            ids, {**fields, "caption": TinyEncoder().texts(told)[:, None]}, [{"caption": text} for text in told]
        )


class Kit(ComposerContract):
    def gallery(self):
        plain = super().gallery()
        everything = np.arange(plain.size)
        return Captioned(plain.ids(everything), {"image": plain.vectors("image", everything)})

    def test_the_order_of_the_gallery_does_not_matter(self):
        gallery = self.gallery()
        order = np.random.default_rng(3).permutation(gallery.size)
        turned = Captioned(gallery.ids(order), {"image": gallery.vectors("image", order)})
        for one, other in zip(
            self._compose(self.queries(), gallery).probes, self._compose(self.queries(), turned).probes, strict=True
        ):
            assert one.vectors == pytest.approx(other.vectors, abs=1e-6)


class TestWeiMoCir(Kit):
    composer = "weimocir"


class TestCirevl(Kit):
    composer = "cirevl"


class TestPdv(Kit):
    composer = "pdv"


del Kit


def test_the_golden_vector_of_pdv():
    found = directed(BARE[None], TEXT[None], PICTURE[None], 1.4, 1.2, 0.75)[0]
    assert found == pytest.approx([0.637278, 0.426586, -0.176306, -0.617104], abs=1e-6)


def test_pdv_over_captions_is_the_golden_vector_and_has_its_ends():
    encoder = GivenVectors({"r": BARE, "r, but t": TEXT})
    view = ArrayGallery([f"i{row}" for row in range(6)], {"image": GALLERY[:, None]})
    query = Query(images=(picture(),), texts=(QueryText("t"), QueryText("r", role="description")))

    def moved(**options):
        return Pdv(**options).compose([query], encoder, view).probes[0].vectors[0]

    assert moved() == pytest.approx([0.637278, 0.426586, -0.176306, -0.617104], abs=1e-6)
    assert moved(beta=1, alpha_text=1) == pytest.approx(TEXT, abs=1e-6)
    assert moved(beta=1, alpha_text=0) == pytest.approx(BARE, abs=1e-6)
    assert moved(beta=0, alpha_image=0) == pytest.approx(PICTURE, abs=1e-6)


def test_pdv_needs_a_base_that_describes():
    with pytest.raises(UsageError, match="describes pictures"):
        Pdv(base="weicom")
    with pytest.raises(UsageError, match="beta is 0 to 1"):
        Pdv(beta=1.5)


def weimocir(encoder, query, **options):
    view = ArrayGallery(
        ["a", "b"],
        {"image": GALLERY[:2, None], "caption": GALLERY[2:4, None], "caption2": GALLERY[4:, None]},
        [{"caption": "one", "caption2": "two"}, {}],
    )
    return WeiMoCir(**options).compose([query], encoder, view).probes


TOLD = {"t": TEXT, "one": BARE, "two": wave(13), "": wave(14), "refused": wave(15)}


def test_weimocir_gives_the_golden_query_and_its_ends():
    query = Query(images=(picture(),), texts=(QueryText("t"),))
    (only,) = weimocir(GivenVectors(TOLD), query, beta=0.0)
    assert only.vectors[0] == pytest.approx([0.627261, 0.493629, -0.093843, -0.595036], abs=1e-6)
    assert weimocir(GivenVectors(TOLD), query, alpha=0.0, beta=0.0)[0].vectors[0] == pytest.approx(PICTURE, abs=1e-6)
    assert weimocir(GivenVectors(TOLD), query, alpha=1.0, beta=0.0)[0].vectors[0] == pytest.approx(TEXT, abs=1e-6)


def test_weimocir_compares_each_caption_with_the_pictures_own():
    query = Query(images=(QueryImage(id="a"),), texts=(QueryText("t"),))
    probes = weimocir(GivenVectors(TOLD), query, captions=("caption", "caption2"))
    assert [(probe.field, probe.weight) for probe in probes] == [
        ("image", pytest.approx(0.9)), ("caption", pytest.approx(0.05)), ("caption2", pytest.approx(0.05)),
    ]  # fmt: skip
    assert probes[1].vectors[0] == pytest.approx(unit(0.2 * BARE + 0.8 * TEXT), abs=1e-6)
    assert probes[2].vectors[0] == pytest.approx(unit(0.2 * wave(13) + 0.8 * TEXT), abs=1e-6)
    without = weimocir(GivenVectors(TOLD), Query(images=(picture(),), texts=query.texts))
    assert without[1].vectors[0] == pytest.approx(unit(0.2 * wave(14) + 0.8 * TEXT), abs=1e-6)


def test_weimocir_takes_several_pictures_a_refused_text_weights_and_a_description():
    query = Query(
        images=(QueryImage(id="a", weight=3.0), picture()),
        texts=(
            QueryText("t"),
            QueryText("refused", role="negative", weight=0.5),
            QueryText("two", role="description"),
        ),
    )
    image, caption = weimocir(GivenVectors(TOLD), query, normalise_before_mix=True)
    text = (TEXT - 0.5 * wave(15)) / 1.5
    seen = unit(3 * GALLERY[0] + PICTURE)
    assert image.vectors[0] == pytest.approx(unit(0.2 * seen + 0.8 * text), abs=1e-6)
    assert caption.vectors[0] == pytest.approx(unit(0.2 * wave(13) + 0.8 * text), abs=1e-6)


class RawVectors(GivenVectors):
    """With vectors before normalisation: pictures twice as long, texts three times."""

    def raw_images(self, batch):
        return 2 * self.images(batch)

    def raw_texts(self, texts):
        return 3 * self.texts(texts)


def test_weimocir_mixes_before_normalisation_where_the_encoder_can():
    query = Query(images=(picture(),), texts=(QueryText("t"),))
    (raw,) = weimocir(RawVectors(TOLD), query, beta=0.0)
    assert raw.vectors[0] == pytest.approx(unit(0.4 * PICTURE + 2.4 * TEXT), abs=1e-6)
    (plain,) = weimocir(RawVectors(TOLD), query, beta=0.0, normalise_before_mix=True)
    assert plain.vectors[0] == pytest.approx(unit(0.2 * PICTURE + 0.8 * TEXT), abs=1e-6)


def test_cirevl_says_what_the_template_or_a_function_makes_of_the_caption():
    view = ArrayGallery(["a", "b"], {"image": GALLERY[:2, None]}, [{"caption": "A hat."}, {}])
    encoder = GivenVectors({"A hat, but t": TEXT, "t instead of A hat.": BARE, "no": wave(15)})
    asked = Query(images=(QueryImage(id="a"),), texts=(QueryText("t"), QueryText("no", role="negative", weight=0.5)))
    found = Cirevl().compose([asked], encoder, view).probes[0].vectors[0]
    assert found == pytest.approx(unit(TEXT - 0.5 * wave(15)), abs=1e-6)
    edit = Cirevl(edit=lambda caption, instruction: f"{instruction} instead of {caption}")
    found = edit.compose([Query(images=asked.images, texts=(QueryText("t"),))], encoder, view)
    assert found.probes[0].vectors[0] == pytest.approx(BARE, abs=1e-6)
    with pytest.raises(QueryError, match="'b' has no caption") as error:
        Cirevl().compose([Query(images=(QueryImage(id="b"),), texts=asked.texts)], encoder, view)
    assert "fieldglass caption import" in error.value.hint
    with pytest.raises(UsageError, match="lacks"):
        Cirevl(template="only {caption}")
    with pytest.raises(UsageError, match="both"):
        Cirevl(llm_url="http://localhost:1")


HAT = ArrayGallery(["a"], {"image": GALLERY[:1, None]}, [{"caption": "a  hat"}])
BLUER = Query(images=(QueryImage(id="a"),), texts=(QueryText("blue"),))
EDITED = GivenVectors({"a blue hat": TEXT, "blue": BARE, "a  hat, but blue": PICTURE})


def edited(server, gallery=HAT, **options):
    url = server if isinstance(server, str) else server.url
    made = Cirevl(llm_url=url, llm_model="small", **options)
    made._model.pause_s = 0.01
    return made.compose([BLUER, BLUER], EDITED, gallery)


def test_a_language_model_edits_the_caption_once():
    with serving("Sure!\n**edited description:** a blue hat\nmore") as server:
        found = edited(server)
        assert found.probes[0].vectors == pytest.approx(np.stack([TEXT, TEXT]), abs=1e-6)
        assert found.query_notes == ((), ())
        ((_, _, asked),) = server.asked
    assert asked["messages"][-1]["content"] == "Image Content: a hat\nInstruction: blue"


def test_an_answer_without_an_edited_description_is_the_instruction():
    with serving("nothing", "I cannot.", "Edited Description:") as server:
        found = edited(server)
    assert found.probes[0].vectors == pytest.approx(np.stack([BARE, BARE]), abs=1e-6)
    assert all("edited no caption" in notes[0] for notes in found.query_notes)
    assert parse("no label here") is None


def test_the_template_stands_in_for_an_endpoint_that_is_down_unless_it_is_required():
    found = edited(closed_port())
    assert found.probes[0].vectors == pytest.approx(np.stack([PICTURE, PICTURE]), abs=1e-6)
    assert all(
        len(notes) == 1 and "The template edited the caption: The language" in notes[0] for notes in found.query_notes
    )
    with pytest.raises(EndpointError, match="gave no answer"):
        edited(closed_port(), llm_required=True)


def test_composers_over_cirevl_hand_its_notes_on():
    for made in (Pdv(), Blend(first="cirevl", second="image"), AlphaQe(base="cirevl", n=1)):
        for each in ("base", "first"):
            if hasattr(made, each):
                getattr(made, each)._model = LanguageModel(closed_port(), "small", pause_s=0.01)
        encoder = GivenVectors({"a hat, but blue": TEXT, "a hat": BARE})
        gallery = ArrayGallery(["a"], {"image": GALLERY[:1, None]}, [{"caption": "a hat"}])
        (notes,) = made.compose([BLUER], encoder, gallery).query_notes
        assert len(notes) == 1 and "template" in notes[0]


class Ward(ArrayGallery):
    private = True


def test_the_captions_of_a_private_collection_stay_on_this_machine():
    ward = Ward(["a"], {"image": GALLERY[:1, None]}, [{"caption": "a  hat"}])
    with serving("Edited Description: a blue hat") as server:
        edited(server, ward)
        edited(server, ward)
        assert len(server.asked) == 2, "answers about a private collection are not kept"
    with pytest.raises(UsageError, match="private"):
        edited("http://models.example.org", ward)


def test_the_environment_names_the_model_too(monkeypatch):
    with serving("Edited Description: a blue hat") as server:
        monkeypatch.setenv("FIELDGLASS_LLM_URL", server.url)
        with pytest.raises(UsageError, match="both"):
            Cirevl()
        monkeypatch.setenv("FIELDGLASS_LLM_MODEL", "small")
        assert Cirevl().compose([BLUER], EDITED, HAT).probes[0].vectors[0] == pytest.approx(TEXT, abs=1e-6)


@pytest.fixture
def collection(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("chelsea", "coffee", "rocket"):
        Image.fromarray(getattr(data, name)()).resize((64, 64)).save(folder / f"{name}.png")
    path = tmp_path / "c.collection"
    with fieldglass.create(path, encoder="mini") as made:
        made.index(folder)
    return path


def test_captions_from_a_file_are_searched_with_mini(collection, tmp_path):
    rows = [
        {"candidate": "chelsea", "captions": ["a ginger cat", "the face of a cat"]},
        {"candidate": "coffee.png", "captions": ["a cup of coffee", " "]},
        {"candidate": "nothing", "captions": ["a ghost"]},
    ]
    (tmp_path / "captions.json").write_text(json.dumps(rows))
    done = CliRunner().invoke(main, ["caption", "import", str(collection), str(tmp_path / "captions.json")])
    assert done.exit_code == 0, done.output
    assert "captioned 2 items, 3 captions in caption, caption2, 1 rows without an item" in done.output
    with fieldglass.open(collection) as opened:
        options = {"captions": ("caption", "caption2"), "beta": 1.0, "alpha": 0.5}
        hits = opened.search(like="chelsea.png", text="cat", composer="weimocir", options=options)
        assert next(iter(hits)).id == "chelsea.png"
        hits = opened.search(like="chelsea.png", text="with coffee", composer="cirevl")
        assert len(list(hits)) == 3
        hits = opened.search(like="chelsea.png", text="a rocket", composer="pdv")
        assert len(list(hits)) == 3
        with pytest.raises(QueryError, match="rocket"):
            opened.search(like="rocket.png", text="in space", composer="cirevl")
    (tmp_path / "again.jsonl").write_text('{"id": "chelsea.png", "caption": "a pet"}\n{"id": 3}\n{broken\n')
    done = CliRunner().invoke(main, ["caption", "import", str(collection), str(tmp_path / "again.jsonl")])
    assert done.exit_code == 3 and "2 bad rows" in done.output
    with fieldglass.open(collection) as opened:
        (cells,) = opened.store.snapshot().metadata(opened.store.snapshot().positions(["chelsea.png"]))
        assert cells["caption"] == "a pet" and "caption2" not in cells


def test_a_caption_file_that_is_truncated(tmp_path):
    (tmp_path / "captions.json").write_text('[{"id": "a", "captions": ["b"]}, {"id"')
    with pytest.raises(LoaderError, match="not sound JSON"):
        list(read_captions(tmp_path / "captions.json", []))
