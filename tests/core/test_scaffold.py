"""`fieldglass new domain`: six files, installable and green at once."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from click.testing import CliRunner

from fieldglass.cli import main
from fieldglass.errors import UsageError
from fieldglass.scaffold import write_domain

ROOT = Path(__file__).parents[2]


def test_six_files_and_120_lines(tmp_path):
    written = write_domain("histology", tmp_path)
    assert len(written) <= 6
    assert sum(len(path.read_text().splitlines()) for path in written) <= 120
    for path in written:
        assert "$" not in path.read_text()
        if path.suffix == ".py":
            ast.parse(path.read_text())


def test_what_is_written_is_clean(tmp_path):
    write_domain("deep_sea", tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--config", str(ROOT / "pyproject.toml"), str(tmp_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_the_command_says_what_it_wrote(tmp_path):
    found = CliRunner().invoke(main, ["new", "domain", "deep-sea", "--to", str(tmp_path)])
    assert found.exit_code == 0, found.output
    assert str(tmp_path / "fieldglass-deep-sea" / "fieldglass_deep_sea" / "hooks.py") in found.stdout
    assert "pip install -e" in found.stderr


IMPOSSIBLE = ("", "Histology", "9lives", "a b", "class", "../up", "search", "core", "ä", "a__b", "_a")


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_names_that_cannot_be_are_refused(name, tmp_path):
    with pytest.raises(UsageError):
        write_domain(name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(tmp_path):
    first = write_domain("histology", tmp_path)
    before = [path.read_bytes() for path in first]
    with pytest.raises(UsageError, match="there already"):
        write_domain("histology", tmp_path)
    assert [path.read_bytes() for path in first] == before


def _green(folder: Path, python: str, **environment: str) -> None:
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)],
        capture_output=True, text=True, check=False, cwd=folder,
        env={**os.environ, **environment, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout.splitlines()[-1]


def test_its_own_tests_are_green(tmp_path):
    top = write_domain("histology", tmp_path)[0].parent
    info = top / "fieldglass_histology-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fieldglass-histology\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[fieldglass]\nhistology = fieldglass_histology.hooks\n")
    _green(top, sys.executable, PYTHONPATH=str(top))


@pytest.mark.slow
def test_it_installs_and_is_green(tmp_path):
    """The real thing: an environment that sees this one's packages, and pip."""
    top = write_domain("histology", tmp_path)[0].parent
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    site = next((tmp_path / "venv").glob("lib/python3*/site-packages"))
    seen = [each for each in sys.path if each.endswith("site-packages")]
    (site / "outer.pth").write_text("".join(f"import site; site.addsitedir({each!r})\n" for each in seen))
    python = str(tmp_path / "venv" / "bin" / "python")
    install = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "-e", str(top)]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shown = subprocess.run([python, "-m", "fieldglass", "doctor"], capture_output=True, text=True, check=True)
    assert "fieldglass-histology" in shown.stdout
    _green(top, python)
