"""Tells whether an item has changed: by the stamp of its files, then by the hash of their content.

The stamp is size and mtime_ns of every path, and costs one `stat` each. Content is read only where
the stamp differs. What a loader says of an item (metadata, groups) has a hash of its own, so that a
new price does not encode the picture again.
"""

from __future__ import annotations

import json
import os
from collections import OrderedDict
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import Any

from fieldglass import __version__
from fieldglass.loaders.paths import inside, local, open_regular
from fieldglass.types import Item

__all__ = ["Contents", "bad_stamp", "metadata_hash", "setting_of", "stamp_of"]

_CHUNK = 1 << 20


def stamp_of(item: Item, base: str) -> str:
    """The stamp of an item whose paths are relative to `base`; OSError where a file is not there."""
    if not item.paths:
        return _digest(_canonical({**item.locator, "metadata": item.metadata}))
    parts = []
    for path in item.paths:
        found = os.stat(os.path.join(base, local(path)))
        parts.append(f"{found.st_size:x}.{found.st_mtime_ns:x}")
    if item.locator:
        parts.append(_digest(_canonical(item.locator)))
    return " ".join(parts)


def metadata_hash(item: Item) -> str:
    """The hash of what the loader says of an item."""
    return _digest(_canonical([item.metadata, item.groups]))


def setting_of(loader: str, options: Mapping[str, Any]) -> str:
    """What a bad file was bad under: it is tried again under another loader, option or version."""
    return _digest(_canonical([__version__, loader, options]))[:8]


def bad_stamp(stamp: str, setting: str) -> str:
    """The stamp of a bad file in the journal."""
    return f"{stamp} !{setting}"


class Contents:
    """Hashes the content of items; the files that many items share are read once. Safe in threads."""

    def __init__(self, base: Path, keep: int = 64) -> None:
        self._base, self._keep = base, keep
        self._files: OrderedDict[tuple[tuple[str, ...], str], str] = OrderedDict()
        self._lock = Lock()

    def hash(self, item: Item, stamp: str) -> str:
        """The hash of the bytes of all paths, and of the locator. OSError where one cannot be read."""
        if not item.paths:
            return stamp
        key = (item.paths, stamp.split(" ", 1)[0])
        with self._lock:
            found = self._files.get(key)
        if found is None:
            found = self._read(item.paths)
            with self._lock:
                self._files[key] = found
                while len(self._files) > self._keep:
                    self._files.popitem(last=False)
        return _digest(found + _canonical(item.locator)) if item.locator else found

    def _read(self, paths: tuple[str, ...]) -> str:
        digest = blake2b(digest_size=16)
        for path in paths:
            with open_regular(inside(self._base, path)) as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
            digest.update(b"\0next\0")
        return digest.hexdigest()


def _digest(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=_plain, separators=(",", ":"))


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else str(value)
