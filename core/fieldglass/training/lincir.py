"""The recipe `lincir` (arXiv 2312.01998): a network that turns vectors into words, trained on texts alone."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fieldglass._torchvision import require
from fieldglass.encoders.fingerprint import fingerprint
from fieldglass.encoders.open_clip import OpenClip
from fieldglass.errors import UsageError
from fieldglass.models.cache import sha256_of
from fieldglass.options import coerce, parse
from fieldglass.training.captions import LAST_RESORT, masked, offsets, read_captions_at, tagger_of
from fieldglass.training.plan import Plan, Position
from fieldglass.training.shuffling import shuffled

__all__ = ["LincirRecipe"]

_READ = 70  # bytes, of a context of 77 tokens


class LincirRecipe:
    """Mean squared error between the vector of a caption and that of the caption with its keywords masked.

    e is the caption's vector before normalisation; the network makes a word of e + u n, u ~ U(0, 1) per caption and
    n ~ N(0, I), which stands at every mask. Gradients go through the frozen text tower into the word.

    :param captions: a text file with one caption a line, or JSONL with the key `caption`; it is streamed.
    :param model: open_clip's name, with `pretrained`; or `clip_weights`, a file; others as `encoder_options`.
    :param tagger: "words", a list that comes with Fieldglass, or a spaCy model (the authors: en_core_web_sm).
    :param held_out: the share of captions that the loss is validated on, 4096 at most.
    """

    name, weights = "lincir", "lincir.pt"

    def __init__(
        self,
        *,
        captions: str,
        model: str = "",
        pretrained: str = "",
        clip_weights: str = "",
        encoder_options: str = "",
        tagger: str = "words",
        epochs: int = 1,
        patience: int = 0,
        batch: int = 512,
        lr: float = 1e-4,
        weight_decay: float = 0.01,
        dropout: float = 0.5,
        held_out: float = 0.01,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        if not 0 < held_out < 1 or batch < 1 or lr <= 0 or not 0 <= dropout < 1:
            raise UsageError(
                "lincir: held_out lies between 0 and 1, batch is 1 at least, lr is above 0, dropout lies in [0, 1)."
            )
        self.torch = require("torch")
        named = {"model": model, "pretrained": pretrained, "weights": clip_weights}
        options = {
            **{key: value for key, value in named.items() if value},
            **parse(tuple(shlex.split(encoder_options))),
        }
        self.encoder = OpenClip(**coerce(OpenClip, "open_clip", {"precision": "fp32", **options, "device": device}))
        self.path, self.tagger = Path(captions).expanduser(), tagger_of(tagger)
        lines = offsets(self.path)
        order = np.random.default_rng((seed, 23)).permutation(len(lines))
        apart = min(max(1, round(held_out * len(lines))), 4096)
        self.held, self.lines = lines[np.sort(order[:apart])], lines[np.sort(order[apart:])]
        if not len(self.lines):
            raise UsageError(f"{self.path} holds one caption; that is too few.", hint="Thousands are useful.")
        self.batch, self.lr, self.weight_decay, self.seed, self.device = batch, lr, weight_decay, seed, device
        self.module = _phi(self.encoder.dim, self.encoder.token_dim, dropout).to(device)
        self.plan = Plan(
            epochs, batches=math.ceil(len(self.lines) / batch), metric="error", better="min", patience=patience
        )
        self.fingerprint = fingerprint(
            self.name, encoder=self.encoder.fingerprint, captions=sha256_of(self.path), tagger=tagger
        )
        self.summary = f"{len(self.lines)} captions to train on, {len(self.held)} to validate on; {self.encoder.name}"
        self.epoch = 0

    def batches(self, epoch: int, start: int) -> Iterator[tuple[list[str], list[str]]]:
        """Captions, and the same masked."""
        picked = shuffled(len(self.lines), self.batch, seed=self.seed, epoch=epoch, start=start)
        for number, rows in enumerate(picked, start):
            yield self._pair(self.lines[rows], np.random.default_rng((self.seed, epoch, number, 2)))

    def loss(self, batch: tuple[list[str], list[str]], at: Position) -> Mapping[str, Any]:
        """Mean squared error of vectors before normalisation, as the authors have it."""
        self.epoch = at.epoch
        texts, masks = batch
        whole = self._vectors(texts)
        noise = self.torch.rand(len(whole), 1).to(self.device) * self.torch.randn(whole.shape).to(self.device)
        return {"loss": self._error(whole + noise, masks, whole)}

    def optimiser(self) -> Any:
        """AdamW, as the authors have it."""
        return self.torch.optim.AdamW(self.module.parameters(), lr=self.lr, weight_decay=self.weight_decay)

    def schedule(self, optimiser: Any) -> None:
        """A constant rate."""

    def validate(self) -> Mapping[str, float]:
        """The error without noise on captions that are kept apart."""
        total = 0.0
        for start in range(0, len(self.held), self.batch):
            texts, masks = self._pair(self.held[start : start + self.batch], np.random.default_rng((self.seed, start)))
            whole = self._vectors(texts)
            total += len(texts) * float(self._error(whole, masks, whole))
        return {"error": total / len(self.held)}

    def save(self, path: Path) -> None:
        """The layout of LinCIR, and which encoder it is for."""
        state = {name: value.cpu() for name, value in self.module.state_dict().items()}
        self.torch.save({"epoch": self.epoch, "Phi": state, "encoder": self.encoder.fingerprint}, path)

    def _pair(self, places: Any, random: np.random.Generator) -> tuple[list[str], list[str]]:
        texts = read_captions_at(self.path, places)
        return texts, [self._fitting(masked(text, self.tagger, random)) for text in texts]

    def _fitting(self, mask: str) -> str:
        """A placeholder beyond what a text tower reads is of no use; a token is a byte at least."""
        return mask if mask.encode().find(b"$") <= _READ else LAST_RESORT

    def _vectors(self, texts: list[str]) -> Any:
        return self.torch.from_numpy(self.encoder.raw_texts(texts)).to(self.device)

    def _error(self, vectors: Any, masks: list[str], whole: Any) -> Any:
        words = self.module["layers"](vectors)
        return self.torch.nn.functional.mse_loss(self.encoder.pseudo_features(masks, words).float(), whole)


def _phi(width: int, words: int, dropout: float) -> Any:
    """The layers under the names of SEARLE and LinCIR: hidden layers 4 times as wide as the vectors."""
    nn = require("torch").nn
    hidden = 4 * width
    return nn.ModuleDict(
        {
            "layers": nn.Sequential(
                nn.Linear(width, hidden), nn.GELU(), nn.Dropout(dropout),
                nn.Linear(hidden, hidden), nn.GELU(), nn.Dropout(dropout),
                nn.Linear(hidden, words),
            )
        }
    )  # fmt: skip
