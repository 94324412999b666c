"""Begins or resumes the training of a recipe by its name."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fieldglass._torchvision import require
from fieldglass.encoders.device import place
from fieldglass.errors import FingerprintError, PluginError, UsageError
from fieldglass.options import coerce, options_of
from fieldglass.registry import registry
from fieldglass.training.folder import RunFolder
from fieldglass.training.loop import fit
from fieldglass.training.plan import Trained, TrainingProgress

if TYPE_CHECKING:
    import threading

    from fieldglass.interfaces import Recipe

__all__ = ["train"]

_MAY_CHANGE = frozenset({"device", "epochs", "patience"})


def train(
    recipe: str,
    to: Path,
    options: Mapping[str, Any] | None = None,
    *,
    seed: int | None = None,
    device: str = "auto",
    threads: int | None = None,
    resume: bool = False,
    progress: Callable[[TrainingProgress], None] | None = None,
    stop: threading.Event | None = None,
    told: Callable[[str], None] | None = None,
) -> Trained:
    """Train the recipe of that name; everything is kept in the folder `to`.

    :param options: those of the recipe; resuming, those of the run, of which `epochs` and `patience` may change.
    :param seed: of torch and of the recipe; 0, or that of the run. Two runs of one seed on a CPU are bit-identical.
    :param threads: torch's threads on a CPU; its own choice if None. Sums differ in the last bit between numbers of
        threads, so that a resumed run takes the number that it was begun with.
    :param told: called with one line on the data.

    UsageError where the folder is taken, or resumed with other options; FingerprintError where the data or the
    frozen parts are not those of the run.
    """
    factory = registry().factory("recipes", recipe)
    lacking = [name for name in ("seed", "device") if name not in options_of(factory)]
    if lacking:
        raise PluginError(f"The recipe {recipe!r} takes no option {lacking[0]!r}; every recipe takes seed and device.")
    given = coerce(factory, recipe, options or {})
    folder = RunFolder(to)
    before: dict[str, Any] = {}
    if resume:
        before = folder.facts()
        given = _same(recipe, before, given, seed)
        threads = threads or before.get("threads")
    seed = int(before.get("seed", 0)) if seed is None else seed
    chosen = place(device, "fp32").device
    with folder.held(), _seeded(seed, threads) as used:
        made: Recipe = factory(**{**given, "seed": seed, "device": chosen})
        if resume and before["fingerprint"] != made.fingerprint:
            raise FingerprintError(
                f"{to} was trained on other data or another encoder than is there now.",
                hint="Begin again in another folder.",
            )
        if not resume:
            facts = {"recipe": recipe, "options": given, "seed": seed, "threads": used, "device": chosen}
            folder.create({**facts, "fingerprint": made.fingerprint, "made with": _versions()})
        if told is not None:
            told(made.summary)
        return fit(made, folder, resume=resume, progress=progress, stop=stop)


def _same(recipe: str, before: Mapping[str, Any], given: Mapping[str, Any], seed: int | None) -> dict[str, Any]:
    """The options of the run, with what may change. UsageError names what may not."""
    if before["recipe"] != recipe:
        raise UsageError(f"The run is one of {before['recipe']!r}, not of {recipe!r}.")
    factory = registry().factory("recipes", recipe)
    kept = coerce(factory, recipe, before["options"])
    usual = {name: parameter.default for name, parameter in options_of(factory).items()}
    for name, value in given.items():
        if name not in _MAY_CHANGE and _plain(value) != _plain(kept.get(name, usual[name])):
            raise UsageError(
                f"The run was begun with {name}={kept.get(name, usual[name])}, not {value}.",
                hint="Resume without options, or begin another run.",
            )
    if seed is not None and seed != before["seed"]:
        raise UsageError(f"The run was begun with seed {before['seed']}, not {seed}.")
    return {**kept, **given}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else str(value)


@contextmanager
def _seeded(seed: int, threads: int | None) -> Iterator[int]:
    """Torch's generators from the seed, and put back afterwards, as is its number of threads."""
    torch = require("torch")
    usual = torch.get_num_threads()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        if threads is not None:
            torch.set_num_threads(threads)
        try:
            yield int(torch.get_num_threads())
        finally:
            torch.set_num_threads(usual)


def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in ("fieldglass", "torch", "numpy")}
