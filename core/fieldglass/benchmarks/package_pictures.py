"""A labelled composed set of real photographs that installed packages carry: no download, seconds with `mini`.

Every photograph is rendered in several styles. A query shows one picture in one style and names what is on another;
the one right answer is that other picture in the style shown. The picture alone finds its own renderings, the text
alone all styles of what it names: only both together find the answer, and the label is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fieldglass.benchmarks.reader import Reader
from fieldglass.errors import MissingExtraError
from fieldglass.evaluation.precision import hit_at, reciprocal_rank
from fieldglass.evaluation.ranks import hit_ranks
from fieldglass.models.cache import cache_dir
from fieldglass.types import Item, Query, QueryImage, QueryText, Ranking

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["PackagePictures"]

SIDE = 256  # of the renderings: enough for any encoder's 224

# what is on it -> (package, file, what a query says)
PICTURES = {
    "cat": ("skimage", "data/chelsea.png", "a cat"),
    "astronaut": ("skimage", "data/astronaut.png", "an astronaut in a space suit"),
    "coffee": ("skimage", "data/coffee.png", "a cup of coffee"),
    "rocket": ("skimage", "data/rocket.jpg", "a rocket"),
    "motorcycle": ("skimage", "data/motorcycle_left.png", "a motorcycle"),
    "coins": ("skimage", "data/coins.png", "coins"),
    "clock": ("skimage", "data/clock_motion.png", "a clock"),
    "photographer": ("skimage", "data/camera.png", "a photographer with a camera on a tripod"),
    "page": ("skimage", "data/page.png", "a page of a book"),
    "wall": ("skimage", "data/brick.png", "a stone wall"),
    "flower": ("sklearn", "datasets/images/flower.jpg", "a flower"),
    "temple": ("sklearn", "datasets/images/china.jpg", "a temple in China"),
}
_DISTRIBUTIONS = {"skimage": "scikit-image", "sklearn": "scikit-learn"}


class _Case(NamedTuple):
    id: str
    reference: str
    target: str
    text: str


class PackagePictures(Reader):
    """R@1, 5, 10 and MRR of one answer; 12 photographs in 6 styles, 792 queries.

    :param root: where the renderings are written, once; a folder of the cache if empty.

    The reference is no hit. `kind R@1` counts a first hit that shows what was asked for in any style.
    """

    name = "package-pictures"
    depth = 20

    def __init__(self, *, root: str = "") -> None:
        folder = Path(root).expanduser() if root else cache_dir() / "package-pictures"
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(str(folder))

    def gallery(self) -> Iterator[Item]:
        """Renderings, written where they are not there yet; ids are "what/style"."""
        self._render()
        for what in PICTURES:
            for style in STYLES:
                yield Item(f"{what}/{style}", (f"{what}/{style}.png",), metadata={"what": what, "style": style})

    def queries(self) -> Iterator[Query]:
        """Each picture in each style, with the name of each other picture."""
        for case in self._cases.values():
            yield Query(
                (QueryImage(case.reference),), (QueryText(case.text),), exclude=frozenset([case.reference]), id=case.id
            )

    def judge(self, pairs: Iterable[tuple[Query, Ranking]]) -> Mapping[str, Any]:
        """R@1, R@5, R@10, MRR, kind R@1."""
        for case, ranking in self.judged(pairs, self._cases):
            ranks = hit_ranks(ranking.ids, {case.target})
            for k in (1, 5, 10):
                self.tally.add(f"R@{k}", case.id, hit_at(ranks, k))
            self.tally.add("MRR", case.id, reciprocal_rank(ranks))
            kind = case.target.split("/")[0]
            self.tally.add("kind R@1", case.id, float(any(name.split("/")[0] == kind for name in ranking.ids[:1])))
        return self.percents()

    @cached_property
    def _cases(self) -> dict[str, _Case]:
        return {
            case.id: case
            for shown in PICTURES
            for style in STYLES
            for what, (_, _, text) in PICTURES.items()
            if what != shown
            for case in [_Case(f"{shown}/{style}>{what}", f"{shown}/{style}", f"{what}/{style}", text)]
        }

    def _render(self) -> None:
        from PIL import Image

        for what, (package, file, _) in PICTURES.items():
            lacking = [style for style in STYLES if not (self.files.root / what / f"{style}.png").exists()]
            if not lacking:
                continue
            (self.files.root / what).mkdir(exist_ok=True)
            with Image.open(_home(package) / file) as opened:
                picture = opened.convert("RGB")
            picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
            for style in lacking:
                target = self.files.root / what / f"{style}.png"
                fresh = target.with_suffix(".tmp")
                STYLES[style](picture).save(fresh, "PNG")
                fresh.replace(target)


def _grey(picture: Image.Image) -> Image.Image:
    return picture.convert("L").convert("RGB")


def _negative(picture: Image.Image) -> Image.Image:
    from PIL import ImageOps

    return ImageOps.invert(picture)


def _blurred(picture: Image.Image) -> Image.Image:
    from PIL import ImageFilter

    return picture.filter(ImageFilter.GaussianBlur(4))


def _night(picture: Image.Image) -> Image.Image:
    """A quarter of the light, most of it blue."""
    from PIL import Image

    shares = (0.15, 0.2, 0.45)
    tables = [[int(value * share) for value in range(256)] for share in shares]
    bands = [band.point(table) for band, table in zip(picture.split(), tables, strict=True)]
    return Image.merge("RGB", bands)


def _poster(picture: Image.Image) -> Image.Image:
    from PIL import ImageOps

    return ImageOps.posterize(picture, 2)


STYLES: Mapping[str, Callable[[Image.Image], Image.Image]] = {
    "photo": lambda picture: picture,
    "grey": _grey,
    "negative": _negative,
    "blurred": _blurred,
    "night": _night,
    "poster": _poster,
}


def _home(package: str) -> Path:
    """Where a package is installed; found without importing it."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise MissingExtraError(
            f"The photographs come with {_DISTRIBUTIONS[package]}, which is not installed.",
            hint="pip install 'fieldglass[demo]'",
        )
    return Path(spec.origin).parent
