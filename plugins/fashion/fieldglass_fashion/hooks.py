"""What this plugin adds to Fieldglass."""

from __future__ import annotations

from fieldglass.hooks import Offer, hookimpl


@hookimpl
def fieldglass_loaders():
    return [Offer("fashion/catalogue", "fieldglass_fashion.loader:Catalogue", "a shop's CSV of products")]


@hookimpl
def fieldglass_commands():
    return [Offer("fashion", "fieldglass_fashion.cli:fashion", "A shop's catalogue: products, prices, variants.")]
