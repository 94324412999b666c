"""GeoCLIP's location encoder beside its bare matrix products; what is done with its vectors is in `places`.

On one core, in seconds of the processor, so that what else runs on the machine does not count.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.table import Row
from fieldglass._torchvision import require
from fieldglass_geo.geoclip import GeoClip
from fieldglass_geo.geoclip_network import HEAD, LOCATION, SCALE, head, location

_TURNS = 10


def rows(quick: bool) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        encoder = _encoder(Path(folder))
        yield from _encoding(encoder, 10_000 if quick else 100_000)


def _encoder(folder: Path) -> GeoClip:
    """With the weights of the package, else with random ones of the same sizes."""
    if find_spec("geoclip") is not None:
        return GeoClip(device="cpu")
    torch = require("torch")
    parts = ((LOCATION, location((1.0, 16.0, 256.0))), (HEAD, head()))
    state = {prefix + name: each for prefix, part in parts for name, each in part.state_dict().items()}
    require("safetensors.torch").save_file({**state, SCALE: torch.tensor(3.68)}, str(folder / "model.safetensors"))
    return GeoClip(weights=str(folder / "model.safetensors"), device="cpu")


def _points(count: int) -> np.ndarray:
    random = np.random.default_rng(0)
    return np.stack([np.degrees(np.arcsin(random.uniform(-1, 1, count))), random.uniform(-180, 180, count)], axis=1)


def _encoding(encoder: GeoClip, count: int) -> Iterator[Row]:
    """By turns."""
    torch = require("torch")
    torch.set_num_threads(1)
    sizes = (512, 1024, 1024, 1024, 512)
    layers = [torch.randn(before, after) / before**0.5 for before, after in pairwise(sizes)]
    encoder.places(_points(1024))
    ours = bare = 0.0
    for part in np.array_split(_points(count), _TURNS):
        start = time.process_time()
        encoder.places(part)
        ours += time.process_time() - start
        start = time.process_time()
        with torch.inference_mode():
            for first in range(0, len(part), 512):
                for _ in range(3):
                    values = torch.rand(min(512, len(part) - first), 512)
                    for layer in layers:
                        values = values @ layer
        bare += time.process_time() - start
    yield Row(
        f"encode {count:,} places by geo/geoclip",
        "< 1.5 x its matrix products",
        f"{ours / bare:.2f} x",
        ours < 1.5 * bare,
        f"{ours:.1f} s; products alone {bare:.1f} s",
    )
