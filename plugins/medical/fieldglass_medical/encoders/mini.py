"""`med/mini`: the core's `mini` on windowed slices. No download."""

from __future__ import annotations

from typing import Literal

from fieldglass_medical.encoders.slices import SlicePooling

__all__ = ["MedicalMini"]


class MedicalMini(SlicePooling):
    """Radiographs, slices, endoscopy, and volumes and clips by pooled slices; the offline default.

    It compares texture and shape with a network that learned photographs: good for "which slices look alike", not
    for findings. Its sentences are `mini`'s thousand kinds of thing, of which none is a diagnosis.
    """

    name = "med/mini"

    def __init__(
        self,
        *,
        slices: int = 16,
        pool: Literal["mean", "max"] = "mean",
        window: str = "lung/soft/bone",
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        super().__init__(slices=slices, pool=pool, window=window, device=device, precision=precision)
        self.options = {name: value for name, value in self.options.items() if name != "encoder"}
