"""What shops bring that is damaged, hostile or odd: each costs its own row, and says why."""

from __future__ import annotations

import csv
import io
import json
import os
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import fieldglass
from fashion.tiny_offer import offered
from fieldglass.cli import main
from fieldglass.errors import LoaderError
from fieldglass.ingest.making import field_of
from fieldglass.types import Item, Problem, Sample
from fieldglass_fashion.loader import Catalogue


def shop(folder: Path, *rows: tuple[str, ...], head=("sku", "title", "image")) -> Path:
    with open(folder / "shop.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *rows])
    return folder / "shop.csv"


def picture(pixels, form="PNG", **how) -> bytes:
    data = io.BytesIO()
    made = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    made.save(data, form, **how)
    return data.getvalue()


def taken(root: Path, **options) -> tuple[dict[str, Sample], dict[str, str]]:
    """What was read by id, and the codes of problems by subject or id."""
    loader, samples, problems = Catalogue(**options), {}, {}
    for found in loader.scan(root):
        answer = next(iter(loader.read([found], root))) if isinstance(found, Item) else found
        if isinstance(answer, Problem):
            problems[answer.subject] = answer.code
        else:
            samples[found.id] = answer
    return samples, problems


GOOD = np.full((8, 8, 3), (200, 20, 20), np.uint8)


def test_names_that_lead_out_or_nowhere_cost_their_own_row(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.png").write_bytes(picture(GOOD))
    (tmp_path / "in/good.png").write_bytes(picture(GOOD))
    (tmp_path / "in/out.png").symlink_to(tmp_path / "secret.png")
    (tmp_path / "in/loop.png").symlink_to("loop.png")
    (tmp_path / "in/folder.png").mkdir()
    os.mkfifo(tmp_path / "in/pipe.png")
    names = [
        "good.png", "out.png", "loop.png", "pipe.png", "folder.png", "a\0b.png", "x" * 5000, "../secret.png",
        str(tmp_path / "secret.png"), "/dev/zero", "file:///etc/passwd", "/vsicurl/x.png", "good.png/x",
    ]  # fmt: skip
    started = time.monotonic()
    samples, problems = taken(shop(tmp_path / "in", *((str(n), "x", name) for n, name in enumerate(names))))
    assert list(samples) == ["0"] and len(problems) == len(names) - 1
    assert set(problems.values()) <= {"path-outside", "file-missing", "file-unreadable", "catalogue-remote"}
    assert problems["shop.csv:3"] == problems["shop.csv:9"] == "path-outside"
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("name", ["/dev/zero", "pipe.csv", "loop.csv", "."])
def test_a_catalogue_that_is_no_file_is_refused(tmp_path, name):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    with pytest.raises(LoaderError, match="no catalogue"):
        list(Catalogue().scan(tmp_path / name))


def test_article_numbers_of_every_kind(tmp_path):
    (tmp_path / "a.png").write_bytes(picture(GOOD))
    numbers = ["A1", "a1", "../x", "a\0b", "a\nb", "n" * 5000, "😀", "=1+1", " 7 "]
    samples, problems = taken(shop(tmp_path, *((number, "x", "a.png") for number in numbers)))
    assert list(samples) == ["A1", "a1", "../x", "😀", "=1+1", "7"], "twins that differ in case are two"
    assert list(problems.values()) == ["catalogue-id"] * 3


def test_a_quote_that_never_closes_costs_its_own_line(tmp_path):
    (tmp_path / "a.png").write_bytes(picture(GOOD))
    root = tmp_path / "shop.csv"
    root.write_text('sku,title,image\n1,x,a.png\n2,"' + "y" * 3_000_000 + "\n" + "3,z,a.png\n" * 3 + "4,z,a.png\n")
    samples, problems = taken(root)
    assert {"1", "4"} <= samples.keys() and "2" not in samples
    assert "catalogue-row" in problems.values()


def test_bytes_that_are_no_utf8_are_read_and_told(tmp_path):
    (tmp_path / "a.png").write_bytes(picture(GOOD))
    (tmp_path / "shop.csv").write_bytes("sku,title,image\n1,Kleid für 5 €,a.png\n".encode("cp1252"))
    found = list(Catalogue().scan(tmp_path / "shop.csv"))
    assert found[0].code == "catalogue-encoding" and found[1].metadata["title"] == "Kleid für 5 €"


def test_nothing_of_an_archive_is_written_anywhere(tmp_path):
    (tmp_path / "in").mkdir()
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as file:
        file.writestr("a.png", picture(GOOD))
    with zipfile.ZipFile(tmp_path / "in/p.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("../slipped.png", picture(GOOD))
        file.writestr("inner.zip", inner.getvalue())
        file.writestr("bomb.png", b"\0" * (8 << 20))
    root = shop(tmp_path / "in", ("1", "x", "../slipped.png"), ("2", "x", "inner.zip"), ("3", "x", "bomb.png"))
    samples, problems = taken(root, pictures="p.zip")
    assert list(samples) == ["1"], "it is read where it lies"
    assert problems == {"2": "image-format", "3": "archive-too-large"}
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["in", "p.zip", "shop.csv"]


def test_pictures_of_shops_are_shown_as_they_should(tmp_path):
    red = (220, 30, 30)
    clear = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    turned = Image.Exif()
    turned[0x0112] = 6
    frames = [Image.new("RGB", (9, 9), colour) for colour in (red, "blue", "green")]
    ramp = np.linspace(0, 65535, 64 * 64).reshape(64, 64).astype(np.uint16)
    files = {
        "webp.jpg": picture(Image.new("RGB", (9, 9), red), "WEBP", lossless=True),
        "cmyk.jpg": picture(Image.new("CMYK", (9, 9), (0, 0, 0, 0)), "JPEG"),
        "clear.png": picture(clear),
        "ramp.png": picture(ramp),
        "spin.gif": picture(frames[0], "GIF", save_all=True, append_images=frames[1:]),
        "turned.jpg": picture(Image.new("RGB", (40, 20), red), "JPEG", exif=turned),
        "dot.png": picture(Image.new("RGB", (1, 1), red)),
        "empty.jpg": b"",
        "page.jpg": b"<!doctype html><html>404</html>",
        "short.jpg": picture(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8), "JPEG")[:-900],
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    samples, problems = taken(shop(tmp_path, *((name, "", name) for name in files)))
    assert problems == {"empty.jpg": "image-empty", "page.jpg": "image-format", "short.jpg": "image-truncated"}
    shown = {name: sample.content for name, sample in samples.items()}
    assert {content.shape[2] for content in shown.values()} == {3}
    assert tuple(shown["webp.jpg"][0, 0]) == tuple(shown["spin.gif"][0, 0]) == tuple(shown["dot.png"][0, 0]) == red
    assert shown["cmyk.jpg"].min() > 250 and shown["clear.png"].min() == 255, "white stays white"
    assert abs(shown["ramp.png"].mean() - 127.5) < 1
    assert shown["turned.jpg"].shape[:2] == (40, 20)


def test_an_original_of_8000_by_12000_is_read_where_it_is_asked_for(tmp_path):
    Image.new("L", (8000, 12000), 200).save(tmp_path / "huge.jpg", "JPEG")
    root = shop(tmp_path, ("1", "x", "huge.jpg"))
    assert taken(root) == ({}, {"1": "image-too-large"})
    samples, problems = taken(root, max_pixels=100_000_000, pixels=224)
    assert not problems and min(samples["1"].content.shape[:2]) < 2100, "reduced while it is decoded"


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """10 000 articles as vectors alone."""
    vectors = np.random.default_rng(0).standard_normal((10_000, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    prices = [5.0 if n in (17, 4711, 9999) else 50.0 for n in range(len(vectors))]
    folder = tmp_path_factory.mktemp("large")
    with offered(tmp_path_factory.mktemp("site")):
        with fieldglass.create(folder / "c.collection", encoder="tiny") as made, made.store.writer("test") as writer:
            source = writer.add_source("shop", folder, "files")
            writer.add_field(field_of("image", made.encoder, "tiny", {}))
            names = [str(n) for n in range(len(vectors))]
            groups = {"product": [f"p{n}" for n in range(len(vectors))]}
            writer.append_bulk(source, names, vectors[:, : made.encoder.dim], {"price": prices}, groups=groups)
        yield folder / "c.collection"


def test_a_filter_that_keeps_3_of_10_000_gives_3(large):
    done = CliRunner().invoke(
        main, ["fashion", "search", str(large), "--text", "red", "--max-price", "9", "--format", "json"]
    )
    found = json.loads(done.stdout)
    assert sorted(hit["id"] for hit in found["hits"]) == ["17", "4711", "9999"] and found["matched"] == 3


@pytest.mark.parametrize("archive", [False, True], ids=["folder", "zip"])
def test_a_photo_that_ends_early_is_taken_where_that_is_asked_for(tmp_path, archive):
    noise = np.random.default_rng(0).integers(0, 256, (64, 48, 3), dtype=np.uint8)
    whole = picture(noise, "JPEG")
    name, content = "a.jpg", whole[: len(whole) * 6 // 10]
    root = shop(tmp_path, ("A1", "Dress", name))
    if archive:
        with zipfile.ZipFile(tmp_path / "all.zip", "w") as file:
            file.writestr(name, content)
    else:
        (tmp_path / name).write_bytes(content)
    options = {"pictures": "all.zip"} if archive else {}
    assert taken(root, **options) == ({}, {"A1": "image-truncated"})
    samples, problems = taken(root, lenient=True, **options)
    assert samples["A1"].measured == {"truncated": True}
    assert samples["A1"].content.shape == (64, 48, 3)
    assert not problems
