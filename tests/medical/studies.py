"""Small archives of DICOM: patients with findings that one sees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

__all__ = ["LABELS", "NAME", "archive", "slice_of"]

NAME = "Doe^Jane"
LABELS = ("stripes", "disc", "checks")


def archive(folder: Path, patients: int = 6, slices: int = 2, size: int = 64) -> Path:
    """`patients` folders of `slices` CT slices; patient p shows the finding p % 3. And labels.csv beside it."""
    rows = ["file,finding"]
    root = folder / "archive"
    for patient in range(patients):
        label = LABELS[patient % len(LABELS)]
        (root / f"Jane{patient}").mkdir(parents=True)
        for number in range(slices):
            name = f"Jane{patient}/{number}.dcm"
            slice_of(root / name, picture(label, patient * 10 + number, size), patient=f"P{patient}", number=number)
            rows.append(f"{name},{label}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return root


def picture(label: str, seed: int, size: int = 64) -> np.ndarray:
    """(size, size) uint16 stored values, intercept -1024: tissue with one bright finding, and noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    shift = rng.integers(0, 6)
    finding = {
        "stripes": (x + shift) // 6 % 2 == 0,
        "disc": (x - size / 2 - shift) ** 2 + (y - size / 2) ** 2 < (size / 4) ** 2,
        "checks": ((x + shift) // 10 + y // 10) % 2 == 0,
    }[label]
    return (np.where(finding, 1224, 924) + rng.normal(0, 8, (size, size))).astype(np.uint16)


def slice_of(path: Path, pixels: np.ndarray, *, patient: str, number: int = 0, **tags) -> Path:
    """One CT slice of a patient, with a name in it that must appear nowhere."""
    data = Dataset()
    values = {
        "SOPClassUID": CTImageStorage, "SOPInstanceUID": generate_uid(), "Modality": "CT", "BodyPartExamined": "CHEST",
        "PatientName": NAME, "PatientID": patient, "StudyInstanceUID": f"1.2.{hash_of(patient)}",
        "SeriesInstanceUID": f"1.2.{hash_of(patient)}.1", "InstanceNumber": number,
        "ImagePositionPatient": [0, 0, 2.5 * number], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "Rows": pixels.shape[0], "Columns": pixels.shape[1], "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2", "BitsAllocated": 16, "BitsStored": 16, "HighBit": 15,
        "PixelRepresentation": 0, "RescaleSlope": 1, "RescaleIntercept": -1024, "PixelSpacing": [0.5, 0.5], **tags,
    }  # fmt: skip
    for keyword, value in values.items():
        setattr(data, keyword, value)
    data.PixelData = pixels.tobytes()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = CTImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.save_as(path, enforce_file_format=True)
    return path


def hash_of(patient: str) -> int:
    """Digits for a UID."""
    return int.from_bytes(patient.encode(), "big")
