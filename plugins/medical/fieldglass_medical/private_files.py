"""What every private loader does with paths: hashes in the collection, the paths themselves beside the key."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fieldglass.errors import LoaderError
from fieldglass.loaders.paths import OutsideError, inside, portable
from fieldglass.types import Problem
from fieldglass_medical.archive import base_of_root, walk
from fieldglass_medical.refusal import Refusal
from fieldglass_medical.stated import NOTICE

if TYPE_CHECKING:
    from fieldglass_medical.identity import Identity

__all__ = ["PrivateFiles", "problem_of"]

_ROOT = "private-"


class PrivateFiles:
    """The folders of a loader whose items are named by keyed hashes. Same-patient items are no hits of one another."""

    private = True
    exclude_group = "patient"
    notice = NOTICE
    identity: Identity

    def base(self, root: Path) -> Path:
        """The folder that the paths beside the key are relative to."""
        return base_of_root(self.real(root))

    def conceal(self, root: Path) -> Path:
        """A name for a root that the collection may keep; the path itself lies beside the key."""
        name = _ROOT + self.identity.of("root", str(root))[:16]
        self.identity.remember(Path(), name, str(root))
        self.identity.flush()
        return Path(name)

    def real(self, root: Path) -> Path:
        """The root that `conceal` gave a name, or the root itself."""
        if not root.name.startswith(_ROOT) or root.exists():
            return root
        return Path(self.identity.path(Path(), root.name) or root)

    def knows(self, root: Path) -> bool:
        """Whether the key's map has the path of a root that was concealed; any other root is known."""
        return not root.name.startswith(_ROOT) or root.exists() or self.real(root) != root

    def files(self, root: Path, suffixes: Collection[str]) -> tuple[Path, Iterator[str]]:
        """The base of a root, and the names below it that end in one of the suffixes (lower case, with the dot).

        What they taught the key's map is written when they are through. LoaderError where there is no such root.
        """
        root = self.real(root)
        if not root.exists():
            raise LoaderError("There is no such folder or file.", hint="Check the path and its drive.")
        base = base_of_root(root)
        return base, self._walked(root, base, tuple(suffixes))

    def path_of(self, file: str, base: Path) -> Path:
        """Where the file of a hash lies. FileNotFoundError where the key's map does not know it."""
        name = self.identity.path(base, file)
        if name is None:
            raise FileNotFoundError
        return inside(base, name)

    def ids_of(self, path: Path, root: Path) -> list[str]:
        """What the ids of a file below a root are, or begin with before a "#"."""
        return [self.identity.of("file", portable(path.relative_to(self.base(root)).as_posix()))]

    def _walked(self, root: Path, base: Path, suffixes: tuple[str, ...]) -> Iterator[str]:
        try:
            yield from (name for name in walk(root.resolve(), base) if name.lower().endswith(suffixes))
        finally:
            self.identity.flush()


def problem_of(subject: str, error: Exception, code: str, said: str) -> Problem:
    """A Problem that quotes nothing of the file; `code` and `said` are for an error that is not one of ours."""
    if isinstance(error, Refusal):
        return Problem(subject, error.code, error.message)
    if isinstance(error, OutsideError):
        return Problem(subject, "path-outside", "The link leads out of the source.")
    if isinstance(error, FileNotFoundError):
        return Problem(subject, "file-missing", "The file is not there, or the key is another one.")
    return Problem(subject, code, f"{said} ({type(error).__name__}).")
