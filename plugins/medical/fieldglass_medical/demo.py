"""The demo of studies: real DICOM files that pydicom carries."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

from fieldglass.demo import Demo
from fieldglass.errors import MissingExtraError

__all__ = ["studies"]

# what pydicom ships in its own package, by what one sees: CT, MR, nuclear medicine, ultrasound, a palette
_FILES = (
    "CT_small.dcm", "693_J2KI.dcm", "JPEG2000.dcm", "MR_small.dcm", "MR_small_jp2klossless.dcm", "MR_small_RLE.dcm",
    "examples_palette.dcm", "examples_ybr_color.dcm", "examples_rgb_color.dcm", "examples_overlay.dcm",
    "examples_jpeg2k.dcm", "JPGExtended.dcm", "JPEG-lossy.dcm", "liver_1frame.dcm", "rtdose_1frame.dcm",
    "image_dfl.dcm", "J2K_pixelrep_mismatch.dcm", "SC_rgb_small_odd.dcm", "UN_sequence.dcm", "test-SR.dcm",
)  # fmt: skip


def studies(folder: Path) -> Demo:
    """The files copied below `folder`, with a key of their own, and two searches without the query's own patient."""
    archive = folder / "archive"
    archive.mkdir(parents=True, exist_ok=True)
    for name in _FILES:
        source = _home() / name
        if source.is_file() and not (archive / name).exists():
            shutil.copyfile(source, archive / name)
    return Demo(
        "Two searches in real DICOM files",
        archive,
        (
            {"image": archive / "CT_small.dcm", "k": 5},
            {"image": archive / "MR_small.dcm", "k": 5},
        ),
        intro="Files of different makers and encodings that pydicom carries, shown through their windows, indexed with "
        "med/mini. Ids are keyed hashes; files of the query's own patient are left out. With so few files of such "
        "different things most hits are what was left. This is not a diagnostic device: for research only.",
        encoder="med/mini",
        loader="med/dicom",
        loader_options={"key": str(folder / "private" / "medical.key")},
    )


def _home() -> Path:
    spec = find_spec("pydicom")
    if spec is None or spec.origin is None:
        raise MissingExtraError(
            "The demo's files come with pydicom, which is not installed.", hint="pip install pydicom"
        )
    return Path(spec.origin).parent / "data" / "test_files"
