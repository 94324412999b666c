"""What holds for one frame of an enhanced object: its functional groups laid over the header (PS3.3 C.7.6.16)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydicom.dataset import Dataset

__all__ = ["count", "frame_header"]

# macro: the tags of it that geometry and grey levels need
_MACROS = {
    "PixelValueTransformationSequence": ("RescaleSlope", "RescaleIntercept", "RescaleType"),
    "FrameVOILUTSequence": ("WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence"),
    "PixelMeasuresSequence": ("PixelSpacing", "SliceThickness", "SpacingBetweenSlices"),
    "PlanePositionSequence": ("ImagePositionPatient",),
    "PlaneOrientationSequence": ("ImageOrientationPatient",),
    "MREchoSequence": ("EffectiveEchoTime",),
    "TemporalPositionSequence": ("TemporalPositionTimeOffset",),
}
_OVER = sorted({keyword for macro in _MACROS.values() for keyword in macro})
_HEADER = [
    *_OVER, "Modality", "PhotometricInterpretation", "PresentationLUTShape", "BitsStored", "BitsAllocated",
    "PixelPaddingValue", "PixelPaddingRangeLimit", "ModalityLUTSequence", "RedPaletteColorLookupTableDescriptor",
]  # fmt: skip


def count(header: Any) -> int:
    """The frames of a file; 1 where it does not say."""
    said = header.get("NumberOfFrames")
    return max(int(said), 1) if said is not None and str(said).strip() else 1


def frame_header(header: Any, index: int) -> Any:
    """The header as it holds for a frame (from 0): per-frame groups before shared ones before the file's own.

    A file without functional groups gives its own header.
    """
    groups = list(_groups(header, index))
    if not groups:
        return header
    found = Dataset()
    for keyword in _HEADER:
        if keyword in header:
            found.add(header[keyword])
    for group in groups:
        for macro, keywords in _MACROS.items():
            for item in (group.get(macro) or [])[:1]:
                for keyword in keywords:
                    if keyword in item:
                        found.add(item[keyword])
    return found


def _groups(header: Any, index: int) -> Iterator[Any]:
    yield from (header.get("SharedFunctionalGroupsSequence") or [])[:1]
    per_frame = header.get("PerFrameFunctionalGroupsSequence") or []
    if index < len(per_frame):
        yield per_frame[index]
