"""The learning rate over a training."""

from __future__ import annotations

import math
from typing import Any

from fieldglass._torchvision import require

__all__ = ["warmed_cosine"]


def warmed_cosine(optimiser: Any, steps: int, warmup: float) -> Any:
    """Up along a line for the share `warmup` of the steps, then down to 0 along a cosine."""
    rise = max(1, round(warmup * steps))

    def factor(step: int) -> float:
        if step < rise:
            return (step + 1) / rise
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rise) / max(1, steps - rise))))

    return require("torch").optim.lr_scheduler.LambdaLR(optimiser, factor)
