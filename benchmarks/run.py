"""Runs every benchmark and writes `benchmarks/RESULTS.md`: `python -m benchmarks.run [--quick] [--only NAME]`.

A benchmark is a module of this folder with `rows(quick: bool) -> Iterable[Row]`. Each runs in a process of its
own, so that what one leaves in memory or in a thread pool does not colour the next.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from benchmarks.table import Row, markdown

HERE = Path(__file__).parent
NOT_BENCHMARKS = {"__init__", "run", "table"}


def names() -> list[str]:
    """The benchmark modules, sorted: those that define `rows`."""
    found = (path for path in HERE.glob("*.py") if path.stem not in NOT_BENCHMARKS)
    return sorted(path.stem for path in found if "\ndef rows(" in path.read_text(encoding="utf-8"))


def measure(name: str, *, quick: bool) -> list[Row]:
    """The rows of one benchmark, measured in a fresh process; one row that says why, where it fails."""
    command = [sys.executable, "-m", "benchmarks.run", "--rows", name, *(["--quick"] if quick else [])]
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE.parent, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
        return [Row(name, "runs", "failed", False, reason)]
    return [Row(**row) for row in json.loads(done.stdout.splitlines()[-1])]


def page(rows: dict[str, list[Row]], *, quick: bool, seconds: float) -> str:
    """The whole page: the machine, then a table per benchmark."""
    size = "the small size, for a quick look: the bars are stated for the full one" if quick else "the full size"
    parts = [
        "# Results\n",
        f"Written by `make bench`; {size}. Each ratio is of two figures taken in the same run, on "
        f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}, "
        f"in {seconds / 60:.0f} min.\n",
    ]
    parts += [f"## {name}\n\n{markdown(found)}" for name, found in rows.items()]
    return "\n".join(parts)


def main() -> int:
    """Exit 1 where a bar was missed or a benchmark failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a smaller size of everything")
    parser.add_argument("--only", action="append", metavar="NAME", help=f"one of {', '.join(names())}; repeatable")
    parser.add_argument("--out", type=Path, default=HERE / "RESULTS.md")
    parser.add_argument("--rows", metavar="NAME", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.rows:
        found = import_module(f"benchmarks.{arguments.rows}").rows(quick=arguments.quick)
        sys.stdout.write(json.dumps([asdict(row) for row in found]) + "\n")
        return 0
    start = time.monotonic()
    rows: dict[str, list[Row]] = {}
    for name in arguments.only or names():
        rows[name] = measure(name, quick=arguments.quick)
        sys.stdout.write(f"{name}\n{markdown(rows[name])}\n")
        sys.stdout.flush()
    arguments.out.write_text(page(rows, quick=arguments.quick, seconds=time.monotonic() - start), encoding="utf-8")
    return int(any(row.met is False for found in rows.values() for row in found))


if __name__ == "__main__":
    sys.exit(main())
