"""The command line. `main` knows each command by name and one line; its module is imported when it is called."""

from __future__ import annotations

import click

from fieldglass import __version__
from fieldglass.cli.lazy import LazyGroup

__all__ = ["COMMANDS", "main"]

COMMANDS = {
    "index": ("fieldglass.cli.index:index", "Take pictures into a collection."),
    "search": ("fieldglass.cli.search:search", "Search with a picture, a sentence, or both."),
    "chat": ("fieldglass.cli.chat:chat", "Search in several turns: marks, words, undo."),
    "explain": ("fieldglass.cli.explain:explain", "Show what made one item a hit."),
    "info": ("fieldglass.cli.inspect:info", "What a collection holds."),
    "problems": ("fieldglass.cli.inspect:problems", "The items that could not be taken, and why."),
    "annotate": ("fieldglass.cli.change:annotate", "Add columns from a table, joined by id."),
    "caption": ("fieldglass.cli.caption:caption", "Store captions with the items."),
    "augment": ("fieldglass.cli.augment:augment", "Make a field whose vectors are smoothed by their neighbours."),
    "refresh": ("fieldglass.cli.change:refresh", "Run the metadata hooks again, without encoding."),
    "rm": ("fieldglass.cli.change:rm", "Remove items from a collection."),
    "relocate": ("fieldglass.cli.change:relocate", "Say where a source has moved."),
    "build": ("fieldglass.cli.maintain:build", "Build the index of a collection by hand."),
    "compact": ("fieldglass.cli.maintain:compact", "Give the space of removed items back."),
    "verify": ("fieldglass.cli.maintain:verify", "Read everything and compare checksums."),
    "export": ("fieldglass.cli.exchange:export", "Write vectors and metadata as npy and Parquet."),
    "import": ("fieldglass.cli.exchange:import_", "Make a collection of what `export` wrote."),
    "eval": ("fieldglass.cli.eval:eval_", "Run a benchmark and compare with its paper."),
    "bench": ("fieldglass.cli.bench:bench", "What is known of each benchmark."),
    "train": ("fieldglass.cli.train:train", "Train what a recipe offers."),
    "demo": ("fieldglass.cli.demo:demo", "Index real photographs and search them."),
    "models": ("fieldglass.cli.models:models", "List, fetch and check model weights."),
    "llm": ("fieldglass.cli.llm:llm", "Check a language model's endpoint, and its kept answers."),
    "list": ("fieldglass.cli.list:list_", "What the core and its plugins offer."),
    "doctor": ("fieldglass.cli.doctor:doctor", "What is installed, and what is missing or broken."),
    "new": ("fieldglass.cli.new:new", "Write the skeleton of a plugin."),
}


@click.group(
    cls=LazyGroup,
    table=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": None},
)
@click.version_option(__version__, prog_name="fieldglass")
@click.option("--traceback", is_flag=True, envvar="FIELDGLASS_TRACEBACK", help="Show where an error was raised.")
def main(traceback: bool) -> None:
    """Find pictures in specialised collections with a picture, a sentence, or both.

    \b
    Examples:
      fieldglass demo --open
      fieldglass index holiday --to holiday.collection
      fieldglass search holiday.collection --text "a dog on a beach"
      fieldglass search holiday.collection --image dog.jpg --text "in the snow"
    """
