"""Patient, study and series of files that hold no tags: from their folders, a pattern of paths, or a table."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fieldglass.errors import UsageError
from fieldglass.loaders.rows import BadRow, column_names, read_rows, require_column

if TYPE_CHECKING:
    from fieldglass_medical.identity import Identity

__all__ = ["NO_PATIENT", "PathGroups", "patterned"]

KINDS = ("patient", "study", "series")
NO_PATIENT = "It is taken for a patient of its own: neither folder, pattern nor table names one."
_PART = re.compile(r"\{(\w+)\}|(\*\*/)|(\*)")


class PathGroups:
    """Groups by the path of a file below the root, as keyed hashes; `load` reads the table of a root.

    A patient of the same id as in DICOM without issuer and institution has the same hash. UsageError for a pattern that
    names nothing, and a table without the columns.
    """

    def __init__(self, identity: Identity, pattern: str, table: str) -> None:
        self._identity, self._table = identity, table
        self._pattern = patterned(pattern) if pattern else None

    def load(self, base: Path, *, alone: bool = False) -> Mapping[str, Mapping[str, str]]:
        """What the table says of each file, by its path below `base`; empty without a table.

        A file that is read `alone`, as a query is, may lie where no table does.
        """
        path = base / self._table
        if not self._table or (alone and not path.is_file()):
            return {}
        if not path.is_file():
            raise UsageError(
                "There is no such table of patients.", hint="Name it relative to the folder (--set table=)."
            )
        names = column_names(path)
        require_column(path, "file", names)
        require_column(path, "patient", names)
        found: dict[str, Mapping[str, str]] = {}
        for row in read_rows(path):
            if not isinstance(row, BadRow):
                file = str(row.cells.get("file") or "").strip().replace("\\", "/").removeprefix("./")
                found[file] = {kind: str(row.cells.get(kind) or "").strip() for kind in KINDS}
        return found

    def of(self, name: str, table: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
        """The groups of a file; without "patient" where nothing tells it."""
        if self._table:
            told = table.get(name, {})
        elif self._pattern is not None:
            match = self._pattern.fullmatch(name)
            told = match.groupdict() if match else {}
        else:
            folder = name.rpartition("/")[0]
            return {"patient": self._identity.of("folder", folder)} if folder else {}
        return {kind: self._hash(kind, told[kind]) for kind in KINDS if told.get(kind)}

    def _hash(self, kind: str, value: str) -> str:
        return self._identity.of(kind, value, "", "") if kind == "patient" else self._identity.of(kind, value)


def patterned(pattern: str) -> re.Pattern[str]:
    """ "{patient}/{study}/**/*.png" as a regular expression: names stand for a part of one folder or file name."""
    found, at, names = "", 0, []
    for part in _PART.finditer(pattern):
        found += re.escape(pattern[at : part.start()])
        at = part.end()
        if part[1]:
            names.append(part[1])
            found += f"(?P<{part[1]}>[^/]+?)" if names.count(part[1]) == 1 else f"(?P={part[1]})"
        else:
            found += "(?:.*/)?" if part[2] else "[^/]*"
    if "patient" not in names or not set(names) <= set(KINDS):
        raise UsageError(
            f"{pattern!r} does not tell the patient.",
            hint="Write {patient}, and {study} or {series} where paths have them, as in {patient}/{study}/*.png.",
        )
    return re.compile(found + re.escape(pattern[at:]))
