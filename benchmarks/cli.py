"""What it costs to type `fieldglass --help`: CPU time beside a bare `import click, pluggy`."""

from __future__ import annotations

import resource
import subprocess
import sys

from benchmarks.table import Row

BARE = "import click, pluggy"
HELP = "import sys; sys.argv = ['fieldglass', '--help']; from fieldglass.cli import main; main()"


def cpu_seconds(code: str, times: int) -> float:
    """The least user + system time of a fresh interpreter that runs `code`."""
    found = []
    for _ in range(times):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        found.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(found)


def rows(quick: bool) -> list[Row]:
    """One row: `--help` against the bar of 1.3 times the bare imports plus 0.1 s."""
    times = 5 if quick else 15
    bare, full = cpu_seconds(BARE, times), cpu_seconds(HELP, times)
    return [
        Row(
            "CPU time of `fieldglass --help`",
            "<= 1.3 x `import click, pluggy` + 0.1 s",
            f"{full:.3f} s (bare {bare:.3f} s, bar {1.3 * bare + 0.1:.3f} s)",
            full <= 1.3 * bare + 0.1,
            f"least of {times} runs",
        )
    ]
