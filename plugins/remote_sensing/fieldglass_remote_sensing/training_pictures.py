"""Reads the scenes of a training: a batch ahead, in threads, some kept in memory, each as its tower takes it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from fieldglass.errors import UsageError
from fieldglass.types import Problem
from fieldglass_remote_sensing.resizing import resize
from fieldglass_remote_sensing.spectral import radar, sentinel2

if TYPE_CHECKING:
    from fieldglass.types import F32
    from fieldglass_remote_sensing.training_scenes import Captioned

__all__ = ["Pictures", "ahead", "flipped"]

_THREADS = 4
_T = TypeVar("_T")


class Pictures:
    """Scenes as (bands, size, size) float32, the last read kept up to `memory` bytes."""

    def __init__(self, size: int, memory: int) -> None:
        self._size, self._memory, self._held = size, memory, 0
        self._kept: OrderedDict[tuple[int, str], F32 | str] = OrderedDict()
        self._lock = Lock()
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="scenes")

    def read(self, scenes: Sequence[Captioned]) -> list[F32 | str]:
        """One for each, or why there is none: too few valid pixels, other bands, a damaged file."""
        found: dict[int, F32 | str] = {}
        groups: dict[Any, list[int]] = {}
        for place, each in enumerate(scenes):
            kept = self._get(each)
            if kept is not None:
                found[place] = kept
            else:
                groups.setdefault((id(each.loader), each.item.paths), []).append(place)
        decoded = self._pool.map(lambda rows: self._decoded([scenes[row] for row in rows]), groups.values())
        for places, pictures in zip(groups.values(), decoded, strict=True):
            found.update(zip(places, pictures, strict=True))
        return [found[place] for place in range(len(scenes))]

    def _get(self, scene: Captioned) -> F32 | str | None:
        with self._lock:
            found = self._kept.get(_key(scene))
            if found is not None:
                self._kept.move_to_end(_key(scene))
            return found

    def _decoded(self, scenes: Sequence[Captioned]) -> list[F32 | str]:
        samples = scenes[0].loader.read([each.item for each in scenes], scenes[0].root)
        pictures = [self._prepared(scene, sample) for scene, sample in zip(scenes, samples, strict=True)]
        with self._lock:
            for scene, picture in zip(scenes, pictures, strict=True):
                if _key(scene) not in self._kept:
                    self._kept[_key(scene)] = picture
                    self._held += _bytes(picture)
            while self._held > self._memory and self._kept:
                _, gone = self._kept.popitem(last=False)
                self._held -= _bytes(gone)
        return pictures

    def _prepared(self, scene: Captioned, sample: Any) -> F32 | str:
        if isinstance(sample, Problem):
            return f"{sample.subject}: {sample.message}"
        try:
            planes = radar(sample, "rs/closp") if scene.sensor == "s1" else sentinel2(sample, "rs/closp")
        except UsageError as error:
            return f"{scene.item.id}: {error}"
        return resize(planes, self._size)


def flipped(pictures: Sequence[F32], random: np.random.Generator) -> F32:
    """(n, bands, size, size): each turned over upside down, left to right, both or not, as likely."""
    turned = [
        picture[:, :: -1 if down else 1, :: -1 if across else 1]
        for picture, (down, across) in zip(pictures, random.random((len(pictures), 2)) < 0.5, strict=True)
    ]
    return np.stack(turned)


def ahead(things: Iterator[_T]) -> Iterator[_T]:
    """The same, each made in a thread while the one before is used."""
    with ThreadPoolExecutor(1, thread_name_prefix="batch") as pool:
        coming = pool.submit(next, things, None)
        while (thing := coming.result()) is not None:
            coming = pool.submit(next, things, None)
            yield thing


def _bytes(picture: F32 | str) -> int:
    return len(picture) if isinstance(picture, str) else picture.nbytes


def _key(scene: Captioned) -> tuple[int, str]:
    return id(scene.loader), scene.item.id
