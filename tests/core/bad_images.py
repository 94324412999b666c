"""Writes a folder of damaged, hostile and unusual pictures: `python bad_images.py FOLDER`.

`GOOD` are pictures that look odd and must be taken; `BAD` maps each file that must not be taken to
the code of its problem. Everything is made here, from a few pixels, so the folder is the same each time.
"""

from __future__ import annotations

import io
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

BAD = {
    "empty.jpg": "image-empty",
    "text.jpg": "image-format",
    "truncated.jpg": "image-truncated",
    "truncated-progressive.jpg": "image-truncated",
    "truncated.png": "image-truncated",
    "truncated.webp": "image-truncated",
    "truncated.gif": "image-truncated",
    "truncated.tif": "image-truncated",
    "truncated.bmp": "image-truncated",
    "head-only.jpg": "image-truncated",
    "no-end-marker.jpg": "image-truncated",
    "crc-header.png": "image-damaged",
    "crc-data.png": "image-damaged",
    "zero-width.png": "image-damaged",
    "strip.png": "image-shape",
    "bomb.png": "image-too-large",
    "bomb.jpg": "image-too-large",
    "bomb.webp": "image-too-large",
    "bomb.gif": "image-too-large",
    "text-chunk.png": "image-text-chunk",
    "eps.jpg": "image-format",
    "pdf.jpg": "image-format",
    "svg.png": "image-format",
    "fits.tif": "image-format",
    "zip.jpg": "image-format",
    "jpeg2000.jpg": "image-format",
    "lfs-pointer.jpg": "image-format",
    "drawing.eps": "image-format",
    "paper.pdf": "image-format",
    "logo.svg": "image-format",
}
GOOD = (
    "1x1.png",
    "animated.gif",
    "animated.webp",
    "cmyk.jpg",
    "cmyk.tif",
    "float.tif",
    "grey-alpha.png",
    "grey.jpg",
    "int32.tif",
    "is-a-jpeg.png",
    "is-a-png.jpg",
    "one-bit.png",
    "palette-alpha.png",
    "palette.png",
    "rgb16.png",
    "rgba.png",
    "rotated.jpg",
    "sixteen.png",
    "sixteen.tif",
    "zip-appended.jpg",
)
SILENT = ("notes.txt", "prices.csv", "Thumbs.db", ".hidden.jpg", "clip.mp4")


def picture(width: int = 64, height: int = 48, seed: int = 0) -> Image.Image:
    """A smooth picture with a red left half and a blue right half, a little different for each seed."""
    x, y = np.linspace(0, 1, width)[None, :], np.linspace(0, 1, height)[:, None]
    values = np.zeros((height, width, 3))
    values[..., 0] = np.where(x < 0.5, 220 - 20 * y, 20)
    values[..., 1] = 30 + (seed * 37 % 100) * x * y
    values[..., 2] = np.where(x < 0.5, 20, 220 - 20 * y)
    return Image.fromarray(values.astype(np.uint8))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """The picture as the bytes of a file."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    """One PNG chunk with its checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, extra: bytes = b"") -> bytes:
    """A PNG of raw rows (each led by its filter byte)."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    data = chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


def _flip(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :]


def _bad() -> dict[str, bytes]:
    big = picture(400, 300)
    jpeg, whole_png = encoded(big, "JPEG", quality=85), encoded(big, "PNG")
    webp, gif = encoded(big, "WEBP"), encoded(big, "GIF")
    tiff, bmp = encoded(big, "TIFF"), encoded(big, "BMP")
    progressive = encoded(big, "JPEG", quality=85, progressive=True)
    size = jpeg.index(b"\xff\xc0") + 5
    vp8x = b"VP8X" + struct.pack("<I", 10) + bytes(4) + (15999).to_bytes(3, "little") * 2
    text = chunk(b"zTXt", b"note\0\0" + zlib.compress(bytes(8 << 20), 9))
    return {
        "empty.jpg": b"",
        "text.jpg": b"This is a shopping list, not a picture.\n",
        "truncated.jpg": jpeg[: len(jpeg) // 2],
        "truncated-progressive.jpg": progressive[: len(progressive) // 2],
        "truncated.png": whole_png[: len(whole_png) // 2],
        "truncated.webp": webp[: len(webp) // 2],
        "truncated.gif": gif[: len(gif) // 2],
        "truncated.tif": tiff[: len(tiff) // 2],
        "truncated.bmp": bmp[: len(bmp) // 2],
        "head-only.jpg": jpeg[:200],
        "no-end-marker.jpg": jpeg[:-2],
        "crc-header.png": _flip(whole_png, 30),
        "crc-data.png": _flip(whole_png, whole_png.index(b"IDAT") + 40),
        "zero-width.png": png(0, 4, 8, 2, b""),
        "strip.png": png(1, 60000, 8, 0, b"\0\x80" * 60000),
        "bomb.png": png(9000, 9000, 8, 0, bytes(100)),
        "bomb.jpg": jpeg[:size] + struct.pack(">HH", 60000, 60000) + jpeg[size + 4 :],
        "bomb.webp": b"RIFF" + struct.pack("<I", len(vp8x) + 4) + b"WEBP" + vp8x,
        "bomb.gif": gif[:6] + struct.pack("<HH", 60000, 60000) + gif[10:],
        "text-chunk.png": png(2, 1, 8, 0, b"\0\0\0", text),
        "eps.jpg": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
        "pdf.jpg": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n",
        "svg.png": b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>\n',
        "fits.tif": b"SIMPLE  =                    T" + b" " * 2850,
        "zip.jpg": b"PK\x03\x04" + bytes(100),
        "jpeg2000.jpg": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(64),
        "lfs-pointer.jpg": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
        "drawing.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n",
        "paper.pdf": b"%PDF-1.7\n",
        "logo.svg": b"<svg/>",
    }


def _good() -> dict[str, bytes]:
    base = picture()
    ramp = np.linspace(0, 65535, 64 * 48).reshape(48, 64)
    frames = [picture(), picture().rotate(180)]
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769)[0x9003] = "2024:05:06 07:08:09"
    palette = base.quantize(16)
    see_through = base.convert("RGBA")
    see_through.putalpha(0)
    rows = b"".join(b"\0" + np.repeat(row, 3).astype(">u2").tobytes() for row in ramp)
    jpeg = encoded(base, "JPEG", quality=95)
    return {
        "1x1.png": encoded(base.resize((1, 1)), "PNG"),
        "animated.gif": encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]),
        "animated.webp": encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True),
        "cmyk.jpg": encoded(base.convert("CMYK"), "JPEG", quality=95),
        "cmyk.tif": encoded(base.convert("CMYK"), "TIFF"),
        "float.tif": encoded(Image.fromarray((ramp / 65535).astype(np.float32)), "TIFF"),
        "grey-alpha.png": encoded(see_through.convert("LA"), "PNG"),
        "grey.jpg": encoded(base.convert("L"), "JPEG"),
        "int32.tif": encoded(Image.fromarray(ramp.astype(np.int32)), "TIFF"),
        "is-a-jpeg.png": jpeg,
        "is-a-png.jpg": encoded(base, "PNG"),
        "one-bit.png": encoded(base.convert("1"), "PNG"),
        "palette-alpha.png": encoded(palette, "PNG", transparency=bytes(16)),
        "palette.png": encoded(palette, "PNG"),
        "rgb16.png": png(64, 48, 16, 2, rows),
        "rgba.png": encoded(see_through, "PNG"),
        "rotated.jpg": encoded(base, "JPEG", exif=exif, quality=95),
        "sixteen.png": encoded(Image.fromarray(ramp.astype(np.uint16)), "PNG"),
        "sixteen.tif": encoded(Image.fromarray(ramp.astype(np.uint16)), "TIFF"),
        "zip-appended.jpg": jpeg + b"PK\x03\x04" + bytes(200),
    }


def write(folder: Path) -> None:
    """Write every file of GOOD, BAD and SILENT into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in {**_good(), **_bad()}.items():
        (folder / name).write_bytes(data)
    for name in SILENT:
        (folder / name).write_bytes(b"not a picture, and nobody said it was\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
