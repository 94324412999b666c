"""shapely, or how to install it."""

from __future__ import annotations

from typing import Any

from fieldglass.errors import MissingExtraError

__all__ = ["Geometry", "load_geopandas", "load_shapely"]

Geometry = Any  # a shapely geometry; shapely is imported at first use


def load_shapely() -> Any:
    """The module `shapely`; MissingExtraError where it is not installed."""
    try:
        import shapely
    except ImportError as error:
        raise _missing("shapely") from error
    return shapely


def load_geopandas() -> Any:
    """The module `geopandas`; MissingExtraError where it is not installed."""
    try:
        import geopandas
    except ImportError as error:
        raise _missing("geopandas") from error
    return geopandas


def _missing(name: str) -> MissingExtraError:
    return MissingExtraError(f"Areas and maps need {name}.", hint="pip install 'fieldglass[spatial]'")
