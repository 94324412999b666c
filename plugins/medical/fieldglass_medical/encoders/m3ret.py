"""`med/m3ret`: pictures, volumes and clips in one space by one ViT, trained by the recipe of that name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass._torchvision import require
from fieldglass.encoders.device import place
from fieldglass.encoders.once import Once
from fieldglass.errors import UsageError, WeightsError
from fieldglass.models import weights as weight_files
from fieldglass.models.files import weight_file
from fieldglass.types import Prepared, Sample
from fieldglass_medical.encoders.checkpoint import kept
from fieldglass_medical.encoders.display import Display, accepted
from fieldglass_medical.encoders.m3ret_network import Shape, embedded, network, tokens_of
from fieldglass_medical.encoders.transformer import unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass.types import F32

__all__ = ["M3Ret", "canonical", "tensor"]

_PIECE = 4
_TOWERS = {"image": "image", "volume": "stack", "clip": "stack"}


class M3Ret:
    """No modality has a part of its own: a slice, a radiograph, a video and a CT go through the same weights.

    `weights` is a file of the recipe `med/m3ret`; it says the shape of its network. No weights are published. Volumes
    and clips are brought to the frames and size of the training; a picture is repeated to the depth of one patch.
    """

    name = "med/m3ret"
    rows = 1
    dtype = "f32"

    def __init__(self, *, weights: str = "", device: str = "auto", precision: str = "auto") -> None:
        if not weights:
            raise UsageError(
                f"{self.name} needs weights, and none are published.",
                hint="Train them: `fieldglass train med/m3ret --set collection=DIR --to run`, then "
                "--weights run/m3ret.pt.",
            )
        path = weight_file(weights, self.name, ("m3ret.pt",))
        state = weight_files.read(path)
        said = weight_files.notes(path).get("m3ret")
        if said is None:
            raise WeightsError(
                f"{path} does not say the shape of its network, and it is not guessed.",
                hint="Use a file that the recipe med/m3ret wrote.",
            )
        self._shape = Shape.of(said)
        with require("torch").random.fork_rng(devices=[]):
            made = network(self._shape)
        weight_files.fit(made, state, path, "med/m3ret")
        self._placement = place(device, precision)
        self.device, self.pixels, self.dim = self._placement.device, self._shape.size, self._shape.width
        self._display = Display(self._shape.window)
        self._model = Once(lambda: made.to(self.device))
        self.accepts = accepted(_TOWERS)
        self.fingerprint, self.options = kept(self.name, weights, path, self._placement, {}, shape=self._shape.text())

    def prepare(self, sample: Sample) -> Prepared:
        """(1 or frames, size, size, 3) uint8."""
        if sample.kind not in _TOWERS:
            raise UsageError(f"{self.name} takes images, volumes and clips, not {sample.kind}.")
        return Prepared(canonical(sample, self._display, self._shape, self.name), _TOWERS[sample.kind])

    def images(self, batch: Sequence[Prepared]) -> F32:
        """(n, 1, dim) float32, unit."""
        found = self._tokens(batch)
        return unit(found[:, :1] if self._shape.pool == "cls" else found[:, 1:].mean(axis=1, keepdims=True))

    def patches(self, batch: Sequence[Prepared]) -> F32:
        """(n, p, dim) float32, unit, of samples of one kind: by depth, then row by row."""
        return unit(self._tokens(batch)[:, 1:])

    def _tokens(self, batch: Sequence[Prepared]) -> F32:
        found, model = [], self._model()
        for piece in self._placement.pieces(batch, _PIECE):
            with self._placement.inference():
                samples = tensor(np.stack([each.content for each in piece]), self._shape, self.device)
                found.append(tokens_of(model, embedded(model, self._shape, samples)).float().cpu().numpy())
        return np.concatenate(found)


def canonical(sample: Sample, display: Display, shape: Shape, encoder: str) -> NDArray[np.uint8]:
    """(1, size, size, 3) of an image, (frames, size, size, 3) of a volume or clip: the frame nearest to each place."""
    from PIL import Image

    display.check(sample, encoder)
    content = sample.content[None] if sample.kind == "image" else sample.content
    masks = None if sample.mask is None else sample.mask.reshape(content.shape[:-1])
    count = 1 if sample.kind == "image" else shape.frames
    chosen = ((np.arange(count) + 0.5) * len(content) / count).astype(np.int64)
    made = np.empty((count, shape.size, shape.size, 3), dtype=np.uint8)
    for row, at in enumerate(chosen):
        if row and at == chosen[row - 1]:
            made[row] = made[row - 1]
            continue
        shown = display.render(content[at], sample.units, None if masks is None else masks[at])
        made[row] = np.asarray(Image.fromarray(shown).resize((shape.size, shape.size), Image.Resampling.BICUBIC))
    return made


def tensor(samples: NDArray[np.uint8], shape: Shape, device: str) -> Any:
    """(n, 1 or frames, size, size, 3) uint8 -> (n, 3, depth, size, size) float32 in -1..1; one frame is repeated."""
    found = require("torch").from_numpy(samples).to(device).permute(0, 4, 1, 2, 3).float().div(127.5).sub(1)
    return found.expand(-1, -1, shape.thick, -1, -1) if found.shape[2] == 1 else found
