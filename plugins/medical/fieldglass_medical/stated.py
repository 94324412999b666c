"""Says what a picture is no use for, and through which window it is shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fieldglass.types import Sample

__all__ = ["NOTICE", "stated_window", "without_notice"]

NOTICE = "research use only, not for diagnosis: this is not a diagnostic device"


def stated_window(loader: Any, sample: Sample) -> str:
    """A sentence for the reader of a picture: centre and width where Hounsfield units were shown through one."""
    if sample.units == "HU":
        return f"window centre {loader.center:g} HU, width {loader.width:g} HU"
    if "window_center" in sample.measured:
        return "window centre {window_center:g}, width {window_width:g}".format(**sample.measured)
    if sample.units == "srgb8" and sample.kind == "image":
        return "colours as stored"
    if sample.kind == "clip":
        return "colours as stored, grey by its own windows"
    if bits := getattr(loader, "bits", 0):  # an exported picture has no window
        return f"the whole range of {bits} bits"
    return "no window in the file: by its table, else from its 0.5th to 99.5th percentile"


def without_notice(notes: Iterable[str]) -> tuple[str, ...]:
    """The notes of a result without the notice, for readers who have been told it already."""
    return tuple(note for note in notes if note != NOTICE)
