"""`fieldglass geo`: the commands by name and one line; the module of each is imported when it is called."""

from __future__ import annotations

from importlib import import_module

import click

__all__ = ["COMMANDS", "Commands", "geo"]

COMMANDS = {
    "index": ("fieldglass_geo.cli.index:index", "Take photos into a collection; round or drop their coordinates."),
    "exif": ("fieldglass_geo.cli.exif:exif", "Where photos were taken, and what is wrong with what they say."),
    "reverse": ("fieldglass_geo.cli.reverse:reverse", "Country, region and place of points, without a network."),
    "gallery": ("fieldglass_geo.cli.gallery:gallery", "Places to locate photos among."),
    "locate": ("fieldglass_geo.cli.locate:locate", "Where photos were taken, by what they show."),
    "search": ("fieldglass_geo.cli.search:search", "Search by photo, text or place, within an area."),
    "near": ("fieldglass_geo.cli.near:near", "What lies near a place, nearest first."),
    "embed": ("fieldglass_geo.cli.embed:embed", "The vectors of places, as a file."),
    "eval": ("fieldglass_geo.cli.eval:evaluate", "Run a benchmark of geolocalisation."),
}


class Commands(click.Group):
    """A group whose commands stand in a table of name -> ("module:attribute", summary)."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The imported command, or None."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        found: click.Command = getattr(import_module(module), attribute)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Names and summaries; nothing is imported."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.group(cls=Commands, short_help="Where photos were taken, and what looks like this near there.")
def geo() -> None:
    """Places: where photos were taken, and what looks like this near there.

    \b
    Examples:
      fieldglass geo exif holiday
      fieldglass geo index holiday --to holiday.collection --round-coords 3
      fieldglass geo gallery build --default-100k --to world.collection
      fieldglass geo locate beach.jpg --gallery world.collection --map beach.map.html
      fieldglass geo search world.collection --place 64.15,-21.94
      fieldglass geo near holiday.collection --at 55.676,12.568 --radius 2km
    """
