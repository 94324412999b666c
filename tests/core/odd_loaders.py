"""Loaders with one fault each, and encoders too, for the tests of ingest."""

from __future__ import annotations

import os
import threading
from dataclasses import replace

import numpy as np

from fieldglass.loaders.files import Files
from fieldglass.types import Item, Problem, Sample
from tiny import TinyEncoder

HOOKS = """
from fieldglass.hooks import Offer, hookimpl

@hookimpl
def fieldglass_loaders():
    names = ("Boom", "Short", "Changing", "Private", "BadScan", "Tiles", "Places", "BadPreview", "Measured")
    return [Offer("odd/" + name.lower(), "odd_loaders:" + name, "a loader with a fault") for name in names]

@hookimpl
def fieldglass_metadata(item, paths):
    if "hookless" in item.id:
        raise RuntimeError("no hook for this one")
    return {"letters": len(item.id)}
"""


class Boom(Files):
    """Raises for files with "boom" in their name."""

    def read(self, items, root):
        for item in items:
            if "boom" in item.id:
                raise RuntimeError(f"cannot take {root / item.paths[0]}")
            yield from super().read([item], root)


class Short(Files):
    """Answers for nothing."""

    def read(self, items, root):
        return iter(())


class BadPreview(Files):
    """Has no preview."""

    def preview(self, sample):
        raise KeyError("preview")


class Changing(Files):
    """Somebody writes to the files with "moving" in their name while they are read."""

    def read(self, items, root):
        for item in items:
            yield from super().read([item], root)
            if "moving" in item.id:
                with open(root / item.paths[0], "ab") as file:
                    file.write(b"more")


class BadScan(Files):
    """Ends its scan with an exception after two items."""

    def scan(self, root):
        for number, found in enumerate(super().scan(root)):
            if number == 2:
                raise ValueError("lost the way")
            yield found


class Private(Files):
    """Ids are hashes; paths must not reach the collection."""

    private = True

    def scan(self, root):
        for found in super().scan(root):
            if isinstance(found, Item):
                yield replace(found, id=f"hash-{abs(hash(found.id)) % 10**8:08d}", metadata={})

    def read(self, items, root):
        for item in items:
            if "secretboom" in item.paths[0]:
                raise RuntimeError(f"cannot take {item.paths[0]}")
            for answer in super().read([item], root):
                yield replace(answer, message="It cannot be decoded.") if isinstance(answer, Problem) else answer


class Tiles(Files):
    """Four tiles of each picture, opened once for all of them."""

    opened = 0

    def scan(self, root):
        for found in super().scan(root):
            if isinstance(found, Problem):
                yield found
                continue
            for row in (0, 1):
                for column in (0, 1):
                    yield replace(found, id=f"{found.id}#tile={row},{column}", locator={"tile": [row, column]})

    def read(self, items, root):
        type(self).opened += 1
        (answer,) = super().read(items[:1], root)
        for item in items:
            if isinstance(answer, Problem):
                yield answer
                continue
            row, column = item.locator["tile"]
            height, width = answer.content.shape[0] // 2, answer.content.shape[1] // 2
            part = answer.content[row * height : (row + 1) * height, column * width : (column + 1) * width]
            yield Sample("image", part)


class Places:
    """Bare coordinates: items without files."""

    private = False

    def scan(self, root):
        for line in (root / "places.txt").read_text().splitlines():
            name, lat, lon = line.split()
            yield Item(name, locator={"lat": float(lat), "lon": float(lon)})

    def read(self, items, root):
        for item in items:
            yield Sample("place", (item.locator["lat"], item.locator["lon"]), (), "degrees")

    def preview(self, sample):
        raise NotImplementedError


class Measured(Files):
    """Pictures with the mean of their pixels, and a place that its scan tells."""

    place = "north"
    shade = ()  # names of files whose shade the scan tells

    def scan(self, root):
        for found in super().scan(root):
            told = {"place": self.place} | ({"shade": 7.0} if found.id in self.shade else {})
            yield replace(found, metadata={**found.metadata, **told})

    def read(self, items, root):
        for item, answer in zip(items, super().read(items, root), strict=True):
            if isinstance(answer, Problem):
                yield answer
            else:
                told = {} if item.id in self.shade else {"shade": float(answer.content.mean())}
                yield replace(answer, measured=told)


class Counting(TinyEncoder):
    """Counts what it encodes, and how much is prepared but not encoded yet."""

    def __init__(self, **options):
        super().__init__(**options)
        self.encoded = self.waiting = self.most = 0
        self._lock = threading.Lock()

    def prepare(self, sample):
        with self._lock:
            self.waiting += 1
            self.most = max(self.most, self.waiting)
        return super().prepare(sample)

    def images(self, batch):
        with self._lock:
            self.encoded += len(batch)
            self.waiting -= len(batch)
        return super().images(batch)


class Picky(TinyEncoder):
    """Fails on a whole batch that holds an all-black picture; gives NaN for an all-white one."""

    def images(self, batch):
        found = super().images(batch)
        for row, each in enumerate(batch):
            if each.content[3] > 0.99:
                raise RuntimeError("too dark")
            if each.content[4] > 0.99:
                found[row] = np.nan
        return found


def opened_below(folder, monkeypatch):
    """A list that fills with every file opened below the folder from now on."""
    found: list[str] = []
    top = os.fspath(folder)
    real_open, real_os_open = open, os.open

    def note(path):
        if isinstance(path, (str, os.PathLike)) and os.fspath(path).startswith(top):
            found.append(os.fspath(path))

    def spy(path, *arguments, **options):
        note(path)
        return real_open(path, *arguments, **options)

    def os_spy(path, *arguments, **options):
        note(path)
        return real_os_open(path, *arguments, **options)

    monkeypatch.setattr("builtins.open", spy)
    monkeypatch.setattr(os, "open", os_spy)
    return found
