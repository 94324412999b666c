"""Any CLIP of open_clip: an architecture with a pretrained tag, a repository of the hub, or a local checkpoint."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass._torchvision import require
from fieldglass.encoders.cut import note_cuts
from fieldglass.encoders.device import place
from fieldglass.encoders.fingerprint import fingerprint
from fieldglass.encoders.once import Once
from fieldglass.encoders.open_clip_checkpoint import resolve
from fieldglass.encoders.open_clip_context import altered
from fieldglass.encoders.open_clip_model import build, tokenizer
from fieldglass.encoders.pseudo_words import PseudoWords
from fieldglass.models.cache import sha256_of
from fieldglass.models.files import weight_file
from fieldglass.types import Accepts, Prepared

if TYPE_CHECKING:
    from fieldglass.types import F32, Sample

__all__ = ["OpenClip"]

_SHORT = 30  # characters: no context is so short
_TEXTS = 64  # sentences in one pass of the text tower


class OpenClip:
    """Both towers of a CLIP. The weights load at first use.

    `model` and `pretrained` are open_clip's names; `pretrained="random"` with `seed` is for measuring speed.
    `weights` is a file, a folder as the hub lays it out, or `hf:ORG/REPO/FILE` that `models pull` has fetched.
    `mean`, `std`, `interpolation`, `resize_mode` and `image_size` go before the checkpoint's own preprocessing,
    `quick_gelu` before what the tag says. `pad_ratio=1.25` pads long pictures first, as CLIP4Cir, SEARLE and CIReVL do.
    `context` lengthens the text tower to so many tokens: its position table is interpolated, all but the first `keep`
    rows. UnknownNameError, UsageError or WeightsMissingError come at construction, WeightsError for a bad file at
    first use.
    """

    name = "open_clip"
    rows = 1
    dtype = "f32"
    accepts = (Accepts("image", "image"), Accepts("text", "text", (), "unit"))

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
        image_size: int | None = None,
        pad_ratio: float | None = None,
        quick_gelu: bool | None = None,
        context: int | None = None,
        keep: int = 0,
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        stated = {
            "mean": mean,
            "std": std,
            "interpolation": interpolation,
            "resize_mode": resize_mode,
            "image_size": image_size,
            "pad_ratio": pad_ratio,
        }
        weights = str(weights)  # a path, as it is or as text
        file = str(weight_file(weights, self.name)) if weights.startswith("hf:") else weights
        towers = {"quick_gelu": quick_gelu, "context": context, "keep": keep or None}
        self._checkpoint = altered(resolve(model, pretrained, file, stated), quick_gelu, context, keep)
        self._preprocess = self._checkpoint.preprocess
        self._placement = place(device, precision)
        self.device = self._placement.device
        self._model = Once(lambda: build(self._checkpoint, seed).to(self._placement.device))
        self._tokenizer = Once(lambda: tokenizer(self._checkpoint))
        self._pseudo_words = Once(lambda: PseudoWords(self._model(), self._tokens, self._checkpoint.label))
        self._tokenizing = threading.Lock()  # Hugging Face's tokenizers set themselves up at each call
        self.dim = int(self._checkpoint.config["embed_dim"])
        self.pixels = self._preprocess.pixels
        path = self._checkpoint.weights
        self.fingerprint = fingerprint(
            self.name,
            weights=sha256_of(path) if path else f"random {seed}",
            config=self._checkpoint.config,
            preprocess=self._preprocess.digest(),
            precision=self._placement.precision,
        )
        asked = {
            "model": model,
            "pretrained": pretrained,
            "weights": weights if weights.startswith("hf:") else str(path) if weights else "",
            "seed": seed,
            **stated,
            **towers,
        }
        self.options: Mapping[str, Any] = {
            **{name: value for name, value in asked.items() if value or value is False},
            "precision": self._placement.precision,
        }

    def prepare(self, sample: Sample) -> Prepared:
        """A picture -> (height, width, 3) uint8; a text as it is."""
        if sample.kind == "text":
            return Prepared(sample.content, "text")
        return Prepared(self._preprocess(sample, self.name), "image")

    def images(self, batch: Sequence[Prepared]) -> F32:
        """(n, 1, dim) float32, unit."""
        return _unit(self.raw_images(batch))

    def texts(self, texts: Sequence[str]) -> F32:
        """(n, dim) float32, unit. A sentence beyond the context length is cut, as the tokenizer does."""
        return _unit(self.raw_texts(texts))

    def raw_images(self, batch: Sequence[Prepared]) -> F32:
        """(n, 1, dim) float32, not normalised."""
        model, device = self._model(), self._placement.device
        with self._placement.inference():
            found = model.encode_image(self._preprocess.batch(batch, device))
        return np.asarray(found.float().cpu().numpy()[:, None, :])

    def raw_texts(self, texts: Sequence[str]) -> F32:
        """(n, dim) float32, not normalised."""
        note_cuts(texts, self._unread)
        model, tokens = self._model(), self._tokens(list(texts))
        found = np.empty((len(texts), self.dim), dtype=np.float32)
        for start in range(0, len(texts), _TEXTS):
            rows = slice(start, start + _TEXTS)
            with self._placement.inference():
                found[rows] = model.encode_text(tokens[rows].to(self._placement.device)).float().cpu().numpy()
        return found

    @property
    def token_dim(self) -> int:
        """The width of a pseudo-word."""
        return int(self._pseudo_words().width)

    def pseudo_texts(self, prompts: Sequence[str], words: F32) -> F32:
        """(n,) prompts and pseudo-words (n, token_dim) -> (n, dim) float32, unit; `$` stands for the word."""
        given = require("torch").from_numpy(np.ascontiguousarray(words, dtype=np.float32))
        found = np.empty((len(prompts), self.dim), dtype=np.float32)
        for start in range(0, len(prompts), _TEXTS):
            rows = slice(start, start + _TEXTS)
            with self._placement.inference():
                encoded = self.pseudo_features(prompts[rows], given[rows].to(self._placement.device))
                found[rows] = encoded.float().cpu().numpy()
        return _unit(found)

    def pseudo_features(self, prompts: Sequence[str], words: Any) -> Any:
        """As `pseudo_texts` on a tensor of the model's device, not normalised, with gradients into the words."""
        return self._pseudo_words().features(prompts, words)

    def _unread(self, text: str) -> str:
        """The words at the end of a sentence without which its tokens are the same."""
        words = text.split()
        if len(text) < _SHORT or len(words) < 2:
            return ""
        tokens = self._tokens([" ".join(words[: n + 1]) for n in range(len(words))])
        same = (tokens == tokens[-1]).all(dim=1).tolist()
        return " ".join(words[same.index(True) + 1 :])

    def _tokens(self, texts: list[str]) -> Any:
        tokenize = self._tokenizer()
        with self._tokenizing:
            return tokenize(texts)


def _unit(vectors: F32) -> F32:
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-12), dtype=np.float32)
