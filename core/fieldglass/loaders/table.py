"""The `table` loader: rows of a CSV, TSV, JSONL or Parquet file that name their pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal

from fieldglass.errors import LoaderError, UsageError
from fieldglass.loaders.cells import ColumnTypes
from fieldglass.loaders.files import read_pictures
from fieldglass.loaders.paths import OutsideError, inside
from fieldglass.loaders.picture import MAX_PIXELS
from fieldglass.loaders.rows import BadRow, Row, column_names, decimals_of, read_rows, require_column
from fieldglass.types import Item, Problem, Sample

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["PATH_COLUMNS", "Table"]

PATH_COLUMNS = (
    "path", "image_path", "file_path", "filepath", "image", "file", "filename", "file_name", "image_file",
    "picture", "photo", "img", "image_name",
)  # fmt: skip
_MAX_ID = 1000


@dataclass
class _Plan:
    """What the first pass over the table found."""

    path_column: str
    types: ColumnTypes
    last: dict[str, int]  # ids that occur several times -> the line of their last row


class Table:
    """One item per row; its id is the path, or the cell of `id_column`; other columns are metadata.

    :param path_column: the column of the picture's path; guessed from common names if empty.
    :param id_column: the column that identifies a row.
    :param root: the folder that paths are relative to, itself relative to the table's folder.
    :param groups: columns that are groups (product, patient), for exclusion and collapsing.
    :param encoding: of a text table.
    :param delimiter: of a CSV file; told from the header if empty.
    :param decimal: "." or "," in numbers; if empty, the comma too in a CSV with semicolons.
    :param duplicates: of rows with one id, "last" wins, or with "error" all but the first are problems.
    :param several: where a cell lists several paths ("a.jpg|b.jpg"), use the "first", or make "each" an item
        (ids end in #1, #2 where there is an `id_column`), grouped under `row`.
    :param max_pixels: a larger picture is refused from its header.
    :param pixels: the encoder's input side; pictures are decoded to at least twice that. 0 = full size.
    :param lenient: take a JPEG that ends early: what is missing is grey, and the column `truncated` is true.

    A path must lie below the root: absolute ones, "..", URLs and links that lead out are problems.
    """

    private = False
    queries = "files"  # the loader of a single picture that is searched with

    def __init__(
        self,
        *,
        path_column: str = "",
        id_column: str = "",
        root: str = "",
        groups: tuple[str, ...] = (),
        encoding: str = "utf-8",
        delimiter: str = "",
        decimal: Literal["", ".", ","] = "",
        duplicates: Literal["last", "error"] = "last",
        several: Literal["first", "each"] = "first",
        max_pixels: int = MAX_PIXELS,
        pixels: int = 0,
        lenient: bool = False,
    ) -> None:
        if duplicates not in ("last", "error") or several not in ("first", "each"):
            raise UsageError(f"duplicates={duplicates!r} and several={several!r} cannot be.")
        self.path_column, self.id_column, self.root, self.groups = path_column, id_column, root, tuple(groups)
        self.encoding, self.delimiter, self.decimal = encoding, delimiter, decimal
        self.duplicates, self.several = duplicates, several
        self.max_pixels, self.pixels, self.lenient = max_pixels, pixels, lenient

    def base(self, root: Path) -> Path:
        """The folder that paths are relative to."""
        return root.parent / self.root

    def scan(self, root: Path) -> Iterator[Item | Problem]:
        """The rows of the table at `root`. LoaderError where it cannot be read, or lacks a column."""
        if not root.is_file():
            raise LoaderError(f"There is no table {str(root)!r}.", hint="Give the file itself, not its folder.")
        plan = self._plan(root)
        base = self.base(root)
        seen: set[str] = set()
        for row in self._rows(root):
            if isinstance(row, BadRow):
                yield Problem(f"{root.name}:{row.line}", "table-row", f"Line {row.line}: {row.reason}.")
                continue
            for found in self._items(row, plan, base, root.name):
                if isinstance(found, Item) and found.id in plan.last:
                    if self.duplicates == "last" and plan.last[found.id] != row.line:
                        continue
                    if self.duplicates == "error" and found.id in seen:
                        subject, message = f"{root.name}:{row.line}", f"Line {row.line}: {found.id!r} was there before."
                        yield Problem(subject, "table-duplicate", message)
                        continue
                    seen.add(found.id)
                yield found

    def read(self, items: Sequence[Item], root: Path) -> Iterator[Sample | Problem]:
        """The decoded pictures, or why not."""
        limits = {"pixels": self.pixels, "max_pixels": self.max_pixels}
        return read_pictures(items, self.base(root), **limits, lenient=self.lenient)

    def preview(self, sample: Sample) -> NDArray[np.uint8]:
        """The picture itself."""
        content: NDArray[np.uint8] = sample.content
        return content

    def _rows(self, root: Path) -> Iterator[Row | BadRow]:
        return read_rows(root, encoding=self.encoding, delimiter=self.delimiter)

    def _plan(self, root: Path) -> _Plan:
        columns = column_names(root, encoding=self.encoding, delimiter=self.delimiter)
        decimals = decimals_of(root, encoding=self.encoding, delimiter=self.delimiter, decimal=self.decimal)
        plan = _Plan(self._path_column(root, columns), ColumnTypes(decimals), {})
        for name in filter(None, (self.id_column, *self.groups)):
            require_column(root, name, columns)
        seen: set[bytes] = set()
        for row in self._rows(root):
            if isinstance(row, BadRow):
                continue
            plan.types.see(row.cells)
            for item_id, _ in self._names(row, plan.path_column):
                digest = blake2b(item_id.encode("utf-8", "surrogatepass"), digest_size=8).digest()
                if digest in seen:
                    plan.last[item_id] = row.line
                seen.add(digest)
        return plan

    def _path_column(self, root: Path, columns: list[str]) -> str:
        if self.path_column:
            require_column(root, self.path_column, columns)
            return self.path_column
        lowered = {name.lower().replace(" ", "_"): name for name in reversed(columns)}
        for name in PATH_COLUMNS:
            if name in lowered:
                return lowered[name]
        if not columns:
            return ""
        raise LoaderError(
            f"No column of {root.name!r} looks like the path of a picture: {', '.join(columns)}.",
            hint="Name it: --set path_column=NAME.",
        )

    def _names(self, row: Row, path_column: str) -> list[tuple[str, str]]:
        """(id, path) of each item of a row."""
        cell = row.cells.get(path_column)
        parts = cell if isinstance(cell, list) else str(cell or "").split("|")
        paths = [_tidy(str(part).strip()) for part in parts if str(part or "").strip()]
        row_id = str(row.cells.get(self.id_column) or "").strip() if self.id_column else ""
        if self.several == "first" or len(paths) < 2:
            paths = paths[:1] or [""]
            return [(row_id if self.id_column else paths[0], paths[0])]
        if not self.id_column:
            return [(path, path) for path in paths]
        return [(f"{row_id}#{place}", path) for place, path in enumerate(paths, start=1)]

    def _items(self, row: Row, plan: _Plan, base: Path, table: str) -> Iterator[Item | Problem]:
        names = self._names(row, plan.path_column)
        metadata = plan.types.typed(
            {name: cell for name, cell in row.cells.items() if name not in (plan.path_column, self.id_column)}
        )
        groups = {name: str(row.cells[name]) for name in self.groups if row.cells.get(name) not in (None, "")}
        if len(names) > 1:
            groups["row"] = str(row.cells.get(self.id_column)) if self.id_column else names[0][0]
        for item_id, path in names:
            reason = _refusal(item_id, path, base)
            if reason is None:
                yield Item(item_id, (path,), metadata=metadata, groups=groups)
            else:
                code, message = reason
                yield Problem(f"{table}:{row.line}", code, f"Line {row.line}: {message}.")


def _tidy(path: str) -> str:
    """Without "./" and doubled slashes, so that one file has one name; what is refused stays as it is."""
    return path if "://" in path or "\0" in path or path.startswith("/") else str(PurePosixPath(path))


def _refusal(item_id: str, path: str, base: Path) -> tuple[str, str] | None:
    if not path:
        return "table-path", "the row names no picture"
    try:
        found = inside(base, path)
        if not found.is_file():
            return "file-missing", f"there is no file {path!r}"
    except OutsideError as error:
        return "path-outside", f"{path[:200]!r} is not opened: {error}"
    except OSError as error:
        return "table-path", f"{path[:200]!r} cannot be a path ({error.strerror})"
    if not item_id or len(item_id) > _MAX_ID or "\0" in item_id:
        return "table-id", f"an id has 1 to {_MAX_ID} characters, this one {len(item_id)}"
    return None
