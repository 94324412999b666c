"""Writes the page: everything escaped, thumbnails as data URIs, one style sheet, no script."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from fieldglass.report.document import document
from fieldglass.report.markup import image, text
from fieldglass.result import Asked, Hit, Picture, SearchResult

if TYPE_CHECKING:
    from fieldglass.collection import Collection
    from fieldglass.types import Query

__all__ = ["Cards", "fragment", "page"]

_SHOWN = 4  # metadata columns of a card before "more"


@dataclass(frozen=True)
class Cards:
    """How a domain shows its hits: `of` gives one `<li>` a hit, everything in it escaped; `style` is its style sheet.

    The query is None where only its result is known.
    """

    of: Callable[[Collection, SearchResult, Query | None], Iterable[str]]
    style: str = ""

    def shown(
        self, collection: Collection, results: Sequence[SearchResult], queries: Sequence[Query | None]
    ) -> dict[str, Any]:
        """The keywords `cards` and `style` of `page`, for results and the query of each."""
        of = [self.of(collection, result, query) for result, query in zip(results, queries, strict=True)]
        return {"cards": of, "style": self.style}


def page(
    results: Sequence[SearchResult],
    *,
    title: str = "",
    intro: str = "",
    reload: int = 0,
    cards: Sequence[Iterable[str]] | None = None,
    style: str = "",
) -> str:
    """Results of one or several queries as an HTML document.

    :param reload: seconds after which it reloads itself; 0: never.
    :param cards: of each result the `<li>` of its hits, instead of those that show all metadata.
    :param style: added to the page's own style sheet.
    """
    name = title or (str(results[0].asked) if len(results) == 1 else "") or "Search"
    several = len(results) > 1
    head = f"<h1>{text(title or 'Fieldglass')}</h1>" + (f'<p class="intro">{text(intro)}</p>' if intro else "")
    contents = _contents(results) if several else ""
    shown = [_cards(result.hits) for result in results] if cards is None else cards
    numbered = enumerate(zip(results, shown, strict=True), 1)
    body = "\n".join(_section(result, each, number, several) for number, (result, each) in numbered)
    parts = f"""<header class="top">{head}{contents}</header>
<main>
{body}
</main>
<footer>Written by Fieldglass. This page is one file and asks nothing of any other host.</footer>
"""
    return document(parts, title=name, style=_style() + style, kind="fieldglass", reload=reload)


def fragment(result: SearchResult) -> str:
    """The same for a notebook cell: a style sheet that touches nothing else, and one section."""
    return f'<style>{_style()}</style><div class="fieldglass">{_section(result, _cards(result.hits), 1, False)}</div>'


@cache
def _style() -> str:
    return files("fieldglass.report").joinpath("page.css").read_text(encoding="utf-8")


def _contents(results: Sequence[SearchResult]) -> str:
    links = "".join(f'<li><a href="#q{n}">{text(str(result.asked))}</a></li>' for n, result in enumerate(results, 1))
    return f'<nav aria-label="Queries"><ol>{links}</ol></nav>'


def _section(result: SearchResult, cards: Iterable[str], number: int, several: bool) -> str:
    listed = "\n".join(cards)
    found = f'<ol class="grid" role="list">{listed}</ol>' if result.hits else '<p class="none">Nothing was found.</p>'
    notes = "".join(f"<li>{text(note)}</li>" for note in result.notes)
    return (
        f'<section id="q{number}" aria-label="Results of query {number}">{_query(result.asked)}'
        f'<p class="how">{_how(result, several)}</p>'
        + (f'<ul class="notes">{notes}</ul>' if notes else "")
        + f"{found}</section>"
    )


def _query(asked: Asked) -> str:
    pictures = "".join(map(_asked_picture, asked.pictures))
    texts = "".join(
        f'<blockquote class="{_role(each.role)}">{text(each.text)}</blockquote>'
        + (f'<span class="role">{text(each.role)}</span>' if each.role != "modification" else "")
        for each in asked.texts
    )
    place = f"<p>near {asked.place[0]:.5f}, {asked.place[1]:.5f}</p>" if asked.place else ""
    limits = text(asked.filters) or (f"where <code>{text(asked.where)}</code>" if asked.where else "")
    where = f'<p class="where">{limits}</p>' if limits else ""
    plus = '<span class="plus" aria-hidden="true">+</span>' if pictures and (texts or place) else ""
    words = f'<div class="words">{texts}{place}{where}</div>' if texts or place or where else ""
    return f'<div class="query"><h2 class="unseen">Query</h2><div class="parts">{pictures}{plus}{words}</div></div>'


def _asked_picture(picture: Picture) -> str:
    shown = image(picture.preview, f"Query picture {picture.name}")
    role = f'<span class="role">{text(picture.role)}</span> ' if picture.role != "reference" else ""
    return f'<figure class="{_role(picture.role)}">{shown}<figcaption>{role}{text(picture.name)}</figcaption></figure>'


def _role(role: str) -> str:
    return "negative" if role == "negative" else "asked"


def _how(result: SearchResult, several: bool) -> str:
    count = f"{len(result.hits)} hit{'' if len(result.hits) == 1 else 's'}"
    if result.matched is not None:
        count += f" of {result.matched:,} that match the filter"
    parts = [count, f"composer {result.composer}", f"encoder {result.encoder}"]
    parts += [f"re-ranked by {result.reranker}"] if result.reranker else []
    parts += [] if several else [PurePath(result.collection).name]
    parts += ["every item compared" if result.exact else "by an index"]
    parts += [] if several else [f"searched in {_time(_searching(result.elapsed_ms))}"]
    return " · ".join(f"<span>{text(part)}</span>" for part in parts)


def _searching(elapsed_ms: Mapping[str, float]) -> float:
    """Without reading and encoding the query, where a cold start has the models loaded."""
    return sum(spent for step, spent in elapsed_ms.items() if step not in ("read", "compose", "total"))


def _time(spent_ms: float) -> str:
    return f"{spent_ms:.0f} ms" if spent_ms < 1000 else f"{spent_ms / 1000:.1f} s"


def _cards(hits: Sequence[Hit]) -> Iterator[str]:
    scores = [hit.score for hit in hits]
    low, high = min(0.0, *scores, 0.0), max(scores, default=0.0)
    for hit in hits:
        share = (hit.score - low) / (high - low) if high > low else 0.0
        yield (
            f'<li class="card"><figure>{image(hit.thumbnail, f"Hit {hit.rank}: {hit.id}")}'
            f'<span class="rank"><span class="unseen">Rank </span>{hit.rank or "★"}</span>'
            f'<figcaption><span class="id" title="{text(hit.id)}">{_broken(hit.id)}</span>'
            f'<span class="score"><svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">'
            f'<rect class="rail" width="100" height="4"/><rect class="bar" width="{100 * share:.1f}" height="4"/></svg>'
            f'<data value="{hit.score!r}">{hit.score:.3f}</data></span>'
            f"{_metadata(hit.details)}</figcaption></figure></li>"
        )


def _metadata(metadata: Mapping[str, Any]) -> str:
    rows = [f"<div><dt>{text(name)}</dt><dd>{text(_value(value))}</dd></div>" for name, value in metadata.items()]
    if not rows:
        return ""
    if len(rows) <= _SHOWN + 1:
        return f"<dl>{''.join(rows)}</dl>"
    rest = f"<details><summary>{len(rows) - _SHOWN} more</summary><dl>{''.join(rows[_SHOWN:])}</dl></details>"
    return f"<dl>{''.join(rows[:_SHOWN])}</dl>{rest}"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _broken(id: str) -> str:
    """An id that may break after its separators."""
    return text(id).replace("/", "/<wbr>").replace("_", "_<wbr>")
