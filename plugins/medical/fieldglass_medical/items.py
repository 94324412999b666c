"""Headers to items: by instance, by frame, by series, by study."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fieldglass.types import Item, Problem
from fieldglass_medical.headers import Header
from fieldglass_medical.identity import Identity
from fieldglass_medical.series import Slice, Stack, is_localizer, slices_of, stacks_of

__all__ = ["Gathered", "frames_of", "instance_of", "members_of"]

_FRAME = "\x1e"  # between the number of a frame and the place of its file


def instance_of(header: Header, identity: Identity, base: Path) -> Item:
    """One item for a file: a picture, a volume where its frames make one, else a clip."""
    if header.frames > 1:
        stacks = stacks_of(slices_of(header))
        if len(stacks) == 1 and len(stacks[0].slices) == header.frames and stacks[0].gaps is None:
            return replace(_stack_item(stacks[0], identity, base), id=header.subject)
    return _picture(header)


def frames_of(header: Header) -> Iterator[Item]:
    """An item for each frame of a file; the file itself where it has one."""
    if header.frames == 1:
        yield _picture(header)
        return
    for index in range(header.frames):
        columns = {**header.columns, "frame": index + 1}
        named = {"file": header.subject, "stamp": header.stamp, "frame": index}
        yield Item(f"{header.subject}#frame={index + 1}", (), named, columns, header.groups)


def members_of(text: str) -> list[tuple[str, int]]:
    """The places and frames of a stack, as `Identity.remember` keeps them."""
    pairs = (each.partition(_FRAME) for each in text.split("\0"))
    return [(place, int(frame)) for frame, _, place in pairs]


class Gathered:
    """The headers of a whole scan, and the series or studies that they make."""

    def __init__(self, identity: Identity, base: Path, *, allow_irregular: bool) -> None:
        self._identity, self._base, self._allow = identity, base, allow_irregular
        self._slices: dict[tuple[str, str], list[Slice]] = defaultdict(list)
        self._others: dict[tuple[str, str], list[Header]] = defaultdict(list)

    def add(self, header: Header) -> Problem | None:
        """Take one file in; a warning where it is left out."""
        study, series = header.groups.get("study", ""), header.groups.get("series", header.subject)
        found = slices_of(header)
        if found:
            self._slices[study, series].extend(found)
        elif is_localizer(header):
            return Problem(header.subject, "series-localizer", "An overview belongs to no volume.", severity="warning")
        else:
            self._others[study, series].append(replace(header, dataset=None))
        return None

    def series(self) -> Iterator[Item | Problem]:
        """One item for each volume, and for each picture or clip that belongs to none."""
        for key in sorted({*self._slices, *self._others}):
            for stack in stacks_of(self._slices.get(key, ())):
                yield self._item(stack)
            yield from (_picture(header) for header in self._others.get(key, ()))

    def studies(self) -> Iterator[Item | Problem]:
        """One item for each study: its longest volume that can be read, else its first picture."""
        keys = sorted({*self._slices, *self._others})
        for study in sorted({study for study, _ in keys}):
            mine = [key for key in keys if key[0] == study]
            stacks = [stack for key in mine for stack in stacks_of(self._slices.get(key, ()))]
            others = [header for key in mine for header in self._others.get(key, ())]
            counts = {"series": len(mine), "instances": len(others) + sum(len(stack.slices) for stack in stacks)}
            found: Item | Problem | None = None
            for stack in sorted(stacks, key=lambda stack: -len(stack.slices)):
                found = self._item(stack)
                if isinstance(found, Item):
                    break
                yield found
            if not isinstance(found, Item) and others:
                found = _picture(others[0])
            if isinstance(found, Item):
                id = self._identity.of("study item", study) if study else found.id
                yield replace(found, id=id, metadata={**found.metadata, **counts})

    def _item(self, stack: Stack) -> Item | Problem:
        if len(stack.slices) == 1 and stack.slices[0].header.frames == 1:
            return _picture(stack.slices[0].header)
        item = _stack_item(stack, self._identity, self._base)
        if stack.gaps is not None and not self._allow:
            return Problem(item.id, stack.gaps.code, stack.gaps.message)
        return item


def _picture(header: Header) -> Item:
    locator = {"file": header.subject, "stamp": header.stamp}
    return Item(header.subject, (), locator, header.columns, header.groups)


def _stack_item(stack: Stack, identity: Identity, base: Path) -> Item:
    first = stack.slices[0]
    header = first.header
    parts = (stack.split, [round(each, 2) for each in first.axes], first.spacing, stack.phase)
    id = identity.of("stack", header.groups.get("series", header.subject), *(str(part) for part in parts))
    places = (f"{each.frame}{_FRAME}{each.header.place}" for each in stack.slices)
    identity.remember(base, id, "\0".join(places))
    stamps = dict.fromkeys(each.header.stamp for each in stack.slices)
    locator: dict[str, Any] = {
        "file": id,
        "stamp": identity.of("stamp", *stamps),
        "spacing": list(stack.spacing),
        "axes": list(first.axes),
        "origin": list(first.position),
    }
    if any(stack.shear):
        locator["shear"] = list(stack.shear)
    if stack.at:
        locator["at"] = list(stack.at)
    columns: Mapping[str, Any] = {
        **{name: value for name, value in header.columns.items() if name != "frames"},
        "slices": len(stack.slices),
        "slice_spacing": round(stack.spacing[0], 4),
        "phase": stack.phase + 1,
        "tilt": round(stack.tilt, 2),
    }
    return Item(id, (), locator, columns, header.groups)
