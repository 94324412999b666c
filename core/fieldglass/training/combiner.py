"""The recipe `combiner`: the network of CLIP4Cir (arXiv 2308.11485) on cached vectors of any encoder."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fieldglass._torchvision import require
from fieldglass.encoders.fingerprint import fingerprint
from fieldglass.errors import UsageError
from fieldglass.training.examples import Examples
from fieldglass.training.plan import Plan, Position
from fieldglass.training.shuffling import shuffled
from fieldglass.training.sources import loaded

if TYPE_CHECKING:
    from fieldglass.types import F32

__all__ = ["CombinerRecipe", "augmented", "combine", "layers"]


class CombinerRecipe:
    """Cross-entropy of each combined query among the targets of its batch; validated by recall.

    Vectors are those before normalisation, or unit ones where the encoder has no others (`mini`).

    :param triplets: a CSV or JSONL file with the columns reference, text, target, ids of `collection`.
    :param collection: the collection whose pictures they name.
    :param validation: a file of other triplets; else `held_out` of the references are kept apart.
    :param benchmark: instead: fashioniq or cirr, whose `root` holds the official files; validated on its val split.
    :param encoder: what makes the vectors of the benchmark; `encoder_options` as "name=value name=value".
    :param metric: R@1, R@10, R@50, or mean, that of R@10 and R@50: what decides which weights are the best.
    :param projection: width of the projections; if 0 twice that of the vectors, up to 1024 (the authors: 4 times).
    :param hidden: width of the hidden layers; if 0 twice the projections (as the authors).
    :param temperature: similarities are divided by it.
    :param bank: SPN4CIR (arXiv 2404.11317): negatives are all references and targets of the training set.
    :param uncertainty: the scale of multi-grained uncertainty (arXiv 2211.07394), 1 in the paper; 0 is without.
    """

    name, weights = "combiner", "combiner.pt"

    def __init__(
        self,
        *,
        triplets: str = "",
        collection: str = "",
        validation: str = "",
        held_out: float = 0.1,
        benchmark: str = "",
        root: str = "",
        encoder: str = "mini",
        encoder_options: str = "",
        epochs: int = 100,
        patience: int = 10,
        metric: Literal["R@1", "R@10", "R@50", "mean"] = "mean",
        batch: int = 1024,
        lr: float = 2e-5,
        projection: int = 0,
        hidden: int = 0,
        dropout: float = 0.5,
        temperature: float = 0.01,
        bank: bool = False,
        uncertainty: float = 0.0,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        if (
            not 0 < held_out < 1
            or batch < 2
            or lr <= 0
            or temperature <= 0
            or not 0 <= dropout < 1
            or uncertainty < 0
            or min(projection, hidden) < 0
        ):
            raise UsageError(
                "combiner: held_out lies between 0 and 1, batch is 2 at least, lr and temperature are above 0, "
                "dropout lies in [0, 1), and uncertainty is not below 0."
            )
        self.torch = require("torch")
        source = loaded(triplets, collection, validation, held_out, benchmark, root, encoder, encoder_options, seed)
        self.examples, self.held = source.training, source.validation
        self.encoder, self.raw = source.encoder, source.raw
        self.batch, self.lr, self.temperature, self.seed = batch, lr, temperature, seed
        self.bank, self.uncertainty = bank, uncertainty
        width = int(self.examples.gallery.shape[1])
        projection = projection or min(2 * width, 1024)
        self.module = layers(width, projection, hidden or 2 * projection, dropout).to(device)
        self.device = device
        self.plan = Plan(epochs, batches=math.ceil(len(self.examples) / batch), metric=metric, patience=patience)
        self.fingerprint = fingerprint(
            self.name, encoder=self.encoder, training=self.examples.digest, validation=self.held.digest
        )
        self.summary = source.summary
        self.epoch = 0
        self.pictures, self.texts, self.gallery = (
            self._tensor(each) for each in (self.examples.pictures, self.examples.texts, self.examples.gallery)
        )
        used = np.unique(np.concatenate([self.examples.targets, self.examples.shown]))
        self.known = {int(row): place for place, row in enumerate(used)}
        self.all = self.gallery[self.torch.from_numpy(used).to(device)] if bank else None

    def batches(self, epoch: int, start: int) -> Iterator[tuple[Any, Any]]:
        """Numbers of triplets, and which of its sentences each says."""
        said = self.examples.said
        choice = np.random.default_rng((self.seed, epoch, 1)).integers(0, said.shape[1], len(said))
        for rows in shuffled(len(said), self.batch, seed=self.seed, epoch=epoch, start=start):
            yield rows, said[rows, choice[rows]]

    def loss(self, batch: tuple[Any, Any], at: Position) -> Mapping[str, Any]:
        """Cross-entropy; with `uncertainty` y L_u + (1 - y) of it, y = exp(-scale epoch / epochs)."""
        functional = self.torch.nn.functional
        self.epoch = at.epoch
        rows, said = batch
        pictures = self.pictures[self._tensor(self.examples.references[rows])]
        joined = functional.normalize(combine(self.module, pictures, self.texts[self._tensor(said)]), dim=1)
        wanted = self.examples.targets[rows]
        distinct, labels = np.unique(wanted, return_inverse=True)  # a target twice in a batch is no negative of itself
        columns = self.gallery[self._tensor(distinct)]
        if self.all is not None:
            bank_labels = self._tensor(np.array([self.known[int(row)] for row in wanted]))
            among = functional.cross_entropy(joined @ self.all.T / self.temperature, bank_labels)
        else:
            among = functional.cross_entropy(joined @ columns.T / self.temperature, self._tensor(labels))
        if not self.uncertainty:
            return {"loss": among}
        noisy = augmented(columns)
        spread = noisy.std()
        moved = functional.cross_entropy(
            joined @ functional.normalize(noisy, dim=1).T / self.temperature, self._tensor(labels)
        )
        uncertain = 0.5 * ((-spread).exp() * moved + spread)
        share = math.exp(-self.uncertainty * at.epoch / at.epochs)
        return {"loss": share * uncertain + (1 - share) * among, "contrastive": among, "uncertain": uncertain}

    def optimiser(self) -> Any:
        """Adam, as the authors have it."""
        return self.torch.optim.Adam(self.module.parameters(), lr=self.lr)

    def schedule(self, optimiser: Any) -> None:
        """A constant rate."""

    def validate(self) -> Mapping[str, float]:
        """R@1, R@10, R@50 and the mean of the last two, in per cent, among the gallery of each group."""
        ranks = self._ranks(self.held)
        found = {f"R@{k}": 100 * float((ranks < k).mean()) for k in (1, 10, 50)}
        return {**found, "mean": (found["R@10"] + found["R@50"]) / 2}

    def save(self, path: Path) -> None:
        """The layout of CLIP4Cir, and which encoder it is for."""
        state = {name: value.cpu() for name, value in self.module.state_dict().items()}
        kept = {"epoch": self.epoch, "Combiner": state, "encoder": self.encoder}
        self.torch.save({**kept, "features": "raw" if self.raw else "unit"}, path)

    def _ranks(self, held: Examples) -> Any:
        """(n,) how many of the gallery come before the target, in the order of the groups."""
        pictures, texts, gallery = (self._tensor(each) for each in (held.pictures, held.texts, held.gallery))
        groups, found = np.array(held.groups), []
        for group, allowed in held.allowed.items():
            rows = np.flatnonzero(groups == group)
            columns = self._tensor(allowed)
            for part in np.array_split(rows, math.ceil(len(rows) / 512)):
                joined = combine(
                    self.module,
                    pictures[self._tensor(held.references[part])],
                    texts[self._tensor(held.said[part, 0])],
                )
                scores = joined @ gallery[columns].T
                right = (joined * gallery[self._tensor(held.targets[part])]).sum(dim=1, keepdim=True)
                before = scores >= right  # ties count against the target, itself excepted
                before &= columns[None, :] != self._tensor(held.targets[part])[:, None]
                if held.exclude:
                    before &= columns[None, :] != self._tensor(held.shown[part])[:, None]
                found.append(before.sum(dim=1).cpu().numpy())
        return np.concatenate(found)

    def _tensor(self, array: F32 | Any) -> Any:
        return self.torch.from_numpy(np.ascontiguousarray(array)).to(self.device)


def layers(width: int, projection: int, hidden: int, dropout: float) -> Any:
    """The layers under the names of CLIP4Cir."""
    nn = require("torch").nn
    return nn.ModuleDict(
        {
            "text_projection_layer": nn.Linear(width, projection),
            "image_projection_layer": nn.Linear(width, projection),
            "combiner_layer": nn.Linear(2 * projection, hidden),
            "output_layer": nn.Linear(hidden, width),
            "dynamic_scalar": nn.Sequential(
                nn.Linear(2 * projection, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, 1), nn.Sigmoid()
            ),
            "dropout": nn.Dropout(dropout),
        }
    )


def combine(module: Any, pictures: Any, texts: Any) -> Any:
    """(n, d) and (n, d) -> (n, d), not normalised; the formula of `composers.combiner_network`, with dropout."""
    torch = require("torch")
    drop = module["dropout"]
    both = torch.cat(
        [
            drop(module["text_projection_layer"](texts).relu()),
            drop(module["image_projection_layer"](pictures).relu()),
        ],
        dim=-1,
    )
    out = module["output_layer"](drop(module["combiner_layer"](both).relu()))
    share = module["dynamic_scalar"](both)
    return out + share * texts + (1 - share) * pictures


def augmented(targets: Any) -> Any:
    """a InstanceNorm(f) + b, with a ~ N(1, std) and b ~ N(mean, std) for every element, mean and std of each row."""
    torch = require("torch")
    spread, mean = torch.std_mean(targets, dim=1, keepdim=True)
    scale = 1 + spread * torch.randn_like(targets)
    shift = mean + spread * torch.randn_like(targets)
    return scale * torch.nn.functional.layer_norm(targets, targets.shape[1:]) + shift
