"""From files to vectors in a collection: scan, compare, decode, prepare, encode, commit."""

from __future__ import annotations

from fieldglass.ingest.columns import encode_column
from fieldglass.ingest.joins import Joined, annotate
from fieldglass.ingest.making import field_of, make_loader
from fieldglass.ingest.progress import Progress, Report
from fieldglass.ingest.refreshing import refresh
from fieldglass.ingest.run import ingest
from fieldglass.ingest.worker import adopt, work

__all__ = [
    "Joined",
    "Progress",
    "Report",
    "adopt",
    "annotate",
    "encode_column",
    "field_of",
    "ingest",
    "make_loader",
    "refresh",
    "work",
]
