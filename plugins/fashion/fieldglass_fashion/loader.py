"""A shop's catalogue: one row an article, one item a picture, grouped by product."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from fieldglass.errors import LoaderError, UsageError
from fieldglass.loaders.picture import MAX_PIXELS, PictureError
from fieldglass.loaders.rows import BadRow, column_names, decimals_of, read_rows, require_column
from fieldglass.types import Item, Problem, Sample
from fieldglass_fashion.catalogue.archive import is_archive
from fieldglass_fashion.catalogue.cells import Cells
from fieldglass_fashion.catalogue.encodings import FALLBACK, encoding_of
from fieldglass_fashion.catalogue.entries import Entry, entries_of
from fieldglass_fashion.catalogue.names import IDS, MORE_PICTURES, PICTURES, column, dialect, plain
from fieldglass_fashion.catalogue.pictures import Pictures, Place

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fieldglass_fashion.catalogue.pictures import Finder

__all__ = ["Catalogue"]

_MAX_ID = 1000


class Catalogue:
    """CSV, TSV, JSONL or Parquet of a shop: exports of Shopify and WooCommerce, a Google Merchant feed, any table.

    :param pictures: the folder that picture paths are relative to, or a .zip or .tar of them, or where `fashion
        fetch` has put them; itself relative to the catalogue's folder.
    :param id_column: the article number; guessed (id, sku, ...) if empty.
    :param duplicates: of rows with one article number, "last" wins, or with "error" all but the first are problems.
    :param currency: of prices that name none, "EUR".
    :param decimal: "." or "," in numbers; if empty, told by the prices, and by the semicolons of a CSV.
    :param encoding: of a text file; if empty, UTF-8 or, where it is not that, the code page of Windows.
    :param delimiter: of a CSV file; told from its header if empty.
    :param max_pixels: a larger picture is refused from its header.
    :param pixels: the encoder's input side; pictures are decoded to at least twice that. 0 = full size.
    :param lenient: take a JPEG that ends early: what is missing is grey, and the column `truncated` is true.

    The first picture of article 4711 is "4711", the others "4711#2", "4711#3"; all are in the group `product`,
    which is that of the variants (item_group_id, Handle, Parent) where there is one. Prices ("19,90 €") become the
    number `price`, with `currency` and, of what is reduced, `list_price`. Pictures on the web are not fetched.
    """

    private = False
    queries = "files"

    def __init__(
        self,
        *,
        pictures: str = "",
        id_column: str = "",
        duplicates: Literal["last", "error"] = "last",
        currency: str = "",
        decimal: Literal["", ".", ","] = "",
        encoding: str = "",
        delimiter: str = "",
        max_pixels: int = MAX_PIXELS,
        pixels: int = 0,
        lenient: bool = False,
    ) -> None:
        if duplicates not in ("last", "error"):
            raise UsageError(f"duplicates={duplicates!r} cannot be.", hint="Say last or error.")
        is_archive(pictures)
        self.pictures, self.id_column, self.duplicates = pictures, id_column, duplicates
        self.currency, self.decimal = currency, decimal
        self.encoding, self.delimiter = encoding, delimiter
        self.max_pixels, self.pixels, self.lenient = max_pixels, pixels, lenient
        self._places: dict[Path, Pictures] = {}

    def base(self, root: Path) -> Path:
        """The folder that paths are relative to."""
        return self._pictures(root).base

    def scan(self, root: Path) -> Iterator[Item | Problem]:
        """One item per picture. LoaderError where the catalogue cannot be read, or has no article numbers."""
        entries = self.entries(root)
        cells, last = self._first_pass(root)
        yield from self._guessed(root)
        with closing(self._finder(root)) as finder:
            seen: set[str] = set()
            for entry in entries:
                subject = f"{root.name}:{entry.line}"
                if isinstance(entry, BadRow):
                    yield Problem(subject, "catalogue-row", f"Line {entry.line}: {entry.reason}.")
                    continue
                problem = self._identity(entry, subject, last, seen)
                if problem is not None:
                    yield problem
                    continue
                yield from _items(entry, subject, cells, finder)

    def read(self, items: Sequence[Item], root: Path) -> Iterator[Sample | Problem]:
        """The decoded pictures, or why not."""
        limits = {"pixels": self.pixels, "max_pixels": self.max_pixels}
        return self._pictures(root).read(items, **limits, lenient=self.lenient)

    def preview(self, sample: Sample) -> NDArray[np.uint8]:
        """The picture itself."""
        content: NDArray[np.uint8] = sample.content
        return content

    def entries(self, root: Path) -> Iterator[Entry | BadRow]:
        """The articles of a catalogue, as they stand there. LoaderError as `scan`, at once."""
        if not root.is_file():
            raise LoaderError(f"There is no catalogue {str(root)!r}.", hint="Give the file itself, not its folder.")
        how = {"encoding": self._encoding(root), "delimiter": self.delimiter}
        names = column_names(root, **how)
        if not names:  # of no row that can be read
            return (row for row in read_rows(root, **how) if isinstance(row, BadRow))
        if self.id_column:
            require_column(root, self.id_column, names)
        kind = "plain" if self.id_column else dialect(names)
        if kind == "plain":
            _require(root, names, self.id_column)
        return entries_of(names, kind, self.id_column)(read_rows(root, **how))

    def _first_pass(self, root: Path) -> tuple[Cells, dict[str, int]]:
        """The types of the columns, and for article numbers that occur several times the last line."""
        how = {"encoding": self._encoding(root), "delimiter": self.delimiter}
        cells = Cells(decimals_of(root, decimal=self.decimal, **how), self.decimal, self.currency)
        last: dict[str, int] = {}
        seen: set[bytes] = set()
        for entry in self.entries(root):
            if isinstance(entry, BadRow):
                continue
            cells.see(entry.cells)
            digest = blake2b(entry.article.encode("utf-8", "surrogatepass"), digest_size=8).digest()
            if digest in seen:
                last[entry.article] = entry.line
            seen.add(digest)
        return cells, last

    def _identity(self, entry: Entry, subject: str, last: dict[str, int], seen: set[str]) -> Problem | None:
        """What is wrong with an article number; a warning where another row of it counts."""
        where, article = f"Line {entry.line}", entry.article
        if not article or len(article) > _MAX_ID or "\0" in article or "\n" in article:
            why = (
                f"an article number has 1 to {_MAX_ID} characters in one line"
                if article
                else "it has no article number"
            )
            return Problem(subject, "catalogue-id", f"{where}: {why}.")
        if article not in last:
            return None
        if self.duplicates == "error":
            if article in seen:
                return Problem(subject, "catalogue-duplicate", f"{where}: {article!r} was there before.")
            seen.add(article)
            return None
        if last[article] == entry.line:
            return None
        message = f"{where}: {article!r} is on line {last[article]} again, which counts."
        return Problem(subject, "catalogue-duplicate", message, severity="warning")

    def _guessed(self, root: Path) -> Iterator[Problem]:
        if not self.encoding and self._encoding(root) == FALLBACK:
            message = f"It is not UTF-8, and is read as {FALLBACK}. If names look wrong: --set encoding=NAME."
            yield Problem(root.name, "catalogue-encoding", message, severity="warning")

    def _encoding(self, root: Path) -> str:
        try:
            return self.encoding or encoding_of(root)
        except OSError as error:
            raise LoaderError(f"{str(root)!r} cannot be read: {error.strerror or error}.") from error

    def _pictures(self, root: Path) -> Pictures:
        return self._places.setdefault(root.parent, Pictures(root.parent, self.pictures))

    def _finder(self, root: Path) -> Finder:
        try:
            return self._pictures(root).finder()
        except (PictureError, OSError) as error:
            said = (
                error.message if isinstance(error, PictureError) else f"{self.pictures!r}: {error.strerror or error}."
            )
            raise LoaderError(f"The pictures cannot be opened. {said}") from error


def _items(entry: Entry, subject: str, cells: Cells, finder: Finder) -> Iterator[Item | Problem]:
    where, article = f"Line {entry.line}", entry.article
    metadata, bad = cells.metadata(entry.cells)
    for each in bad:
        code = "catalogue-stock" if each.endswith("stock") else "catalogue-price"
        yield Problem(subject, code, f"{where}: {each}.", severity="warning")
    number = 0
    for reference in entry.pictures:
        place = finder(reference)
        if not isinstance(place, Place):
            yield Problem(subject, place[0], f"{where}: {place[1]}.")
            continue
        number += 1
        yield Item(
            article if number == 1 else f"{article}#{number}",
            (place.path,),
            locator={"member": place.member} if place.member else {},
            metadata={**metadata, "article": article},
            groups={"product": entry.product},
        )
    if not entry.pictures:
        yield Problem(subject, "catalogue-no-picture", f"{where}: {article!r} has no picture.")


def _require(root: Path, names: list[str], id_column: str) -> None:
    """LoaderError where a plain table has no column of article numbers, or none of pictures."""
    lacking = "" if id_column or column(names, IDS) else "an article number"
    if not any(plain(name) in (*PICTURES, *MORE_PICTURES) for name in names):
        lacking = lacking or "a picture"
    if lacking:
        raise LoaderError(
            f"No column of {root.name!r} is {lacking}: {', '.join(names)}.",
            hint="Name the one of the article number with --set id_column=NAME, or use the loader `table`.",
        )
