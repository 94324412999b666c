"""A session written down: for people, or for programs."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from fieldglass.errors import UsageError
from fieldglass.result import Hit, SearchResult
from fieldglass.session.turn import Turn, asked_of

if TYPE_CHECKING:
    from fieldglass.session.session import Session

__all__ = ["said", "transcript"]

_ESCAPED = str.maketrans({character: f"\\{character}" for character in "\\`*_[]<>#|"})
_ROLES = {"positive": "more like", "negative": "not like", "reference": "like"}


def transcript(session: Session, form: Literal["markdown", "html", "json"]) -> str:
    """All turns with the hits that each showed."""
    if form == "json":
        return json.dumps(_content(session), indent=2, ensure_ascii=False) + "\n"
    if form == "html":
        from fieldglass.report import page

        return page(_results(session), title=f"Session of {len(session.turns)} turns")
    if form != "markdown":
        raise UsageError(f"A transcript is markdown, html or json, not {form!r}.")
    lines = ["# Session", "", f"Collection {_plain(session.collection.path.name)}, updater {_name(session)}.", ""]
    lines += [line for notice in _notices(session) for line in (f"Note: {_plain(notice)}.", "")]
    for number, turn in enumerate(session.turns, 1):
        lines += [f"## Turn {number}: {_plain(said(turn))}", ""]
        lines += [f"{rank}. {_plain(id)} ({score:.3f})" for rank, (id, score) in enumerate(turn.shown, 1)]
        lines += ["Nothing was found." if not turn.shown else "", ""]
    return "\n".join(lines).rstrip() + "\n"


def said(turn: Turn) -> str:
    """What a turn said, in one line: "more like a.jpg, not “leather”, where price < 50"."""
    parts = [f"{turn.question} {turn.answer}".strip()] if turn.answer else []
    if not turn.answer:
        parts += [f"not “{each.text}”" if each.role == "negative" else f"“{each.text}”" for each in turn.texts]
    for role, words in _ROLES.items():
        names = [each.name for each in turn.pictures if each.image.role == role]
        parts += [f"{words} {', '.join(names)}"] if names else []
    parts += [f"near {turn.place[0]:.4f}, {turn.place[1]:.4f}"] if turn.place is not None else []
    if turn.where is not None:
        parts.append(f"where {turn.where}" if turn.where else "without a filter")
    return ", ".join(parts)


def _content(session: Session) -> dict[str, Any]:
    return {
        "collection": str(session.collection.path),
        "encoder": session.collection.field.encoder,
        "updater": _name(session),
        "notes": list(_notices(session)),
        "turns": [
            {
                "said": said(turn),
                "texts": [{"text": each.text, "role": each.role} for each in turn.texts],
                "pictures": [
                    {"name": each.name, "id": each.image.id, "role": each.image.role} for each in turn.pictures
                ],
                "place": list(turn.place) if turn.place is not None else None,
                "where": turn.where if turn.where is None else str(turn.where),
                "question": turn.question,
                "answer": turn.answer,
                "hits": [{"rank": rank, "id": id, "score": score} for rank, (id, score) in enumerate(turn.shown, 1)],
            }
            for turn in session.turns
        ],
    }


def _notices(session: Session) -> tuple[str, ...]:
    """What the collection says with every result of it."""
    return session.collection.store.snapshot().notices


def _results(session: Session) -> list[SearchResult]:
    snapshot = session.collection.store.snapshot()
    found = []
    for number, turn in enumerate(session.turns, 1):
        ids = [id for id, _ in turn.shown]
        positions = snapshot.positions(ids)
        there = [place for place in range(len(ids)) if positions[place] >= 0]
        columns = dict(zip(there, snapshot.metadata(positions[there]), strict=True))
        hits = tuple(
            Hit(
                rank + 1,
                id,
                score,
                "",
                columns.get(rank, {}),
                int(positions[rank]),
                snapshot if rank in columns else None,
            )
            for rank, (id, score) in enumerate(turn.shown)
        )
        asked = asked_of(session.turns[:number])
        asked = replace(asked_of([turn]), where=asked.where)
        found.append(
            SearchResult(
                hits,
                collection=str(session.collection.path),
                encoder=session.collection.field.encoder,
                composer=_name(session),
                exact=True,
                elapsed_ms={},
                notes=snapshot.notices,
                asked=asked,
            )
        )
    return found


def _name(session: Session) -> str:
    return session.updater if isinstance(session.updater, str) else type(session.updater).__name__


def _plain(text: str) -> str:
    """One line that Markdown leaves as it is."""
    return " ".join("".join(c for c in text if c.isprintable() or c.isspace()).split()).translate(_ESCAPED)
