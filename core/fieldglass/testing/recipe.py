"""What every recipe must keep."""

from __future__ import annotations

import json
import math
import tempfile
import threading
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from fieldglass._torchvision import require
from fieldglass.interfaces import Recipe
from fieldglass.models.weights import read
from fieldglass.options import options_of
from fieldglass.registry import registry
from fieldglass.training import Position, TrainingProgress, train

__all__ = ["RecipeContract"]


class RecipeContract:
    """Name the recipe; its options make it small: two epochs of some batches, seconds on a CPU::

    class TestClosp(RecipeContract):
        recipe = "rs/closp"
        options = {"root": FOLDER, "epochs": 2, "batch": 4}
    """

    recipe: str
    options: Mapping[str, Any] = {}
    wrappers: tuple[str, ...] | None = None  # the keys under which `save` puts its tensors; the usual ones if None

    def make(self, seed: int = 0) -> Recipe:
        """The recipe under test, made as `fieldglass train` makes it."""
        torch = require("torch")
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            found: Recipe = registry().create("recipes", self.recipe, {**self.options, "seed": seed, "device": "cpu"})
        return found

    def test_it_takes_seed_and_device(self) -> None:
        known = options_of(registry().factory("recipes", self.recipe))
        assert {"seed", "device"} <= known.keys(), "`fieldglass train` gives every recipe a seed and a device"

    def test_it_says_what_it_is(self) -> None:
        made = self.make()
        for name in ("name", "fingerprint", "summary", "weights"):
            assert getattr(made, name), f"`{name}` is empty"
        assert "/" not in made.weights, "`weights` is the name of a file in the folder of the run"
        assert made.fingerprint == self.make().fingerprint, "the same data have the same fingerprint"

    def test_an_epoch_is_the_same_from_any_batch_on(self) -> None:
        made, other = self.make(), self.make()
        whole = list(made.batches(1, 0))
        assert whole, "an epoch has a batch at least"
        planned = made.plan.batches
        assert planned in (None, len(whole)), f"the plan says {planned} batches, there are {len(whole)}"
        for start in {1, len(whole) - 1, len(whole)}:
            assert _same(whole[start:], list(other.batches(1, start))), f"other batches from batch {start} on"

    def test_epochs_differ_or_are_one_batch(self) -> None:
        first, second = (list(islice(self.make().batches(epoch, 0), 3)) for epoch in (0, 1))
        assert len(first) < 2 or not _same(first, second), "every epoch has the same order"

    def test_the_loss_reaches_the_module(self) -> None:
        made = self.make()
        made.module.train()
        parts = made.loss(next(made.batches(0, 0)), Position(epochs=made.plan.epochs))
        assert "loss" in parts and parts["loss"].ndim == 0, "`loss` gives a scalar tensor by that name"
        assert all(math.isfinite(each) for each in map(_number, parts.values())), f"{parts}"
        parts["loss"].backward()
        grown = [each.grad for each in made.module.parameters() if each.grad is not None]
        assert any(float(each.abs().max()) > 0 for each in grown), "no parameter has a gradient"

    def test_the_optimiser_holds_parameters_of_the_module(self) -> None:
        made = self.make()
        own = {id(each) for each in made.module.parameters()}
        held = [each for group in made.optimiser().param_groups for each in group["params"]]
        assert held and {id(each) for each in held} <= own, (
            "what is trained must be in `module`, or no checkpoint has it"
        )

    def test_a_resumed_run_equals_an_uninterrupted_one(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            whole, parts = Path(folder) / "whole", Path(folder) / "parts"
            planned = self._run(whole)
            assert planned.steps > 1, "the options leave too little to be interrupted"
            self._run(parts, stop_after=1)
            self._run(parts, stop_after=planned.steps // 2, resume=True)
            self._run(parts, resume=True)
            assert _log(whole) == _log(parts), "the losses of the resumed run differ"
            name = self.make().weights
            assert _same(self._weights(whole / name), self._weights(parts / name)), "its weights differ"

    def test_the_weights_are_safe_to_read(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            made = self.make()
            made.module.eval()
            made.save(Path(folder) / made.weights)
            assert self._weights(Path(folder) / made.weights), "`save` wrote no tensor"

    def _weights(self, path: Path) -> dict[str, Any]:
        return read(path) if self.wrappers is None else read(path, self.wrappers)

    def _run(self, to: Path, *, stop_after: int | None = None, resume: bool = False) -> _Stopper:
        stopper = _Stopper(stop_after)
        train(
            self.recipe, to, None if resume else dict(self.options), device="cpu", threads=1, resume=resume,
            progress=stopper, stop=stopper.event,
        )  # fmt: skip
        return stopper


class _Stopper:
    """Watches a training, and asks it to stop after some steps."""

    def __init__(self, after: int | None) -> None:
        self.after, self.steps = after, 0
        self.event = threading.Event()

    def __call__(self, progress: TrainingProgress) -> None:
        self.steps = progress.at.step
        if self.after is not None and self.steps >= self.after:
            self.event.set()


def _number(value: Any) -> float:
    return float(value.detach() if hasattr(value, "detach") else value)


def _log(folder: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def _same(one: Any, other: Any) -> bool:
    """Equal to the last bit, through lists, mappings, arrays and tensors."""
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if hasattr(one, "__dataclass_fields__"):
        return all(_same(getattr(one, name), getattr(other, name)) for name in one.__dataclass_fields__)
    if hasattr(one, "shape"):
        return np.array_equal(np.asarray(one), np.asarray(other))
    return bool(one == other)
