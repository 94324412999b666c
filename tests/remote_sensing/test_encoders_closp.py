"""`rs/closp` on small checkpoints in the official layout, against timm, transformers and SatCLIP's formula."""

from __future__ import annotations

import numpy as np
import pytest

from fieldglass._torchvision import require
from fieldglass.encoders import capabilities, encode
from fieldglass.encoders.location import SatClipLocation
from fieldglass.errors import UsageError, WeightsError, WeightsMissingError
from fieldglass.models import weights
from fieldglass.models.carriers import carried
from fieldglass.testing import EncoderContract
from fieldglass.types import Prepared, Sample
from fieldglass_remote_sensing.closp import Closp
from fieldglass_remote_sensing.spectral import SENTINEL2
from remote_sensing.closp_files import closp, resnet, save

L2A = tuple(band for band in SENTINEL2 if band != "B10")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("closp")
    made = {}
    for name, kind, geo in (("rn", "rn", False), ("vs", "vs", False), ("geo", "rn", True)):
        path = folder / f"{name}.safetensors"
        made[name] = (path, closp(path, kind, geo=geo))
    return made


@pytest.fixture(scope="module")
def resnets(files):
    return Closp(weights=str(files["rn"][0]), device="cpu")


class _Contract(EncoderContract):
    file = "rn"
    encoder = "rs/closp"

    @pytest.fixture(autouse=True)
    def _weights(self, files):
        type(self).options = {"weights": str(files[self.file][0]), "device": "cpu"}


class TestResNets(_Contract):
    """CLOSP-RN"""


class TestTransformers(_Contract):
    file = "vs"


class TestPlaces(_Contract):
    file = "geo"


def optical(bands: tuple[str, ...] = SENTINEL2, side: int = 32) -> Sample:
    content = np.stack([np.full((side, side), 0.01 * (SENTINEL2.index(band) + 1), np.float32) for band in bands], -1)
    return Sample("image", content, bands, "reflectance")


def radar(side: int = 32) -> Sample:
    noise = np.random.default_rng(0).uniform(-25, -5, (side, side, 2)).astype(np.float32)
    return Sample("image", noise, ("VV", "VH"), "dB")


def test_each_band_is_in_its_place_and_b10_is_zero(resnets):
    for bands in (L2A, (*L2A[:8], *L2A[9:], "B8A"), SENTINEL2):  # EuroSAT has B8A last
        planes = resnets.prepare(optical(bands)).content
        expected = 0.01 * np.arange(1, 14) * [band in bands for band in SENTINEL2]
        assert planes.shape == (13, 32, 32) and np.allclose(planes[:, 5, 5], expected)


def test_radar_goes_in_as_decibels(resnets):
    sample = radar()
    turned = Sample("image", sample.content[..., ::-1], ("VH", "VV"), "dB")
    assert np.array_equal(resnets.prepare(sample).content, np.moveaxis(sample.content, -1, 0))
    assert np.array_equal(resnets.prepare(turned).content, resnets.prepare(sample).content)


@pytest.mark.parametrize("kind", ["rn", "vs"])
def test_towers_are_timms_with_heads_and_projections(files, kind):
    path, modules = files[kind]
    torch, encoder = require("torch"), Closp(weights=str(path), device="cpu")
    for tower, sample in (("s1", radar(224)), ("s2", optical(side=224))):
        planes = torch.from_numpy(encoder.prepare(sample).content)[None]
        with torch.inference_mode():
            expected = modules[f"{tower}_projection"](modules[f"{tower}_encoder"](planes)).numpy()
        found = encoder.raw_images([encoder.prepare(sample)])
        assert np.abs(found[:, 0] - expected).max() < 1e-4 * np.abs(expected).max()


def test_a_transformer_takes_224_pixels_with_aligned_corners(files):
    encoder = Closp(weights=str(files["vs"][0]), device="cpu")
    ramp = np.broadcast_to(np.linspace(-20, 0, 120, dtype=np.float32)[None, :, None], (120, 120, 2))
    planes = encoder.prepare(Sample("image", ramp, ("VV", "VH"), "dB")).content
    assert planes.shape == (2, 224, 224) and np.allclose(planes[0, 3], np.linspace(-20, 0, 224), atol=1e-4)
    wide = encoder.prepare(Sample("image", np.concatenate([ramp, ramp], axis=1), ("VV", "VH"), "dB")).content
    assert wide.shape == (2, 224, 224)


def test_text_is_the_last_state_of_the_first_token(files, resnets):
    torch, transformers = require("torch"), require("transformers")
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(carried("tokenizer.json")), pad_token="[PAD]")
    texts = ["water. flooded area", "built", "word " * 200, ""]
    batch = tokenizer(texts, return_tensors="pt", padding="max_length", truncation=True, max_length=64)
    with torch.inference_mode():
        states = files["rn"][1]["text_model"](**batch, output_hidden_states=True).hidden_states[-1]
    assert batch["input_ids"].shape == (4, 64)
    assert np.abs(resnets.raw_texts(texts) - states[:, 0].numpy()).max() < 1e-5


def test_real_minilm_is_taken_as_the_text_model(files, tmp_path):
    torch, transformers = require("torch"), require("transformers")
    state = {name: v for name, v in weights.read(files["rn"][0]).items() if not name.startswith("text_model.")}
    minilm = weights.read(carried("model.safetensors"))
    for name in ("s1_projection", "s2_projection"):
        state |= {f"{name}.weight": torch.randn(384, 10), f"{name}.bias": torch.randn(384)}
    state |= {f"text_model.{name}": value for name, value in minilm.items()}
    encoder = Closp(weights=str(save(tmp_path / "closp.safetensors", state)), device="cpu")
    model = transformers.BertModel.from_pretrained(carried("model.safetensors").parent).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(carried("model.safetensors").parent)
    batch = tokenizer(["burned area. trees"], return_tensors="pt", padding="max_length", max_length=64, truncation=True)
    with torch.inference_mode():
        expected = model(**batch).last_hidden_state[:, 0].numpy()
    assert encoder.dim == 384 and np.abs(encoder.raw_texts(["burned area. trees"]) - expected).max() < 1e-5


def test_one_batch_may_hold_both_sensors_texts_and_sizes(resnets):
    samples = [radar(), optical(), Sample("text", "water", (), "unit"), radar(48), optical(L2A, 64)]
    together = encode(resnets, [resnets.prepare(each) for each in samples])
    alone = np.concatenate([encode(resnets, [resnets.prepare(each)]) for each in samples])
    assert together.shape == (5, 1, 32) and np.abs(together - alone).max() < 1e-5


def test_places_are_latitude_first(files):
    path, modules = files["geo"]
    encoder = Closp(weights=str(path), device="cpu")
    at = np.array([[52.5, 13.4], [-33.9, 151.2]])
    located = SatClipLocation(weights.read(path))(at)
    torch = require("torch")
    expected = modules["location_projection"](torch.from_numpy(located).float()).detach().numpy()
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert np.allclose(encoder.places(at), expected, atol=1e-5)
    stored = encode(encoder, [Prepared(tuple(at[0]), "place")])
    assert np.allclose(stored[0, 0], expected[0], atol=1e-5)
    other = Closp(weights=str(path), sh_variant="orthonormal", device="cpu")
    assert other.fingerprint != encoder.fingerprint and not np.allclose(other.places(at), expected, atol=1e-3)


def test_only_geoclosp_knows_places(resnets, files):
    assert "places" not in capabilities(resnets)
    assert "places" in capabilities(Closp(weights=str(files["geo"][0]), device="cpu"))
    with pytest.raises(UsageError, match="not place"):
        resnets.prepare(Sample("place", (0.0, 0.0), (), "degrees"))


@pytest.mark.parametrize(("name", "prefix"), [("a.pth", "module."), ("b.safetensors", "model."), ("c.pth", "")])
def test_prefixes_and_torch_files_are_read(tmp_path, name, prefix):
    closp(tmp_path / name, prefix=prefix)
    closp(tmp_path / "plain.safetensors")
    found, plain = (Closp(weights=str(tmp_path / each), device="cpu") for each in (name, "plain.safetensors"))
    vectors = [encode(each, [each.prepare(optical())]) for each in (found, plain)]
    assert np.array_equal(*vectors)


def test_a_folder_of_the_hub_is_taken_and_the_options_make_it_again(tmp_path):
    closp(tmp_path / "model.safetensors")
    encoder = Closp(weights=str(tmp_path), device="cpu")
    assert Closp(**encoder.options, device="cpu").fingerprint == encoder.fingerprint


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: [state.pop(key) for key in list(state) if "s2_projection" in key], "lacks s2_projection"),
        (lambda state: state.update({"classifier.weight": state["s1_projection.weight"]}), "classifier.weight besides"),
        (lambda state: state.update({"location_projection.bias": state["s1_projection.bias"]}), "other half"),
        (lambda state: state.update({"s1_projection.weight": state["s1_projection.weight"][:8]}), "different widths"),
    ],
)  # fmt: skip
def test_another_layout_is_refused_loudly(files, tmp_path, change, message):
    state = weights.read(files["rn"][0])
    change(state)
    with pytest.raises(WeightsError, match=message):
        Closp(weights=str(save(tmp_path / "bad.pth", state)), device="cpu")


def test_a_damaged_tower_is_refused_at_first_use(files, tmp_path):
    state = weights.read(files["rn"][0])
    del state["s1_encoder.layer2.0.bn1.weight"]
    encoder = Closp(weights=str(save(tmp_path / "bad.pth", state)), device="cpu")
    with pytest.raises(WeightsError, match=r"s1 tower: it lacks layer2.0.bn1.weight"):
        encode(encoder, [encoder.prepare(radar())])


def test_a_visual_only_file_points_to_the_backbone(tmp_path):
    path = save(tmp_path / "closp-rn_s1_encoder.pth", resnet(2).state_dict())
    with pytest.raises(WeightsError, match="lacks") as error:
        Closp(weights=str(path), device="cpu")
    assert "rs/backbone" in error.value.hint
    with pytest.raises(WeightsMissingError, match="no weight file"):
        Closp(weights=str(tmp_path / "none.pth"))
    with pytest.raises(UsageError, match="needs weights"):
        Closp()


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        (Sample("image", np.zeros((4, 4, 3), np.uint8)), "in srgb8"),
        (Sample("image", np.full((4, 4, 2), 0.01, np.float32) + 100, ("VV", "VH"), "dB"), "are none"),
        (Sample("image", np.full((4, 4, 2), -9.0), ("HH", "HV"), "dB"), "trained on VV and VH"),
        (Sample("image", np.full((4, 4, 2), 0.1), ("B02", "B03"), "reflectance"), "bands B01, B04"),
    ],
)
def test_what_the_network_has_not_seen_is_refused(resnets, sample, message):
    with pytest.raises(UsageError, match=message):
        resnets.prepare(sample)


def test_no_data_is_zero_or_the_mean(resnets):
    mask = np.zeros((32, 32), dtype=bool)
    mask[:, :16] = True
    scene, echo = optical(), radar()
    content = echo.content.copy()
    content[0, 20] = np.nan
    planes = resnets.prepare(Sample("image", scene.content, scene.bands, scene.units, mask)).content
    assert not planes[:, :, 16:].any() and planes[:, :, :16].all()
    filled = resnets.prepare(Sample("image", content, echo.bands, echo.units, mask)).content
    assert np.allclose(filled[0, :, 16:], echo.content[:, :16, 0].mean(), atol=1e-4)
