"""What lies in a folder of studies, from headers; nothing that is told names a patient."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fieldglass.registry import registry
from fieldglass.types import Item, Problem

__all__ = ["inventory"]


def inventory(folder: Path, loader: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Counts, a row per study and patient (hashes, modalities, parts of the body, series, items), problems by code."""
    made = registry().create("loaders", loader, options)
    items: list[Item] = []
    problems: list[Problem] = []
    for each in made.scan(folder.resolve()):
        if isinstance(each, Item):
            items.append(each)
        else:
            problems.append(each)
    studies: dict[tuple[str, str], list[Item]] = {}
    for item in items:  # without a study, those of one patient
        studies.setdefault((item.groups.get("study", "-"), item.groups.get("patient", "")), []).append(item)
    return {
        "items": len(items),
        "patients": len({item.groups["patient"] for item in items if "patient" in item.groups}),
        "studies": [_study(*names, of) for names, of in sorted(studies.items())],
        "problems": _by_code(problems),
        "subjects": [
            {"subject": each.subject, "code": each.code, "message": each.message, "severity": each.severity}
            for each in problems
        ],
    }


def _study(study: str, patient: str, items: list[Item]) -> dict[str, Any]:
    return {
        "study": study,
        "patient": patient,
        "modality": _values(items, "modality"),
        "body_part": _values(items, "body_part"),
        "series": len({item.groups.get("series", "") for item in items}),
        "items": len(items),
        "burned_in": sum(item.metadata.get("burned_in") in ("yes", "likely") for item in items),
    }


def _values(items: Iterable[Item], column: str) -> str:
    return ",".join(sorted({str(item.metadata[column]) for item in items if column in item.metadata}))


def _by_code(problems: list[Problem]) -> list[dict[str, Any]]:
    counts = Counter((each.code, each.severity) for each in problems)
    first = {(each.code, each.severity): each.message for each in reversed(problems)}
    return [
        {"code": code, "severity": severity, "count": count, "message": first[code, severity]}
        for (code, severity), count in sorted(counts.items())
    ]
