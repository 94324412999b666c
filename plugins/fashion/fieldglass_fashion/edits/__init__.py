"""What a text asks to change of a garment: parsed, merged over turns, composed to one vector."""

from __future__ import annotations

from fieldglass_fashion.edits.asked import Edits, parse
from fieldglass_fashion.edits.composer import AttributeEdits
from fieldglass_fashion.edits.merging import merged

__all__ = ["AttributeEdits", "Edits", "merged", "parse"]
