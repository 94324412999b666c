"""`python -m fieldglass`."""

from __future__ import annotations

from fieldglass.cli import main

main(prog_name="fieldglass")
