"""From files to vectors in a collection: scan, compare, decode, prepare, encode, commit."""

from __future__ import annotations

from fieldglass.ingest.making import field_of, make_loader
from fieldglass.ingest.progress import Progress, Report
from fieldglass.ingest.run import ingest

__all__ = ["Progress", "Report", "field_of", "ingest", "make_loader"]
