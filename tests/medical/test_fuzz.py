"""Mutated files end as rows of the journal or as samples: no exception, no hang, no growth of memory."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import numpy as np
import pydicom
import pytest

from fieldglass.types import Item, Problem, Sample
from fieldglass_medical.loader import Dicom

REAL = Path(pydicom.__file__).parent / "data" / "test_files"
NAMES = (
    "CT_small.dcm", "MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "SC_rgb_rle_2frame.dcm", "JPEG2000.dcm",
    "image_dfl.dcm", "examples_palette.dcm", "ExplVR_BigEnd.dcm", "rtdose_rle.dcm", "SC_rgb_jpeg_dcmd.dcm",
    "nested_priv_SQ.dcm", "no_meta.dcm", "MR_small_jpeg_ls_lossless.dcm", "SC_rgb_jpeg_gdcm.dcm",
    "JPEGLSNearLossless_16.dcm", "SC_rgb_jls_lossy_line.dcm", "HTJ2K_08_RGB.dcm", "JPGExtended.dcm",
)  # fmt: skip
SECONDS, MEMORY = 5.0, 1 << 30
WALL = 60.0  # beside other work; decoders in a child have a limit of their own


def mutated(content: bytes, random: np.random.Generator) -> bytes:
    """Bytes overwritten, cut out, doubled, or the end cut off; most of it in the header, where lengths are."""
    data = bytearray(content)
    pixels = content.find(b"\xff\xd8\xff") if random.random() < 0.5 else -1  # of JPEG and JPEG-LS
    for _ in range(random.integers(1, 6)):
        if pixels > 0 and len(data) > pixels + 2:
            at = int(random.integers(pixels, min(len(data), pixels + 400)))
            data[at : at + 1] = random.bytes(1)
            continue
        limit = len(data) if random.random() < 0.3 else min(len(data), 3000)
        at = int(random.integers(128, max(limit, 129)))
        kind = random.integers(0, 5)
        if kind == 0:
            data[at : at + 1] = random.bytes(1)
        elif kind == 1:
            data[at : at + 4] = b"\xff\xff\xff\xff" if random.random() < 0.5 else random.bytes(4)
        elif kind == 2:
            del data[at : at + int(random.integers(1, 40))]
        elif kind == 3:
            data[at:at] = data[at : at + int(random.integers(1, 200))]
        else:
            del data[at + int(random.integers(0, max(len(data) - at, 1))) :]
    return bytes(data)


def run(folder: Path, count: int, seed: int) -> tuple[int, int]:
    """The samples and the problems of so many mutated files."""
    random = np.random.default_rng(seed)
    contents = [(REAL / name).read_bytes() for name in NAMES if (REAL / name).exists()]
    level = ("instance", "frame", "series")
    taken = refused = 0
    before, children = (
        resource.getrusage(who).ru_maxrss * 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    for number in range(count):
        path = folder / "mutated.dcm"
        path.write_bytes(mutated(contents[number % len(contents)], random))
        loader = Dicom(level=level[number % 3], max_pixels=4_000_000)
        started, spent = time.monotonic(), time.process_time()
        found = list(loader.scan(path))
        items = [each for each in found if isinstance(each, Item)]
        assert items or any(isinstance(each, Problem) for each in found), f"{number}: it vanished"
        for answer in loader.read(items[:50], path):
            assert isinstance(answer, (Sample, Problem))
            if isinstance(answer, Sample):
                loader.preview(answer)
                taken += 1
            else:
                refused += 1
        refused += len(found) - len(items)
        assert time.process_time() - spent < SECONDS, f"{number}: {time.process_time() - spent:.1f} s"
        assert time.monotonic() - started < WALL, f"{number}: {time.monotonic() - started:.1f} s"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before < MEMORY
    # the largest child of this process so far, those of earlier tests among them; between fork and exec it is as large
    # as this process
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 < max(MEMORY, children + 1, own + 1)
    return taken, refused


def test_mutated_files_are_samples_or_problems(tmp_path):
    taken, refused = run(tmp_path, 48, seed=1)
    assert taken > 3 and refused > 5


@pytest.mark.slow
def test_two_thousand_mutated_files(tmp_path):
    taken, refused = run(tmp_path, 2000, seed=2)
    assert taken > 200 and refused > 200
