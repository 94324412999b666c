"""The medical loader against its bounds: ingest, JPEG 2000 on all cores, a series to a volume, a streamed file."""

from __future__ import annotations

import tempfile
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from openjpeg.utils import encode_array
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, JPEG2000Lossless, generate_uid

import fieldglass_medical.loader as loaders
from benchmarks.ingest import BATCH
from benchmarks.metered import metered
from benchmarks.table import Row
from fieldglass.ingest import ingest
from fieldglass.parallel import cores
from fieldglass.registry import registry
from fieldglass.store import Store
from fieldglass.testing.tiny import TinyEncoder
from fieldglass.types import Item, Sample
from fieldglass_medical.loader import Dicom

__all__ = ["rows"]


def rows(quick: bool) -> Iterator[Row]:
    """The rows of the medical loader."""
    with tempfile.TemporaryDirectory(prefix="fieldglass-bench-") as name:
        folder = Path(name)
        mini, vit = ("med/mini", {"device": "cpu"}), ("open_clip", {"model": "ViT-B-16", "pretrained": "random"})
        yield _ingest(folder, 128 if quick else 1536, "med/mini", *mini)
        yield _ingest(folder, 32 if quick else 256, "ViT-B/16 (random weights, as large as BiomedCLIP)", *vit)
        yield from _jpeg2000(folder, 8 if quick else 32)
        yield _series(folder, 50 if quick else 500)
        yield _frames(folder, 60 if quick else 300)


def _ingest(folder: Path, count: int, what: str, name: str, options: dict[str, Any]) -> Row:
    """Slices per second of a whole ingest, as a share of cores / CPU seconds of its three steps."""
    source = folder / "slices"
    if not source.exists():
        _head(source, count)
    key = {"key": str(folder / "key")}
    encoder = registry().create("encoders", name, options)
    how: dict[str, Any] = {"encoder": encoder, "loader": "med/dicom", "loader_options": key, "batch": BATCH}
    with tempfile.TemporaryDirectory(dir=folder) as place, Store.create(Path(place, "c.collection")) as store:
        ingest(store, source, limit=2 * BATCH, **how)  # weights load, caches fill
    with tempfile.TemporaryDirectory(dir=folder) as place, Store.create(Path(place, "c.collection")) as store:
        run = metered(store, source, limit=count, **how)
    return Row(
        f"ingest of {count} slices of a head CT, 512 x 512, not compressed, {what}",
        ">= 0.90 of the bound",
        f"{run.share:.2f}",
        run.share >= 0.9,
        f"{run}; outside the bound: previews, headers, commits and what threads wait for",
    )


def _head(folder: Path, count: int) -> None:
    """A real slice (693_UNCR.dcm of pydicom-data) with all its tags, shifted a row further in each copy."""
    folder.mkdir()
    slice_ = pydicom.dcmread(str(get_testdata_file("693_UNCR.dcm")))
    pixels = slice_.pixel_array
    for index in range(count):
        slice_.SOPInstanceUID = slice_.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        slice_.ImagePositionPatient = [0, 0, index]
        slice_.PixelData = (np.roll(pixels, index, 0) + index // 512).astype(pixels.dtype).tobytes()
        slice_.save_as(folder / f"{index}.dcm")


def _jpeg2000(folder: Path, count: int) -> Iterator[Row]:
    """Decoding of large JPEG 2000 frames beside one thread, and how often each is decoded in a whole ingest."""
    source = folder / "radiographs"
    source.mkdir()
    random = np.random.default_rng(0)
    smooth = np.add.outer(np.linspace(0, 2000, 2048), np.linspace(0, 1500, 2048)) + random.normal(0, 12, (2048, 2048))
    frame = encode_array(np.clip(smooth, 0, 4095).astype(np.uint16), bits_stored=12, photometric_interpretation=2)
    for index in range(count):
        tags = {"Rows": 2048, "Columns": 2048, "BitsStored": 12, "HighBit": 11, "Modality": "DX"}
        _write(source / f"{index}.dcm", frame, JPEG2000Lossless, **tags)
    loader = Dicom(key=str(folder / "key"))
    items = [each for each in loader.scan(source) if isinstance(each, Item)]

    def read(item: Item) -> int:
        return sum(isinstance(each, Sample) for each in loader.read([item], source))

    with ThreadPoolExecutor(cores()) as pool:
        list(pool.map(read, items[: 2 * cores()]))  # each thread's decoder starts
    ratios = []
    for _ in range(3):
        started = time.perf_counter()
        alone = sum(map(read, items))
        one = time.perf_counter() - started
        with ThreadPoolExecutor(cores()) as pool:
            started = time.perf_counter()
            together = sum(pool.map(read, items))
            ratios.append(one / (time.perf_counter() - started))
        if (alone, together) != (count, count):
            raise RuntimeError("a radiograph was not decoded")
    best = max(ratios)
    yield Row(
        f"decoding of {count} JPEG 2000, 2048 x 2048",
        f">= 0.85 of {cores()} cores",
        f"{best / cores():.2f}",
        None if cores() < 2 else best >= 0.85 * cores(),
        f"{best:.2f} times as fast in {cores()} threads as in one; {1e3 * one / count:.0f} ms each in one",
    )
    calls: Counter[str] = Counter()

    def counted(*arguments: Any, **how: Any) -> Any:
        calls["decoded"] += 1
        return _picture_of(*arguments, **how)

    _picture_of, loaders.picture_of = loaders.picture_of, counted
    try:
        with Store.create(folder / "radiographs.collection") as store:
            options = {"key": str(folder / "key")}
            report = ingest(store, source, encoder=TinyEncoder(), loader="med/dicom", loader_options=options)
    finally:
        loaders.picture_of = _picture_of
    each = calls["decoded"] / count
    whole = each == 1 and report.new == count
    yield Row("how often each is decoded in an ingest", "once, for preview and encoding", f"{each:.2f}", whole)


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


def _write(path: Path, pixels: Any, syntax: Any = ExplicitVRLittleEndian, **tags: object) -> None:
    """A CT slice of an array, or a frame that is compressed already."""
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
    data.PixelData = encapsulate([pixels]) if isinstance(pixels, bytes) else pixels.tobytes()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    data.file_meta.MediaStorageSOPClassUID = CTImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID
    data.save_as(path, enforce_file_format=True)
