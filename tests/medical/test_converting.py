"""Series to NIfTI: every voxel lies where DICOM puts it, oblique or not (PS3.3 C.7.6.2.1.1, nibabel as the judge)."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest

from fieldglass.errors import UsageError
from fieldglass_medical.converting import convert
from medical.test_series import series

AXIAL, SAGITTAL, CORONAL = (1, 0, 0, 0, 1, 0), (0, 1, 0, 0, 0, -1), (1, 0, 0, 0, 0, -1)


def turned(degrees):
    """Row and column directions that are oblique to all three axes."""
    a = np.radians(degrees)
    x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    found = z @ x
    return (*found[:, 0], *found[:, 1])


@pytest.mark.parametrize(
    ("axes", "codes"),
    [(AXIAL, "LPS"), (SAGITTAL, "PIR"), (CORONAL, "LIP"), (turned(25), None)],
    ids=["axial", "sagittal", "coronal", "oblique"],
)
def test_a_voxel_lies_where_dicom_says(tmp_path, axes, codes):
    axes = np.asarray(axes, dtype=float)
    normal = np.cross(axes[:3], axes[3:])
    origin = np.array([-12.5, 30.0, 7.0])
    places = [origin + normal * 2.5 * number for number in range(4)]
    slices = [np.arange(48, dtype=np.uint16).reshape(8, 6) + 1000 + 100 * number for number in range(4)]
    order = [2, 0, 3, 1]
    root = series(
        tmp_path / "a",
        [list(map(float, places[each])) for each in order],
        values=[slices[each] for each in order],
        ImageOrientationPatient=[float(each) for each in axes],
        PixelSpacing=[0.5, 0.75],
    )
    (done,) = convert(root, tmp_path / "out", "med/dicom", {"level": "series"}, to="nifti")
    image = nibabel.load(tmp_path / "out" / done.file)
    values = image.get_fdata()
    assert values.shape == done.shape == (6, 8, 4) and image.header.get_xyzt_units()[0] == "mm"
    assert np.allclose(image.header.get_zooms(), (0.75, 0.5, 2.5))
    if codes:
        assert "".join(nibabel.aff2axcodes(image.affine)) == codes
    for column, row, number in ((0, 0, 0), (5, 2, 1), (3, 7, 3)):
        left = places[number] + axes[:3] * 0.75 * column + axes[3:] * 0.5 * row
        assert np.allclose(image.affine @ (column, row, number, 1), (-left[0], -left[1], left[2], 1), atol=1e-3)
        assert values[column, row, number] == int(slices[number][row, column]) - 1024


def test_nothing_of_the_header_goes_along(tmp_path):
    root = series(tmp_path / "a", [0, 2, 4])
    (done,) = convert(root, tmp_path / "out", "med/dicom", {"level": "series"}, to="nifti")
    header = nibabel.load(tmp_path / "out" / done.file).header
    assert not bytes(header["descrip"]).strip(b"\0") and not bytes(header["db_name"]).strip(b"\0")
    assert not header.extensions


def test_one_picture_is_no_volume_and_a_warning_no_failure(tmp_path):
    root = series(tmp_path / "a", [0], PatientID=None)
    found = list(convert(root, tmp_path / "out", "med/dicom", {"level": "series"}, to="nifti"))
    assert [(each.severity, each.problem.partition(":")[0]) for each in found] == [
        ("warning", "dicom-no-patient"), ("error", "series-none"),
    ]  # fmt: skip
    with pytest.raises(UsageError, match="no volumes"):
        list(convert(root, tmp_path / "out", "files", {}, to="nifti"))
