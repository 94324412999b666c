"""What the commands that search products share: the filters of a shop, hits that are products, a shop's page."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fieldglass.cli.query import how, question_of
from fieldglass.cli.search import give
from fieldglass.cli.search import search as core_search

if TYPE_CHECKING:
    from fieldglass.asking import Question
    from fieldglass.collection import Collection
    from fieldglass.result import SearchResult
    from fieldglass.types import Query

__all__ = ["answer", "product_options", "question_with_filters", "write_page"]

PRODUCT = "product"
FILTERS = ("min_price", "max_price", "currency", "category", "size", "color", "brand", "in_stock", "keep_missing")
_OPTIONS = (
    click.option("--min-price", type=float, metavar="N", help="The least price."),
    click.option("--max-price", type=float, metavar="N", help="The highest price."),
    click.option("--currency", default="", metavar="EUR", help="Of prices; needed where there are several."),
    click.option("--category", default="", metavar="NAME", help="A category, or any below it."),
    click.option("--size", default="", metavar="SIZE", help="This size."),
    click.option("--color", default="", metavar="NAME", help="This colour, as the catalogue names it."),
    click.option("--brand", default="", metavar="NAME", help="This brand."),
    click.option("--in-stock", is_flag=True, help="What is in stock alone."),
    click.option("--keep-missing", is_flag=True, help="Keep what has no price where a price is asked for."),
)


def product_options(command: click.Command, *without: str) -> click.Command:
    """Adds the filters of a shop and the options of `fieldglass search` to a command, but those named."""
    for option in reversed(_OPTIONS):
        option(command)
    own = {each.name for each in command.params}
    command.params += [each for each in core_search.params if each.name not in (*without, *own, "queries")]
    return command


def answer(collection: Path, options: dict[str, Any]) -> None:
    """Search and print; a product is one hit, shown by its best picture, unless --collapse says otherwise."""
    import fieldglass
    from fieldglass.report.files import form_of

    form, out, show = options.pop("form"), options.pop("out"), options.pop("show")
    if show:
        form, out = "html", out or Path(tempfile.mkdtemp(prefix="fieldglass-")) / f"{collection.resolve().stem}.html"
    form = form or (form_of(out) if out else None) or "table"
    asked = {name: options.pop(name) for name in ("k", "min_score", "collapse", "index")}
    with fieldglass.open(collection) as opened:
        asked["collapse"] = asked["collapse"] or _product(opened)
        question = question_with_filters(opened, options)
        (result,) = opened.answer([question], **how(options), **asked)
        if form == "html":
            write_page(opened, result, out, question.query)
        else:
            give(result, form, out)
        if form != "json" and not (form == "table" and out is None):
            for note in result.notes:
                click.echo(f"note: {note}", err=True)
    if show and out is not None:
        click.launch(str(out.resolve()))


def question_with_filters(collection: Collection, options: dict[str, Any]) -> Question:
    """The question of the options, with the filters of a shop among its conditions; those leave `options`."""
    from fieldglass_fashion.conditions import Wanted, condition, in_words

    wanted, where = Wanted(**{name: options.pop(name) for name in FILTERS}), options["where"]
    options["where"] = condition(wanted, collection.store.snapshot(), where)
    question = question_of(collection, options)
    return replace(question, asked=replace(question.asked, filters=in_words(wanted, where)))


def write_page(collection: Collection, result: SearchResult, out: Path | None, query: Query | None = None) -> None:
    """Write the shop's page, or print it. Of a query that is known it tells why each product is there."""
    from fieldglass.report import page
    from fieldglass_fashion.page import shop

    written = page([result], title=str(result.asked) or "Products", **shop().shown(collection, [result], [query]))
    if out is None or str(out) == "-":
        click.echo(written, nl=False)
        return
    out.write_text(written, encoding="utf-8")
    click.echo(f"wrote {out}", err=True)


def _product(collection: Collection) -> str | None:
    return PRODUCT if PRODUCT in collection.store.snapshot().columns else None
