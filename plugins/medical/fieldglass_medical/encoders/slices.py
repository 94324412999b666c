"""`med/slices`: any encoder of pictures on slices, volumes and clips. The baseline that a 3-D network has to beat."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fieldglass.encoders import capabilities, encode
from fieldglass.encoders.fingerprint import fingerprint
from fieldglass.errors import UsageError
from fieldglass.models import cards
from fieldglass.options import options_of, parse
from fieldglass.registry import registry
from fieldglass.types import Prepared, Sample
from fieldglass_medical.encoders.display import Display, accepted, sections

if TYPE_CHECKING:
    from fieldglass.types import F32

__all__ = ["SlicePooling"]

_TOWERS = {"image": "image", "volume": "stack", "clip": "stack"}
_PIECE = 64  # pictures at a time: a batch of volumes has hundreds
_PASSED_ON = ("texts", "as_query", "as_text")


class SlicePooling:
    """Shows slices as 8-bit pictures, encodes them with `encoder`, and pools their vectors.

    A volume or clip is at most `slices` of its slices or frames, evenly spaced; `pool` is "mean" or "max" of their
    unit vectors, number by number, made unit again. `window` is how Hounsfield units are shown, see `Display`.
    `encoder` is an encoder's or a model card's name; `model`, `pretrained`, `weights` and `encoder_options`
    ("name=value name=value") are its options. It also has what that encoder has of texts and patches.
    """

    name = "med/slices"

    def __init__(
        self,
        *,
        encoder: str = "mini",
        model: str = "",
        pretrained: str = "",
        weights: str = "",
        encoder_options: str = "",
        slices: int = 16,
        pool: Literal["mean", "max"] = "mean",
        window: str = "lung/soft/bone",
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        if slices < 1:
            raise UsageError(f"slices={slices}: a volume is at least one slice.")
        if pool not in ("mean", "max"):
            raise UsageError(f"pool={pool!r} is not known.", hint="Use mean or max.")
        self._display, self._slices, self._pool = Display(window), slices, pool
        stated = {
            "model": model,
            "pretrained": pretrained,
            "weights": weights,
            "device": device,
            "precision": precision,
        }
        self._inner = _made(encoder, stated, encoder_options)
        if "images" not in capabilities(self._inner) or "srgb8" not in {each.units for each in self._inner.accepts}:
            raise UsageError(f"{encoder} does not encode pictures.", hint="`fieldglass list encoders` shows which do.")
        self.dim, self.rows, self.dtype = self._inner.dim, self._inner.rows, self._inner.dtype
        self.pixels = getattr(self._inner, "pixels", 0)
        self.device = getattr(self._inner, "device", "cpu")
        self.accepts = (*accepted(_TOWERS), *(each for each in self._inner.accepts if each.kind == "text"))
        for method in _PASSED_ON:
            if callable(getattr(self._inner, method, None)):
                setattr(self, method, getattr(self._inner, method))
        if "patches" in capabilities(self._inner):
            self.patches = self._patches
        self.fingerprint = fingerprint(
            self.name, inner=self._inner.fingerprint, window=window, slices=slices, pool=pool, version=1
        )
        asked = {"encoder": encoder, "model": model, "pretrained": pretrained, "encoder_options": encoder_options}
        kept = {"weights": str(getattr(self._inner, "options", {}).get("weights", weights)) if weights else ""}
        self.options: Mapping[str, Any] = {
            **{name: value for name, value in {**asked, **kept}.items() if value},
            **{"slices": slices, "pool": pool, "window": window},
            "precision": getattr(self._inner, "options", {}).get("precision", precision),
        }

    def prepare(self, sample: Sample) -> Prepared:
        """An image -> what the encoder makes of it; a volume or clip -> those of its slices, (slices, ...); a text."""
        if sample.kind == "text":
            return Prepared(self._inner.prepare(sample).content, "text")
        self._display.check(sample, self.name)
        if sample.kind == "image":
            return Prepared(self._picture(self._display(sample, self.name)), "image")
        chosen = sections(len(sample.content), self._slices)
        masks = [None] * len(sample.content) if sample.mask is None else sample.mask
        shown = (self._display.render(sample.content[at], sample.units, masks[at]) for at in chosen)
        return Prepared(np.stack([self._picture(each) for each in shown]), "stack")

    def images(self, batch: Sequence[Prepared]) -> F32:
        """(n, rows, dim) float32, unit."""
        counts = [len(each.content) if each.tower == "stack" else 1 for each in batch]
        every = list(self._each(batch))
        found = np.concatenate(
            [encode(self._inner, every[start : start + _PIECE]) for start in range(0, len(every), _PIECE)]
        )
        parts = np.split(found, np.cumsum(counts)[:-1])
        return np.stack([self._pooled(part) if len(part) > 1 else part[0] for part in parts])

    def _patches(self, batch: Sequence[Prepared]) -> F32:
        """(n, p, dim) float32 of images, unit. UsageError for volumes, whose slices have patches of their own."""
        if any(each.tower == "stack" for each in batch):
            raise UsageError(f"{self.name} gives patches of images, not of volumes.", hint="Give one slice.")
        return np.asarray(self._inner.patches(list(self._each(batch))), dtype=np.float32)

    def _each(self, batch: Sequence[Prepared]) -> Any:
        for item in batch:
            for content in item.content if item.tower == "stack" else (item.content,):
                yield Prepared(content, self._tower)

    def _picture(self, pixels: Any) -> Any:
        prepared = self._inner.prepare(Sample("image", pixels))
        return prepared.content

    @property
    def _tower(self) -> str:
        return str(next(each.tower for each in self._inner.accepts if each.kind == "image" and each.units == "srgb8"))

    def _pooled(self, vectors: F32) -> F32:
        """(slices, rows, dim) -> (rows, dim)."""
        pooled = vectors.mean(axis=0) if self._pool == "mean" else vectors.max(axis=0)
        norms = np.linalg.norm(pooled, axis=-1, keepdims=True)
        return np.asarray(np.where(norms > 1e-6, pooled / np.maximum(norms, 1e-6), vectors[0]), dtype=np.float32)


def _made(name: str, stated: Mapping[str, Any], more: str) -> Any:
    """The encoder of that name with the options that it has; UsageError for one it has not."""
    options: dict[str, Any] = dict(parse(tuple(shlex.split(more))))
    found = cards().get(name)
    if found is not None and found.source and found.family == SlicePooling.name:  # its encoder of pictures is meant
        inner = {each: value for each, value in found.options.items() if each not in ("slices", "pool", "window")}
        name, options = str(inner.pop("encoder", name)), {**inner, **options}
    elif found is not None and found.source and found.family != name:
        name, options = found.family, {**found.options, **options}
    if name == "med/slices":
        raise UsageError("med/slices does not pool itself.", hint="Name an encoder of pictures, as encoder=open_clip.")
    known = options_of(registry().factory("encoders", name))
    given = {each: value for each, value in stated.items() if value and (value != "auto" or each in known)}
    return registry().create("encoders", name, {**options, **given})
