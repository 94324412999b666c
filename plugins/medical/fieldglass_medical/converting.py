"""Writes studies as pictures and volumes that any program opens, and says through which window."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.registry import registry
from fieldglass.types import Item, Problem, Sample
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


def convert(
    source: Path, folder: Path, loader: str, options: Mapping[str, Any], to: str = "png"
) -> Iterator[Converted]:
    """Every item below `source`, one file each, named by its id: a keyed hash, never a name of the source.

    "png" is what the loader shows; the window stands in the file too, as text. "nifti" holds the values in their own
    units (RAS, millimetres), without any header of the source.
    """
    made: Loader = registry().create("loaders", loader, options)
    source = source.resolve()  # as every other caller of a loader does
    folder.mkdir(parents=True, exist_ok=True)
    for found in made.scan(source):
        if isinstance(found, Problem):
            yield Converted(found.subject, problem=f"{found.code}: {found.message}")
            continue
        for sample in made.read([found], source):
            if isinstance(sample, Problem):
                yield Converted(found.id, problem=f"{sample.code}: {sample.message}")
            elif to == "nifti" and sample.kind != "volume":
                yield Converted(found.id, problem=f"no-volume: It is one {sample.kind}; write it as PNG.")
            else:
                yield _nifti(found, sample, folder) if to == "nifti" else _png(found, sample, made, folder)


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


def _nifti(item: Item, sample: Sample, folder: Path) -> Converted:
    """(D, H, W) with z, y, x millimetres -> NIfTI's (x, y, z)."""
    import nibabel

    values = np.asarray(sample.content)[..., 0].transpose(2, 1, 0)
    steps = tuple(reversed(sample.spacing or (1.0, 1.0, 1.0)))
    image = nibabel.Nifti1Image(values.astype(np.float32), np.diag([*steps, 1.0]))
    image.header.set_xyzt_units("mm")
    path = folder / f"{_named(item)}.nii.gz"
    nibabel.save(image, path)
    return Converted(item.id, path.name, values.shape, sample.units)


def _named(item: Item) -> str:
    return re.sub(r"[^A-Za-z0-9._=-]+", "_", item.id)
