"""`fieldglass search` and `fieldglass explain`."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

import fieldglass
import plugged
from fieldglass.cli import main
from plugged import paint, site  # noqa: F401


@pytest.fixture
def invoke(site, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paint(tmp_path / "pics")
    (tmp_path / "shop.csv").write_text(
        "path,price,maker\npics/red.png,5,ann\npics/green.png,10,ann\npics/blue.png,15,bob\n"
        "pics/dark.png,20,bob\npics/bright.png,25,cy\npics/pink.png,30,cy\n"
    )
    with fieldglass.create("c.collection", "tiny") as made:
        made.index("shop.csv", loader="table", loader_options={"groups": ("maker",)})
    return lambda *arguments, **options: CliRunner().invoke(main, [str(each) for each in arguments], **options)


def hits(found) -> list[str]:
    assert found.exit_code == 0, found.output
    return [hit["id"].removeprefix("pics/").removesuffix(".png") for hit in json.loads(found.stdout)["hits"]]


@pytest.fixture
def search(invoke):
    return lambda *arguments, **options: hits(
        invoke("search", "c.collection", "--format", "json", *arguments, **options)
    )


def test_json_has_the_agreed_shape(invoke):
    found = json.loads(invoke("search", "c.collection", "--text", "red", "-k", "2", "--format", "json").stdout)
    assert {
        "collection",
        "encoder",
        "composer",
        "exact",
        "elapsed_ms",
        "hits",
        "notes",
        "matched",
        "reranker",
    } == found.keys()
    assert (found["encoder"], found["composer"], found["exact"]) == ("tiny", "text", True)
    assert found["elapsed_ms"]["total"] > 0
    assert [set(hit) for hit in found["hits"]] == [{"rank", "id", "score", "source", "metadata"}] * 2
    assert found["hits"][0] == {
        "rank": 1, "id": "pics/red.png", "score": found["hits"][0]["score"], "source": "shop.csv",
        "metadata": found["hits"][0]["metadata"],
    }  # fmt: skip
    assert found["hits"][0]["metadata"]["price"] == 5


def test_composers_by_what_is_asked(invoke):
    for arguments, composer in (
        (["--text", "red"], "text"),
        (["--image", "pics/red.png"], "image"),
        (["--like", "pics/red.png"], "image"),
        (["--image", "pics/red.png", "--text", "dark"], "weicom"),
        (["--image", "pics/red.png", "--text", "dark", "--composer", "slerp"], "slerp"),
    ):
        found = invoke("search", "c.collection", *arguments, "--format", "json")
        assert json.loads(found.stdout)["composer"] == composer


def test_the_same_picture_by_file_id_and_standard_input(search, tmp_path):
    by_file = search("--image", "pics/pink.png")
    assert by_file[0] == "pink"
    assert search("--image", tmp_path / "pics" / "pink.png") == by_file
    assert search("--like", "pics/pink.png") == by_file
    assert search("--image", "-", input=(tmp_path / "pics" / "pink.png").read_bytes()) == by_file
    assert search("--text", "-", input="red\n") == search("--text", "red")


def test_what_is_looked_among(search, tmp_path):
    assert search("--text", "red", "--where", "price > 12 AND maker = 'bob'") in (["blue", "dark"], ["dark", "blue"])
    (tmp_path / "ids.txt").write_text("pics/pink.png\npics/red.png\n")
    assert search("--text", "red", "--only", "ids.txt") == ["red", "pink"]
    assert "red" not in search("--text", "red", "--exclude", "pics/red.png")
    assert search("--image", "pics/red.png", "--exclude-self")[0] == "pink"
    assert not {"red", "green"} & set(search("--like", "pics/red.png", "--exclude-group", "maker"))
    assert len(search("--text", "red", "--collapse", "maker")) == 3
    assert search("--text", "red", "--min-score", "0.9999") == []
    assert search("--text", "red", "-k", "1", "--index", "exact") == ["red"]


def test_several_parts_and_negatives(search):
    both = search("--text", "red", "--text", "bright")
    assert set(both[:3]) & {"red", "bright", "pink"} == set(both[:3])
    away = search("--like", "pics/red.png", "--not-like", "pics/pink.png", "--not-text", "bright")
    assert away.index("pink") > search("--like", "pics/red.png").index("pink")
    assert search("--image", "pics/red.png", "--text", "dark", "--set", "text_weight=0.99")[0] == "dark"


def test_texts_have_parts_to_play(search, invoke, tmp_path):
    given = ("--like", "pics/red.png", "--composer", "freedom", "--set", "words=styles", "--set", "proxies=2")
    assert search(*given, "--domain", "blue") != search(*given, "--domain", "bright")
    shown = ("--image", "pics/red.png", "--composer", "cirevl", "--text", "a thing")
    assert search(*shown, "--description", "blue") != search(*shown, "--description", "red")
    assert search("--image", "pics/red.png", "--description", "blue") == search("--image", "pics/red.png")
    found = invoke("search", "c.collection", *shown)
    assert found.exit_code == 2 and "--description" in found.output
    (tmp_path / "many.jsonl").write_text('{"like": "pics/red.png", "domain": "blue"}\n')
    found = invoke("search", "c.collection", "--queries", tmp_path / "many.jsonl", *given[2:])
    assert hits(found) == search(*given, "--domain", "blue")


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        ([], 2, "Nothing is asked. \n"),
        (["--text", " "], 2, "The sentence is empty"),
        (["--image", "-"], 2, "Standard input is empty"),
        (["--image", "none.png"], 2, "There is no picture 'none.png'"),
        (["--image", "shop.csv"], 2, "cannot be read"),
        (["--image", "pics"], 2, "The query 'pics' holds"),
        (["--like", "pics/rde.png"], 2, "There is no item 'pics/rde.png'"),
        (["--text", "x", "--composer", "weicmo"], 2, "Did you mean 'weicom'"),
        (["--text", "x", "--set", "nothing=1"], 2, "no option 'nothing'"),
        (["--text", "x", "--where", "prize < 5"], 2, "price"),
        (["--text", "x", "--where", "1; DROP TABLE item"], 2, "error: "),
        (["--text", "x", "--place", "91,0"], 2, "not on the globe"),
        (["--text", "x", "--rerank", "none"], 2, "There is no reranker 'none'"),
        (["--text", "x", "--collapse", "price2"], 2, "price2"),
        (["--text", "x", "--only", "nothing.txt"], 2, "no file 'nothing.txt'"),
        (["--text", "x", "--index", "ivf"], 2, "fieldglass build COLLECTION --kind ivf"),
        (["--text", "x", "-k", "0"], 2, "0 is not in the range"),
    ],
)
def test_what_cannot_be_asked(invoke, arguments, code, text):
    found = invoke("search", "c.collection", *arguments)
    assert found.exit_code == code, found.output
    assert text.split(" \n")[0] in found.stderr
    assert found.stdout == ""


def test_table_for_a_pipe(invoke):
    lines = invoke("search", "c.collection", "--text", "red", "-k", "2", "--where", "price > 1").stdout.splitlines()
    assert lines[0].split("\t")[:3] == ["rank", "score", "id"]
    assert "price" in lines[0].split("\t")
    assert lines[1].split("\t")[0] == "1" and lines[1].split("\t")[2] == "pics/red.png"
    assert len(lines) == 3


def test_page_is_written_and_opened(invoke, tmp_path, monkeypatch):
    found = invoke(
        "search", "c.collection", "--image", "pics/red.png", "--text", "dark", "--format", "html", "--out", "ü x.html"
    )
    assert found.exit_code == 0 and found.stdout == "" and "wrote ü x.html" in found.stderr
    html = (tmp_path / "ü x.html").read_text(encoding="utf-8")
    assert html.startswith("<!doctype html>") and html.count("data:image/webp") == 7
    opened = []
    monkeypatch.setattr("click.launch", opened.append)
    assert invoke("search", "c.collection", "--text", "red", "--open").exit_code == 0
    assert opened[0].endswith("c.html")
    assert "<!doctype html>" in invoke("search", "c.collection", "--text", "red", "--format", "html").stdout
    assert invoke("search", "c.collection", "--text", "red", "--out", "r.tsv").exit_code == 0
    assert (tmp_path / "r.tsv").read_text().splitlines()[1].endswith("pics/red.png")


def test_batch_from_csv_and_jsonl_equals_single_searches(invoke, search, tmp_path):
    (tmp_path / "queries").mkdir()
    (tmp_path / "queries" / "q.csv").write_text(
        "id,image,text,where\na,../pics/red.png,,\n,,blue,price < 40\nc,../pics/red.png,dark,\n"
    )
    found = invoke("search", "c.collection", "--queries", "queries/q.csv", "-k", "3")
    lines = [json.loads(line) for line in found.stdout.splitlines()]
    assert [line["query"] for line in lines] == ["a", "2", "c"]
    assert [line["composer"] for line in lines] == ["image", "text", "weicom"]
    singles = [["--image", "pics/red.png"], ["--text", "blue"], ["--image", "pics/red.png", "--text", "dark"]]
    for line, single in zip(lines, singles, strict=True):
        assert [hit["id"][5:-4] for hit in line["hits"]] == search(*single, "-k", "3")
    page = invoke("search", "c.collection", "--queries", "queries/q.csv", "--format", "html").stdout
    assert page.count("<section") == 3 and "3 queries of q.csv" in page
    (tmp_path / "q.jsonl").write_text(
        '{"like": ["pics/red.png"], "not_text": "bright"}\n\n{"text": ["red", "dark"], "id": 7}\n'
    )
    found = invoke("search", "c.collection", "--queries", "q.jsonl", "--out", "hits.jsonl")
    assert found.exit_code == 0, found.output
    assert [json.loads(line)["query"] for line in (tmp_path / "hits.jsonl").read_text().splitlines()] == ["1", "7"]


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("q.csv", "text,colour\nred,x\n", "query 1: no column 'colour'"),
        ("q.csv", "text\nred\n \n", "query 2"),
        ("q.csv", "image\nnone.png\n", "query 1: There is no picture"),
        ("q.jsonl", '{"text": "x"}\n{nope\n', "line 2: it is not JSON"),
        ("q.jsonl", '["text"]\n', "line 1: it is not a JSON object"),
        ("q.csv", 'text\n"red\n', "line 2: "),
        ("q.csv", b"text\nbl\xe4u\n", "is not utf-8"),
        ("q.txt.gz", "text\nred\n", "is not a table by its name"),
    ],
)
def test_bad_query_files_name_their_line(invoke, tmp_path, name, content, text):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    found = invoke("search", "c.collection", "--queries", name)
    assert found.exit_code in (1, 2), found.output
    assert text in found.stderr


def test_explain_shows_the_parts(invoke):
    found = invoke(
        "explain", "c.collection", "pics/dark.png", "--image", "pics/red.png", "--text", "dark", "--format", "json"
    )
    told = json.loads(found.stdout)
    assert told["id"] == "pics/dark.png" and told["rank"] >= 1
    assert [part["label"] for part in told["parts"]] == ["image", "text"]
    table = invoke("explain", "c.collection", "pics/dark.png", "--image", "pics/red.png", "--text", "dark")
    assert f"pics/dark.png: rank {told['rank']}, score {told['score']:.4f}, composer weicom" in table.stdout
    assert "contribution" in table.stdout
    missing = invoke("explain", "c.collection", "nothing.png", "--text", "dark")
    assert missing.exit_code == 2 and "no item 'nothing.png'" in missing.stderr


def test_the_real_command_with_binary_standard_input(site, invoke, tmp_path):
    picture = (tmp_path / "pics" / "blue.png").read_bytes()
    done = plugged.run(site, "search", "c.collection", "--image", "-", "--format", "json", stdin=picture, cwd=tmp_path)
    assert json.loads(done.stdout)["hits"][0]["id"] == "pics/blue.png", done.stderr
