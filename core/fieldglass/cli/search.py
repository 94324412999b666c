"""`fieldglass search`: one query from options, or many from a file."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fieldglass.cli.query import how, query_options, question_of
from fieldglass.errors import UsageError

if TYPE_CHECKING:
    from fieldglass.collection import Collection
    from fieldglass.result import SearchResult

__all__ = ["FORMS", "give", "run", "search"]

_LONG = 120  # characters of a cell: longer text is left out of tables for a pipe
_WIDE = 32  # and of those for a terminal
FORMS = ["table", "json", "html", "map", "csv", "geojson", "kml", "geoparquet", "gpkg"]


@click.command(short_help="Search with a picture, a sentence, or both.")
@click.argument("collection", type=click.Path(path_type=Path))
@query_options
@click.option("-k", type=click.IntRange(1), default=10, show_default=True, help="How many hits.")
@click.option("--min-score", type=float, help="Leave out hits below this score.")
@click.option("--collapse", metavar="GROUP", help="The best item alone of each value of a group column.")
@click.option("--index", default="auto", show_default=True, metavar="NAME", help="`exact` compares every item.")
@click.option("--queries", type=click.Path(path_type=Path), help="CSV or JSONL of queries; JSON lines or a page.")
@click.option(
    "--format", "form", type=click.Choice(FORMS),
    help="By default a table, or what the suffix of --out says.",
)  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file.")
@click.option("--open", "show", is_flag=True, help="Write a page and open it in the browser.")
def search(
    collection: Path, form: str | None, out: Path | None, show: bool, queries: Path | None, **options: Any
) -> None:
    """Search a collection with a picture, a sentence, or both.

    `-` reads the picture from standard input (`--image -`) or the sentence (`--text -`).
    Without --composer a picture alone is compared by `image`, a sentence alone by `text`, both by `weicom`.

    \b
    Examples:
      fieldglass search holiday.collection --text "a dog on a beach"
      fieldglass search holiday.collection --image dog.jpg --text "in the snow" -k 20 --open
      fieldglass search holiday.collection --like 2019/IMG_4711.jpg --exclude-self --where "taken >= '2018-06-01'"
      fieldglass search shop.collection --image red.jpg --text "a longer dress" --set text_weight=0.7
      fieldglass search shop.collection --text "boots" --rerank llm \\
          --llm-url http://127.0.0.1:8080/v1 --llm-model qwen2.5-vl
      fieldglass search art.collection --image horse.jpg --domain "an oil painting" --composer freedom
      fieldglass search art.collection --image a.jpg --description "a horse" --text "with a rider" --composer cirevl
      fieldglass search shop.collection --text "boots" --not-text "leather" --format json
      fieldglass search scenes.collection --text "a harbour" --bbox 3,51,7,54 --out harbours.geojson
      fieldglass search scenes.collection --text "a harbour" --aoi delta.gpkg --where "cloud < 0.2" --format map --open
      curl -s https://example.org/cat.jpg | fieldglass search holiday.collection --image -
      fieldglass search shop.collection --image red.jpg --rerank superglobal --rerank-set m=100
      fieldglass search shop.collection --queries queries.csv --out hits.jsonl
    """
    run(collection, form, out, show, queries, options)


def run(
    collection: Path,
    form: str | None,
    out: Path | None,
    show: bool,
    queries: Path | None,
    options: dict[str, Any],
    also: Callable[[SearchResult], None] | None = None,
) -> None:
    """What `search` does with its options; a plugin's own search gives them too, and `also` sees the result."""
    import fieldglass

    if show:
        form, out = form if form in ("html", "map") else "html", out or _page_file(collection)
    form = form or _form(out)
    asked = {name: options.pop(name) for name in ("k", "min_score", "collapse", "index")}
    with fieldglass.open(collection) as opened:
        if queries is not None:
            _write(_many(opened, queries, form, options, {**how(options), **asked}), out)
        else:
            (result,) = opened.answer([question_of(opened, options)], **how(options), **asked)
            give(result, form, out)
            if also is not None:
                also(result)
            if form != "json" and not (form == "table" and out is None):
                _notes(result)
    if show and out is not None:
        click.launch(str(out.resolve()))


def give(result: SearchResult, form: str, out: Path | None) -> None:
    """Print a result, or write it to a file. UsageError where a format is no text and has no file."""
    from fieldglass.report.files import BINARY, save, text_of

    if form == "table" and out is None:
        _table(result)
    elif form == "table":
        _write("rank\tscore\tid\n" + "".join(f"{hit.rank}\t{hit.score:.4f}\t{hit.id}\n" for hit in result), out)
    elif form in BINARY:
        if out is None or str(out) == "-":
            raise UsageError(f"--format {form} needs a file.", hint="Say --out FILE.")
        save(result, out, form)
        click.echo(f"wrote {out}", err=True)
    else:
        _write(text_of(result, form), out)


def _form(out: Path | None) -> str:
    from fieldglass.report.files import form_of

    return (form_of(out) if out else None) or "table"


def _many(collection: Collection, queries: Path, form: str, options: dict[str, Any], asked: dict[str, Any]) -> str:
    from fieldglass.cli.batch import answer_file, json_lines
    from fieldglass.report import map_page, page

    answers = answer_file(collection, queries, options, asked)
    results, title = [result for _, result in answers], f"{len(answers)} queries of {queries.name}"
    if form == "html":
        return page(results, title=title)
    if form == "map":
        return map_page(results, title=title)
    if form not in ("table", "json"):
        raise UsageError(f"--format {form} holds the hits of one query.", hint="Many become JSON lines, html or map.")
    return json_lines(answers)


def _write(text: str, out: Path | None) -> None:
    if out is None or str(out) == "-":
        click.echo(text, nl=False)
        return
    out.write_text(text, encoding="utf-8")
    click.echo(f"wrote {out}", err=True)


def _page_file(collection: Path) -> Path:
    import tempfile

    return Path(tempfile.mkdtemp(prefix="fieldglass-")) / f"{collection.resolve().stem}.html"


def _table(result: SearchResult) -> None:
    from fieldglass.cli.output import echo_table

    names = _columns(result)
    echo_table(
        ["rank", "score", "id", *names],
        (
            [hit.rank, f"{hit.score:.4f}", hit.id, *(_cell(name, hit.metadata.get(name)) for name in names)]
            for hit in result
        ),
        title=str(result.asked),
        right="rank score",
    )
    if not result.hits:
        click.echo("Nothing was found.", err=True)
    _notes(result)


def _cell(name: str, value: Any) -> Any:
    """A value for a table; four digits are too few for a coordinate."""
    return f"{value:.5f}" if name in ("lat", "lon") and isinstance(value, float) else value


def _columns(result: SearchResult) -> list[str]:
    """The columns that a table has: no long text, such as outlines; in a terminal those that have room.

    There, what differs from hit to hit comes first. JSON, CSV and HTML have all.
    """
    from fieldglass.cli.output import cell_text

    whole = sys.stdout.isatty()
    rows = [hit.details if whole else hit.metadata for hit in result]
    cells = {name: [cell_text(row.get(name)) for row in rows] for name in dict.fromkeys(n for row in rows for n in row)}
    widths = {name: max(map(len, (name, *texts))) for name, texts in cells.items()}
    if not whole:
        return [name for name, width in widths.items() if width <= _LONG]
    room = shutil.get_terminal_size().columns - 14 - max((len(hit.id) for hit in result), default=0)
    names = []
    for name in sorted(widths, key=lambda each: len(set(cells[each])) == 1):
        if widths[name] <= _WIDE and (room := room - widths[name] - 2) >= 0:
            names.append(name)
    return names


def _notes(result: SearchResult) -> None:
    for note in result.notes:
        click.echo(f"note: {note}", err=True)
