"""Makes the JPEG files that the ingest benchmarks read: photograph-like, of stated size, each a little different."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

__all__ = ["photographs", "small_files"]


def photographs(folder: Path, width: int, height: int, count: int, *, distinct: int = 16) -> None:
    """`count` JPEGs (quality 85, 4:2:0) of `distinct` pictures. No two have the same bytes: copies are not encoded.

    A real photograph of scikit-image, enlarged, with noise at every scale so that the file is as large as a
    camera's: about 170 KB at 800 x 600 and 3.5 MB at 12 megapixels.
    """
    from skimage import data

    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    sources = [Image.fromarray(picture) for picture in (data.astronaut(), data.chelsea(), data.coffee(), data.rocket())]
    encoded = []
    for number in range(min(distinct, count)):
        source = sources[number % len(sources)].resize((width, height), Image.Resampling.BICUBIC)
        pixels = np.asarray(source, dtype=np.float32) + _noise(rng, width, height)[..., None]
        out = BytesIO()
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(out, "JPEG", quality=85)
        encoded.append(out.getvalue())
    for number in range(count):
        (folder / f"p{number:06}.jpg").write_bytes(_numbered(encoded[number % len(encoded)], number))


def small_files(folder: Path, count: int) -> None:
    """`count` JPEGs of 64 x 48 pixels, every one with other bytes, in folders of 1000."""
    rng = np.random.default_rng(1)
    colours = rng.integers(0, 256, (256, 3), dtype=np.uint8)
    encoded = []
    for colour in colours:
        out = BytesIO()
        Image.new("RGB", (64, 48), tuple(int(each) for each in colour)).save(out, "JPEG", quality=80)
        encoded.append(out.getvalue())
    for number in range(count):
        if number % 1000 == 0:
            (folder / f"{number // 1000:04}").mkdir(parents=True)
        (folder / f"{number // 1000:04}/{number % 1000:03}.jpg").write_bytes(_numbered(encoded[number % 256], number))


def _numbered(jpeg: bytes, number: int) -> bytes:
    """The same picture with its number as a comment."""
    comment = f"{number:08}".encode()
    return jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + jpeg[2:]


def _noise(rng: np.random.Generator, width: int, height: int) -> np.ndarray:
    """(height, width) float32 with a spectrum that falls like that of photographs."""
    total = np.zeros((height, width), dtype=np.float32)
    for scale, strength in ((1, 5.0), (2, 5.0), (4, 6.0), (8, 8.0), (32, 12.0)):
        shape = (max(2, height // scale), max(2, width // scale))
        layer = Image.fromarray(rng.normal(0, strength, shape).astype(np.float32))
        total += np.asarray(layer.resize((width, height), Image.Resampling.BILINEAR))
    return total
