"""CVG-Text (arXiv 2412.17007): the description of a street, and the satellite or map tile where it was written."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from fieldglass.benchmarks.official import text_of
from fieldglass.benchmarks.reader import Reader
from fieldglass.errors import LoaderError, UsageError
from fieldglass.evaluation.distances import add_within
from fieldglass.evaluation.precision import hit_at, reciprocal_rank
from fieldglass.evaluation.ranks import hit_ranks
from fieldglass.spatial.globe import distance_km
from fieldglass.types import Item, Query, QueryText, Ranking

__all__ = ["CVGText"]

NEAREST = 100
RECALLS = (1, 5, 10)
METRES = (50, 100, 150)
_PLACE = re.compile(r"([-+]?\d*\.?\d+),([-+]?\d*\.?\d+)")
_FOLDERS = {"satellite": "satellite", "osm": "OSM"}
_VIEWS = {"": "panorama", "-photos": "single view"}


class _Case(NamedTuple):
    id: str
    tile: str
    text: str
    view: str


class CVGText(Reader):
    """R@1, 5, 10, L@50, 100, 150 and the mean deviation in km, of one city.

    :param root: annotation/{version}/test.json (file name: text), {version}-satellite/ and {version}-OSM/.
    :param version: NewYork, Brisbane or Tokyo: texts of panoramas; with "-photos" of single views, "-mixed" of both.
    :param view: the tiles that are searched, "satellite" or "osm".
    :param protocol: "nearest", as published: each query ranks the 100 tiles that are nearest to its true place.
        "full": all of them. Figures of the two cannot be compared.
    :param tiles: "test", as published, or "all", those of train.json too.
    :param relevance: "name", as published, or "bytes": a tile that is byte for byte the right one is right as well.
    :param images: the folder of the tiles, below the root.

    L@d is the share of queries whose first tile lies within d metres of the true one, the bound included.
    """

    name = "rs/cvg-text"
    splits = ("test", "train")

    def __init__(
        self,
        *,
        root: str,
        split: str = "test",
        version: str = "NewYork",
        view: Literal["satellite", "osm"] = "satellite",
        protocol: Literal["nearest", "full"] = "nearest",
        tiles: Literal["test", "all"] = "test",
        relevance: Literal["name", "bytes"] = "name",
        images: str = "",
    ) -> None:
        for what, value, choices in (
            ("view", view, _FOLDERS),
            ("protocol", protocol, ("nearest", "full")),
            ("tiles", tiles, ("test", "all")),
            ("relevance", relevance, ("name", "bytes")),
        ):
            if value not in choices:
                raise UsageError(f"{what} is {' or '.join(map(repr, choices))}, not {value!r}.")
        city = re.sub(r"-(mixed|photos)$", "", version)
        self.folders = tuple(
            f"{start}{name}-{_FOLDERS[view]}" for start in ("", "images/") for name in (city, f"{city}-photos", version)
        )
        super().__init__(root, split, images)
        self.parts = {city + end: said for end, said in _VIEWS.items() if version in (city + end, f"{city}-mixed")}
        self.protocol, self.tiles, self.relevance = protocol, tiles, relevance
        self.depth = NEAREST if protocol == "nearest" else None
        self.calibrate = "matches" if protocol == "nearest" else "all"

    def gallery(self) -> Iterator[Item]:
        """The tiles by file name, with their place."""
        for name, (latitude, longitude) in self._places.items():
            yield self.item(name, name, metadata={"lat": latitude, "lon": longitude})

    def queries(self) -> Iterator[Query]:
        """Each text, among the tiles of the protocol."""
        for case in self._cases.values():
            only = frozenset(self._near(case.tile)) if self.protocol == "nearest" else None
            yield Query(texts=(QueryText(case.text, "target"),), only=only, id=case.id)

    def judge(self, pairs: Iterable[tuple[Query, Ranking]]) -> Mapping[str, Any]:
        """R@k, L@d, MRR in percent, "deviation km"; of each kind of text too where there are both."""
        for case, ranking in self.judged(pairs, self._cases):
            right = {case.tile, *self._twins.get(case.tile, ())} if self.relevance == "bytes" else {case.tile}
            ranks = hit_ranks(ranking.ids, right)
            first = ranking.ids[0] if ranking.ids else ""
            away = 0.0 if first in right else self._deviation(case.tile, first)
            for said in ("", f" {case.view}") if len(self.parts) > 1 else ("",):
                for k in RECALLS:
                    self.tally.add(f"R@{k}{said}", case.id, hit_at(ranks, k))
                add_within(self.tally, case.id, away, {f"L@{metres}{said}": metres / 1000 for metres in METRES})
                self.tally.add(f"MRR{said}", case.id, reciprocal_rank(ranks))
                self.tally.add(f"deviation km{said}", case.id, away, plain=True)
        if self.protocol == "full":
            self.files.note(
                f"All {len(self._places)} tiles were ranked; published figures are of the 100 nearest, and much higher."
            )
        return self.percents()

    def answers(self) -> None:
        """Look for tiles that are the same picture."""
        twins = sum(len(names) > 0 for names in self._twins.values())
        if twins:
            self.files.note(f"{twins} tiles are byte for byte the picture of another.")

    def _deviation(self, tile: str, first: str) -> float:
        if first not in self._places:
            return float("nan")
        latitudes, longitudes = np.array([self._places[first]]).T
        return float(distance_km(*self._places[tile], latitudes, longitudes)[0])

    def _near(self, tile: str) -> list[str]:
        """The nearest entries of the annotations; a name that has two entries counts twice, as in the official code."""
        names, places = self._entries
        order = np.argsort(distance_km(*self._places[tile], places[:, 0], places[:, 1]), kind="stable")
        return [names[each] for each in order[:NEAREST]]

    def _texts(self, version: str, split: str) -> dict[str, str]:
        found = self.files.json(dict, f"annotation/{version}/{split}.json")
        odd = [name for name, text in found.items() if not isinstance(text, str) or not _PLACE.match(_base(name))]
        if odd:
            where = self.files.find(f"annotation/{version}/{split}.json")
            raise LoaderError(
                f"{where}: {odd[0]!r} has no text, or its name does not begin with latitude,longitude.",
                hint=self.files.hint,
            )
        return {_base(name): text_of(text) for name, text in found.items()}

    @cached_property
    def _cases(self) -> dict[str, _Case]:
        found: dict[str, _Case] = {}
        for version, view in self.parts.items():
            texts = self._texts(version, self.split)
            self.files.count(f"{version} {self.split} texts", len(texts))
            kept = self.files.kept(list(texts.items()), key=lambda row: row[0], blank=lambda row: not row[1])
            for tile, text in kept:
                id = f"{version}/{tile}"
                found[id] = _Case(id, tile, text, view)
        if not found:
            raise LoaderError(f"{self.files.root} has no text of {', '.join(self.parts)}.", hint=self.files.hint)
        return found

    @cached_property
    def _entries(self) -> tuple[list[str], np.ndarray[Any, np.dtype[np.float64]]]:
        """Every entry of the annotations that are searched: name, latitude and longitude."""
        splits = (self.split,) if self.tiles == "test" else ("train", "test")
        names = [name for version in self.parts for split in splits for name in self._texts(version, split)]
        return names, np.array([_place(name) for name in names], dtype=np.float64).reshape(-1, 2)

    @cached_property
    def _places(self) -> dict[str, tuple[float, float]]:
        return {name: _place(name) for name in self._entries[0]}

    @cached_property
    def _twins(self) -> dict[str, tuple[str, ...]]:
        """Tile -> the others with the same bytes; only files of the same size are read."""
        paths = {item.id: self.files.root / item.paths[0] for item in self.gallery()}
        sizes: dict[int, list[str]] = {}
        for name, path in paths.items():
            if path.is_file():
                sizes.setdefault(path.stat().st_size, []).append(name)
        same: dict[bytes, list[str]] = {}
        for names in sizes.values():
            for name in names if len(names) > 1 else ():
                same.setdefault(hashlib.sha256(paths[name].read_bytes()).digest(), []).append(name)
        return {
            name: tuple(each for each in names if each != name) for names in same.values() if len(names) > 1
            for name in names
        }  # fmt: skip


def _base(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2]


def _place(name: str) -> tuple[float, float]:
    found = _PLACE.match(name)
    if found is None:
        raise LoaderError(f"{name!r} does not begin with latitude,longitude.")
    return float(found[1]), float(found[2])
