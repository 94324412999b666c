"""Local features of a picture: SIFT, or attentive ones of a backbone's feature map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from fieldglass._torchvision import require
from fieldglass.encoders.folding import fold
from fieldglass.encoders.once import Once
from fieldglass.errors import UsageError
from fieldglass.rerankers.geometry import Features, opencv

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass.types import F32

    Pixels = NDArray[np.uint8]

__all__ = ["Attentive", "Extractor", "Sift"]


class Extractor(Protocol):
    """Finds the local features of a picture.

    What suits them: `ratio` and `threshold` (pixels) of the matching, the `least` matches that are no accident, and
    the longer `side` of a picture in pixels.
    """

    ratio: float
    threshold: float
    least: int
    side: int

    def __call__(self, picture: Pixels) -> Features:
        """(h, w, 3) uint8 -> features, strongest first."""
        ...


class Sift:
    """SIFT (Lowe 2004) with the square root of L1-normalised descriptors (RootSIFT, CVPR 2012). No weights."""

    ratio, threshold, least, side = 0.8, 4.0, 10, 640

    def __init__(self, count: int) -> None:
        self.count = count
        self._cv2 = opencv()

    def __call__(self, picture: Pixels) -> Features:
        """(h, w, 3) uint8 -> up to `count` features of 128 numbers."""
        grey = self._cv2.cvtColor(np.ascontiguousarray(picture), self._cv2.COLOR_RGB2GRAY)
        points, found = self._cv2.SIFT_create(nfeatures=self.count).detectAndCompute(grey, None)
        if found is None or not len(points):
            return Features(np.empty((0, 2), dtype=np.float32), np.empty((0, 128), dtype=np.float32))
        shares = found / np.maximum(found.sum(axis=1, keepdims=True), 1e-9)
        places = np.array([point.pt for point in points], dtype=np.float32)
        return Features(places, np.sqrt(shares).astype(np.float32))


class Attentive:
    """DELF-style (ICCV 2017): cells of a convolutional feature map at stride 16, the strongest ones of three scales.

    Attention is the L2 norm of the cell, so that nothing has to be trained; descriptors are cells less the mean of
    their picture, of unit length. Without `model` and `weights` the backbone is `mini`'s EfficientNet-lite0.
    """

    ratio, threshold, least, side = 0.97, 12.0, 25, 448
    scales = (1.0, 0.7071, 0.5)

    def __init__(self, count: int, model: str = "", weights: str = "") -> None:
        self.count = count
        self._cv2 = opencv()
        self._model, self._weights = model, weights
        self._network = Once(self._load)

    def __call__(self, picture: Pixels) -> Features:
        """(h, w, 3) uint8 -> up to `count` features."""
        found = [each for scale in self.scales if (each := self._cells(picture, scale)) is not None]
        if not found:
            return Features(np.empty((0, 2), dtype=np.float32), np.empty((0, 1), dtype=np.float32))
        points, cells = (np.concatenate([each[part] for each in found]) for part in (0, 1))
        strong = np.argsort(-np.linalg.norm(cells, axis=1), kind="stable")[: self.count]
        centred = cells[strong] - cells.mean(axis=0)
        norms = np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9)
        return Features(points[strong].astype(np.float32), (centred / norms).astype(np.float32))

    def _cells(self, picture: Pixels, scale: float) -> tuple[F32, F32] | None:
        """Centres (n, 2) in pixels of the whole picture and the raw cells (n, d)."""
        torch = require("torch")
        model, level, mean, std = self._network()
        size = [round(side * scale) for side in picture.shape[1::-1]]
        if min(size) < 64:
            return None
        small = self._cv2.resize(picture, size, interpolation=self._cv2.INTER_AREA) if scale < 1 else picture
        pixels = torch.from_numpy(small.astype(np.float32) / 255).permute(2, 0, 1)[None]
        with torch.inference_mode():
            (maps,) = model.forward_intermediates(
                (pixels - mean) / std, indices=[level], stop_early=True, intermediates_only=True
            )
        chosen = maps[0]
        cells = chosen.flatten(1).T.numpy()
        high, wide = chosen.shape[1:]
        across, down = np.meshgrid(
            (np.arange(wide) + 0.5) * picture.shape[1] / wide, (np.arange(high) + 0.5) * picture.shape[0] / high
        )
        return np.stack([across.ravel(), down.ravel()], axis=1).astype(np.float32), cells

    def _load(self) -> tuple[Any, int, Any, Any]:
        """The backbone, which of its maps has stride 16, mean and standard deviation of pixels."""
        torch = require("torch")
        if self._model or self._weights:
            from fieldglass.encoders.timm_checkpoint import create, preprocess, resolve

            checkpoint = resolve(self._model, "", self._weights, {})
            model, used = create(checkpoint, None), preprocess(checkpoint.config, {})
            mean, std = used.mean, used.std
        else:
            from fieldglass.encoders.mini import lite0

            model, mean, std = lite0(), (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
        if not hasattr(model, "forward_intermediates") or hasattr(model, "patch_embed"):
            raise UsageError(
                f"{self._model or self._weights} has no convolutional feature maps.",
                hint="Give a convolutional backbone of timm, such as --rerank-set model=resnet50.a1_in1k.",
            )
        model = fold(model.eval())
        with torch.inference_mode():
            maps = model.forward_intermediates(torch.zeros(1, 3, 128, 128), intermediates_only=True)
        level = max((place for place, each in enumerate(maps) if each.shape[-1] >= 8), default=0)
        return model, level, *(torch.tensor(each).view(1, 3, 1, 1) for each in (mean, std))
