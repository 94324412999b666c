"""What every private loader does with paths: hashes in the collection, the paths themselves beside the key."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fieldglass.loaders.paths import OutsideError, portable
from fieldglass.types import Problem
from fieldglass_medical.archive import base_of_root
from fieldglass_medical.refusal import Refusal

if TYPE_CHECKING:
    from fieldglass_medical.identity import Identity

__all__ = ["PrivateFiles", "problem_of"]

_ROOT = "private-"


class PrivateFiles:
    """The folders of a loader whose items are named by keyed hashes. Same-patient items are no hits of one another."""

    private = True
    exclude_group = "patient"
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

    def ids_of(self, path: Path, root: Path) -> list[str]:
        """What the ids of a file below a root are, or begin with before a "#"."""
        return [self.identity.of("file", portable(path.relative_to(self.base(root)).as_posix()))]


def problem_of(subject: str, error: Exception, code: str, said: str) -> Problem:
    """A Problem that quotes nothing of the file; `code` and `said` are for an error that is not one of ours."""
    if isinstance(error, Refusal):
        return Problem(subject, error.code, error.message)
    if isinstance(error, OutsideError):
        return Problem(subject, "path-outside", "The link leads out of the source.")
    if isinstance(error, FileNotFoundError):
        return Problem(subject, "file-missing", "The file is not there, or the key is another one.")
    return Problem(subject, code, f"{said} ({type(error).__name__}).")
