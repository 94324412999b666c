"""Preprocessing is bit for bit that of the libraries, without torchvision."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fieldglass._torchvision import require
from fieldglass.encoders.preprocess import Preprocess
from fieldglass.errors import UsageError
from fieldglass.types import Prepared, Sample

MEAN, STD = (0.48, 0.46, 0.41), (0.27, 0.26, 0.28)


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Smooth noise with edges, (height, width, 3) uint8."""
    noise = np.random.default_rng(seed).integers(0, 256, (height // 8 + 2, width // 8 + 2, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC))


def normalised(preprocess: Preprocess, sample: Sample) -> np.ndarray:
    """(3, h, w) float32, as the tower sees it."""
    return preprocess.batch([Prepared(preprocess(sample, "test"), "image")], "cpu")[0].numpy()


@settings(max_examples=60, deadline=None)
@given(
    st.integers(32, 500), st.integers(32, 500), st.sampled_from([112, 97]),
    st.sampled_from(["bicubic", "bilinear"]), st.sampled_from(["shortest", "longest", "squash"]), st.integers(0, 255),
)  # fmt: skip
def test_equal_to_open_clip(height, width, size, interpolation, mode, fill):
    require("open_clip")
    from open_clip.transform import image_transform

    content = picture(height, width, height * width)
    transform = image_transform(
        size, is_train=False, mean=MEAN, std=STD, resize_mode=mode, interpolation=interpolation, fill_color=fill
    )
    ours = Preprocess((size, size), (size, size), MEAN, STD, interpolation, mode, (fill,) * 3)
    # torchvision divides and subtracts in the same order: only the last bit of float32 may differ
    theirs = transform(Image.fromarray(content)).numpy()
    assert np.abs(normalised(ours, Sample("image", content)) - theirs).max() < 1e-6


@settings(max_examples=40, deadline=None)
@given(
    st.integers(32, 500), st.integers(32, 500), st.sampled_from([(112, 112), (96, 128)]),
    st.sampled_from([0.875, 0.9, 1.0]), st.sampled_from(["center", "squash", "border"]),
)  # fmt: skip
def test_equal_to_timm(height, width, size, crop_pct, crop_mode):
    from fieldglass.encoders.timm_checkpoint import preprocess

    config = {
        "input_size": (3, *size), "mean": MEAN, "std": STD, "interpolation": "bicubic",
        "crop_pct": crop_pct, "crop_mode": crop_mode,
    }  # fmt: skip
    content = picture(height, width, height + width)
    transform = require("timm.data").create_transform(**config)
    theirs = transform(Image.fromarray(content)).numpy()
    ours = normalised(preprocess(config, {}), Sample("image", content))
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() < 1e-6


def test_grey_is_three_equal_channels():
    preprocess = Preprocess((32, 32), (32, 32), MEAN, STD)
    grey = picture(50, 40)[:, :, :1]
    found = preprocess(Sample("image", grey, bands=("L",)), "test")
    assert (found == found[:, :, :1]).all()
    assert (found == preprocess(Sample("image", np.repeat(grey, 3, axis=2)), "test")).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 60_000), (60_000, 1), (3, 9_000)])
def test_extreme_shapes_stay_small(shape):
    preprocess = Preprocess((224, 224), (256, 256), MEAN, STD)
    content = np.full((*shape, 3), 77, dtype=np.uint8)
    assert (preprocess(Sample("image", content), "test") == 77).all()


@pytest.mark.parametrize(
    ("sample", "words"),
    [
        (Sample("image", np.zeros((4, 4, 3), dtype=np.uint16)), "uint16"),
        (Sample("image", np.zeros((4, 4, 12), dtype=np.uint8), bands=("B01",) * 12), "B01"),
        (Sample("image", np.zeros((4, 4, 3), dtype=np.uint8), units="reflectance"), "reflectance"),
        (Sample("volume", np.zeros((2, 4, 4, 1), dtype=np.uint8)), "volume"),
        (Sample("image", np.zeros((0, 4, 3), dtype=np.uint8)), "empty"),
        (Sample("text", "a dog", (), "unit"), "text"),
    ],
)
def test_other_samples_are_refused_by_name(sample, words):
    with pytest.raises(UsageError, match=words):
        Preprocess((8, 8), (8, 8), MEAN, STD)(sample, "test")


@pytest.mark.parametrize(
    "wrong", [{"mode": "stretch"}, {"interpolation": "magic"}, {"std": (1.0, 0.0, 1.0)}, {"mean": (1.0, 2.0)}]
)
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(UsageError):
        Preprocess(**{"size": (8, 8), "resize": (8, 8), "mean": MEAN, "std": STD, **wrong})


def test_every_setting_changes_the_digest():
    base = {"size": (8, 8), "resize": (9, 9), "mean": MEAN, "std": STD}
    changes = [
        {}, {"size": (9, 9)}, {"resize": (10, 10)}, {"mean": STD}, {"std": MEAN}, {"interpolation": "bilinear"},
        {"mode": "squash"}, {"fill": (1, 1, 1)},
    ]  # fmt: skip
    assert len({Preprocess(**{**base, **change}).digest() for change in changes}) == len(changes)


@pytest.mark.parametrize(
    ("size", "border"), [((640, 480), (0, 16)), ((500, 480), (0, 0)), ((300, 900), (210, 0)), ((900, 300), (0, 210))]
)
def test_target_pad_is_clip4cirs(size, border):
    """The prepared picture is that of one which was given its border beforehand."""
    random = np.random.default_rng(0)
    content = random.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    across, down = border
    bordered = np.pad(content, ((down, down), (across, across), (0, 0)))
    padding = Preprocess((32, 32), (32, 32), (0.5,) * 3, (0.5,) * 3, pad_ratio=1.25)
    plain = Preprocess((32, 32), (32, 32), (0.5,) * 3, (0.5,) * 3)
    assert np.array_equal(padding(Sample("image", content), "x"), plain(Sample("image", bordered), "x"))
    assert padding.digest() != plain.digest()
    with pytest.raises(UsageError, match="pad_ratio is 1 or more"):
        Preprocess((32, 32), (32, 32), (0.5,) * 3, (0.5,) * 3, pad_ratio=0.5)
