"""The recipe `fashion/memory`: the network of the composer of that name, on the vectors of a collection."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import fieldglass
from fieldglass._torchvision import require
from fieldglass.composers.combiner import text_features
from fieldglass.encoders import as_query
from fieldglass.encoders.fingerprint import fingerprint
from fieldglass.errors import UsageError
from fieldglass.training import Plan, Position, shuffled
from fieldglass_fashion.memory.cascade import WRAPPER
from fieldglass_fashion.memory.module import made, queries
from fieldglass_fashion.memory.sessions import Spoken, read_sessions

__all__ = ["MemoryRecipe"]


class MemoryRecipe:
    """Cross-entropy of the query after every turn among the targets of its batch; validated after the last turn.

    Turns of a session come in another order in every epoch, so that the network does not learn their order.

    :param sessions: JSON lines of {"turns": [{"reference": id, "text": ...}], "target": id}, or a file of Multi-turn
        FashionIQ; ids are those of `collection`.
    :param validation: a file of other sessions; else `held_out` of the targets are kept apart.
    :param slots: of each of the three memories; `width` of what a slot holds, `hidden` of the controllers.
    :param any_order: shuffle the turns of a session.
    """

    name, weights = "fashion/memory", "memory.pt"

    def __init__(
        self,
        *,
        sessions: str,
        collection: str,
        validation: str = "",
        held_out: float = 0.1,
        epochs: int = 30,
        patience: int = 5,
        batch: int = 128,
        lr: float = 1e-3,
        temperature: float = 0.05,
        slots: int = 8,
        width: int = 128,
        hidden: int = 256,
        any_order: bool = True,
        seed: int = 0,
        device: str = "cpu",
    ) -> None:
        if not 0 < held_out < 1 or min(batch, slots, width, hidden) < 1 or batch < 2 or lr <= 0 or temperature <= 0:
            raise UsageError(
                "fashion/memory: held_out lies between 0 and 1, batch is 2 at least, slots, width and hidden 1, and lr "
                "and temperature are above 0."
            )
        self.torch = require("torch")
        rows = list(read_sessions(Path(sessions).expanduser()))
        apart = list(read_sessions(Path(validation).expanduser())) if validation else []
        with fieldglass.open(collection) as opened:
            self._vectors(opened, rows, apart, held_out, seed)
        self.batch, self.lr, self.temperature, self.seed = batch, lr, temperature, seed
        self.any_order, self.device = any_order, device
        dim = self.gallery.shape[1]
        self.module = made(dim, slots=slots, width=width, hidden=hidden, key=min(32, width)).to(device)
        self.plan = Plan(
            epochs, batches=math.ceil(len(self.training) / batch), metric="R@8", patience=patience, clip=1.0
        )
        self.epoch = 0

    def _vectors(self, opened: Any, rows: list[Spoken], apart: list[Spoken], share: float, seed: int) -> None:
        view, encoder = opened.engine.view(), opened.encoder
        snapshot = opened.store.snapshot()
        ids = snapshot.ids(np.flatnonzero(snapshot.present(opened.field.name)))
        self.place = {name: row for row, name in enumerate(ids)}
        kept, held = ([each for each in part if _known(each, self.place)] for part in (rows, apart))
        lost = len(rows) + len(apart) - len(kept) - len(held)
        if not apart:
            kept, held = _split(kept, share, seed)
        if not kept or not held:
            raise UsageError(
                f"Of {len(rows) + len(apart)} sessions {len(kept)} are left to train on, {len(held)} to validate on.",
                hint=f"Their ids must be those of {opened.path}, such as {ids[0]!r}."
                if ids
                else "Index pictures first.",
            )
        self.training, self.held = kept, held
        sentences = list(dict.fromkeys(text for each in (*kept, *held) for _, text in each.turns if text.strip()))
        self.said = {text: row for row, text in enumerate(sentences)}
        stored = view.vectors(opened.field.name, view.positions(ids))
        self.pictures = _rows(as_query(encoder, stored))
        self.gallery = _rows(stored.mean(axis=1))[:-1]
        self.texts = _rows(text_features(sentences, encoder) if sentences else np.zeros((0, encoder.dim), np.float32))
        self.encoder = encoder.fingerprint
        self.fingerprint = fingerprint(
            self.name, encoder=self.encoder, ids=ids, sessions=[repr(e) for e in (*kept, *held)]
        )
        self.summary = (
            f"{len(kept)} sessions to train on, {len(held)} to validate on among {len(ids)} items; {encoder.name}"
            + (f"; {lost} left out, since their items are not in the collection" if lost else "")
        )

    def batches(self, epoch: int, start: int) -> Iterator[tuple[Any, Any]]:
        """Numbers of sessions, and the order of the turns of each: positions below -1 are turns that it lacks."""
        longest = max(len(each.turns) for each in self.training)
        noise = np.random.default_rng((self.seed, epoch, 1)).random((len(self.training), longest))
        for rows in shuffled(len(self.training), self.batch, seed=self.seed, epoch=epoch, start=start):
            orders = np.full((len(rows), longest), -1, dtype=np.int64)
            for place, row in enumerate(rows):
                count = len(self.training[row].turns)
                orders[place, :count] = np.argsort(noise[row, :count]) if self.any_order else np.arange(count)
            yield rows, orders

    def loss(self, batch: tuple[Any, Any], at: Position) -> Mapping[str, Any]:
        """The mean over turns; the last counts as much as all before it."""
        self.epoch = at.epoch
        rows, orders = batch
        sessions = [self.training[row] for row in rows]
        found, there = self._asked(sessions, orders)
        targets = np.array([self.place[each.target] for each in sessions])
        distinct, labels = np.unique(targets, return_inverse=True)
        scores = found @ self._tensor(self.gallery[distinct]).T / self.temperature
        wanted = self._tensor(labels)[:, None].expand(-1, scores.shape[1])
        each = self.torch.nn.functional.cross_entropy(scores.flatten(0, 1), wanted.flatten(), reduction="none")
        last = self._tensor(there.sum(axis=1) - 1)
        weight = self._tensor(there / there.sum(axis=1, keepdims=True)).float()
        weight = 0.5 * weight + 0.5 * self.torch.nn.functional.one_hot(last, weight.shape[1])
        return {"loss": (each.view(weight.shape) * weight).sum(dim=1).mean()}

    def optimiser(self) -> Any:
        """AdamW."""
        return self.torch.optim.AdamW(self.module.parameters(), lr=self.lr, weight_decay=0.01)

    def schedule(self, optimiser: Any) -> None:
        """A constant rate."""

    def validate(self) -> Mapping[str, float]:
        """R@5 and R@8 after the last turn in per cent, among all items; and those of the plain sum of the turns."""
        found = {f"R@{k}": self._recall(k) for k in (5, 8)}
        sums = self._sums()
        return {**found, **{f"sum R@{k}": self._recall(k, sums) for k in (5, 8)}}

    def save(self, path: Path) -> None:
        """Tensors, the epoch, and which encoder they are for."""
        state = {name: value.cpu() for name, value in self.module.state_dict().items()}
        self.torch.save({"epoch": self.epoch, WRAPPER: state, "encoder": self.encoder}, path)

    def _asked(self, sessions: Sequence[Spoken], orders: Any) -> tuple[Any, Any]:
        """Queries (n, turns, dim) after each turn, and which turns there are."""
        pictures, texts = self._streams(sessions, orders)
        there = orders >= 0
        return queries(self.module, self._tensor(pictures), self._tensor(texts), self._tensor(there)), there

    def _streams(self, sessions: Sequence[Spoken], orders: Any) -> tuple[Any, Any]:
        shown, said = np.full(orders.shape, -1), np.full(orders.shape, -1)  # the last rows are zeros
        for row, session in enumerate(sessions):
            for at, turn in enumerate(orders[row]):
                if turn >= 0:
                    reference, text = session.turns[turn]
                    shown[row, at] = self.place.get(reference, -1) if reference else -1
                    said[row, at] = self.said[text] if text.strip() else -1
        return self.pictures[shown], self.texts[said]

    def _held_orders(self) -> Any:
        longest = max(len(each.turns) for each in self.held)
        rows = [[turn if turn < len(each.turns) else -1 for turn in range(longest)] for each in self.held]
        return np.array(rows)

    def _sums(self) -> Any:
        pictures, texts = self._streams(self.held, self._held_orders())
        return (pictures + texts).sum(axis=1)

    def _recall(self, k: int, asked: Any = None) -> float:
        if asked is None:
            orders = self._held_orders()
            found, there = self._asked(self.held, orders)
            asked = found.cpu().numpy()[np.arange(len(orders)), there.sum(axis=1) - 1]
        targets = np.array([self.place[each.target] for each in self.held])
        scores = asked @ self.gallery.T
        right = scores[np.arange(len(targets)), targets]
        before = (scores >= right[:, None]).sum(axis=1) - 1  # ties count against the target
        return 100 * float((before < k).mean())

    def _tensor(self, array: Any) -> Any:
        return self.torch.from_numpy(np.ascontiguousarray(array)).to(self.device)


def _rows(vectors: Any) -> Any:
    """Unit rows, and one of zeros behind them."""
    found = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return np.concatenate([found, np.zeros((1, vectors.shape[1]))]).astype(np.float32)


def _known(session: Spoken, place: Mapping[str, int]) -> bool:
    return session.target in place and all(not reference or reference in place for reference, _ in session.turns)


def _split(sessions: list[Spoken], share: float, seed: int) -> tuple[list[Spoken], list[Spoken]]:
    """To train and to validate on: no target is in both."""
    targets = sorted({each.target for each in sessions})
    order = np.random.default_rng((seed, 17)).permutation(len(targets))
    apart = {targets[place] for place in order[: max(1, round(share * len(targets)))]}
    return [each for each in sessions if each.target not in apart], [each for each in sessions if each.target in apart]
