"""What a search gives back: hits in order, with their thumbnails, and how they were found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, overload

if TYPE_CHECKING:
    import os
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from fieldglass.spatial.features import Feature
    from fieldglass.types import Item, QueryText

__all__ = ["Asked", "Hit", "Picture", "SearchResult"]


class Shelf(Protocol):
    """What a hit reads its picture from; a `fieldglass.store.Snapshot` is one."""

    def thumbnail(self, position: int) -> bytes | None:
        """The stored WebP preview."""
        ...

    def items(self, positions: NDArray[np.int64]) -> Sequence[tuple[Any, Item]]:
        """The source and the item at each position."""
        ...


@dataclass(frozen=True)
class Hit:
    """One item found: rank from 1, id, score (higher is better), name of its source, metadata columns.

    Rank 0 is the one best point that a located photo has beside its places.
    """

    rank: int
    id: str
    score: float
    source: str
    metadata: Mapping[str, Any]
    position: int = field(default=-1, repr=False)
    shelf: Shelf | None = field(default=None, repr=False, compare=False)

    @property
    def thumbnail(self) -> bytes | None:
        """The WebP preview stored in the collection; None where there is none."""
        return self.shelf.thumbnail(self.position) if self.shelf else None

    @property
    def path(self) -> Path | None:
        """Its first file, absolute; None for an item without files."""
        if self.shelf is None:
            return None
        import numpy as np

        from fieldglass.loaders.paths import base_of, local
        from fieldglass.registry import registry

        ((source, item),) = self.shelf.items(np.array([self.position], dtype=np.int64))
        if not item.paths:
            return None
        loader = registry().create("loaders", source.loader, source.options)
        return base_of(loader, source.root) / local(item.paths[0])

    @property
    def details(self) -> dict[str, Any]:
        """The metadata columns that say more than the id does: without its own folder and file name."""
        folder, _, name = self.id.rpartition("/")
        return {column: value for column, value in self.metadata.items() if value not in ("", name, folder)}

    def to_dict(self) -> dict[str, Any]:
        """JSON-able."""
        return {
            "rank": self.rank,
            "id": self.id,
            "score": self.score,
            "source": self.source,
            "metadata": dict(self.metadata),
        }


@dataclass(frozen=True)
class Picture:
    """A picture of a query: what to call it, its role, and a preview (WebP; None where there is none)."""

    name: str
    role: str = "reference"
    preview: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Asked:
    """What was asked, for people: the pictures, the sentences, the place and the filter.

    `filters` says `where` in words, where whoever asked has words for it; it is shown instead.
    `outlines` are the areas that were searched, shapely geometries in WGS84: a map draws them.
    """

    pictures: tuple[Picture, ...] = ()
    texts: tuple[QueryText, ...] = ()
    place: tuple[float, float] | None = None
    where: str = ""
    outlines: tuple[Any, ...] = ()
    filters: str = ""

    def __str__(self) -> str:
        parts = [f"not like {each.name}" if each.role == "negative" else each.name for each in self.pictures]
        parts += [f"not “{each.text}”" if each.role == "negative" else f"“{each.text}”" for each in self.texts]
        parts += [f"{self.place[0]:.4f}, {self.place[1]:.4f}"] if self.place else []
        limits = f", {self.filters}" if self.filters else f" where {self.where}" if self.where else ""
        return " + ".join(parts) + limits


@dataclass(frozen=True)
class SearchResult(Sequence[Hit]):
    """Hits, best first. In a notebook it shows their pictures.

    `exact` is False where an index proposed the candidates. `matched` is the number of items that
    the filter left, None without one. `notes` say what the search did that one would not expect.
    `reranker` names what gave the first hits their order and scores, "" where nothing did.
    """

    hits: tuple[Hit, ...]
    collection: str
    encoder: str
    composer: str
    exact: bool
    elapsed_ms: Mapping[str, float]
    matched: int | None = None
    notes: tuple[str, ...] = ()
    asked: Asked = Asked()
    reranker: str = ""

    @overload
    def __getitem__(self, index: int) -> Hit: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Hit]: ...
    def __getitem__(self, index: int | slice) -> Hit | Sequence[Hit]:
        return self.hits[index]

    def __len__(self) -> int:
        return len(self.hits)

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    def to_dict(self) -> dict[str, Any]:
        """JSON-able, as `fieldglass search --format json` prints it."""
        return {
            "collection": self.collection,
            "encoder": self.encoder,
            "composer": self.composer,
            "reranker": self.reranker or None,
            "exact": self.exact,
            "elapsed_ms": {name: round(spent, 3) for name, spent in self.elapsed_ms.items()},
            "matched": self.matched,
            "notes": list(self.notes),
            "hits": [hit.to_dict() for hit in self.hits],
        }

    def to_html(self) -> str:
        """One self-contained page: thumbnails, scores, metadata, and the query at the top."""
        from fieldglass.report import page

        return page([self])

    def features(self) -> list[Feature]:
        """The hits with their geometry in WGS84, None where an item has no place. It needs the extra `spatial`."""
        from fieldglass.spatial.features import features_of

        return features_of(self.hits)

    def to_geojson(self) -> str:
        """A GeoJSON FeatureCollection, as GIS tools read it (RFC 7946)."""
        from fieldglass.spatial.geojson import geojson

        return geojson(self)

    def to_map(self) -> str:
        """One self-contained page with the hits on a map of the world; it asks nothing of any other host."""
        from fieldglass.report.map import map_page

        return map_page([self])

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the hits in the format of the suffix; where they were written.

        .json, .html, .csv, and with the extra `spatial` .geojson, .parquet (GeoParquet), .gpkg, .kml and .map.html.
        """
        from fieldglass.report.files import save

        return save(self, path)

    def _repr_html_(self) -> str:
        from fieldglass.report import fragment

        return fragment(self)
