"""`fieldglass fashion`: its commands by name and one line; each lies in a file of its own."""

from __future__ import annotations

import click

from fieldglass.cli.lazy import CommandTable

__all__ = ["COMMANDS", "fashion"]

COMMANDS = {
    "audit": ("fieldglass_fashion.cli.audit:audit", "What is missing, double or unreadable in a catalogue."),
    "export-clicks": ("fieldglass_fashion.cli.export_clicks:export_clicks", "Make a benchmark of a click log."),
    "fetch": ("fieldglass_fashion.cli.fetch:fetch", "Bring the pictures of a feed here."),
    "index": ("fieldglass_fashion.cli.index:index", "Take a catalogue into a collection."),
    "search": ("fieldglass_fashion.cli.search:search", "Search products by words, by picture, or by both."),
    "similar": ("fieldglass_fashion.cli.similar:similar", "Products that look like one, or like a picture."),
    "refine": ("fieldglass_fashion.cli.refine:refine", "One step: change what was found."),
    "session": ("fieldglass_fashion.cli.session:session", "Search in several turns that understand edits."),
    "pairs": ("fieldglass_fashion.cli.pairs:pairs", "Pairs of products that differ in something one could say."),
    "caption-pairs": (
        "fieldglass_fashion.cli.caption_pairs:caption_pairs",
        "Texts that lead from one product to another.",
    ),
    "eval": ("fieldglass_fashion.cli.eval:evaluate", "Run a benchmark of fashion."),
}


@click.group(cls=CommandTable, table=COMMANDS, short_help="A shop's catalogue: products, prices, variants.")
def fashion() -> None:
    """Search a shop's catalogue: products, not pictures, are the hits.

    \b
    Examples:
      fieldglass fashion index export.csv --to shop.collection
      fieldglass fashion search shop.collection --text "a red dress" --where "price < 80"
      fieldglass fashion similar shop.collection 4711 -k 5
    """
