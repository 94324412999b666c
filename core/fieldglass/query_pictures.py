"""Reads the pictures of a query: a path, bytes, a PIL image or an array, as the collection's own loader would."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fieldglass.errors import QueryError
from fieldglass.ingest.previews import thumbnail
from fieldglass.loaders.formats import HEAD, name_of
from fieldglass.loaders.paths import portable
from fieldglass.result import Picture
from fieldglass.types import Item, Problem, QueryImage, Sample

if TYPE_CHECKING:
    from fieldglass.interfaces import Loader

__all__ = ["PictureReader"]

_LISTED = 8  # items of a query that holds several


@dataclass(frozen=True)
class PictureReader:
    """Turns whatever people hold into a `QueryImage` and the `Picture` that is shown for it."""

    loader: Loader

    def read(self, thing: Any, *, role: Any = "reference", item: str | None = None) -> tuple[QueryImage, Picture]:
        """`thing`: path, bytes, PIL image, or (H, W), (H, W, 3) or (H, W, 4) array. QueryError where it cannot be read.

        A path may be the folder of one item, such as a series. `item` names the one to take where a file or folder
        holds several (a multi-frame study, a tiled scene).
        """
        found, name = None, "picture"
        if isinstance(thing, (str, os.PathLike)):
            found, sample = self._file(Path(thing).expanduser(), item)
            name = "picture" if self.loader.private else Path(thing).name
        elif isinstance(thing, (bytes, bytearray, memoryview)):
            found, sample = self._bytes(thing, item)
        else:
            sample = _sample(thing)
        preview = thumbnail(self.loader.preview(sample))
        return QueryImage(item=found, sample=sample, role=role), Picture(name, role, preview)

    def _bytes(self, data: bytes | bytearray | memoryview, wanted: str | None) -> tuple[Item, Sample]:
        """Through a file, since that is what loaders read."""
        with tempfile.TemporaryDirectory(prefix="fieldglass-") as folder:
            name = name_of(bytes(data[:HEAD]))  # some loaders go by the suffix
            path = Path(folder) / ("bytes" if name is None else f"bytes.{name.lower()}")
            path.write_bytes(data)
            return self._file(path, wanted)

    def _file(self, path: Path, wanted: str | None) -> tuple[Item, Sample]:
        if not path.exists():
            raise QueryError(
                "There is no such picture." if self.loader.private else f"There is no picture {str(path)!r}."
            )
        root, named = path.resolve(), "" if self.loader.private else f" {path.name!r}"  # a path may tell who someone is
        item = _only(self.loader.scan(root), path, named, wanted)
        if item is None and self.loader.private:  # it reads what it has scanned alone
            raise QueryError(
                "The picture cannot be read: the loader of the collection reads no such file.",
                hint="Give one of the kind that was indexed, or the id of an item.",
            )
        item = item or Item(portable(path.name), (portable(path.name),))  # passed over by its name; its content decides
        answer = next(iter(self.loader.read([item], root)))
        if isinstance(answer, Problem):
            raise QueryError(f"The picture{named} cannot be read: {answer.message}")
        return item, answer


def _only(found: Iterator[Item | Problem], path: Path, named: str, wanted: str | None) -> Item | None:
    """The one item, or that which is wanted; None of a file that is passed over."""
    items: list[Item] = []
    problems: list[Problem] = []
    for each in found:
        if isinstance(each, Problem):
            problems.append(each)
        elif wanted is not None or len(items) <= _LISTED:
            items.append(each)
        else:  # a folder may hold millions
            break
    if wanted is not None:
        chosen = [each for each in items if each.id == wanted or each.id.endswith(wanted)]
        if len(chosen) == 1:
            return chosen[0]
        raise QueryError(f"The query{named} has no item {wanted!r}.", hint=_listed(items))
    if len(items) > 1:
        many = f"more than {_LISTED}" if len(items) > _LISTED else str(len(items))
        raise QueryError(f"The query{named} holds {many} items.", hint=f"Name one by --item. {_listed(items)}")
    if items:
        return items[0]
    if problems:
        raise QueryError(f"The picture{named} cannot be read: {problems[0].message}")
    if path.is_dir():
        raise QueryError(f"The folder{named} holds no picture.")
    return None


def _listed(items: list[Item]) -> str:
    shown = ", ".join(each.id for each in items[:_LISTED])
    return f"It has {shown}{' ...' if len(items) > _LISTED else ''}."


def _sample(thing: Any) -> Sample:
    import numpy as np
    from PIL import Image, ImageOps

    if isinstance(thing, Image.Image):
        upright = ImageOps.exif_transpose(thing)
        flat = _on_white(upright) if upright.has_transparency_data else upright.convert("RGB")
        return Sample("image", np.asarray(flat))
    array = np.asarray(thing)
    if array.dtype.kind == "f" and array.size and array.min() >= 0 and array.max() <= 1:
        array = (array * 255).round().astype(np.uint8)
    shaped = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))
    if array.dtype != np.uint8 or not shaped or 0 in array.shape:
        raise QueryError(
            f"A picture is a path, bytes, a PIL image or a uint8 array, not {type(thing).__name__} "
            f"of {array.dtype} {array.shape}."
        )
    return _sample(Image.fromarray(array[..., 0] if array.shape[2:] == (1,) else array))


def _on_white(picture: Any) -> Any:
    from PIL import Image

    front = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", front.size, "white"), front).convert("RGB")
