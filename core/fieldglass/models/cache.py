"""The user's cache: things that were computed once and can be computed again."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tempfile
from pathlib import Path

__all__ = ["cache_dir", "sha256_of", "write_atomic"]

_BLOCK = 1 << 22


def cache_dir() -> Path:
    """FIELDGLASS_CACHE, else where this platform keeps caches. It need not exist."""
    chosen = os.environ.get("FIELDGLASS_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local") / "fieldglass" / "Cache"
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/fieldglass"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fieldglass"


def write_atomic(path: Path, content: bytes) -> None:
    """Write a cache file whole or not at all. A cache that cannot be written is no error: it is only slower."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)


def sha256_of(path: Path, *, fresh: bool = False) -> str:
    """sha256 of a file, remembered by path, size, inode and times; `fresh` reads it again whatever is remembered."""
    found = path.stat()
    identity = f"{path.resolve()}|{found.st_size}|{found.st_ino}|{found.st_mtime_ns}|{found.st_ctime_ns}"
    note = cache_dir() / "sha256" / hashlib.sha256(identity.encode()).hexdigest()
    if not fresh:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            known = note.read_text("ascii")
            if len(known) == 64 and set(known) <= set("0123456789abcdef"):
                return known
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    write_atomic(note, digest.hexdigest().encode("ascii"))
    return digest.hexdigest()
