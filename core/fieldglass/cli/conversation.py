"""One conversation: a line in, hits out, the page and the file kept up to date."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fieldglass.errors import FieldglassError, QueryError, UsageError

if TYPE_CHECKING:
    from fieldglass.report import Cards
    from fieldglass.result import SearchResult
    from fieldglass.session import Session
    from fieldglass.session.commands import Line

__all__ = ["Conversation", "page_of"]

RELOAD = 2  # seconds after which the page looks at itself again
SUFFIXES = {".md": "markdown", ".html": "html", ".htm": "html", ".json": "json"}


def page_of(collection: Path) -> Path:
    """A page of this conversation's own."""
    return Path(tempfile.mkdtemp(prefix="fieldglass-")) / f"{collection.resolve().stem}.html"


class Conversation:
    """Prints a table after every turn, or a line of JSON."""

    def __init__(
        self, session: Session, *, page: Path | None, save: Path | None, as_json: bool, cards: Cards | None = None
    ) -> None:
        self.session, self.page, self.save, self.as_json, self._cards = session, page, save, as_json, cards
        self._line = ""

    def begin(self, first: dict[str, Any]) -> bool:
        """Show where a resumed session stands, then take what the options ask; False where that failed."""
        try:
            if self.session.turns and not first:
                self._after(self.session.result)
            elif first:
                begin = self.session.refine if self.session.turns else self.session.start
                self._after(begin(**first))
        except FieldglassError as error:
            if sys.stdin.isatty():
                raise
            self.failed(error)
            return False
        return True

    def take(self, line: str) -> bool:
        """Do what a line says; False where it says to leave. FieldglassError leaves the session as it was."""
        from fieldglass.session.commands import parse

        self._line = line.strip()
        if not self._line:
            return True
        said = parse(line, self._known)
        if said.verb == "quit":
            return False
        self._do(said)
        return True

    def failed(self, error: FieldglassError) -> None:
        """Say what was wrong with the last line."""
        if self.as_json:
            self._json({"error": error.message, "hint": error.hint})
            return
        click.secho("error: ", fg="red", bold=True, nl=False, err=True)
        click.echo(error.message, err=True)
        if error.hint:
            click.echo(f"  {error.hint}", err=True)

    def close(self) -> None:
        """The page stops looking at itself."""
        if self.page is not None and self.session.result is not None:
            self._write_page(reload=0)

    def _do(self, said: Line) -> None:
        session = self.session
        if said.verb == "text":
            self._after(session.answer(said.words) if session.pending else self._add(text=said.words))
        elif said.verb == "without":
            self._after(self._add(not_text=said.words))
        elif said.verb == "image":
            self._after(self._add(image=_path(said.words)))
        elif said.verb == "where":
            self._after(self._add(where=said.words))
        elif said.verb == "mark":
            self._after(session.refine(like=said.like, not_like=said.not_like))
        elif said.verb == "answer":
            self._after(session.answer(said.words))
        elif said.verb == "more":
            self._after(session.more(said.number))
        elif said.verb == "undo":
            self._after(session.undo())
        elif said.verb == "redo":
            self._after(session.redo())
        elif said.verb == "show":
            self._after(session.result)
        else:
            self._aside(said)

    def _aside(self, said: Line) -> None:
        """What is not a turn."""
        if said.verb == "help":
            self._help()
        elif said.verb == "open":
            self._open(said.number)
        elif said.verb == "ask":
            self._ask()
        elif said.verb == "save":
            self.session.save(_path(said.words))
            self._tell(f"saved {_path(said.words)}")
        else:
            self._transcript(_path(said.words))

    def _add(self, **parts: Any) -> SearchResult:
        return self.session.refine(**parts) if self.session.turns else self.session.start(**parts)

    def _known(self, id: str) -> bool:
        return bool(self.session.collection.store.snapshot().positions([id])[0] >= 0)

    def _after(self, result: SearchResult | None) -> None:
        if self.save is not None and self.session.turns:
            self.session.save(self.save)
        if self.page is not None and self.session.result is not None:
            self._write_page(reload=RELOAD)
        if self.as_json:
            self._json({"hits": []} if result is None else result.to_dict())
            return
        if result is None:
            self._tell("back at the beginning" if not self.session.turns else "nothing can be asked of what is left")
            return
        from fieldglass.cli.output import echo_table
        from fieldglass.session.transcript import said

        names = list(dict.fromkeys(name for hit in result for name in hit.details))[:3]
        rows = ([hit.rank, f"{hit.score:.4f}", hit.id, *(hit.metadata.get(name) for name in names)] for hit in result)
        title = f"{len(self.session.turns)}: {said(self.session.turns[-1])}"
        echo_table(["rank", "score", "id", *names], rows, title=title, right="rank score")
        if not result.hits:
            click.echo("Nothing was found.", err=True)
        for note in result.notes:
            click.echo(f"note: {note}", err=True)
        sys.stdout.flush()

    def _json(self, content: dict[str, Any]) -> None:
        row = {"turn": len(self.session.turns), "line": self._line, **content}
        click.echo(json.dumps(row, ensure_ascii=False, allow_nan=False, default=str))
        sys.stdout.flush()  # whoever drives the conversation waits for it

    def _tell(self, message: str) -> None:
        if self.as_json:
            self._json({"message": message})
        else:
            click.echo(message, err=True)

    def _help(self) -> None:
        from fieldglass.session.commands import COMMANDS

        if self.as_json:
            self._json({"commands": {name: summary for name, (_, summary) in COMMANDS.items()}})
            return
        for name, (what, summary) in COMMANDS.items():
            click.echo(f"  {f'{name} {what}':16} {summary}")
        click.echo("  Anything else is what you look for; a leading / says that a command is meant.")

    def _ask(self) -> None:
        found = self.session.ask()
        if self.as_json:
            self._json(
                {"question": found.text, "column": found.column, "answers": [list(each) for each in found.answers]}
            )
        else:
            click.echo(found.text)

    def _open(self, number: int | None) -> None:
        if number is not None:
            hits = self.session.hits
            if not 1 <= number <= len(hits):
                raise QueryError(f"There is no hit {number}.")
            path = hits[number - 1].path
            if path is None or not path.exists():
                raise QueryError(f"The picture of {hits[number - 1].id!r} is not where it was indexed.")
            click.launch(str(path))
            return
        if self.session.result is None:
            raise QueryError("There are no hits yet.")
        if self.page is None:
            self.page = page_of(self.session.collection.path)
            self._write_page(reload=RELOAD)
        click.launch(str(self.page.resolve()))
        self._tell(f"page {self.page}")

    def _transcript(self, path: Path) -> None:
        form = SUFFIXES.get(path.suffix.lower())
        if form is None:
            raise UsageError(f"A transcript is a .md, .html or .json file, not {path.name!r}.")
        path.write_text(self.session.transcript(form), encoding="utf-8")  # type: ignore[arg-type]
        self._tell(f"wrote {path}")

    def _write_page(self, *, reload: int) -> None:
        from fieldglass.report import page

        result = self.session.result
        if self.page is None or result is None:
            return
        from fieldglass.session.transcript import said

        cards, session = self._cards, self.session
        shown = cards.shown(session.collection, [result], [session.query]) if cards is not None else {}
        turns = [f"{number}. {said(turn)}" for number, turn in enumerate(self.session.turns, 1)]
        content = page([result], title="Conversation", intro="\n".join(turns), reload=reload, **shown)
        temporary = self.page.with_name(f".{self.page.name}.tmp")
        temporary.write_text(content, encoding="utf-8")
        temporary.replace(self.page)


def _path(words: str) -> Path:
    bare = words[1:-1] if len(words) > 1 and words[0] == words[-1] and words[0] in "\"'" else words
    return Path(bare).expanduser()
