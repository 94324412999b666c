"""The group `fieldglass geo`: every command is there, says what it does and gives an example."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from fieldglass_geo.cli import COMMANDS, geo


@pytest.mark.parametrize("name", COMMANDS)
def test_help_gives_an_example(name):
    shown = CliRunner().invoke(geo, [name, "--help"])
    assert shown.exit_code == 0, shown.output
    found = geo.get_command(click.Context(geo), name)
    if not isinstance(found, click.Group):
        assert f"fieldglass geo {name}" in shown.output


def test_the_group_lists_them():
    shown = CliRunner().invoke(geo, ["--help"])
    assert shown.exit_code == 0
    for name in COMMANDS:
        assert f"  {name}" in shown.output
