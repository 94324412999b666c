"""What `fieldglass index` is given: globs, guessed loaders, options, and the collection to open or make."""

from __future__ import annotations

import glob
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fieldglass.errors import FieldglassError, LoaderError, UsageError
from fieldglass.loaders.paths import portable

if TYPE_CHECKING:
    from fieldglass.collection import Collection

__all__ = ["Given", "expand", "opened", "settings_of"]

_TABLES = {".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"}


@dataclass(frozen=True)
class Given:
    """One source as it was typed: its path, its loader, and options that follow from how it was given."""

    path: Path
    loader: str
    options: dict[str, Any] = field(default_factory=dict)


def expand(sources: tuple[str, ...], loader: str | None) -> list[Given]:
    """Globs expanded, `~` too, `-` read from standard input, loaders guessed.

    LoaderError for a path or pattern where nothing is. Single pictures become one source for each
    outermost of their folders, with the `files` option `only`.
    """
    given: list[Given] = []
    pictures: list[Path] = []
    for path in dict.fromkeys(path for source in _lines(sources) for path in _matches(source)):
        name = loader or ("table" if path.is_file() and path.suffix.lower() in _TABLES else "files")
        if name == "files" and path.is_file():
            pictures.append(path)
        else:
            given.append(Given(path, name))
    return given + _folders(pictures)


def _lines(sources: tuple[str, ...]) -> list[str]:
    if "-" not in sources:
        return list(sources)
    piped = [line for line in sys.stdin.read().splitlines() if line]
    if not piped:
        raise LoaderError(
            "Standard input names no files.", hint="For example: find photos -newer last | fieldglass index - ..."
        )
    return [*(source for source in sources if source != "-"), *piped]


def _folders(pictures: list[Path]) -> list[Given]:
    """One source per outermost folder, since roots may not overlap."""
    places = [path.parent.resolve() / path.name for path in pictures]
    roots: list[Path] = []
    for folder in sorted({place.parent for place in places}, key=lambda each: len(each.parts)):
        if not any(folder.is_relative_to(root) for root in roots):
            roots.append(folder)
    only: dict[Path, list[str]] = {}
    for place in places:
        root = next(root for root in roots if place.is_relative_to(root))
        only.setdefault(root, []).append(portable(place.relative_to(root).as_posix()))
    return [Given(root, "files", {"only": names}) for root, names in only.items()]


def _matches(source: str) -> list[Path]:
    path = Path(source).expanduser()
    if path.exists():
        return [path]
    found = sorted(Path(each) for each in glob.glob(str(path), recursive=True))
    if not found:
        raise LoaderError(
            f"There is no folder or file {source!r}.", hint="Check the path; quote a pattern such as 'photos/20*'."
        )
    return found


def settings_of(
    settings: tuple[str, ...], loader: str, encoder: str | None, collection: Path, weights: Path | None
) -> tuple[dict[str, str], dict[str, str]]:
    """`--set` pairs sorted into those of the loader and those of the encoder."""
    from fieldglass.options import options_of, parse
    from fieldglass.registry import registry

    pairs = parse(settings)
    encoder = encoder or _recorded(collection) or "mini"
    both: dict[str, dict[str, str]] = {"loader": {}, "encoder": {}}
    if pairs:
        has = {
            "loader": options_of(registry().factory("loaders", loader)),
            "encoder": options_of(registry().factory("encoders", encoder)),
        }
        for name, value in pairs.items():
            owner, dot, rest = name.partition(".")
            if dot and owner in both:
                both[owner][rest] = value
                continue
            owners = [kind for kind in both if name in has[kind]]
            if len(owners) > 1:
                raise UsageError(
                    f"Both the loader {loader!r} and the encoder {encoder!r} have an option {name!r}.",
                    hint=f"Write --set loader.{name}={value} or --set encoder.{name}={value}.",
                )
            if not owners:
                raise UsageError(
                    f"Neither the loader {loader!r} nor the encoder {encoder!r} has an option {name!r}.",
                    hint=f"{loader} has {_names(has['loader'])}; {encoder} has {_names(has['encoder'])}.",
                )
            both[owners[0]][name] = value
    if weights is not None:
        both["encoder"]["weights"] = str(weights.expanduser().resolve())
    return both["loader"], both["encoder"]


def _names(options: Any) -> str:
    return ", ".join(options) or "none"


def _recorded(collection: Path) -> str | None:
    import fieldglass

    if not collection.exists():
        return None
    with fieldglass.open(collection) as existing:
        fields = existing.store.snapshot().fields
        return next(iter(fields.values())).encoder if fields else None


def check(given: list[Given], options: dict[str, str]) -> None:
    """UsageError where a loader does not exist or does not take its options; before anything is made."""
    from fieldglass.registry import registry

    loaders = {source.loader for source in given}
    if options and len(loaders) > 1:
        raise UsageError(
            f"The sources are read by different loaders ({', '.join(sorted(loaders))}), and --set is for one.",
            hint="Index them one by one, or give --loader.",
        )
    for loader in loaders:
        registry().create("loaders", loader, options)


@contextmanager
def opened(path: Path, encoder: str | None, options: dict[str, str]) -> Iterator[Collection]:
    """The collection, made if there is none; what was made for nothing goes again.

    FingerprintError where it was made by another encoder than asked.
    """
    import fieldglass

    if not path.exists():
        empty = False
        try:
            with fieldglass.create(path, encoder or "mini", options) as made:
                try:
                    yield made
                except FieldglassError:
                    empty = not len(made) and not made.problems()
                    raise
        finally:
            if empty:
                shutil.rmtree(path)
        return
    with fieldglass.open(path) as existing:
        if encoder is not None or options:
            field = existing.field
            same = encoder in (None, field.encoder)
            existing.expect(encoder or field.encoder, {**(field.options if same else {}), **options})
        yield existing
