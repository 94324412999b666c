"""Training: a recipe gives data, module and loss; the loop, the run folder and resuming are here."""

from __future__ import annotations

from fieldglass.training.launch import train
from fieldglass.training.plan import Plan, Position, Trained, TrainingProgress
from fieldglass.training.shuffling import shuffled

__all__ = ["Plan", "Position", "Trained", "TrainingProgress", "shuffled", "train"]
