"""How benchmarks are found, run and written down; their figures are not tested here."""

from __future__ import annotations

import sys
import textwrap

import pytest

from benchmarks import run
from benchmarks.table import Row, markdown


def test_rows_become_a_table():
    text = markdown([Row("a | b", "< 1", "0.5\nx", True), Row("c", "> 1", "0", False, "why"), Row("d", "-", "7", None)])
    assert text.splitlines()[2:] == [
        "| a \\| b | < 1 | 0.5 x | yes |  |",
        "| c | > 1 | 0 | **no** | why |",
        "| d | - | 7 | - |  |",
    ]


def test_every_benchmark_is_found():
    assert {"cli", "ingest", "quality", "search"} <= set(run.names())
    assert not {"run", "table", "__init__"} & set(run.names())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of benchmarks of this test's own."""
    (tmp_path / "benchmarks").mkdir()
    for name in ("__init__", "run", "table"):
        (tmp_path / "benchmarks" / f"{name}.py").write_text((run.HERE / f"{name}.py").read_text())
    monkeypatch.setattr(run, "HERE", tmp_path / "benchmarks")
    return tmp_path / "benchmarks"


def write(folder, name, body):
    head = "from benchmarks.table import Row\n\ndef rows(quick):\n"
    (folder / f"{name}.py").write_text(head + textwrap.indent(body, "    "))


@pytest.mark.parametrize(("body", "code"), [("return [Row('w', 'b', str(quick), True)]", 0), ("return 1 / 0", 1)])
def test_a_run_writes_the_page_and_tells_a_miss(folder, monkeypatch, body, code):
    write(folder, "tiny", body)
    monkeypatch.setattr(sys, "argv", ["run", "--quick", "--out", str(folder / "R.md")])
    assert run.main() == code
    page = (folder / "R.md").read_text()
    assert "## tiny" in page and "The small size" in page
    assert ("| w | b | True | yes |" in page) == (code == 0)
    assert ("ZeroDivisionError" in page) == (code == 1)


def test_one_benchmark_measured_anew_leaves_the_others(folder, monkeypatch):
    for name in ("first", "second"):
        write(folder, name, f"return [Row('{name}', 'b', str(quick), True)]")
    page = folder / "R.md"
    monkeypatch.setattr(sys, "argv", ["run", "--out", str(page)])
    assert run.main() == 0
    before = page.read_text()
    monkeypatch.setattr(sys, "argv", ["run", "--quick", "--only", "second", "--out", str(page)])
    assert run.main() == 0
    after = page.read_text()
    parts, again = ([text.split("\n## ")[number] for number in (0, 1, 2)] for text in (before, after))
    assert again[:2] == parts[:2] and "| second | b | False |" in parts[2] and "| second | b | True |" in again[2]
