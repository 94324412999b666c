"""The report of a search in studies: query and hits side by side, the window stated, and what it is not."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.errors import FieldglassError, UsageError
from fieldglass.query_pictures import PictureReader
from fieldglass.registry import registry
from fieldglass.report.document import document
from fieldglass.report.markup import image, text
from fieldglass.types import Item, Problem, Sample
from fieldglass_medical.planes import middle, most_alike, named, plane, suited
from fieldglass_medical.similarity_map import drawn, similarity_maps
from fieldglass_medical.stated import stated_window

if TYPE_CHECKING:
    from fieldglass.asking import Question
    from fieldglass.collection import Collection
    from fieldglass.result import Hit, SearchResult
    from fieldglass_medical.planes import Alike

__all__ = ["DISCLAIMER", "report_page"]

DISCLAIMER = (
    "This is not a diagnostic device. The pictures are chosen by likeness alone, reduced in size and shown through one "
    "window; nothing here tells what a patient has. For research use only."
)
_SIDE = 640


@dataclass(frozen=True)
class _Shown:
    """A picture as it is shown: pixels, what it is called, through which window, and where it is from, if known.

    `plane` says which slice or frame it is, of a volume or a clip.
    """

    pixels: Any
    name: str
    window: str
    sample: Sample | None = None
    item: Item | None = None
    loader: Any = None
    plane: str = ""

    def at(self, number: int) -> _Shown:
        """Another slice or frame, counted from 0."""
        if self.sample is None or self.sample.kind == "image":
            return self
        shown = np.asarray(self.loader.preview(plane(self.sample, number)))
        return replace(self, pixels=shown, plane=named(self.sample, number, self.item, self.loader))


def report_page(
    collection: Collection,
    question: Question,
    result: SearchResult,
    *,
    maps: int = 0,
    file: str = "",
    item: str | None = None,
) -> str:
    """One self-contained HTML page; `maps` hits have what made them similar drawn over both pictures.

    `file` is that of the query's picture, if it is one, and `item` the item of it.

    Pictures are decoded again at their own size; one whose file is gone is shown by its preview, and says so.
    """
    style = files("fieldglass_medical").joinpath("report.css").read_text(encoding="utf-8")
    query = _query(collection, question, file, item)
    rows = "\n".join(_row(collection, query, hit, mapped=hit.rank <= maps) for hit in result)
    asked = "".join(f"<p>“{text(each.text)}” <span>{text(each.role)}</span></p>" for each in question.query.texts)
    notes = "".join(f"<li>{text(note)}</li>" for note in result.notes)
    how = f"{len(result)} hits · encoder {result.encoder} · composer {result.composer}"
    how += " · every item compared" if result.exact else " · by an index"
    where = f"<p>where <code>{text(question.asked.where)}</code></p>" if question.asked.where else ""
    body = f"""<header><h1>Similar studies</h1><p class="not" role="note">{text(DISCLAIMER)}</p>
{asked}{where}<p class="how">{text(how)}</p>{f"<ul>{notes}</ul>" if notes else ""}</header>
<main>
{rows or '<p class="how">Nothing was found.</p>'}
</main>
<footer>{text(DISCLAIMER)} Ids are keyed hashes. This page asks nothing of any other host.</footer>
"""
    return document(body, title="Similar studies", style=style)


def _row(collection: Collection, query: _Shown | None, hit: Hit, *, mapped: bool) -> str:
    shown = _hit(collection, hit)
    left, right, about = query, shown, ""
    if mapped and query is not None:
        try:
            left, right, about = _overlaid(collection, query, shown)
        except FieldglassError as error:
            about = f"No similarity map: {error.message}"
    cells = "".join(
        f"<div><dt>{text(name)}</dt><dd>{text(f'{value:.6g}' if isinstance(value, float) else str(value))}</dd></div>"
        for name, value in hit.details.items()
    )
    return (
        f'<section><h2>{hit.rank}. <span class="score">similarity {hit.score:.3f}</span></h2><div class="pair">'
        + (_figure(left, "Query") if left is not None else "")
        + _figure(right, f"Hit {hit.rank}")
        + f"<dl>{cells}</dl></div>"
        + (f'<p class="how">{text(about)}</p>' if about else "")
        + "</section>"
    )


def _figure(shown: _Shown, role: str) -> str:
    picture = shown.pixels if isinstance(shown.pixels, bytes) or shown.pixels is None else _png(shown.pixels)
    return (
        f"<figure>{image(picture, f'{role}: {shown.name}')}<figcaption><b>{text(role)}</b> {text(shown.name)}"
        f"<br>{f'<b>{text(shown.plane)}</b>, ' if shown.plane else ''}{text(shown.window)}</figcaption></figure>"
    )


def _overlaid(collection: Collection, query: _Shown, hit: _Shown) -> tuple[_Shown, _Shown, str]:
    if query.sample is None or hit.sample is None:
        raise UsageError("The file of a picture cannot be read.")
    encoder, about = collection.encoder, ""
    pictures = [query.sample, hit.sample]
    if {each.kind for each in pictures} != {"image"}:
        alike = most_alike(encoder, query.sample, hit.sample, (query.loader, hit.loader))
        pictures = [plane(query.sample, alike.query), plane(hit.sample, alike.hit)]
        query, hit = query.at(alike.query), hit.at(alike.hit)
        about = _why(query, hit, alike)
    found = similarity_maps(
        encoder, *(suited(encoder, each, shown.loader) for each, shown in zip(pictures, (query, hit), strict=True))
    )
    said = {
        "patches": "Orange: patches that have a near counterpart in the other picture.",
        "occlusion": "Orange: squares whose covering lowers the similarity most.",
    }[found.how]
    pair = [
        replace(shown, pixels=drawn(shown.pixels, values, part))
        for shown, values, part in ((query, found.query, found.query_part), (hit, found.hit, found.hit_part))
    ]
    return (
        pair[0],
        pair[1],
        f"{about}{said} Each map is scaled to its own range. It explains the search, not the disease.",
    )


def _why(query: _Shown, hit: _Shown, alike: Alike) -> str:
    """Which slices or frames are shown, and how they were found."""
    said = []
    for whose, shown, other, compared in (
        ("hit", hit, "the query", alike.compared[1]),
        ("query", query, "that one" if hit.plane else "the hit", alike.compared[0]),
    ):
        if shown.plane and compared == 1:
            said.append(f"of the {whose}, {shown.plane} alone was compared")
        elif shown.plane:
            said.append(f"of {compared} compared of the {whose}, {shown.plane} is most like {other}")
    told = "; ".join(said)
    return f"{told[:1].upper()}{told[1:]}. These two have similarity {alike.similarity:.3f}. "


def _query(collection: Collection, question: Question, file: str, wanted: str | None) -> _Shown | None:
    """The first reference picture of a question, None where it has none; a file goes without its name."""
    snapshot = collection.store.snapshot()
    for given, asked in zip(question.query.images, question.asked.pictures, strict=True):
        if given.role == "negative":
            continue
        if given.id is not None:
            return _stored(collection, given.id, int(snapshot.positions([given.id])[0]))
        if not file:
            return _Shown(asked.preview, "", "as the loader shows it")
        source = next(iter(snapshot.sources.values()))
        loader = registry().create("loaders", source.loader, source.options)
        image, _ = PictureReader(loader).read(file, item=wanted)
        return None if image.sample is None else _decoded(loader, image.sample, "", image.item)
    return None


def _hit(collection: Collection, hit: Hit) -> _Shown:
    return _stored(collection, hit.id, hit.position)


def _stored(collection: Collection, id: str, position: int) -> _Shown:
    snapshot = collection.store.snapshot()
    ((source, item),) = snapshot.items(np.array([position], dtype=np.int64))
    loader = registry().create("loaders", source.loader, source.options)
    answer = next(iter(loader.read([item], source.root)))
    if isinstance(answer, Problem):
        return _Shown(snapshot.thumbnail(position), id, f"stored preview; {answer.message}")
    return _decoded(loader, answer, id, item)


def _decoded(loader: Any, sample: Sample, name: str, item: Item | None) -> _Shown:
    which = named(sample, middle(sample), item, loader)
    return _Shown(np.asarray(loader.preview(sample)), name, stated_window(loader, sample), sample, item, loader, which)


def _png(pixels: Any) -> bytes:
    from PIL import Image

    picture = Image.fromarray(np.asarray(pixels, dtype=np.uint8))
    picture.thumbnail((_SIDE, _SIDE), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()
