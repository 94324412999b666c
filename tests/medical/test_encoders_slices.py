"""`med/mini` and `med/slices`: windows by hand, pooling against its definition, real slices that pydicom carries."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import pydicom
import pytest
from pydicom.pixels import pixel_array

from fieldglass.encoders import as_query, capabilities, encode
from fieldglass.errors import UsageError
from fieldglass.models import cards
from fieldglass.models.check import verify
from fieldglass.models.local import present
from fieldglass.models.sources import parse, parts
from fieldglass.registry import registry
from fieldglass.testing import EncoderContract
from fieldglass.types import Sample
from fieldglass_medical.encoders.display import Display, sections
from fieldglass_medical.encoders.mini import MedicalMini
from fieldglass_medical.encoders.slices import SlicePooling

REAL = Path(pydicom.__file__).parent / "data" / "test_files"


@pytest.fixture(scope="module")
def mini():
    return MedicalMini(device="cpu", slices=4)


def volume(depth: int = 9, seed: int = 0) -> Sample:
    values = np.random.default_rng(seed).uniform(-1000, 1000, (depth, 40, 32, 1)).astype(np.float32)
    values += np.linspace(-300, 300, depth, dtype=np.float32)[:, None, None, None]
    return Sample("volume", values, ("HU",), "HU", None, (2.0, 1.0, 1.0))


class _Contract(EncoderContract):
    def samples(self):
        """Two of some forms: a picture of 1 x 1 pixel among them."""
        forms = {("image", "HU"), ("volume", "unit"), ("clip", "srgb8"), ("text", "unit")}
        found = [each for row, each in enumerate(super().samples()) if row % 3 and (each.kind, each.units) in forms]
        return [each for each in found if each.bands in (("HU",), ("L",), ("R", "G", "B"), ())]


class TestMini(_Contract):
    encoder = "med/mini"
    options: ClassVar = {"device": "cpu", "slices": 1}


class TestSlicesOfATimm(_Contract):
    encoder = "med/slices"
    options: ClassVar = {
        "encoder": "timm", "model": "test_vit.r160_in1k", "pretrained": "random", "slices": 3, "device": "cpu",
    }  # fmt: skip


def test_windows_are_the_standards_and_become_channels():
    values = np.array([[[-160.0], [-159.0], [40.0], [239.0], [np.nan]]], dtype=np.float32)
    sample = Sample("image", values, ("HU",), "HU")
    shown = Display("40,400")(sample, "x")
    assert shown[0, :, 0].tolist() == [0, 1, 128, 255, 0] and (shown[..., 0] == shown[..., 2]).all()
    three = Display("lung/soft/bone")(sample, "x")[0]
    for channel, name in enumerate(("lung", "soft", "bone")):
        assert three[:, channel].tolist() == Display(name)(sample, "x")[0, :, 0].tolist()


def test_grey_colour_and_masks():
    grey = Sample("image", np.array([[[0.0], [0.5], [1.0]]], dtype=np.float32), ("L",), "unit")
    assert Display()(grey, "x")[0].tolist() == [[0] * 3, [128] * 3, [255] * 3]
    colour = np.random.default_rng(0).integers(0, 255, (4, 5, 3), dtype=np.uint8)
    assert np.array_equal(Display()(Sample("image", colour), "x"), colour)
    mask = np.array([[True, False, True]])
    assert Display()(Sample("image", grey.content, ("L",), "unit", mask), "x")[0, 1].tolist() == [0] * 3


def test_slices_are_the_middles_of_equal_parts():
    assert sections(16, 4).tolist() == [2, 6, 10, 14] and sections(3, 4).tolist() == [0, 1, 2]
    assert sections(500, 1).tolist() == [250]


@pytest.mark.parametrize("pool", ["mean", "max"])
def test_a_volume_is_its_pooled_slices(pool):
    encoder, sample = MedicalMini(device="cpu", slices=3, pool=pool), volume()
    slices = [Sample("image", sample.content[at], ("HU",), "HU") for at in sections(9, 3)]
    each = encode(encoder, [encoder.prepare(one) for one in slices])[:, 0]
    pooled = each.mean(axis=0) if pool == "mean" else each.max(axis=0)
    found = encode(encoder, [encoder.prepare(sample)])[0, 0]
    assert np.allclose(found, pooled / np.linalg.norm(pooled), atol=1e-5)


def test_a_slice_finds_its_own_volume(mini):
    volumes = [volume(seed=seed) for seed in range(2)]
    volumes.append(Sample("volume", np.full((5, 40, 40, 1), -900, np.float32), ("HU",), "HU"))
    gallery = encode(mini, [mini.prepare(each) for each in volumes])
    query = encode(mini, [mini.prepare(Sample("image", volumes[2].content[2], ("HU",), "HU"))])
    assert (as_query(mini, query) @ gallery[:, 0].T).argmax() == 2


def test_one_slice_is_the_picture_and_mixed_depths_batch(mini):
    deep, flat = volume(), volume(1)
    picture = Sample("image", flat.content[0], ("HU",), "HU")
    batch = [mini.prepare(each) for each in (deep, flat, picture)]
    assert batch[0].content.shape == (4, 224, 224, 3) and batch[1].content.shape[0] == 1
    found = encode(mini, batch)
    assert np.allclose(found[1], found[2], atol=1e-6) and not np.allclose(found[0], found[1], atol=1e-3)


def test_patches_are_those_of_the_picture(mini):
    picture = Sample("image", volume(1).content[0], ("HU",), "HU")
    found = mini.patches([mini.prepare(picture)])
    assert found.shape == (1, 49, mini.dim) and np.allclose(np.linalg.norm(found, axis=-1), 1, atol=1e-5)
    assert "patches" in capabilities(mini)
    with pytest.raises(UsageError, match="of images, not of volumes"):
        mini.patches([mini.prepare(volume())])


def test_fingerprints_cover_what_changes_vectors(mini):
    changed = [{"slices": 5}, {"pool": "max"}, {"window": "bone"}]
    made = {MedicalMini(**{"device": "cpu", "slices": 4} | each).fingerprint for each in changed}
    assert len(made) == 3 and mini.fingerprint not in made
    again = registry().create("encoders", "med/mini", {**mini.options, "device": "cpu"})
    assert again.fingerprint == mini.fingerprint


def test_what_cannot_be_pooled_is_refused():
    with pytest.raises(UsageError, match="does not pool itself"):
        SlicePooling(encoder="med/slices")
    with pytest.raises(UsageError, match="slices=0"):
        SlicePooling(slices=0)
    with pytest.raises(UsageError, match="is no window"):
        SlicePooling(window="lungs")
    with pytest.raises(UsageError, match="names 2 windows"):
        SlicePooling(window="lung/bone")
    with pytest.raises(UsageError, match="not image of bands VV, VH"):
        MedicalMini(device="cpu").prepare(Sample("image", np.zeros((4, 4, 2)), ("VV", "VH"), "dB"))


def test_the_cards():
    assert present("med-mini") and [each.what for each in verify("med-mini")][-1] == "fingerprint"
    assert cards()["biomedclip"].family == "med/slices"
    assert parts(*parse("biomedclip"))[0].address[0].startswith("microsoft/BiomedCLIP")


def test_real_slices_of_a_kind_are_neighbours(mini):
    """A head CT, a mouse MR in three encodings, ultrasound: the copies of a slice lie together."""
    names = ["CT_small.dcm", "MR_small.dcm", "MR_small_RLE.dcm", "MR_small_implicit.dcm", "examples_rgb_color.dcm"]
    samples = []
    for name in names:
        data = pydicom.dcmread(REAL / name) if (REAL / name).is_file() else None
        if data is None:
            pytest.skip(f"pydicom does not carry {name}")
        pixels = pixel_array(data)
        if pixels.ndim == 3:
            samples.append(Sample("image", pixels))
        elif data.Modality == "CT":
            hu = pixels * float(data.RescaleSlope) + float(data.RescaleIntercept)
            samples.append(Sample("image", hu.astype(np.float32)[..., None], ("HU",), "HU"))
        else:
            samples.append(Sample("image", (pixels / pixels.max()).astype(np.float32)[..., None], ("L",), "unit"))
    found = as_query(mini, encode(mini, [mini.prepare(each) for each in samples]))
    scores = found @ found.T
    assert scores[1, 2:4].min() > 0.99 and scores[1, [0, 4]].max() < 0.9
