"""What the loader shows of every picture that pydicom carries, beside pydicom's own presentation pipeline."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi, apply_windowing

from fieldglass.types import Item, Sample
from fieldglass_medical.loader import Dicom

OWN = Path(pydicom.__file__).parent / "data"
BIG_ENDIAN = "SC_rgb_small_odd_big_endian.dcm"


def shown_by_pydicom(data, stored):
    """What pydicom makes of stored values in the order of PS3.3 C.11, as the loader's units; None without a window."""
    if data.PhotometricInterpretation == "PALETTE COLOR":
        found = apply_color_lut(stored, data)
        return found if found.max() < 256 else found >> 8
    if stored.ndim == 3:
        return stored >> max(data.BitsStored - 8, 0)
    values = apply_modality_lut(stored, data)
    if data.get("Modality") == "CT" and "RescaleIntercept" in data:
        return values[..., None]
    if "VOILUTSequence" in data:
        unit = apply_voi(values.astype(np.int32), data) / (2.0 ** data.VOILUTSequence[0].LUTDescriptor[2] - 1)
    elif "WindowCenter" in data:
        low, high = bounds(data)
        unit = (apply_windowing(values, data) - low) / (high - low)
    else:
        return None
    return (1 - unit if data.PhotometricInterpretation == "MONOCHROME1" else unit)[..., None]


def bounds(data):
    """The range of rescaled values, into which pydicom puts what it has windowed."""
    if "ModalityLUTSequence" in data:
        return 0, 2.0 ** data.ModalityLUTSequence[0].LUTDescriptor[2] - 1
    half = 2.0 ** (data.BitsStored - 1)
    ends = np.array([-half, half - 1] if data.PixelRepresentation else [0, 2 * half - 1])
    return ends * float(data.get("RescaleSlope", 1)) + float(data.get("RescaleIntercept", 0))


def compared(root: Path, most: int = 1 << 30) -> dict[str, float]:
    """The largest difference of each picture of at most so many bytes, as a share of what its units allow."""
    loader, found = Dicom(), {}
    for item in loader.scan(root):
        if not isinstance(item, Item) or item.metadata.get("frames") != 1:
            continue
        path = root / str(loader.identity.path(root, item.id))
        if not path.is_file() or path.stat().st_size > most:
            continue
        sample = next(loader.read([item], root))
        if not isinstance(sample, Sample):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = pydicom.dcmread(path, force=True)
            if "TransferSyntaxUID" not in data.file_meta:  # pydicom leaves that to its user
                continue
            theirs = shown_by_pydicom(data, data.pixel_array)
        if theirs is None:
            continue
        valid = sample.mask if sample.mask is not None else np.ones(sample.content.shape[:2], dtype=bool)
        allowed = {"srgb8": 1.0, "HU": 1e-2, "unit": 2e-3}[sample.units]
        found[path.name] = float(np.abs(sample.content[valid].astype(float) - theirs[valid]).max()) / allowed
    return found


def test_the_pictures_of_pydicom_are_shown_as_by_pydicom():
    found = compared((OWN / "test_files").resolve(), most=150_000)
    assert len(found) > 30 and BIG_ENDIAN in found
    assert {name: far for name, far in found.items() if far > 1} == {}


@pytest.mark.slow
def test_those_of_pydicom_data_too():
    data_store = pytest.importorskip("data_store", reason="needs pydicom-data, of the dev group")
    found = compared((Path(data_store.__file__).parent / "data").resolve())
    assert len(found) > 30
    assert {name: far for name, far in found.items() if far > 1} == {}
