"""PDV: a composed vector moved along the direction in which the text changes the description (arXiv 2502.07215)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from fieldglass.composers.nested import nested, one_vector
from fieldglass.composers.vectors import picture_vectors, unit
from fieldglass.errors import UsageError
from fieldglass.interfaces import Composer
from fieldglass.types import Fusion, Probe, Probes

if TYPE_CHECKING:
    from fieldglass.interfaces import Encoder
    from fieldglass.types import F32, GalleryView, Query

__all__ = ["Describing", "Pdv", "directed"]


@runtime_checkable
class Describing(Protocol):
    """A composer in the space of texts that can also say what the pictures show, without the change."""

    def bare(self, queries: Sequence[Query], encoder: Encoder, gallery: GalleryView) -> F32:
        """n queries -> (n, d): the caption of each query's pictures, or the bare pseudo-word prompt."""
        ...


class Pdv:
    """D = composed - bare; (1 - beta) (picture + alpha_image D) + beta (bare + alpha_text D), at unit norm.

    beta 1 and alpha_text 1 is the base itself; beta 0 and alpha_image 0 the picture alone; beta 1 and alpha_text 0
    the bare description. Defaults are those of the paper for CIReVL with ViT-B/32 on CIRCO; for pseudo-word bases
    it takes beta .9. Useful alphas are -0.5 to 2; below 0 they lead away from the request.
    """

    def __init__(
        self,
        *,
        base: str | Composer = "cirevl",
        base_settings: str = "",
        alpha_image: float = 1.4,
        alpha_text: float = 1.2,
        beta: float = 0.75,
        field: str = "image",
    ) -> None:
        made = nested(base, base_settings, field)
        if not isinstance(made, Describing):
            raise UsageError(
                f"pdv needs a base that describes pictures in the space of texts, and {base!r} does not.",
                hint="Bases are cirevl, pic2word, searle, lincir and oti.",
            )
        if not 0 <= beta <= 1 or not np.isfinite([alpha_image, alpha_text]).all():
            raise UsageError(f"beta is 0 to 1 and the alphas are numbers, not {beta}, {alpha_image}, {alpha_text}.")
        self.base, self._describing = made, made
        self.requires: frozenset[str] = made.requires
        self.alpha_image, self.alpha_text, self.beta = alpha_image, alpha_text, beta
        self.field = field

    def compose(self, queries: Sequence[Query], encoder: Encoder, gallery: GalleryView) -> Probes:
        """n queries -> one probe with n rows."""
        bare = self._describing.bare(queries, encoder, gallery)
        changed = self.base.compose(queries, encoder, gallery)
        composed = one_vector(changed, "pdv")
        pictures = picture_vectors(queries, encoder, gallery, self.field, name="pdv")
        found = directed(bare, composed, pictures, self.alpha_image, self.alpha_text, self.beta)
        return replace(changed, probes=(Probe(self.field, found, label="pdv"),), fusion=Fusion("pdv", "linear"))


def directed(bare: F32, composed: F32, pictures: F32, alpha_image: float, alpha_text: float, beta: float) -> F32:
    """The formula of PDV-F on rows (n, d), each brought to unit norm first -> unit rows (n, d)."""
    text, whole, image = (unit(each).astype(np.float64) for each in (bare, composed, pictures))
    direction = whole - text
    mixed = (1 - beta) * (image + alpha_image * direction) + beta * (text + alpha_text * direction)
    return unit(mixed.astype(np.float32))
