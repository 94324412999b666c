"""`fieldglass fashion session`: a search in several turns that understands edits of garments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fieldglass.cli.chat import chat
from fieldglass_fashion.cli.asking import PRODUCT

__all__ = ["UPDATER", "base_of", "has_products", "session"]

UPDATER, BASE = "rocchio", "fashion/edits"


@click.command(short_help="Search in several turns: 'in green', 'without a belt', marks, undo.")
@click.pass_context
def session(context: click.Context, collection: Path, **options: Any) -> None:
    """Search in several turns: `fieldglass chat` that understands edits. `help` lists the commands.

    A line says what to change: "in green", "sleeveless, without a belt", "longer instead of short". Turns add up;
    a later one overrules what it contradicts, so that "in green" after "a red dress" is a green dress. Marks
    (`like 3, not 7`) move the search, filters (`where price < 50`) hold from then on. A product is one hit, and one
    that was refused is gone with all its pictures.

    --updater takes any composer that reads a history: fashion/memory with a network that `fieldglass train
    fashion/memory` made, or decayed, in which earlier turns count less.

    \b
    Examples:
      fieldglass fashion session shop.collection
      fieldglass fashion session shop.collection --text "a red dress" --save dress.json --page hits.html --open
      fieldglass fashion session shop.collection --resume dress.json
      fieldglass fashion session shop.collection --updater fashion/memory --set weights=run/memory.pt
      printf 'a red dress\\nin green, without a belt\\nlike 2\\n' | fieldglass fashion session shop.collection --json
    """
    if options["resume"] is None:
        if options["updater"] is None:
            options["updater"] = UPDATER
            if not any(each.partition("=")[0] == "base" for each in options["settings"]):
                options["settings"] = (*base_of(collection), *options["settings"])
        if options["collapse"] is None and has_products(collection):
            options["collapse"] = PRODUCT
    from fieldglass_fashion.page import shop

    context.invoke(chat, collection=collection, cards=shop(), **options)


session.params = list(chat.params)


def base_of(collection: Path) -> tuple[str, ...]:
    """The settings of the updater: edits, or the turns' pictures where the encoder reads no sentences by themselves."""
    import fieldglass
    from fieldglass.registry import registry

    with fieldglass.open(collection) as opened:
        offer = registry().offers("encoders").get(opened.field.encoder)
    able = offer.provides if offer is not None else frozenset({"texts"})
    if "texts" in able:
        return (f"base={BASE}",)
    return ("base=decayed", *(("base_settings=base=fashion/fashionblip2",) if "pairs" in able else ()))


def has_products(collection: Path) -> bool:
    """Whether its items belong to products, as those of a catalogue do."""
    import fieldglass

    with fieldglass.open(collection) as opened:
        return PRODUCT in opened.store.snapshot().columns
