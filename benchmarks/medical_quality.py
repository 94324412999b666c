"""What `med/mini` finds among the DICOM files that pydicom carries: the own series, and the modality of others."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom

import fieldglass
from benchmarks.table import Row
from fieldglass_medical.left_out import Labelled, labelled
from fieldglass_medical.own_labels import judge

__all__ = ["rows"]

MODALITIES = ("CR", "CT", "MR", "NM", "US")  # what a scanner made: no masks, doses or screenshots
FILES = Path(pydicom.__file__).parent / "data" / "test_files"


def rows(quick: bool) -> Iterator[Row]:
    """By the encoder's windows. Too few patients to say much of medicine: the bar is on the own series alone."""
    for window in ("lung/soft/bone",) if quick else ("lung/soft/bone", "soft"):
        with tempfile.TemporaryDirectory(prefix="fieldglass-bench-") as name:
            whole, series = _scanned(Path(name), window)
        yield _own_series(whole, series, window)
        kept = _rows(whole, np.isin(whole.labels, MODALITIES))
        figures = judge(kept, k=5).figures("none")
        yield Row(
            f"{len(kept)} pictures of {len(np.unique(kept.patients))} patients, modality of others, window={window}",
            "-",
            f"P@1 {figures['P@1']:.1f}, P@5 {figures['P@5']:.1f}",
            None,
            f"chance {100 * _chance(kept.labels, kept.patients):.1f}: only how pictures look counts",
        )


def _own_series(whole: Labelled, series: np.ndarray, window: str) -> Row:
    """Every picture whose series has another one asks all others."""
    counts = Counter(series.tolist())
    alone = np.arange(len(whole), dtype=np.int64)
    asked = np.array([counts[each] > 1 for each in series])
    figures = judge(_rows(replace(whole, labels=series, patients=alone, voters=alone), asked), k=5).figures("none")
    chance = 100 * _chance(series[asked], alone[asked])
    return Row(
        f"{int(asked.sum())} pictures, the rest of their series, med/mini window={window}",
        "P@1 > 50",
        f"P@1 {figures['P@1']:.1f}, mAP@5 {figures['mAP@5']:.1f}",
        figures["P@1"] > 50,
        f"chance {chance:.1f}",
    )


def _scanned(folder: Path, window: str) -> tuple[Labelled, np.ndarray]:
    options = {"device": "cpu", "slices": 4, "window": window}
    with fieldglass.create(folder / "c", "med/mini", options) as made:
        made.index(FILES, loader="med/dicom", loader_options={"key": str(folder / "key")})
        found = labelled(made, "modality", per="item")
        snapshot = made.store.snapshot()
        groups = snapshot.group("series", snapshot.positions(found.ids))
    return found, np.array([str(each) for each in groups])


def _rows(whole: Labelled, kept: np.ndarray) -> Labelled:
    return replace(
        whole, ids=[name for name, keep in zip(whole.ids, kept, strict=True) if keep], labels=whole.labels[kept],
        patients=whole.patients[kept], voters=whole.voters[kept], gallery=whole.gallery[kept],
        queries=whole.queries[kept],
    )  # fmt: skip


def _chance(labels: np.ndarray, patients: np.ndarray) -> float:
    """How often a random picture of another patient has the label of the query."""
    other = patients[:, None] != patients[None]
    same = labels[:, None] == labels[None]
    return float(((same & other).sum(axis=1) / np.maximum(other.sum(axis=1), 1)).mean())
