"""`fieldglass fashion` as a shop types it."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from fieldglass.cli import main
from fieldglass_fashion.cli import COMMANDS, fashion


def run(*arguments, code=0):
    done = CliRunner().invoke(main, ["fashion", *map(str, arguments)])
    assert done.exit_code == code, done.output
    return done


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_examples(name):
    shown = run(name, "--help").output
    assert "Examples:" in shown and f"fieldglass fashion {name}" in shown


def test_the_group_lists_its_commands_without_importing_them():
    shown = fashion.get_help(click.Context(fashion))
    for name, (_, summary) in COMMANDS.items():
        assert f"  {name} " in shown and summary.split()[0] in shown


def test_an_unknown_command_names_the_near_one():
    assert "Did you mean search?" in run("saerch", code=2).output
