"""`--rerank` and `--rerank-set`: search, explain, eval, the page, the notes, what is misspelt."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

import fieldglass
import official_files as files
from fieldglass.cli import main
from fieldglass.errors import UsageError
from fieldglass.types import Ranking
from plugged import paint, site  # noqa: F401


@pytest.fixture
def run(site, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paint(tmp_path / "pics")
    with fieldglass.create("c.collection", "tiny") as made:
        made.index("pics")
    return lambda *arguments: CliRunner().invoke(main, [str(each) for each in arguments])


SEARCH = ("search", "c.collection", "--image", "pics/red.png", "--rerank", "superglobal")


def test_options_reach_the_reranker_and_its_name_the_answer(run):
    found = json.loads(run(*SEARCH, "--format", "json").stdout)
    one = json.loads(run(*SEARCH, "--rerank-set", "m=1", "--format", "json").stdout)
    plain = json.loads(run(*SEARCH[:4], "--format", "json").stdout)
    assert (found["reranker"], plain["reranker"]) == ("superglobal", None)
    assert "rerank" in found["elapsed_ms"] and "rerank" not in plain["elapsed_ms"]
    scores = [[hit["score"] for hit in each["hits"]] for each in (found, one, plain)]
    assert scores[1] == scores[2] != scores[0]
    assert "re-ranked by superglobal" in run(*SEARCH, "--format", "html").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--rerank", "superglobel"), "Did you mean 'superglobal'"),
        (("--rerank", "superglobal", "--rerank-set", "betta=1"), "Did you mean 'beta'"),
        (("--rerank", "superglobal", "--rerank-set", "m=many"), "m='many' is not a int"),
        (("--rerank", "superglobal", "--rerank-set", "m"), "--rerank-set takes name=value"),
        (("--rerank-set", "m=1"), "go with its name"),
    ],
)
def test_what_is_misspelt(run, arguments, said):
    found = run("search", "c.collection", "--text", "red", *arguments)
    assert found.exit_code == 2 and said in found.output


def test_explain_tells_the_place_before_and_after(run):
    hits = json.loads(run(*SEARCH, "-k", "6", "--format", "json").stdout)["hits"]
    plain = [hit["id"] for hit in json.loads(run(*SEARCH[:4], "-k", "6", "--format", "json").stdout)["hits"]]
    for hit in hits:
        found = json.loads(run("explain", "c.collection", hit["id"], *SEARCH[2:], "--format", "json").stdout)
        assert (found["rank"], found["reranked"]) == (1 + plain.index(hit["id"]), hit["rank"])
        assert found["reranked_score"] == pytest.approx(hit["score"])
    said = run("explain", "c.collection", hits[0]["id"], *SEARCH[2:]).stdout
    assert "re-ranked by superglobal: rank 1 -> 1, score" in said


def test_explain_of_what_a_reranker_did_not_see(run):
    found = json.loads(
        run("explain", "c.collection", "blue.png", *SEARCH[2:], "--rerank-set", "m=1", "--format", "json").stdout
    )
    assert found["rank"] == found["reranked"] > 1 and found["reranked_score"] is None
    assert "saw the first 1 hits alone" in found["notes"][0]


class Silent:
    """Gives the order it was given and says so."""

    def rerank(self, query, probes, ranking, gallery):
        return Ranking(ranking.positions, ranking.scores, ranking.exact, notes=("Nobody answered.",))


def test_an_object_and_its_notes(run):
    with fieldglass.open("c.collection") as opened:
        found = opened.search(text="red", rerank=Silent())
        assert found.reranker == "Silent" and "Nobody answered." in found.notes
        with pytest.raises(UsageError, match="go with its name"):
            opened.search(text="red", rerank=Silent(), rerank_options={"a": 1})


def test_eval_records_all_options(run, tmp_path):
    root = files.cirr(tmp_path / "root")
    common = ("--root", root, "--encoder", "tiny", "--composer", "weicom", "--rerank", "superglobal")
    assert run("eval", "cirr", *common, "--rerank-set", "m=5", "--out", "a.json").exit_code == 0
    found = json.loads((tmp_path / "a.json").read_text())
    assert found["rerank"] == "superglobal"
    assert found["rerank_options"] == {"m": 5, "k": 9, "beta": 0.15, "stages": "auto"}
    assert run("eval", "matrix", "cirr", *common, "--out", "grid").exit_code == 0
    (written,) = (tmp_path / "grid").glob("*.json")
    assert json.loads(written.read_text())["rerank_options"]["m"] == 400
    for arguments, said in (
        (("--rerank-set", "m=1"), "goes with --rerank"),
        ((*common[6:], "--rerank-set", "n=1"), "'n'"),
    ):
        refused = run("eval", "cirr", "--root", root, "--encoder", "tiny", *arguments)
        assert refused.exit_code == 2 and said in refused.output
