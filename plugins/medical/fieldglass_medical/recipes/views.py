"""Random views of a batch of samples."""

from __future__ import annotations

from typing import Any

__all__ = ["crop"]


def crop(torch: Any, samples: Any, side: int, least: float, most: float) -> Any:
    """One crop of every sample of the batch, of `least` to `most` of its area, mirrored or not, `side` pixels wide."""
    count, _, _, height, width = samples.shape
    area = least + (most - least) * torch.rand(count)
    share = area.sqrt()
    top, left = ((1 - share) * torch.rand(count) for _ in range(2))
    mirrored = torch.rand(count) < 0.5
    found = []
    for row in range(count):
        high, wide = max(1, int(share[row] * height)), max(1, int(share[row] * width))
        first, second = int(top[row] * height), int(left[row] * width)
        part = samples[row, :, :, first : first + high, second : second + wide].transpose(0, 1)
        part = torch.nn.functional.interpolate(part, (side, side), mode="bilinear", antialias=True)
        found.append((part.flip(-1) if mirrored[row] else part).transpose(0, 1))
    return torch.stack(found)
