"""The presentation pipeline beside pydicom's own functions, on its real files and on ramps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_windowing

from fieldglass_medical.pixels import grey, rescale

REAL = Path(pydicom.__file__).parent / "data" / "test_files"


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm", "MR_small_bigendian.dcm"])
def test_rescaling_equals_that_of_pydicom(name):
    data = pydicom.dcmread(REAL / name)
    stored = data.pixel_array
    assert np.allclose(rescale(stored, data), apply_modality_lut(stored, data))


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(("center", "width"), [(40, 400), (-600, 1500), (100.5, 33)])
def test_windows_equal_those_of_pydicom(function, center, width):
    stored = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    data = Dataset()
    data.PhotometricInterpretation, data.BitsStored, data.BitsAllocated = "MONOCHROME2", 12, 16
    data.PixelRepresentation, data.RescaleSlope, data.RescaleIntercept = 0, 1, -1024
    data.WindowCenter, data.WindowWidth, data.VOILUTFunction = center, width, function
    values = rescale(stored, data)
    theirs = (apply_windowing(values, data) + 1024) / 4095
    assert np.allclose(grey(values, data, None), theirs, atol=1e-4)
