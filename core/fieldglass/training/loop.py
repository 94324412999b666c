"""The loop: steps, validation, checkpoints, early stopping."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fieldglass._torchvision import require
from fieldglass.errors import DivergedError, TrainingError, UsageError
from fieldglass.training.checkpoint import Progressed, restore, snapshot
from fieldglass.training.plan import Position, Trained, TrainingProgress

if TYPE_CHECKING:
    import threading

    from fieldglass.interfaces import Recipe
    from fieldglass.training.folder import RunFolder

__all__ = ["fit"]

EVERY = 60.0  # seconds between checkpoints within an epoch


def fit(
    recipe: Recipe,
    folder: RunFolder,
    *,
    resume: bool = False,
    progress: Callable[[TrainingProgress], None] | None = None,
    stop: threading.Event | None = None,
    every: float = EVERY,
) -> Trained:
    """Train until the plan is done, `stop` is set, or the loss diverges; resumed, exactly as if never stopped.

    DivergedError names the step where a loss or gradient is not finite; the last checkpoint is of finite weights.
    """
    return _Loop(recipe, folder, resume, progress, stop, every).run()


class _Loop:
    def __init__(
        self,
        recipe: Recipe,
        folder: RunFolder,
        resume: bool,
        progress: Callable[[TrainingProgress], None] | None,
        stop: threading.Event | None,
        every: float,
    ) -> None:
        self.torch = require("torch")
        self.recipe, self.folder, self.plan = recipe, folder, recipe.plan
        self.progress, self.stop, self.every = progress, stop, every
        self.optimiser = recipe.optimiser()
        self.schedule = recipe.schedule(self.optimiser)
        self.state = Progressed(Position(epochs=self.plan.epochs))
        if resume and folder.checkpoint.is_file():
            self.state = restore(folder.checkpoint, recipe, self.optimiser, self.schedule)
            self._extended()
        folder.rewind(self.state.logged)
        self.latest: dict[str, float] = {}
        self.saved = self.begun = time.monotonic()
        self.first = self.state.at.step

    def _extended(self) -> None:
        """A plan of more epochs than the run was begun with goes on, unless its schedule was made for fewer."""
        before = self.state.at.epochs
        if self.plan.epochs != before and self.schedule is not None:
            raise UsageError(
                f"The run was begun for {before} epochs, and its learning-rate schedule with it, not "
                f"{self.plan.epochs}.",
                hint="Resume without changing epochs.",
            )
        if self.plan.epochs > before and not self.state.early:
            self.state.done = False
        self.state.at = replace(self.state.at, epochs=self.plan.epochs)

    def run(self) -> Trained:
        stopped = False
        while not self.state.done and not stopped:
            stopped = self._epoch()
        at = self.state.at
        weights = self.folder.path / self.recipe.weights
        mean = self.state.total / at.batch if at.batch else self.latest.get("loss")
        return Trained(
            at,
            self.state.best,
            self.state.best_epoch,
            stopped,
            self.state.early,
            str(weights) if weights.is_file() else None,
            self.state.values,
            mean,
        )

    def _epoch(self) -> bool:
        """One epoch, or what is left of it; whether it was stopped."""
        began = time.monotonic()
        self.recipe.module.train()
        epoch = self.state.at.epoch
        for batch in self.recipe.batches(epoch, self.state.at.batch):
            self._step(batch)
            if self.stop is not None and self.stop.is_set():
                self._keep()
                return True
            if time.monotonic() - self.saved > self.every:
                self._keep()
        if not self.state.at.batch:
            raise TrainingError(f"{self.recipe.name!r} has no batch in epoch {epoch}.", hint="Is the data empty?")
        self._end(began)
        return False

    def _step(self, batch: Any) -> None:
        at = self.state.at
        with self._precision():
            parts = dict(self.recipe.loss(batch, at))
        loss = parts["loss"]
        values = {name: float(self.torch.as_tensor(value).detach()) for name, value in parts.items()}
        if not all(map(math.isfinite, values.values())):
            raise self._diverged("loss", values)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        parameters = [each for each in self.recipe.module.parameters() if each.grad is not None]
        norm = float(self.torch.nn.utils.clip_grad_norm_(parameters, self.plan.clip or math.inf))
        if not math.isfinite(norm):
            raise self._diverged("gradient", {**values, "gradient": norm})
        self.optimiser.step()
        rate = self.optimiser.param_groups[0]["lr"]
        if self.schedule is not None and self.plan.schedule_by == "step":
            self.schedule.step()
        self.folder.add({"step": at.step, "epoch": at.epoch, **values, "gradient": norm, "lr": float(rate)})
        self.state.total += values["loss"]
        self.state.at = replace(at, batch=at.batch + 1, step=at.step + 1)
        self.latest = values
        self._report()

    def _end(self, began: float) -> None:
        """Validation, the best weights, early stopping, the checkpoint."""
        at, plan = self.state.at, self.plan
        mean = self.state.total / at.batch
        if self.schedule is not None and plan.schedule_by == "epoch":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of no step before: a run that was stopped after an epoch's last batch
                self.schedule.step()
        self.recipe.module.eval()
        with self.torch.no_grad():
            self.state.values = {name: float(value) for name, value in self.recipe.validate().items()}
        if plan.metric and plan.metric not in self.state.values:
            raise TrainingError(f"{self.recipe.name!r} did not measure {plan.metric!r}, which decides what is best.")
        row = {"epoch": at.epoch, "steps": at.step, "mean loss": mean, **self.state.values}
        self.folder.add({**row, "seconds": round(time.monotonic() - began, 3)})
        if self._better(at.epoch):
            self.folder.write(self.recipe.weights, self.recipe.save)
        self.state.early = bool(plan.patience) and self.state.waited >= plan.patience
        self.state.done = self.state.early or at.epoch + 1 >= plan.epochs
        self.state.at = replace(at, epoch=at.epoch + 1, batch=0)
        self.state.total = 0.0
        self.latest = {**self.latest, "loss": mean}
        self._keep()
        self._report()

    def _better(self, epoch: int) -> bool:
        if not self.plan.metric:
            return True
        value = self.state.values[self.plan.metric]
        sign = 1 if self.plan.better == "max" else -1
        if self.state.best is None or sign * value > sign * self.state.best:
            self.state.best, self.state.best_epoch, self.state.waited = value, epoch, 0
            return True
        self.state.waited += 1
        return False

    def _keep(self) -> None:
        self.state.logged = self.folder.logged()
        self.folder.write(
            self.folder.checkpoint.name,
            lambda path: snapshot(path, self.recipe, self.optimiser, self.schedule, self.state),
        )
        self.saved = time.monotonic()

    def _precision(self) -> Any:
        if self.plan.precision == "fp32":
            return nullcontext()
        device = next(self.recipe.module.parameters()).device.type
        return self.torch.autocast(device, dtype=self.torch.bfloat16)

    def _report(self) -> None:
        if self.progress is not None:
            spent = max(time.monotonic() - self.begun, 1e-9)
            speed = (self.state.at.step - self.first) / spent
            self.progress(TrainingProgress(self.state.at, self.plan.batches, self.latest, self.state.values, speed))

    def _diverged(self, what: str, values: Mapping[str, float]) -> DivergedError:
        at, kept = self.state.at, self.folder.checkpoint
        shown = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
        last = f"{kept} is of finite weights; " if kept.is_file() else ""
        return DivergedError(
            f"The {what} of {self.recipe.name!r} is not finite at step {at.step} of epoch {at.epoch}: {shown}.",
            hint=f"{last}begin again with a lower learning rate, or look for NaN in the data.",
        )
