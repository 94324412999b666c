"""`fieldglass index` and what goes with it: info, problems."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner

import fieldglass
import plugged
from fieldglass.cli import main
from plugged import COLOURS, paint, site  # noqa: F401

LINE = re.compile(
    r"^indexed (\d+) new, (\d+) changed, (\d+) unchanged, (\d+) gone, (\d+) problems in \d+\.\d s \(\d+\.\d/s\)$", re.M
)


@pytest.fixture
def invoke(site, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paint(tmp_path / "pics")
    return lambda *arguments, **options: CliRunner().invoke(main, [str(each) for each in arguments], **options)


def counts(found) -> tuple[int, ...]:
    """new, changed, unchanged, gone, problems of the last line."""
    assert LINE.search(found.stdout), found.output
    return tuple(map(int, LINE.search(found.stdout).groups()))


def test_index_goes_on_and_prunes(invoke, tmp_path):
    first = invoke("index", "pics", "--to", "c.collection", "--encoder", "tiny")
    assert counts(first) == (6, 0, 0, 0, 0)
    assert first.exit_code == 0
    assert first.stderr == ""
    assert first.stdout.count("\n") == 1
    assert counts(invoke("index", tmp_path / "pics", "--to", tmp_path / "c.collection")) == (0, 0, 6, 0, 0)
    paint(tmp_path / "pics", **{"red.png": "pink", "zażółć gęślą.jpg": "blue"})
    (tmp_path / "pics" / "dark.png").unlink()
    assert counts(invoke("index", "pics", "--to", "c.collection", "--prune")) == (1, 1, 4, 1, 0)
    assert "zażółć gęślą.jpg" in invoke("search", "c.collection", "--text", "blue").output


def test_problems_are_journalled_and_told(invoke, tmp_path):
    (tmp_path / "pics" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    (tmp_path / "pics" / "page.pdf").write_bytes(b"%PDF-1.4")
    found = invoke("index", "pics", "--to", "c.collection", "--encoder", "tiny")
    assert found.exit_code == 3
    assert counts(found) == (6, 0, 0, 0, 2)
    assert "fieldglass problems c.collection" in found.stderr
    rows = json.loads(invoke("problems", "c.collection", "--format", "json").output)
    assert {row["subject"] for row in rows} == {"broken.jpg", "page.pdf"}
    (code,) = {row["code"] for row in rows if row["subject"] == "page.pdf"}
    only = invoke("problems", "c.collection", "--code", code)
    assert "page.pdf" in only.output and "broken.jpg" not in only.output
    assert json.loads(invoke("info", "c.collection", "--format", "json").output)["problems"] == 2
    paint(tmp_path / "pics", **{"broken.jpg": "red"})
    (tmp_path / "pics" / "page.pdf").unlink()
    assert invoke("index", "pics", "--to", "c.collection", "--prune").exit_code == 0
    assert invoke("problems", "c.collection").stdout == ""


def test_pruning_an_empty_folder_removes_nothing_and_says_so(invoke, tmp_path):
    invoke("index", "pics", "--to", "c.collection", "--encoder", "tiny")
    for path in (tmp_path / "pics").iterdir():
        path.unlink()
    found = invoke("index", "pics", "--to", "c.collection", "--prune")
    assert counts(found) == (0, 0, 0, 0, 0)
    assert "note: Nothing was removed" in found.stderr


def test_info_as_json_has_the_agreed_keys(invoke):
    invoke("index", "pics", "--to", "c.collection", "--encoder", "tiny")
    found = json.loads(invoke("info", "c.collection", "--format", "json").output)
    assert {"items", "encoder", "dim", "segments", "index", "problems", "bytes"} <= found.keys()
    assert (found["items"], found["encoder"], found["dim"], found["index"]) == (6, "tiny", 16, "exact")
    table = invoke("info", "c.collection").output
    assert "items\t6" in table and "encoder\ttiny" in table


def test_globs_single_files_and_several_sources(invoke, tmp_path):
    paint(tmp_path / "2019 été", **{"a b.png": "red"})
    paint(tmp_path / "2020", **{"c.png": "blue"})
    found = invoke("index", "20*", "--to", "years.collection", "--encoder", "tiny")
    assert counts(found) == (2, 0, 0, 0, 0)
    assert set(fieldglass.open("years.collection").info()["sources"]) == {"2019 été", "2020"}
    assert counts(invoke("index", "pics/*r*.png", "--to", "some.collection", "--encoder", "tiny")) == (4, 0, 0, 0, 0)
    assert counts(invoke("index", "pics/red.png", "pics/blue.png", "--to", "some.collection")) == (1, 0, 1, 0, 0)
    pruned = invoke("index", "pics/red.png", "--to", "some.collection", "--prune")
    assert pruned.exit_code == 2 and "Give the folder" in pruned.stderr
    paint(tmp_path / "deep", **{"a.png": "red"})
    paint(tmp_path / "deep" / "er", **{"b.png": "blue"})
    piped = invoke("index", "-", "--to", "piped.collection", "--encoder", "tiny", input="deep/er/b.png\ndeep/a.png\n")
    assert counts(piped) == (2, 0, 0, 0, 0)
    assert list(fieldglass.open("piped.collection").info()["sources"]) == ["deep"]
    assert counts(invoke("index", "deep/**/*.png", "--to", "piped.collection")) == (0, 0, 2, 0, 0)
    assert invoke("index", "-", "--to", "piped.collection", input="").exit_code == 1
    named = invoke("index", "pics", "2020", "--to", "some.collection", "--name", "x")
    assert named.exit_code == 2


def test_a_table_is_read_as_one(invoke, tmp_path):
    (tmp_path / "shop.csv").write_text("path,price\npics/red.png,9.5\npics/blue.png,20\n")
    assert counts(invoke("index", "shop.csv", "--to", "shop.collection", "--encoder", "tiny")) == (2, 0, 0, 0, 0)
    found = json.loads(
        invoke(
            "search", "shop.collection", "--image", "pics/blue.png", "--where", "price < 10", "--format", "json"
        ).output
    )
    assert [hit["metadata"]["price"] for hit in found["hits"]] == [9.5]
    named = invoke("search", "shop.collection", "--image", "pics/blue.png", "--exclude-self", "--format", "json")
    assert [hit["id"] for hit in json.loads(named.output)["hits"]] == ["pics/red.png"]


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["nowhere"], 1, "There is no folder or file 'nothing'"),
        (["pics", "--set", "sed=3"], 2, "Neither the loader 'files' nor the encoder 'tiny' has an option 'sed'"),
        (["pics", "--set", "seed=x"], 2, "seed='x' is not a int"),
        (["pics", "--set", "seed"], 2, "--set takes name=value"),
        (["pics", "--loader", "fles"], 2, "Did you mean 'files'?"),
        (["pics", "--weights", "w.pt"], 2, "'tiny' has no option 'weights'"),
        (["pics", "--prune", "--limit", "2"], 2, "prune with limit"),
    ],
)
def test_what_cannot_be_indexed_leaves_nothing_behind(invoke, tmp_path, arguments, code, text):
    found = invoke(
        "index",
        *[each.replace("nowhere", "nothing") for each in arguments],
        "--to",
        "n.collection",
        "--encoder",
        "tiny",
    )
    assert found.exit_code == code, found.output
    assert text in found.stderr
    assert not (tmp_path / "n.collection").exists()


def test_options_go_to_whom_they_belong(invoke):
    found = invoke(
        "index", "pics", "--to", "c.collection", "--encoder", "tiny", "--set", "seed=4", "--set", "exclude=b*,*k.png"
    )
    assert counts(found)[0] == 2
    assert fieldglass.open("c.collection").field.fingerprint == "tiny-4"
    assert counts(invoke("index", "pics", "--to", "c.collection", "--set", "encoder.seed=4"))[0] == 4
    other = invoke("index", "pics", "--to", "c.collection", "--set", "seed=5")
    assert other.exit_code == 1
    assert "--to NEW.collection --encoder tiny --set seed=5" in other.stderr


def test_limit_and_missing_collection(invoke):
    assert counts(invoke("index", "pics", "--to", "c.collection", "--encoder", "tiny", "--limit", "2"))[0] == 2
    for command in ("info", "problems", "verify", "compact"):
        found = invoke(command, "no.collection")
        assert found.exit_code == 1, command
        assert "no.collection" in found.stderr


SLOW = """
import time
import tiny

class Slow(tiny.TinyEncoder):
    def images(self, batch):
        time.sleep(0.15 * len(batch))
        return super().images(batch)
"""


@pytest.fixture
def slow_site(tmp_path):
    folder = tmp_path / "site"
    plugged.install(folder, "slow", plugged.HOOKS.split("@hookimpl\ndef fieldglass_commands")[0].replace(
        '"tiny", "tiny:TinyEncoder"', '"slow", "slow_encoder:Slow"'), slow_encoder=SLOW)  # fmt: skip
    return folder


def test_interrupt_stops_cleanly_and_the_same_command_goes_on(slow_site, tmp_path):
    paint(tmp_path / "pics", **{f"{n}.png": list(COLOURS)[n % 6] for n in range(40)})
    command = ["index", "pics", "--to", "c.collection", "--encoder", "slow", "--batch", "2", "--workers", "2"]
    environment = {**os.environ, "PYTHONPATH": f"{slow_site}{os.pathsep}{plugged.HERE}"}
    running = subprocess.Popen(
        [sys.executable, "-m", "fieldglass", *command], cwd=tmp_path, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    deadline = time.monotonic() + 30
    while not (tmp_path / "c.collection").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 130, err
    assert "goes on from here" in err
    assert "Traceback" not in err
    taken = int(LINE.search(out)[1])
    assert 0 < taken < 40
    assert len(fieldglass.open(tmp_path / "c.collection")) == taken
    again = plugged.run(slow_site, *command[:-4], "--batch", "8", cwd=tmp_path)
    found = LINE.search(again.stdout.decode())
    assert (int(found[1]), int(found[3])) == (40 - taken, taken)


def test_a_terminal_shows_how_far_it_is(slow_site, tmp_path):
    paint(tmp_path / "pics", **{f"{n}.png": "red" for n in range(12)})
    (tmp_path / "pics" / "bad.jpg").write_bytes(b"nothing")
    ours, theirs = pty.openpty()
    environment = {
        **os.environ,
        "PYTHONPATH": f"{slow_site}{os.pathsep}{plugged.HERE}",
        "TERM": "xterm",
        "COLUMNS": "120",
    }
    running = subprocess.Popen(
        [sys.executable, "-m", "fieldglass", "index", "pics", "--to", "c.collection", "--encoder", "slow", "--batch=2"],
        cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:
            break
        if not part:
            break
        shown += part
    out = running.communicate(timeout=60)[0].decode()
    os.close(ours)
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())
    assert running.returncode == 3
    assert "indexing" in text and "/13" in text and "/s" in text and "1 problem" in text
    assert re.search(r"\d:\d\d left", text)
    assert LINE.fullmatch(out.strip())


def test_an_empty_collection_says_so_and_how_to_fill_it(invoke, tmp_path):
    (tmp_path / "nothing").mkdir()
    invoke("index", "nothing", "--to", "empty.collection", "--encoder", "tiny")
    said = invoke("search", "empty.collection", "--text", "red").stderr
    assert "Nothing was found." in said and "The collection is empty: `fieldglass index" in said
    assert f"{tmp_path / 'nothing'} --to " in said and "--loader" not in said
    (tmp_path / "rows.csv").write_text("path\ngone.jpg\n", encoding="utf-8")
    invoke("index", "rows.csv", "--to", "table.collection", "--encoder", "tiny", "--loader", "table")
    assert "--loader table`" in invoke("search", "table.collection", "--text", "red").stderr


def test_a_folder_under_two_loaders_says_what_to_do(invoke):
    invoke("index", "pics", "--to", "a.collection", "--encoder", "tiny")
    failed = invoke("index", "pics", "--to", "a.collection", "--loader", "table")
    assert failed.exit_code == 2 and "is read by the loader 'files', not 'table'" in failed.stderr
    assert "Go on with --loader files, or" in failed.stderr and "ANOTHER.collection --loader table" in failed.stderr
