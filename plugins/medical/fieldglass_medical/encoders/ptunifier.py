"""`med/ptunifier`: PTUnifier (arXiv 2302.08958), radiology pictures and sentences by prompts for what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fieldglass.encoders.device import place
from fieldglass.encoders.once import Once
from fieldglass.encoders.preprocess import Preprocess
from fieldglass.errors import UsageError
from fieldglass.models import weights as weight_files
from fieldglass.models.cache import sha256_of
from fieldglass.models.carriers import carried
from fieldglass.models.files import weight_file
from fieldglass.types import Accepts, Prepared, Sample
from fieldglass_medical.encoders.checkpoint import kept
from fieldglass_medical.encoders.display import Display, accepted
from fieldglass_medical.encoders.ptunifier_network import build, pictured, said, side_of
from fieldglass_medical.encoders.transformer import unit
from fieldglass_medical.encoders.words import Words, vocabulary

if TYPE_CHECKING:
    from fieldglass.types import F32

__all__ = ["PTUnifier"]

_PIECE, _TEXTS = 4, 32
_LONGEST = 48  # tokens, of its pre-training
_MEAN, _STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)  # CLIP's


class PTUnifier:
    """One network for pictures and sentences; a picture is completed by prompts of language, a sentence by prompts of
    vision.

    `weights` is ptunifier.ckpt, which its authors give to holders of a PhysioNet licence. `vectors`: "contrast" are
    those that its contrastive loss compared, 768 numbers, in which sentences find pictures; "pooled" both pooled
    tokens as they are, 1536 numbers; "" the first that the file has. `tokenizer` as in `med/m3d-clip`: without one
    that of bert-base-uncased. `window` is how Hounsfield units are shown. Errors come at construction.
    """

    name = "med/ptunifier"
    rows = 1
    dtype = "f32"

    def __init__(
        self,
        *,
        weights: str = "",
        tokenizer: str = "",
        vectors: Literal["", "contrast", "pooled"] = "",
        window: str = "soft",
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        if not weights:
            raise UsageError(
                f"{self.name} needs weights, which are not free to download.",
                hint="github.com/zhjohnchan/PTUnifier says how to ask for ptunifier.ckpt; then --weights FILE.",
            )
        path = weight_file(weights, self.name, ("ptunifier.ckpt", "model.safetensors"))
        state = weight_files.read(path)
        size = side_of(state, path)
        network = build(state, path)
        has = hasattr(network, "itc_head")
        if vectors not in ("", "contrast", "pooled"):
            raise UsageError(f"vectors={vectors!r} is not known.", hint="Use contrast or pooled.")
        if vectors == "contrast" and not has:
            raise UsageError(f"{path} has no contrastive head.", hint="Use --set vectors=pooled.")
        self._vectors = vectors or ("contrast" if has else "pooled")
        width = int(network.modality_type_embeddings.embedding_dim)
        self.dim = int(network.itc_head.vision_proj.out_features) if self._vectors == "contrast" else 2 * width
        self._placement = place(device, precision)
        self.device, self.pixels = self._placement.device, size
        self._preprocess = Preprocess((size, size), (size, size), _MEAN, _STD, "bicubic", "shortest")
        self._display = Display(window)
        table = vocabulary(tokenizer, self.name, path) or carried("tokenizer.json")
        embeddings = network.language.embeddings
        longest = min(_LONGEST, int(embeddings.position_embeddings.num_embeddings))
        self._words = Words(table, int(embeddings.word_embeddings.num_embeddings), longest, "PTUnifier")
        self._model = Once(lambda: network.to(self.device))
        self.accepts = (*accepted({"image": "image"}), Accepts("text", "text", (), "unit"))
        parts = {"vectors": self._vectors, "window": window}
        self.fingerprint, self.options = kept(
            self.name, weights, path, self._placement, {"tokenizer": tokenizer, **parts},
            tokenizer=sha256_of(table), preprocess=self._preprocess.digest(), **parts,
        )  # fmt: skip

    def prepare(self, sample: Sample) -> Prepared:
        """An image -> (height, width, 3) uint8; a text as it is."""
        if sample.kind == "text":
            return Prepared(sample.content, "text")
        if sample.kind != "image":
            raise UsageError(
                f"{self.name} takes images and texts, not {sample.kind}.",
                hint=f"For volumes and clips use med/slices --set encoder={self.name}.",
            )
        return Prepared(self._preprocess(Sample("image", self._display(sample, self.name)), self.name), "image")

    def images(self, batch: Sequence[Prepared]) -> F32:
        """(n, 1, dim) float32, unit."""
        found, ends = [], (self._words.first, self._words.last)
        for piece in self._placement.pieces(batch, _PIECE):
            with self._placement.inference():
                pixels = self._preprocess.batch(piece, self.device)
                found.append(self._led(pictured(self._model(), pixels, ends), "vision"))
        return unit(np.concatenate(found))[:, None]

    def texts(self, texts: Sequence[str]) -> F32:
        """(n, dim) float32, unit. What is beyond 48 tokens is cut."""
        found = []
        for start in range(0, len(texts), _TEXTS):
            ids, mask = self._words(texts[start : start + _TEXTS], self.device)
            with self._placement.inference():
                found.append(self._led(said(self._model(), ids, mask), "language"))
        return unit(np.concatenate(found)) if found else np.empty((0, self.dim), dtype=np.float32)

    def _led(self, pooled: Any, tower: str) -> F32:
        if self._vectors == "contrast":
            head = self._model().itc_head
            pooled = getattr(head, f"{tower}_proj")(getattr(head, f"{tower}_ln")(pooled))
        result: F32 = pooled.float().cpu().numpy()
        return result
