"""An encoder that encodes a sentence or a picture of a session once, however many turns look back at it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from fieldglass.interfaces import Encoder
    from fieldglass.types import F32, Prepared, Sample

__all__ = ["Remembering"]

KEPT = 512  # sentences, and pictures; a session rarely has more

_REMEMBERED = {"texts": "_texts", "images": "_images"}


class Remembering:
    """Everything as the encoder has it; `texts`, `prepare` and `images` are kept.

    Each is encoded alone, so that a vector does not depend on what it was asked with: a session that is resumed
    ranks as the one that was saved.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder: Any = encoder
        self._kept: dict[str, OrderedDict[Hashable, tuple[Any, Any]]] = {
            name: OrderedDict() for name in ("texts", "prepare", "images")
        }

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._encoder, name)
        return object.__getattribute__(self, _REMEMBERED[name]) if name in _REMEMBERED else found

    def prepare(self, sample: Sample) -> Prepared:
        """As the encoder does; the same object for the same sample."""
        found: Prepared = self._once("prepare", id(sample), sample, lambda: self._encoder.prepare(sample))
        return found

    def _texts(self, texts: Sequence[str]) -> F32:
        def alone(text: str) -> F32:
            found: F32 = self._once("texts", text, text, lambda: self._encoder.texts([text])[0])
            return found

        return np.stack([alone(text) for text in texts]) if texts else np.asarray(self._encoder.texts([]))

    def _images(self, batch: Sequence[Prepared]) -> F32:
        def alone(each: Prepared) -> F32:
            found: F32 = self._once("images", id(each), each, lambda: self._encoder.images([each])[0])
            return found

        return np.stack([alone(each) for each in batch])

    def _once(self, kind: str, key: Hashable, held: Any, make: Callable[[], Any]) -> Any:
        """`held` keeps the object alive whose id is the key."""
        kept = self._kept[kind]
        if key not in kept:
            kept[key] = (held, make())
            if len(kept) > KEPT:
                kept.popitem(last=False)
        kept.move_to_end(key)
        return kept[key][1]
