"""Finds the pictures of a benchmark on disk, whatever folder and suffix they were saved under."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from fieldglass.types import Item

__all__ = ["SUFFIXES", "Pictures", "absent"]

SUFFIXES = (".jpg", ".png", ".jpeg", ".webp", ".JPEG", ".JPG", ".tif")

_KNOWN = frozenset(each.lower() for each in SUFFIXES)


class Pictures:
    """Looks a picture up in a few folders below the root; every folder is listed once.

    :param folders: tried in order, relative to the root ("" is the root itself).
    """

    def __init__(self, root: Path, folders: Iterable[str]) -> None:
        self.root = root
        self.folders = tuple(folders)
        self._listed: dict[str, frozenset[str]] = {}

    def path(self, name: str) -> str:
        """The path of a picture relative to the root; the first place it could be where it is missing.

        A name without suffix is tried with each.
        """
        clean = name.removeprefix("./")
        stem, suffix = os.path.splitext(clean)
        known = suffix.lower() in _KNOWN
        within, _, base = (stem if known else clean).rpartition("/")
        first = f"{self.folders[0] if self.folders else ''}/{clean if known else clean + SUFFIXES[0]}".lstrip("/")
        for folder in self.folders:
            parent = f"{folder}/{within}".strip("/") if within else folder
            names = self._names(parent)
            if not names:
                continue
            if known and base + suffix in names:
                return f"{parent}/{base}{suffix}".lstrip("/")
            for each in SUFFIXES:
                if base + each in names:
                    return f"{parent}/{base}{each}".lstrip("/")
        return first

    def there(self, path: str) -> bool:
        """Whether a file of that relative path exists."""
        folder, _, name = path.rpartition("/")
        return name in self._names(folder)

    def _names(self, folder: str) -> frozenset[str]:
        if folder not in self._listed:
            try:
                self._listed[folder] = frozenset(os.listdir(self.root / folder))
            except OSError:
                self._listed[folder] = frozenset()
        return self._listed[folder]


def absent(items: Iterable[Item], pictures: Pictures) -> tuple[int, list[str]]:
    """How many items there are, and the ids of those whose file is missing."""
    total, missing = 0, []
    for item in items:
        total += 1
        if not all(pictures.there(path) for path in item.paths):
            missing.append(item.id)
    return total, missing
