"""What a line of a conversation means: a command, or simply what is looked for."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass

from fieldglass.errors import UsageError

__all__ = ["COMMANDS", "Line", "parse"]

COMMANDS = {
    "like": ("3 5", "more like these hits (numbers or ids); `like 3, not 7` in one turn"),
    "not": ("7", "not these hits, or with a sentence: not that"),
    "text": ("WORDS", "look for these words, even where they read like a command"),
    "image": ("FILE", "a picture"),
    "where": ("SQL", "filter from now on; alone it lifts the filter"),
    "answer": ("WORDS", "the answer to the question asked; while one waits, any sentence is"),
    "ask": ("", "propose a question that narrows the search"),
    "more": ("N", "the next hits"),
    "show": ("", "the hits again"),
    "undo": ("", "take the last turn back"),
    "redo": ("", "take the undoing back"),
    "open": ("N", "the page in the browser, or the picture of hit N"),
    "save": ("FILE", "write the session; `fieldglass chat COLLECTION --resume FILE` goes on"),
    "transcript": ("FILE", "write what was said and shown: .md, .html or .json"),
    "help": ("", "this list"),
    "quit": ("", "leave; so does Ctrl-D"),
}

_ALONE = {"ask", "show", "undo", "redo", "help", "quit"}
_COUNTED = {"more", "open"}
_WORDED = {"text", "image", "answer", "save", "transcript"}
_MARKS = re.compile(r"(?:more\s+)?(?P<verb>like|not)\s+(?P<rest>.+)", re.IGNORECASE)
_BETWEEN = {"and", "or", "like", "but", "more"}

Mark = int | str


@dataclass(frozen=True)
class Line:
    """`verb` is a command, "text", "without" or "mark"; `words` follow it; `number` is that of more and open."""

    verb: str
    words: str = ""
    like: tuple[Mark, ...] = ()
    not_like: tuple[Mark, ...] = ()
    number: int | None = None


def parse(line: str, known: Callable[[str], bool]) -> Line:
    """The meaning of a line; `known` tells ids. Whatever is no command is a text: "like a red one", "open sea".

    A leading `/` says that a command is meant: UsageError where there is no such command.
    """
    said = line.strip()
    meant = said.startswith("/")
    said = said[1:].strip() if meant else said
    first, _, rest = said.partition(" ")
    verb, rest = {"exit": "quit", "?": "help"}.get(first.lower(), first.lower()), rest.strip()
    if found := _marks(said, known):
        return found
    if verb in _ALONE and not rest:
        return Line(verb)
    if verb in _COUNTED and (not rest or rest.isdecimal()):
        return Line(verb, number=int(rest) if rest else None)
    if verb == "where" or (verb in _WORDED and rest):
        return Line(verb, rest)
    if verb == "not" and rest:
        return Line("without", rest)
    if meant:
        raise UsageError(f"There is no command /{said}.", hint="`help` lists them.")
    return Line("text", said)


def _marks(said: str, known: Callable[[str], bool]) -> Line | None:
    """ "like 3 and 5, not 7" -> its marks; None where a word is neither a number nor an id."""
    found = _MARKS.fullmatch(said)
    if found is None:
        return None
    try:
        words = shlex.split(found["rest"].replace("\\", "\\\\"))
    except ValueError:  # an apostrophe: a sentence
        words = found["rest"].split()
    marks: dict[str, list[Mark]] = {"like": [], "not": []}
    verb = found["verb"].lower()
    for word in words:
        bare = word.rstrip(",;")
        if bare.lower() in ("not", "like"):
            verb = "like" if bare.lower() == "like" and verb == "like" else "not"
            continue
        if bare.lower() in _BETWEEN or not bare:
            continue
        numbers = bare.split(",")
        if all(each.lstrip("#").isdecimal() for each in numbers):
            marks[verb] += [int(each.lstrip("#")) for each in numbers]
        elif known(bare) or known(word):
            marks[verb].append(bare if known(bare) else word)
        else:
            return None
    if not any(marks.values()):
        return None
    return Line("mark", like=tuple(marks["like"]), not_like=tuple(marks["not"]))
