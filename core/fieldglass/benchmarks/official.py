"""Opens the official files of a benchmark below one root, and says what is wrong with them."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fieldglass.errors import LoaderError
from fieldglass.models.cache import sha256_of

if TYPE_CHECKING:
    from fieldglass.benchmarks.cards import BenchmarkCard

__all__ = ["Official", "text_of"]


class Official:
    """The files of one benchmark. What is odd but can be lived with is kept in `notes`, each note once.

    A file may lie where the official repository has it or directly in the root. LoaderError names a file that is
    missing, cut short or of another shape, and where to get it.
    """

    def __init__(self, card: BenchmarkCard, root: str) -> None:
        self.card = card
        self.root = Path(root).expanduser()
        self.notes: list[str] = []
        self.read: dict[str, str] = {}  # path below the root -> sha256, for the result file
        if not self.root.is_dir():
            raise LoaderError(f"There is no folder {str(self.root)!r}.", hint=self.hint)

    @property
    def hint(self) -> str:
        """Where the files come from and how they must lie."""
        return f"{self.card.name} comes from {self.card.source}; --root holds {self.card.layout}".rstrip()

    def note(self, sentence: str) -> None:
        """Remember something to tell."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def find(self, *names: str) -> Path:
        """The first of these files that is there, as it is written or directly in the root."""
        for name in names:
            for path in (self.root / name, self.root / Path(name).name):
                if path.is_file():
                    return path
        raise LoaderError(f"{self.root} has no file {' or '.join(names)}.", hint=self.hint)

    def bytes(self, *names: str) -> tuple[str, bytes]:
        """Name below the root and content; a digest that the card pins is compared."""
        path = self.find(*names)
        name = path.relative_to(self.root).as_posix()
        content = path.read_bytes()
        digest = sha256_of(path)
        self.read[name] = digest
        wanted = self.card.files.get(path.name)
        if wanted is not None and wanted != digest:
            self.note(f"{name} is not the official file: its sha256 is {digest[:12]}..., not {wanted[:12]}...")
        if path.suffix == ".gz":
            try:
                content = gzip.decompress(content)
            except (OSError, EOFError) as error:
                raise LoaderError(f"{path} is cut short or no gzip file: {error}.", hint=self.hint) from error
        return name, content

    def text(self, *names: str) -> tuple[str, str]:
        """Name and text, UTF-8."""
        name, content = self.bytes(*names)
        try:
            return name, content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise LoaderError(f"{self.root / name} is not UTF-8 text (byte {error.start}).", hint=self.hint) from error

    def json(self, kind: type, *names: str) -> Any:
        """The content of a JSON file whose top is a list or a dict."""
        name, text = self.text(*names)
        try:
            found = json.loads(text)
        except ValueError as error:
            raise LoaderError(f"{self.root / name} is not whole JSON: {error}.", hint=self.hint) from error
        if not isinstance(found, kind):
            raise LoaderError(
                f"{self.root / name} holds a {type(found).__name__}, not a {kind.__name__}.", hint=self.hint
            )
        return found

    def rows(
        self, *names: str, required: Mapping[str, type | tuple[type, ...]], known: Iterable[str] = ()
    ) -> list[Any]:
        """The rows of a JSON list of objects; each has the required keys, of those types. Other keys are noted."""
        rows: list[Any] = self.json(list, *names)
        where = self.find(*names)
        extra: set[str] = set()
        for number, row in enumerate(rows):
            if not isinstance(row, dict):
                raise LoaderError(f"{where}, row {number}: a {type(row).__name__}, not an object.", hint=self.hint)
            for key, kind in required.items():
                if key not in row:
                    raise LoaderError(f"{where}, row {number}: no {key!r}.", hint=self.hint)
                if not isinstance(row[key], kind) or isinstance(row[key], bool):
                    raise LoaderError(
                        f"{where}, row {number}: {key!r} is {row[key]!r:.60}, a {type(row[key]).__name__}.",
                        hint=self.hint,
                    )
            extra |= row.keys() - required.keys() - set(known)
        if extra:
            self.note(f"{where.name} has keys that are not used: {', '.join(sorted(extra))}.")
        return rows

    def lines(self, *names: str) -> list[str]:
        """The lines of a text file that are not empty."""
        return [line.strip() for line in self.text(*names)[1].splitlines() if line.strip()]

    def table(self, *names: str, columns: int, delimiter: str = ",") -> list[list[str]]:
        """The rows of a CSV file without header; LoaderError names a row of another width."""
        name, text = self.text(*names)
        rows = [row for row in csv.reader(io.StringIO(text), delimiter=delimiter) if row]
        for number, row in enumerate(rows, 1):
            if len(row) < columns:
                raise LoaderError(
                    f"{self.root / name}, line {number}: {len(row)} columns, not {columns}.", hint=self.hint
                )
        return rows

    def records(self, *names: str, required: Sequence[str]) -> list[dict[str, str]]:
        """The rows of a CSV file with a header."""
        name, text = self.text(*names)
        reader = csv.DictReader(io.StringIO(text))
        lacking = [column for column in required if column not in (reader.fieldnames or ())]
        if lacking:
            raise LoaderError(f"{self.root / name} has no column {lacking[0]!r}.", hint=self.hint)
        rows = list(reader)
        for number, row in enumerate(rows, 2):
            if any(row[column] is None for column in required):
                raise LoaderError(f"{self.root / name}, line {number}: it is cut short.", hint=self.hint)
        return rows

    def count(self, what: str, found: int) -> None:
        """Note where the card counts otherwise."""
        wanted = self.card.counts.get(what)
        if wanted is not None and wanted != found:
            self.note(f"{found} {what} here, {wanted} in the official files.")

    def kept(self, rows: Sequence[Any], key: Callable[[Any], Any], blank: Callable[[Any], bool]) -> list[Any]:
        """The rows whose text is not blank and whose key was not there before; what is left out is noted."""
        seen: set[Any] = set()
        kept, doubles, blanks = [], 0, 0
        for row in rows:
            this = key(row)
            if blank(row):
                blanks += 1
            elif this in seen:
                doubles += 1
            else:
                kept.append(row)
            seen.add(this)
        if doubles:
            self.note(f"{doubles} queries left out: they are there twice.")
        if blanks:
            self.note(f"{blanks} queries left out: their text is blank.")
        return kept


def text_of(value: Any) -> str:
    """One line of text, outer spaces dropped."""
    return " ".join(str(value).split())
