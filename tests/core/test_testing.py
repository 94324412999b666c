"""The contract kits, on everything that the core offers; and that they catch what is broken."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fieldglass.errors import WeightsError
from fieldglass.testing import (
    ComposerContract,
    EncoderContract,
    IndexContract,
    LoaderContract,
    TinyEncoder,
)
from fieldglass.types import Item, Sample


def pictures(folder: Path) -> Path:
    """Three small photographs-like files of different formats."""
    noise = np.random.default_rng(1)
    for name in ("a.jpg", "b.png", "sub/c.webp"):
        (folder / name).parent.mkdir(exist_ok=True)
        Image.fromarray(noise.integers(0, 256, (40, 60, 3), dtype=np.uint8)).save(folder / name)
    return folder


class TestFiles(LoaderContract):
    loader = "files"

    def source(self, folder):
        return pictures(folder)


class TestTable(LoaderContract):
    loader = "table"

    def source(self, folder):
        pictures(folder)
        with open(folder / "catalogue.csv", "w", newline="") as file:
            csv.writer(file).writerows([("path", "price"), ("a.jpg", "3.50"), ("b.png", "4"), ("sub/c.webp", "")])
        return folder / "catalogue.csv"


class TestTiny(EncoderContract):
    def make(self):
        return TinyEncoder()


class TestMini(EncoderContract):
    encoder = "mini"


class TestImage(ComposerContract):
    composer = "image"
    parts = "image"


class TestText(ComposerContract):
    composer = "text"
    parts = "text"


class TestSum(ComposerContract):
    composer = "sum"


class TestSlerp(ComposerContract):
    composer = "slerp"


class TestWeiCom(ComposerContract):
    composer = "weicom"


class TestExact(IndexContract):
    index = "exact"


class TestIvf(IndexContract):
    index = "ivf"


class Careless:
    """A loader that breaks its promises: it follows every link, and raises where a file is damaged."""

    private = False

    def scan(self, root):
        return (Item(path.name, (path.name,)) for path in sorted(root.iterdir()))

    def read(self, items, root):
        for item in items:
            yield Sample("image", np.asarray(Image.open(root / item.paths[0])))

    def preview(self, sample):
        return sample.content


class Biased(TinyEncoder):
    """An encoder whose vectors depend on the batch, and are not of unit norm."""

    def images(self, batch):
        return super().images(batch) * len(batch)


@pytest.mark.parametrize(
    "promise",
    [
        "test_a_damaged_file_is_a_problem",
        "test_a_vanished_file_is_a_problem",
        "test_a_link_out_of_the_root_is_not_followed",
    ],
)
def test_a_careless_loader_is_caught(promise, tmp_path):
    class Kit(LoaderContract):
        def make(self):
            return Careless()

        def source(self, folder):
            for name in ("a.png", "b.png"):
                Image.new("RGB", (30, 30), "red").save(folder / name)
            return folder

    with pytest.raises((AssertionError, OSError)):
        getattr(Kit(), promise)(tmp_path)


@pytest.mark.parametrize("promise", ["test_vectors_have_their_shape_and_norm", "test_a_batch_is_what_one_by_one_is"])
def test_a_biased_encoder_is_caught(promise):
    class Kit(EncoderContract):
        def make(self):
            return Biased()

    with pytest.raises((AssertionError, WeightsError)):  # `encode` itself refuses vectors that are not unit
        getattr(Kit(), promise)()
