"""Writes the skeleton of a plugin: installable, and green, before a line of it is changed."""

from __future__ import annotations

import keyword
import re
from importlib.resources import files
from pathlib import Path
from string import Template

from fieldglass import __version__
from fieldglass.errors import UsageError

__all__ = ["write_domain"]

_FILES = {
    "pyproject.toml.tmpl": "pyproject.toml",
    "__init__.py.tmpl": "fieldglass_{name}/__init__.py",
    "hooks.py.tmpl": "fieldglass_{name}/hooks.py",
    "encoder.py.tmpl": "fieldglass_{name}/encoder.py",
    "commands.py.tmpl": "fieldglass_{name}/commands.py",
    "test_name.py.tmpl": "tests/test_{name}.py",
}
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def write_domain(name: str, folder: Path) -> list[Path]:
    """Write the files of the plugin `name` into `folder`/fieldglass-NAME; their paths.

    UsageError where the name cannot be one, is taken, or the folder holds something already.
    """
    name = name.replace("-", "_")
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise UsageError(f"{name!r} cannot name a plugin.", hint="Use small letters, digits and _, as in `histology`.")
    _refuse_taken(name)
    top = folder / f"fieldglass-{name.replace('_', '-')}"
    if top.exists() and any(top.iterdir()):
        raise UsageError(f"{str(top)!r} is there already.", hint="Choose another name, or another folder with --to.")
    words = {"name": name, "dashed": name.replace("_", "-"), "words": name.replace("_", " "), "version": __version__}
    written = []
    for template, target in _FILES.items():
        text = (files("fieldglass.scaffold") / "domain" / template).read_text(encoding="utf-8")
        path = top / target.format(name=name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(Template(text).substitute(words), encoding="utf-8")
        written.append(path)
    return written


def _refuse_taken(name: str) -> None:
    from fieldglass.cli import COMMANDS
    from fieldglass.registry import registry

    plugins = [plugin.name for plugin in registry().plugins]
    if name in plugins or name in COMMANDS:
        raise UsageError(f"{name!r} is a plugin or a command already.", hint="`fieldglass doctor` shows the plugins.")
