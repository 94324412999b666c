"""Every hook, filled by the example plugin, found as an installed one is, and kept to its contract."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import fieldglass
from fieldglass import hooks
from fieldglass.cli import main
from fieldglass.registry import KINDS, Registry, registry
from fieldglass.testing import (
    BenchmarkContract,
    ComposerContract,
    EncoderContract,
    IndexContract,
    LoaderContract,
    RecipeContract,
    RerankerContract,
)
from fieldglass.types import Item

EXAMPLE = Path(__file__).parents[1] / "fixtures" / "fieldglass_example"
HOOKS = sorted(name for name in vars(hooks) if name.startswith("fieldglass_"))


@pytest.fixture(autouse=True)
def example(monkeypatch):
    """The example plugin on the path, and a registry that sees it."""
    monkeypatch.syspath_prepend(EXAMPLE)
    registry.cache_clear()
    yield
    registry.cache_clear()


def test_the_plugin_is_found_with_its_distribution():
    plugin = next(each for each in registry().plugins if each.name == "example")
    assert (plugin.distribution, plugin.version, plugin.broken) == ("fieldglass-example", "1.0", "")
    assert plugin.hooks == tuple(HOOKS)


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_is_tested_here(name):
    assert f"test_hook_{name}" in globals()


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_says_what_it_is_for(name):
    first = inspect.getdoc(getattr(hooks, name)).splitlines()[0]
    assert first.endswith(".") and len(first) < 120


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_offer_has_a_hook(kind):
    assert f"fieldglass_{kind}" in HOOKS
    assert [name for name in registry().offers(kind) if name.startswith("example")]


def test_hook_fieldglass_encoders():
    made = registry().create("encoders", "example/colour", {"darkness": "2.5"})
    assert made.darkness == 2.5


def test_hook_fieldglass_composers():
    assert registry().create("composers", "example/harmony").requires == {"texts"}


def test_hook_fieldglass_indexes():
    index = registry().create("indexes", "example/list")
    index.add(np.array([7]), np.eye(3, dtype=np.float32)[:1])
    assert index.candidates(np.eye(3, dtype=np.float32)[:1], 1, None).tolist() == [[7]]


def test_hook_fieldglass_loaders(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((2, 2, 3), dtype=np.uint8))
    assert [item.id for item in registry().create("loaders", "example/arrays").scan(tmp_path)] == ["a.npy"]


def test_hook_fieldglass_rerankers():
    assert registry().create("rerankers", "example/spread", {"top": "5"}).top == 5


def test_hook_fieldglass_benchmarks():
    assert registry().create("benchmarks", "example/colours").card.name == "example/colours"


def test_hook_fieldglass_recipes():
    assert registry().create("recipes", "example/slope", {"count": "16"}).plan.batches == 2


def test_hook_fieldglass_commands():
    shown = CliRunner().invoke(main, ["--help"])
    assert "commands of the example" in " ".join(shown.output.split())
    assert CliRunner().invoke(main, ["example", "greet"]).output == "greetings from the example\n"


def test_hook_fieldglass_demos(tmp_path):
    done = CliRunner().invoke(main, ["demo", "example/squares", "--to", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "red.png" in done.output


def test_hook_fieldglass_metadata(tmp_path):
    found = dict(registry().metadata(Item("abc", ("x.png",)), (tmp_path / "x.png",)))
    assert found["example"] == {"letters": 3, "files": 1}


def test_metadata_of_the_hook_becomes_columns(tmp_path):
    Image.new("RGB", (20, 20), "red").save(tmp_path / "red.png")
    made = fieldglass.create(tmp_path / "x.collection", encoder="example/colour")
    made.index(tmp_path / "red.png")
    assert made.search(image=tmp_path / "red.png", where="letters = 7").hits[0].metadata["letters"] == 7


def test_a_disabled_plugin_is_not_loaded(monkeypatch):
    monkeypatch.setenv("FIELDGLASS_DISABLED_PLUGINS", "example,geo")
    assert not {"example", "geo"} & {plugin.name for plugin in Registry().plugins}


def test_hook_calls_are_traced_on_demand(monkeypatch, capsys):
    monkeypatch.setenv("FIELDGLASS_TRACE", "1")
    list(Registry()._pm.hook.fieldglass_metadata(item=Item("abc"), paths=(), options={}))
    assert "fieldglass_metadata(" in capsys.readouterr().err


class TestColour(EncoderContract):
    encoder = "example/colour"


class TestHarmony(ComposerContract):
    composer = "example/harmony"


class TestListed(IndexContract):
    index = "example/list"


class TestArrays(LoaderContract):
    loader = "example/arrays"

    def source(self, folder):
        for name in ("a", "b"):
            np.save(folder / f"{name}.npy", np.random.default_rng(0).integers(0, 256, (9, 8, 3), dtype=np.uint8))
        return folder


class TestSpread(RerankerContract):
    reranker = "example/spread"


class TestColours(BenchmarkContract):
    benchmark = "example/colours"


class TestSlope(RecipeContract):
    recipe = "example/slope"
