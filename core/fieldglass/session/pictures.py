"""How the pictures of a session are kept in its file, and found again."""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fieldglass.errors import FieldglassError, UsageError
from fieldglass.session.turn import Given
from fieldglass.types import QueryImage

if TYPE_CHECKING:
    from fieldglass.collection import Collection

__all__ = ["Pictures"]

LARGEST = 64 << 20  # bytes of a picture that is kept whole


class Pictures:
    """`folder` is that of the session file. `private` collections keep no pictures but their own items."""

    def __init__(self, folder: Path, *, private: bool = False, reader: Collection | None = None) -> None:
        self.folder, self.private, self.collection = folder, private, reader

    def written(self, given: Given) -> dict[str, Any]:
        """JSON-able. UsageError where the picture is too large, or its collection is private."""
        image = given.image
        common = {"role": image.role, "weight": image.weight}
        if image.id is not None:
            return {"id": image.id, **common}
        if given.record is not None:
            return dict(given.record)
        if self.private:
            raise UsageError(
                "A session with a private collection cannot keep pictures from elsewhere.",
                hint="Search by --like ID, or go on without saving.",
            )
        row = {"name": given.name, "item": given.item, **common}
        if isinstance(given.origin, Path):
            data = given.origin.read_bytes()
            return {**row, "path": self._relative(given.origin), "sha256": hashlib.sha256(data).hexdigest()}
        kept, data = ("pixels", _png(image)) if given.origin is None else ("file", given.origin)
        if len(data) > LARGEST:
            raise UsageError(f"The picture {given.name!r} has more than {LARGEST >> 20} MiB and no path to keep.")
        return {**row, kept: base64.b64encode(data).decode()}

    def indexed(self, image: QueryImage) -> Given:
        """An item of the collection, with its preview where it is still there."""
        preview = None
        if self.collection is not None:
            snapshot = self.collection.store.snapshot()
            position = int(snapshot.positions([image.id or ""])[0])
            preview = snapshot.thumbnail(position) if position >= 0 else None
        return Given(image, image.id or "", preview=preview)

    def read(self, row: dict[str, Any], name: str, role: Any, weight: float, item: str | None) -> Given:
        """A picture from elsewhere; one that is missing or has changed is `lost`, with the reason."""
        origin: Path | bytes | None
        thing: Any
        try:
            if row.get("path"):
                origin = self._found(str(row["path"]), str(row.get("sha256")))
                thing = origin
            else:
                data = base64.b64decode(row.get("file") or row["pixels"], validate=True)
                origin, thing = (data, data) if row.get("file") else (None, _pixels(data))
            if self.collection is None:
                raise UsageError("there is no collection to read it with.")
            question = self.collection.ask(image=thing, item=item)
        except (FieldglassError, OSError, binascii.Error, ValueError) as error:
            lost = error.message if isinstance(error, FieldglassError) else str(error)
            return Given(QueryImage(role=role, weight=weight), name, item=item, lost=lost, record=row)
        read = question.query.images[0]
        image = QueryImage(item=read.item, sample=read.sample, role=role, weight=weight)
        return Given(image, name, origin, item, question.asked.pictures[0].preview)

    def _found(self, path: str, sha256: str) -> Path:
        if path.startswith(("\\\\", "//")) or "://" in path or "\0" in path:
            raise UsageError(f"{path!r} is not a path on this machine.")
        found = (self.folder / path).resolve()
        if not found.is_file():
            raise UsageError("it is not there any more.")
        if hashlib.sha256(found.read_bytes()).hexdigest() != sha256:
            raise UsageError("it has changed since.")
        return found

    def _relative(self, path: Path) -> str:
        try:
            return Path(os.path.relpath(path, self.folder)).as_posix()
        except ValueError:  # another drive
            return path.as_posix()


def _png(image: QueryImage) -> bytes:
    from PIL import Image

    if image.sample is None:
        raise UsageError("A picture of the session has neither an id nor a sample.")
    written = io.BytesIO()
    Image.fromarray(image.sample.content).save(written, "png")
    return written.getvalue()


def _pixels(data: bytes) -> Any:
    """A decoded PNG; a bomb or a damaged one is a ValueError."""
    import warnings

    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            picture = Image.open(io.BytesIO(data), formats=["PNG"])
            picture.load()
        except (OSError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            raise ValueError(f"its pixels cannot be read: {error}") from None
    return picture
