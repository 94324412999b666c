"""DICOM files that the tests write, with a patient's tags."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

REAL = Path(pydicom.__file__).parent / "data" / "test_files"
SECRETS = ("Doe^Jane", "HOSPITAL-4711", "19700101", "Dr. Who", "General Hospital", "knee of Jane")


def dicom(path: Path, pixels: np.ndarray | None = None, **tags) -> Path:
    """A CT slice with a patient's tags; `tags` replace, or with None remove."""
    if pixels is None:
        pixels = np.arange(24 * 20, dtype=np.uint16).reshape(24, 20) * 5
    data = Dataset()
    values = {
        "SOPClassUID": CTImageStorage, "SOPInstanceUID": generate_uid(), "Modality": "CT", "BodyPartExamined": "KNEE",
        "PatientName": SECRETS[0], "PatientID": SECRETS[1], "PatientBirthDate": SECRETS[2],
        "ReferringPhysicianName": SECRETS[3], "InstitutionName": SECRETS[4], "StudyDescription": SECRETS[5],
        "StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.3.4",
        "Rows": pixels.shape[-2], "Columns": pixels.shape[-1],
        "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2", "BitsAllocated": 16, "BitsStored": 16,
        "HighBit": 15, "PixelRepresentation": int(pixels.dtype.kind == "i"),
        "RescaleSlope": 1, "RescaleIntercept": -1024, "PixelSpacing": [0.5, 0.5], **tags,
    }  # fmt: skip
    for keyword, value in values.items():
        if value is not None:
            setattr(data, keyword, value)
    data.PixelData = pixels.tobytes()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = CTImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.save_as(path, enforce_file_format=True)
    return path
