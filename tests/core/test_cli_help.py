"""The command line before any command runs: help, names, plugins, errors, cost."""

from __future__ import annotations

import os
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

import plugged
from fieldglass.cli import COMMANDS, main
from fieldglass.cli.lazy import LazyGroup
from fieldglass.errors import DamagedError, UsageError

HEAVY = ("numpy", "torch", "PIL", "faiss", "rich", "sqlite3", "timm", "transformers")


def test_help_names_every_command_and_imports_nothing_heavy(tmp_path):
    code = (
        "import sys; from fieldglass.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stderr.strip() == "[]"
    for name, (_, summary) in COMMANDS.items():
        assert f"  {name} " in found.stdout
        assert summary.split()[0] in found.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_examples(name):
    found = CliRunner().invoke(main, [name, "--help"])
    assert found.exit_code == 0, found.output
    command = main.get_command(click.Context(main), name)
    if not isinstance(command, click.Group):
        assert f"fieldglass {name}" in found.output or f"fieldglass {name.removesuffix('s')}" in found.output
        assert "Examples:" in found.output


def test_unknown_command_names_the_near_ones():
    found = CliRunner().invoke(main, ["serach"])
    assert found.exit_code == 2
    assert "no command 'serach'" in found.output
    assert "search" in found.output


def test_plugins_commands_and_broken_plugins(tmp_path):
    site = plugged.tinyplug(tmp_path)
    plugged.install(site, "lame", "import a_package_that_is_not_there\n")
    shown = plugged.run(site, "--help").stdout.decode()
    assert "tinyplug" in shown
    assert "commands of the test plugin" in " ".join(shown.split())
    assert "lame †" in shown
    assert "a_package_that_is_not_there" in "".join(shown.split())
    assert plugged.run(site, "tinyplug", "hello").stdout == b"hello from a plugin\n"
    called = plugged.run(site, "lame", "anything", "--at", "all")
    assert called.returncode == 1
    assert b"not loaded: ModuleNotFoundError" in called.stderr
    assert b"Traceback" not in called.stderr
    assert plugged.run(site, "list", "encoders").returncode == 0


def test_a_plugin_may_not_take_a_name_of_the_core(tmp_path):
    hooks = plugged.HOOKS.replace('"tinyplug"', '"search"').replace("tinyplug_commands", "thief_commands")
    plugged.install(tmp_path, "thief", hooks.replace('"tiny"', '"thief"'), thief_commands=plugged.COMMANDS)
    found = plugged.run(tmp_path, "search", "--help").stdout.decode()
    assert "Search a collection" in found


def _group(error: BaseException) -> LazyGroup:
    @click.group(cls=LazyGroup, table={})
    @click.option("--traceback", is_flag=True)
    def group(traceback: bool) -> None: ...

    @click.command()
    def fail() -> None:
        raise error

    group.get_command = lambda ctx, name: fail  # type: ignore[method-assign]
    return group


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (DamagedError("7.image.npy is not whole.", hint="Run `fieldglass verify`."), 1, "7.image.npy is not whole."),
        (UsageError("No such thing."), 2, "No such thing."),
        (OSError(28, "No space left on device", "/x/1.npy"), 1, "No space left on device: /x/1.npy"),
        (KeyboardInterrupt(), 130, "what was committed stays"),
    ],
)
def test_errors_become_messages_and_codes(error, code, text):
    found = CliRunner().invoke(_group(error), ["fail"])
    assert found.exit_code == code
    assert text in found.stderr
    assert "Traceback" not in found.stderr
    assert found.stdout == ""


def test_traceback_on_demand():
    found = CliRunner().invoke(_group(DamagedError("Bad.", hint="Mend it.")), ["--traceback", "fail"])
    assert found.exit_code == 1
    assert "Traceback" in found.stderr
    assert "error: Bad.\n  Mend it." in found.stderr


def test_a_closed_pipe_is_quiet():
    shell = f"{sys.executable} -m fieldglass list | true; exit ${{PIPESTATUS[0]}}"
    found = subprocess.run(["bash", "-c", shell], capture_output=True, check=False, env={**os.environ})
    assert found.stderr == b""
    assert found.returncode in (0, 141)
