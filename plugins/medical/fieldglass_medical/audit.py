"""Proves on a finished collection that nothing of its patients is in it.

With the source at hand, every text of every tag, and every folder and file name, is looked for in all bytes of the
collection. Without it, patterns are: identifiers of DICOM, names as DICOM writes them, file names with its suffix.
No string that is found is shown, only where and how many.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom

from fieldglass.errors import UsageError
from fieldglass.loaders.paths import local
from fieldglass_medical.archive import MEMBER, base_of_root, open_place, places_below
from fieldglass_medical.audited import Finding, cells, own_words, told_by
from fieldglass_medical.columns import is_public
from fieldglass_medical.identity import default_key
from fieldglass_medical.needles import Needles
from fieldglass_medical.opening import looks_like_dicom, open_dicom
from fieldglass_medical.quiet import quiet

__all__ = ["Finding", "Report", "audit"]

_PATTERNS = {
    "a UID": re.compile(rb"(?<![0-9.])(?:1\.2|1\.3|2\.16|2\.25)(?:\.\d{1,39}){4,}"),
    "a person's name": re.compile(rb"[A-Za-z]{2,}\^[A-Za-z]{2,}"),
    "a DICOM file name": re.compile(rb"[\w -]{2,}\.(?:dcm|dicom|ima)(?![a-z])", re.IGNORECASE),
}
_TEXTS = {"AE", "AS", "CS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT", "UN", "IS", "DS"}
_NUMBERS = {"IS", "DS", "AS", "TM"}  # what they hold stands in too many places to tell anything
_TEXT_FILES = frozenset({".json", ".toml", ".log", ".txt", ".html", ".csv"})
_CHUNK = 8 << 20
_OVERLAP = 512


@dataclass(frozen=True)
class Report:
    """What was looked at, and what was found; `clean` where that is nothing."""

    findings: tuple[Finding, ...]
    files: int
    strings: int
    sources: int

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


def audit(collection: Path, *, source: Path | None = None, key: str = "") -> Report:
    """Look through a collection; with `source`, for the very texts and names of its files.

    UsageError where there is no collection. Reads every byte of both; nothing is changed.
    """
    catalogue = collection / "catalogue.sqlite"
    if not catalogue.is_file():
        raise UsageError(f"There is no collection at {str(collection)!r}.", hint="Give the folder that holds it.")
    scanned, texts = _texts(source) if source is not None else (0, set())
    own = own_words(catalogue)
    needles = Needles(text for text in texts if text.strip().lower() not in own)
    findings: list[Finding] = []
    files = sorted(path for path in collection.rglob("*") if path.is_file())
    for path in files:
        findings += _file(path, path.relative_to(collection).as_posix(), needles)
    findings += told_by(catalogue)
    for where, rows in cells(catalogue):
        found = needles.search(BytesIO(rows))
        if found:
            findings.append(Finding("audit-text", where, _found(found)))
        findings += _patterns(rows, where)
    findings += _key(collection, Path(key) if key else default_key())
    return Report(tuple(dict.fromkeys(findings)), len(files), needles.count, scanned)


def _file(path: Path, where: str, needles: Needles) -> Iterator[Finding]:
    noise = path.suffix not in _TEXT_FILES and not path.name.startswith("catalogue")
    with path.open("rb") as file:
        found = needles.search(file, noise=noise)
        if found:
            yield Finding("audit-text", where, _found(found))
        if noise:
            return  # vectors and previews hold any pattern by chance
        file.seek(0)
        kept = b""
        while chunk := file.read(_CHUNK):
            yield from _patterns(kept + chunk, where)
            kept = chunk[-_OVERLAP:]


def _patterns(content: bytes, where: str) -> Iterator[Finding]:
    for what, pattern in _PATTERNS.items():
        if any(not _of_the_standard(each) for each in pattern.findall(content)):
            yield Finding("audit-pattern", where, f"It holds what looks like {what}.")


def _texts(source: Path) -> tuple[int, set[str]]:
    """The number of DICOM files, and every text and name of the source that may tell who someone is."""
    quiet()
    base, found, count = base_of_root(source), set(), 0
    found.update(part for part in base.parts[-2:])
    for place in places_below(source):
        path, _, member = place.partition(MEMBER)
        for name in (path, member):
            parts = [local(part) for part in name.split("/") if part]
            found.update(parts)
            found.update(part.rsplit(".", 1)[0] for part in parts)
        try:
            with open_place(base, place) as file:
                if not looks_like_dicom(file.read(140)):
                    continue
                header = open_dicom(file).header
            count += 1
            for element in (*header.iterall(), *getattr(header, "file_meta", ())):
                found.update(_values(element))
        except Exception:  # what cannot be read cannot have been indexed
            continue
    return count, {each for each in found if not is_public(each)}


def _values(element: Any) -> Iterator[str]:
    if element.VR not in _TEXTS - _NUMBERS or element.value is None:
        return
    if isinstance(element.value, bytes):
        yield from (each.decode("latin-1") for each in re.findall(rb"[\x20-\x7e\xa0-\xff]{5,200}", element.value))
        return
    if element.VR == "UI" and pydicom.uid.UID(str(element.value)).name != str(element.value):
        return  # of the standard, not of this patient
    values = element.value if isinstance(element.value, (list, pydicom.multival.MultiValue)) else [element.value]
    for value in values:
        text = str(value)
        yield text
        if element.VR == "PN":
            yield from (part for part in re.split(r"[\^= ]+", text) if len(part) > 4)


def _found(count: int) -> str:
    return f"{count} texts or names of the source are in it." if count > 1 else "A text or name of the source is in it."


def _of_the_standard(text: bytes) -> bool:
    """Whether a text is a UID that DICOM itself defines, as of a transfer syntax: it tells nothing of a patient."""
    uid = pydicom.uid.UID(text.decode("latin-1"))
    return bool(uid.name != str(uid))


def _key(collection: Path, key: Path) -> Iterator[Finding]:
    try:
        inside = key.resolve().is_relative_to(collection.resolve())
        open_to_others = key.exists() and key.stat().st_mode & 0o077
    except OSError:
        return
    if inside:
        yield Finding("audit-key", key.name, "The key lies in the collection: whoever has it can go back to the files.")
    if open_to_others:
        yield Finding("audit-key", key.name, "The key can be read by others than its owner: chmod 600.")
