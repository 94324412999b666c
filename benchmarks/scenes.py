"""Scenes: scan rate, blocks read, memory, and ingest of tiles against its bound."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.ingest import BATCH, _collection, _cpu, _one_thread
from benchmarks.table import Row
from fieldglass.ingest import Progress, ingest, make_loader
from fieldglass.ingest.making import cores
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
    _steps(folder, encoder, BATCH)  # weights load, caches fill
    steps = [_steps(folder, encoder, 2 * BATCH)]
    watch = _Watch()
    with _collection(folder.parent) as store:
        report = ingest(store, folder, encoder=encoder, loader="rs/scenes", batch=BATCH, limit=count, progress=watch)
    steps.append(_steps(folder, encoder, 2 * BATCH))
    read, prepare, encode = (min(pair) for pair in zip(*steps, strict=True))
    tiles, seconds, waited = watch.steady()
    bound = cores() / (read + prepare + encode)
    ratio = tiles / bound / (seconds - waited / cores())
    elsewhere = (
        f"; other processes had {waited / cores() / seconds:.0%} of the cores, which is left out" if waited else ""
    )
    return Row(
        what,
        ">= 0.85 of the bound",
        f"{ratio:.2f}",
        ratio >= 0.85,
        f"{ratio * bound:.1f} of {bound:.1f} tiles/s; CPU ms: read {1e3 * read:.1f}, prepare {1e3 * prepare:.1f}, "
        f"encode {1e3 * encode:.1f}; {tiles} of {report.new} tiles, without start and end{elsewhere}",
    )


class _Watch:
    """Notes how far an ingest is, when, and how long its threads have waited for a core that others had.

    Threads of this process that wait for one another count as well: with as many workers as cores they hardly do.
    """

    def __init__(self) -> None:
        self._seen: list[tuple[int, float, float]] = []

    def __call__(self, progress: Progress) -> None:
        if not self._seen or progress.done > self._seen[-1][0]:
            self._seen.append((progress.done, time.monotonic(), _waited()))

    def steady(self) -> tuple[int, float, float]:
        """Tiles, seconds and seconds waited, from the first batch of each worker to the last whole ones."""
        last = self._seen[-1][0]
        inner = [each for each in self._seen if 3 * BATCH <= each[0] <= last - 2 * BATCH]
        (first, began, had), (done, ended, has) = inner[0], inner[-1]
        return done - first, ended - began, has - had


def _waited() -> float:
    """Seconds that the threads of this process were ready to run and did not; 0 where the system does not tell."""
    total = 0
    for each in Path("/proc/self/task").glob("*/schedstat"):
        with suppress(OSError):  # a thread that has ended
            total += int(each.read_text().split()[1])
    return total / 1e9


def _steps(folder: Path, encoder: Any, count: int) -> tuple[float, float, float]:
    """CPU seconds per tile of reading, preparing and encoding, each alone on one thread."""
    loader = make_loader("rs/scenes", {}, encoder)
    items = [each for each in loader.scan(folder) if isinstance(each, Item)][:count]
    samples: list[Any] = []
    with _one_thread():
        read = _cpu(lambda: samples.extend(loader.read(items, folder))) / len(items)
        prepare = [_cpu(lambda sample=sample: encoder.prepare(sample)) for sample in samples[:16]]
        batch = [encoder.prepare(samples[number % len(samples)]) for number in range(BATCH)]
        encoder.images(batch)
        encode = [_cpu(lambda: encoder.images(batch)) / BATCH for _ in range(3)]
    return read, statistics.median(prepare), statistics.median(encode)


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
