"""`geo/geoclip`: GeoCLIP (arXiv 2309.16020). Places, photos and sentences in one space."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass._torchvision import require
from fieldglass.encoders import as_query, capabilities
from fieldglass.encoders.device import place
from fieldglass.encoders.fingerprint import fingerprint
from fieldglass.encoders.location import on_globe
from fieldglass.encoders.once import Once
from fieldglass.encoders.open_clip import OpenClip
from fieldglass.errors import UsageError, WeightsError, WeightsMissingError
from fieldglass.models.hub import Part, cached
from fieldglass.models.sources import parts
from fieldglass.registry import registry
from fieldglass.types import Accepts, Prepared
from fieldglass_geo.geoclip_files import source
from fieldglass_geo.geoclip_network import load, located

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass.types import F32, Sample

__all__ = ["GeoClip"]

_TRUNK = {"model": "ViT-L-14", "pretrained": "openai"}
_HUGGING_FACE = "openai/clip-vit-large-patch14"
_PIECE = 512  # places: their activations stay in the cache of a core


class GeoClip:
    """Places by GeoCLIP's location network; photos and sentences by CLIP ViT-L/14 and GeoCLIP's head.

    Places need the 42 MB that the package `geoclip` carries (it is not imported), or `weights`: a folder of its three
    files, or one `model.safetensors` as the recipe `geo/geoclip` and the authors' releases have it. Photos and
    sentences also need CLIP ViT-L/14 of OpenAI: `fieldglass models pull clip-vit-l-14-openai`, or `clip`, its file
    or folder as open_clip or transformers writes it; what transformers has in the hub's cache is found too. It is
    looked for at the first photo or sentence, so places work without.

    Sentences were never trained on: what they find is worth a look, not a figure. Longitude 180 is -180.
    WeightsMissingError, MissingExtraError and WeightsError come at construction for what is given, else at first use.
    """

    name = "geo/geoclip"
    rows = 1
    dtype = "f32"
    accepts = (Accepts("place", "place", (), "degrees"), Accepts("image", "image"), Accepts("text", "text", (), "unit"))
    pixels = 224
    coordinates = "latlon"  # what the network takes

    def __init__(self, *, weights: str = "", clip: str = "", device: str = "auto", precision: str = "auto") -> None:
        self._source = source(str(weights))
        self._placement = place(device, precision)
        self.device = self._placement.device
        self._networks = Once(self._load)
        self._clip = Once(lambda: _trunk(clip, device, precision))
        self.dim = self._networks()[1][2].out_features if weights else 512
        self.fingerprint = fingerprint(
            self.name,
            weights=self._source.digests,
            clip=self._clip().fingerprint if clip else _TRUNK,
            precision=self._placement.precision,
        )
        trunk = Path(clip).expanduser()
        asked = {"weights": self._source.kept, "clip": str(trunk.absolute()) if clip and trunk.exists() else clip}
        self.options: Mapping[str, Any] = {
            **{name: value for name, value in asked.items() if value},
            "precision": self._placement.precision,
        }

    @property
    def logit_scale(self) -> float:
        """What a cosine between a photo and a place is multiplied by before the softmax over a gallery: 39.687."""
        return math.exp(self._networks()[2])

    def prepare(self, sample: Sample) -> Prepared:
        """A photo -> (224, 224, 3) uint8, with CLIP's statistics later; texts and places as they are."""
        if sample.kind == "place":
            return Prepared(on_globe(sample.content)[0], "place")
        if sample.kind in ("image", "text"):
            return self._clip().prepare(sample)
        raise UsageError(f"geo/geoclip takes places, photos and sentences, not {sample.kind}.")

    def places(self, places: NDArray[np.float64]) -> F32:
        """(n, 2) latitude, longitude in degrees -> (n, 512) float32, unit. UsageError where one is not on the globe."""
        torch = require("torch")
        wanted = on_globe(places)
        degrees = np.stack([wanted[:, 0], (wanted[:, 1] + 180) % 360 - 180], axis=1)
        # 12.34 + 180 - 180 is not 12.34: only what lies outside is turned
        inside = (wanted[:, 1] >= -180) & (wanted[:, 1] < 180)
        degrees[inside, 1] = wanted[inside, 1]
        found = np.empty((len(degrees), self.dim), dtype=np.float32)
        network = self._networks()[0]
        for first in range(0, len(degrees), _PIECE):
            rows = slice(first, first + _PIECE)
            with torch.inference_mode():
                at = torch.from_numpy(degrees[rows]).float().to(self.device)
                unit = torch.nn.functional.normalize(located(network, at), dim=1)
                found[rows] = unit.cpu().numpy()
        return found

    def images(self, batch: Sequence[Prepared]) -> F32:
        """(n, 1, 512) float32, unit."""
        clip = self._clip()
        raw = "raw" in capabilities(clip)
        vectors = clip.raw_images(batch)[:, 0] if raw else as_query(clip, np.asarray(clip.images(batch)))
        return self._headed(vectors)[:, None, :]

    def texts(self, texts: Sequence[str]) -> F32:
        """(n, 512) float32, unit: CLIP's sentence through the head of photos."""
        clip = self._clip()
        if "raw" not in capabilities(clip):
            raise UsageError(
                f"geo/geoclip: {clip.name} keeps photos and sentences apart, and its head knows photos alone.",
                hint="Search with a photo or a place; sentences need a CLIP.",
            )
        return self._headed(clip.raw_texts(texts))

    def _headed(self, vectors: F32) -> F32:
        torch = require("torch")
        head = self._networks()[1]
        if vectors.shape[1] != head[0].in_features:
            raise WeightsError(
                f"geo/geoclip: its head takes {head[0].in_features} numbers, this CLIP gives {vectors.shape[1]}."
            )
        with torch.inference_mode():
            found = torch.nn.functional.normalize(head(torch.from_numpy(vectors).to(self.device)), dim=1)
            return np.asarray(found.cpu().numpy())

    def _load(self) -> tuple[Any, Any, float]:
        network, head, scale = load(self._source.read(), self._source.path)
        return network.to(self.device), head.to(self.device), scale


def _trunk(clip: str, device: str, precision: str) -> Any:
    if clip and not Path(clip).expanduser().exists():
        return registry().create("encoders", clip, {"device": device, "precision": precision})
    if not clip:
        transformers = cached(
            Part(_HUGGING_FACE, ("model.safetensors",))
        )  # the same weights: the package fetches these
        try:
            weights = str(transformers) if transformers is not None and not _pulled() else ""
            return OpenClip(**_TRUNK, weights=weights, device=device, precision=precision)
        except WeightsMissingError as error:
            raise WeightsMissingError(
                "Photos and sentences of geo/geoclip need CLIP ViT-L/14 of OpenAI, which is not on this machine.",
                hint="Fetch it with `fieldglass models pull clip-vit-l-14-openai`, or give its file: --set clip=FILE.",
            ) from error
    path = Path(clip).expanduser()
    described = path.is_dir() or (path.parent / "open_clip_config.json").is_file()
    return OpenClip(weights=clip, device=device, precision=precision, **({} if described else _TRUNK))


def _pulled() -> bool:
    """Whether open_clip's own file is there."""
    return cached(parts("open_clip", _TRUNK)[0]) is not None
