"""`fieldglass geo exif` on a folder of photos of all kinds."""

from __future__ import annotations

import csv
import json

import pytest
from click.testing import CliRunner
from PIL.TiffImagePlugin import IFDRational

from fieldglass_geo.cli import geo
from geo.pictures import COPENHAGEN, block, photo


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("exif") / "holiday"
    (root / "sub").mkdir(parents=True)
    photo(root / "a.jpg", block(*COPENHAGEN), taken="2024:05:01 14:00:00", offset="+02:00")
    photo(root / "b.png", block(-33.8568, 151.2153, _18="TOKYO"))
    photo(root / "sub" / "c.webp")
    photo(root / "d.jpg", block(0, 0))
    photo(root / "e.jpg", {1: "N", 2: (IFDRational(1, 0),) * 3, 3: "E", 4: (1, 2, 3)})
    (root / "f.jpg").write_bytes(b"not a photo")
    (root / "g.txt").write_text("no photo")
    (root / "._a.jpg").write_bytes(b"what a Mac leaves on a foreign disk")
    return root


def run(*arguments):
    return CliRunner().invoke(geo, ["exif", *map(str, arguments)])


def test_the_table(folder):
    done = run(folder)
    assert done.exit_code == 3
    lines = done.stdout.splitlines()
    assert lines[0].split("\t")[:3] == ["file", "lat", "lon"]
    assert len(lines) == 7
    assert f"{folder / 'a.jpg'}\t55.6761\t12.5683\t\t2024-05-01T12:00:00Z\texif\t" in lines
    assert "6 photos, 2 with a place, 3 with a problem" in done.stderr


def test_json_holds_no_nan(folder):
    rows = {row["file"].rpartition("/")[2]: row for row in json.loads(run(folder, "--json").stdout)}
    assert rows["b.png"]["lat"] == pytest.approx(-33.8568, abs=1e-6)
    assert rows["b.png"]["gps_problem"] == "datum"
    assert rows["e.jpg"] == {"file": str(folder / "e.jpg"), "gps_problem": "undefined_rational"}


def test_the_problems_as_csv(folder, tmp_path):
    assert run(folder, "--csv", tmp_path / "p.csv").exit_code == 3
    with (tmp_path / "p.csv").open(newline="") as file:
        rows = {row["file"].rpartition("/")[2]: row for row in csv.DictReader(file)}
    assert {name: row["code"] for name, row in rows.items()} == {
        "b.png": "gps-datum", "c.webp": "gps-absent", "d.jpg": "gps-null-island", "e.jpg": "gps-undefined-rational",
        "f.jpg": "gps-absent",
    }  # fmt: skip
    assert all(row["message"].endswith(".") for row in rows.values())


def test_places_as_geojson_and_csv(folder, tmp_path):
    run(folder, "--out", tmp_path / "p.geojson", "--round-coords", "1")
    found = json.loads((tmp_path / "p.geojson").read_text())
    assert [each["geometry"]["coordinates"] for each in found["features"]] == [[12.6, 55.7], [151.2, -33.9]]
    run(folder, "--out", tmp_path / "p.csv")
    assert len((tmp_path / "p.csv").read_text().splitlines()) == 3


def test_nothing_is_shown_of_dropped_places(folder):
    shown = json.loads(run(folder / "a.jpg", "--drop-gps", "--json").stdout)
    assert shown == [{"file": str(folder / "a.jpg")}]


def test_what_is_asked_wrongly(folder, tmp_path):
    assert run(tmp_path / "none").exit_code != 0
    assert run(folder, "--gpx", tmp_path / "none.gpx").exit_code != 0
    assert run(folder, "--out", tmp_path / "p.doc").exit_code != 0


def test_a_photo_without_a_problem_ends_with_0(folder):
    assert run(folder / "a.jpg").exit_code == 0
