"""What a user should know of a scene that is taken: warnings for the journal, from its header."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from fieldglass.types import Problem
from fieldglass_remote_sensing.sensors import S1_PRODUCT, S2_PRODUCT
from fieldglass_remote_sensing.settling import S2Open

if TYPE_CHECKING:
    from fieldglass_remote_sensing.finding import Found
    from fieldglass_remote_sensing.scenes import Scene

__all__ = ["notes_on", "reprocessed"]

_LARGE = 20_000  # pixels on a side


def notes_on(scene: Scene) -> Iterator[Problem]:
    """The warnings on one scene."""
    if scene.radiometry == S2Open(date=getattr(scene.radiometry, "date", None)) and "float" not in scene.dtype:
        yield _warning(
            scene,
            "scene-offset",
            "Nothing says whether its numbers hold the offset of -1000 that came with baseline 04.00: it is judged "
            "by the darkest ground, and left alone where there is none. --set s2_offset=0 or -1000 says it.",
        )
    if scene.striped and max(scene.height, scene.width) > _LARGE:
        yield _warning(
            scene,
            "scene-striped",
            f"{scene.width} x {scene.height} pixels without tiles and overviews are slow to cut and to show: "
            "`rio cogeo create` or `gdal_translate -of COG` makes a file that is not.",
        )


def reprocessed(found: Iterable[Found]) -> dict[str, str]:
    """Id of a product -> the newer processing of the same data, of those that there is one of."""
    products: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    for each in found:
        if each.kind != "safe":
            continue
        name = each.id.rsplit("/", 1)[-1].removesuffix(".zip").removesuffix(".SAFE")
        optical, radar = S2_PRODUCT.match(name), S1_PRODUCT.match(name)
        if optical:
            craft, level, taken, baseline, tile = optical.groups()
            age = baseline + name[optical.end() :]
            products.setdefault((craft, level, taken, tile), []).append((age, each.id))
        elif radar:
            products.setdefault((name.rsplit("_", 1)[0],), []).append((name, each.id))
    older = {}
    for same in products.values():
        *rest, (_, newest) = sorted(same)
        older.update({id: newest for _, id in rest})
    return older


def _warning(scene: Scene, code: str, said: str) -> Problem:
    return Problem(scene.id, code, said, scene.paths, "warning")
