"""Language models from the command line: search, explain and eval, an endpoint that is down, what it cost, privacy."""

from __future__ import annotations

import json
import re
import threading
import time

import pytest
from click.testing import CliRunner

import fieldglass
import official_files as files
from fieldglass.cli import main
from fieldglass.parallel import each
from llm_server import closed_port, serving, status
from plugged import paint, site  # noqa: F401

SECRET = "sk-very-secret"


@pytest.fixture
def run(site, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FIELDGLASS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FIELDGLASS_LLM_KEY", SECRET)
    for name in ("FIELDGLASS_LLM_URL", "FIELDGLASS_LLM_MODEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("fieldglass.llm.client.pause", lambda attempt, base_s: 0.01)
    paint(tmp_path / "pics")
    with fieldglass.create("c.collection", "tiny") as made:
        made.index("pics")
    return lambda *arguments: CliRunner().invoke(main, [str(each) for each in arguments])


SEARCH = ("search", "c.collection", "--image", "pics/red.png", "--text", "green")


def using(server):
    return ("--llm-url", server if isinstance(server, str) else server.url, "--llm-model", "small")


def ids(done):
    return [hit["id"] for hit in json.loads(done.stdout)["hits"]]


def test_search_in_the_models_order_and_what_it_cost(run):
    plain = ids(run(*SEARCH, "--format", "json"))
    with serving('{"order": [2, 1]}') as server:
        call = (*SEARCH, "--rerank", "llm", *using(server), "--llm-price", "1000,10000", "--format", "json")
        first, again = run(*call), run(*call)
        assert len(server.asked) == 1
    assert ids(first) == [plain[1], plain[0], *plain[2:]] == ids(again)
    assert json.loads(first.stdout)["reranker"] == "llm" and "re-ranked" not in first.stdout
    assert re.search(r"language model: 1 question, 100 tokens in, 10 out, [\d.]+ s, cost 0\.2000\n", first.stderr)
    assert re.search(r"language model: 1 question, 1 of them kept from before, 0 tokens in", again.stderr)
    assert SECRET not in first.output


def test_an_endpoint_that_is_down_leaves_the_hits_as_they_are_and_says_so(run):
    plain = ids(run(*SEARCH, "--format", "json"))
    call = (*SEARCH, "--rerank", "llm", *using(closed_port()))
    for form in ("json", "html", "table"):
        done = run(*call, "--format", form)
        assert done.exit_code == 0 and "Not re-ranked: The language model at http://127" in done.output
        assert "Traceback" not in done.output
        if form == "json":
            assert ids(done) == plain and json.loads(done.stdout)["reranker"] is None
            assert "Not re-ranked" in json.loads(done.stdout)["notes"][-1]
        else:
            assert "Not re-ranked" in done.stderr
        if form == "html":
            assert "Not re-ranked" in done.stdout and "re-ranked by" not in done.stdout
    page = run(*call, "--out", "page.html", "--format", "html")
    assert page.exit_code == 0 and "Not re-ranked" in page.stderr
    needed = run(*call, "--rerank-required")
    assert needed.exit_code == 1 and "gave no answer: connection refused" in needed.output
    assert "fieldglass llm check" in needed.output


def test_a_file_of_queries_says_it_for_each(run, tmp_path):
    (tmp_path / "q.csv").write_text("id,text\n1,green\n2,blue\n3,red\n")
    with serving('{"order": [2, 1]}', status(401, f"bad key {SECRET}")) as server:
        done = run("search", "c.collection", "--queries", "q.csv", "--rerank", "llm", *using(server))
        assert len(server.asked) == 2, "an endpoint that refuses is left alone"
    notes = [json.loads(line)["notes"] for line in done.stdout.splitlines()]
    assert done.exit_code == 0 and notes[0] == [] and notes[1] == notes[2]
    assert "Not re-ranked" in notes[1][0] and "bad key ***" in notes[1][0] and SECRET not in done.output


def test_many_queries_are_asked_about_at_a_time(run, tmp_path):
    texts = ["green", "blue", "red", "dark", "bright", "dark green"]
    (tmp_path / "q.csv").write_text("".join(f"{text}\n" for text in ["text", *texts]))
    meeting = threading.Barrier(3, timeout=20)

    def together(asked):
        meeting.wait()
        return '{"order": [2, 1]}'

    call = ("search", "c.collection", "--queries", "q.csv", "-k", "2")
    plain = [json.loads(line) for line in run(*call).stdout.splitlines()]
    with serving(together) as server:
        done = run(*call, "--rerank", "llm", "--rerank-set", "threads=3", *using(server))
        assert len(server.asked) == 6
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [[hit["id"] for hit in each["hits"]] for each in found] == [
        [hit["id"] for hit in each["hits"]][::-1] for each in plain
    ]
    assert not any("re-ranked" in note for each in found for note in each["notes"])


def test_the_first_error_ends_what_has_not_begun():
    begun = []

    def fails(number):
        begun.append(number)
        time.sleep(0.05)
        raise ValueError(number)

    with pytest.raises(ValueError, match="0"):
        each(fails, range(100), 2)
    time.sleep(0.2)
    assert len(begun) <= 6 and each(str, range(3), 2) == ["0", "1", "2"]


def test_eval_insists_and_records_what_it_asked(run, tmp_path):
    root = files.cirr(tmp_path / "root")
    common = ("eval", "cirr", "--root", root, "--encoder", "tiny", "--composer", "weicom", "--rerank", "llm")
    done = run(*common, *using(closed_port()))
    assert done.exit_code == 1 and "gave no answer" in done.output
    with serving('{"order": [2, 1]}') as server:
        done = run(*common, *using(server), "--out", "a.json")
        assert done.exit_code == 0 and server.asked and "language model: " in done.stderr
    found = json.loads((tmp_path / "a.json").read_text())
    assert found["rerank_options"]["llm_model"] == "small" and found["rerank_options"]["depth"] is None
    assert SECRET not in (tmp_path / "a.json").read_text()
    with serving('{"order": [2, 1]}') as server:
        done = run("eval", "matrix", *common[1:-4], "--composer", "sum", *common[-4:], *using(server), "--out", "both")
        assert done.exit_code == 0 and server.asked and "language model: " in done.stderr
    made = [json.loads(file.read_text()) for file in (tmp_path / "both").glob("*.json")]
    assert [each["rerank_options"]["llm_model"] for each in made] == ["small", "small"]


def test_explain_and_the_environment(run, monkeypatch):
    plain = ids(run(*SEARCH, "--format", "json"))
    with serving('{"order": [2, 1]}') as server:
        monkeypatch.setenv("FIELDGLASS_LLM_URL", server.url)
        monkeypatch.setenv("FIELDGLASS_LLM_MODEL", "small")
        done = run("explain", "c.collection", plain[0], *SEARCH[2:], "--rerank", "llm", "--format", "json")
    found = json.loads(done.stdout)
    assert (found["rank"], found["reranked"]) == (1, 2)
    done = run("explain", "c.collection", plain[0], *SEARCH[2:], "--rerank", "llm", *using(closed_port()))
    assert done.exit_code == 0 and "note: Not re-ranked" in done.output and "re-ranked by" not in done.output


def test_cirevl_by_the_command_line(run, tmp_path):
    name = ids(run(*SEARCH, "--format", "json"))[0]
    (tmp_path / "told.csv").write_text(f"id,caption\n{name},a wall\n")
    assert run("annotate", "c.collection", "told.csv").exit_code == 0
    call = ("search", "c.collection", "--like", name, "--text", "blue", "--composer", "cirevl", "--format", "json")
    with serving("Edited Description: blue") as server:
        assert ids(run(*call, *using(server)))[0] == "blue.png"
        assert server.asked[0][2]["messages"][-1]["content"] == "Image Content: a wall\nInstruction: blue"
    done = run(*call, *using(closed_port()))
    assert done.exit_code == 0 and "The template edited the caption" in json.loads(done.stdout)["notes"][0]
    done = run(*call, *using(closed_port()), "--set", "llm_required=true")
    assert done.exit_code == 1 and "gave no answer" in done.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--llm-url", "http://localhost:1"), "--composer cirevl, --updater plugir and --rerank llm do"),
        (("--rerank", "superglobal", "--llm-model", "x"), "--composer cirevl, --updater plugir and --rerank llm do"),
        (("--rerank", "llm"), "FIELDGLASS_LLM_URL"),
        (("--rerank", "llm", "--llm-url", "localhost:1", "--llm-model", "x"), "http or https"),
        (("--rerank", "llm", "--llm-url", "http://u:p@localhost", "--llm-model", "x"), "FIELDGLASS_LLM_KEY"),
        (("--rerank", "llm", *using("http://localhost:1"), "--llm-price", "cheap"), "IN,OUT"),
        (("--rerank", "llm", *using("http://localhost:1"), "--rerank-set", "mode=tree"), "mode"),
    ],
)
def test_what_is_refused(run, arguments, said):
    done = run(*SEARCH, *arguments)
    assert done.exit_code == 2 and said in done.output and "u:p" not in done.output


def test_a_private_collection_is_told_from_its_loaders(run):
    with fieldglass.open("c.collection") as opened:
        assert opened.engine.view().private is False
    call = (*SEARCH, "--rerank", "llm", *using("http://models.example.org/v1"))
    from fieldglass.loaders.files import Files

    Files.private = True
    try:
        done = run(*call)
    finally:
        Files.private = False
    assert done.exit_code == 2 and "This collection is private" in done.output


def test_a_collection_whose_loader_is_gone_counts_as_private(run):
    from fieldglass.search.view import _is_private

    assert _is_private("files") is False and _is_private("med/none-such") is True


def test_check_says_what_a_model_can_do(run):
    def both(asked):
        return "yes" if isinstance(asked["messages"][-1]["content"], str) else "Red."

    with serving(both) as server:
        done = run("llm", "check", *using(server))
    assert done.exit_code == 0 and "on this machine: it answers 'yes'" in done.stdout
    assert "shown a red picture, it answers 'Red.'" in done.stdout
    with serving("yes", status(400, "no image input")) as server:
        done = run("llm", "check", *using(server))
    assert done.exit_code == 0 and "takes no pictures" in done.stdout and "no image input" in done.stdout
    done = run("llm", "check", *using(closed_port()))
    assert done.exit_code == 1 and "refused" in done.output


def test_kept_answers_are_counted_and_forgotten(run):
    with serving("[2, 1]") as server:
        run(*SEARCH, "--rerank", "llm", *using(server))
    found = json.loads(run("llm", "kept", "--format", "json").stdout)
    assert found["answers"] == 1 and found["bytes"] > 10
    assert "1 answers" in run("llm", "kept").stdout
    assert run("llm", "forget").stdout == "forgot 1 answers\n"
    assert json.loads(run("llm", "kept", "--format", "json").stdout)["answers"] == 0


def test_a_composer_inside_another_is_asked_too(run, tmp_path):
    (tmp_path / "captions.jsonl").write_text('{"id": "red.png", "caption": "a red square"}\n')
    assert run("caption", "import", "c.collection", "captions.jsonl").exit_code == 0
    search = ("search", "c.collection", "--like", "red.png", "--text", "in green")
    for composer in (("pdv",), ("blend", "--set", "first=cirevl", "--set", "second=text")):
        with serving("Edited Description: green") as server:
            done = run(*search, "--composer", *composer, *using(server))
            assert done.exit_code == 0, done.output
            assert "language model: 1 question" in done.stderr
    assert run(*search, "--composer", "blend", *using(closed_port())).exit_code == 2


def test_a_conversation_asks_one_client_and_leaves_a_dead_endpoint_alone(run, monkeypatch):
    def chat(lines, *more):
        return CliRunner().invoke(main, ["chat", "c.collection", "--updater", "plugir", *more], input=lines)

    with serving("a green square") as server:
        done = chat("red\nno, green\n", *using(server))
        assert done.exit_code == 0, done.output
        assert len(server.asked) == 1 and "said: no, green" in json.dumps(server.asked[0])
        assert "language model: 1 question" in done.stderr
    with serving(status(500)) as server:
        done = chat("red\nblue\nno, yellow\nor white\n", *using(server))
        assert done.exit_code == 0, done.output
        assert len(server.asked) == 3  # the tries of one question; those of later turns fail at once
        assert done.stderr.count("joined as chatir does") == 3
    assert "asks a language model" in run("chat", "c.collection", *using(closed_port())).stderr
