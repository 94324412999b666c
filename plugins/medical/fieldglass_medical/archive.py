"""Every file below a folder, and every file of the ZIP archives there, under limits that a bomb would break."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import IO

from fieldglass.loaders.paths import inside, open_regular, portable
from fieldglass_medical.refusal import Refusal

__all__ = ["MEMBER", "base_of_root", "members", "open_place", "places_below", "walk"]

MEMBER = "\x1f"  # between the path of an archive and the name of a file in it
MAX_MEMBERS = 200_000
MAX_MEMBER = 1 << 30
MAX_RATIO = 200
_LEAST = 1 << 20  # a small file may be of nothing but zeros


def walk(root: Path, base: Path) -> Iterator[str]:
    """Portable paths relative to `base`, sorted; links to folders are not followed, hidden names passed over."""
    if root.is_file():
        yield portable(root.relative_to(base).as_posix())
        return
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield portable(Path(folder, name).relative_to(base).as_posix())


def base_of_root(root: Path) -> Path:
    """The folder that places are relative to."""
    real = root.resolve()  # first: the file may be a link
    return real.parent if real.is_file() else real


def places_below(root: Path) -> Iterator[str]:
    """Every file of a folder and of the archives there; an archive that is damaged holds none."""
    base = base_of_root(root)
    for name in walk(root.resolve(), base):
        yield name
        if not name.lower().endswith(".zip"):
            continue
        try:
            with open_place(base, name) as archive:
                names = members(archive)
        except (OSError, ValueError, Refusal):
            continue
        yield from (name + MEMBER + each for each in names)


def members(file: IO[bytes]) -> list[str]:
    """The names of the files in an archive. Refusal where it is damaged or over a limit."""
    try:
        with zipfile.ZipFile(file) as archive:
            found = [each for each in archive.infolist() if not each.is_dir()]
    except Exception as error:  # zipfile raises a handful of kinds
        raise Refusal("zip-damaged", f"The archive cannot be listed ({type(error).__name__}).") from None
    if len(found) > MAX_MEMBERS:
        raise Refusal("zip-too-large", f"The archive holds {len(found)} files, over {MAX_MEMBERS}.")
    return sorted(each.filename for each in found if not _hidden(each.filename))


@contextmanager
def open_place(base: Path, place: str) -> Iterator[IO[bytes]]:
    """A file of the folder, or one of an archive, which is then read into memory. OSError, OutsideError, Refusal."""
    path, _, member = place.partition(MEMBER)
    with open_regular(inside(base, path)) as file:
        if not member:
            yield file
            return
        yield _member(file, member)


def _member(file: IO[bytes], name: str) -> IO[bytes]:
    try:
        with zipfile.ZipFile(file) as archive:
            said = archive.getinfo(name)
            if said.flag_bits & 1:
                raise Refusal("zip-encrypted", "The file in the archive is encrypted.")
            if said.file_size > MAX_MEMBER or said.file_size > max(said.compress_size * MAX_RATIO, _LEAST):
                raise Refusal("zip-too-large", f"A file of {said.file_size} bytes in an archive is over the limit.")
            with archive.open(said) as packed:
                content = packed.read(said.file_size + 1)
    except KeyError:
        raise FileNotFoundError from None
    except Refusal:
        raise
    except Exception as error:
        raise Refusal("zip-damaged", f"A file of the archive cannot be read ({type(error).__name__}).") from None
    return BytesIO(content)


def _hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) and part not in (".", "..") for part in name.split("/"))
