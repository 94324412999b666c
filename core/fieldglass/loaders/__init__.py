"""Loaders: what a folder, a file or a table holds, and how one item of it is decoded."""

from __future__ import annotations

from fieldglass.loaders.paths import base_of, inside, local, portable

__all__ = ["base_of", "inside", "local", "portable"]
