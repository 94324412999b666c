"""`fieldglass augment`: database-side augmentation of a collection."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["augment"]


@click.command(short_help="Make a field whose vectors are smoothed by their neighbours.")
@click.argument("collection", type=click.Path(path_type=Path))
@click.option("--field", default="image", show_default=True, help="The field that is augmented; it stays as it is.")
@click.option("--to-field", metavar="NAME", help="The field to fill; FIELD-dba without it.")
@click.option("--k", type=click.IntRange(1), default=10, show_default=True, help="How many neighbours.")
@click.option("--alpha", type=click.FloatRange(0), default=3.0, show_default=True, help="The power of similarity.")
@click.option("--again", is_flag=True, help="Make every vector anew, not those of new items alone.")
def augment(collection: Path, field: str, to_field: str | None, k: int, alpha: float, again: bool) -> None:
    """Fill a second field with the vectors of FIELD, each moved towards its nearest (database-side augmentation).

    Search it with `--set field=image-dba`. A run that was interrupted goes on where it was. Run the command again when
    items were added: they are topped up, and with --again the items before them learn of them too.

    \b
    Examples:
      fieldglass augment holiday.collection
      fieldglass augment holiday.collection --k 5 --to-field image-dba5
      fieldglass search holiday.collection --image dog.jpg --set field=image-dba
    """
    import fieldglass
    from fieldglass.cli.progress import Meter

    with fieldglass.open(collection, field=field) as opened, Meter(1) as meter:

        def tell(done: int, total: int) -> None:
            meter.say(f"augmenting {done} of {total}")
            if meter.stop.is_set():
                raise KeyboardInterrupt

        done = opened.augment(field=to_field, k=k, alpha=alpha, again=again, progress=tell)
    click.echo(f"{done.field}: {done.written} items augmented, {done.kept} were there")
    if done.written and done.kept:
        click.echo("note: the items before do not know the new ones; --again makes all anew.", err=True)
