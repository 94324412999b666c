"""A small plugin on a path of its own, installed as far as `importlib.metadata` can tell; no wheel is built.

It offers `TinyEncoder`, so that commands run without torch, in this process and in others.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fieldglass.registry import registry

HERE = Path(__file__).parent

HOOKS = """
from fieldglass.hooks import Offer, hookimpl

@hookimpl
def fieldglass_encoders():
    return [Offer("tiny", "tiny:TinyEncoder", "colours and a few words", frozenset({"images", "texts", "places"}))]

@hookimpl
def fieldglass_commands():
    return [Offer("tinyplug", "tinyplug_commands:group", "commands of the test plugin")]
"""
COMMANDS = """
import click

@click.group()
def group():
    "Commands of the test plugin."

@group.command()
def hello():
    "Say hello."
    click.echo("hello from a plugin")
"""


def install(site: Path, name: str, hooks: str, **modules: str) -> None:
    """Lay out a distribution `name` with one entry point, a module `NAME_hooks` and further modules in `site`."""
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[fieldglass]\n{name} = {name}_hooks\n")
    (site / f"{name}_hooks.py").write_text(hooks)
    for module, text in modules.items():
        (site / f"{module}.py").write_text(text)


def tinyplug(site: Path) -> Path:
    """The plugin of this module."""
    install(site, "tinyplug", HOOKS, tinyplug_commands=COMMANDS)
    return site


def run(
    site: Path, *arguments: str | Path, stdin: bytes = b"", cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """The real command in a process of its own, with the plugins of `site`."""
    paths = os.pathsep.join([str(site), str(HERE)])
    return subprocess.run(
        [sys.executable, "-m", "fieldglass", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        check=False,
        cwd=cwd,
        timeout=300,
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", **environment},
    )


@pytest.fixture
def site(tmp_path_factory, monkeypatch):
    """The plugin of this module in this process too; the path for `run`."""
    folder = tinyplug(tmp_path_factory.mktemp("site"))
    monkeypatch.syspath_prepend(str(folder))
    registry.cache_clear()
    yield folder
    registry.cache_clear()


COLOURS = {
    "red": (220, 20, 20), "green": (20, 200, 40), "blue": (20, 40, 220),
    "dark": (15, 15, 15), "bright": (250, 250, 250), "pink": (240, 120, 150),
}  # fmt: skip


def paint(folder: Path, **names: str) -> Path:
    """Pictures of one colour each, with a little noise: {file name: colour}; all of `COLOURS` without names."""
    folder.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(7)
    for name, colour in (names or {colour: colour for colour in COLOURS}).items():
        pixels = np.clip(COLOURS[colour] + noise.integers(-9, 10, (48, 64, 3)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / (name if "." in name else f"{name}.png"))
    return folder
