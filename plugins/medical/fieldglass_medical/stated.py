"""Says through which window a picture is shown."""

from __future__ import annotations

from typing import Any

from fieldglass.types import Sample

__all__ = ["NOTICE", "stated_window"]

NOTICE = "research use only, not for diagnosis"


def stated_window(loader: Any, sample: Sample) -> str:
    """A sentence for the reader of a picture: centre and width where Hounsfield units were shown through one."""
    if sample.units == "HU":
        return f"window centre {loader.center:g} HU, width {loader.width:g} HU"
    if sample.units == "srgb8":
        return "colours as stored"
    return "the window of the file, or its 0.5th to 99.5th percentile"
