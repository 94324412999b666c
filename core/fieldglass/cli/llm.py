"""`--llm-url` and its like for the commands that may ask a language model, and `fieldglass llm`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

import click

from fieldglass.cli.output import bytes_text, echo_json, format_option
from fieldglass.errors import UsageError

if TYPE_CHECKING:
    from fieldglass.llm import Usage

__all__ = ["llm", "llm_options", "spread"]

_F = TypeVar("_F", bound=Callable[..., Any])
_URL = click.option("--llm-url", default="", metavar="URL", help="A language model's endpoint; or FIELDGLASS_LLM_URL.")
_MODEL = click.option("--llm-model", default="", metavar="NAME", help="Its name there; or FIELDGLASS_LLM_MODEL.")
_PRICE = click.option("--llm-price", metavar="IN,OUT", help="What a million tokens cost, to report the cost.")


def llm_options(command: _F) -> _F:
    """Adds --llm-url, --llm-model and --llm-price; the command gets `llm_url` and `llm_model`, "" where not given.

    What language models were asked meanwhile is reported on standard error.
    """

    @wraps(command)
    def reporting(*arguments: Any, llm_price: str | None, **options: Any) -> Any:
        from_here, price = _total(), None
        if llm_price is not None:
            from fieldglass.llm import Price

            price = Price.parse(llm_price)
        try:
            return command(*arguments, **options)
        finally:
            used = _total()
            spent = used if used is None or from_here is None else used.since(from_here)
            if spent is not None and (spent.asked or spent.failed):
                click.echo(f"language model: {spent.report(price)}", err=True)

    return _URL(_MODEL(_PRICE(reporting)))  # type: ignore[return-value]


def spread(options: Mapping[str, Any], *offers: tuple[str, str | None, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The options of each offer (kind, name, options), with --llm-url and --llm-model where it takes them.

    A composer inside another gets them by its settings.

    UsageError where they were given and no offer takes them.
    """
    given = {name: options[name] for name in ("llm_url", "llm_model") if options.get(name)}
    if not given:
        return [dict(own) for _, _, own in offers]
    found = [(dict(own), False) if name is None else _asking(kind, name, own, given) for kind, name, own in offers]
    taken = any(takes for _, takes in found)
    if not taken:
        raise UsageError(
            "Nothing that --llm-url and --llm-model were given for asks a language model.",
            hint="--composer cirevl, --updater plugir and --rerank llm do, and composers around them (pdv, blend).",
        )
    return [each for each, _ in found]


def _asking(kind: str, name: str, own: Mapping[str, Any], given: Mapping[str, str]) -> tuple[dict[str, Any], bool]:
    """The options with the endpoint, where the offer or a composer inside it takes it, and whether one does."""
    from fieldglass.options import options_of
    from fieldglass.registry import registry

    known = options_of(registry().factory(kind, name))
    if "llm_url" in known:
        return {**given, **own}, True
    found, taken = dict(own), False
    for option in known:
        settings = f"{option}_settings"
        inner = own.get(option, known[option].default)
        if settings not in known or not isinstance(inner, str) or not inner:
            continue
        if "llm_url" in options_of(registry().factory("composers", inner)):
            told = ";".join(f"{key}={value}" for key, value in given.items())
            found[settings] = ";".join(part for part in (told, str(own.get(settings, ""))) if part)
            taken = True
    return found, taken


def _total() -> Usage | None:
    """None as long as nobody has imported what asks."""
    module = sys.modules.get("fieldglass.llm")
    return module.total() if module is not None else None


@click.group()
def llm() -> None:
    """Check a language model's endpoint, and see or forget its answers that are kept on this machine.

    The key comes from the environment variable FIELDGLASS_LLM_KEY alone.

    \b
    Examples:
      fieldglass llm check --llm-url http://127.0.0.1:8080/v1 --llm-model qwen2.5-vl
      fieldglass llm kept
      fieldglass llm forget
    """


@llm.command()
@llm_options
def check(llm_url: str, llm_model: str) -> None:
    """Ask one question in words and one about a picture; nothing of a collection is sent."""
    from PIL import Image

    from fieldglass.errors import EndpointError
    from fieldglass.llm import LanguageModel
    from fieldglass.rerankers.grid import as_jpeg

    model = LanguageModel(llm_url, llm_model, keep=False)
    where = "on this machine" if model.local else "on another machine"
    said = model.ask("Answer with the word yes.", max_tokens=300)
    click.echo(f"{model.model} at {model.url}, {where}: it answers {said.text[:80]!r}")
    red = as_jpeg(Image.new("RGB", (64, 64), (220, 20, 20)))
    try:
        seen = model.ask(["Which colour is this picture? Answer with one word.", red], max_tokens=300)
    except EndpointError as error:
        click.echo(f"it takes no pictures: {error.message}")
    else:
        click.echo(f"shown a red picture, it answers {seen.text[:80]!r}")


@llm.command("kept")
@format_option
def kept_(form: str) -> None:
    """How many answers are kept, and where."""
    from fieldglass.llm import kept

    answers, size = kept.size()
    if form == "json":
        echo_json({"folder": str(kept.folder()), "answers": answers, "bytes": size})
    else:
        click.echo(f"{answers} answers, {bytes_text(size)}, in {kept.folder()}")


@llm.command()
def forget() -> None:
    """Remove all answers that are kept."""
    from fieldglass.llm import kept

    click.echo(f"forgot {kept.forget()} answers")
