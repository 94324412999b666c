"""Keeps pydicom from quoting patients: what it warns of and logs may hold a tag's value."""

from __future__ import annotations

import logging
import warnings

import pydicom

__all__ = ["quiet"]


def quiet() -> None:
    """Silence the warnings and the log of pydicom. To be called again where warnings were reset in between."""
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    for module in (r"pydicom(\.|$)", r"fieldglass_medical(\.|$)"):
        warnings.filterwarnings("ignore", module=module)
