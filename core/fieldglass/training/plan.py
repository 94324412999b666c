"""What a recipe tells the loop: how long, by which figure, and where training stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fieldglass.errors import UsageError

__all__ = ["Plan", "Position", "Trained", "TrainingProgress"]


@dataclass(frozen=True)
class Plan:
    """How a recipe is trained.

    :param epochs: passes over the data.
    :param batches: batches of one epoch, for the progress bar; None where only the end of the data tells.
    :param metric: the value of `Recipe.validate` that decides which weights are the best, and when to stop;
        "" takes the weights of the last epoch.
    :param better: whether a high ("max") or a low ("min") value of it is good.
    :param patience: epochs without a better value after which training stops; 0 never does.
    :param clip: the norm that gradients are scaled down to; None leaves them.
    :param precision: "fp32", or "bf16": autocast around `Recipe.loss`.
    :param schedule_by: whether the learning-rate schedule steps with every batch or every epoch.
    """

    epochs: int
    batches: int | None = None
    metric: str = ""
    better: Literal["max", "min"] = "max"
    patience: int = 0
    clip: float | None = None
    precision: Literal["fp32", "bf16"] = "fp32"
    schedule_by: Literal["step", "epoch"] = "step"

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise UsageError(f"epochs={self.epochs}: training takes one epoch at least.")
        if self.patience < 0 or (self.patience and not self.metric):
            raise UsageError(f"patience={self.patience}: 0, or epochs to wait for a better value of `metric`.")
        if self.clip is not None and not self.clip > 0:
            raise UsageError(f"clip={self.clip}: a norm above 0, or none.")


@dataclass(frozen=True)
class Position:
    """Where training stands: `epoch` and `batch` from 0, `step` over all epochs, and how many `epochs` there are."""

    epoch: int = 0
    batch: int = 0
    step: int = 0
    epochs: int = 1


@dataclass(frozen=True)
class TrainingProgress:
    """Reported as training goes: the position, the latest parts of the loss and the values of the last validation."""

    at: Position
    batches: int | None
    loss: dict[str, float]
    values: dict[str, float]
    steps_per_second: float


@dataclass(frozen=True)
class Trained:
    """What a training came to.

    `best` is the value of the plan's metric and `best_epoch` (from 0) where it was reached, None without a metric.
    `stopped` by hand, to be resumed; `early` because of the plan's patience. `weights` is None before a first epoch.
    """

    at: Position
    best: float | None
    best_epoch: int | None
    stopped: bool
    early: bool
    weights: str | None
    values: dict[str, float]
    loss: float | None
