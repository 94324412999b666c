"""Contract kits: an object is right when its kit passes. Inherit in a test file::

    from fieldglass.testing import EncoderContract

    class TestPhikon(EncoderContract):
        encoder = "histology/phikon"

Each test is a method, so that pytest names the promise that was broken. Nothing here needs pytest itself.
"""

from __future__ import annotations

from fieldglass.testing.benchmark import BenchmarkContract
from fieldglass.testing.composer import ComposerContract
from fieldglass.testing.encoder import EncoderContract
from fieldglass.testing.gallery import ArrayGallery, full_scan
from fieldglass.testing.index import IndexContract
from fieldglass.testing.loader import LoaderContract
from fieldglass.testing.recipe import RecipeContract
from fieldglass.testing.reranker import RerankerContract
from fieldglass.testing.tiny import TinyEncoder

__all__ = [
    "ArrayGallery",
    "BenchmarkContract",
    "ComposerContract",
    "EncoderContract",
    "IndexContract",
    "LoaderContract",
    "RecipeContract",
    "RerankerContract",
    "TinyEncoder",
    "full_scan",
]
