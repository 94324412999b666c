"""Ingest against its bound: what share of the cores' time goes into decoding, preparing and encoding alone."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.metered import metered
from benchmarks.pictures import photographs, small_files
from benchmarks.table import Row
from fieldglass.ingest import Progress, ingest, make_loader
from fieldglass.ingest.previews import thumbnail
from fieldglass.registry import registry
from fieldglass.store import Store
from fieldglass.types import Item

BATCH = 32
CLIP = {"model": "ViT-B-32", "pretrained": "random"}


def rows(quick: bool) -> Iterator[Row]:
    """The rows of ingest."""
    with tempfile.TemporaryDirectory(prefix="fieldglass-bench-") as name:
        folder = Path(name)
        small, large = (64, 32) if quick else (1024, 512)
        photographs(folder / "800x600", 800, 600, 2 * small)
        photographs(folder / "12MP", 4000, 3000, large, distinct=8)
        clip = registry().create("encoders", "open_clip", CLIP)
        yield _bounded(folder / "800x600", clip, "ViT-B/32, 800 x 600", 0.90, small)
        yield _bounded(folder / "12MP", clip, "ViT-B/32, 12 MP", 0.90, large)
        yield _draft(folder / "12MP", clip, 10 if quick else 40)
        try:
            mini = registry().create("encoders", "mini", {})
        except Exception as error:  # the weight carriers are an extra
            yield Row("ingest, mini, 800 x 600", ">= 0.85 of the bound", "not measured", None, str(error))
        else:
            yield _bounded(folder / "800x600", mini, "mini, 800 x 600", 0.85, 2 * small)
        yield from _many(folder, 5_000 if quick else 100_000)


def _bounded(folder: Path, encoder: Any, what: str, bar: float, count: int) -> Row:
    """Pictures per second of a whole ingest, as a share of cores / CPU seconds of its three steps."""
    items = [each for each in make_loader("files", {}, encoder).scan(folder) if isinstance(each, Item)][:count]
    with _collection(folder.parent) as store:
        ingest(store, folder, encoder=encoder, batch=BATCH, limit=2 * BATCH)  # weights load, caches fill
    with _collection(folder.parent) as store:
        run = metered(store, folder, encoder=encoder, batch=BATCH, limit=count)
    return Row(
        f"ingest, {what}",
        f">= {bar:.2f} of the bound",
        f"{run.share:.2f}",
        run.share >= bar,
        f"{run}; outside the bound: preview {1e3 * _preview(folder, encoder, items[:8]):.1f}, scan, commits and what "
        f"threads wait for; {run.report.new} pictures",
    )


def _preview(folder: Path, encoder: Any, items: list[Item]) -> float:
    """CPU seconds of the stored preview of a picture."""
    loader = make_loader("files", {}, encoder)
    samples = [next(loader.read([item], folder)) for item in items]
    return statistics.median(_cpu(lambda sample=sample: thumbnail(loader.preview(sample))) for sample in samples)


def _draft(folder: Path, encoder: Any, rounds: int) -> Row:
    """Our decoding and preparing of 12 megapixels beside Pillow's own draft and resize, in turns."""
    loader = make_loader("files", {}, encoder)
    items = [each for each in loader.scan(folder) if isinstance(each, Item)][:8]
    side = encoder.pixels
    ours, theirs = [], []
    for number in range(rounds):
        item = items[number % len(items)]
        ours.append(_cpu(lambda item=item: encoder.prepare(next(loader.read([item], folder)))))
        theirs.append(_cpu(lambda item=item: _pillow(folder / item.paths[0], side)))
    ratio = statistics.median(ours) / statistics.median(theirs)
    return Row(
        "decode and prepare of a 12 MP JPEG",
        "<= 1.15 of Pillow's draft and resize",
        f"{ratio:.2f}",
        ratio <= 1.15,
        f"CPU ms: {1e3 * statistics.median(ours):.1f} and {1e3 * statistics.median(theirs):.1f}",
    )


def _pillow(path: Path, side: int) -> Any:
    with Image.open(path) as picture:
        picture.draft("RGB", (2 * side, 2 * side))
        scale = side / min(picture.size)
        size = (round(picture.width * scale), round(picture.height * scale))
        return picture.resize(size, Image.Resampling.BICUBIC)


def _many(folder: Path, count: int) -> Iterator[Row]:
    """Memory over many small pictures, and the second run over the same."""
    from fieldglass.testing.tiny import TinyEncoder

    source = folder / "many"
    small_files(source, count)
    seen: list[tuple[int, int]] = []

    def note(progress: Progress) -> None:
        seen.append((progress.done, _resident()))

    with _collection(folder) as store:
        first = ingest(store, source, encoder=TinyEncoder(), progress=note)
        start = next((memory for done, memory in seen if done >= 2000), seen[0][1])
        growth = max(memory for done, memory in seen if done >= 2000) - start
        yield Row(
            f"memory while ingesting {count:,} pictures",
            "< 100 MB growth after the first 2 000",
            f"{growth / 1e6:.0f} MB",
            growth < 100e6,
            f"{start / 1e6:.0f} MB at 2 000; {first.new} taken at {first.new / first.seconds:.0f}/s by a toy encoder",
        )
        cpu = time.process_time()
        second = ingest(store, source, encoder=TinyEncoder())
        cpu = time.process_time() - cpu
    rate = second.unchanged / second.seconds
    yield Row(
        f"second run over {count:,} unchanged files",
        "> 5 000 files/s, nothing encoded",
        f"{rate:,.0f}/s",
        rate > 5000 and second.unchanged == count,
        f"{second.unchanged / cpu:,.0f} per CPU second",
    )


@contextmanager
def _collection(folder: Path) -> Iterator[Store]:
    with (
        tempfile.TemporaryDirectory(dir=folder) as name,
        Store.create(Path(name) / "bench.collection") as store,
    ):
        yield store


def _cpu(call: Callable[[], Any]) -> float:
    """CPU seconds of this process for one call."""
    started = time.process_time()
    call()
    return time.process_time() - started


def _resident() -> int:
    """Bytes of memory that this process holds."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
