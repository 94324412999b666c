"""Resize and crop as the model libraries do, with Pillow and numpy alone.

The arrays are bit-identical to the `torchvision` transforms of open_clip and timm up to their normalisation, which
is left to the batch: a prepared picture is uint8, a quarter of the memory in the queues and on the way to a device.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.errors import UsageError, WeightsError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

    from fieldglass.types import Prepared, Sample

__all__ = ["Preprocess"]

_MODES = ("shortest", "longest", "squash")
_FILTERS = ("nearest", "bilinear", "bicubic", "lanczos", "box", "hamming")
_LONGEST = 16  # times the shorter side


@dataclass(frozen=True)
class Preprocess:
    """What happens to a picture before its tower.

    `size` is (height, width) of what the tower takes. "shortest" brings the shorter side to `resize` and crops the
    centre, "longest" fits the picture in and pads it with `fill`, "squash" ignores the aspect ratio. A picture whose
    longer side is `pad_ratio` times the shorter, or more, is first padded along the shorter with `fill`, so that less
    of it is cropped: TargetPad of CLIP4Cir, whose ratio is 1.25.
    """

    size: tuple[int, int]
    resize: tuple[int, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: str = "bicubic"
    mode: str = "shortest"
    fill: tuple[int, int, int] = (0, 0, 0)
    pad_ratio: float | None = None

    def __post_init__(self) -> None:
        if self.mode not in _MODES:
            raise UsageError(f"resize_mode {self.mode!r} is not known.", hint=f"Use {', '.join(_MODES)}.")
        if self.interpolation not in _FILTERS:
            raise UsageError(f"interpolation {self.interpolation!r} is not known.", hint=f"Use {', '.join(_FILTERS)}.")
        if len(self.mean) != 3 or len(self.std) != 3 or not all(np.isfinite(self.mean)) or not min(self.std) > 0:
            raise UsageError(f"mean {self.mean} and std {self.std} must be three numbers each, std above 0.")
        if self.pad_ratio is not None and not 1 <= self.pad_ratio < np.inf:
            raise UsageError(f"pad_ratio is 1 or more (CLIP4Cir takes 1.25), not {self.pad_ratio}.")
        if min(self.size) < 1 or min(self.resize) < 1:
            raise UsageError(f"image size {self.size} must be at least 1.")

    @property
    def pixels(self) -> int:
        """The shorter side after resizing: a loader may decode at any scale that keeps twice as much."""
        return max(self.resize)

    def digest(self) -> str:
        """sha256 of the settings, for fingerprints."""
        settings = asdict(self)
        if self.pad_ratio is None:  # as it was before there was such a setting: no vector has changed
            del settings["pad_ratio"]
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()

    def __call__(self, sample: Sample, encoder: str) -> NDArray[np.uint8]:
        """(height, width, 3) uint8. UsageError where the sample is not an 8-bit sRGB or grey picture."""
        from PIL import Image

        image = Image.fromarray(_rgb(sample, encoder))
        if self.pad_ratio is not None:
            image = _padded(image, self.pad_ratio, self.fill)
        resample = Image.Resampling[self.interpolation.upper()]
        if self.mode == "squash":
            return self._crop_or_pad(image.resize(self.resize[::-1], resample))
        if self.mode == "longest":
            ratio = max(image.height / self.resize[0], image.width / self.resize[1])
            fitted = max(1, round(image.width / ratio)), max(1, round(image.height / ratio))
            return self._crop_or_pad(image.resize(fitted, resample))
        return np.asarray(_shortest(image, self.resize, self.size, resample))

    def _crop_or_pad(self, image: Image) -> NDArray[np.uint8]:
        height, width = self.size
        top, left = max(0, (height - image.height) // 2), max(0, (width - image.width) // 2)
        canvas = np.empty((max(height, image.height), max(width, image.width), 3), dtype=np.uint8)
        canvas[:] = self.fill
        canvas[top : top + image.height, left : left + image.width] = np.asarray(image)
        top, left = round((canvas.shape[0] - height) / 2), round((canvas.shape[1] - width) / 2)
        return canvas[top : top + height, left : left + width]

    def batch(self, prepared: Sequence[Prepared], device: str) -> Any:
        """Prepared pictures -> torch tensor (n, 3, height, width) float32 on the device, normalised."""
        import torch

        pixels = torch.from_numpy(np.stack([each.content for each in prepared])).to(device)
        scaled = pixels.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format).div_(255)
        mean, std = (torch.tensor(each, device=device).view(1, 3, 1, 1) for each in (self.mean, self.std))
        return scaled.sub_(mean).div_(std)


def _rgb(sample: Sample, encoder: str) -> NDArray[np.uint8]:
    content = sample.content
    if sample.kind != "image" or sample.units != "srgb8":
        raise UsageError(f"{encoder} takes srgb8 pictures, not {sample.kind} in {sample.units}.")
    if content.ndim != 3 or content.shape[2] not in (1, 3) or content.dtype != np.uint8:
        bands = ", ".join(sample.bands)
        raise UsageError(
            f"{encoder} takes (H, W, 3) or (H, W, 1) uint8, not {content.shape} {content.dtype} of bands {bands}."
        )
    if 0 in content.shape:
        raise UsageError(f"{encoder} cannot encode an empty picture {content.shape}.")
    if content.shape[2] == 1:
        content = np.broadcast_to(content, (*content.shape[:2], 3))
    return np.ascontiguousarray(content)


def _padded(image: Image, ratio: float, fill: tuple[int, int, int]) -> Image:
    """The picture with a border on both sides of its shorter side, whole pixels, at about `ratio`; else as it is."""
    from PIL import ImageOps

    width, height = image.size
    if max(width, height) / min(width, height) < ratio:
        return image
    wanted = max(width, height) / ratio
    across, down = (max(int((wanted - side) / 2), 0) for side in (width, height))
    return ImageOps.expand(image, (across, down, across, down), fill)


def _shortest(image: Image, resize: tuple[int, int], crop: tuple[int, int], resample: Any) -> Image:
    """Shorter side to `resize`, centre crop."""
    if resize[0] == resize[1]:
        short = min(image.width, image.height)
        width, height = (int(resize[0] * side / short) for side in image.size)
    else:
        ratio = min(image.height / resize[0], image.width / resize[1])
        width, height = round(image.width / ratio), round(image.height / ratio)
    if crop[0] > height or crop[1] > width:
        raise WeightsError(f"preprocessing crops {crop} out of {(height, width)}.")
    top, left = round((height - crop[0]) / 2), round((width - crop[1]) / 2)
    if max(width, height) <= _LONGEST * max(resize):
        resized = image.resize((width, height), resample)
        return resized.crop((left, top, left + crop[1], top + crop[0]))
    # 1 x 60 000 pixels would grow to gigabytes: compute the crop alone, equal but for the last bits
    across, down = image.width / width, image.height / height
    box = (left * across, top * down, (left + crop[1]) * across, (top + crop[0]) * down)
    return image.resize(crop[::-1], resample, box=box)
