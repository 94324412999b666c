"""The losses of self-supervised training: MAE's reconstruction, SimDINO's coding rate."""

from __future__ import annotations

from typing import Any

from fieldglass._torchvision import require

__all__ = ["coding_rate", "kept_patches", "reconstruction", "simdino"]


def kept_patches(scores: Any, keep: int) -> tuple[Any, Any]:
    """Scores (n, p) -> the `keep` best of each row, (n, keep) in their own order, and (n, p) bool of those left out."""
    torch = require("torch")
    kept = scores.topk(keep, dim=1).indices.sort(dim=1).values
    masked = torch.ones_like(scores, dtype=torch.bool).scatter(1, kept, False)
    return kept, masked


def reconstruction(predicted: Any, target: Any, masked: Any, *, normalised: bool = True) -> Any:
    """Mean squared error on the masked patches; each target patch less its mean, over its deviation (MAE).

    predicted, target: (n, p, pixels); masked: (n, p) bool.
    """
    if normalised:
        mean, variance = target.mean(dim=-1, keepdim=True), target.var(dim=-1, keepdim=True, unbiased=False)
        target = (target - mean) / (variance + 1e-6).sqrt()
    error = (predicted.float() - target.float()).square().mean(dim=-1)
    return (error * masked).sum() / masked.sum().clamp(min=1)


def coding_rate(features: Any, *, gpus: int = 1, eps: float = 0.5) -> Any:
    """gamma / 2 logdet(I + p / (m N eps) Z'Z) of unit features Z (m, p) of one view: large where they spread (SimDINO).

    gamma = (p + N m) / (p N m), N GPUs.
    """
    torch = require("torch")
    rows, width = features.shape
    exact = features.float()
    covariance = exact.T @ exact * (width / (rows * gpus * eps))
    gamma = (width + gpus * rows) / (width * gpus * rows)
    factor = torch.linalg.cholesky(torch.eye(width, device=features.device) + covariance)
    return gamma * factor.diagonal().log().sum()


def simdino(student: list[Any], teacher: list[Any], *, eps: float = 0.5, share: float = 1.0) -> dict[str, Any]:
    """-c A - E. Unit features (m, p) per view; the first views of the student are those of the teacher.

    A: the mean cosine over every pair of a teacher's view and another view of the student. E: the mean over the
    teacher's views, as the student sees them, of the coding rate.
    """
    pairs = [(one, other) for one in range(len(teacher)) for other in range(len(student)) if one != other]
    cosine = sum((teacher[one] * student[other]).sum(dim=-1).mean() for one, other in pairs) / len(pairs)
    spread = sum(coding_rate(student[view], eps=eps) for view in range(len(teacher))) / len(teacher)
    return {"loss": -share * cosine - spread, "alignment": cosine, "coding rate": spread}
