"""Optimisation-based textual inversion: the word of a picture is looked for, not computed (arXiv 2303.15247)."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass._torchvision import require
from fieldglass.composers.inversion import BARE, Inversion
from fieldglass.composers.pictures import Shown, sample_of
from fieldglass.composers.vocabulary import load_words, text_rows, word_vectors
from fieldglass.encoders import as_query, encode
from fieldglass.errors import QueryError, UsageError

if TYPE_CHECKING:
    from fieldglass.types import F32, GalleryView

__all__ = ["Oti"]

TEMPLATES = (
    BARE, "a picture of $", "an image of $", "a photograph of $", "a photo of one $", "a photo of the $",
    "a good photo of $", "a bad photo of $", "a clear photo of $", "a blurry photo of $", "a dark photo of $",
    "a bright photo of $", "a close-up photo of $", "a cropped photo of $", "a small photo of $", "a large photo of $",
    "a clean photo of $", "a dirty photo of $", "a nice photo of $", "a strange photo of $", "a rendering of $",
    "a depiction of $", "a photo of my $", "a photo of a $",
)  # fmt: skip
CONCEPTS = 15


class Oti(Inversion):
    """ "a photo of $ that ...": the word whose sentences lie nearest to the picture after `steps` steps of AdamW.

    Each step draws a template; with `concepts` (a word list, or "nouns") half as much weight goes to keeping
    sentences about the word near to the same sentences about one of the picture's 15 nearest concepts. The authors
    let a language model go on with those; here they are the templates. 350 steps are SEARLE's, 150 those of
    Cross the Gap (arXiv 2502.04263). Tens of seconds a picture on a CPU.
    """

    name = "oti"

    def __init__(
        self,
        *,
        steps: int = 350,
        rate: float = 0.02,
        decay: float = 0.01,
        memory: float = 0.99,
        concepts: str = "",
        concept_weight: float = 0.5,
        seed: int = 0,
        field: str = "image",
    ) -> None:
        super().__init__(field=field)
        if steps < 1 or not rate > 0 or not 0 <= memory < 1 or not concept_weight >= 0:
            raise UsageError("oti takes steps of 1 or more, a rate above 0, a memory of 0 to below 1.")
        self.steps, self.rate, self.decay, self.memory, self.seed = steps, rate, decay, memory, seed
        self.concepts = load_words(concepts) if concepts else ()
        self.concept_weight = concept_weight

    def words(self, pictures: Shown, encoder: Any, gallery: GalleryView) -> F32:
        """(n, token_dim) float32: each picture's word, the same alone as in a batch."""
        torch = require("torch")
        if not callable(getattr(encoder, "pseudo_features", None)):
            raise QueryError(
                f"{encoder.name} gives no gradients of its text tower.", hint="Use open_clip, or searle or lincir."
            )
        device = getattr(encoder, "device", "cpu")
        prepared = [encoder.prepare(sample_of(image, gallery)) for image in pictures.images]
        seen = as_query(encoder, encode(encoder, prepared))
        near = self._near(seen, encoder)
        targets = torch.from_numpy(np.ascontiguousarray(seen)).to(device)
        start = np.random.default_rng(self.seed).normal(0.0, 0.02, (1, encoder.token_dim)).astype(np.float32)
        words = torch.from_numpy(start.repeat(len(seen), axis=0)).to(device).requires_grad_()
        kept = words.detach().clone()
        optimiser = torch.optim.AdamW([words], lr=self.rate, weight_decay=self.decay)
        draw = random.Random(self.seed)
        for _ in range(self.steps):
            template, phrase, concept = draw.choice(TEMPLATES), draw.choice(TEMPLATES), draw.randrange(CONCEPTS)
            loss = _away(encoder.pseudo_features([template] * len(seen), words), targets)
            if near:
                names = [self.concepts[found[concept % len(found)]] for found in near]
                said = text_rows([phrase.replace("$", name) for name in names], encoder)
                meant = torch.from_numpy(np.ascontiguousarray(said)).to(device)
                other = _away(encoder.pseudo_features([phrase] * len(seen), words), meant)
                loss = (loss + self.concept_weight * other) / (1 + self.concept_weight)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            kept.mul_(self.memory).add_(words.detach(), alpha=1 - self.memory)
        found: F32 = kept.float().cpu().numpy()
        return found

    def _near(self, seen: F32, encoder: Any) -> list[list[int]]:
        """Per picture, the concepts whose words are nearest, best first."""
        if not self.concepts or not self.concept_weight:
            return []
        scores = seen @ word_vectors(self.concepts, encoder).T
        return [np.argsort(-row, kind="stable")[:CONCEPTS].tolist() for row in scores]


def _away(found: Any, wanted: Any) -> Any:
    """Sum over rows of 1 - cosine: a sum, so that a picture's word does not depend on the others of a batch."""
    return (1 - require("torch").nn.functional.cosine_similarity(found.float(), wanted, dim=1)).sum()
