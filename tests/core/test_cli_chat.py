"""`fieldglass chat`: what lines mean, piped dialogues in the real command, a pseudo-terminal."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time

import pytest

from coloured import collection, folder, ids, plugged  # noqa: F401
from fieldglass.errors import UsageError
from fieldglass.session import Session
from fieldglass.session.commands import COMMANDS, Line, parse
from plugged import HERE, run

IDS = {"a/b c.jpg", "x.png", "7.png"}


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("a red dress", Line("text", "a red dress")),
        ("like 3", Line("mark", like=(3,))),
        ("like 3, 5 and 6", Line("mark", like=(3, 5, 6))),
        ("like 3,5", Line("mark", like=(3, 5))),
        ("like #3, not #7", Line("mark", like=(3,), not_like=(7,))),
        ("more like 3, not like 7 or 8", Line("mark", like=(3,), not_like=(7, 8))),
        ("NOT 7", Line("mark", not_like=(7,))),
        ("like x.png 'a/b c.jpg'", Line("mark", like=("x.png", "a/b c.jpg"))),
        ("like 7.png", Line("mark", like=("7.png",))),
        ("like a red one", Line("text", "like a red one")),
        ("like x.png's collar", Line("text", "like x.png's collar")),
        ("not leather", Line("without", "leather")),
        ("not", Line("text", "not")),
        ("more", Line("more")),
        ("more 5", Line("more", number=5)),
        ("more red", Line("text", "more red")),
        ("open", Line("open")),
        ("open 2", Line("open", number=2)),
        ("open sea", Line("text", "open sea")),
        ("undo", Line("undo")),
        ("undo the buttons", Line("text", "undo the buttons")),
        ("where price < 50", Line("where", "price < 50")),
        ("where", Line("where", "")),
        ("image my dog.jpg", Line("image", "my dog.jpg")),
        ("text like 3", Line("text", "like 3")),
        ("/undo", Line("undo")),
        ("exit", Line("quit")),
        ("?", Line("help")),
        ("  spaces  ", Line("text", "spaces")),
    ],
)
def test_what_a_line_means(line, meaning):
    assert parse(line, IDS.__contains__) == meaning


def test_a_slash_means_a_command():
    with pytest.raises(UsageError, match="no command /undoo"):
        parse("/undoo", IDS.__contains__)


def chat(plugged, collection, lines, *arguments, code=0):
    done = run(plugged, "chat", collection.path, *arguments, stdin="\n".join(lines).encode())
    assert done.returncode == code, done.stderr.decode()
    return done.stdout.decode(), done.stderr.decode()


def rows(text):
    return [json.loads(line) for line in text.splitlines()]


def test_a_piped_dialogue_is_the_session(plugged, collection, folder, tmp_path):
    saved = tmp_path / "s.json"
    lines = ["\ufeff# a comment", "", "red", "like 2, not 3", f"image {folder / 'green0.png'}", "where id < 'green4'"]
    lines += ["dark", "undo", "more 2", f"save {saved}", f"transcript {tmp_path / 't.md'}", "help", "show"]
    out, _ = chat(plugged, collection, lines, "--json", "-k", "4")
    found = rows(out)
    session = Session(collection, k=4)
    session.start(text="red")
    session.refine(like=2, not_like=3)
    session.refine(image=folder / "green0.png")
    session.refine(where="id < 'green4'")
    hits = [[hit["id"] for hit in row["hits"]] for row in found if "hits" in row]
    assert hits[3] == ids(session.result) == hits[5]  # undo of "dark" gives it back
    assert hits[6] == ids(session.more(2)) and [row["turn"] for row in found[:6]] == [1, 2, 3, 4, 5, 4]
    assert hits[-1] == ids(session.hits) and [hit["rank"] for hit in found[-1]["hits"]] == [1, 2, 3, 4, 5, 6]
    assert ids(Session.resume(saved, collection).result) == ids(session.hits)[:4]
    assert "Turn 4" in (tmp_path / "t.md").read_text()
    assert next(row for row in found if "commands" in row)["commands"].keys() == COMMANDS.keys()


def test_a_line_that_fails_does_not_end_it(plugged, collection):
    lines = [
        "like 1",
        "red",
        "like 99",
        "where colour =",
        "image nowhere.png",
        "undo",
        "undo",
        "ask me",
        "quit",
        "blue",
    ]
    out, _ = chat(plugged, collection, lines, "--json", code=1)
    found = rows(out)
    errors = [row["line"] for row in found if "error" in row]
    assert errors == ["like 1", "like 99", "where colour =", "image nowhere.png", "undo"]
    assert found[-1]["line"] == "ask me" and len(found) == 8  # "no" came after quit
    text, errors = chat(plugged, collection, lines, code=1)
    assert text.count("rank\tscore\tid") == 2 and errors.count("error:") == 5


def test_resume_save_and_page(plugged, collection, tmp_path):
    page, saved = tmp_path / "hits.html", tmp_path / "s.json"
    chat(plugged, collection, ["like 2"], "--text", "red", "--save", saved, "--page", page)
    text = page.read_text()
    assert "1. “red”" in text and "2. more like" in text and "data:image" in text
    assert 'http-equiv="refresh"' not in text  # the conversation is over
    out, _ = chat(plugged, collection, ["undo"], "--resume", saved, "--json")
    first, second = rows(out)
    assert (first["turn"], second["turn"]) == (2, 1)
    assert [hit["id"] for hit in second["hits"]] == ids(collection.search(text="red"))
    _, errors = chat(plugged, collection, [], "--resume", saved, "--updater", "chatir", code=2)
    assert "has its updater" in errors
    (tmp_path / "no.json").write_text("{}")
    _, errors = chat(plugged, collection, [], "--resume", tmp_path / "no.json", code=2)
    assert "no session" in errors


def test_bytes_that_are_no_text_are_a_text(plugged, collection):
    done = run(plugged, "chat", collection.path, "--json", stdin=b"red \xff\xfe\nundo\n")
    assert done.returncode == 0 and [row["turn"] for row in rows(done.stdout.decode())] == [1, 0]


MAIN = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from fieldglass.cli import main; main()"
)


def environment(site):
    paths = os.pathsep.join([str(site), str(HERE)])
    return {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "TERM": "xterm", "COLUMNS": "100"}


class Terminal:
    """The command in a pseudo-terminal."""

    def __init__(self, site, *arguments):
        import pty

        command = [sys.executable, "-c", MAIN, "chat", *map(str, arguments)]
        self.process, self.handle = pty.fork()
        if self.process == 0:
            os.execve(sys.executable, command, environment(site))
        self.seen = ""

    def until(self, pattern, seconds=60):
        """What was written up to a pattern that has not been seen yet."""
        end = time.monotonic() + seconds
        while not (found := re.search(pattern, self.seen)):
            assert time.monotonic() < end, f"{pattern!r} is not in {self.seen!r}"
            if select.select([self.handle], [], [], 0.2)[0]:
                try:
                    self.seen += os.read(self.handle, 65536).decode()
                except OSError:  # it has ended
                    assert re.search(pattern, self.seen), self.seen
        before, self.seen = self.seen[: found.end()], self.seen[found.end() :]
        return before

    def type(self, text):
        os.write(self.handle, text.encode())

    def ends(self, last, seconds=30):
        """Its exit code after these keys; it is killed where it does not end.

        They are typed again every second: Python's readline misses a Ctrl-C between the prompt and its wait for keys.
        """
        end = time.monotonic() + seconds
        typed = 0.0
        while True:
            if time.monotonic() > typed + 1:
                typed = time.monotonic()
                with contextlib.suppress(OSError):  # it has ended
                    self.type(last)
            pid, status = os.waitpid(self.process, os.WNOHANG)
            if pid:
                os.close(self.handle)
                return os.waitstatus_to_exitcode(status)
            if time.monotonic() > end:
                os.kill(self.process, signal.SIGKILL)
            if select.select([self.handle], [], [], 0.1)[0]:
                with contextlib.suppress(OSError):  # it has ended
                    self.seen += os.read(self.handle, 65536).decode()


@pytest.mark.skipif(os.name == "nt", reason="no pseudo-terminals")
@pytest.mark.parametrize(("last", "code"), [("\x04", 0), ("\x03", 130), ("quit\n", 0)])
def test_at_a_terminal(plugged, collection, last, code):
    terminal = Terminal(plugged, collection.path, "-k", "3")
    terminal.until("1> ")
    terminal.type("red\n")
    assert "red" in terminal.until("2> ")
    terminal.type("like 2, not 3\n")
    assert "more like" in terminal.until("3> ")
    terminal.type("like 99\n")
    assert "There is no hit 99" in terminal.until("3> ")
    terminal.type("\n")
    terminal.until("3> ")
    terminal.type("undo\n")
    terminal.until("2> ")
    assert terminal.ends(last) == code, terminal.seen
    assert "Traceback" not in terminal.seen and "Aborted" not in terminal.seen


def test_an_interrupt_in_a_pipe_ends_it(plugged, collection):
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, "chat", str(collection.path), "--json"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(plugged),
    )  # fmt: skip
    process.stdin.write(b"red\n")
    process.stdin.flush()
    assert json.loads(process.stdout.readline())["turn"] == 1  # answered while the pipe is open
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and b"Traceback" not in errors


def test_a_reader_that_leaves_early_is_no_error(plugged, collection):
    shell = shutil.which("sh")
    if shell is None:
        pytest.skip("no shell")
    command = f"yes red | head -50 | '{sys.executable}' -m fieldglass chat '{collection.path}' --json | head -1"
    done = subprocess.run(
        [shell, "-c", command], capture_output=True, env=environment(plugged), check=False, timeout=120
    )
    assert json.loads(done.stdout)["turn"] == 1 and b"Traceback" not in done.stderr
