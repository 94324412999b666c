"""The header of one file as the loader keeps it: hashes in place of identifiers, and columns that are allowed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, Any

from pydicom.tag import Tag

from fieldglass_medical.columns import columns_of
from fieldglass_medical.decode import check_size
from fieldglass_medical.frames import count
from fieldglass_medical.identity import Identity
from fieldglass_medical.opening import looks_like_dicom, open_dicom
from fieldglass_medical.refusal import Refusal

__all__ = ["Header", "read_header"]

_HEAD = 140
_TAGS = [Tag(keyword) for keyword in (
    "Modality", "BodyPartExamined", "ViewPosition", "PatientSex", "PatientAge", "Manufacturer", "ConvolutionKernel",
    "KVP", "SliceThickness", "Rows", "Columns", "NumberOfFrames", "BurnedInAnnotation", "ImageType", "SamplesPerPixel",
    "BitsAllocated", "PhotometricInterpretation", "SOPInstanceUID", "PatientID", "IssuerOfPatientID", "InstitutionName",
    "StudyInstanceUID", "SeriesInstanceUID", "PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient",
    "RescaleIntercept", "ModalityLUTSequence", "AcquisitionNumber", "TemporalPositionIdentifier", "EchoTime",
    "ImagerPixelSpacing",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
)]  # fmt: skip

_INSTEAD = {"study": "StudyInstanceUID", "series": "SeriesInstanceUID", "instance": "SOPInstanceUID"}  # of a patient


@dataclass(frozen=True)
class Header:
    """One file. `subject`, `instance` and `groups` are keyed hashes, `stamp` changes when the file does.

    `warning` is a code and a sentence on a file that is taken all the same.
    """

    subject: str
    stamp: str
    instance: str
    frames: int
    columns: Mapping[str, Any]
    groups: Mapping[str, str]
    warning: tuple[str, str] | None = None
    dataset: Any = field(default=None, repr=False)
    place: str = field(default="", repr=False)  # of the file: private, for the map beside the key alone


def read_header(
    file: IO[bytes],
    subject: str,
    stamp: str,
    identity: Identity,
    *,
    named: bool,
    max_pixels: int,
    lenient: bool = False,
) -> Header | None:
    """The header of an open file; None for what is no DICOM. `named`: its suffix says that it is. Refusal.

    `lenient` takes truncated pixels, with a warning and the column `truncated`.
    """
    head = file.read(_HEAD)
    if not looks_like_dicom(head):
        if named:
            raise Refusal("dicom-no-preamble", "Its name says DICOM, its content does not.")
        return None
    opened = open_dicom(file, tags=list(_TAGS))
    dataset = opened.header
    if str(dataset.file_meta.get("MediaStorageSOPClassUID") or "").startswith("1.2.840.10008.1.3.10"):
        return None  # a DICOMDIR is an index of files that are found by themselves
    if "Rows" not in dataset or "Columns" not in dataset or opened.at + 8 > opened.size:
        raise Refusal("dicom-no-picture", "It holds no picture: a report, a plan or the like.")
    if dataset.get("Modality") == "SM" and count(dataset) > 1:
        raise Refusal("dicom-slide", "A tiled slide is not read; convert its levels to pictures first.")
    missing = check_size(opened, max_pixels=max_pixels, lenient=lenient)
    short = {"truncated": True} if missing else {}
    instance = str(dataset.get("SOPInstanceUID") or "")
    return Header(
        subject,
        stamp,
        identity.of("instance", instance) if instance else "",
        count(dataset),
        columns_of(dataset) | short,
        groups_of(dataset, identity),
        ("dicom-truncated", f"{missing} bytes of its pixels are missing; they are 0.") if missing else _doubt(dataset),
        dataset,
    )


def groups_of(header: Any, identity: Identity) -> dict[str, str]:
    """Patient, study and series as keyed hashes; a file without a patient id groups by its study, series or itself."""
    names = ("PatientID", "IssuerOfPatientID", "InstitutionName")
    patient = [str(header.get(name) or "") for name in names]
    parts = {
        "patient": patient if patient[0] else _instead_of_patient(header),
        "study": _uid(header, "StudyInstanceUID"),
        "series": _uid(header, "SeriesInstanceUID"),
    }
    return {kind: identity.of(kind, *part) for kind, part in parts.items() if part}


def _instead_of_patient(header: Any) -> list[str]:
    for kind, keyword in _INSTEAD.items():
        if uid := _uid(header, keyword):
            return [kind, *uid]
    return []


def _uid(header: Any, keyword: str) -> list[str]:
    return [str(header.get(keyword))] if header.get(keyword) else []


def _doubt(header: Any) -> tuple[str, str] | None:
    plain = header.get("PhotometricInterpretation") in ("MONOCHROME1", "MONOCHROME2")
    groups = header.get("SharedFunctionalGroupsSequence") or header.get("PerFrameFunctionalGroupsSequence")
    rescaled = groups or "RescaleIntercept" in header or header.get("ModalityLUTSequence")
    if header.get("Modality") == "CT" and plain and not rescaled:
        return "dicom-no-rescale", "A CT without rescale values is not in Hounsfield units; it is shown as grey."
    if not header.get("PatientID"):
        kind = (_instead_of_patient(header) or [""])[0]
        if kind:
            return "dicom-no-patient", f"It names no patient: its own are told by the {kind} alone."
        return "dicom-no-patient", "It names no patient, study or instance: a copy of it is a hit of it."
    return None
