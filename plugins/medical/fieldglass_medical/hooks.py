"""What this plugin adds to Fieldglass."""

from __future__ import annotations

from fieldglass.hooks import Offer, hookimpl


@hookimpl
def fieldglass_loaders():
    return [
        Offer(
            "med/dicom",
            "fieldglass_medical.loader:Dicom",
            "DICOM instances, frames, series and studies; ids as keyed hashes",
        )
    ]
