"""`rs/open_clip`: a CLIP of the core that takes reflectance and radar too, by a stated rendering."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Literal

from fieldglass.encoders.fingerprint import fingerprint
from fieldglass.encoders.open_clip import OpenClip
from fieldglass.types import Accepts, Prepared
from fieldglass_remote_sensing.rendering import UNITS, Rendering

if TYPE_CHECKING:
    from fieldglass.types import Sample

__all__ = ["RemoteSensingClip"]


class RemoteSensingClip(OpenClip):
    """RemoteCLIP, GeoRSCLIP, SkyCLIP, CrossText2Loc or any other checkpoint of open_clip.

    `rendering` and `gain` say how bands become a picture, see `rendering.Rendering`; every other option is that of
    the core's `open_clip`. Chips in sRGB go in as they are.
    """

    name = "rs/open_clip"
    accepts = (*UNITS, Accepts("text", "text", (), "unit"))

    def __init__(
        self,
        *,
        model: str = "",
        pretrained: str = "",
        weights: str = "",
        seed: int = 0,
        rendering: Literal["gain", "percentile"] = "gain",
        gain: float = 3.0,
        mean: tuple[float, ...] | None = None,
        std: tuple[float, ...] | None = None,
        interpolation: str | None = None,
        resize_mode: str | None = None,
        image_size: int | None = None,
        pad_ratio: float | None = None,
        quick_gelu: bool | None = None,
        context: int | None = None,
        keep: int = 0,
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        self._rendering = Rendering(rendering, gain)
        super().__init__(
            model=model,
            pretrained=pretrained,
            weights=weights,
            seed=seed,
            mean=mean,
            std=std,
            interpolation=interpolation,
            resize_mode=resize_mode,
            image_size=image_size,
            pad_ratio=pad_ratio,
            quick_gelu=quick_gelu,
            context=context,
            keep=keep,
            device=device,
            precision=precision,
        )
        self.fingerprint = fingerprint(self.name, clip=self.fingerprint, rendering=self._rendering.settings())
        self.options = {**self.options, **asdict(self._rendering)}

    def prepare(self, sample: Sample) -> Prepared:
        """An image of any accepted units -> (height, width, 3) uint8; a text as it is."""
        return super().prepare(sample if sample.kind == "text" else self._rendering(sample, self.name))
