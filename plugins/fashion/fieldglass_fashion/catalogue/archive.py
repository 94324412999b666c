"""Pictures in a ZIP or TAR archive, read where they lie: nothing is unpacked, and a bomb is refused by its sizes."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from pathlib import Path
from threading import Lock
from typing import IO

from fieldglass.errors import UsageError
from fieldglass.loaders.paths import open_regular
from fieldglass.loaders.picture import PictureError

__all__ = ["SUFFIXES", "Archive", "is_archive"]

SUFFIXES = (".zip", ".tar")
_PACKED = (".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".7z", ".rar")
MAX_MEMBER = 256 << 20  # bytes of one picture
MAX_RATIO = 200  # times its packed size
_LEAST = 1 << 20
MAX_MEMBERS = 5_000_000


def is_archive(name: str) -> bool:
    """Whether a name is that of an archive. UsageError for one whose files cannot be read where they lie."""
    lowered = name.lower()
    if lowered.endswith(_PACKED):
        raise UsageError(f"{name!r} cannot be read where it lies.", hint="Unpack it, or make it a .zip or plain .tar.")
    return lowered.endswith(SUFFIXES)


class Archive:
    """The members of one archive, listed once and read by name. Safe in threads.

    PictureError where the archive is damaged or over a limit; `stale` where its file is another by now.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = _stamp(path)
        self._file = open_regular(path)
        self._lock = Lock()
        self._zip: zipfile.ZipFile | None = None
        self._sizes: dict[str, tuple[int, int]] = {}  # of a TAR: where a member's bytes begin, and how many
        try:
            self._list()
        except Exception as error:  # zipfile and tarfile raise a handful of kinds
            self._file.close()
            if isinstance(error, PictureError):
                raise
            raise PictureError("archive-damaged", f"{path.name} cannot be listed ({error}).") from error

    def stale(self) -> bool:
        """Whether the file at its path is another than the one that was listed. OSError where there is none."""
        return _stamp(self._path) != self._stamp

    def __contains__(self, name: str) -> bool:
        return name in (self._sizes if self._zip is None else self._zip.NameToInfo)

    def open(self, name: str) -> IO[bytes]:
        """The bytes of a member. FileNotFoundError where there is none, PictureError where it is not taken."""
        if name not in self:
            raise FileNotFoundError(name)
        return io.BytesIO(self._of_tar(name) if self._zip is None else self._of_zip(self._zip, name))

    def _list(self) -> None:
        if self._path.suffix.lower() == ".zip":
            self._zip = zipfile.ZipFile(self._file)
            if len(self._zip.NameToInfo) > MAX_MEMBERS:
                raise PictureError("archive-too-large", f"{self._path.name} holds over {MAX_MEMBERS} files.")
            return
        with tarfile.open(fileobj=self._file, mode="r:") as tar:
            for count, member in enumerate(tar):
                if count >= MAX_MEMBERS:
                    raise PictureError("archive-too-large", f"{self._path.name} holds over {MAX_MEMBERS} files.")
                if member.isreg() and not member.issparse():
                    self._sizes[member.name.removeprefix("./")] = (member.offset_data, member.size)
                tar.members = []  # the module keeps every one

    def _of_zip(self, archive: zipfile.ZipFile, name: str) -> bytes:
        said = archive.NameToInfo[name]
        if said.flag_bits & 1:
            raise PictureError("archive-encrypted", "The file in the archive is encrypted.")
        _check(said.file_size, said.compress_size)
        try:
            with self._lock, archive.open(said) as packed:
                return packed.read(said.file_size + 1)
        except Exception as error:
            raise PictureError("archive-damaged", f"The file in the archive cannot be read ({error}).") from error

    def _of_tar(self, name: str) -> bytes:
        start, size = self._sizes[name]
        _check(size, size)
        with self._lock:
            self._file.seek(start)
            content = self._file.read(size)
        if len(content) < size:
            raise PictureError("archive-damaged", "The archive ends before this file does.")
        return content


def _check(size: int, packed: int) -> None:
    if size > MAX_MEMBER or size > max(packed * MAX_RATIO, _LEAST):
        raise PictureError("archive-too-large", f"A file of {size} bytes, packed {packed}, is over the limit.")


def _stamp(path: Path) -> tuple[int, int, int]:
    found = os.stat(path)
    return found.st_ino, found.st_size, found.st_mtime_ns
