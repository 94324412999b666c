"""The recipe `fashion/blip2`: FashionBLIP-2's adapters and matching, on a BLIP-2 that stays as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from fieldglass._torchvision import require
from fieldglass.encoders.fingerprint import fingerprint
from fieldglass.errors import UsageError
from fieldglass.models.cache import sha256_of
from fieldglass.training import Plan, Position, shuffled
from fieldglass.training.examples import held_out as held_apart
from fieldglass.training.triplets import Triplet, variants, worded
from fieldglass.types import Prepared
from fieldglass_fashion.blip2.checkpoint import build, located, opened, preprocessing
from fieldglass_fashion.blip2.trained import write_trained
from fieldglass_fashion.blip2.training_pairs import Pictures, gathered
from fieldglass_fashion.blip2.words import WordPieces

__all__ = ["Blip2Recipe"]

Batch = tuple[Any, list[str], Any, list[str]]  # references, sentences, targets, their ids


class Blip2Recipe:
    """Cross-entropy in the batch between pictures with their sentence and targets, by the mean cosine of the heads.

    Only adapters in the vision tower and the matching module are learned (arXiv 2507.05135; our implementation of its
    description); the file holds them alone, and the encoder `fashion/fashionblip2` reads it beside the same `base`.
    Two triplets with one target are no negatives of each other.

    :param base: BLIP-2's weights, as for the encoder `fashion/blip2`.
    :param triplets: a table with the columns reference, text, target, whose ids are those of `collection`; its
        encoder does not matter.
    :param benchmark: instead: fashion/facap, fashioniq or cirr, whose `root` holds the official files; `split`.
    :param bottleneck: width of the adapters; 0 leaves them out, and the vision tower is as it was.
    :param heads, channels: of the matching; `apart` gives candidates a mixing of their own.
    :param tau: the temperature that the mean cosine is divided by.
    :param held_out: share of the references whose triplets are validated on.
    :param memory: megabytes of pictures that are kept.
    :param precision: "bf16" suits a GPU.
    """

    name, weights = "fashion/blip2", "fashionblip2.pt"

    def __init__(
        self,
        *,
        base: str = "",
        triplets: str = "",
        collection: str = "",
        benchmark: str = "",
        root: str = "",
        split: str = "train",
        epochs: int = 10,
        batch: int = 32,
        lr: float = 1e-4,
        weight_decay: float = 0.05,
        tau: float = 0.07,
        bottleneck: int = 64,
        heads: int = 12,
        channels: int = 256,
        apart: bool = False,
        tokens: int = 64,
        held_out: float = 0.1,
        patience: int = 0,
        memory: int = 2000,
        precision: Literal["fp32", "bf16"] = "fp32",
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        if batch < 2 or lr <= 0 or tau <= 0 or bottleneck < 0 or heads < 1 or channels < 1 or not 0 < held_out < 1:
            raise UsageError(
                f"{self.name}: batch is 2 at least, lr and tau are above 0, heads and channels 1 at least, and "
                "held_out lies between 0 and 1."
            )
        self.torch = require("torch")
        path = located(base, self.name)
        source = gathered(triplets, collection, benchmark, root, split, self.name)
        self.training, self.held = held_apart(list(source.triplets), held_out, seed)
        checkpoint = opened(path)
        shape = checkpoint.shape
        self.preprocess = preprocessing(checkpoint, "", None)
        self.words = WordPieces(shape.words, min(tokens, shape.text_positions))
        self.network = build(checkpoint).to(device)
        self.pictures = Pictures(source.read, lambda sample: self.preprocess(sample, self.name), memory << 20)
        self.module = self._module(bottleneck, heads, channels, apart).to(device)
        self.batch, self.lr, self.weight_decay, self.tau = batch, lr, weight_decay, tau
        self.seed, self.device, self.heads = seed, device, heads
        self.plan = Plan(
            epochs, max(1, len(self.training) // batch), "validation loss", "min", patience, clip=1.0,
            precision=precision,
        )  # fmt: skip
        self.base = sha256_of(path)
        self.fingerprint = fingerprint(
            self.name, base=self.base, triplets=source.digest, batch=batch, tau=tau, bottleneck=bottleneck, heads=heads,
            channels=channels, apart=apart, tokens=tokens, held_out=held_out,
        )  # fmt: skip
        trained = sum(each.numel() for each in self.module.parameters())
        self.summary = (
            f"{len(self.training)} triplets to train on, {len(self.held)} to validate on; {trained} numbers are "
            f"learned, {sum(each.numel() for each in self.network.parameters())} stay"
        )
        if source.left_out:
            self.summary += f"; {source.left_out} triplets left out, since their pictures are missing"

    def batches(self, epoch: int, start: int) -> Iterator[Batch]:
        """Pixels (n, side, side, 3) uint8 of references and of targets, a sentence each, and the targets' ids."""
        order = shuffled(len(self.training), self.batch, seed=self.seed, epoch=epoch, start=start, whole=True)
        for number, rows in enumerate(order, start):
            noise = np.random.default_rng((self.seed, epoch, number))
            chosen = [self.training[row] for row in rows]
            said = [variants(each.texts) for each in chosen]
            yield self._loaded(chosen, [texts[int(noise.integers(len(texts)))] for texts in said])

    def loss(self, batch: Batch, at: Position) -> Mapping[str, Any]:
        """The mean over the batch, and the share of targets that are nearest."""
        scores, own = self._scores(batch)
        found = self.torch.nn.functional.cross_entropy(scores, own)
        return {"loss": found, "R@1": (scores.argmax(dim=1) == own).float().mean()}

    def optimiser(self) -> Any:
        """AdamW with the decay and momenta of SPRC."""
        return self.torch.optim.AdamW(
            self.module.parameters(), lr=self.lr, weight_decay=self.weight_decay, betas=(0.9, 0.98)
        )

    def schedule(self, optimiser: Any) -> Any:
        """OneCycle over all steps."""
        steps = self.plan.epochs * (self.plan.batches or 1)
        return self.torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=self.lr, total_steps=steps + 1)

    def validate(self) -> Mapping[str, float]:
        """The loss of the triplets kept apart, batch by batch, and R@1 and R@10 among their targets."""
        losses, asked, found, ids = [], [], [], []
        for first in range(0, len(self.held), self.batch):
            rows = self.held[first : first + self.batch]
            batch = self._loaded(rows, [worded(each.texts) for each in rows])
            queries, targets = self._heads(batch)
            scores, own = self._compared(queries, targets, batch[3])
            losses.append(float(self.torch.nn.functional.cross_entropy(scores, own)) * len(rows))
            asked.append(queries)
            found.append(targets)
            ids += batch[3]
        scores, own = self._compared(self.torch.cat(asked), self.torch.cat(found), ids)
        better = (scores > scores.gather(1, own[:, None])).sum(dim=1)
        recall = {f"R@{k}": 100 * float((better < k).float().mean()) for k in (1, 10)}
        return {"validation loss": sum(losses) / len(self.held), **recall}

    def save(self, path: Path) -> None:
        """Adapters and matching, and which BLIP-2 they belong to."""
        write_trained(path, self.module, self.base)

    def _module(self, bottleneck: int, heads: int, channels: int, apart: bool) -> Any:
        from fieldglass_fashion.blip2.adapters import Matching, adapters

        shape = self.network.shape
        matching = Matching(shape.queries, shape.text_width, heads, channels, apart=apart)
        matching.begin(self.network.vision_projection)
        parts = {"adapters": adapters(shape.width, bottleneck, shape.layers)} if bottleneck else {}
        return self.torch.nn.ModuleDict({**parts, "matching": matching})

    def _loaded(self, rows: Sequence[Triplet], texts: list[str]) -> Batch:
        references = self.pictures.batch([each.reference for each in rows])
        return references, texts, self.pictures.batch([each.target for each in rows]), [each.target for each in rows]

    def _scores(self, batch: Batch) -> tuple[Any, Any]:
        return self._compared(*self._heads(batch), batch[3])

    def _heads(self, batch: Batch) -> tuple[Any, Any]:
        """(n, heads, channels) of what is asked, and of the targets."""
        references, texts, targets, _ = batch
        ids, mask = self.words(texts, self.device)
        matching = self.module["matching"]
        joint = self.network.joint_tokens(self._states(references), ids, mask)
        return matching.queries(joint), matching.candidates(self.network.picture_tokens(self._states(targets)))

    def _states(self, pixels: Any) -> Any:
        prepared = [Prepared(each, "image") for each in pixels]
        return self.network.vision_model(
            self.preprocess.batch(prepared, self.device), getattr(self.module, "adapters", None)
        )

    def _compared(self, queries: Any, targets: Any, ids: Sequence[str]) -> tuple[Any, Any]:
        """Scores (n, n), other pictures of the same id left out, and which one is each query's own."""
        scores = queries.flatten(1) @ targets.flatten(1).T / (self.heads * self.tau)
        names = np.array(ids)
        double = (names[:, None] == names) & ~np.eye(len(names), dtype=bool)
        hidden = self.torch.from_numpy(double).to(scores.device)
        return scores.masked_fill(hidden, float("-inf")), self.torch.arange(len(names), device=scores.device)
