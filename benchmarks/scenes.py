"""Scenes: scan rate, blocks read, memory, and ingest of tiles against its bound."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ingest import BATCH, _collection, _cpu
from benchmarks.metered import metered
from benchmarks.table import Row
from fieldglass.ingest import ingest
from fieldglass.registry import registry
from fieldglass.types import Item

_MEMORY = """
import sys
from pathlib import Path
from fieldglass.types import Item
from fieldglass_remote_sensing.loader import Scenes
root = Path(sys.argv[1])
loader = Scenes(size=512)
items = [each for each in loader.scan(root) if isinstance(each, Item)]
for each in loader.read(items[: int(sys.argv[2])], root):
    pass
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


def rows(quick: bool) -> Iterator[Row]:
    """The rows of scenes."""
    with tempfile.TemporaryDirectory(prefix="fieldglass-bench-") as name:
        folder = Path(name)
        yield _scan(folder, 300 if quick else 10_000)
        scene = _scene(folder / "cog", 5120 if quick else 8000)
        yield _blocks(scene)
        for encoder in ("mini", "rs/mini"):
            yield _ingest(scene, encoder, 384 if quick else 900)
        yield _memory(folder, 2000 if quick else 13_924)


def _scene(folder: Path, side: int) -> Path:
    """A Cloud Optimized GeoTIFF of three 16-bit bands."""
    import rasterio
    from rasterio.shutil import copy
    from rasterio.transform import from_origin

    folder.mkdir()
    noise = np.random.default_rng(0)
    small = noise.integers(500, 4000, (3, side // 20, side // 20))
    values = np.repeat(np.repeat(small, 20, axis=1), 20, axis=2) + noise.integers(0, 200, (3, side, side))
    with rasterio.open(
        folder / "plain.tif", "w", driver="GTiff", count=3, height=side, width=side, dtype="uint16",
        crs="EPSG:32632", transform=from_origin(600_000, 5_000_000, 10, 10), tiled=True,
    ) as file:  # fmt: skip
        file.write(values.astype(np.uint16))
        file.descriptions = ("R", "G", "B")
    copy(folder / "plain.tif", folder / "scene.tif", driver="COG", BLOCKSIZE=512, COMPRESS="DEFLATE")
    (folder / "plain.tif").unlink()
    return folder


def _scan(folder: Path, count: int) -> Row:
    import rasterio
    from rasterio.transform import from_origin

    archive = folder / "archive"
    archive.mkdir()
    with rasterio.open(
        archive / "0.tif", "w", driver="GTiff", count=3, height=256, width=256, dtype="uint8", photometric="RGB",
        crs="EPSG:32632", transform=from_origin(600_000, 5_000_000, 1, 1),
    ) as file:  # fmt: skip
        file.write(np.random.default_rng(0).integers(0, 255, (3, 256, 256), dtype=np.uint8))
    for number in range(1, count):
        shutil.copy(archive / "0.tif", archive / f"{number}.tif")
    loader = registry().create("loaders", "rs/scenes", {})
    list(loader.scan(archive / "0.tif"))
    seconds = _cpu(lambda: list(loader.scan(archive)))
    shutil.rmtree(archive)
    rate = count / seconds
    return Row("scan, files with one tile each", ">= 300 files/s/core", f"{rate:.0f}", rate >= 300, f"{count} files")


def _blocks(folder: Path) -> Row:
    """Blocks read from the file in a whole pass over its tiles, per block of the file."""
    from fieldglass_remote_sensing import reader
    from fieldglass_remote_sensing.levels import Level

    counts: Counter[tuple[int, int]] = Counter()
    decode = Level._decode

    def counted(self: Any, row: int, column: int) -> Any:
        counts[row, column] += 1
        return decode(self, row, column)

    loader = registry().create("loaders", "rs/scenes", {"size": 224, "overlap": 32})
    items = [each for each in loader.scan(folder) if isinstance(each, Item)]
    try:
        Level._decode = counted  # type: ignore[method-assign]
        for _ in loader.read(items, folder):
            pass
    finally:
        Level._decode = decode  # type: ignore[method-assign]
    ratio = sum(counts.values()) / len(counts)
    keep = reader.KEEP >> 20
    return Row(
        "blocks read, tiles of 224 with overlap 32",
        "<= 1.2 reads a block",
        f"{ratio:.2f}",
        ratio <= 1.2,
        f"{len(items)} tiles over {len(counts)} blocks of a COG; {keep} MiB of blocks kept",
    )


def _ingest(folder: Path, name: str, count: int) -> Row:
    what = f"ingest of tiles, {name}"
    try:
        encoder = registry().create("encoders", name, {})
    except Exception as error:  # the weight carriers are an extra
        return Row(what, ">= 0.85 of the bound", "not measured", None, str(error))
    with _collection(folder.parent) as store:
        ingest(store, folder, encoder=encoder, loader="rs/scenes", batch=BATCH, limit=2 * BATCH)  # weights load
    with _collection(folder.parent) as store:
        run = metered(store, folder, encoder=encoder, loader="rs/scenes", batch=BATCH, limit=count)
    return Row(what, ">= 0.85 of the bound", f"{run.share:.2f}", run.share >= 0.85, f"{run}; {run.report.new} tiles")


def _memory(folder: Path, tiles: int) -> Row:
    import rasterio
    from rasterio.transform import from_origin
    from rasterio.windows import Window

    path = folder / "giant.tif"
    with rasterio.open(
        path, "w", driver="GTiff", count=1, height=60_000, width=60_000, dtype="uint16", crs="EPSG:32632",
        transform=from_origin(600_000, 5_000_000, 1, 1), tiled=True, blockxsize=512, blockysize=512,
        SPARSE_OK="TRUE", compress="deflate",
    ) as file:  # fmt: skip
        block = np.ones((1, 512, 512), dtype=np.uint16)
        block[0, ::64, ::64] = 2
        for number in range(tiles):  # scan leaves out what was never written
            row, column = divmod(number, 117)
            file.write(block, window=Window(512 * column, 512 * row, 512, 512))
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", _MEMORY, str(path), str(tiles)], capture_output=True, text=True, check=True
    )
    peak = int(done.stdout) >> 10
    return Row(
        "memory, sparse raster of 60 000 x 60 000",
        "< 1024 MiB",
        f"{peak} MiB",
        peak < 1024,
        f"scan of 118 x 118 tiles and read of {tiles} written ones in {time.monotonic() - began:.0f} s",
    )
