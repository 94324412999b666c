"""`fashion/blip2`: 32 vectors a picture, of which the best counts, one a sentence, and both together as SPRC has it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass._torchvision import require
from fieldglass.encoders.device import place
from fieldglass.encoders.fingerprint import fingerprint
from fieldglass.encoders.once import Once
from fieldglass.errors import UsageError
from fieldglass.models.cache import sha256_of
from fieldglass.models.files import kept_name
from fieldglass.types import Accepts, Prepared
from fieldglass_fashion.blip2.checkpoint import build, located, opened, preprocessing
from fieldglass_fashion.blip2.words import WordPieces

if TYPE_CHECKING:
    from fieldglass.types import F32, Sample

__all__ = ["Blip2", "Blip2Base"]

_PICTURES = 4  # of one pass on a CPU
_SENTENCES = 64


class Blip2Base:
    """What both encoders of BLIP-2 share: the file, its preprocessing, its network, and pictures with sentences."""

    name = ""
    accepts: tuple[Accepts, ...] = (Accepts("image", "image"),)

    def __init__(
        self, weights: str, tokens: int, resize_mode: str, pad_ratio: float | None, device: str, precision: str
    ) -> None:
        path = located(str(weights), self.name)
        checkpoint = opened(path)
        self._shape = checkpoint.shape
        self.composer = "fashion/sprc" if checkpoint.sprc else ""
        if not 3 <= tokens <= self._shape.text_positions:
            raise UsageError(f"{self.name}: tokens lies between 3 and {self._shape.text_positions}, not at {tokens}.")
        self._preprocess = preprocessing(checkpoint, resize_mode, pad_ratio)
        self._placement = place(device, precision)
        self._words = WordPieces(self._shape.words, tokens)
        self.device, self.pixels = self._placement.device, self._preprocess.pixels
        self._network = Once(lambda: build(checkpoint).to(self.device))
        self._digest = sha256_of(path)
        self.fingerprint = fingerprint(
            self.name, weights=self._digest, preprocess=self._preprocess.digest(), tokens=tokens,
            precision=self._placement.precision, version=1,
        )  # fmt: skip
        kept = kept_name(weights, path)
        asked = {"weights": kept, "resize_mode": resize_mode, "pad_ratio": pad_ratio}
        self.options: Mapping[str, Any] = {
            **{name: value for name, value in asked.items() if value}, "tokens": tokens,
            "precision": self._placement.precision,
        }  # fmt: skip

    def prepare(self, sample: Sample) -> Prepared:
        """A picture -> (side, side, 3) uint8; a text as it is, where the encoder takes one."""
        if sample.kind == "text" and any(each.kind == "text" for each in self.accepts):
            return Prepared(sample.content, "text")
        return Prepared(self._preprocess(sample, self.name), "image")

    def _seen(self, batch: Sequence[Prepared]) -> Iterator[Any]:
        """States (m, positions, width) of the vision tower, some pictures at a time."""
        network, adapters = self._network(), self._adapters()
        for piece in self._placement.pieces(batch, _PICTURES):
            with self._placement.inference():
                states = network.vision_model(self._preprocess.batch(piece, self.device), adapters)
            yield states

    def _joined(self, what: Callable[..., Any], images: Sequence[Prepared], texts: Sequence[str]) -> Any:
        """`what` of each picture's states and its sentence; a picture that comes with several is seen once."""
        if len(images) != len(texts):
            raise UsageError(f"{self.name}: {len(images)} pictures and {len(texts)} sentences are no pairs.")
        distinct = {id(each): each for each in images}
        places = {key: at for at, key in enumerate(distinct)}
        said = [(places[id(image)], row) for row, image in enumerate(images)]
        found: dict[int, Any] = {}
        first = 0
        for states in self._seen(list(distinct.values())):
            rows = [(at - first, row) for at, row in said if first <= at < first + len(states)]
            ids, mask = self._words([texts[row] for _, row in rows], self.device)
            with self._placement.inference():
                joined = what(states[[at for at, _ in rows]], ids, mask)
            found.update(zip((row for _, row in rows), joined, strict=True))
            first += len(states)
        return require("torch").stack([found[row] for row in range(len(texts))])

    def _adapters(self) -> Any:
        """Modules that follow the blocks of the vision tower; none in BLIP-2 itself."""
        return None

    def _array(self, pieces: Sequence[Any]) -> F32:
        with self._placement.inference():
            whole: F32 = require("torch").cat(list(pieces)).float().cpu().numpy()
        return whole


class Blip2(Blip2Base):
    """BLIP-2 for retrieval (arXiv 2301.12597): ViT-g/14 and a Q-Former of 32 queries.

    A picture is 32 unit vectors of 256 numbers, stored as f16; its score with a sentence is the best of the 32.
    `pairs` is the query of SPRC (arXiv 2312.05284), two passes of the Q-Former, which the composer `fashion/sprc`
    searches with: it is of use with SPRC's weights.

    :param weights: the file or folder of `Blip2ForImageTextRetrieval`, a checkpoint of LAVIS or of SPRC with ViT-g,
        or `hf:ORG/REPO/FILE`.
    :param tokens: a sentence is cut here, [CLS] and [SEP] included; 32 as in training, more for long texts.
    :param resize_mode: "squash", "shortest" or "longest"; "" is what the checkpoint was trained with.
    :param pad_ratio: pads long pictures first (TargetPad); 1.25 is the default with SPRC's weights.
    """

    name = "fashion/blip2"
    dtype = "f16"
    accepts = (Accepts("image", "image"), Accepts("text", "text", (), "unit"))

    def __init__(
        self,
        *,
        weights: str = "",
        tokens: int = 32,
        resize_mode: str = "",
        pad_ratio: float | None = None,
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        super().__init__(weights, tokens, resize_mode, pad_ratio, device, precision)
        self.dim, self.rows = self._shape.dim, self._shape.queries

    def images(self, batch: Sequence[Prepared]) -> F32:
        """(n, 32, 256) float32, unit rows."""
        network, found = self._network(), []
        for states in self._seen(batch):
            with self._placement.inference():
                found.append(network.pictures(states))
        return self._array(found)

    def texts(self, texts: Sequence[str]) -> F32:
        """(n, 256) float32, unit."""
        network = self._network()
        pieces = (texts[start : start + _SENTENCES] for start in range(0, len(texts), _SENTENCES))
        with self._placement.inference():
            found = [network.sentences(*self._words(piece, self.device)) for piece in pieces]
        return self._array(found)

    def pairs(self, images: Sequence[Prepared], texts: Sequence[str]) -> F32:
        """(n, 256) float32, unit: the query of SPRC for each picture with its sentence."""
        return self._array([self._joined(self._network().prompted, images, texts)])

    def match(self, images: Sequence[Prepared], texts: Sequence[str]) -> F32:
        """(n,) float32 in [0, 1]: how likely each sentence describes its picture, by the matching head."""
        logits = self._array([self._joined(self._network().matching, images, texts)]).astype(np.float64)
        return np.asarray(1 / (1 + np.exp(logits[:, 0] - logits[:, 1])), dtype=np.float32)
