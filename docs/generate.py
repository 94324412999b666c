"""Writes the pages that the code itself knows: the commands and the hooks.

`python docs/generate.py [FOLDER]` writes them; the tests compare them with what they would be now.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from fieldglass import hooks
from fieldglass.cli import COMMANDS, main

DOCS = Path(__file__).parent
EXAMPLE = DOCS.parent / "tests" / "fixtures" / "fieldglass_example" / "fieldglass_example" / "hooks.py"
WIDTH = 80

CLI_HEAD = """# Command line

What `--help` prints, command by command. Exit codes: 0 done; 1 it could not be done; 2 a mistake in the
command; 3 done, but some items could not be taken; 130 interrupted.

"""
HOOKS_HEAD = """# Hooks

A hook is a function of your plugin's hook module, marked with `@hookimpl`. Fieldglass calls it; all but the last
return *offers*: a name, where to import the object, and one line of help. Nothing is imported before it is used.

The examples are those of `tests/fixtures/fieldglass_example`, a plugin that fills every hook.

"""


def commands(command: click.Command, name: str, parent: click.Context | None = None) -> Iterator[tuple[str, str]]:
    """(name, help) of a command and, of a group, of its commands."""
    context = click.Context(command, info_name=name, parent=parent, max_content_width=WIDTH, terminal_width=WIDTH)
    yield context.command_path, command.get_help(context)
    if isinstance(command, click.Group):
        for each in COMMANDS if command is main else command.list_commands(context):
            found = command.get_command(context, each)
            assert found is not None, each
            yield from commands(found, each, context)


def cli_page() -> str:
    """The page of the commands; those of plugins are left out, since they depend on what is installed."""
    core = click.Group(help=main.help, params=main.params, context_settings=main.context_settings)
    parts = [CLI_HEAD]
    for path, text in commands(main, "fieldglass"):
        shown = core_help(core) if path == "fieldglass" else text
        parts.append(f"## {path}\n\n```text\n{shown}\n```\n\n")
    return "".join(parts).rstrip() + "\n"


def core_help(core: click.Group) -> str:
    """The top page with the core's own commands."""
    for name, (_, summary) in COMMANDS.items():
        core.add_command(click.Command(name, help=summary), name)
    core.list_commands = lambda context: list(COMMANDS)  # type: ignore[method-assign]
    context = click.Context(core, info_name="fieldglass", max_content_width=WIDTH, terminal_width=WIDTH)
    return core.get_help(context)


def hooks_page() -> str:
    """The page of the hooks: signature, purpose, example."""
    source = EXAMPLE.read_text(encoding="utf-8")
    examples = {
        node.name: "@hookimpl\n" + ast.get_source_segment(source, node)
        for node in ast.parse(source).body
        if isinstance(node, ast.FunctionDef)
    }
    parts = [HOOKS_HEAD]
    for name, hook in vars(hooks).items():
        if name.startswith("fieldglass_"):
            signature = str(inspect.signature(hook)).replace("'", "")
            text = inspect.getdoc(hook)
            parts.append(f"## {name}\n\n`{name}{signature}`\n\n{text}\n\n```py\n{examples[name]}\n```\n\n")
    return "".join(parts).rstrip() + "\n"


PAGES = {"reference/cli.md": cli_page, "reference/hooks.md": hooks_page}

if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS
    (folder / "reference").mkdir(parents=True, exist_ok=True)
    for page, make in PAGES.items():
        (folder / page).write_text(make(), encoding="utf-8")
        sys.stdout.write(f"{page}\n")
