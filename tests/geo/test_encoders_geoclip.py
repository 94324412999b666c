"""`geo/geoclip`: golden values, the real weights against the package that carries them, both layouts, bad files."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from fieldglass._torchvision import require
from fieldglass.encoders import as_query, encode
from fieldglass.errors import MissingExtraError, UsageError, WeightsError, WeightsMissingError
from fieldglass.models import card
from fieldglass.models.carriers import carried
from fieldglass.models.check import verify
from fieldglass.registry import registry
from fieldglass.testing import EncoderContract
from fieldglass.types import Sample
from fieldglass_geo.geoclip import GeoClip, _trunk
from fieldglass_geo.geoclip_network import equal_earth
from geo.geoclip_files import OUT, one_file, tensors, three_files, trunk

PLACES = np.array([[52.5, 13.4], [-33.8688, 151.2093], [64.15, -21.95], [0.0, -180.0], [90.0, 0.0], [-90.0, 77.0]])
carrier = pytest.mark.skipif(find_spec("geoclip") is None, reason="the package geoclip is not installed")

# (latitude, longitude) -> x, y, computed apart from this code
EQUAL_EARTH = {
    (0, 0): (0, 0),
    (0, 180): (1, 0),
    (0, -180): (-1, 0),
    (90, 0): (0, 0.486717),
    (40.7128, -74.0060): (-0.362762, 0.290791),
    (34.0522, -118.2437): (-0.602422, 0.246817),
    (-33.8688, 151.2093): (0.771109, -0.245576),
    (60, 10): (0.041853, 0.402087),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("geoclip")
    one_file(made / "one")
    three_files(made / "three")
    trunk(made / "clip")
    return made


class TestGeoClip(EncoderContract):
    encoder = "geo/geoclip"

    @pytest.fixture(autouse=True)
    def _files(self, folder):
        type(self).options = {
            "weights": str(folder / "one"), "clip": str(folder / "clip"), "device": "cpu", "precision": "fp32"
        }  # fmt: skip


@pytest.mark.parametrize("at", EQUAL_EARTH)
def test_the_projection(at):
    torch = require("torch")
    found = equal_earth(torch.tensor([at], dtype=torch.float64))[0].numpy()
    assert found == pytest.approx(EQUAL_EARTH[at], abs=1e-6)


def official():
    """The package's own location network with its weights; the rest of the package is not imported."""
    (root,) = find_spec("geoclip").submodule_search_locations
    for name, path in (("geoclip", root), ("geoclip.model", f"{root}/model")):
        sys.modules[name] = ModuleType(name)
        sys.modules[name].__path__ = [path]
    try:
        from geoclip.model.location_encoder import LocationEncoder

        return LocationEncoder().eval()
    finally:
        for name in [each for each in sys.modules if each.split(".")[0] == "geoclip"]:
            del sys.modules[name]


@carrier
def test_places_are_those_of_the_package_with_its_weights():
    torch = require("torch")
    noise = np.random.default_rng(0)
    latitudes = np.degrees(np.arcsin(noise.uniform(-1, 1, 8)))
    places = np.concatenate([PLACES, np.stack([latitudes, noise.uniform(-180, 180, 8)], axis=1)])
    torch.set_flush_denormal(True)  # its weights are as they decayed: seconds a place without
    try:
        with torch.inference_mode():
            found = official()(torch.tensor(places, dtype=torch.float32))
            wanted = torch.nn.functional.normalize(found, dim=1).numpy()
    finally:
        torch.set_flush_denormal(False)
    encoder = GeoClip(device="cpu")
    assert np.abs(encoder.places(places) - wanted).max() < 1e-5
    assert encoder.logit_scale == pytest.approx(39.68744, abs=1e-4)
    assert "geoclip" not in sys.modules, "the carrier of the weights is not imported"


@carrier
def test_the_networks_have_the_published_sizes():
    network, top, _ = GeoClip(device="cpu")._networks()
    waves = sum(each.numel() for each in network.buffers())
    assert sum(each.numel() for each in network.parameters()) + waves == 9_449_472
    assert sum(each.numel() for each in top.parameters()) == 984_320


@carrier
def test_near_places_are_alike_with_the_real_weights():
    places = np.array([[52.52, 13.4], [52.53, 13.41], [52.4, 13.06], [-33.87, 151.2]])
    one_km, potsdam, sydney = GeoClip(device="cpu").places(places)[1:] @ GeoClip(device="cpu").places(places)[0]
    assert one_km > potsdam + 0.3 and potsdam > sydney + 0.1


@carrier
def test_the_head_is_two_layers_with_the_real_weights():
    vectors = np.random.default_rng(0).normal(size=(3, 768)).astype(np.float32)
    w = require("torch").load(carried("geoclip/model/weights/image_encoder_mlp_weights.pth", "geoclip"))
    one, other, up, down = (w[name].numpy() for name in ("0.weight", "2.weight", "0.bias", "2.bias"))
    wanted = np.maximum(vectors @ one.T + up, 0) @ other.T + down
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    assert np.abs(GeoClip(device="cpu")._headed(vectors) - wanted).max() < 1e-5


@carrier
def test_places_work_without_clip_and_photos_say_what_they_need(monkeypatch):
    monkeypatch.setattr("fieldglass.models.hub.cached", lambda part: None)
    monkeypatch.setattr("fieldglass_geo.geoclip.cached", lambda part: None)
    encoder = registry().create("encoders", "geoclip", {"device": "cpu"})
    assert encoder.places(PLACES).shape == (len(PLACES), 512)
    photo = Sample("image", np.zeros((8, 8, 3), dtype=np.uint8))
    with pytest.raises(WeightsMissingError, match="ViT-L/14") as caught:
        encoder.prepare(photo)
    assert "models pull clip-vit-l-14-openai" in caught.value.hint


def test_both_layouts_give_the_same(folder):
    vectors = [GeoClip(weights=str(folder / each), device="cpu").places(PLACES) for each in ("one", "three")]
    assert np.array_equal(*vectors) and vectors[0].shape == (len(PLACES), OUT)


def test_photos_and_sentences_go_through_the_head(folder):
    from fieldglass.encoders.open_clip import OpenClip

    options = {"device": "cpu", "precision": "fp32"}
    encoder = GeoClip(weights=str(folder / "one"), clip=str(folder / "clip"), **options)
    clip = OpenClip(weights=str(folder / "clip"), **options)
    photo = Sample("image", np.random.default_rng(0).integers(0, 255, (50, 70, 3), dtype=np.uint8))
    w = {name: each.numpy() for name, each in tensors().items() if name.startswith("image_encoder.mlp.")}
    one, up, other, down = w.values()
    for found, vectors in (
        (encode(encoder, [encoder.prepare(photo)])[:, 0], clip.raw_images([clip.prepare(photo)])[:, 0]),
        (encoder.texts(["a desert"]), clip.raw_texts(["a desert"])),
    ):
        wanted = np.maximum(vectors @ one.T + up, 0) @ other.T + down
        assert np.abs(found - wanted / np.linalg.norm(wanted)).max() < 1e-5


def test_the_head_can_stand_on_another_encoder(tmp_path):
    mini = registry().create("encoders", "mini", {"device": "cpu", "precision": "fp32"})
    path = one_file(tmp_path, width=mini.dim)
    encoder = GeoClip(weights=str(path), clip="mini", device="cpu", precision="fp32")
    photo = mini.prepare(Sample("image", np.random.default_rng(0).integers(0, 255, (50, 70, 3), dtype=np.uint8)))
    wanted = encoder._headed(as_query(mini, mini.images([photo])))
    assert np.array_equal(encoder.images([photo])[:, 0], wanted) and encoder.options["clip"] == "mini"
    with pytest.raises(UsageError, match="photos alone"):
        encoder.texts(["a desert"])


def test_the_antimeridian_has_one_side_and_other_turns_are_the_same_place(folder):
    encoder = GeoClip(weights=str(folder / "one"), device="cpu")
    found = encoder.places(np.array([[10.0, -180.0], [10.0, 180.0], [10.0, 350.0], [10.0, -10.0]]))
    assert np.array_equal(found[0], found[1]) and np.allclose(found[2], found[3], atol=1e-6)


@pytest.mark.parametrize("at", [(91.0, 0.0), (float("nan"), 0.0), (0.0, 600.0)])
def test_what_is_not_on_the_globe_is_refused_before_its_batch(folder, at):
    encoder = GeoClip(weights=str(folder / "one"), device="cpu")
    with pytest.raises(UsageError, match="latitude, longitude"):
        encoder.prepare(Sample("place", at, (), "degrees"))


def test_other_weights_make_another_space(folder, tmp_path):
    one, other = (GeoClip(weights=str(path), device="cpu") for path in (folder / "one", one_file(tmp_path, seed=1)))
    assert one.fingerprint != other.fingerprint
    again = GeoClip(**one.options, device="cpu")
    assert again.fingerprint == one.fingerprint


def test_bad_files_are_refused_with_their_fault(tmp_path):
    torch, save = require("torch"), require("safetensors.torch").save_file
    whole = tensors()
    for name, damage in {
        "lacks": {key: each for key, each in whole.items() if "LocEnc1.head" not in key},
        "besides": {**whole, "location_encoder.LocEnc0.capsule.9.weight": torch.zeros(2)},
        "NaN": {**whole, "logit_scale": torch.tensor(float("nan"))},
        "not a checkpoint": {"visual.conv1.weight": torch.zeros(2)},
        "different widths": {
            **whole, "image_encoder.mlp.2.weight": torch.zeros(5, 32), "image_encoder.mlp.2.bias": torch.zeros(5)
        },
    }.items():  # fmt: skip
        path = tmp_path / f"{name}.safetensors"
        save({key: each.contiguous() for key, each in damage.items()}, str(path))
        with pytest.raises(WeightsError, match=name):
            GeoClip(weights=str(path), device="cpu")
    three_files(tmp_path / "three")
    torch.save({"code": print}, tmp_path / "three" / "logit_scale_weights.pth")
    with pytest.raises(WeightsError, match="logit_scale_weights"):
        GeoClip(weights=str(tmp_path / "three"), device="cpu")
    with pytest.raises(WeightsMissingError):
        GeoClip(weights=str(tmp_path / "nowhere"), device="cpu")


def test_without_the_carrier_the_line_that_installs_it(monkeypatch):
    monkeypatch.setattr("fieldglass.models.carriers.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError) as caught:
        GeoClip(device="cpu")
    assert "fieldglass-geo[geoclip]" in caught.value.hint


@carrier
def test_the_card_pins_every_file_of_the_carrier():
    found = card("geoclip")
    assert len(found.files) == 3 and all(carried(name, "geoclip").is_file() for name in found.files)
    steps = verify("geoclip")
    named = [next(steps).what for _ in found.files]
    assert named == [name.rpartition("/")[2] for name in found.files] and next(steps).what.startswith("place")


@carrier
def test_what_clip_is_missing_for_is_not_checked(monkeypatch):
    monkeypatch.setattr("fieldglass.models.hub.cached", lambda part: None)
    monkeypatch.setattr("fieldglass_geo.geoclip.cached", lambda part: None)
    found = {step.what: step.found for step in verify("geoclip")}
    assert "1 x 512" in found["place in degrees"] and "fingerprint" in found
    assert all(found[kind].startswith("not checked") and "models pull" in found[kind] for kind in ("image", "text"))


def test_clip_is_taken_from_where_transformers_keeps_it(monkeypatch):
    """`OpenClip` reads a file of transformers by itself; here is which file it is given."""
    given = []
    monkeypatch.setattr("fieldglass_geo.geoclip.OpenClip", lambda **options: given.append(options))
    for there, wanted in (({"openai/clip-vit-large-patch14"}, "cache/model.safetensors"), ({"timm"}, "")):
        monkeypatch.setattr(
            "fieldglass_geo.geoclip.cached",
            lambda part, there=there: Path("cache/model.safetensors") if part.repo.startswith(tuple(there)) else None,
        )
        _trunk("", "cpu", "fp32")
        assert given[-1]["weights"] == wanted and given[-1]["model"] == "ViT-L-14"
