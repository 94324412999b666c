"""The vectors of a table of places."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.errors import LoaderError, MissingExtraError, UsageError
from fieldglass.registry import registry
from fieldglass_geo.gallery.loader import Places

if TYPE_CHECKING:
    from fieldglass.types import F32, F64

__all__ = ["embedded", "write"]


def embedded(path: Path, encoder: str, options: Mapping[str, Any], reading: Mapping[str, Any]) -> tuple[F64, F32, str]:
    """(n, 2) latitude, longitude in degrees of the rows of a file, (n, dim) float32 vectors, the encoder's name.

    `reading` are options of `geo/places`. UsageError where the encoder takes no places; LoaderError where a row is no
    place.
    """
    made = registry().create("encoders", encoder, dict(options))
    if not callable(getattr(made, "places", None)):
        able = [offer.name for offer in registry().offers("encoders").values() if "places" in offer.provides]
        raise UsageError(f"{encoder} does not encode places.", hint=f"Encoders that do: {', '.join(able) or 'none'}.")
    if not path.exists():
        raise UsageError(f"There is no file {str(path)!r}.")
    loader: Places = registry().create("loaders", "geo/places", dict(reading))
    points, problems = loader.points(path)
    if problems:
        raise LoaderError(
            f"{len(problems)} rows of {path.name!r} are no place, so rows and vectors would not agree. "
            f"The first: {problems[0].message}",
            hint="Mend or drop them.",
        )
    places = np.stack([points.lat, points.lon], axis=1)
    return places, np.asarray(made.places(places), dtype=np.float32), str(made.name)


def write(path: Path, places: F64, vectors: F32) -> None:
    """As .npy (vectors alone), or .parquet with the columns lat, lon, vector."""
    if path.suffix.lower() == ".npy":
        np.save(path, vectors, allow_pickle=False)
        return
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError("Writing Parquet needs pyarrow.", hint="pip install 'fieldglass[parquet]'") from error
    lists = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1])
    pq.write_table(pa.table({"lat": places[:, 0], "lon": places[:, 1], "vector": lists}), path)
