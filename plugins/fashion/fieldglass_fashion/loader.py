"""A shop's catalogue: one row a product, one item a picture, grouped by product."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fieldglass.errors import LoaderError
from fieldglass.loaders.cells import ColumnTypes
from fieldglass.loaders.files import read_pictures
from fieldglass.loaders.paths import OutsideError, inside
from fieldglass.loaders.picture import MAX_PIXELS
from fieldglass.loaders.rows import BadRow, Row, column_names, read_rows
from fieldglass.types import Item, Problem, Sample
from fieldglass_fashion.price import price

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Catalogue"]

_IDS = ("id", "sku", "item_id", "product_id", "article_id", "handle")
_PICTURES = ("image_link", "image", "images", "image_path", "image_file", "picture", "path", "file", "filename")
_MORE_PICTURES = ("additional_image_link", "additional_images", "image_2", "image_3", "image_4")
_PRICES = ("price", "sale_price")
_PRODUCTS = ("item_group_id", "product_group", "parent_sku", "parent_id")
_REMOTE = re.compile(r"(?i)[a-z][a-z0-9+.-]*://|//")


class Catalogue:
    """CSV, TSV, JSONL or Parquet of a shop, in the column names of the usual exports.

    :param pictures: the folder that picture paths are relative to, itself relative to the catalogue's folder.
    :param id_column: the article number; guessed (id, sku, ...) if empty.
    :param encoding: of a text file.
    :param delimiter: of a CSV file; told from its header if empty.
    :param max_pixels: a larger picture is refused from its header.
    :param pixels: the encoder's input side; pictures are decoded to at least twice that. 0 = full size.

    The first picture of article 4711 is "4711", the others "4711#2", "4711#3"; all are in the group `product`,
    which is the variant group (item_group_id) where there is one. Prices ("19,90 €") become the number `price` and
    the text `currency`. Pictures on the web are not fetched.
    """

    private = False
    queries = "files"

    def __init__(
        self,
        *,
        pictures: str = "",
        id_column: str = "",
        encoding: str = "utf-8",
        delimiter: str = "",
        max_pixels: int = MAX_PIXELS,
        pixels: int = 0,
    ) -> None:
        self.pictures, self.id_column = pictures, id_column
        self.encoding, self.delimiter = encoding, delimiter
        self.max_pixels, self.pixels = max_pixels, pixels

    def base(self, root: Path) -> Path:
        """The folder that paths are relative to."""
        return root.parent / self.pictures

    def scan(self, root: Path) -> Iterator[Item | Problem]:
        """One item per picture. LoaderError where the catalogue cannot be read, or has no article numbers."""
        if not root.is_file():
            raise LoaderError(f"There is no catalogue {str(root)!r}.", hint="Give the file itself, not its folder.")
        names = column_names(root, encoding=self.encoding, delimiter=self.delimiter)
        if not names:
            return
        key = self.id_column if self.id_column in names else _first(names, () if self.id_column else _IDS)
        links = [name for name in names if _plain(name) in (*_PICTURES, *_MORE_PICTURES)]
        if key is None or not links:
            what = "article number" if key is None else "picture"
            raise LoaderError(
                f"No column of {root.name!r} is an {what}: {', '.join(names)}.".replace("an picture", "a picture"),
                hint="Name the one of the article number with --set id_column=NAME, or use the loader `table`.",
            )
        types, seen = self._types(root), dict[str, int]()
        for row in self._rows(root):
            subject = f"{root.name}:{row.line}"
            if isinstance(row, BadRow):
                yield Problem(subject, "catalogue-row", f"Line {row.line}: {row.reason}.")
                continue
            article = str(row.cells.get(key) or "").strip()
            if not article or article in seen:
                before = f"{article!r} is on line {seen[article]} already" if article else "it has no article number"
                yield Problem(subject, "catalogue-id", f"Line {row.line}: {before}.")
                continue
            seen[article] = row.line
            yield from self._product(row, key, article, links, types, root)

    def read(self, items: Sequence[Item], root: Path) -> Iterator[Sample | Problem]:
        """The decoded pictures, or why not."""
        return read_pictures(items, self.base(root), pixels=self.pixels, max_pixels=self.max_pixels)

    def preview(self, sample: Sample) -> NDArray[np.uint8]:
        """The picture itself."""
        content: NDArray[np.uint8] = sample.content
        return content

    def _rows(self, root: Path) -> Iterator[Row | BadRow]:
        return read_rows(root, encoding=self.encoding, delimiter=self.delimiter)

    def _types(self, root: Path) -> ColumnTypes:
        types = ColumnTypes()
        for row in self._rows(root):
            if isinstance(row, Row):
                types.see(row.cells)
        return types

    def _product(
        self, row: Row, key: str, article: str, links: Sequence[str], types: ColumnTypes, root: Path
    ) -> Iterator[Item | Problem]:
        subject = f"{root.name}:{row.line}"
        metadata, bad = _columns(row.cells, key, links, types)
        if bad:
            yield Problem(subject, "catalogue-price", f"Line {row.line}: {bad[:60]!r} is no price.", severity="warning")
        group = _first(list(row.cells), _PRODUCTS)
        product = str(row.cells.get(group) or "").strip() if group else ""
        place = 0
        for path in _paths(row.cells, links):
            refused = _refusal(path, self.base(root))
            if refused:
                yield Problem(subject, refused[0], f"Line {row.line}: {refused[1]}.")
                continue
            place += 1
            name = article if place == 1 else f"{article}#{place}"
            yield Item(name, (path,), metadata={**metadata, "article": article}, groups={"product": product or article})
        if not any(_paths(row.cells, links)):
            yield Problem(subject, "catalogue-no-picture", f"Line {row.line}: {article!r} has no picture.")


def _columns(
    cells: Mapping[str, Any], key: str, links: Sequence[str], types: ColumnTypes
) -> tuple[dict[str, Any], str]:
    """Metadata of a row, and the first price that could not be read."""
    found = types.typed({name: cell for name, cell in cells.items() if name not in (key, *links)})
    bad = ""
    for name in [each for each in cells if _plain(each) in _PRICES]:
        found.pop(name, None)
        text = str(cells[name] if cells[name] is not None else "").strip()
        parsed = price(text)
        if parsed is not None:
            found[_plain(name)] = float(parsed[0])
            if parsed[1]:
                found.setdefault("currency", parsed[1])
        elif text:
            bad = bad or text
    return found, bad


def _paths(cells: Mapping[str, Any], links: Sequence[str]) -> Iterator[str]:
    """The pictures of a row, in the order of its columns, each once."""
    seen = set()
    for name in links:
        cell = cells.get(name)
        separator = r"[|,]" if _plain(name) in (*_MORE_PICTURES, "images") else r"\|"
        for part in cell if isinstance(cell, list) else re.split(separator, str(cell or "")):
            path = str(part or "").strip()
            if path and path not in seen:
                seen.add(path)
                yield path


def _refusal(path: str, base: Path) -> tuple[str, str] | None:
    if _REMOTE.match(path):
        return "catalogue-remote", f"{path[:200]!r} is on the web; Fieldglass fetches nothing"
    try:
        return None if inside(base, path).is_file() else ("file-missing", f"there is no file {path[:200]!r}")
    except (OutsideError, OSError) as error:
        return "path-outside", f"{path[:200]!r} is not opened: {error}"


def _first(names: Sequence[str], wanted: Sequence[str]) -> str | None:
    """The column whose plain name comes first in `wanted`."""
    plain = {_plain(name): name for name in reversed(names)}
    return next((plain[name] for name in wanted if name in plain), None)


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_").replace("-", "_")
