"""Opens one DICOM file, whatever its wrapping, and stops before the pixels.

Files without a preamble are taken where their header names a picture; deflated ones are inflated up to a limit.
"""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass
from io import BytesIO
from typing import IO, Any

import pydicom
from pydicom.dataset import FileMetaDataset
from pydicom.filereader import read_preamble
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from fieldglass_medical.file_meta import may_be_deflated
from fieldglass_medical.refusal import Refusal

__all__ = ["MAX_BYTES", "Opened", "looks_like_dicom", "open_dicom"]

MAX_BYTES = 512 << 20  # of an inflated file, which lies in memory
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Opened:
    """A header without its pixels; `file` stands at the element of the pixels."""

    header: Any
    file: IO[bytes]
    syntax: Any
    at: int
    size: int


def looks_like_dicom(head: bytes) -> bool:
    """Whether 140 first bytes are those of DICOM: the preamble, or a first element of group 2 or 8."""
    if head[128:132] == b"DICM":
        return True
    if len(head) < 16 or head[:2] not in (b"\x02\x00", b"\x08\x00") or head[3] != 0:
        return False
    return (head[4:6].isalpha() and head[4:6].isupper()) or int.from_bytes(head[4:8], "little") < 256


def open_dicom(file: IO[bytes], *, tags: list[Any] | None = None) -> Opened:
    """The header of an open file; `tags` restricts which are read. Refusal says why not."""
    file.seek(0)
    bare = file.read(132)[128:] != b"DICM"
    file.seek(0)
    if not bare:
        file = _inflated(file)
    header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=tags, force=bare)
    at = file.tell()
    size = file.seek(0, os.SEEK_END)
    file.seek(at)
    syntax = getattr(header, "file_meta", FileMetaDataset()).get("TransferSyntaxUID")
    if not syntax:
        syntax = _assumed(header, size - at)
    return Opened(header, file, pydicom.uid.UID(str(syntax)), at, size)


def _assumed(header: Any, length: int) -> Any:
    """The syntax of a file that names none: as it was parsed, and only where the pixels are just so long."""
    rows, columns = header.get("Rows"), header.get("Columns")
    if not rows or not columns:
        raise Refusal("dicom-no-picture", "It holds no picture: a report, a plan or the like.")
    samples, bits = int(header.get("SamplesPerPixel") or 1), int(header.get("BitsAllocated") or 0)
    frames = int(header.get("NumberOfFrames") or 1)
    expected = rows * columns * samples * frames * bits // 8
    implicit = bool(header.original_encoding[0])
    if not expected or not 0 <= length - (8 if implicit else 12) - expected <= 1:
        raise Refusal("dicom-transfer-syntax", "Its transfer syntax is not known: the file has no meta header.")
    return ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian


def _inflated(file: IO[bytes]) -> IO[bytes]:
    """The same file, or where its data set is deflated, one in memory that is not."""
    read_preamble(file, force=False)
    start = file.tell()
    if not may_be_deflated(file):
        file.seek(0)
        return file
    file.seek(start)
    meta = pydicom.filereader._read_file_meta_info(file)
    if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        file.seek(0)
        return file
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    plain = BytesIO()
    plain.write(b"\0" * 128 + b"DICM")
    write_file_meta_info(plain, meta, enforce_standard=False)
    begin = plain.tell()
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    while chunk := stream.unconsumed_tail or file.read(_CHUNK):
        plain.write(stream.decompress(chunk, _CHUNK))
        if plain.tell() - begin > MAX_BYTES:
            raise Refusal("dicom-too-large", "Deflated, it grows over the limit.")
        if stream.eof:
            break
    if not stream.eof:
        raise Refusal("dicom-truncated", "The deflated file ends before its data does.")
    plain.seek(0)
    return plain
