"""What the `eval` commands do and print."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fieldglass.cli.llm import spread
from fieldglass.cli.output import echo_json, echo_table
from fieldglass.cli.progress import Meter
from fieldglass.errors import FieldglassError, UsageError
from fieldglass.options import coerce, completed, options_of, parse
from fieldglass.registry import registry

if TYPE_CHECKING:
    from fieldglass.interfaces import Benchmark

__all__ = ["benchmark_of", "check_report", "evaluated", "run_matrix", "show", "show_comparison"]


def benchmark_of(name: str, root: Path | None, settings: tuple[str, ...]) -> tuple[Benchmark, dict[str, Any]]:
    """The benchmark and the options it was made with. UsageError where it needs a --root."""
    options: dict[str, Any] = dict(parse(settings))
    needed = options_of(registry().factory("benchmarks", name)).get("root")
    if root is not None:
        options["root"] = str(root)
    elif needed is not None and needed.default is needed.empty:
        from fieldglass.benchmarks import card

        found = card(name)
        raise UsageError(
            f"{name} needs --root DIR, the folder of its official files.",
            hint=f"They come from {found.source}; the folder holds {found.layout}.",
        )
    made = registry().create("benchmarks", name, options)
    kept = getattr(made, "files", None)
    if "root" not in options and kept is not None:
        options["root"] = str(kept.root)
    return made, options


def check_report(benchmark: Any, form: str) -> bool:
    """Print what the folder holds and lacks; whether it is complete. Benchmarks of plugins may have no `check`."""
    if not hasattr(benchmark, "check"):
        raise UsageError(f"{benchmark.card.name} cannot check its files.", hint="Run it without --check.")
    found = benchmark.check()
    if form == "json":
        missing = list(found.missing)
        echo_json({"pictures": found.pictures, "missing": missing, "queries": found.queries, "notes": found.notes})
        return bool(found.complete)
    click.echo(f"{benchmark.card.name}: {found.queries} queries, {found.pictures} pictures")
    for note in found.notes:
        click.echo(f"  {note}")
    if found.missing:
        click.echo(f"  {len(found.missing)} of {found.pictures} pictures missing, the first: {found.missing[0]}")
        click.echo(f"  {benchmark.files.hint}")
    if found.complete:
        click.echo("  complete")
    return bool(found.complete)


def evaluated(
    name: str,
    benchmark: Benchmark,
    options: Mapping[str, Any],
    *,
    encoder: str | None,
    encoder_settings: tuple[str, ...],
    weights: Path | None,
    composer: str | None,
    composer_settings: tuple[str, ...],
    rerank: str | None,
    rerank_settings: tuple[str, ...],
    collection: Path | None,
    limit: int | None,
    out: Path | None,
    submission: Path | None,
    llm_url: str,
    llm_model: str,
) -> dict[str, Any]:
    """Run one pair; write what was asked for. The content of the result file, with its rows of the paper."""
    encoder_options: dict[str, Any] = dict(parse(encoder_settings))
    if encoder is None:
        encoder, made_with = _encoder_of(collection)
        encoder_options = {**made_with, **encoder_options}
    if weights is not None:
        encoder_options["weights"] = str(weights)
    if composer_settings and composer is None:
        raise UsageError("--composer-set goes with --composer NAME.")
    composer_options, asking = spread(
        {"llm_url": llm_url, "llm_model": llm_model},
        ("composers", composer, parse(composer_settings)),
        ("rerankers", rerank, {}),
    )
    rerank_settings = (*(f"{option}={value}" for option, value in asking.items()), *rerank_settings)
    found, files = _run(
        name,
        benchmark,
        options,
        encoder,
        encoder_options,
        composer,
        composer_options,
        rerank,
        _rerank_options(rerank, rerank_settings),
        collection,
        limit,
    )
    from fieldglass.evaluation.results import write_json

    if files:
        for file, content in files.items():
            target = (submission or (out.parent if out else Path())) / file
            write_json(target, content, compact=True)
            found.setdefault("submission", []).append(str(target))
    if out is not None:
        write_json(out, found)
    return found


def _encoder_of(collection: Path | None) -> tuple[str, Mapping[str, Any]]:
    """What made the vectors of a collection; `mini` for one that is yet to be made."""
    if collection is None or not collection.exists():
        return "mini", {}
    import fieldglass

    with fieldglass.open(collection) as opened:
        return opened.field.encoder, opened.field.options


def _run(
    name: str,
    benchmark: Benchmark,
    options: Mapping[str, Any],
    encoder: str,
    encoder_options: Mapping[str, Any],
    composer: str | None,
    composer_options: Mapping[str, Any],
    rerank: str | None,
    rerank_options: Mapping[str, Any],
    collection: Path | None,
    limit: int | None,
) -> tuple[dict[str, Any], Mapping[str, Any]]:
    from fieldglass.evaluation.prepared import default_path, prepare
    from fieldglass.evaluation.published import rows_for
    from fieldglass.evaluation.results import result
    from fieldglass.evaluation.run import evaluate

    if composer is not None:  # a misspelt name is told before the gallery is encoded
        factory = registry().factory("composers", composer)
        strict = {"llm_required": True} if "llm_required" in options_of(factory) else {}
        composer_options = coerce(factory, composer, {**strict, **composer_options})
    path = collection or default_path(name, options, encoder, encoder_options)
    with Meter(1) as meter:
        ready = prepare(path, name, options, encoder, encoder_options, progress=meter.update, stop=meter.stop)
        with ready:
            outcome = evaluate(
                benchmark,
                ready,
                root=Path(str(options["root"])) if "root" in options else None,
                composer=composer,
                options=composer_options,
                rerank=rerank,
                rerank_options=rerank_options,
                limit=limit,
                progress=lambda done, total: meter.say(f"searching {done} of {total}"),
            )
            found = result(
                benchmark,
                options,
                ready,
                outcome,
                composer_options=composer_options,
                rerank=rerank,
                rerank_options=rerank_options,
            )
            found["collection"]["path"] = str(path)
            encoder_used = found["encoder"]["options"]
    rows = rows_for(benchmark.card, outcome.composer, encoder_used, str(getattr(benchmark, "split", "")))
    found["published"] = [
        {"method": row.method, "backbone": row.backbone, "split": row.split, "source": row.source, **row.metrics}
        for row in rows
    ]
    return found, outcome.files


def _rerank_options(rerank: str | None, settings: tuple[str, ...]) -> dict[str, Any]:
    """All options of a reranker; a misspelt name or option is told before the gallery is encoded."""
    given = parse(settings, "--rerank-set")
    if rerank is None:
        if given:
            raise UsageError("--rerank-set goes with --rerank NAME.")
        return {}
    return completed(registry().factory("rerankers", rerank), rerank, given)


def show(found: Mapping[str, Any], form: str) -> None:
    """Our row, its intervals, and the paper's rows with the difference."""
    if form == "json":
        echo_json({key: value for key, value in found.items() if key != "values"})
        return
    about = f"{found['benchmark']['name']}: {found['encoder']['name']}, {found['composer']['name']}"
    if found["rerank"]:
        about += f", re-ranked by {found['rerank']}"
    click.echo(f"{about}; {found['queries']['answered']} queries in {found['seconds']:.1f} s")
    if found["subset"]:
        click.secho(f"subset: {found['subset']}", fg="yellow")
    for note in found["notes"]:
        click.echo(f"note: {note}")
    papers = found["published"]
    columns = ["metric", "ours", "95 %"]
    for row in papers:
        columns += [f"{row['method']} {row['backbone']} ({row['source']})", "difference"]
    lines = []
    for metric, ours in found["metrics"].items():
        low_high = found["intervals"].get(metric)
        line: list[Any] = [metric, f"{ours:.2f}", f"{low_high[0]:.2f} to {low_high[1]:.2f}" if low_high else ""]
        for row in papers:
            theirs = row.get(metric)
            line += ["", ""] if theirs is None else [f"{theirs:.2f}", f"{ours - theirs:+.2f}"]
        lines.append(line)
    if lines:
        echo_table(columns, lines, right="ours")
    for file in found.get("submission", ()):
        click.echo(f"written for the server: {file}")


def run_matrix(
    benchmark: str,
    *,
    root: Path | None,
    encoders: tuple[str, ...],
    composers: tuple[str, ...],
    rerank: str | None,
    rerank_settings: tuple[str, ...],
    settings: tuple[str, ...],
    metric: str | None,
    limit: int | None,
    out: Path | None,
    form: str,
    llm_url: str,
    llm_model: str,
) -> None:
    """Every pair; a table, result files and a plot in `out`. The first error is raised where no pair could be run."""
    from fieldglass.evaluation.matrix import Cell, markdown, plot, table
    from fieldglass.evaluation.results import write_json

    cells: list[Cell] = []
    first: FieldglassError | None = None
    named = [_named(composer) for composer in composers]
    asking = spread(
        {"llm_url": llm_url, "llm_model": llm_model},
        *(("composers", composer, given) for composer, given in named),
        ("rerankers", rerank, {}),
    )
    rerank_settings = (*(f"{option}={value}" for option, value in asking[-1].items()), *rerank_settings)
    rerank_options = _rerank_options(rerank, rerank_settings)
    for encoder, encoder_options in map(_named, encoders):
        for (composer, said), composer_options in zip(named, asking[:-1], strict=True):
            made, options = benchmark_of(benchmark, root, settings)
            try:
                found, _ = _run(
                    benchmark,
                    made,
                    options,
                    encoder,
                    encoder_options,
                    composer,
                    composer_options,
                    rerank,
                    rerank_options,
                    None,
                    limit,
                )
            except UsageError as error:
                first = first or error
                click.echo(f"{encoder} x {composer}: {error}", err=True)
                continue
            cell = Cell(_label(encoder, encoder_options), _label(composer, said), found)
            cells.append(cell)
            if out is not None:
                write_json(out / f"{cell.file}.json", found)
    if not cells:
        raise first or UsageError("There was nothing to run.")
    columns, rows = table(cells)
    if metric is not None and metric not in columns:
        raise UsageError(f"There is no metric {metric!r}.", hint=f"There are: {', '.join(columns[2:])}.")
    if form == "json":
        echo_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        echo_table(columns, [[*row[:2], *(f"{value:.2f}" for value in row[2:])] for row in rows])
    if out is not None:
        (out / "table.md").write_text(markdown(cells), encoding="utf-8")
        plot(cells, metric or columns[2], out / "plot.png")


def show_comparison(first: Path, second: Path, form: str) -> None:
    """Every metric that both runs have by query."""
    from fieldglass.evaluation.matrix import paired
    from fieldglass.evaluation.results import read

    rows = paired(read(first), read(second))
    if form == "json":
        echo_json(rows)
    else:
        columns = ["metric", "first", "second", "difference", "low", "high", "p", "queries"]
        echo_table(columns, ([row[key] for key in columns] for row in rows))


def _named(text: str) -> tuple[str, dict[str, str]]:
    """ "weicom:weight=0.3,x=1" -> the name and its options."""
    name, _, rest = text.partition(":")
    return name, parse(tuple(part for part in rest.split(",") if part))


def _label(name: str, options: Mapping[str, str]) -> str:
    return name + "".join(f" {key}={value}" for key, value in options.items())
