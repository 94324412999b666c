"""What this plugin adds to Fieldglass."""

from __future__ import annotations

from fieldglass.hooks import Offer, hookimpl


@hookimpl
def fieldglass_encoders():
    return [
        Offer(
            "fashion/mini",
            "fieldglass_fashion.mini:FashionMini",
            "the offline default for garments: mini, and colours by name",
            frozenset({"images", "texts", "as_query"}),
        ),
        Offer(
            "fashion/blip2",
            "fieldglass_fashion.blip2.encoder:Blip2",
            "BLIP-2 for retrieval, SPRC: 32 vectors a picture, the best counts (arXiv 2301.12597)",
            frozenset({"images", "texts", "pairs"}),
        ),
        Offer(
            "fashion/fashionblip2",
            "fieldglass_fashion.blip2.fashionblip2:FashionBlip2",
            "FashionBLIP-2: adapters, and 12 heads a picture as one vector (arXiv 2507.05135)",
            frozenset({"images", "pairs"}),
        ),
    ]


@hookimpl
def fieldglass_composers():
    return [
        Offer(
            "fashion/edits",
            "fieldglass_fashion.edits.composer:AttributeEdits",
            "edits in words: without, longer, sleeveless, instead of, in green; reads all turns",
            frozenset({"history"}),
        ),
        Offer("fashion/sprc", "fieldglass_fashion.joint:Sprc", "picture and text seen together (arXiv 2312.05284)"),
        Offer(
            "fashion/fashionblip2",
            "fieldglass_fashion.joint:FashionBlip2Matching",
            "picture and text seen together, matched by 12 heads (arXiv 2507.05135)",
        ),
    ]


@hookimpl
def fieldglass_loaders():
    return [
        Offer(
            "fashion/catalogue",
            "fieldglass_fashion.loader:Catalogue",
            "a shop's export: Shopify, WooCommerce, Google Merchant, or any CSV, JSONL or Parquet",
        ),
        Offer("fashion/idx", "fieldglass_fashion.idx:Idx", "Fashion-MNIST from its IDX files"),
    ]


@hookimpl
def fieldglass_commands():
    return [Offer("fashion", "fieldglass_fashion.cli:fashion", "A shop's catalogue: products, prices, variants.")]


@hookimpl
def fieldglass_demos():
    return [Offer("garments", "fieldglass_fashion.demo:garments", "A shop of 2 000 garments of Fashion-MNIST.")]
