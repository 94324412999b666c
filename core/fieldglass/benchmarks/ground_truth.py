"""Reads the pickled ground truth of revisited Oxford and Paris without running anything that it holds."""

from __future__ import annotations

import io
import pickle
from typing import Any

from fieldglass.errors import LoaderError

__all__ = ["read_pickle"]

_NUMPY = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
}


class _Plain(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _NUMPY:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def read_pickle(content: bytes, where: str) -> Any:
    """Lists, dicts, numbers, strings and numpy arrays; LoaderError for anything else, or a file that was cut."""
    try:
        return _Plain(io.BytesIO(content), encoding="latin1").load()
    except Exception as error:  # a damaged pickle raises nearly anything
        raise LoaderError(
            f"{where} is not a whole pickle of plain data: {error}.", hint="Fetch it again from the official site."
        ) from error
