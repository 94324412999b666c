"""What every composer must keep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from fieldglass.encoders import capabilities, encode
from fieldglass.errors import UsageError
from fieldglass.interfaces import Composer
from fieldglass.registry import registry
from fieldglass.testing.gallery import ArrayGallery, full_scan
from fieldglass.testing.tiny import TinyEncoder
from fieldglass.types import Probes, ProbeScores, Query, QueryImage, QueryText, Sample

__all__ = ["ComposerContract"]

_CAPABILITIES = {"images", "texts", "places", "pairs", "patches", "tokens", "raw", "as_query"}


class ComposerContract:
    """Name the composer, and what a query of it must have::

        class TestSlerp(ComposerContract):
            composer = "slerp"

    `parts` is "image", "text" or "both": what a query needs. `make_encoder` may give an encoder with more
    capabilities than the small one used here.
    """

    composer: str
    options: Mapping[str, Any] = {}
    parts: Literal["image", "text", "both"] = "both"

    def make(self) -> Composer:
        """The composer under test."""
        found: Composer = registry().create("composers", self.composer, self.options)
        return found

    def make_encoder(self) -> Any:
        """An encoder that has what the composer requires."""
        return TinyEncoder()

    def gallery(self) -> ArrayGallery:
        """60 pictures of random colours in the field `image`."""
        noise = np.random.default_rng(7)
        samples = [Sample("image", np.full((4, 4, 3), noise.integers(0, 256, 3), dtype=np.uint8)) for _ in range(60)]
        encoder = self.make_encoder()
        vectors = encode(encoder, [encoder.prepare(sample) for sample in samples])
        ids = [f"p{place}" for place in range(60)]
        return ArrayGallery(ids, {"image": vectors}, samples=dict(zip(ids, samples, strict=True)))

    def queries(self) -> list[Query]:
        """Four queries with the parts that the composer takes."""
        words = ("red", "blue", "dark green", "bright")
        images = [(QueryImage(id=f"p{place}"),) if self.parts != "text" else () for place in range(4)]
        texts = [(QueryText(word),) if self.parts != "image" else () for word in words]
        return [Query(images=image, texts=text) for image, text in zip(images, texts, strict=True)]

    def test_it_requires_what_an_encoder_can_have(self) -> None:
        required = self.make().requires
        assert isinstance(required, frozenset) and required <= _CAPABILITIES, f"{sorted(required - _CAPABILITIES)}"
        assert required <= capabilities(self.make_encoder()), "override `make_encoder` with one that can do this"

    def test_probes_are_whole(self) -> None:
        probes = self._compose(self.queries())
        assert probes.probes, "at least one probe"
        assert (probes.fusion.combine is None) == (probes.fusion.needs == "linear"), "`combine` is for the other needs"
        for probe in probes.probes:
            assert probe.vectors.shape == (4, self.make_encoder().dim), f"{probe.label}: {probe.vectors.shape}"
            assert probe.vectors.dtype == np.float32 and np.isfinite(probe.vectors).all(), f"{probe.label}"
            assert np.isfinite(probe.weight) and np.isfinite(probe.bias), f"{probe.label}"

    def test_a_batch_is_what_one_by_one_is(self) -> None:
        gallery = self.gallery()
        together = full_scan(self._compose(self.queries()), gallery)
        alone = np.concatenate([full_scan(self._compose([query]), gallery) for query in self.queries()])
        assert np.allclose(together, alone, atol=1e-5), f"they differ by {np.abs(together - alone).max():.2g}"

    def test_the_order_of_the_gallery_does_not_matter(self) -> None:
        gallery = self.gallery()
        order = np.random.default_rng(3).permutation(gallery.size)
        everything = np.arange(gallery.size)
        fields = {"image": gallery.vectors("image", everything)[order]}
        turned = ArrayGallery(gallery.ids(order), fields, samples=gallery.samples)
        scores = full_scan(self._compose(self.queries(), gallery), gallery)
        permuted = full_scan(self._compose(self.queries(), turned), turned)
        assert np.allclose(scores[:, order], permuted, atol=1e-5), "a ranking depends on items, not on their places"

    def test_conditions_are_filters_of_one_query_each(self) -> None:
        gallery, queries = self.gallery(), self.queries()
        together = self._compose(queries, gallery).where
        assert len(together) in (0, len(queries)), f"{len(together)} conditions for {len(queries)} queries"
        for query, where in zip(queries, together, strict=bool(together)):
            alone = self._compose([query], gallery).where
            if where is None or isinstance(where, str):
                assert alone in ((), (where,)), f"{where!r} in a batch, {alone!r} alone"
                continue
            found = where.bitmap(gallery)
            assert found.dtype == np.bool_ and found.shape == (gallery.size,), f"{where}: {found.dtype} {found.shape}"
            assert len(alone) == 1 and alone[0] is not None and not isinstance(alone[0], str), f"{alone!r} alone"
            assert np.array_equal(found, alone[0].bitmap(gallery)), f"{where} differs alone"

    def test_composing_twice_gives_the_same(self) -> None:
        first, second = self._compose(self.queries()), self._compose(self.queries())
        for one, other in zip(first.probes, second.probes, strict=True):
            assert np.array_equal(one.vectors, other.vectors) and one.weight == other.weight, f"{one.label}"

    def test_a_query_with_nothing_in_it_is_refused(self) -> None:
        try:
            self._compose([Query()])
        except UsageError:
            return
        raise AssertionError("a query without a picture or a text must be a QueryError")

    def test_a_higher_score_never_ranks_lower(self) -> None:
        fusion = self._compose(self.queries()).fusion
        if fusion.combine is None or fusion.needs != "moments":
            return
        rising = np.linspace(-1, 1, 50)
        flat = np.zeros(50)
        present = np.ones(50, dtype=bool)
        for place in range(2):
            values = (rising, flat) if place == 0 else (flat, rising)
            found = fusion.combine(tuple(ProbeScores(each, present, 0.5, 0.0, 0.5) for each in values))
            assert (np.diff(found) >= -1e-12).all(), "`combine` falls where a z-score grows"

    def test_rows_of_several_queries_are_fused_as_those_of_each(self) -> None:
        probes = self._compose(self.queries())
        if probes.fusion.combine is None or probes.fusion.needs != "moments":
            return
        noise, present = np.random.default_rng(5), np.ones(50, dtype=bool)
        values = noise.normal(size=(len(probes.probes), 3, 50))
        mean, std = noise.normal(size=(2, len(probes.probes), 3, 1))
        std = np.abs(std)
        std[0, 0] = 0
        weights = [probe.weight for probe in probes.probes]
        together = probes.fusion.combine(tuple(map(ProbeScores, values, [present] * len(values), weights, mean, std)))
        assert together.shape == (3, 50), f"`combine` gave shape {together.shape} for scores of shape (3, 50)"
        for query in range(3):
            mine = (values[:, query], [present] * len(values), weights, mean[:, query, 0], std[:, query, 0])
            alone = probes.fusion.combine(tuple(map(ProbeScores, *mine)))
            assert np.allclose(together[query], alone, atol=1e-9), "`combine` mixes the rows of several queries"

    def _compose(self, queries: list[Query], gallery: ArrayGallery | None = None) -> Probes:
        return self.make().compose(queries, self.make_encoder(), gallery or self.gallery())
