"""`med/ct-clip`: CT-CLIP (arXiv 2403.17834), chest CT and reports in one space."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from fieldglass._torchvision import require
from fieldglass.encoders.device import place
from fieldglass.encoders.once import Once
from fieldglass.errors import UsageError, WeightsError
from fieldglass.models import weights as weight_files
from fieldglass.models.cache import sha256_of
from fieldglass.models.files import weight_file
from fieldglass.types import Accepts, Prepared, Sample
from fieldglass_medical.encoders.bert import bert, part
from fieldglass_medical.encoders.checkpoint import kept
from fieldglass_medical.encoders.ct_vit import build, slabs_of, tokens
from fieldglass_medical.encoders.sentences import first_states
from fieldglass_medical.encoders.transformer import unit
from fieldglass_medical.encoders.words import Words, vocabulary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fieldglass.types import F32

__all__ = ["CtClip", "laid_out"]

_PIECE = 1
_LONGEST = 512
_SPACING = (1.5, 0.75, 0.75)  # mm
_LIMIT = 1000.0  # HU either way
_STEPS = 32767  # of a voxel -1..1 as it waits in a queue
_PARTS = ("visual_transformer.", "text_transformer.")
_HEADS = ("to_text_latent.weight", "to_visual_latent.weight")
_BESIDE = ("temperature", "to_text_latent_extra.", "to_visual_latent_extra.")  # of the loss, and never used


class CtClip:
    """A volume in Hounsfield units -> the codes of its patches, their mean by depth, projected; unit, 512 numbers.

    `weights` is CT-CLIP_v2.pt, or a fine-tuned file in its layout. `size` and `depth` are the voxels that it was
    trained with; patches follow from the file. `tokenizer` is the vocab.txt of BiomedVLP-CXR-BERT-specialized, or
    lies beside the weights: without one there are no sentences, since another vocabulary of as many words would give
    wrong ones silently. Volumes are resampled to 1.5 x 0.75 x 0.75 mm, cut or padded around their middle with -1000,
    and clipped to -1000 .. 1000. Errors come at construction.
    """

    name = "med/ct-clip"
    rows = 1
    dtype = "f32"

    def __init__(
        self,
        *,
        weights: str = "",
        tokenizer: str = "",
        size: int = 480,
        depth: int = 240,
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        if not weights:
            raise UsageError(
                f"{self.name} needs weights.",
                hint="Get CT-CLIP_v2.pt from the dataset CT-RATE, where you accept its terms; then --weights FILE.",
            )
        if size < 1 or depth < 1:
            raise UsageError(f"size={size} and depth={depth} are voxels: 1 at least.")
        path = weight_file(weights, self.name, ("CT-CLIP_v2.pt", "model.safetensors"))
        state = weight_files.read(path)
        heads = {name: state.get(name) for name in _HEADS}
        left = [each for each in state if each not in _HEADS and not each.startswith((*_PARTS, *_BESIDE))]
        if None in heads.values() or left:
            said = f"it has {', '.join(left[:4])} besides" if left else "it has no projections into one space"
            raise WeightsError(f"{path} is not a checkpoint of CT-CLIP: {said}.")
        vision = part(state, _PARTS[0])
        self._slabs = slabs_of(vision, int(heads[_HEADS[1]].shape[1]), size, depth, path)
        tower = build(vision, self._slabs, path)
        self._placement = place(device, precision)
        self.device, self.dim = self._placement.device, int(heads[_HEADS[1]].shape[0])
        self._vision = Once(lambda: tower.to(self.device))
        self._heads = Once(lambda: {name: each.to(self.device) for name, each in heads.items()})
        self.accepts: tuple[Accepts, ...] = (Accepts("volume", "volume", ("HU",), "HU"),)
        table = vocabulary(tokenizer, self.name, path)
        if table is not None:
            language = bert(part(state, _PARTS[1]), path, "CT-CLIP")
            words = int(language.embeddings.word_embeddings.num_embeddings)
            longest = min(_LONGEST, int(language.embeddings.position_embeddings.num_embeddings))
            self._words = Words(table, words, longest, "CT-CLIP")
            self._language = Once(lambda: language.to(self.device))
            self.accepts = (*self.accepts, Accepts("text", "text", (), "unit"))
            self.texts = self._texts  # a capability that needs its vocabulary
        self.fingerprint, self.options = kept(
            self.name, weights, path, self._placement, {"tokenizer": tokenizer, "size": size, "depth": depth},
            tokenizer=sha256_of(table) if table else "", volume=self._slabs.volume,
        )  # fmt: skip

    def prepare(self, sample: Sample) -> Prepared:
        """A volume in HU -> (depth, size, size) int16, 32767 for 1000 HU; a text as it is.

        UsageError for what is not in Hounsfield units, or has no spacing.
        """
        if sample.kind == "text" and hasattr(self, "texts"):
            return Prepared(sample.content, "text")
        if sample.kind != "volume" or sample.units != "HU":
            raise UsageError(
                f"{self.name} takes volumes in Hounsfield units, not {sample.kind} in {sample.units}.",
                hint="Index series: --loader med/dicom --set level=series, or med/nifti --set units=hu.",
            )
        if sample.content.ndim != 4 or 0 in sample.content.shape or sample.content.shape[-1] != 1:
            raise UsageError(f"{self.name} takes a volume of 4 axes, one band last, not {sample.content.shape}.")
        return Prepared(laid_out(sample, self._slabs.volume), "volume")

    def images(self, batch: Sequence[Prepared]) -> F32:
        """(n, 1, dim) float32, unit."""
        torch, found = require("torch"), []
        for piece in self._placement.pieces(batch, _PIECE):
            stack = torch.from_numpy(np.stack([each.content for each in piece])).to(self.device)
            with self._placement.inference():
                codes = tokens(self._vision(), stack.float() / _STEPS, self._slabs)
                vectors = codes.mean(dim=1).flatten(1) @ self._heads()[_HEADS[1]].T
            found.append(vectors.float().cpu().numpy())
        return unit(np.concatenate(found))[:, None]

    def _texts(self, texts: Sequence[str]) -> F32:
        """(n, dim) float32, unit. What is beyond 512 tokens is cut."""
        head = self._heads()[_HEADS[0]]
        return unit(first_states(self._language(), self._words, texts, self._placement, lambda each: each @ head.T))


def laid_out(sample: Sample, size: tuple[int, int, int]) -> NDArray[np.int16]:
    """A volume in HU -> `size` int16, 32767 for 1000 HU, by slices, columns from right to left, rows from the back.

    Its NIfTI files are read that way, first axis first. What the mask leaves out, and NaN, is air.
    """
    torch = require("torch")
    values = np.nan_to_num(sample.content[..., 0].astype(np.float32), nan=-_LIMIT, posinf=_LIMIT, neginf=-_LIMIT)
    if sample.mask is not None:
        values = np.where(sample.mask.reshape(values.shape), values, np.float32(-_LIMIT))
    spacing = sample.spacing or ()
    if len(spacing) != 3 or not all(np.isfinite(each) and each > 0 for each in spacing):
        raise UsageError(
            f"med/ct-clip resamples to {' x '.join(map(str, _SPACING))} mm, and this volume does not say its spacing."
        )
    wanted = [int(side * own / step) for side, own, step in zip(values.shape, spacing, _SPACING, strict=True)]
    if min(wanted) < 1:
        raise UsageError(f"med/ct-clip: a volume of {values.shape} at {spacing} mm is thinner than one voxel.")
    volume = torch.from_numpy(np.clip(values, -_LIMIT, _LIMIT))[None, None]
    grown = torch.nn.functional.interpolate(volume, wanted, mode="trilinear", align_corners=False)[0, 0].numpy()
    turned = grown.transpose(0, 2, 1)[:, :, ::-1]
    found = np.full(size, -_STEPS, dtype=np.int16)
    inner, outer = [], []
    for have, want in zip(turned.shape, size, strict=True):
        first, before = max(0, (have - want) // 2), max(0, (want - have) // 2)
        inner.append(slice(first, first + min(have, want)))
        outer.append(slice(before, before + min(have, want)))
    found[tuple(outer)] = np.round(turned[tuple(inner)] * (_STEPS / _LIMIT))
    return found
