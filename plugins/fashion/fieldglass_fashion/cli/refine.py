"""`fieldglass fashion refine`: one step of a search, beginning a session or going on with a saved one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fieldglass.errors import UsageError
from fieldglass_fashion.cli.asking import PRODUCT, write_page
from fieldglass_fashion.cli.session import UPDATER, base_of, has_products

if TYPE_CHECKING:
    from fieldglass.result import SearchResult
    from fieldglass.session import Session

__all__ = ["refine"]

_FORMS = ["table", "json", "html", "csv"]


@click.command(short_help="One step: change what was found, on a saved session or from a picture.")
@click.argument("collection", type=click.Path(path_type=Path))
@click.option(
    "--session",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The session: read where it is there, written after the step.",
)
@click.option("--change", "--text", "text", metavar="TEXT", help="What to change: 'longer, in green, no belt'.")
@click.option("--image", type=click.Path(path_type=Path), help="A picture.")
@click.option("--like", multiple=True, metavar="N|ID", help="More like a hit by its number, or an item by id.")
@click.option("--not-like", multiple=True, metavar="N|ID", help="Not this hit, nor its product.")
@click.option("--where", metavar="SQL", help="A filter from now on; '' lifts it.")
@click.option("--undo", is_flag=True, help="Take the last step back instead.")
@click.option("-k", type=click.IntRange(1), help="How many hits.  [default: 10, or that of the session]")
@click.option("--updater", metavar="NAME", help="For a new session: the composer that reads all turns.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="An option of the updater.")
@click.option("--format", "form", type=click.Choice(_FORMS), help="table; by the suffix of --out where that is given.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the hits there.")
def refine(collection: Path, file: Path | None, form: str | None, out: Path | None, **options: Any) -> None:
    """One step of a search: what to change, as a sentence, a picture, marks or a filter.

    With --session the step goes on from those before it, and the file is written again; without it, or where the
    file is not there yet, it is the first. A program that keeps one file for each of its users has sessions.

    \b
    Examples:
      fieldglass fashion refine shop.collection --image look.jpg --change "sleeveless, in green instead of red"
      fieldglass fashion refine shop.collection --session ann.json --text "a red dress"
      fieldglass fashion refine shop.collection --session ann.json --change "without a belt" --like 2 --not-like 5
      fieldglass fashion refine shop.collection --session ann.json --where "price < 80" --format json
      fieldglass fashion refine shop.collection --session ann.json --undo
    """
    import fieldglass
    from fieldglass.cli.search import give
    from fieldglass.report.files import form_of

    with fieldglass.open(collection) as opened:
        session = _session(opened, collection, file, options)
        found = session.undo() if options["undo"] else _step(session, options)
        if file is not None:
            session.save(file)
        if found is None:
            click.echo("back at the beginning", err=True)
            return
        form = form or (form_of(out) if out else None) or "table"
        if form == "html":
            write_page(opened, found, out, session.query)
        else:
            give(found, form, out)
        if form not in ("json", "table"):
            for note in found.notes:
                click.echo(f"note: {note}", err=True)


def _session(opened: Any, collection: Path, file: Path | None, options: dict[str, Any]) -> Session:
    from fieldglass.options import parse
    from fieldglass.session import Session

    given = parse(options["settings"])
    if file is not None and file.exists():
        if options["updater"] is not None:
            raise UsageError(f"{file} has its updater.", hint="Leave --updater out, or name another file.")
        session = Session.resume(file, opened, options=given)
        session.k = options["k"] or session.k
        return session
    if options["undo"]:
        raise UsageError("There is nothing to undo.", hint="Name the session: --session FILE.")
    if options["updater"] is None:
        given = {**parse(base_of(collection)), **given}
    collapse = PRODUCT if has_products(collection) else None
    return Session(
        opened, updater=options["updater"] or UPDATER, options=given, k=options["k"] or 10, collapse=collapse
    )


def _step(session: Session, options: dict[str, Any]) -> SearchResult:
    said = {name: options[name] for name in ("text", "image", "where") if options[name] is not None}
    like, away = (tuple(_mark(each, session) for each in options[name]) for name in ("like", "not_like"))
    if session.turns:
        return session.refine(like=like, not_like=away, **said)
    numbered = [each for each in (*like, *away) if isinstance(each, int)]
    if numbered or away:
        raise UsageError("There are no hits yet to mark.", hint="Name an item by its id with --like, or give a text.")
    return session.start(like=[str(each) for each in like], **said)


def _mark(text: str, session: Session) -> int | str:
    """The number of a hit, or an id: an article number that is both is the id before there are hits."""
    return int(text) if text.isdecimal() and 1 <= int(text) <= len(session.hits) else text
