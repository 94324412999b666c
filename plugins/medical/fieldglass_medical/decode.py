"""Decodes the frames of an opened file one by one; what a decoder would allocate is checked before it is called."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from pydicom.encaps import get_frame
from pydicom.pixels import as_pixel_options, get_decoder

from fieldglass_medical.codestream import claimed_size
from fieldglass_medical.frames import count
from fieldglass_medical.isolated import DecoderRefusal, decoded
from fieldglass_medical.opening import Opened
from fieldglass_medical.padded import Padded
from fieldglass_medical.refusal import Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["check_size", "check_syntax", "frames"]

_KEYWORDS = {0x7FE00010: "PixelData", 0x7FE00008: "FloatPixelData", 0x7FE00009: "DoubleFloatPixelData"}
_JPEG = {f"1.2.840.10008.1.2.4.{each}" for each in (50, 51, 57, 70, 80, 81, 90, 91, 201, 202, 203)}
_DEFLATED_FRAMES = "1.2.840.10008.1.2.8.1"
_PLUGINS = ("pydicom", "pylibjpeg", "pyjpegls", "pillow", "gdcm")
_OPENJPEG = {f"1.2.840.10008.1.2.4.{each}" for each in (90, 91, 201, 202, 203)}
_SOUND = ("pydicom", "pillow")
_LARGE = 512 * 512
_VALUE_TYPES = (b"OB", b"OW", b"OF", b"OD", b"UN")
_LEAST_FRAME = 16  # bytes that the smallest compressed frame takes with its item header
_LIBJPEG = {f"1.2.840.10008.1.2.4.{each}" for each in (50, 51, 57, 70, 80, 81)}  # what the extra `libjpeg` decodes


def check_syntax(syntax: Any) -> None:
    """Refusal that names the UID and what to install, where nothing here decodes a transfer syntax."""
    _quiet_gdcm()
    try:
        if get_decoder(syntax).is_available:
            return
    except NotImplementedError:
        pass
    known = syntax.name != str(syntax) and syntax.is_transfer_syntax
    uid = f"{syntax.name} ({syntax})" if known else "an unknown transfer syntax"
    raise Refusal("dicom-transfer-syntax", f"There is no decoder here for {uid}.{_hint(syntax)}")


def check_size(opened: Opened, *, max_pixels: int, lenient: bool = False) -> int:
    """How many bytes of the pixels are missing; 0 for compressed ones. Nothing is decoded.

    Refusal for a header that claims more than the limit, or more than the file holds; where it is `lenient`, more than
    twice of that.
    """
    header = opened.header
    rows, columns, total = int(header.Rows), int(header.Columns), count(header)
    if rows < 1 or columns < 1:
        raise Refusal("dicom-damaged", f"Its header says {columns} x {rows} pixels.")
    if rows * columns > max_pixels:
        raise Refusal("dicom-too-large", f"{columns} x {rows} pixels are over the limit (--set max_pixels=N).")
    held = max(opened.size - opened.at, 0)
    if opened.syntax.is_encapsulated:
        if total * _LEAST_FRAME > held + _LEAST_FRAME:
            raise Refusal("dicom-truncated", f"{total} frames cannot lie in {held} bytes.")
        return 0
    bits = int(header.get("BitsAllocated") or 0)
    samples = int(header.get("SamplesPerPixel") or 1)
    halved = header.get("PhotometricInterpretation") == "YBR_FULL_422" and samples == 3
    expected = (rows * columns * (2 if halved else samples) * bits * total + 7) // 8
    if held < expected and not (lenient and 2 * held >= expected):
        raise Refusal("dicom-truncated", f"The pixels need {expected} bytes; {held} are there.")
    return max(expected - held, 0)


def frames(opened: Opened, indices: Sequence[int]) -> Iterator[NDArray[Any]]:
    """The stored values of the frames asked for (from 0), in that order: (rows, columns) or (rows, columns, 3).

    One decoded frame is held at a time. Colour is RGB; padding and rescaling are as stored. Pixels that a file lacks
    which is not compressed are 0: `check_size` says whether it may lack any.
    """
    check_syntax(opened.syntax)
    keyword, value_type = _at_value(opened)
    options = as_pixel_options(opened.header, pixel_keyword=keyword, pixel_vr=value_type)
    options["transfer_syntax_uid"] = opened.syntax
    decoder = get_decoder(opened.syntax)
    plugin = _plugin(decoder)
    if plugin and not _sound(plugin, opened.syntax, int(opened.header.Rows) * int(opened.header.Columns)):
        arrays = _isolated(opened, indices, plugin, options)
    else:
        if opened.syntax.is_encapsulated:
            for _ in _streams(opened, indices, options):
                pass
        source: Any = opened.file if opened.syntax.is_encapsulated else Padded(opened.file)
        found = decoder.iter_array(source, indices=list(indices), validate=True, decoding_plugin=plugin, **options)
        arrays = (array for array, _ in found)
    while True:
        try:
            array = next(arrays)
        except StopIteration:
            return
        except (RuntimeError, DecoderRefusal) as error:  # every plug-in refused; another might not
            said = f"No decoder here takes this {opened.syntax.name} ({opened.syntax})"
            if hint := _hint(opened.syntax):
                raise Refusal("dicom-transfer-syntax", f"{said}.{hint}") from error
            raise Refusal("dicom-pixels", f"{said}: the frame is damaged, or not what it says.") from error
        yield array


def _isolated(opened: Opened, indices: Sequence[int], plugin: str, options: dict[str, Any]) -> Iterator[NDArray[Any]]:
    for frame in _streams(opened, indices, options):
        yield decoded(frame, str(opened.syntax), plugin, options)


def _sound(plugin: str, syntax: Any, pixels: int) -> bool:
    """Whether to decode here: a damaged frame is an error, not the end of the process, and no other thread waits long.

    OpenJPEG's plug-in holds the interpreter's lock while it decodes.
    """
    return plugin in _SOUND or (plugin == "pylibjpeg" and syntax in _OPENJPEG and pixels < _LARGE)


def _plugin(decoder: Any) -> str:
    """The plug-in to decode by, gdcm only where there is no other; "" where the pixels are not compressed."""
    if not decoder.UID.is_encapsulated:
        return ""
    there = decoder.available_plugins
    return next((name for name in _PLUGINS if name in there), "")


def _hint(syntax: Any) -> str:
    """What to install for a syntax, where that would help and is not there."""
    helps = str(syntax) in _LIBJPEG and find_spec("libjpeg") is None
    return " pip install 'fieldglass-medical[libjpeg]' (GPL)." if helps else ""


def _at_value(opened: Opened) -> tuple[str, str]:
    """Keyword and value type of the pixel element, "" where it has none; the file is left at its value.

    Bytes of type OW lie swapped in a big endian file.
    """
    opened.file.seek(opened.at)
    head = opened.file.read(8)
    if len(head) < 8:
        raise Refusal("dicom-no-picture", "It has no pixels.")
    group, element = struct.unpack("<HH" if opened.syntax.is_little_endian else ">HH", head[:4])
    explicit = head[4:6] in _VALUE_TYPES  # as it is written, whatever the syntax says
    if explicit:
        opened.file.read(4)
    keyword = _KEYWORDS.get(group << 16 | element)
    if keyword is None:
        raise Refusal("dicom-no-picture", "It has no pixels.")
    return keyword, head[4:6].decode() if explicit else ""


def _streams(opened: Opened, indices: Sequence[int], options: dict[str, Any]) -> Iterator[bytes]:
    """The compressed frames. Refusal where one claims another size than the header. The file is left where it was."""
    start, total = opened.file.tell(), count(opened.header)
    table = options.get("extended_offsets")
    for index in indices:
        opened.file.seek(start)
        frame = get_frame(opened.file, index, number_of_frames=total, extended_offsets=table)
        _check_stream(frame, str(opened.syntax), opened.header)
        yield frame
    opened.file.seek(start)


def _check_stream(frame: bytes, syntax: str, header: Any) -> None:
    wanted = (int(header.Rows), int(header.Columns))
    if syntax == _DEFLATED_FRAMES:
        most = wanted[0] * wanted[1] * int(header.get("SamplesPerPixel") or 1) * int(header.BitsAllocated) // 8
        if len(zlib.decompressobj(-zlib.MAX_WBITS).decompress(frame, most + 2)) > most + 1:
            raise Refusal("dicom-frame-size", "A deflated frame is longer than its header says.")
    if syntax not in _JPEG:
        return
    claimed = claimed_size(frame)
    if claimed is None:
        raise Refusal("dicom-pixels", "A compressed frame has no header of its own.")
    if claimed[:2] != wanted:
        raise Refusal(
            "dicom-frame-size",
            f"A compressed frame is {claimed[1]} x {claimed[0]} pixels, its header says {wanted[1]} x {wanted[0]}.",
        )


@lru_cache(maxsize=1)
def _quiet_gdcm() -> None:
    """What gdcm writes to the terminal may quote a file."""
    try:
        import gdcm
    except ImportError:
        return
    for kind in ("Warning", "Error", "Debug"):
        getattr(gdcm.Trace, f"{kind}Off")()
