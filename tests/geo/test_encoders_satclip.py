"""`geo/satclip` on small checkpoints in the official layout: places, scenes, harmonics, the order of coordinates."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fieldglass._torchvision import require
from fieldglass.encoders import capabilities, encode
from fieldglass.errors import UsageError, WeightsError, WeightsMissingError
from fieldglass.models import cards
from fieldglass.registry import registry
from fieldglass.testing import EncoderContract
from fieldglass.types import Sample
from fieldglass_geo.geoclip import GeoClip
from fieldglass_geo.satclip import SatClip
from fieldglass_geo.satclip_checkpoint import BANDS
from geo.geoclip_files import one_file, small
from geo.satclip_files import DIM, checkpoint, tensors

PLACES = np.array([[52.5, 13.4], [-33.9, 151.2], [40.0, -180.0]])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("satclip")
    state = tensors()
    checkpoint(made / "whole.ckpt", state)
    places = {name: each for name, each in state.items() if "visual" not in name}
    checkpoint(made / "places.ckpt", places)
    checkpoint(made / "closed.ckpt", places, "closed-form")
    checkpoint(made / "silent.ckpt", places, None)
    checkpoint(made / "vit.ckpt", tensors(tower="vit_small_patch16_224"))
    return made


class TestSatClip(EncoderContract):
    encoder = "geo/satclip"

    @pytest.fixture(autouse=True)
    def _files(self, folder):
        type(self).options = {"weights": str(folder / "whole.ckpt"), "device": "cpu", "precision": "fp32"}


def made(folder, name="whole.ckpt", **more):
    return SatClip(weights=str(folder / name), device="cpu", precision="fp32", **more)


def official(state, lonlat, pi=math.pi):
    """The published network on (longitude, latitude), for four Legendre degrees of which the first two are set out."""
    lon, lat = np.radians(lonlat[:, 0] + 180), np.radians(lonlat[:, 1] + 90)
    x, y, z = np.sin(lat) * np.cos(lon), np.sin(lat) * np.sin(lon), np.cos(lat)
    a, b = math.sqrt(1 / (4 * math.pi)), math.sqrt(3 / (4 * math.pi))
    found = np.stack([np.full_like(x, a * pi), -b * y, b * z * pi, -b * x], axis=1)
    w = {name.removeprefix("model.nnet."): each.numpy() for name, each in state.items() if ".nnet." in name}
    for layer, frequency in (("layers.0", 30.0), ("layers.1", 1.0)):
        found = np.sin(frequency * (found @ w[f"{layer}.weight"].T + w[f"{layer}.bias"]))
    found = found @ w["last_layer.weight"].T + w["last_layer.bias"]
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def test_one_call_serves_networks_of_either_order(tmp_path):
    """Latitude first for everyone: what SatCLIP's network takes is (longitude, latitude), GeoCLIP's the reverse."""
    torch, state = require("torch"), tensors(2, "")
    satclip = SatClip(weights=str(checkpoint(tmp_path / "two.ckpt", state)), device="cpu")
    assert satclip.coordinates == "lonlat" and GeoClip.coordinates == "latlon"
    assert np.abs(satclip.places(PLACES) - official(state, PLACES[:, ::-1])).max() < 1e-6
    path = one_file(tmp_path / "geoclip")
    geoclip = GeoClip(weights=str(path), device="cpu")
    own, w = small(), require("safetensors.torch").load_file(path)
    own.load_state_dict({name.removeprefix("location_encoder."): w[name] for name in w if "LocEnc" in name})
    latitude, longitude = np.radians(PLACES[0])
    theta = math.asin(math.sqrt(3) / 2 * math.sin(latitude))
    across = 9 * 0.003796 * theta**8 + 7 * 0.000893 * theta**6 - 3 * 0.081106 * theta**2 + 1.340264
    x = 2 * math.sqrt(3) * longitude * math.cos(theta) / (3 * across)
    y = 0.003796 * theta**9 + 0.000893 * theta**7 - 0.081106 * theta**3 + 1.340264 * theta
    at = torch.tensor([[x, y]], dtype=torch.float32) * 66.50336 / 180
    total = 0
    for each in own.values():
        phases = 2 * math.pi * at @ each["capsule"][0].b.T
        total = total + each["head"](each["capsule"][1:](torch.cat([torch.cos(phases), torch.sin(phases)], dim=1)))
    wanted = torch.nn.functional.normalize(total, dim=1).detach().numpy()
    assert np.abs(geoclip.places(PLACES[:1]) - wanted).max() < 1e-4


def test_a_checkpoint_says_which_harmonics_it_was_trained_with(folder):
    legacy, orthonormal, silent = (made(folder, f"{name}.ckpt") for name in ("places", "closed", "silent"))
    assert np.array_equal(legacy.places(PLACES), silent.places(PLACES))
    assert not np.allclose(legacy.places(PLACES), orthonormal.places(PLACES), atol=1e-3)
    asked = made(folder, "silent.ckpt", sh_variant="orthonormal")
    assert np.array_equal(asked.places(PLACES), orthonormal.places(PLACES))
    with pytest.raises(UsageError, match="analytic harmonics"):
        made(folder, "places.ckpt", sh_variant="orthonormal")
    assert len({each.fingerprint for each in (legacy, orthonormal, silent, asked)}) == 4


def test_there_is_no_seam(folder):
    encoder = made(folder, "places.ckpt")
    west, east = encoder.places(np.array([[40.0, -180.0], [40.0, 180.0]]))
    assert np.allclose(west, east, atol=1e-6) and encoder.dim == DIM and encoder.degrees == 4
    assert encoder.logit_scale == pytest.approx(math.exp(3))


def scene(side=64, bands=BANDS, **more):
    content = np.random.default_rng(0).uniform(0, 0.5, (side, side, len(bands))).astype(np.float32)
    return Sample("image", content, bands, "reflectance", **more)


def test_scenes_go_through_the_tower_of_timm(folder):
    torch, timm = require("torch"), require("timm")
    tower = timm.create_model("resnet18", pretrained=False, in_chans=13, num_classes=DIM).eval()
    state = tensors()
    tower.load_state_dict(
        {name.removeprefix("model.visual."): each for name, each in state.items() if "visual" in name}
    )
    sample = scene()
    with torch.inference_mode():
        wanted = tower(torch.from_numpy(sample.content.transpose(2, 0, 1)[None].copy()))
        wanted = torch.nn.functional.normalize(wanted, dim=1).numpy()
    encoder = made(folder)
    assert np.abs(encode(encoder, [encoder.prepare(sample)])[:, 0] - wanted).max() < 1e-5


def test_bands_go_by_name_and_what_lacks_is_zero(folder):
    encoder, whole = made(folder), scene()
    turned = Sample("image", whole.content[..., ::-1], BANDS[::-1], "reflectance")
    assert np.array_equal(encoder.prepare(whole).content, encoder.prepare(turned).content)
    l2a = tuple(band for band in BANDS if band != "B10")
    prepared = encoder.prepare(scene(bands=l2a)).content
    assert prepared.shape == (13, 64, 64) and not prepared[10].any() and prepared[11].any()
    mask = np.ones((64, 64), dtype=bool)
    mask[:10] = False
    assert not encoder.prepare(scene(mask=mask)).content[:, :10].any()
    with pytest.raises(UsageError, match="needs the Sentinel-2 bands B01"):
        encoder.prepare(scene(bands=("B02", "B03", "B04")))


@pytest.mark.parametrize("shape", [(256, 300), (100, 80), (224, 224), (1, 1)])
def test_the_vit_sees_the_centre_in_its_own_pixels(folder, shape):
    encoder = made(folder, "vit.ckpt")
    content = np.random.default_rng(0).uniform(0, 0.5, (*shape, 13)).astype(np.float32)
    prepared = encoder.prepare(Sample("image", content, BANDS, "reflectance"))
    assert prepared.content.shape == (13, 224, 224)
    if min(shape) >= 224:
        top, left = (shape[0] - 224) // 2, (shape[1] - 224) // 2
        assert np.array_equal(prepared.content, content[top : top + 224, left : left + 224].transpose(2, 0, 1))
    assert encode(encoder, [prepared]).shape == (1, 1, DIM)


def test_a_checkpoint_of_places_alone_takes_no_scenes(folder):
    encoder = made(folder, "places.ckpt")
    assert capabilities(encoder) == {"places"}
    with pytest.raises(UsageError, match="no image tower"):
        encoder.prepare(scene())
    assert "images" in capabilities(made(folder))


def test_bad_files_are_refused(folder, tmp_path):
    torch, state = require("torch"), tensors()
    checkpoint(tmp_path / "none.ckpt", {"model.visual.fc.weight": torch.zeros(2, 2)})
    with pytest.raises(WeightsError, match="nnet"):
        SatClip(weights=str(tmp_path / "none.ckpt"))
    checkpoint(tmp_path / "code.ckpt", state, callback=print)
    with pytest.raises(WeightsError, match="refused"):
        SatClip(weights=str(tmp_path / "code.ckpt"))
    checkpoint(tmp_path / "grid.ckpt", state, "discretized")
    with pytest.raises(WeightsError, match="discretized"):
        SatClip(weights=str(tmp_path / "grid.ckpt"))
    broken = {name: each for name, each in state.items() if "layer4.1.conv2" not in name}
    encoder = SatClip(weights=str(checkpoint(tmp_path / "half.ckpt", broken)), device="cpu")
    with pytest.raises(WeightsError, match=r"layer4\.1\.conv2"):
        encoder.images([encoder.prepare(scene())])
    with pytest.raises(UsageError, match="needs weights") as caught:
        SatClip()
    assert "models pull satclip-vit16-l40" in caught.value.hint


def test_six_cards_name_the_published_files(monkeypatch):
    names = [f"satclip-{tower}-l{degrees}" for tower in ("resnet18", "resnet50", "vit16") for degrees in (10, 40)]
    assert set(names) <= cards().keys() and all(cards()[name].dim == 256 for name in names)
    monkeypatch.setattr("fieldglass.models.hub.cached", lambda part: None)
    with pytest.raises(WeightsMissingError) as caught:
        registry().create("encoders", "satclip-resnet18-l10", {})
    assert "models pull satclip-resnet18-l10" in caught.value.hint
