"""The options that say what is looked for, shared by `search` and `explain`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fieldglass.cli.llm import llm_options, spread
from fieldglass.cli.where import areas_of, place_options
from fieldglass.errors import QueryError, UsageError

if TYPE_CHECKING:
    from fieldglass.asking import Question
    from fieldglass.collection import Collection

__all__ = ["how", "query_options", "question_of"]

_F = TypeVar("_F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--image", "images", multiple=True, metavar="FILE", help="A picture; - reads standard input. Repeatable."
    ),
    click.option("--like", "likes", multiple=True, metavar="ID", help="An item of the collection. Repeatable."),
    click.option(
        "--text", "texts", multiple=True, metavar="TEXT", help="A sentence; - reads standard input. Repeatable."
    ),
    click.option("--not-image", "not_images", multiple=True, metavar="FILE", help="A picture to keep away from."),
    click.option("--not-like", "not_likes", multiple=True, metavar="ID", help="An item to keep away from."),
    click.option("--not-text", "not_texts", multiple=True, metavar="TEXT", help="A sentence to keep away from."),
    click.option("--domain", "domains", multiple=True, metavar="TEXT", help="The same in another style: `a sketch`."),
    click.option("--description", "descriptions", multiple=True, metavar="TEXT", help="What the pictures show."),
    click.option("--place", metavar="LAT,LON", help="A place in degrees, 48.2,16.4."),
    click.option("--composer", metavar="NAME", help="How the parts are joined; `fieldglass list composers`."),
    click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="An option of the composer."),
    click.option("--where", metavar="SQL", help="A filter over the metadata columns."),
    *place_options,
    click.option("--only", type=click.Path(path_type=Path), metavar="FILE", help="Search among these ids, one a line."),
    click.option("--exclude", multiple=True, metavar="ID", help="An item that is no hit. Repeatable."),
    click.option(
        "--exclude-group", metavar="GROUP", help="Items that share this group with a query picture are no hits."
    ),
    click.option("--exclude-self", is_flag=True, help="The query pictures themselves are no hits."),
    click.option("--item", metavar="ID", help="The item to take of a query file that holds several."),
    click.option(
        "--calibrate",
        type=click.Choice(["all", "matches"]),
        default="all",
        show_default=True,
        help="Statistics over all items, or over those the filter leaves.",
    ),
    click.option("--rerank", metavar="NAME", help="Reorder the first hits; `fieldglass list rerankers`."),
    click.option("--rerank-set", "rerank_settings", multiple=True, metavar="NAME=VALUE", help="Its option."),
    click.option("--rerank-required", is_flag=True, help="Fail where it cannot be asked, instead of saying so."),
)


def query_options(command: _F) -> _F:
    """Adds the options of a query to a command."""
    command = llm_options(command)
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def how(options: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords of `Collection.answer` among the options of a query."""
    from fieldglass.options import parse

    composer_options, rerank_options = spread(
        options,
        ("composers", options["composer"], parse(options["settings"])),
        ("rerankers", options["rerank"], parse(options["rerank_settings"], "--rerank-set")),
    )
    return {
        "composer": options["composer"],
        "options": composer_options,
        "calibrate": options["calibrate"],
        "rerank": options["rerank"],
        "rerank_options": rerank_options,
        "rerank_required": options["rerank_required"],
    }


def question_of(collection: Collection, options: Mapping[str, Any]) -> Question:
    """The question that the options of a command ask. QueryError where they ask nothing."""
    if not any(options[name] for name in ("images", "likes", "texts", "domains", "place")):
        raise QueryError(
            "Nothing is asked.",
            hint="Give --image FILE, --like ID, --text TEXT or --place LAT,LON, or several of them.",
        )
    return collection.ask(
        image=[_picture(each) for each in options["images"]],
        like=options["likes"],
        text=[_text(each) for each in options["texts"]],
        not_image=[_picture(each) for each in options["not_images"]],
        not_like=options["not_likes"],
        not_text=options["not_texts"],
        domain=[_text(each) for each in options["domains"]],
        description=[_text(each) for each in options["descriptions"]],
        place=place_of(options["place"]),
        **rules(options),
    )


def rules(options: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords of `Collection.ask` that say among what is looked."""
    return {
        "where": [options["where"], *areas_of(options), *options.get("filters", ())],  # `filters`: those of a plugin
        "only": _ids(options["only"]),
        "exclude": options["exclude"],
        "exclude_group": options["exclude_group"],
        "exclude_self": options["exclude_self"],
        "item": options["item"],
    }


def place_of(text: str | None) -> tuple[float, float] | None:
    """ "48.2,16.4" -> (48.2, 16.4)."""
    if not text:
        return None
    try:
        latitude, longitude = map(float, text.split(","))
    except ValueError:
        raise UsageError(f"--place takes LAT,LON in degrees, not {text!r}.") from None
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 360):
        raise UsageError(f"--place {text!r} is not on the globe.", hint="Latitude comes first, then longitude.")
    return latitude, longitude


def _picture(given: str) -> str | bytes:
    if given != "-":
        return given
    data = sys.stdin.buffer.read()
    if not data:
        raise QueryError("Standard input is empty.", hint="Pipe a picture in, or give --image FILE.")
    return data


def _text(given: str) -> str:
    text = sys.stdin.read() if given == "-" else given
    if not text.strip():
        raise QueryError("The sentence is empty.")
    return text.strip()


def _ids(path: Path | None) -> list[str] | None:
    if path is None:
        return None
    if str(path) == "-":
        return [line for line in sys.stdin.read().splitlines() if line]
    if not path.is_file():
        raise UsageError(f"There is no file {str(path)!r} of ids.")
    return [line for line in path.read_text(encoding="utf-8-sig").splitlines() if line]
