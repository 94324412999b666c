"""The losses of EndoFinder: SSCD's contrast and entropy (arXiv 2202.10261), and its masking that leaves the polyp."""

from __future__ import annotations

from typing import Any

from fieldglass._torchvision import require

__all__ = ["contrast", "entropy", "polyp_scores"]

_NEVER = -1e4


def polyp_scores(mask: Any, patch: int) -> Any:
    """(n, height, width) 0..1 masks -> (n, patches) scores, row by row; the best stay visible.

    A patch with polyp has the count of its pixels, one at least; background has noise in 0.01..1.
    """
    torch = require("torch")
    boxes = torch.nn.functional.avg_pool2d((mask > 0.5).float()[:, None], patch).flatten(1) * patch**2
    noise = 0.01 + 0.99 * torch.rand_like(boxes)
    return torch.where(boxes > 0, boxes.clamp(min=1), noise)


def contrast(features: Any, temperature: float = 0.05) -> Any:
    """InfoNCE of unit features (2 n, d), the two views of each picture n rows apart, among all other rows."""
    torch = require("torch")
    count = len(features)
    own = torch.eye(count, dtype=torch.bool, device=features.device)
    logits = (features @ features.T / temperature).masked_fill(own, _NEVER)
    target = torch.arange(count, device=features.device).roll(count // 2)
    return torch.nn.functional.cross_entropy(logits, target)


def entropy(features: Any) -> Any:
    """-mean log of the distance of each of (2 n, d) unit features to the nearest one of another picture."""
    torch = require("torch")
    count = len(features)
    picture = torch.arange(count, device=features.device) % (count // 2)
    same = picture[:, None] == picture[None]
    nearest = (features @ features.T).masked_fill(same, -2.0).max(dim=1).values
    return -(2 - 2 * nearest).clamp(min=1e-6).sqrt().log().mean()
