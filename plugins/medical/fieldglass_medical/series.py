"""Slices to stacks: sorted by where they lie along their normal, split where they do not belong together.

Never by instance number or file name. Distances are in millimetres of the patient's system (LPS).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from fieldglass_medical.frames import frame_header
from fieldglass_medical.headers import Header
from fieldglass_medical.pixels import number
from fieldglass_medical.refusal import Refusal
from fieldglass_medical.samples import spacing_of

__all__ = ["Slice", "Stack", "is_localizer", "slices_of", "stacks_of"]

_SAME_PLACE = 1e-2  # mm
_MISSING, _UNEVEN = 1.5, 0.01  # of the median gap: the largest one, and their standard deviation
_TILT = 0.5  # degrees between the normal and the way from slice to slice
_DIGITS = 3  # of directions and spacings that are the same
_LOCALIZERS = {"LOCALIZER", "SCOUT", "TOPOGRAM"}


@dataclass(frozen=True)
class Slice:
    """One frame in the patient's system. `split` tells apart what one series mixes: phase, echo, acquisition."""

    header: Header
    frame: int
    position: tuple[float, ...]
    axes: tuple[float, ...]
    spacing: tuple[float, float]
    thickness: float
    split: tuple[str, ...]


@dataclass(frozen=True)
class Stack:
    """Slices of one volume, from the foot of the normal up.

    `spacing` is (slices, rows, columns) in mm, `shear` how many mm each slice lies further along rows and columns than
    the one below, `phase` counts the volumes that lie at the same place, `tilt` is in degrees. `gaps` says what is
    wrong with the distances, or is None.
    """

    slices: tuple[Slice, ...]
    spacing: tuple[float, float, float]
    split: tuple[str, ...]
    phase: int = 0
    shear: tuple[float, float] = (0.0, 0.0)
    tilt: float = 0.0
    gaps: Refusal | None = None
    at: tuple[float, ...] = field(default=())


def slices_of(header: Header) -> list[Slice]:
    """The frames of a file that have a place; none for a localizer, and for what has no position at all."""
    if is_localizer(header):
        return []
    found = (_slice(header, index) for index in range(header.frames))
    return [each for each in found if each is not None]


def is_localizer(header: Header) -> bool:
    """Whether a file is the overview that a scan is planned on."""
    kind = header.dataset.get("ImageType") or []
    return bool(_LOCALIZERS & {str(each).upper() for each in ([kind] if isinstance(kind, str) else kind)})


def stacks_of(slices: Iterable[Slice]) -> list[Stack]:
    """The volumes that the slices of one series make, the largest first. A stack of one slice is a picture."""
    groups: dict[tuple[Any, ...], list[Slice]] = defaultdict(list)
    seen: set[tuple[str, int]] = set()
    for each in slices:
        if each.header.instance:
            if (each.header.instance, each.frame) in seen:
                continue  # a copy of the same file
            seen.add((each.header.instance, each.frame))
        shape = each.header.columns["rows"], each.header.columns["columns"]
        axes = tuple(round(value, _DIGITS) + 0.0 for value in each.axes)
        groups[axes, shape, tuple(round(value, _DIGITS) for value in each.spacing), each.split].append(each)
    found = [stack for group in groups.values() for stack in _phases(group)]
    return sorted(found, key=lambda stack: (-len(stack.slices), stack.split, stack.phase))


def _slice(header: Header, index: int) -> Slice | None:
    frame = frame_header(header.dataset, index)
    position = _numbers(frame.get("ImagePositionPatient"), 3)
    axes = _numbers(frame.get("ImageOrientationPatient"), 6)
    spacing = spacing_of(frame)
    if position is None or axes is None or spacing is None:
        return None
    if np.linalg.norm(np.cross(axes[:3], axes[3:])) < 0.5:
        return None
    whole = header.dataset
    split = [whole.get("AcquisitionNumber"), whole.get("TemporalPositionIdentifier"), number(whole, "EchoTime")]
    split += [number(frame, "EffectiveEchoTime"), number(frame, "TemporalPositionTimeOffset")]
    thickness = number(frame, "SliceThickness") or number(whole, "SliceThickness") or 0.0
    thick = thickness if thickness > 0 else 1.0
    light = replace(header, dataset=None)  # a long scan holds many
    return Slice(
        light, index, position, axes, spacing, thick, tuple("" if each is None else str(each) for each in split)
    )


def _numbers(value: Any, count: int) -> tuple[float, ...] | None:
    try:
        found = tuple(float(each) for each in value)
    except (TypeError, ValueError):
        return None
    return found if len(found) == count and np.isfinite(found).all() else None


def _phases(group: Sequence[Slice]) -> list[Stack]:
    """The slices of one group, split where several lie at the same place: the first of each, the second, ..."""
    axes = np.asarray(group[0].axes)
    normal = np.cross(axes[:3], axes[3:])
    normal /= np.linalg.norm(normal)
    along = np.asarray([np.dot(each.position, normal) for each in group])
    order = np.argsort(along, kind="stable")
    phases: list[list[int]] = []
    last, turn = -np.inf, 0
    for place in order:
        turn = turn + 1 if along[place] - last < _SAME_PLACE else 0
        last = along[place]
        if turn == len(phases):
            phases.append([])
        phases[turn].append(int(place))
    return [_stack([group[each] for each in chosen], along[chosen], number) for number, chosen in enumerate(phases)]


def _stack(slices: list[Slice], along: Any, phase: int) -> Stack:
    first = slices[0]
    if len(slices) == 1:
        return Stack((first,), (first.thickness, *first.spacing), first.split, phase)
    gaps = np.diff(along)
    step = float(np.median(gaps))
    way = (np.asarray(slices[-1].position) - np.asarray(first.position)) / (along[-1] - along[0])
    rows, columns = np.asarray(first.axes[3:]), np.asarray(first.axes[:3])
    aside = float(way @ rows), float(way @ columns)  # mm per mm along the normal
    tilt = float(np.degrees(np.arctan(np.hypot(*aside))))
    shear = (aside[0] * step, aside[1] * step) if tilt > _TILT else (0.0, 0.0)
    wrong = None
    if gaps.max() > _MISSING * step:
        lacking = int(sum(round(gap / step) - 1 for gap in gaps if gap > _MISSING * step))
        wrong = Refusal("series-gap", f"{max(lacking, 1)} slices are missing (--set allow_irregular=true resamples).")
    elif gaps.std() > _UNEVEN * step:
        said = f"The slices lie {gaps.min():.2f} to {gaps.max():.2f} mm apart (--set allow_irregular=true resamples)."
        wrong = Refusal("series-irregular", said)
    at = tuple(round(float(each - along[0]), 4) for each in along) if wrong else ()
    return Stack(tuple(slices), (step, *first.spacing), first.split, phase, shear, tilt, wrong, at)
