"""Paths of items: relative to a base folder, POSIX-style, and never outside it.

A file name that is not valid UTF-8 reaches Python with lone surrogates, which no database or JSON
takes. In ids and paths such a byte 0x80..0xFF is written as one character U+EF80..U+EFFF, of the
private use area, and turned back when the file is opened.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import IO, Any, cast

__all__ = ["OutsideError", "base_of", "inside", "local", "open_regular", "portable"]

_TO_PRIVATE = {0xDC00 + byte: 0xEF00 + byte for byte in range(0x80, 0x100)}
_FROM_PRIVATE = {private: surrogate for surrogate, private in _TO_PRIVATE.items()}


class OutsideError(ValueError):
    """A path that may not be opened: absolute, with "..", a URL, or a link out of its base."""


def portable(name: str) -> str:
    """A name as the system gives it -> the same as text that can be stored."""
    return name if name.isascii() else name.translate(_TO_PRIVATE)


def local(path: str) -> str:
    """What `portable` wrote -> the name to give the system."""
    return path if path.isascii() else path.translate(_FROM_PRIVATE)


def base_of(loader: Any, root: Path) -> Path:
    """The folder that the item paths of a source are relative to.

    `loader.base(root)` where a loader has that method, else `root`, or its folder when it is a file.
    """
    method = getattr(loader, "base", None)
    if method is not None:
        return cast("Path", method(root))
    return root.parent if root.is_file() else root


def inside(base: Path, path: str) -> Path:
    """The real file of a relative path, links followed. OutsideError where that is not below `base`."""
    if "\0" in path:
        raise OutsideError("the path holds a NUL character")
    if "://" in path or path.startswith("/vsi"):
        raise OutsideError("a URL is not a file below the root")
    name = local(path)
    if os.path.isabs(name) or (len(name) > 1 and name[1] == ":"):
        raise OutsideError("an absolute path is not below the root")
    if ".." in name.replace("\\", "/").split("/"):
        raise OutsideError('".." may lead out of the root')
    top = os.path.realpath(base)
    found = os.path.realpath(os.path.join(top, name))
    if found != top and not found.startswith(top.rstrip(os.sep) + os.sep):
        raise OutsideError("it is a link that leads out of the root")
    return Path(found)


def open_regular(path: Path) -> IO[bytes]:
    """A regular file opened for reading; OSError for a device or a FIFO, without waiting on it."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path.name} is not a regular file")
    return open(descriptor, "rb")
