"""`med/m3d-clip`: M3D-CLIP (arXiv 2404.00578), volumes of CT and sentences in one space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass._torchvision import require
from fieldglass.encoders.device import place
from fieldglass.encoders.once import Once
from fieldglass.errors import UsageError, WeightsError
from fieldglass.models import weights as weight_files
from fieldglass.models.cache import sha256_of
from fieldglass.models.carriers import carried
from fieldglass.models.files import weight_file
from fieldglass.types import Accepts, Prepared, Sample
from fieldglass_medical.encoders.bert import bert, part
from fieldglass_medical.encoders.checkpoint import kept
from fieldglass_medical.encoders.display import Display, accepted
from fieldglass_medical.encoders.m3d_network import Sizes, build, tokens
from fieldglass_medical.encoders.sentences import first_states
from fieldglass_medical.encoders.transformer import unit
from fieldglass_medical.encoders.words import Words, vocabulary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass.types import F32

__all__ = ["M3DClip", "framed"]

_PIECE = 1
_LONGEST = 128
_TOWERS = {"image": "volume", "volume": "volume", "clip": "volume"}
_BESIDE = ("logit_scale",)  # of the loss of its training


class M3DClip:
    """A volume -> its class token, projected; a sentence -> that of its [CLS]; unit, 768 numbers.

    `weights` is the file or folder of GoodBaiBai88/M3D-CLIP; a config.json beside it says other sizes than 32 x 256 x
    256 by 4 x 16 x 16. `tokenizer` is its tokenizer.json or vocab.txt; one beside the weights is found, and else that
    of bert-base-uncased holds, which it was trained with. Its volumes were exported as 8-bit pictures: Hounsfield
    units go through `window`, colour becomes grey, and the least and greatest value become 0 and 1; then what is
    above 0 is cut out and brought to size by averages. A picture is a volume of one slice. Errors come at
    construction.
    """

    name = "med/m3d-clip"
    rows = 1
    dtype = "f32"

    def __init__(
        self,
        *,
        weights: str = "",
        tokenizer: str = "",
        window: str = "soft",
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        if not weights:
            raise UsageError(
                f"{self.name} needs weights.",
                hint="`fieldglass models pull m3d-clip`, then --encoder m3d-clip; or --weights FILE.",
            )
        path = weight_file(weights, self.name, ("model.safetensors", "pytorch_model.bin"))
        state = {name: each for name, each in weight_files.read(path).items() if name not in _BESIDE}
        self._sizes = Sizes.beside(path)
        vision = build(part(state, "vision_encoder."), self._sizes, path)
        language = bert(part(state, "language_encoder."), path, "M3D-CLIP")
        self._placement = place(device, precision)
        self.device, self.pixels = self._placement.device, self._sizes.volume[1]
        self._display = Display(window)
        heads, self.dim = _heads(state, path)
        words = int(language.embeddings.word_embeddings.num_embeddings)
        table = vocabulary(tokenizer, self.name, path) or carried("tokenizer.json")
        longest = min(_LONGEST, int(language.embeddings.position_embeddings.num_embeddings))
        self._words = Words(table, words, longest, "M3D-CLIP")
        self._vision = Once(lambda: vision.to(self.device))
        self._language = Once(lambda: language.to(self.device))
        self._heads = Once(lambda: {name: each.to(self.device) for name, each in heads.items()})
        self.accepts = (*accepted(_TOWERS), Accepts("text", "text", (), "unit"))
        self.fingerprint, self.options = kept(
            self.name, weights, path, self._placement, {"tokenizer": tokenizer, "window": window},
            tokenizer=sha256_of(table), sizes=self._sizes, window=window,
        )  # fmt: skip

    def prepare(self, sample: Sample) -> Prepared:
        """An image, volume or clip -> (depth, height, width) float32 in 0..1; a text as it is."""
        from PIL import Image

        if sample.kind == "text":
            return Prepared(sample.content, "text")
        self._display.check(sample, self.name)
        content = sample.content if sample.content.ndim == 4 else sample.content[None]
        mask = None if sample.mask is None else sample.mask.reshape(content.shape[:-1])
        shown = (
            self._display.render(each, sample.units, None if mask is None else mask[row])
            for row, each in enumerate(content)
        )
        grey = np.stack([np.asarray(Image.fromarray(each).convert("L")) for each in shown])
        return Prepared(framed(grey.astype(np.float32), self._sizes.volume), "volume")

    def images(self, batch: Sequence[Prepared]) -> F32:
        """(n, 1, dim) float32, unit."""
        return unit(self._projected(batch)[:, :1])

    def patches(self, batch: Sequence[Prepared]) -> F32:
        """(n, p, dim) float32, unit, by depth and then row by row; projected as the class token is."""
        return unit(self._projected(batch)[:, 1:])

    def texts(self, texts: Sequence[str]) -> F32:
        """(n, dim) float32, unit. What is beyond 128 tokens is cut."""
        head = self._heads()
        linear = require("torch").nn.functional.linear
        return unit(
            first_states(
                self._language(), self._words, texts, self._placement,
                lambda states: linear(states, head["mm_language_proj.weight"], head["mm_language_proj.bias"]),
            )
        )  # fmt: skip

    def _projected(self, batch: Sequence[Prepared]) -> F32:
        torch, head, found = require("torch"), self._heads(), []
        for piece in self._placement.pieces(batch, _PIECE):
            volumes = torch.from_numpy(np.stack([each.content for each in piece])).to(self.device)
            with self._placement.inference():
                states = tokens(self._vision(), volumes, self._sizes)
                states = torch.nn.functional.linear(states, head["mm_vision_proj.weight"], head["mm_vision_proj.bias"])
            found.append(states.float().cpu().numpy())
        return np.concatenate(found)


def framed(values: NDArray[np.float32], size: tuple[int, int, int]) -> NDArray[np.float32]:
    """(D, H, W) -> `size`: least 0, greatest 1; cut to the box of what is above 0; averages of equal parts."""
    torch = require("torch")
    values = values - values.min()
    values = values / max(float(values.max()), 1e-8)
    for axis in range(3):
        seen = np.flatnonzero((values > 0).any(axis=tuple(each for each in range(3) if each != axis)))
        if len(seen):
            values = values.take(range(int(seen[0]), int(seen[-1]) + 1), axis=axis)
    cut = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))[None, None]
    found: NDArray[np.float32] = torch.nn.functional.interpolate(cut, size, mode="area")[0, 0].numpy()
    return found


def _heads(state: Mapping[str, Any], path: Any) -> tuple[dict[str, Any], int]:
    names = [f"mm_{tower}_proj.{kind}" for tower in ("vision", "language") for kind in ("weight", "bias")]
    lacking = [name for name in names if name not in state]
    left = [each for each in state if not each.startswith(("vision_encoder.", "language_encoder.", "mm_"))]
    if lacking or left:
        said = f"it lacks {', '.join(lacking)}" if lacking else f"it has {', '.join(left[:4])} besides"
        raise WeightsError(f"{path} is not a checkpoint of M3D-CLIP: {said}.")
    width = {len(state[name]) for name in names}
    if len(width) != 1:
        raise WeightsError(f"{path} is not a checkpoint of M3D-CLIP: its projections end in {sorted(width)}.")
    return {name: state[name] for name in names}, width.pop()
