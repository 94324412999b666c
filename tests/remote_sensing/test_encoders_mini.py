"""`rs/mini`: real weights; spectra of made scenes, real Sentinel-2 patches where FIELDGLASS_DATA is set."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fieldglass.encoders import as_query, as_text, encode
from fieldglass.errors import UsageError
from fieldglass.models import composer_defaults
from fieldglass.models.check import verify
from fieldglass.models.local import present
from fieldglass.testing import EncoderContract
from fieldglass.types import Accepts, Sample
from fieldglass_remote_sensing.indices import DIFFERENCES, ROLES, indices
from fieldglass_remote_sensing.land_cover import COVERS, shares
from fieldglass_remote_sensing.mini import RemoteSensingMini
from fieldglass_remote_sensing.rendering import Rendering
from fieldglass_remote_sensing.statistics import BINS, MEASURES, distributions

L2A = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12")
# Typical reflectances of B02, B03, B04, B08, B11, B12.
SPECTRA = {
    "water": (0.06, 0.05, 0.03, 0.02, 0.01, 0.01),
    "snow and ice": (0.85, 0.85, 0.82, 0.75, 0.08, 0.06),
    "clouds": (0.5, 0.5, 0.5, 0.55, 0.45, 0.35),
    "forest": (0.02, 0.04, 0.02, 0.30, 0.12, 0.06),
    "crops and grass": (0.05, 0.09, 0.06, 0.40, 0.22, 0.12),
    "shrubs": (0.07, 0.10, 0.14, 0.24, 0.30, 0.22),
    "bare ground": (0.14, 0.20, 0.27, 0.33, 0.42, 0.38),
    "burned area": (0.04, 0.05, 0.06, 0.08, 0.16, 0.18),
}
SIX = ("B02", "B03", "B04", "B08", "B11", "B12")
ROLE_ORDER = ("B", "G", "R", "N", "S1", "S2")


def photo(name):
    """A photograph that scikit-image carries; the test is skipped without it."""
    return getattr(pytest.importorskip("skimage.data"), name)()


def scene(cover: str, size: int = 32, seed: int = 0) -> Sample:
    noise = np.random.default_rng(seed).normal(1, 0.02, (size, size, 6))
    return Sample("image", (np.array(SPECTRA[cover]) * noise).astype(np.float32), SIX, "reflectance")


@pytest.fixture(scope="module")
def mini():
    return RemoteSensingMini(device="cpu")


class TestContract(EncoderContract):
    encoder = "rs/mini"


@pytest.mark.parametrize("cover", SPECTRA)
def test_a_spectrum_is_its_land_cover(cover):
    found = dict(zip(COVERS, shares(scene(cover)), strict=True))
    assert found[cover] > 0.95 and sum(found.values()) == pytest.approx(1)


def test_a_text_finds_each_land_cover(mini):
    texts = {
        "a big lake": "water", "snow on a glacier": "snow and ice", "woodland": "forest", "savanna": "shrubs",
        "green fields": "crops and grass", "a wildfire scar": "burned area", "cloudy sky": "clouds",
        "a sandy desert": "bare ground",
    }  # fmt: skip
    covers = list(SPECTRA)
    gallery = encode(mini, [mini.prepare(scene(each)) for each in covers])[:, 0]
    best = (mini.texts(list(texts)) @ gallery.T).argmax(axis=1)
    assert [covers[row] for row in best] == list(texts.values())


def test_radar_tells_water_from_a_town_and_meets_the_optical_texts(mini):
    sea, town = (np.full((40, 40, 2), values, dtype=np.float32) for values in ((-20.0, -28.0), (0.0, -8.0)))
    samples = [Sample("image", each, ("VV", "VH"), "dB") for each in (sea, town)]
    gallery = encode(mini, [mini.prepare(each) for each in (*samples, scene("water"), scene("forest"))])[:, 0]
    scores = mini.texts(["the sea", "a city with buildings"]) @ gallery.T
    assert set(np.argsort(-scores[0])[:2]) == {0, 2} and scores[1].argmax() == 1


def test_indices_are_normalised_differences_of_the_named_bands():
    values = np.array([[[0.1, 0.2, 0.05, 0.45, 0.3, 0.15]]], dtype=np.float32)
    found = indices(Sample("image", values, SIX, "reflectance"))
    expected = {"ndvi": 0.8, "ndwi": -0.25 / 0.65, "mndwi": -0.2, "nbr": 0.5, "ndbi": -0.2}
    assert {name: pytest.approx(float(each[0, 0]), abs=1e-6) for name, each in found.items()} == expected
    assert np.isnan(indices(Sample("image", values * 0, SIX, "reflectance"))["ndvi"]).all()
    assert set(indices(Sample("image", values[..., :4], SIX[:4], "unit"))) == {"ndvi", "ndwi"}


def test_formulas_are_those_of_spyndex():
    spyndex = pytest.importorskip("spyndex")
    rng = np.random.default_rng(0)
    bands = {role: rng.uniform(0.01, 0.6, (4, 4)) for role in ROLES}
    sample = Sample("image", np.stack([bands[role] for role in ROLE_ORDER], -1), SIX, "reflectance")
    for name, values in indices(sample).items():
        assert np.allclose(values, spyndex.computeIndex(name.upper(), bands), atol=1e-6), name
    assert set(indices(sample)) == set(DIFFERENCES)


def test_distributions_are_unit_and_compare_as_bhattacharyya():
    first, again, other = scene("forest"), scene("forest", seed=1), scene("bare ground")
    a, b, c = (distributions(each) for each in (first, again, other))
    assert np.linalg.norm(a) == pytest.approx(1, abs=1e-6) and a.shape == (len(MEASURES) * (BINS + 1),)
    assert a @ b > 0.99 and a @ c < 0.6  # radar is not measured in either: it agrees
    photograph = distributions(Sample("image", photo("chelsea")))
    assert photograph.reshape(-1, BINS + 1)[:, BINS] == pytest.approx(np.sqrt(1 / len(MEASURES)))


def test_masked_pixels_say_nothing(mini):
    clean = scene("forest")
    content = clean.content.copy()
    content[:, 16:], content[0, 0] = 0, np.nan
    mask = np.zeros((32, 32), dtype=bool)
    mask[:, :16] = True
    half = replace(clean, content=content, mask=mask)
    assert dict(zip(COVERS, shares(half), strict=True))["forest"] == pytest.approx(1)
    assert distributions(half) @ distributions(clean) > 0.99
    picture = Rendering()(half, "x").content
    assert np.abs(picture[:, 16:].astype(int) - picture[1:, :16].mean(axis=(0, 1))).max() <= 2  # no black border
    nothing = replace(clean, mask=np.zeros((32, 32), dtype=bool))
    assert not shares(nothing).any() and np.isfinite(encode(mini, [mini.prepare(nothing)])).all()


def test_the_composite_is_the_stated_one():
    values = np.array([[[0.1, 0.2, 0.3, 0.5]]], dtype=np.float32)
    four = ("B02", "B03", "B04", "B08")
    assert Rendering(gain=2.5)(Sample("image", values, four, "reflectance"), "x").content.tolist() == [[[191, 128, 64]]]
    no_blue = Rendering(gain=1.0)(Sample("image", values[..., 1:], four[1:], "reflectance"), "x").content
    assert no_blue.tolist() == [[[128, 77, 51]]]
    radar = Rendering()(Sample("image", np.array([[[-12.5, -18.5]]]), ("VV", "VH"), "dB"), "x").content
    assert radar.tolist() == [[[128, 128, 102]]]
    ramp = np.linspace(0, 1000, 101, dtype=np.float32)[None, :, None].repeat(3, axis=2)
    stretched = Rendering()(Sample("image", ramp, ("R", "G", "B"), "unit"), "x").content[0, :, 0]
    assert stretched[:3].tolist() == [0, 0, 0] and stretched[-3:].tolist() == [255, 255, 255] and stretched[50] == 128
    photograph = Sample("image", photo("chelsea"))
    assert Rendering()(photograph, "x") is photograph


def test_noise_is_not_stretched_to_full_contrast():
    ice = 0.9 + np.random.default_rng(0).normal(0, 0.0005, (20, 20, 3)).astype(np.float32)
    picture = Rendering("percentile")(Sample("image", ice, ("R", "G", "B"), "reflectance"), "x").content
    assert picture.std() < 20


def test_photographs_are_found_as_by_mini(mini):
    photographs = {"a cat": photo("chelsea"), "a cup of coffee": photo("coffee"), "a space rocket": photo("rocket")}
    gallery = encode(mini, [mini.prepare(Sample("image", each)) for each in photographs.values()])
    assert (mini.texts(list(photographs)) @ gallery[:, 0].T).argmax(axis=1).tolist() == [0, 1, 2]
    picture, description = as_query(mini, gallery), as_text(mini, gallery)
    assert not picture[:, 1280:1664].any() and not description[:, :1280].any() and not description[:, 1664:].any()
    caption = encode(mini, [mini.prepare(Sample("text", "a cat", (), "unit"))])
    assert np.array_equal(as_query(mini, caption), caption[:, 0])
    assert np.allclose(as_text(mini, caption), caption[:, 0], atol=1e-6)


def test_the_fingerprint_covers_the_rendering_and_the_options_make_it_again(mini):
    assert RemoteSensingMini(gain=2.5, device="cpu").fingerprint != mini.fingerprint
    other = RemoteSensingMini(rendering="percentile", device="cpu")
    assert other.fingerprint != mini.fingerprint
    assert RemoteSensingMini(**other.options).fingerprint == other.fingerprint
    with pytest.raises(UsageError, match="gain=0"):
        RemoteSensingMini(gain=0)
    with pytest.raises(UsageError, match="gain or percentile"):
        RemoteSensingMini(rendering="log")


def test_what_it_cannot_take_is_refused_with_the_units(mini):
    with pytest.raises(UsageError, match="not image in HU"):
        mini.prepare(Sample("image", np.zeros((4, 4, 1)), ("HU",), "HU"))
    with pytest.raises(UsageError, match="with bands B02, B03"):
        mini.prepare(Sample("image", np.zeros((4, 4, 3), np.float32), ("B02", "B03"), "reflectance"))
    assert Accepts("image", "image", ("VV", "VH"), "dB") in mini.accepts


def test_its_card():
    assert present("rs-mini") and composer_defaults("rs/mini", {}, "weicom") == {"text_weight": 0.9}
    assert [each.what for each in verify("rs-mini")][-1] == "fingerprint"


@pytest.mark.skipif("FIELDGLASS_DATA" not in os.environ, reason="needs FIELDGLASS_DATA")
def test_texts_find_real_patches(mini):
    """Land cover is found; `mini` on the same composite finds one of these."""
    import rasterio

    folder = Path(os.environ["FIELDGLASS_DATA"]) / "sentinel2"
    relevant = {
        "a frozen ice sheet": ["25630"], "a dense forest": ["502692"], "clouds over land": ["511198"],
        "a sandy desert": ["252161"], "farm fields": ["57755", "322265"], "trees under snow": ["286743"],
    }  # fmt: skip
    paths = sorted(folder.glob("patch_*.tif"))
    pixels = [np.moveaxis(rasterio.open(path).read(), 0, -1).astype(np.float32) / 10000 for path in paths]
    gallery = encode(mini, [mini.prepare(Sample("image", each, L2A, "reflectance")) for each in pixels])[:, 0]
    best = (mini.texts(list(relevant)) @ gallery.T).argmax(axis=1)
    assert all(paths[row].stem[6:] in right for row, right in zip(best, relevant.values(), strict=True))
