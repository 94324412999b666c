"""The medical loader against its bounds: a series to a volume, and the memory of a streamed file."""

from __future__ import annotations

import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from benchmarks.table import Row
from fieldglass.types import Item, Sample
from fieldglass_medical.loader import Dicom


def rows(quick: bool) -> Iterator[Row]:
    """The rows of the medical loader."""
    with tempfile.TemporaryDirectory(prefix="fieldglass-bench-") as name:
        folder = Path(name)
        yield _series(folder, 50 if quick else 500)
        yield _frames(folder, 60 if quick else 300)


def _series(folder: Path, count: int) -> Row:
    source = folder / "series"
    source.mkdir()
    for index in range(count):
        _write(source / f"{index}", np.full((512, 512), index, np.uint16), ImagePositionPatient=[0, 0, index])
    loader = Dicom(level="series", key=str(folder / "key"))
    (item,) = (each for each in loader.scan(source) if isinstance(each, Item))
    theirs, ours = [], []
    for _ in range(3):
        started = time.process_time()
        for path in source.iterdir():
            _ = pydicom.dcmread(path).pixel_array
        theirs.append(time.process_time() - started)
        started = time.process_time()
        (sample,) = loader.read([item], source)
        ours.append(time.process_time() - started)
        if not isinstance(sample, Sample) or sample.content.shape != (count, 512, 512, 1):
            raise RuntimeError("the series made no volume")
    ratio = min(ours) / min(theirs)
    return Row(
        f"a series of {count} slices to a volume",
        "< 2.5 times reading its pixels",
        f"{ratio:.2f}",
        ratio < 2.5,
        f"CPU s: {min(ours):.2f} and {min(theirs):.2f} (pydicom, pixel_array of each file)",
    )


def _frames(folder: Path, count: int) -> Row:
    path = folder / "frames.dcm"
    _write(path, np.zeros((count, 512, 512), np.uint16), NumberOfFrames=count)
    loader = Dicom(level="frame", key=str(folder / "key"))
    items = [each for each in loader.scan(path) if isinstance(each, Item)]
    for _ in loader.read(items[:2], path):
        pass
    tracemalloc.start()
    seen = sum(isinstance(each, Sample) for each in loader.read(items, path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    frame = 512 * 512 * 4  # as it is given: float32
    return Row(
        f"a file of {count} frames, frame by frame",
        "< 3 decoded frames beyond the file's bytes",
        f"{peak / frame:.2f} frames",
        seen == count and peak < 3 * frame + path.stat().st_size,
        f"{peak / 1e6:.1f} MB at most for {seen} frames; the file of {path.stat().st_size / 1e6:.0f} MB is not held",
    )


def _write(path: Path, pixels: np.ndarray, **tags: object) -> None:
    data = Dataset()
    values = {
        "SOPClassUID": CTImageStorage, "SOPInstanceUID": generate_uid(), "Modality": "CT", "PatientID": "1",
        "StudyInstanceUID": "1.2.3", "SeriesInstanceUID": "1.2.3.4", "Rows": 512, "Columns": 512, "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2", "BitsAllocated": 16, "BitsStored": 16, "HighBit": 15,
        "PixelRepresentation": 0, "RescaleSlope": 1, "RescaleIntercept": -1024, "PixelSpacing": [0.5, 0.5],
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0], **tags,
    }  # fmt: skip
    for keyword, value in values.items():
        setattr(data, keyword, value)
    data.PixelData = pixels.tobytes()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = CTImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.save_as(path, enforce_file_format=True)
