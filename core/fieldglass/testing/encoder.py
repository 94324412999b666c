"""What every encoder must keep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from fieldglass.encoders import as_query, as_text, capabilities, encode
from fieldglass.errors import UsageError
from fieldglass.registry import registry
from fieldglass.types import Accepts, Sample

__all__ = ["EncoderContract"]

_SENTENCES = ("a dog on a beach", "", "ein Hund am Strand 🐕", "word " * 500)
_RANGES = {"reflectance": (0.0, 1.0), "dB": (-30.0, 5.0), "HU": (-1000.0, 1500.0), "unit": (0.0, 1.0)}


class EncoderContract:
    """Name the encoder::

        class TestPhikon(EncoderContract):
            encoder = "histology/phikon"

    Samples of each kind that it accepts are made here; `samples` may be overridden. `tolerance` is how far a batch
    may differ from one by one (0.02 suits bf16).
    """

    encoder: str
    options: Mapping[str, Any] = {}
    tolerance: float = 1e-4

    def make(self) -> Any:
        """The encoder under test; one for the whole class, since weights may be large."""
        kept = type(self).__dict__.get("_made")
        if kept is None:
            kept = registry().create("encoders", self.encoder, self.options)
            type(self)._made = kept  # type: ignore[attr-defined]
        return kept

    def samples(self) -> list[Sample]:
        """Several samples of every tower."""
        return [sample for accepts in self.make().accepts for sample in _samples(accepts)]

    def test_it_describes_itself(self) -> None:
        encoder = self.make()
        assert encoder.name and encoder.fingerprint, "an encoder has a name and a fingerprint"
        assert encoder.dim > 0 and encoder.rows > 0 and encoder.dtype in ("f32", "f16", "bits")
        assert encoder.dtype != "bits" or encoder.dim % 8 == 0, "bits are stored in bytes: dim is a multiple of 8"
        assert encoder.accepts, "an encoder accepts something"

    def test_it_can_do_what_its_offer_says(self) -> None:
        offers = registry().offers("encoders")
        if getattr(self, "encoder", None) in offers:
            promised, able = offers[self.encoder].provides, capabilities(self.make())
            assert promised <= able, f"offered but not there: {sorted(promised - able)}"

    def test_vectors_have_their_shape_and_norm(self) -> None:
        encoder = self.make()
        prepared = [encoder.prepare(sample) for sample in self.samples()]
        vectors = encode(encoder, prepared)
        assert vectors.shape == (len(prepared), encoder.rows, encoder.dim) and vectors.dtype == np.float32
        norms = np.linalg.norm(vectors, axis=2)
        assert np.allclose(norms, 1, atol=1e-3), f"norms from {norms.min():.4f} to {norms.max():.4f}, not 1"

    def test_different_samples_have_different_vectors(self) -> None:
        encoder = self.make()
        for accepts in encoder.accepts:
            samples = [each for each in self.samples() if each.kind == accepts.kind and each.units == accepts.units]
            vectors = encode(encoder, [encoder.prepare(sample) for sample in samples])
            if len(samples) > 1:
                assert not np.allclose(vectors[0], vectors[1], atol=1e-6), f"{accepts.tower}: one vector for all"

    def test_a_batch_is_what_one_by_one_is(self) -> None:
        encoder = self.make()
        prepared = [encoder.prepare(sample) for sample in self.samples()]
        together = encode(encoder, prepared)
        alone = np.concatenate([encode(encoder, [each]) for each in prepared])
        assert np.abs(together - alone).max() <= self.tolerance, f"they differ by {np.abs(together - alone).max():.2g}"

    def test_encoding_twice_gives_the_same(self) -> None:
        encoder = self.make()
        first, second = (encode(encoder, [encoder.prepare(each) for each in self.samples()]) for _ in range(2))
        assert np.array_equal(first, second), "vectors depend on nothing but the sample"

    def test_threads_prepare_what_one_prepares(self) -> None:
        encoder = self.make()
        samples = self.samples() * 4
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(encoder.prepare, samples))
        for sample, prepared in zip(samples, together, strict=True):
            alone = encoder.prepare(sample)
            assert prepared.tower == alone.tower and np.array_equal(prepared.content, alone.content)

    def test_the_sample_is_left_as_it_is(self) -> None:
        encoder = self.make()
        for sample in self.samples():
            before = np.array(sample.content)
            encode(encoder, [encoder.prepare(sample)])
            assert np.array_equal(before, np.array(sample.content)), "`prepare` does not write into the sample"

    def test_a_kind_that_is_not_accepted_is_refused(self) -> None:
        encoder = self.make()
        kinds = {accepts.kind for accepts in encoder.accepts}
        for kind in ("image", "volume", "text", "place"):
            if kind not in kinds:
                sample = next(_samples(Accepts("none", kind)))
                try:
                    encoder.prepare(sample)
                except UsageError:
                    continue
                raise AssertionError(f"a {kind} is not accepted, and `prepare` took it")

    def test_sentences_of_any_length_are_taken(self) -> None:
        encoder = self.make()
        if "texts" not in capabilities(encoder):
            return
        vectors = encoder.texts(list(_SENTENCES))
        assert vectors.shape == (len(_SENTENCES), encoder.dim) and np.isfinite(vectors).all()
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-3), "text vectors are of unit norm"

    def test_stored_vectors_can_be_probed(self) -> None:
        encoder = self.make()
        rows = encode(encoder, [encoder.prepare(sample) for sample in self.samples()])
        for role in (as_query, as_text):
            probes = role(encoder, rows)
            assert probes.shape == (len(rows), encoder.dim) and np.isfinite(probes).all(), f"{role.__name__}"


def _samples(accepts: Accepts) -> Iterator[Sample]:
    """Samples that a tower accepts: noise with some structure, of several shapes."""
    if accepts.kind == "text":
        yield from (Sample("text", text, accepts.bands, accepts.units) for text in ("a dog", "a red car"))
        return
    if accepts.kind == "place":
        places = ((0.0, 0.0), (52.5, 13.4), (-90.0, 180.0))
        yield from (Sample("place", at, accepts.bands, accepts.units) for at in places)
        return
    noise = np.random.default_rng(0)
    low, high = _RANGES.get(accepts.units, (0.0, 255.0))
    for height, width in ((48, 64), (300, 200), (1, 1)):
        depth = (4,) if accepts.kind in ("volume", "clip") else ()
        shape = (*depth, height, width, len(accepts.bands))
        content = np.linspace(low, high, width)[:, None] * noise.uniform(0, 1, size=shape)
        typed = content.astype(np.uint8 if accepts.units == "srgb8" else np.float32)
        yield Sample(accepts.kind, typed, accepts.bands, accepts.units)  # type: ignore[arg-type]
