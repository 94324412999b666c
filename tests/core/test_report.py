"""The page of results: one file, nothing from elsewhere, everything escaped."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from html.parser import HTMLParser

import pytest
from PIL import Image

from fieldglass.report import fragment, page
from fieldglass.result import Asked, Hit, Picture, SearchResult
from fieldglass.types import QueryText

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
VOID = {"meta", "img", "rect", "wbr", "br", "link"}


class Shelf:
    """One green preview, for every other item."""

    def __init__(self) -> None:
        buffer = io.BytesIO()
        Image.new("RGB", (8, 6), (0, 128, 0)).save(buffer, "WEBP")
        self.preview = buffer.getvalue()

    def thumbnail(self, position: int) -> bytes | None:
        return None if position % 2 else self.preview

    def items(self, positions):
        raise NotImplementedError


class Reader(HTMLParser):
    """Collects elements, checks that they nest, and keeps the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def result(**changes):
    shelf = Shelf()
    hits = tuple(
        Hit(rank, id, 0.9 - 0.1 * rank, "first", metadata, rank - 1, shelf)
        for rank, (id, metadata) in enumerate(
            [
                ("a/1.jpg", {"price": 9.5, "sale": True, "day": "2021-07-09"}),
                (HOSTILE, {HOSTILE: HOSTILE}),
                ("zażółć/gęślą jaźń.png", {f"column {n}": n for n in range(9)}),
            ],
            1,
        )
    )
    asked = Asked((Picture("me.jpg", "reference", shelf.preview),), (QueryText(HOSTILE),), where="price < 10 & 'x'")
    given = {
        "hits": hits, "collection": "/x/y.collection", "encoder": "tiny", "composer": "weicom", "exact": True,
        "elapsed_ms": {"search": 1.5, "total": 2.5}, "matched": 3, "notes": (HOSTILE,), "asked": asked,
    }  # fmt: skip
    return SearchResult(**{**given, **changes})


def test_page_is_whole_and_accessible():
    read = Reader(page([result()]))
    assert read.open == []
    assert read.all("html") == [{"lang": "en"}]
    images = read.all("img")
    assert len(images) == 3  # the query and two of three hits have a preview
    assert all(image["alt"] and image["src"].startswith("data:image/webp;base64,") for image in images)
    assert [mark["aria-label"] for mark in read.all("div") if mark.get("role") == "img"] == [
        f"Hit 2: {HOSTILE}, without a preview"
    ]
    text = " ".join(" ".join(read.words).split())
    for shown in (
        "a/ 1.jpg",
        "0.800",
        "price 9.5",
        "sale yes",
        "2021-07-09",
        "5 more",
        "price < 10 & 'x'",
        "3 hits of 3",
    ):
        assert shown in text


def test_a_filter_in_words_is_shown_instead_of_its_sql():
    asked = Asked((), (QueryText("red"),), where="price <= 60 AND in_stock", filters="at most 60 <€>, in stock")
    written = page([result(asked=asked)])
    assert '<p class="where">at most 60 &lt;€&gt;, in stock</p>' in written and "AND in_stock" not in written
    assert str(asked) == "“red”, at most 60 <€>, in stock"


def test_nothing_of_the_page_is_from_elsewhere():
    html = page([result()])
    read = Reader(html)
    assert not read.all("script") and not read.all("link") and not read.all("iframe")
    for _, attributes in read.elements:
        assert not [name for name in attributes if name.startswith("on") or name in ("style", "srcset", "action")]
        for name in ("src", "href"):
            assert (attributes.get(name) or "data:").startswith(("data:", "#"))
    assert "url(" not in html and "@import" not in html


def test_policy_admits_the_style_sheet_and_data_pictures_only():
    html = page([result()])
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = next(meta["content"] for meta in Reader(html).all("meta") if meta.get("http-equiv"))
    assert policy.startswith(f"default-src 'none'; img-src data:; style-src 'sha256-{digest}';")
    assert "unsafe" not in policy


def test_hostile_text_stays_text():
    html = page([result()], title=HOSTILE, intro=HOSTILE)
    assert "<script" not in html and "<img src=x" not in html
    assert Reader(html).open == []
    assert "\u202e" not in page([result(notes=("abc\u202egnp.exe\x00",))])


def test_page_of_several_queries_has_contents():
    html = page([result(), result(hits=(), notes=()), result(asked=Asked((), (QueryText("boots"),)))], title="Three")
    read = Reader(html)
    assert [link["href"] for link in read.all("a")] == ["#q1", "#q2", "#q3"]
    assert [section["id"] for section in read.all("section")] == ["q1", "q2", "q3"]
    assert "Nothing was found." in html
    assert "Three" in read.words


@pytest.mark.parametrize("scores", [(1.0, 1.0), (-0.5, -0.9), (0.0, 0.0), (2.0, -1.0)])
def test_bars_stay_within_their_rail(scores):
    hits = tuple(Hit(rank, str(rank), score, "s", {}) for rank, score in enumerate(scores, 1))
    widths = [float(bar["width"]) for bar in Reader(page([result(hits=hits)])).all("rect") if bar["class"] == "bar"]
    assert len(widths) == 2
    assert all(0 <= width <= 100 for width in widths)


def test_notebook_fragment_styles_nothing_else():
    html = result()._repr_html_()
    assert html == fragment(result())
    rules = re.search(r"<style>(.*?)</style>", html, re.DOTALL)[1]
    selectors = [
        line.split("{")[0].strip() for line in rules.splitlines() if "{" in line and not line.lstrip().startswith("@")
    ]
    for selector in selectors:
        for part in selector.split(","):
            assert ".fieldglass" in part
    assert Reader(html).open == []


def contrast(first: str, second: str) -> float:
    def light(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((light(first), light(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_text_has_contrast_in_both_schemes():
    style = re.search(r"<style>(.*?)</style>", page([result()]), re.DOTALL)[1]
    schemes = re.findall(r"--paper: (#\w{6}); --card: (#\w{6}); --ink: (#\w{6}); --quiet: (#\w{6}).*?--mat: (#\w{6}); "
                         r"--accent: (#\w{6}).*?--no: (#\w{6})", style, re.DOTALL)  # fmt: skip
    assert len(schemes) == 2
    for paper, card, ink, quiet, mat, accent, no in schemes:
        for ground in (paper, card, mat):
            assert contrast(ink, ground) >= 7
            assert contrast(quiet, ground) >= 4.5
        assert min(contrast(each, ground) for each in (accent, no) for ground in (paper, card)) >= 4.5
