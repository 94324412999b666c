"""`fashion/fashionblip2`: 12 heads a picture as one vector, whose inner product is the sum of 12 cosines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.encoders.fingerprint import fingerprint
from fieldglass.encoders.once import Once
from fieldglass.errors import UsageError
from fieldglass.models.cache import sha256_of
from fieldglass.models.files import kept_name, weight_file
from fieldglass.types import Accepts, Prepared
from fieldglass_fashion.blip2.encoder import Blip2Base
from fieldglass_fashion.blip2.trained import added, read_trained

if TYPE_CHECKING:
    from fieldglass.types import F32

__all__ = ["FashionBlip2"]


class FashionBlip2(Blip2Base):
    """FashionBLIP-2 (arXiv 2507.05135), our implementation: neither its code nor its weights are published.

    A picture is 12 unit vectors of 256 numbers, written one after the other and scaled to length 1: the inner product
    of two such vectors of 3072 numbers is the mean of 12 cosines. `pairs` gives the same for a picture with a
    sentence; the composer `fashion/fashionblip2` searches with it. A sentence alone has no vector.

    :param weights: BLIP-2's own, as for `fashion/blip2`.
    :param trained: adapters and matching, a file of `fieldglass train fashion/blip2`.
    :param tokens: a sentence is cut here, [CLS] and [SEP] included.
    """

    name = "fashion/fashionblip2"
    dtype = "f32"
    rows = 1
    accepts = (Accepts("image", "image"),)

    def __init__(
        self,
        *,
        weights: str = "",
        trained: str = "",
        tokens: int = 64,
        resize_mode: str = "",
        pad_ratio: float | None = None,
        device: str = "auto",
        precision: str = "auto",
    ) -> None:
        super().__init__(weights, tokens, resize_mode, pad_ratio, device, precision)
        if not trained:
            raise UsageError(
                f"{self.name} needs its adapters and matching.",
                hint="Give --set trained=FILE of `fieldglass train fashion/blip2`; without one use fashion/blip2 with "
                "the composer fashion/sprc.",
            )
        path = weight_file(str(trained), self.name, ("fashionblip2.pt",))
        module = added(read_trained(path, self._digest), self._shape)
        self.composer = self.name
        query = module.matching.query
        self.heads = int(query.tokens.out_features)
        self.dim = self.heads * int(query.channels.out_features)
        self._added = Once(lambda: module.to(self.device))
        self.fingerprint = fingerprint(self.name, base=self.fingerprint, trained=sha256_of(path), version=1)
        self.options = {**self.options, "trained": kept_name(trained, path)}

    def images(self, batch: Sequence[Prepared]) -> F32:
        """(n, 1, 3072) float32, unit: the heads of candidates."""
        network, matching, found = self._network(), self._added().matching, []
        for states in self._seen(batch):
            with self._placement.inference():
                found.append(matching.candidates(network.picture_tokens(states)))
        return self._flat(found)[:, None, :]

    def pairs(self, images: Sequence[Prepared], texts: Sequence[str]) -> F32:
        """(n, 3072) float32, unit: the heads of a picture with its sentence."""
        return self._flat([self._joined(self._heads, images, texts)])

    def _heads(self, states: Any, ids: Any, mask: Any) -> Any:
        return self._added().matching.queries(self._network().joint_tokens(states, ids, mask))

    def _adapters(self) -> Any:
        return getattr(self._added(), "adapters", None)

    def _flat(self, pieces: Sequence[Any]) -> F32:
        heads = self._array(pieces)
        return np.asarray(heads.reshape(len(heads), self.dim) / np.sqrt(self.heads), dtype=np.float32)
