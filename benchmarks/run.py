"""Runs every benchmark and writes `benchmarks/RESULTS.md`: `python -m benchmarks.run [--quick] [--only NAME]`.

A benchmark is a module of this folder with `rows(quick: bool) -> Iterable[Row]`. Each runs in a process of its
own, so that what one leaves in memory or in a thread pool does not colour the next. `--only` leaves the others'
sections of the page as they are.
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
HEAD = """# Results

Written by `make bench`, which measures one subject after the other; `make bench ARGS="--only search"` measures one
anew. Each ratio is of two figures taken in the same run.
"""


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


def section(name: str, rows: list[Row], *, quick: bool, seconds: float) -> str:
    """The table of one benchmark, with the machine and the time it took."""
    size = "The small size, for a quick look: the bars are stated for the full one" if quick else "Full size"
    where = f"{os.cpu_count()} cores ({platform.machine()}), Python {platform.python_version()}"
    return f"## {name}\n\n{size}; {where}; {seconds / 60:.1f} min.\n\n{markdown(rows)}"


def merged(page: str, measured: dict[str, str]) -> str:
    """The page with the measured sections new and those of other benchmarks as they were, by name."""
    kept = {each.split("\n", 1)[0]: f"## {each.rstrip()}\n" for each in page.split("\n## ")[1:]}
    sections = {name: text for name, text in (kept | measured).items() if name in names()}
    return "\n".join([HEAD, *(sections[name] for name in sorted(sections))])


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
    page = arguments.out.read_text(encoding="utf-8") if arguments.out.exists() else ""
    missed = False
    for name in arguments.only or names():
        start = time.monotonic()
        found = measure(name, quick=arguments.quick)
        sys.stdout.write(f"{name}\n{markdown(found)}\n")
        sys.stdout.flush()
        text = section(name, found, quick=arguments.quick, seconds=time.monotonic() - start)
        page = merged(page, {name: text})
        arguments.out.write_text(page, encoding="utf-8")
        missed = missed or any(row.met is False for row in found)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
