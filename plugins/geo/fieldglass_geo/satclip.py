"""`geo/satclip`: SatCLIP (arXiv 2311.17179). Places, and Sentinel-2 scenes of them, in one space."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fieldglass._torchvision import require
from fieldglass.encoders.device import place
from fieldglass.encoders.fingerprint import fingerprint
from fieldglass.encoders.location import SatClipLocation, on_globe
from fieldglass.encoders.once import Once
from fieldglass.errors import UsageError
from fieldglass.models.cache import sha256_of
from fieldglass.models.files import kept_name, weight_file
from fieldglass.types import Accepts, Prepared
from fieldglass_geo.satclip_checkpoint import BANDS, network, tensors, variant

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass.types import F32, Sample

__all__ = ["SatClip"]

_SIDE = 224  # of the ViT; a ResNet takes a scene as it is
_PIECE = 8
_PLACES = 2048  # with 1600 harmonics each


class SatClip:
    """Places by spherical harmonics and a network of sines; Sentinel-2 reflectance by ResNet-18, ResNet-50 or ViT-S/16.

    `weights` is a .ckpt as published, for places alone where it has no image tower. L=10 tells climates and
    continents apart, L=40 regions; neither finds a street. It knows no text. There is no seam at the antimeridian.
    `sh_variant` says which harmonics it was trained with, see `fieldglass.encoders.location`; "auto" asks the file.
    WeightsMissingError, WeightsError and UsageError come at construction.
    """

    name = "geo/satclip"
    rows = 1
    dtype = "f32"
    coordinates = "lonlat"  # what the published network takes; calls here are latitude first, as everywhere

    def __init__(
        self,
        *,
        weights: str = "",
        sh_variant: Literal["auto", "legacy_pi", "orthonormal"] = "auto",
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        if not weights:
            raise UsageError(
                "geo/satclip needs weights.",
                hint="`fieldglass models pull satclip-vit16-l40`, then --encoder satclip-vit16-l40; "
                "or --weights FILE. geo/geoclip has its own.",
            )
        path = weight_file(str(weights), self.name)
        located, visual, self._scale = tensors(path)
        chosen = variant(path, sh_variant)
        self._location = SatClipLocation(located, variant=chosen, what=str(path))
        self.dim = self._location.dim
        self._placement = place(device, precision)
        self.device = self._placement.device
        self.accepts: tuple[Accepts, ...] = (Accepts("place", "place", (), "degrees"),)
        if visual:
            self._tower = Once(lambda: self._loaded(visual, path))
            self._transformer = "conv1.weight" not in visual
            self.accepts = (*self.accepts, Accepts("s2", "image", BANDS, "reflectance"))
            self.images = self._images  # a capability of whole checkpoints alone
        self.fingerprint = fingerprint(
            "geo-satclip", weights=sha256_of(path), sh_variant=chosen, precision=self._placement.precision, version=1
        )
        self.options: Mapping[str, Any] = {
            "weights": kept_name(weights, path),
            "sh_variant": sh_variant,
            "precision": self._placement.precision,
        }

    @property
    def degrees(self) -> int:
        """The number of Legendre degrees: 10 or 40 in the published ones."""
        return self._location.degrees

    @property
    def logit_scale(self) -> float:
        """What a cosine between a scene and a place is multiplied by; 1 / 0.07, as before training, if not said."""
        return math.exp(self._scale) if self._scale is not None else 1 / 0.07

    def prepare(self, sample: Sample) -> Prepared:
        """A place as it is; Sentinel-2 bands -> (13, h, w) float32 reflectance, no-data and a lacking B10 as 0."""
        if sample.kind == "place":
            return Prepared(on_globe(sample.content)[0], "place")
        if sample.kind == "image" and sample.units == "reflectance" and len(self.accepts) > 1:
            return Prepared(self._sized(_bands(sample)), "s2")
        wanted = "places and Sentinel-2 in reflectance" if len(self.accepts) > 1 else "places: it has no image tower"
        raise UsageError(f"geo/satclip takes {wanted}, not {sample.kind} in {sample.units}.")

    def places(self, places: NDArray[np.float64]) -> F32:
        """(n, 2) latitude, longitude in degrees -> (n, dim) float32, unit. UsageError where one is not on the globe."""
        wanted = on_globe(places)
        found = np.empty((len(wanted), self.dim), dtype=np.float32)
        for first in range(0, len(wanted), _PLACES):
            vectors = self._location(wanted[first : first + _PLACES])
            found[first : first + _PLACES] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return found

    def _images(self, batch: Sequence[Prepared]) -> F32:
        """(n, 1, dim) float32, unit."""
        torch, tower = require("torch"), self._tower()
        found = np.empty((len(batch), 1, self.dim), dtype=np.float32)
        for shape in dict.fromkeys(each.content.shape for each in batch):
            rows = [row for row, each in enumerate(batch) if each.content.shape == shape]
            for piece in self._placement.pieces(rows, _PIECE):
                pixels = torch.from_numpy(np.stack([batch[row].content for row in piece])).to(self.device)
                with self._placement.inference():
                    vectors = torch.nn.functional.normalize(tower(pixels).float(), dim=1)
                found[list(piece), 0] = vectors.cpu().numpy()
        return found

    def _sized(self, planes: F32) -> F32:
        """For the ViT its centre in 10 m pixels, as in training; what is smaller is enlarged."""
        height, width = planes.shape[1:]
        if not self._transformer or (height, width) == (_SIDE, _SIDE):
            return planes
        if min(height, width) < _SIDE:
            torch = require("torch")
            scale = _SIDE / min(height, width)
            size = [max(_SIDE, round(side * scale)) for side in (height, width)]
            larger = torch.nn.functional.interpolate(torch.from_numpy(planes)[None], size, mode="bilinear")
            planes = np.asarray(larger[0].numpy())
            height, width = planes.shape[1:]
        top, left = (height - _SIDE) // 2, (width - _SIDE) // 2
        return np.ascontiguousarray(planes[:, top : top + _SIDE, left : left + _SIDE])

    def _loaded(self, visual: Mapping[str, Any], path: Any) -> Any:
        return network(visual, path)[0].to(self.device)


def _bands(sample: Sample) -> F32:
    """(13, H, W) float32 in the order of the tower. UsageError names the bands that lack."""
    lacking = [band for band in BANDS if band not in sample.bands and band != "B10"]
    if lacking:
        raise UsageError(
            f"geo/satclip needs the Sentinel-2 bands {', '.join(lacking)}; this image has {', '.join(sample.bands)}.",
            hint="Index all bands of the product.",
        )
    if 0 in sample.content.shape:
        raise UsageError(f"geo/satclip cannot encode an empty image {sample.content.shape}.")
    valid = np.isfinite(sample.content).all(axis=2) if sample.mask is None else np.asarray(sample.mask)
    planes = np.zeros((len(BANDS), *sample.content.shape[:2]), dtype=np.float32)
    for row, band in enumerate(BANDS):
        if band in sample.bands:
            values = np.nan_to_num(sample.content[..., sample.bands.index(band)].astype(np.float32))
            planes[row] = np.where(valid, values, 0)
    return planes
