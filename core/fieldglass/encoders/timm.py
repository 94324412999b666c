"""Any image backbone of timm: pooled features, without a text tower."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass._torchvision import require
from fieldglass.encoders.device import place
from fieldglass.encoders.fingerprint import fingerprint
from fieldglass.encoders.once import Once
from fieldglass.encoders.timm_checkpoint import create, preprocess, resolve
from fieldglass.errors import UsageError
from fieldglass.models.cache import sha256_of
from fieldglass.types import Accepts, Prepared

if TYPE_CHECKING:
    from fieldglass.types import F32, Sample

__all__ = ["Timm"]


class Timm:
    """One vision tower of timm. The weights load at first use.

    `model` is `architecture.tag` or `hf-hub:ORG/REPO`; `pretrained="random"` with `seed` is for measuring speed.
    `weights` is a file, or a folder with the `config.json` that timm writes. `mean`, `std`, `interpolation`,
    `resize_mode`, `crop_pct` and `image_size` go before the checkpoint's own preprocessing. Errors as of `open_clip`.
    """

    name = "timm"
    rows = 1
    dtype = "f32"
    accepts = (Accepts("image", "image"),)

    def __init__(
        self,
        *,
        model: str = "",
        pretrained: str = "",
        weights: str = "",
        seed: int = 0,
        mean: tuple[float, ...] | None = None,
        std: tuple[float, ...] | None = None,
        interpolation: str | None = None,
        resize_mode: str | None = None,
        crop_pct: float | None = None,
        image_size: int | None = None,
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        stated = {
            "mean": mean,
            "std": std,
            "interpolation": interpolation,
            "resize_mode": resize_mode,
            "crop_pct": crop_pct,
            "image_size": image_size,
        }
        checkpoint = resolve(model, pretrained, str(weights), stated)
        self._checkpoint, self._size = checkpoint, image_size
        self._preprocess = preprocess(checkpoint.config, stated)
        self._placement = place(device, precision)
        self.device = self._placement.device
        skeleton = create(checkpoint, image_size, skeleton=True)
        self.dim = int(getattr(skeleton, "head_hidden_size", skeleton.num_features))
        self.pixels = self._preprocess.pixels
        self._model = Once(lambda: self._load(seed))
        path = checkpoint.weights
        self.fingerprint = fingerprint(
            self.name,
            weights=sha256_of(path) if path else f"random {seed}",
            architecture=checkpoint.architecture,
            arguments=checkpoint.arguments,
            preprocess=self._preprocess.digest(),
            precision=self._placement.precision,
        )
        asked = {"model": model, "pretrained": pretrained, "weights": str(path) if weights else "", "seed": seed}
        self.options: Mapping[str, Any] = {
            **{name: value for name, value in {**asked, **stated}.items() if value},
            "precision": self._placement.precision,
        }

    def prepare(self, sample: Sample) -> Prepared:
        """A picture -> (height, width, 3) uint8."""
        return Prepared(self._preprocess(sample, self.name), "image")

    def images(self, batch: Sequence[Prepared]) -> F32:
        """(n, 1, dim) float32, unit."""
        raw = self.raw_images(batch)
        norms = np.linalg.norm(raw, axis=-1, keepdims=True)
        return np.asarray(raw / np.maximum(norms, 1e-12), dtype=np.float32)

    def raw_images(self, batch: Sequence[Prepared]) -> F32:
        """(n, 1, dim) float32, the pooled features as they are."""
        model = self._model()
        with self._placement.inference():
            found = model(self._preprocess.batch(batch, self._placement.device))
        return np.asarray(found.float().cpu().numpy()[:, None, :])

    def _load(self, seed: int) -> Any:
        torch = require("torch")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = create(self._checkpoint, self._size)
        model.reset_classifier(0)
        if getattr(model, "global_pool", None) == "":
            raise UsageError(f"{self._checkpoint.label} gives no pooled features.")
        return model.to(self._placement.device)
