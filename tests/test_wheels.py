"""The five wheels: what is in them, and each plugin alone beside the core.

An editable install hides what a wheel forgets, and a shared environment hides an import across the walls.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DISTRIBUTIONS = {
    "fieldglass": ROOT,
    **{f"fieldglass_{path.name}": path for path in sorted((ROOT / "plugins").iterdir()) if path.is_dir()},
}
PLUGINS = [name for name in DISTRIBUTIONS if name != "fieldglass"]
OUTPUT = shutil.ignore_patterns("*.egg-info", "build", "__pycache__", ".*")
NOT_SOURCE = {"tests", "benchmarks", "docs", "plugins", "site"}  # of the root alone
DATA = (".toml", ".css", ".js", ".html", ".tmpl", ".json", ".txt", ".typed")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheels(tmp_path_factory) -> dict[str, Path]:
    """Distribution -> its wheel, built from a copy without any build output of the tree."""
    folder = tmp_path_factory.mktemp("wheels")
    found = {}
    for name, source in DISTRIBUTIONS.items():
        copy = folder / f"source-{name}"
        shutil.copytree(source, copy, ignore=_not_source)
        command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder / name)]
        done = subprocess.run([*command, str(copy)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        (found[name],) = (folder / name).glob("*.whl")
    return found


def _not_source(folder: str, names: list[str]) -> set[str]:
    return OUTPUT(folder, names) | (NOT_SOURCE & set(names) if Path(folder) in DISTRIBUTIONS.values() else set())


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_a_wheel_holds_its_package_and_nothing_else(wheels, name):
    names = zipfile.ZipFile(wheels[name]).namelist()
    assert {each.split("/")[0] for each in names if ".dist-info/" not in each} == {name}
    source = ROOT / "core" if name == "fieldglass" else DISTRIBUTIONS[name]
    wanted = {
        path.relative_to(source).as_posix()
        for path in (source / name).rglob("*")
        if path.suffix in (".py", *DATA) and "__pycache__" not in path.parts
    }
    assert wanted - set(names) == set()


def test_the_core_wheel_carries_its_licence_and_needs_little(wheels):
    archive = zipfile.ZipFile(wheels["fieldglass"])
    metadata = next(archive.read(each).decode() for each in archive.namelist() if each.endswith("/METADATA"))
    assert "License-Expression: Apache-2.0" in metadata
    assert any(each.endswith("licenses/LICENSE") for each in archive.namelist())
    needed = {
        line.split(":", 1)[1].split(";")[0].strip().split(">")[0].split("=")[0]
        for line in metadata.splitlines()
        if line.startswith("Requires-Dist") and "extra ==" not in line
    }
    assert needed == {"pluggy", "click", "rich", "numpy", "pillow"}


def install(python: str, *what: str, **environment: str) -> None:
    uv = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    assert uv, "uv is part of the environment that `make` builds"
    command = [uv, "pip", "install", "--quiet", "--python", python, "--constraints", str(ROOT / "constraints.txt")]
    done = subprocess.run(
        [*command, *what], capture_output=True, text=True, check=False, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stderr[-3000:]


def find_links() -> str:
    """Where local wheels lie, as the Makefile tells: uv's own variable, else pip's, else pip's configuration."""
    for name in ("UV_FIND_LINKS", "PIP_FIND_LINKS"):
        if os.environ.get(name):
            return ",".join(os.environ[name].split())
    command = [sys.executable, "-m", "pip", "config", "get", "global.find-links"]
    return ",".join(subprocess.run(command, capture_output=True, text=True, check=False).stdout.split())


def run(python: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [python, *arguments], capture_output=True, text=True, check=False, cwd=cwd,
        env={**environment, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


@pytest.fixture
def environment(tmp_path) -> str:
    """The Python of an empty environment."""
    venv.create(tmp_path / "venv", with_pip=False, symlinks=True)
    return str(tmp_path / "venv" / "bin" / "python")


def test_the_core_alone(wheels, environment, tmp_path):
    """No extra at all: help, list and doctor work, and what is missing is said with its pip line."""
    install(environment, str(wheels["fieldglass"]), UV_FIND_LINKS=find_links())
    for command in (("--help",), ("list",), ("doctor",)):
        done = run(environment, "-m", "fieldglass", *command, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "mini" in done.stdout or command == ("--help",)
    (tmp_path / "pictures").mkdir()
    done = run(environment, "-m", "fieldglass", "index", "pictures", "--to", "x.collection", cwd=tmp_path)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "pip install" in done.stderr and "fieldglass[mini]" in done.stderr


@pytest.mark.parametrize("name", PLUGINS)
def test_a_plugin_beside_the_core(wheels, environment, tmp_path, name):
    """Its own tests pass where nothing is installed but the two wheels, what they need, and pytest."""
    links = f"{find_links()},{wheels['fieldglass'].parent}".strip(",")
    install(environment, str(wheels[name]), str(wheels["fieldglass"]), "pytest", "hypothesis", UV_FIND_LINKS=links)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    domain = name.removeprefix("fieldglass_")
    shutil.copytree(ROOT / "tests" / domain, tmp_path / "tests" / domain, ignore=shutil.ignore_patterns("__pycache__"))
    for helper in (ROOT / "tests").glob("[!t]*.py"):  # what the domains share
        shutil.copy(helper, tmp_path / "tests")
    quiet = ("-q", "-p", "no:cacheprovider", "--hypothesis-profile=ci")
    done = run(environment, "-m", "pytest", *quiet, "tests", cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    assert " passed" in done.stdout.splitlines()[-1]
    shown = run(environment, "-m", "fieldglass", "doctor", cwd=tmp_path).stdout
    assert name.replace("_", "-") in shown
    assert not [other for other in PLUGINS if other != name and other.replace("_", "-") in shown]
