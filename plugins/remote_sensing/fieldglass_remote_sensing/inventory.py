"""What lies in a folder of scenes, from headers."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from fieldglass.cli.output import echo_json, echo_table
from fieldglass.loaders import base_of
from fieldglass.registry import registry
from fieldglass.store.exporting import harmless
from fieldglass.types import Item, Problem
from fieldglass_remote_sensing.finding import Found
from fieldglass_remote_sensing.loader import Scenes
from fieldglass_remote_sensing.patches import patches
from fieldglass_remote_sensing.places import crs_name
from fieldglass_remote_sensing.scenes import Scene

__all__ = ["inventory", "show"]

_COLUMNS = ("scene", "sensor", "reason", "date", "bands", "crs", "gsd", "height", "width", "dtype", "nodata", "problem")


def inventory(folder: Path, options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row per scene or problem: its columns are those of `fieldglass rs scan`; None where it does not say."""
    loader: Scenes = registry().create("loaders", "rs/scenes", options)
    base = base_of(loader, folder)
    rows = [_row(each) for each in loader.scenes(folder)]
    return rows + [_patches(each, base) for each in loader.patch_files(folder)]


def show(rows: list[dict[str, Any]], form: str) -> None:
    """Print the rows as a table, JSON or CSV."""
    if form == "json":
        echo_json(rows)
    elif form == "csv":
        text = io.StringIO()
        table = csv.writer(text)
        table.writerow(_COLUMNS)
        table.writerows([harmless(row[name]) for name in _COLUMNS] for row in rows)
        click.echo(text.getvalue(), nl=False)
    else:
        echo_table(_COLUMNS, [[row[name] for name in _COLUMNS] for row in rows], right="gsd height width nodata")


def _row(found: Scene | Problem) -> dict[str, Any]:
    empty: dict[str, Any] = dict.fromkeys(_COLUMNS)
    if isinstance(found, Problem):
        return empty | {"scene": found.subject, "problem": f"{found.code}: {found.message}"}
    date = found.metadata.get("date")
    return empty | {
        "scene": found.id,
        "sensor": found.sensor,
        "reason": found.sensor_reason,
        "date": None if date is None else str(date),
        "bands": ",".join(found.bands),
        "crs": crs_name(found.crs) if found.crs else None,
        "gsd": round(found.pixel[1], 6) if found.pixel else None,
        "height": found.height,
        "width": found.width,
        "dtype": found.dtype,
        "nodata": _nodata(found),
    }


def _patches(found: Found, base: Path) -> dict[str, Any]:
    """An HDF5 file of patches: their number, and what the first one is."""
    all_of_it = list(patches(found, base))
    first: Mapping[str, Any] = next((each.metadata for each in all_of_it if isinstance(each, Item)), {})
    bad = [each for each in all_of_it if isinstance(each, Problem)]
    shown = {name: first.get(name) for name in ("sensor", "bands", "crs", "height", "width")}
    return (
        dict.fromkeys(_COLUMNS)
        | shown
        | {
            "scene": found.id,
            "reason": f"{len(all_of_it) - len(bad)} patches; this is the first",
            "dtype": first.get("depth"),
            "problem": f"{bad[0].code}: {bad[0].message} ({len(bad)} patches)" if bad else None,
        }
    )


def _nodata(scene: Scene) -> float | None:
    """What the file of the first band declares, else what its product fixes."""
    layer = scene.layers[0]
    return layer.nodata if layer.declared is None else layer.declared
