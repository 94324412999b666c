"""Change: the same place at another date, the most alike or the most changed first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fieldglass.composers.linear import share
from fieldglass.composers.suited import suited
from fieldglass.composers.vectors import picture_vectors, text_vectors, unit
from fieldglass.composers.weicom import calibrated_sum
from fieldglass.errors import QueryError, UsageError
from fieldglass.types import Fusion, Probe, Probes, Query
from fieldglass_remote_sensing.revisits import WHEN, Revisits, day_of

if TYPE_CHECKING:
    from fieldglass.interfaces import Encoder
    from fieldglass.types import F64, GalleryView, ProbeScores, QueryImage

__all__ = ["Change"]


class Change:
    """Tiles of the place of a picture at another date, ranked by likeness to it; with a text, as `weicom` ranks.

    :param overlap: least share of the smaller footprint that two tiles have in common, above 0 to 1.
    :param days: least number of days between them.
    :param when: "before" or "after" the picture, or "any".
    :param order: "alike", or "changed": the score of the picture turned round, what is least like it first.
    :param text_weight: share of the text; below 0 that of `weicom` with the model.

    The picture is an item of the collection or a file whose loader gives a footprint and a date (`rs/scenes`).
    """

    requires: frozenset[str] = frozenset()

    def __init__(
        self,
        *,
        overlap: float = 0.5,
        days: int = 1,
        when: Literal["any", "before", "after"] = "any",
        order: Literal["alike", "changed"] = "alike",
        text_weight: float = -1.0,
        field: str = "image",
    ) -> None:
        if not 0 < overlap <= 1:
            raise UsageError(f"overlap is a share above 0, up to 1, not {overlap}.")
        if days < 1:
            raise UsageError(f"days={days}: another date is 1 day away or more.")
        if when not in WHEN or order not in ("alike", "changed"):
            raise UsageError(
                f"when={when!r} and order={order!r}.", hint=f"when: {', '.join(WHEN)}; order: alike, changed."
            )
        self.overlap, self.days, self.when, self.order, self.field = overlap, days, when, order, field
        own = getattr(suited("weicom", {}), "text_weight", 0.5)
        self.text_weight = share(text_weight) if text_weight >= 0 else float(own)

    def compose(self, queries: Sequence[Query], encoder: Encoder, gallery: GalleryView) -> Probes:
        """n queries -> a probe for the pictures, one for the texts if any, and a condition each (see `Revisits`)."""
        where = tuple(self._revisits(query, gallery) for query in queries)
        pictures = picture_vectors(queries, encoder, gallery, self.field, name="rs/change")
        if self.order == "changed":
            pictures = -pictures
        said = [row for row, query in enumerate(queries) if any(text.role != "description" for text in query.texts)]
        if not said:
            probe = Probe(self.field, pictures, label=self.order)
            return Probes((probe,), Fusion("change", "linear"), where=where)
        pictures = unit(pictures)
        texts = np.zeros_like(pictures)
        texts[said] = unit(text_vectors([queries[row] for row in said], encoder, name="rs/change"))
        probes = (
            Probe(self.field, pictures, 1 - self.text_weight, label=self.order),
            Probe(self.field, texts, self.text_weight, label="text"),
        )
        return Probes(probes, Fusion("change", "moments", _with_text), where=where)

    def _revisits(self, query: Query, gallery: GalleryView) -> Revisits:
        references = [image for image in query.images if image.role == "reference"]
        if len(references) != 1:
            raise QueryError(
                f"'rs/change' is about one picture, and the query has {len(references)}.",
                hint="Give --like ID or --image FILE, once.",
            )
        name, cells = _told(references[0], gallery)
        shape, day = _footprint(cells), day_of(cells.get("date"))
        if shape is None or day is None:
            lacking = " and ".join([*([] if shape else ["footprint"]), *([] if day else ["date"])])
            raise QueryError(
                f"{name} has no {lacking}: what the same place was at another date cannot be told.",
                hint="Scenes have them by the loader rs/scenes; `fieldglass annotate` adds columns from a table.",
            )
        return Revisits(shape, day, self.overlap, self.days, self.when)


def _told(image: QueryImage, gallery: GalleryView) -> tuple[str, Mapping[str, Any]]:
    """What the picture is called, and its columns."""
    if image.id is not None:
        positions = gallery.positions([image.id])
        if positions[0] < 0:
            raise QueryError(f"There is no item {image.id!r} in this collection.")
        return f"Item {image.id!r}", gallery.metadata(positions)[0]
    if image.item is None:
        return "The picture", {}
    return f"The picture {image.item.id!r}", image.item.metadata


def _footprint(cells: Mapping[str, Any]) -> Any:
    import shapely

    from fieldglass.spatial.features import geometry_of

    shape = geometry_of(cells)
    if shape is None or shapely.area(shape) == 0:
        return None
    return shape if shapely.is_valid(shape) else shapely.make_valid(shape)


def _with_text(scores: tuple[ProbeScores, ...]) -> F64:
    """As `weicom`; a query of a batch that has no text keeps the scores of its picture."""
    picture, text = scores
    if not text.asked.any():
        return picture.values
    return np.where(text.asked, calibrated_sum(scores), picture.values)
