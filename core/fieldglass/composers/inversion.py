"""Textual inversion: a picture becomes a word, and the word goes into a sentence with what the query asks for.

Text of the user never holds the placeholder: it would show the picture twice.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.composers.phi import load_phi
from fieldglass.composers.pictures import Shown, raw_vectors, shown
from fieldglass.composers.vectors import unit
from fieldglass.composers.wording import Said, asked, joined, without_refused
from fieldglass.errors import QueryError
from fieldglass.types import Fusion, Probe, Probes, QueryText

if TYPE_CHECKING:
    from fieldglass.interfaces import Encoder
    from fieldglass.types import F32, GalleryView, Query

__all__ = ["Inversion", "Lincir", "Pic2Word", "Searle"]

BARE = "a photo of $"


class Inversion(ABC):
    """What the composers of this kind share; each says how a picture becomes a word, and how the sentence goes.

    Several pictures give one sentence each, added with their weights. Sentences of equal weight share a prompt,
    in both orders. A text of the role `domain` takes the place of "photo". A negative text is taken off the whole.
    """

    requires: frozenset[str] = frozenset({"texts", "tokens"})
    name = ""

    def __init__(self, *, field: str = "image") -> None:
        self.field = field

    @abstractmethod
    def words(self, pictures: Shown, encoder: Any, gallery: GalleryView) -> F32:
        """Pseudo-words (n, token_dim) of the distinct pictures."""

    def sentence(self, start: str, wanted: str) -> str:
        """The prompt: `start` holds the placeholder, `wanted` is what is asked for."""
        return f"{start} that {wanted}"

    def compose(self, queries: Sequence[Query], encoder: Encoder, gallery: GalleryView) -> Probes:
        """n queries -> one probe with n unit rows."""
        prompts = [self._prompts(query) for query in queries]
        found = without_refused(self._encoded(queries, prompts, encoder, gallery), queries, encoder)
        return Probes((Probe(self.field, found, label="pseudo-word"),), Fusion(self.name, "linear"))

    def bare(self, queries: Sequence[Query], encoder: Encoder, gallery: GalleryView) -> F32:
        """(n, d) unit rows: the pictures as words, with nothing asked for."""
        return self._encoded(queries, [[(BARE, 1.0)] for _ in queries], encoder, gallery)

    def _prompts(self, query: Query) -> list[Said]:
        domains = [text.text for text in query.texts if text.role == "domain" and text.weight > 0]
        start = f"a {_plain(' '.join(domains))} of $" if domains else BARE
        if not any(_asks(text) for text in query.texts):
            return [(start, 1.0)]
        rest = asked(query, self.name, roles=("modification", "target", "attribute", "turn"))
        said = [(_plain(text), weight) for text, weight in rest]
        return [(self.sentence(start, text), weight) for text, weight in self.orders(said)]

    def orders(self, said: list[Said]) -> list[Said]:
        """How several sentences share prompts."""
        return joined(said)

    def _encoded(
        self, queries: Sequence[Query], prompts: Sequence[Sequence[Said]], encoder: Any, gallery: GalleryView
    ) -> F32:
        pictures = shown(queries, self.name)
        words = self.words(pictures, encoder, gallery)
        rows = [
            (number, prompt, place, part * weight)
            for number, (said, parts) in enumerate(zip(prompts, pictures.parts, strict=True))
            for place, part in parts
            for prompt, weight in said
        ]
        encoded = encoder.pseudo_texts([prompt for _, prompt, _, _ in rows], words[[place for _, _, place, _ in rows]])
        total = np.zeros((len(queries), encoded.shape[1]))
        for (number, _, _, weight), vector in zip(rows, encoded, strict=True):
            total[number] += weight * vector.astype(np.float64)
        return unit(total.astype(np.float32))


class _Network(Inversion):
    """Inversion by a network that the authors have trained; `weights` is their file."""

    requires = frozenset({"texts", "tokens", "raw"})

    def __init__(self, *, weights: str = "", field: str = "image") -> None:
        super().__init__(field=field)
        self.weights = weights

    def words(self, pictures: Shown, encoder: Any, gallery: GalleryView) -> F32:
        """The network on the vectors before normalisation; indexed items are decoded again."""
        phi = load_phi(self.weights, encoder, self.name)
        return phi(raw_vectors(pictures.images, encoder, gallery))


class Searle(_Network):
    """ "a photo of $ that ..." by the network of SEARLE (arXiv 2303.15247), whose files are CC BY-NC 4.0.

    Trained for CLIP ViT-B/32 and ViT-L/14 of OpenAI.
    """

    name = "searle"


class Lincir(_Network):
    """ "a photo of $ that ..." by the network of LinCIR (arXiv 2312.01998), whose files are CC BY-NC 4.0.

    Trained for CLIP ViT-L/14 of OpenAI, ViT-H/14 and ViT-bigG/14 of LAION.
    """

    name = "lincir"


class Pic2Word(_Network):
    """ "a photo of $ , ..." by the network of Pic2Word (arXiv 2302.03084), Apache-2.0, for CLIP ViT-L/14 of OpenAI.

    Of several sentences the last comes first, as the authors have it for FashionIQ.
    """

    name = "pic2word"

    def sentence(self, start: str, wanted: str) -> str:
        """The authors' prompt."""
        return f"{start} , {wanted}"

    def orders(self, said: list[Said]) -> list[Said]:
        """The last first; sentences of different weights each in a prompt of their own."""
        return joined(said)[-1:] if len({weight for _, weight in said}) == 1 else said


def _asks(text: QueryText) -> bool:
    if text.role in ("description", "domain"):
        return False
    return text.weight < 0 if text.role == "negative" else text.weight > 0


def _plain(text: str) -> str:
    found = " ".join(text.replace("$", " ").split())
    if not found:
        raise QueryError(f"Nothing is left of the text {text!r}: '$' stands for the picture.")
    return found
