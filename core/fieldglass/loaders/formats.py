"""Which picture formats are read, told by content, and which are refused by name.

`Image.open` would try every plugin of Pillow, EPS (which starts Ghostscript) among them. Here a
file is opened only by the plugin that its first bytes name, and only if that plugin is listed.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import IO, Any

from PIL import BmpImagePlugin, GifImagePlugin, JpegImagePlugin, PngImagePlugin, TiffImagePlugin, WebPImagePlugin

__all__ = ["FOREIGN_SUFFIXES", "HEAD", "SUFFIXES", "foreign", "header_size", "name_of", "opener"]

HEAD = 512  # bytes that tell the format

SUFFIXES = frozenset(
    {
        ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".webp", ".tif", ".tiff", ".bmp", ".gif",
        ".avif", ".avifs", ".heic", ".heif", ".hif",
    }
)  # fmt: skip
FOREIGN_SUFFIXES = {
    ".eps": "EPS", ".ps": "PostScript", ".pdf": "PDF", ".ai": "Illustrator", ".svg": "SVG", ".svgz": "SVG",
    ".psd": "Photoshop", ".psb": "Photoshop", ".xcf": "GIMP", ".fits": "FITS", ".fit": "FITS", ".jp2": "JPEG 2000",
    ".j2k": "JPEG 2000", ".jxl": "JPEG XL", ".jxr": "JPEG XR", ".exr": "OpenEXR", ".hdr": "Radiance", ".dcm": "DICOM",
    ".cr2": "Canon raw", ".cr3": "Canon raw", ".nef": "Nikon raw", ".arw": "Sony raw", ".dng": "DNG raw",
    ".orf": "Olympus raw", ".rw2": "Panasonic raw", ".raf": "Fujifilm raw", ".pef": "Pentax raw", ".tga": "Targa",
    ".ico": "ICO", ".wmf": "WMF", ".emf": "EMF",
}  # fmt: skip

_AVIF = (b"avif", b"avis")
_HEIC = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")

_MAGIC = {  # compared in lower case, after white space
    b"%!ps": "EPS or PostScript", b"\xc5\xd0\xd3\xc6": "EPS", b"%pdf": "PDF", b"<svg": "SVG", b"simple  =": "FITS",
    b"8bps": "Photoshop", b"\0\0\0\x0cjp": "JPEG 2000", b"\xff\x4f\xff\x51": "JPEG 2000", b"\xff\x0a": "JPEG XL",
    b"ii*\0": "camera raw", b"pk\x03\x04": "ZIP", b"\x1f\x8b": "gzip", b"<!doctype html": "HTML", b"<html": "HTML",
    b"\x89hdf": "HDF5", b"\0\0\1\0": "ICO", b"version https://git-lfs": "a Git LFS pointer, not the file itself",
}  # fmt: skip


def name_of(head: bytes) -> str | None:
    """The name of a format that may be read ("JPEG", "PNG" ...), or None."""
    if head[:3] == b"\xff\xd8\xff":
        return "JPEG"
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return "PNG"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+") and head[8:10] != b"CR":
        return "TIFF"
    if head[:2] == b"BM":
        return "BMP"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "GIF"
    if head[4:8] == b"ftyp":
        brands = head[8 : 8 + max(4, min(int.from_bytes(head[:4], "big"), HEAD) - 8)]
        names = {brands[at : at + 4] for at in range(0, len(brands), 4)}
        if names & set(_AVIF):
            return "AVIF"
        if names & set(_HEIC):
            return "HEIC"
    return None


def opener(name: str) -> Callable[[IO[bytes]], Any] | None:
    """The Pillow class that reads a format; None where this installation cannot (AVIF, HEIC)."""
    if name == "AVIF":
        from PIL import AvifImagePlugin, features

        return AvifImagePlugin.AvifImageFile if features.check("avif") else None
    if name == "HEIC":
        try:
            from pillow_heif import HeifImageFile
        except ImportError:
            return None
        found: Callable[[IO[bytes]], Any] = HeifImageFile
        return found
    return {
        # The class itself, not Pillow's factory: a multi-picture file (MPO) is its first picture.
        "JPEG": JpegImagePlugin.JpegImageFile,
        "PNG": PngImagePlugin.PngImageFile,
        "WebP": WebPImagePlugin.WebPImageFile,
        "TIFF": TiffImagePlugin.TiffImageFile,
        "BMP": BmpImagePlugin.BmpImageFile,
        "GIF": GifImagePlugin.GifImageFile,
    }[name]


def header_size(name: str, head: bytes) -> tuple[int, int] | None:
    """(width, height) of a WebP from its first bytes, since opening one already allocates its canvas."""
    if name != "WebP" or len(head) < 30:
        return None
    if head[12:16] == b"VP8X":
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    if head[12:16] == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", head, 26)
    return width & 0x3FFF, height & 0x3FFF


def foreign(head: bytes) -> str:
    """What a file that is not read seems to be, for the message: "PDF", "text", "unknown data"."""
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n")[:64].lower()
    for magic, name in _MAGIC.items():
        if start.startswith(magic):
            return name
    if start.startswith(b"<?xml"):
        return "SVG" if b"<svg" in head.lower() else "XML"
    if head[128:132] == b"DICM":
        return "DICOM"
    if head[4:8] == b"ftyp":
        return "video"
    return "text" if head.isascii() and b"\0" not in head else "unknown data"
