"""`fieldglass chat`: a search in several turns, at the terminal or from a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fieldglass.cli.llm import llm_options, spread
from fieldglass.errors import FieldglassError, UsageError

if TYPE_CHECKING:
    from fieldglass.collection import Collection
    from fieldglass.report import Cards
    from fieldglass.session import Session

__all__ = ["chat"]

INTERRUPTED = 130


@click.command(short_help="Search in several turns: marks, words, undo.")
@click.argument("collection", type=click.Path(path_type=Path))
@click.option("--text", metavar="TEXT", help="The first turn: a sentence.")
@click.option("--image", type=click.Path(path_type=Path), help="The first turn: a picture.")
@click.option("--like", metavar="ID", help="The first turn: an item of the collection.")
@click.option("--where", metavar="SQL", help="A filter over the metadata columns.")
@click.option("-k", type=click.IntRange(1), help="How many hits a turn shows.  [default: 10]")
@click.option("--updater", metavar="NAME", help="The composer that reads all turns.  [default: rocchio]")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="An option of the updater.")
@click.option("--collapse", metavar="GROUP", help="The best item of each group alone is a hit.")
@click.option("--resume", type=click.Path(path_type=Path), help="Go on with a saved session.")
@click.option("--save", type=click.Path(path_type=Path), help="Keep the session in this file after every turn.")
@click.option("--page", type=click.Path(path_type=Path, dir_okay=False), help="Keep a page with the pictures here.")
@click.option("--open", "show", is_flag=True, help="Open that page in the browser.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON for each line read.")
@llm_options
def chat(
    collection: Path, show: bool, as_json: bool, page: Path | None, save: Path | None, cards: Cards | None = None,
    **options: Any,
) -> None:  # fmt: skip
    """Search in several turns: say what you look for, then correct it. `help` lists the commands.

    A line is a sentence to look for, or a command: `like 3, not 7`, `where price < 50`, `more`, `undo`, `save FILE`.
    From a pipe, empty lines and those that begin with # are passed over, and a line that fails does not end the
    conversation: the exit code is 1 at the end.

    \b
    Examples:
      fieldglass chat holiday.collection
      fieldglass chat holiday.collection --page hits.html --open
      fieldglass chat shop.collection --text "a summer dress" --updater chatir
      fieldglass chat shop.collection --resume dress.json
      fieldglass chat shop.collection --updater plugir --llm-url http://127.0.0.1:8080/v1 --llm-model qwen2.5
      printf 'a summer dress\nlike 3, not 7\nin red\n' | fieldglass chat shop.collection --json
    """
    import fieldglass
    from fieldglass.cli.conversation import Conversation, page_of

    page = page or (page_of(collection) if show else None)
    with fieldglass.open(collection) as opened:
        session = _session(opened, options)
        conversation = Conversation(session, page=page, save=save, as_json=as_json, cards=cards)
        failed = not conversation.begin(_first(options))
        if show and page is not None:
            click.launch(str(page.resolve()))
        try:
            for line in _typed(session) if sys.stdin.isatty() else _piped():
                try:
                    if not conversation.take(line):
                        break
                except FieldglassError as error:
                    failed = True
                    conversation.failed(error)
                except OSError as error:
                    failed = True
                    conversation.failed(UsageError(f"{error.strerror or error}: {error.filename or ''}".rstrip(": ")))
                except KeyboardInterrupt:
                    if not sys.stdin.isatty():
                        raise
                    click.echo("\ninterrupted: the session is as it was before.", err=True)
        except KeyboardInterrupt:
            click.echo(err=True)
            sys.stdout.flush()
            raise click.exceptions.Exit(INTERRUPTED) from None
        finally:
            conversation.close()
    if failed and not sys.stdin.isatty():
        raise click.exceptions.Exit(1)


def _session(collection: Collection, options: dict[str, Any]) -> Session:
    from fieldglass.options import parse
    from fieldglass.session import Session

    updater = options["updater"] or "rocchio"
    if options["resume"] is not None and options["llm_url"] + options["llm_model"]:
        from fieldglass.session.file import read

        updater = read(options["resume"], collection).updater
    (given,) = spread(options, ("composers", updater, parse(options["settings"])))
    if options["resume"] is None:
        return Session(collection, updater=updater, options=given, k=options["k"] or 10, collapse=options["collapse"])
    if options["updater"] is not None:
        raise UsageError("A session that is resumed has its updater.", hint="Leave --updater or --resume out.")
    session = Session.resume(options["resume"], collection, options=given)
    session.k = options["k"] or session.k
    session.collapse = options["collapse"] or session.collapse
    return session


def _first(options: dict[str, Any]) -> dict[str, Any]:
    return {name: options[name] for name in ("text", "image", "like", "where") if options[name] is not None}


def _typed(session: Session) -> Iterator[str]:
    """Lines from a terminal, with its history where readline is there. Ctrl-D ends, Ctrl-C interrupts."""
    import contextlib

    with contextlib.suppress(ImportError):
        import readline  # noqa: F401  click's prompt becomes one that can be edited
    click.echo("Say what you look for; `help` lists the commands.", err=True)
    while True:
        try:
            yield click.prompt(f"{len(session.turns) + 1}", default="", show_default=False, prompt_suffix="> ")
        except click.Abort as abort:
            if isinstance(abort.__context__, KeyboardInterrupt):
                raise KeyboardInterrupt from None
            click.echo(err=True)
            return


def _piped() -> Iterator[str]:
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", errors="replace")
    for line in (each.removeprefix("\ufeff").strip() for each in sys.stdin):
        if line and not line.startswith("#"):
            yield line
