"""`rs/closp`: CLOSP and GeoCLOSP (arXiv 2507.10403). Radar, optical and text in one space, and places in GeoCLOSP's."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fieldglass._torchvision import require
from fieldglass.encoders.device import place
from fieldglass.encoders.fingerprint import fingerprint
from fieldglass.encoders.location import SatClipLocation
from fieldglass.encoders.once import Once
from fieldglass.errors import UsageError
from fieldglass.models.cache import sha256_of
from fieldglass.models.files import kept_name, weight_file
from fieldglass.types import Accepts, Prepared
from fieldglass_remote_sensing.closp_checkpoint import TextTower, parts_of, read
from fieldglass_remote_sensing.resizing import resize
from fieldglass_remote_sensing.spectral import RADAR, SENTINEL2, radar, sentinel2
from fieldglass_remote_sensing.towers import build, part

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass.types import F32, Sample

__all__ = ["Closp"]

_SIZE = 224  # of the ViTs; a ResNet takes an image as it is
_PIECE = 8


class Closp:
    """One space for Sentinel-1 (VV, VH in dB), Sentinel-2 (reflectance) and sentences.

    `weights` is the `model.safetensors` (or its folder) of CLOSP-RN, -VS, -VL or GeoCLOSP-RN. Architectures and
    projections are read from the file. With GeoCLOSP the encoder also has `places`; `sh_variant` says which spherical
    harmonics its location network was trained with, see `fieldglass.encoders.location`.
    WeightsMissingError, WeightsError and UsageError come at construction.
    """

    name = "rs/closp"
    rows = 1
    dtype = "f32"

    def __init__(
        self,
        *,
        weights: str = "",
        sh_variant: Literal["legacy_pi", "orthonormal"] = "legacy_pi",
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        if not weights:
            raise UsageError(
                "rs/closp needs weights.",
                hint="`fieldglass models pull closp-rn`, then --encoder closp-rn; or --weights FILE.",
            )
        self._path = weight_file(weights, self.name, ("model.safetensors",))
        state = read(self._path)
        self.dim, self._transformers, located = parts_of(state, self._path)
        self._placement = place(device, precision)
        self.device = self._placement.device
        towers = {"s1": len(RADAR), "s2": len(SENTINEL2)}
        self._towers = {
            name: Once(lambda name=name, bands=bands: self._tower(state, name, bands)) for name, bands in towers.items()
        }
        self._text = Once(lambda: TextTower(state, self._path, self.device))
        self._tokenizing = threading.Lock()
        self.accepts: tuple[Accepts, ...] = (
            Accepts("s1", "image", RADAR, "dB"),
            Accepts("s2", "image", SENTINEL2, "reflectance"),
            Accepts("text", "text", (), "unit"),
        )
        if located:
            self._location = SatClipLocation(part(state, "location_encoder."), variant=sh_variant, what=str(self._path))
            self._to_space = [np.asarray(state[f"location_projection.{each}"]) for each in ("weight", "bias")]
            self.accepts = (*self.accepts, Accepts("place", "place", (), "degrees"))
            self.places = self._places  # a capability of GeoCLOSP alone
        self.fingerprint = fingerprint(
            "rs-closp",
            weights=sha256_of(self._path),
            preprocess={"size": _SIZE, "resize": "bilinear, aligned corners", "nodata": "0, mean", "version": 1},
            sh_variant=sh_variant if located else "",
            precision=self._placement.precision,
        )
        kept = kept_name(weights, self._path)
        self.options: Mapping[str, Any] = {
            "weights": kept, "sh_variant": sh_variant, "precision": self._placement.precision,
        }  # fmt: skip

    def prepare(self, sample: Sample) -> Prepared:
        """VV and VH -> (2, h, w) in dB; Sentinel-2 bands -> (13, h, w) reflectance; texts and places as they are."""
        if sample.kind in ("text", "place") and any(each.kind == sample.kind for each in self.accepts):
            return Prepared(sample.content, sample.kind)
        if sample.kind == "image" and 0 not in sample.content.shape:
            if sample.units == "dB":
                return Prepared(self._sized("s1", radar(sample, self.name)), "s1")
            if sample.units == "reflectance":
                return Prepared(self._sized("s2", sentinel2(sample, self.name)), "s2")
        raise UsageError(
            f"rs/closp takes Sentinel-1 in dB and Sentinel-2 in reflectance, not {sample.kind} in {sample.units}.",
            hint="Name the sensor: --set sensor=sentinel-2-l2a.",
        )

    def images(self, batch: Sequence[Prepared]) -> F32:
        """(n, 1, dim) float32, unit; of one sensor or of both."""
        return _unit(self.raw_images(batch))

    def texts(self, texts: Sequence[str]) -> F32:
        """(n, dim) float32, unit. What is beyond 64 tokens is cut."""
        return _unit(self.raw_texts(texts))

    def raw_images(self, batch: Sequence[Prepared]) -> F32:
        """(n, 1, dim) float32, as projected."""
        torch = require("torch")
        found = np.empty((len(batch), 1, self.dim), dtype=np.float32)
        for tower, shape in dict.fromkeys((each.tower, each.content.shape) for each in batch):
            rows = [row for row, each in enumerate(batch) if (each.tower, each.content.shape) == (tower, shape)]
            network, projection = self._towers[tower]()
            for piece in self._placement.pieces(rows, _PIECE):
                pixels = torch.from_numpy(np.stack([batch[row].content for row in piece])).to(self.device)
                with self._placement.inference():
                    found[list(piece), 0] = projection(network(pixels)).float().cpu().numpy()
        return found

    def raw_texts(self, texts: Sequence[str]) -> F32:
        """(n, dim) float32, as the text model gives it."""
        tower = self._text()
        with self._tokenizing, self._placement.inference():
            return tower(texts) if len(texts) else np.empty((0, self.dim), dtype=np.float32)

    def _places(self, places: NDArray[np.float64]) -> F32:
        """(n, 2) latitude, longitude in degrees -> (n, dim) float32, unit."""
        weight, bias = self._to_space
        return _unit((self._location(places) @ weight.T.astype(np.float64) + bias).astype(np.float32))

    def _sized(self, tower: str, planes: F32) -> F32:
        return resize(planes, _SIZE) if self._transformers[tower] else planes

    def _tower(self, state: Mapping[str, Any], name: str, bands: int) -> tuple[Any, Any]:
        network = build(part(state, f"{name}_encoder."), self._path, f"CLOSP's {name} tower", bands=bands)
        weight, bias = (state[f"{name}_projection.{each}"] for each in ("weight", "bias"))
        width = network.num_classes or network.num_features
        if weight.shape[1] != width:
            raise UsageError(
                f"{self._path}: the {name} tower gives {width} numbers, its projection takes {weight.shape[1]}."
            )
        projection = require("torch").nn.Linear(width, self.dim).requires_grad_(False)
        projection.load_state_dict({"weight": weight, "bias": bias})
        return network.to(self.device), projection.to(self.device)


def _unit(vectors: F32) -> F32:
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-12), dtype=np.float32)
