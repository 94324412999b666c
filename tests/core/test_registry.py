"""Finding plugins: the broken, the misspelt, the duplicate and the unknown."""

from __future__ import annotations

import sys

import pytest

import plugged
from fieldglass.errors import MissingExtraError, PluginError, UnknownNameError, UsageError
from fieldglass.registry import Plugin, Registry

HOOKS = "from fieldglass.hooks import Offer, hookimpl, hookspec\n"


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Installs a plugin of the given text and returns a new registry and what became of the plugin."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(text: str, name: str = "bench", **modules: str) -> tuple[Registry, Plugin]:
        plugged.install(tmp_path, name, HOOKS + text, **modules)
        for module in (f"{name}_hooks", *modules):  # another test's plugin of the same name
            sys.modules.pop(module, None)
        made = Registry()
        return made, next(each for each in made.plugins if each.name == name)

    return install


def offers(kind: str, *names: str, factory: str = "json:dumps") -> str:
    listed = ", ".join(f"Offer({name!r}, {factory!r}, 'x')" for name in names)
    return f"@hookimpl\ndef fieldglass_{kind}():\n    return [{listed}]\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import a_package_that_is_not_there", "ModuleNotFoundError: No module named 'a_package_that_is_not_there'"),
        ("def f(:\n", "SyntaxError"),
        ("raise SystemError('boom')", "SystemError: boom"),
        ("@hookimpl\ndef fieldglass_loaders():\n    return 1 / 0\n", "division by zero"),
        ("@hookimpl\ndef fieldglass_loaders():\n    return ['files']\n", "not an Offer"),
        (offers("loaders", "bench/x", factory="no_colon"), "not an Offer"),
        ("@hookimpl\ndef fieldglass_metadata(item, colour):\n    return {}\n", "colour"),
    ],
)
def test_a_broken_plugin_is_kept_with_its_reason(load, text, reason):
    made, plugin = load(text)
    assert reason in plugin.broken
    assert "files" in made.offers("loaders")


def test_a_broken_plugin_leaves_the_others_alone(load):
    load(offers("encoders", "good/one"), "good")
    made, _ = load("raise ValueError\n", "bad")
    assert "good/one" in made.offers("encoders")


def test_a_misspelt_hook_names_plugin_hook_and_near_match(load):
    made, plugin = load("@hookimpl\ndef fieldglass_encoder():\n    return []\n", "typo")
    assert plugin.name == "typo"
    assert "no hook 'fieldglass_encoder'" in plugin.broken
    assert "did you mean 'fieldglass_encoders'" in plugin.broken
    assert "mini" in made.offers("encoders")


def test_a_misspelt_hook_of_any_name_is_an_error(load):
    _, plugin = load("@hookimpl\ndef register_things():\n    return []\n")
    assert "no hook 'register_things'" in plugin.broken


def test_a_name_of_the_core_cannot_be_taken(load):
    made, plugin = load(offers("loaders", "bench/fine", "files"))
    assert "'files' is offered by 'core' and by 'bench'" in plugin.broken
    assert made.owner("loaders", "files") == "core"
    assert "bench/fine" not in made.offers("loaders")  # all of a plugin or nothing


def test_two_plugins_cannot_offer_one_name(load):
    load(offers("composers", "mix"), "first")
    made, _ = load(offers("composers", "mix"), "second")
    broken = {plugin.name: plugin.broken for plugin in made.plugins if plugin.broken}
    assert len(broken) == 1
    assert all(f"'{name}'" in reason for reason in broken.values() for name in ("first", "second", "mix"))


def test_one_plugin_cannot_offer_a_name_twice(load):
    _, plugin = load(offers("composers", "mix", "mix"))
    assert "'mix' is offered by 'bench' and by 'bench'" in plugin.broken


@pytest.mark.parametrize(
    ("kind", "name", "near"),
    [("encoders", "mimi", "'mini'"), ("composers", "weicon", "'weicom'"), ("indexes", "exakt", "'exact'")],
)
def test_an_unknown_name_lists_near_matches_and_the_command(kind, name, near):
    with pytest.raises(UnknownNameError) as caught:
        Registry().get(kind, name)
    assert name in str(caught.value)
    assert near in caught.value.hint
    assert f"fieldglass list {kind}" in caught.value.hint
    assert isinstance(caught.value, (LookupError, ValueError))


def test_an_unknown_name_tells_of_plugins_that_did_not_load(load):
    made, _ = load("raise ValueError('no')\n")
    with pytest.raises(UnknownNameError, match=r"Not loaded: .*bench"):
        made.get("loaders", "bench/slides")


def test_an_unknown_kind_lists_the_kinds():
    with pytest.raises(UnknownNameError, match="Did you mean 'loaders'"):
        Registry().offers("loader")


def test_a_factory_is_imported_at_its_first_use(load):
    text = offers("loaders", "bench/late", factory="bench_late:Late")
    made, plugin = load(text, bench_late="raise ImportError('late')\n")
    assert not plugin.broken
    with pytest.raises(MissingExtraError, match="late"):
        made.create("loaders", "bench/late")


def test_a_factory_that_does_not_exist_names_the_plugin(load):
    made, _ = load(offers("loaders", "bench/gone", factory="json:nowhere"))
    with pytest.raises(PluginError, match=r"'bench'.*json:nowhere"):
        made.create("loaders", "bench/gone")


def test_options_are_typed_by_the_signature():
    made = Registry().create("loaders", "files", {"max_pixels": "1000", "suffixes": "jpg, png"})
    assert made.max_pixels == 1000
    assert made.suffixes == {".jpg", ".png"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"max_pixel": "1"}, "Did you mean 'max_pixels'"),
        ({"max_pixels": "many"}, "is not a int"),
        ({"max_pixels": None}, "is not a int"),
        ({"max_pixels": 1.5}, "is not a int"),
        ({"max_pixels": True}, "is not a int"),
        ({"max_pixels": [1000]}, "is not a int"),
        ({"suffixes": "jpg", "max_pixels": {}}, "is not a int"),
        ({"suffixes": ["jpg", None]}, "suffixes"),
        ({"colour": "red"}, "It has: "),
    ],
)
def test_wrong_options_are_told(options, said):
    with pytest.raises(UsageError, match=said):
        Registry().create("loaders", "files", options)


def test_a_metadata_hook_gets_its_own_options(load):
    from fieldglass.types import Item

    made, _ = load("@hookimpl\ndef fieldglass_metadata(item, options):\n    return dict(options)\n")
    found = dict(made.metadata(Item("a"), (), {"bench": {"digits": "3"}, "other": {"x": "y"}}))
    assert found["bench"] == {"digits": "3"}
    assert dict(made.metadata(Item("a"), ()))["bench"] == {}


def test_a_metadata_hook_that_fails_is_told_with_its_plugin(load, tmp_path):
    from fieldglass.types import Item

    made, _ = load("@hookimpl\ndef fieldglass_metadata(item, paths):\n    raise KeyError('lat')\n")
    found = dict(made.metadata(Item("a"), ()))
    assert isinstance(found["bench"], KeyError)
    assert found["core"] == {}
