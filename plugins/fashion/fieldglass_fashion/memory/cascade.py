"""The cascade without torch: turns are written in, a query is read out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.errors import UsageError, WeightsError
from fieldglass.models.weights import notes
from fieldglass.models.weights import read as read_weights
from fieldglass_fashion.memory.heads import address, opposed, read, write

if TYPE_CHECKING:
    from fieldglass.types import F32, F64

__all__ = ["STREAMS", "WRAPPER", "Cascade", "State", "load_cascade"]

STREAMS = ("picture", "text", "both")  # what a turn brings; each has a memory of its own
WRAPPER = "memory"


@dataclass(frozen=True)
class State:
    """What a session has said so far: (n, slots, width) for each stream, and the sum of its turns (n, dim)."""

    memories: tuple[F64, ...]
    said: F64


@dataclass(frozen=True)
class Cascade:
    """Weights by name, and the fingerprint of the encoder they were trained on ("" if unknown).

    A turn is written into each memory by content: where, is told by fixed addresses of the slots; and only what
    a slot holds against it is erased. So turns that contradict one another in no slot may come in any order. Then the
    memories are read one after the other, each read-out leading the next; the last moves the sum of the turns.
    """

    state: Mapping[str, F64]
    encoder: str = ""

    @property
    def dim(self) -> int:
        """Of the vectors that go in and come out."""
        return int(self.state["output.weight"].shape[0])

    def begin(self, count: int) -> State:
        """`count` sessions in which nothing was said."""
        slots = self.state["picture.addresses"].shape[0]
        width = self.state["output.weight"].shape[1]
        return State(tuple(np.zeros((count, slots, width)) for _ in STREAMS), np.zeros((count, self.dim)))

    def step(self, state: State, pictures: F64, texts: F64) -> State:
        """One turn of each session: (n, dim) unit vectors, zeros where a turn has no picture or no text."""
        streams = (pictures, texts, _unit(pictures + texts))
        memories = []
        for name, memory, vectors in zip(STREAMS, state.memories, streams, strict=True):
            there = (np.linalg.norm(vectors, axis=1) > 0).astype(np.float64)[:, None]
            hidden = np.tanh(self._linear(f"{name}.controller", vectors))
            head = self._linear(f"{name}.where", hidden)
            weights = address(
                self.state[f"{name}.addresses"][None],
                head[:, 2:],
                _softplus(head[:, 0]),
                sharpen=1 + _softplus(head[:, 1]),
            )
            add = np.tanh(self._linear(f"{name}.add", hidden)) * there
            erase = 1 / (1 + np.exp(-self._linear(f"{name}.erase", hidden)))
            memories.append(
                write(memory, weights, opposed(memory, add)[:, :, None] * erase[:, None] * there[:, None], add)
            )
        gains = np.exp(self.state["gains"])
        return State(tuple(memories), state.said + gains[0] * pictures + gains[1] * texts)

    def query(self, state: State) -> F64:
        """(n, dim), of unit norm."""
        count = len(state.said)
        found = np.zeros((count, self.state["output.weight"].shape[1]))
        for name, memory in zip(STREAMS, state.memories, strict=True):
            head = self._linear(f"{name}.look", found)
            weights = address(self.state[f"{name}.addresses"][None], head[:, 1:], _softplus(head[:, 0]))
            found = found + read(memory, weights)
        return _unit(_unit(state.said) + found @ self.state["output.weight"].T)

    def _linear(self, name: str, vectors: F64) -> F64:
        return np.asarray(vectors @ self.state[f"{name}.weight"].T + self.state[f"{name}.bias"])


def load_cascade(weights: str, encoder: Any, *, check: bool = True) -> Cascade:
    """The network of a file of `fieldglass train fashion/memory`.

    UsageError without a file. WeightsError where it is of another network, of another width than the encoder's
    vectors, or, with `check`, was trained on another encoder.
    """
    if not weights:
        raise UsageError(
            "'fashion/memory' needs its network.",
            hint="Make one with `fieldglass train fashion/memory`, or take an updater without: rocchio, decayed.",
        )
    path = Path(weights).expanduser()
    found = _known(path, path.stat().st_mtime_ns if path.is_file() else 0)
    if found.dim != int(encoder.dim):
        raise WeightsError(f"{path.name} remembers vectors of {found.dim}; those of {encoder.name} have {encoder.dim}.")
    if check and found.encoder and found.encoder != encoder.fingerprint:
        raise WeightsError(
            f"{path.name} was trained on {found.encoder}; this collection is of {encoder.fingerprint}.",
            hint="Train on this collection's encoder, or take the risk with --set check=no.",
        )
    return found


@lru_cache(maxsize=2)
def _known(path: Path, _stamp: int) -> Cascade:
    state = {name: value.double().numpy() for name, value in read_weights(path, (WRAPPER,)).items()}
    return Cascade(_checked(state, path), notes(path).get("encoder", ""))


def _checked(state: Mapping[str, F64], path: Path) -> Mapping[str, F64]:
    """All arrays with shapes that go together; WeightsError names one that does not."""
    try:
        slots, key = state["picture.addresses"].shape
        dim, width = state["output.weight"].shape
        hidden = state["picture.controller.weight"].shape[0]
    except (KeyError, ValueError):
        raise WeightsError(f"{path} is no memory of `fieldglass train fashion/memory`.") from None
    wanted: dict[str, tuple[int, ...]] = {"output.weight": (dim, width), "gains": (2,)}
    for name in STREAMS:
        wanted[f"{name}.addresses"] = (slots, key)
        layers = {"controller": (hidden, dim), "where": (key + 2, hidden), "add": (width, hidden),
                  "erase": (width, hidden), "look": (key + 1, width)}  # fmt: skip
        for layer, shape in layers.items():
            wanted[f"{name}.{layer}.weight"], wanted[f"{name}.{layer}.bias"] = shape, shape[:1]
    for name in sorted(set(wanted) | set(state)):
        there = state[name].shape if name in state else None
        if there != wanted.get(name):
            raise WeightsError(f"{path}: {name} is {there}, not {wanted.get(name)}.")
    return state


def _softplus(values: F64) -> F64:
    return np.asarray(np.logaddexp(0.0, values))


def _unit(vectors: F64 | F32) -> F64:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9))
