"""The recipe `med/endofinder`: its losses by hand, masks that keep the polyp, a run whose weights the encoder reads."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image

import fieldglass
from fieldglass._torchvision import require
from fieldglass.encoders import encode
from fieldglass.errors import UsageError
from fieldglass.registry import registry
from fieldglass.testing import RecipeContract
from fieldglass.training import train
from fieldglass.types import Sample
from fieldglass_medical.encoders.endofinder import EndoFinder
from fieldglass_medical.recipes.copy_detection import contrast, entropy, polyp_scores

REAL = Path(pydicom.__file__).parent / "data" / "test_files"
SLICES = ("CT_small.dcm", "MR_small.dcm", "examples_overlay.dcm", "693_J2KI.dcm", "JPEG2000.dcm")
SMALL = {
    "width": 64, "depth": 2, "size": 32, "patch": 8, "decoder_width": 32, "decoder_depth": 1, "projection": 16,
    "batch": 4, "epochs": 2,
}  # fmt: skip


def photo(name):
    """A photograph that scikit-image carries; the test is skipped without it."""
    return getattr(pytest.importorskip("skimage.data"), name)()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Eight parts of photographs, two of them with a mask, as a collection."""
    made = tmp_path_factory.mktemp("polyps")
    (made / "files").mkdir()
    (made / "masks").mkdir()
    parts = [
        each[at : at + 120, at : at + 120] for each in (photo("chelsea"), photo("coffee")) for at in (0, 40, 80, 120)
    ]
    for number, part in enumerate(parts):
        Image.fromarray(part).save(made / "files" / f"{number}.jpg")
    for number in (0, 5):
        mask = np.zeros((120, 120), dtype=np.uint8)
        mask[30:60, 30:60] = 255
        Image.fromarray(mask).save(made / "masks" / f"{number}.png")
    options = {"model": "test_vit.r160_in1k", "pretrained": "random", "device": "cpu"}
    with fieldglass.create(made / "polyps.collection", "timm", options) as opened:
        opened.index(made / "files")
    return made


def options_of(folder):
    return {"collection": str(folder / "polyps.collection"), "masks": str(folder / "masks"), **SMALL}


class TestRecipe(RecipeContract):
    recipe = "med/endofinder"

    @pytest.fixture(autouse=True)
    def _folder(self, folder):
        type(self).options = options_of(folder)


def test_the_polyp_stays_visible():
    torch = require("torch")
    mask = torch.zeros(1, 32, 32)
    mask[0, 8:20, 9:10] = 1  # patches 5 (8 pixels) and 9 (4 pixels)
    mask[0, 31, 31] = 1
    scores = polyp_scores(mask, 8)[0]
    assert [float(scores[at]) for at in (5, 9, 15)] == pytest.approx([8, 4, 1])
    others = torch.cat([scores[:5], scores[6:9], scores[10:15]])
    assert others.max() < 1 and others.min() >= 0.01


def test_contrast_and_entropy_by_hand():
    torch = require("torch")
    views = torch.eye(2).repeat(2, 1)
    expected = math.log(1 + 2 * math.exp(-1 / 0.05))
    assert float(contrast(views)) == pytest.approx(expected, abs=1e-6)
    assert float(entropy(views)) == pytest.approx(-math.log(math.sqrt(2)), abs=1e-6)
    assert float(entropy(torch.ones(4, 1))) == pytest.approx(-math.log(1e-3), abs=1e-4)
    assert float(contrast(torch.eye(4))) > float(contrast(views))


def test_the_loss_falls_and_the_encoder_reads_what_was_learned(folder, tmp_path):
    options = {**options_of(folder), "epochs": 25, "batch": 8, "lr": 0.05}
    trained = train("med/endofinder", tmp_path / "run", options, device="cpu", threads=1)
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text("utf-8").splitlines()]
    losses = [line["mean loss"] for line in lines if "mean loss" in line]
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.3, losses
    encoder = EndoFinder(weights=str(trained.weights), hash=True, device="cpu")
    found = encode(encoder, [encoder.prepare(Sample("image", photo("chelsea")))])
    assert found.shape == (1, 1, 64) and np.allclose(np.abs(found), 1 / 8)


def test_the_loss_falls_on_real_slices(tmp_path):
    """CT, MR and nuclear medicine that pydicom carries, by the private loader."""
    (tmp_path / "files").mkdir()
    for name in SLICES:
        if (REAL / name).is_file():
            shutil.copy(REAL / name, tmp_path / "files" / name)
    options = {"encoder": "timm", "model": "test_vit.r160_in1k", "pretrained": "random", "device": "cpu"}
    with fieldglass.create(tmp_path / "slices.collection", "med/slices", options) as made:
        made.index(tmp_path / "files", loader="med/dicom", loader_options={"key": str(tmp_path / "medical.key")})
    small = {**SMALL, "collection": str(tmp_path / "slices.collection"), "epochs": 12, "lr": 0.05}
    train("med/endofinder", tmp_path / "run", small, device="cpu", threads=1)
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text("utf-8").splitlines()]
    losses = [line["mean loss"] for line in lines if "mean loss" in line]
    assert np.mean(losses[-3:]) < np.mean(losses[:3]), losses


def test_masks_are_found_by_the_ids(folder, tmp_path):
    made = registry().create("recipes", "med/endofinder", options_of(folder))
    assert made.masked == 2 and "2 with a mask" in made.summary
    with pytest.raises(UsageError, match="no file of"):
        registry().create("recipes", "med/endofinder", {**options_of(folder), "masks": str(tmp_path)})
    with pytest.raises(UsageError, match="there is no folder"):
        registry().create("recipes", "med/endofinder", {**options_of(folder), "masks": str(tmp_path / "none")})
