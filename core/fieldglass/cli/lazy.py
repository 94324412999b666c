"""Click groups whose commands are known by name and one line, and imported when they are called."""

from __future__ import annotations

import difflib
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import click

from fieldglass.errors import FieldglassError, PluginError, UsageError

__all__ = ["INTERRUPTED", "JOURNALLED", "CommandTable", "LazyGroup"]

JOURNALLED = 3
INTERRUPTED = 130
_CLOSED_PIPE = 141


class CommandTable(click.Group):
    """Commands from a table of name -> ("module:attribute", summary), each imported when it is called."""

    def __init__(self, *arguments: Any, table: Mapping[str, tuple[str, str]], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The imported command; None where the table has no such name."""
        if cmd_name not in self.table:
            return None
        module, _, attribute = self.table[cmd_name][0].partition(":")
        found: click.Command = getattr(import_module(module), attribute)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Like click's, with the near matches of an unknown name."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            near = difflib.get_close_matches(name, self.list_commands(ctx), n=3)
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            ctx.fail(f"There is no command {name!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Names and summaries; nothing is imported."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in self.table.items()])


class LazyGroup(CommandTable):
    """The core's commands from its table, then those of plugins.

    It is also where every error of Fieldglass becomes a message and an exit code.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Built-in commands in the order of the table, then plugins' by name."""
        return [*self.table, *_offered(self.table)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The imported command; for a broken plugin, one that says why it is not loaded."""
        if cmd_name in self.table:
            return super().get_command(ctx, cmd_name)
        if cmd_name in _broken():
            return _Unloaded(cmd_name, _broken()[cmd_name])
        if cmd_name in _offered(self.table):
            from fieldglass.registry import registry

            offered: Any = registry().factory("commands", cmd_name)
            if not isinstance(offered, click.Command):
                raise PluginError(f"The command {cmd_name!r} is a {type(offered).__name__}, not a click command.")
            return offered
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Names and summaries; nothing is imported."""
        super().format_commands(ctx, formatter)
        rows = [(name, summary) for name, summary in _offered(self.table).items()]
        rows += [(f"{name} †", f"not loaded: {reason}") for name, reason in _broken().items()]
        if rows:
            with formatter.section("From plugins"):
                formatter.write_dl(sorted(rows))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; errors of Fieldglass end as a message on standard error."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:  # the reader has seen enough: `fieldglass list | head -1`
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            ctx.exit(_CLOSED_PIPE)
        except KeyboardInterrupt:
            click.echo("\ninterrupted: what was committed stays; the same command goes on from there.", err=True)
            ctx.exit(INTERRUPTED)
        except FieldglassError as error:
            _show(ctx, error, error.message, error.hint)
            ctx.exit(2 if isinstance(error, UsageError) else 1)
        except OSError as error:
            _show(ctx, error, _of_system(error), "")
            ctx.exit(1)
        return result


class _Unloaded(click.Command):
    """Stands where the command of a broken plugin would be."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, help=f"Not loaded: {reason}", context_settings={"ignore_unknown_options": True})
        self.params.append(click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED))
        self.callback: Callable[..., Any] = self._refuse
        self._reason = reason

    def _refuse(self, arguments: tuple[str, ...]) -> None:
        raise PluginError(
            f"The plugin {self.name!r} is not loaded: {self._reason}.",
            hint="Everything else works; `fieldglass doctor` shows what is installed.",
        )


def _offered(table: Mapping[str, Any]) -> dict[str, str]:
    """Plugins' commands and their summaries; a name of the core's own stays the core's."""
    from fieldglass.registry import registry

    offers = registry().offers("commands")
    return {name: offer.summary for name, offer in offers.items() if name not in table}


def _broken() -> dict[str, str]:
    from fieldglass.registry import registry

    return {plugin.name: " ".join(plugin.broken.split()).rstrip(".") for plugin in registry().plugins if plugin.broken}


def _show(ctx: click.Context, error: Exception, message: str, hint: str) -> None:
    if ctx.params.get("traceback"):
        click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
    click.secho("error: ", fg="red", bold=True, nl=False, err=True)
    click.echo(message, err=True)
    if hint:
        click.echo(f"  {hint}", err=True)


def _of_system(error: OSError) -> str:
    where = f": {error.filename}" if error.filename else ""
    return f"{error.strerror or error}{where}"
