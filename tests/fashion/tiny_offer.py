"""The small encoder of the contract kits under the name `tiny`, for commands that name their encoder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fieldglass.registry import registry

HOOKS = """
from fieldglass.hooks import Offer, hookimpl

@hookimpl
def fieldglass_encoders():
    factory = "fieldglass.testing.tiny:TinyEncoder"
    return [Offer("tiny", factory, "colours and a few words", frozenset({"images", "texts", "places"}))]
"""


@contextmanager
def offered(folder: Path) -> Iterator[None]:
    """While this lasts there is an encoder `tiny`, as if a distribution of that name were installed."""
    info = folder / "tiny_offer-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-offer\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[fieldglass]\ntinyoffer = tiny_offer_hooks\n")
    (folder / "tiny_offer_hooks.py").write_text(HOOKS)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        registry.cache_clear()
        yield
    registry.cache_clear()
