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
        Offer(
            "fashion/memory",
            "fieldglass_fashion.memory.composer:SessionMemory",
            "a session's turns in a trained memory, in any order (after arXiv 2308.10170)",
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
    return [Offer("fashion/garments", "fieldglass_fashion.demo:garments", "A shop of 2 000 garments of Fashion-MNIST.")]


@hookimpl
def fieldglass_benchmarks():
    place = "fieldglass_fashion.benchmarks"
    return [
        Offer("fashion/shoes", f"{place}.shoes:Shoes", "Shoes with relative captions: R@1, 10, 50 (arXiv 1805.00145)"),
        Offer("fashion/fashion200k", f"{place}.fashion200k:Fashion200k", "Fashion200k: R@k (arXiv 1708.01311)"),
        Offer("fashion/fashiongen", f"{place}.fashiongen:FashionGen", "Fashion-Gen by text: R@k (arXiv 1806.08317)"),
        Offer("fashion/inshop", f"{place}.inshop:InShop", "DeepFashion In-Shop, the same garment: R@k"),
        Offer("fashion/facap", f"{place}.facap:FACap", "FACap, six categories: R@10, R@50 (arXiv 2507.05135)"),
        Offer(
            "fashion/enh-fashioniq",
            f"{place}.fashioniq_texts:EnhFashionIQ",
            "enhFashionIQ, longer texts: R@10, R@50 (arXiv 2507.05135)",
        ),
        Offer(
            "fashion/fine-fashioniq",
            f"{place}.fashioniq_texts:FineFashionIQ",
            "Fine-FashionIQ, long texts: R@10, R@50 (FineCIR)",
        ),
        Offer(
            "fashion/multiturn-fashioniq",
            f"{place}.multiturn:MultiTurnFashionIQ",
            "Multi-turn FashionIQ: R@5, R@8 (arXiv 2106.04128)",
        ),
        Offer(
            "fashion/multiturn-shoes",
            f"{place}.multiturn:MultiTurnShoes",
            "Multi-turn Shoes: R@5, R@8 (arXiv 2308.10170)",
        ),
    ]


@hookimpl
def fieldglass_recipes():
    return [
        Offer(
            "fashion/memory",
            "fieldglass_fashion.memory.recipe:MemoryRecipe",
            "the network of the composer `fashion/memory`, on the vectors of a collection",
        ),
        Offer(
            "fashion/combiner",
            "fieldglass_fashion.combiner_recipe:FashionCombinerRecipe",
            "the network of the composer `combiner`, with SPN4CIR's negatives and multi-grained uncertainty",
        ),
        Offer(
            "fashion/blip2",
            "fieldglass_fashion.blip2.recipe:Blip2Recipe",
            "FashionBLIP-2's adapters and matching, on a BLIP-2 that stays as it is (arXiv 2507.05135)",
        ),
    ]
