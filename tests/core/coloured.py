"""A collection of thirty small pictures in five colours, for a whole module of tests that only read it."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import fieldglass
from fieldglass.registry import registry
from plugged import tinyplug

COLOURS = {"red": (200, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 200), "dark": (9, 9, 9), "bright": (250,) * 3}


@pytest.fixture(scope="module")
def plugged(tmp_path_factory):
    """The encoder `tiny` by name, for as long as the module runs; the path for `plugged.run`."""
    site = tinyplug(tmp_path_factory.mktemp("site"))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        registry.cache_clear()
        yield site
    registry.cache_clear()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("colours")
    noise = np.random.default_rng(1)
    for name, colour in COLOURS.items():
        for number in range(6):
            pixels = np.clip(np.array(colour) + noise.integers(-30, 30, (8, 8, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{name}{number}.png")
    return folder


@pytest.fixture(scope="module")
def collection(folder, tmp_path_factory, plugged):
    with fieldglass.create(tmp_path_factory.mktemp("c") / "c", encoder="tiny") as opened:
        opened.index(folder)
        yield opened


def ids(result):
    return [hit.id for hit in result]


def same(one, other):
    """The same hits with the same scores, to rounding."""
    assert ids(one) == ids(other)
    assert [hit.score for hit in one] == pytest.approx([hit.score for hit in other], abs=1e-6)
