"""The files of a product, in a folder or in a zip archive, and the little XML of its manifests.

A file in an archive is written "a.zip!b/c.jp2". Archives are never unpacked: GDAL reads a member where it lies.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

from fieldglass.loaders import inside
from fieldglass.loaders.paths import OutsideError, open_regular
from fieldglass_remote_sensing.scenes import SceneError

__all__ = ["MARK", "Members", "gdal_name", "names_in_zip", "texts"]

MARK = "!"
_MOST_NAMES = 20_000
_MOST_XML = 64 << 20
_MOST_RATIO = 200  # of an XML in an archive


class Members:
    """Names of the files of a product and their content.

    :param names: relative to the base of the source, of a folder, or one zip archive.
    """

    def __init__(self, base: Path, names: Sequence[str]) -> None:
        self._base = base
        self.archive = names[0] if len(names) == 1 and names[0].lower().endswith(".zip") else None
        if self.archive is not None:
            self.names = [f"{self.archive}{MARK}{each}" for each in names_in_zip(inside(base, self.archive))]
        else:
            self.names = list(names)

    def ending(self, *endings: str) -> list[str]:
        """The names that end so, sorted."""
        return sorted(name for name in self.names if name.endswith(endings))

    def xml(self, name: str) -> ElementTree.Element:
        """The root of an XML file. SceneError for one that is too large, declares entities, or is none."""
        try:
            content = self._bytes(name)
            if b"<!ENTITY" in content or b"<!DOCTYPE" in content:
                raise SceneError("scene-manifest", f"{PurePosixPath(name).name} declares entities, which are not read.")
            return ElementTree.fromstring(content)
        except (ElementTree.ParseError, zipfile.BadZipFile, KeyError) as error:
            raise SceneError("scene-manifest", f"{PurePosixPath(name).name} cannot be read: {error}.") from error

    def _bytes(self, name: str) -> bytes:
        archive, mark, member = name.partition(MARK)
        if not (mark and self.archive):
            with open_regular(inside(self._base, name)) as file:
                content = file.read(_MOST_XML + 1)
        else:
            with zipfile.ZipFile(inside(self._base, archive)) as opened:
                told = opened.getinfo(member)
                if told.file_size > _MOST_RATIO * max(1, told.compress_size) and told.file_size > 1 << 20:
                    raise SceneError("scene-manifest", f"{member} expands {_MOST_RATIO} times and more.")
                with opened.open(member) as stream:
                    content = stream.read(_MOST_XML + 1)
        if len(content) > _MOST_XML:
            raise SceneError("scene-manifest", f"{PurePosixPath(name).name} has over {_MOST_XML >> 20} MiB.")
        return content


def names_in_zip(path: Path) -> list[str]:
    """The files of an archive. SceneError for one that is damaged or has too many; names that lead out are left out."""
    try:
        with zipfile.ZipFile(path) as opened:
            found = [each.filename for each in opened.infolist() if not each.is_dir()]
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise SceneError("scene-archive", f"It is no archive that can be read: {error}.") from error
    if len(found) > _MOST_NAMES:
        raise SceneError("scene-archive", f"{len(found)} files are more than a product has.")
    return [name for name in found if _sound(name)]


def gdal_name(base: Path, file: str) -> str:
    """What GDAL opens for a file of a layer. OutsideError where it is not below `base`."""
    archive, mark, member = file.partition(MARK)
    if not mark:
        return str(inside(base, file))
    if not _sound(member):
        raise OutsideError("the name leads out of its archive")
    return f"/vsizip/{{{inside(base, archive)}}}/{member}"


def texts(root: ElementTree.Element, tag: str) -> Iterator[tuple[ElementTree.Element, str]]:
    """Elements of that name, whatever their namespace, with their text."""
    for each in root.iter():
        if each.tag.rpartition("}")[2] == tag:
            yield each, (each.text or "").strip()


def _sound(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return not (name.startswith("/") or ".." in parts or "\0" in name or ":" in parts[0] or "}" in name)
