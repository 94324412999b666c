"""Writes studies as pictures and volumes that any program opens, and says through which window."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.errors import UsageError
from fieldglass.registry import registry
from fieldglass.types import Item, Problem, Sample
from fieldglass_medical.nifti import write_nifti
from fieldglass_medical.private_files import problem_of
from fieldglass_medical.stated import stated_window

if TYPE_CHECKING:
    from fieldglass.interfaces import Loader

__all__ = ["Converted", "convert"]


@dataclass(frozen=True)
class Converted:
    """One item: the file that was written, its shape, and the window; or the problem that it had."""

    id: str
    file: str = ""
    shape: tuple[int, ...] = ()
    window: str = ""
    problem: str = ""
    severity: str = ""


def convert(
    source: Path, folder: Path, loader: str, options: Mapping[str, Any], to: str = "png"
) -> Iterator[Converted]:
    """Every item below `source`, one file each, named by its id: a keyed hash, never a name of the source.

    "png" is what the loader shows; the window stands in the file too, as text. "nifti" holds the values in their own
    units (RAS, millimetres, oblique where the scan is), without any header of the source. UsageError for a loader
    that has no volumes.
    """
    made: Loader = registry().create("loaders", loader, options)
    if to == "nifti" and not hasattr(made, "volume"):
        raise UsageError(f"{loader} has no volumes.", hint="Write its items as PNG.")
    source = source.resolve()  # as every other caller of a loader does
    folder.mkdir(parents=True, exist_ok=True)
    for found in made.scan(source):
        if isinstance(found, Problem):
            yield _failed(found.subject, found)
            continue
        if to == "nifti":
            yield _nifti(found, made, source, folder)
            continue
        for sample in made.read([found], source):
            if isinstance(sample, Problem):
                yield _failed(found.id, sample)
            else:
                yield _png(found, sample, made, folder)


def _failed(id: str, problem: Problem) -> Converted:
    return Converted(id, problem=f"{problem.code}: {problem.message}", severity=problem.severity)


def _png(item: Item, sample: Sample, loader: Loader, folder: Path) -> Converted:
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    shown = np.asarray(loader.preview(sample))
    window = stated_window(loader, sample)
    about = PngInfo()
    about.add_text("Window", window)
    about.add_text("Disclaimer", "Not for diagnosis")
    path = folder / f"{_named(item)}.png"
    Image.fromarray(shown).save(path, "PNG", pnginfo=about)
    return Converted(item.id, path.name, shown.shape, window)


def _nifti(item: Item, loader: Any, source: Path, folder: Path) -> Converted:
    path = folder / f"{_named(item)}.nii.gz"
    try:
        volume = loader.volume(item, source)
    except Exception as error:
        return _failed(item.id, problem_of(item.id, error, "dicom-pixels", "The pixels cannot be decoded"))
    write_nifti(volume, path)
    return Converted(item.id, path.name, volume.values.shape[::-1], volume.units)


def _named(item: Item) -> str:
    return re.sub(r"[^A-Za-z0-9._=-]+", "_", item.id)
