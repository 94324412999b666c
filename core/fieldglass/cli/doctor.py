"""`fieldglass doctor`: what is installed, what is missing, and what is broken, with its reason."""

from __future__ import annotations

from typing import Any

import click

from fieldglass.cli.output import echo_json, echo_table, format_option

__all__ = ["doctor", "show"]


@click.command()
@format_option
def doctor(form: str) -> None:
    """What is installed, and what is missing or broken.

    \b
    Examples:
      fieldglass doctor
      fieldglass doctor --format json
    """
    from fieldglass.cli.diagnosis import examine

    found = examine()
    if form == "json":
        echo_json(found)
    else:
        show(found)


def show(found: dict[str, Any]) -> None:
    """Print what `diagnosis.examine` found as tables."""
    echo_table(
        ["plugin", "distribution", "version", "hooks", "offers"],
        (
            [each["name"], each["distribution"], each["version"], each["hooks"], each["offers"]]
            for each in found["plugins"]
            if not each["broken"]
        ),
        title="Plugins",
    )
    for each in found["plugins"]:
        if each["broken"]:
            click.secho(
                f"† {each['name']} ({each['distribution']} {each['version']}) is not loaded: ", fg="red", nl=False
            )
            click.echo(each["broken"])
    click.echo()
    echo_table(
        ["extra", "state", "install with"],
        (
            [each["extra"], f"lacks {', '.join(each['missing'])}" if each["missing"] else "complete", each["install"]]
            for each in found["extras"]
        ),
        title="Extras",
    )
    click.echo()
    echo_table(
        ["part", "version", "details"],
        (
            [
                name,
                part["version"] or "not installed",
                ", ".join(_detail(*each) for each in part.items() if each[0] != "version"),
            ]
            for name, part in found["parts"].items()
        ),
        title="Parts",
    )


def _detail(name: str, value: Any) -> str:
    return f"{name}: {' '.join(value) if isinstance(value, list) else value}"
