"""Encodes a text column (captions, descriptions) into a field of its own, beside the pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.encoders import capabilities, encode
from fieldglass.errors import UsageError
from fieldglass.ingest.making import field_of
from fieldglass.store import Store
from fieldglass.types import Sample

if TYPE_CHECKING:
    from fieldglass.interfaces import Encoder
    from fieldglass.types import F32

__all__ = ["encode_column"]


def encode_column(
    store: Store,
    column: str,
    encoder: Encoder,
    *,
    encoder_name: str | None = None,
    encoder_options: Mapping[str, Any] | None = None,
    field: str | None = None,
    batch: int = 256,
    again: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Encode the texts of a metadata column into `field` (named after the column); how many were encoded.

    Items without a text lack the field. Items that have the field are left alone unless `again`: say so
    after captions have changed. `progress` is told (texts done, texts in all).
    """
    if "texts" not in capabilities(encoder):
        raise UsageError(f"The encoder {encoder.name!r} takes no texts.", hint="Give one that does, such as mini.")
    snapshot = store.snapshot()
    if column not in snapshot.columns:
        raise UsageError(
            f"The collection has no column {column!r}.", hint=f"Columns: {', '.join(snapshot.columns) or 'none'}."
        )
    name = field or column
    spec = field_of(name, encoder, encoder_name or encoder.name, encoder_options or {}, origin=f"column:{column}")
    spec = replace(spec, rows=1, reduce="none")  # a sentence has one vector, whatever a picture has
    wanted = snapshot.live_positions()
    if name in snapshot.fields and not again:
        wanted = wanted[~snapshot.present(name)[wanted]]

    def rows() -> Iterator[tuple[int, F32]]:
        for start in range(0, len(wanted), batch):
            chunk = wanted[start : start + batch]
            texts = [str(cells.get(column) or "").strip() for cells in snapshot.metadata(chunk)]
            there = [row for row, text in enumerate(texts) if text]
            if there:
                prepared = [encoder.prepare(Sample("text", texts[row], (), "unit")) for row in there]
                yield from zip((int(chunk[row]) for row in there), encode(encoder, prepared)[:, :1], strict=True)
            if progress is not None:
                progress(min(start + batch, len(wanted)), len(wanted))

    with store.writer("encode column") as writer:
        writer.add_field(spec)
        return writer.fill(name, rows()) if np.size(wanted) else 0
