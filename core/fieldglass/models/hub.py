"""Hugging Face's hub: what of it lies on this machine, and the only downloads Fieldglass makes."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fieldglass._torchvision import require
from fieldglass.errors import FieldglassError, WeightsError, WeightsMissingError
from fieldglass.models.cache import sha256_of

__all__ = ["Part", "cached", "fetch", "find", "offline"]

_lock = threading.RLock()


@dataclass(frozen=True)
class Part:
    """A file of a repository ("org/name" or "org/name@revision"), under the first of `names` that it has."""

    repo: str
    names: tuple[str, ...]
    required: bool = True

    @property
    def address(self) -> tuple[str, str | None]:
        """Repository and revision."""
        repo, _, revision = self.repo.partition("@")
        return repo, revision or None


def cached(part: Part) -> Path | None:
    """Where a file lies in the hub's cache on this machine, or None. Asks nothing of the network."""
    hub = require("huggingface_hub")
    repo, revision = part.address
    for name in part.names:
        found = hub.try_to_load_from_cache(repo, name, revision=revision)
        if isinstance(found, str) and Path(found).is_file():
            return Path(found)
    return None


def find(part: Part, what: str, pull: str) -> Path:
    """The cached file, or WeightsMissingError with the line that fetches it."""
    path = cached(part)
    if path is None:
        raise WeightsMissingError(
            f"The weights of {what} are not on this machine ({part.repo}).",
            hint=f"Fetch them with `fieldglass models pull {pull}`, or give a file with --weights FILE.",
        )
    return path


@contextlib.contextmanager
def offline() -> Iterator[None]:
    """No request to the hub by any library while this lasts: loading a model must not download."""
    constants: Any = require("huggingface_hub.constants")
    with _lock:
        before, constants.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE, True
        try:
            yield
        finally:
            constants.HF_HUB_OFFLINE = before


def fetch(parts: Sequence[Part]) -> list[Path]:
    """Download what is not there yet, resuming what was broken off; each file's sha256 is compared with the hub's."""
    return [path for part in parts for path in [_fetch(part)] if path is not None]


def _fetch(part: Part) -> Path | None:
    hub, errors = require("huggingface_hub"), require("huggingface_hub.errors")
    repo, revision = part.address
    for name in part.names:
        try:
            path = Path(hub.hf_hub_download(repo, name, revision=revision))
        except errors.GatedRepoError as error:
            raise FieldglassError(
                f"{repo} asks you to accept its licence first.",
                hint=f"Do so at https://huggingface.co/{repo}, run `hf auth login`, and pull again.",
            ) from error
        except errors.RepositoryNotFoundError as error:
            raise WeightsMissingError(
                f"There is no repository {repo!r} on the hub, or it is private.",
                hint="`hf auth login` for private ones.",
            ) from error
        except errors.RevisionNotFoundError as error:
            raise WeightsMissingError(f"{repo} has no revision {revision!r}.") from error
        except errors.LocalEntryNotFoundError as error:
            raise _unreachable(repo, error.__cause__ or error) from error
        except errors.EntryNotFoundError:
            continue
        except (OSError, errors.HfHubHTTPError) as error:
            raise _unreachable(repo, error) from error
        _check(path)
        return path
    if part.required:
        raise WeightsMissingError(f"{repo} has none of {', '.join(part.names)}.")
    return None


def _unreachable(repo: str, error: BaseException) -> FieldglassError:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return FieldglassError(
        f"{repo} cannot be fetched: {reason}",
        hint="Check the network and HF_HUB_OFFLINE; where there is no network, copy the files and use --weights FILE.",
    )


def _check(path: Path) -> None:
    """The cache names a large file by the sha256 that the hub states for it."""
    blob = path.resolve()
    if len(blob.name) == 64 and set(blob.name) <= set("0123456789abcdef") and sha256_of(blob, fresh=True) != blob.name:
        blob.unlink()
        path.unlink(missing_ok=True)
        raise WeightsError(f"{path.name} came damaged, and was removed.", hint="Pull it again.")
