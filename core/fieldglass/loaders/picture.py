"""Decodes one picture file: (H, W, 3) uint8 sRGB, upright, first frame unless another is asked for, alpha on white.

- The pixel limit is checked from the header, before anything is decoded.
- EXIF orientation is applied; an embedded ICC profile other than sRGB is converted (perceptual intent).
- 16-bit samples are scaled by their full range, never clipped. 32-bit integers that fit 16 bits are
  taken as such; floats in 0..1 or 0..255 by that range; all others between their minimum and maximum.
- With `pixels`, the encoder's input side, JPEG is decoded at a reduced size and other formats are
  box-reduced after decoding, both to a short side of at least twice `pixels`.
"""

from __future__ import annotations

import logging
import os
from functools import cache, lru_cache
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from fieldglass.loaders.formats import HEAD, foreign, header_size, name_of, opener

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MAX_PIXELS", "PictureError", "decode", "open_header"]

MAX_PIXELS = 50_000_000
MAX_ASPECT = 200  # a thinner strip grows without bound when its short side is scaled up
_MAX_PROFILE = 4 << 20

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class PictureError(Exception):
    """A picture that is not taken: a stable code and a sentence, both for the journal."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def open_header(file: IO[bytes], *, max_pixels: int = MAX_PIXELS) -> tuple[str, Image.Image]:
    """The format's name and the opened, not yet decoded picture. PictureError says why not."""
    _quieten()
    head = file.read(HEAD)
    if not head:
        raise PictureError("image-empty", "The file is empty.")
    name = name_of(head)
    if name is None:
        raise PictureError(
            "image-format", f"Its content is {foreign(head)}; read are JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF and HEIC."
        )
    factory = opener(name)
    if factory is None:
        extra = " pip install 'fieldglass[heic]'" if name == "HEIC" else " a Pillow built with it"
        raise PictureError("image-format", f"It is {name}, which needs{extra}.")
    size = header_size(name, head)
    if size is not None:
        _check_size(size, max_pixels)
    if name == "WebP" and file.seek(0, os.SEEK_END) < int.from_bytes(head[4:8], "little") + 8:
        raise PictureError("image-truncated", "The WebP is shorter than its header says.")
    file.seek(0)
    try:
        picture = factory(file)
    except Exception as error:
        raise _explain(error, name) from error
    _check_size(picture.size, max_pixels)
    return name, picture


@cache
def _quieten() -> None:
    """Pillow also logs what it raises, such as a TIFF of 12 bands; without a handler that reaches the terminal."""
    logging.getLogger("PIL").addHandler(logging.NullHandler())


def decode(file: IO[bytes], *, pixels: int = 0, max_pixels: int = MAX_PIXELS, frame: int = 0) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 sRGB of an open picture file. PictureError where it is not whole or not allowed.

    `frame`, from 0, of an animation or of a TIFF of several pages.
    """
    name, picture = open_header(file, max_pixels=max_pixels)
    least = 2 * pixels
    try:
        if frame:
            picture.seek(frame)
            _check_size(picture.size, max_pixels)
        if least and name == "JPEG":
            picture.draft(None, (least, least))
        picture.load()
        turn = _UPRIGHT.get(_orientation(picture))
        picture = _rgb(picture)
        shrink = min(picture.size) // least if least else 1
        if shrink > 1:
            picture = picture.reduce(shrink)
        if turn is not None:
            picture = picture.transpose(turn)
        return np.asarray(picture)
    except PictureError:
        raise
    except Exception as error:
        raise _explain(error, name) from error


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise PictureError("image-damaged", f"Its header says {width} x {height} pixels.")
    if width * height > max_pixels:
        raise PictureError(
            "image-too-large",
            f"{width} x {height} pixels are more than the limit of {max_pixels / 1e6:g} million (--set max_pixels=N).",
        )
    if max(size) > MAX_ASPECT * min(size):
        raise PictureError("image-shape", f"{width} x {height} pixels: one side is over {MAX_ASPECT} times the other.")


def _explain(error: Exception, name: str) -> PictureError:
    text = str(error) or type(error).__name__
    lowered = text.lower()
    if isinstance(error, MemoryError):
        return PictureError("image-memory", f"Not enough memory to decode this {name}.")
    if "truncated" in lowered or "not enough" in lowered or isinstance(error, EOFError):
        return PictureError("image-truncated", f"The {name} ends before its picture does ({text}).")
    if "max_text" in lowered or "too much memory used in text" in lowered:
        return PictureError("image-text-chunk", f"A text chunk of the {name} is over the limit ({text}).")
    return PictureError("image-damaged", f"The {name} cannot be decoded ({text}).")


def _orientation(picture: Image.Image) -> int:
    try:
        return int(picture.getexif().get(0x0112, 1))
    except Exception:  # damaged EXIF is no reason to lose the picture
        return 1


def _rgb(picture: Image.Image) -> Image.Image:
    if picture.mode in ("I", "F") or picture.mode.startswith("I;"):
        return Image.fromarray(_eight_bits(np.asarray(picture))).convert("RGB")
    if picture.has_transparency_data:
        picture = _convert_profile(picture.convert("RGBA"))
        white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, picture).convert("RGB")
    if picture.mode in ("P", "PA", "La", "LA", "1"):
        picture = picture.convert("RGB")
    picture = _convert_profile(picture)
    return picture if picture.mode == "RGB" else picture.convert("RGB")  # converting copies, whatever the mode


def _eight_bits(values: NDArray[Any]) -> NDArray[np.uint8]:
    """(H, W) of any number type -> uint8 by the rule of the module's first lines."""
    if values.dtype == np.uint16:
        return ((values.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    values = values.astype(np.float64)
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    for top in (1.0, 255.0, 65535.0):
        if low >= 0 and high <= top:
            low, high = 0.0, top
            break
    filled = np.nan_to_num(values, nan=low, posinf=high, neginf=low)
    scaled: NDArray[np.uint8] = np.rint((filled - low) * (255.0 / (high - low))).astype(np.uint8)
    return scaled


def _convert_profile(picture: Image.Image) -> Image.Image:
    profile = picture.info.get("icc_profile") or b""
    if picture.mode == "LAB":
        profile = b"LAB"
    if not profile or len(profile) > _MAX_PROFILE or picture.mode not in ("RGB", "RGBA", "CMYK", "L", "LAB"):
        return picture
    transform = _transform(profile, picture.mode)
    if transform is None:
        return picture
    converted: Image.Image = transform.apply(picture)
    return converted


@lru_cache(maxsize=32)
def _transform(profile: bytes, mode: str) -> Any:
    """The transform of a profile to sRGB; None where it is sRGB already, damaged, or of another mode."""
    from io import BytesIO

    from PIL import ImageCms

    try:
        source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB") if profile == b"LAB" else BytesIO(profile))
        if "srgb" in ImageCms.getProfileDescription(source).lower():
            return None
        target = "RGBA" if mode == "RGBA" else "RGB"
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, target)
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None
