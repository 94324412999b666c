"""Fieldglass for medical images: DICOM in physical units, without a patient tag in the index."""

from __future__ import annotations

__all__: list[str] = []
