"""Im2GPS3k and its relatives: tables, distances, leaks, galleries of places and of photos, a run with an encoder."""

from __future__ import annotations

import math
from importlib.util import find_spec

import numpy as np
import pytest

from fieldglass.benchmarks.cards import cards
from fieldglass.errors import LoaderError, UsageError
from fieldglass.evaluation.distances import add_within, geoscore
from fieldglass.evaluation.prepared import prepare
from fieldglass.evaluation.run import evaluate
from fieldglass.evaluation.tally import Tally
from fieldglass.registry import registry
from fieldglass.testing import BenchmarkContract
from fieldglass.types import Ranking, Sample
from fieldglass_geo.benchmarks.positions import read_positions
from geo.geoclip_files import one_file, trunk
from geo.official_photos import PLACES, TRUTH, photos

TABLES = {
    "geo/im2gps3k": ("im2gps3k_places365.csv", "im2gps3ktest"),
    "geo/yfcc4k": ("yfcc4k_places365.csv", "yfcc4k"),
    "geo/yfcc26k": ("yfcc25600_places365.csv", "images"),
    "geo/gws15k": ("gws15k.csv", "images"),
}
KEPT = [name for name in vars(BenchmarkContract) if name.startswith("test_")]


def made(name, root, **options):
    if not (root / "gallery.csv").exists():
        photos(root, *TABLES[name])
    return registry().create("benchmarks", name, {"root": str(root), "gallery": "gallery.csv", **options})


@pytest.mark.parametrize("kept", KEPT)
@pytest.mark.parametrize("name", TABLES)
def test_the_contract(name, kept, tmp_path):
    contract = BenchmarkContract()
    contract.benchmark = name
    contract.options = {"root": str(photos(tmp_path, *TABLES[name])), "gallery": "gallery.csv"}
    getattr(contract, kept)()


def judged(benchmark, chosen):
    """`chosen` maps a photo to the id that is found first."""

    def ranking(id) -> Ranking:
        return Ranking(np.array([0]), np.array([1.0]), ids=(id,) if id else ())

    return benchmark.judge((query, ranking(chosen.get(query.id))) for query in benchmark.queries())


def test_shares_distances_and_scores(tmp_path):
    benchmark = made("geo/im2gps3k", tmp_path, distance="sphere")
    ids = [item.id for item in benchmark.gallery()]
    assert ids == ["48.86,2.29", "-33.5,151.0", "41.9,-87.6", "0.0,-179.99", "64.15,-21.95"], "each place once"
    found = judged(benchmark, dict(zip(TRUTH, ids, strict=False)))

    def away(one, other):
        a, b, c, d = map(math.radians, (*one, *other))
        cosine = math.sin(a) * math.sin(c) + math.cos(a) * math.cos(c) * math.cos(b - d)
        return 6371.0088 * math.acos(min(1.0, cosine))

    km = [away(truth, place) for truth, place in zip(TRUTH.values(), PLACES, strict=False)]
    assert km[3] == pytest.approx(2.2239, abs=1e-3), "across the antimeridian"
    for bound in (1, 25, 200, 750, 2500):
        assert found[f"within {bound} km"] == pytest.approx(25 * sum(each <= bound for each in km))
    assert found["mean km"] == pytest.approx(np.mean(km), rel=1e-6)
    assert found["median km"] == pytest.approx(np.median(km), rel=1e-6)
    assert found["GeoScore"] == pytest.approx(np.mean([5000 * math.exp(-each / 1492.7) for each in km]), rel=1e-6)


def test_the_ellipsoid_is_the_default(tmp_path):
    benchmark = made("geo/im2gps3k", tmp_path)
    photo = {"c_3.jpg": "41.9,-87.6"}
    found = judged(benchmark, photo)["mean km"]
    sphere = judged(made("geo/im2gps3k", tmp_path, distance="sphere"), photo)["mean km"]
    assert 0.001 < abs(found / sphere - 1) < 0.006


def test_a_photo_that_nothing_was_found_for_is_within_no_distance(tmp_path):
    found = judged(made("geo/im2gps3k", tmp_path), {})
    assert found["within 2500 km"] == 0 and found["GeoScore"] == 0


def test_bounds_are_included_and_nothing_found_scores_nothing():
    tally = Tally()
    for km in (1.0, 1.0000001, math.nan):
        add_within(tally, str(km), km, {"within 1 km": 1})
    assert tally.values("within 1 km").tolist() == [1, 0, 0]
    assert geoscore(0) == 5000 and geoscore(1492.7) == pytest.approx(5000 / math.e) and geoscore(math.nan) == 0


def test_true_places_in_the_gallery_are_told(tmp_path):
    benchmark = made("geo/im2gps3k", tmp_path)
    (tmp_path / "leaky.csv").write_text("LAT,LON\n48.8584,2.2945\n1,1\n")
    assert not any("gallery to the last digit" in each for each in benchmark.check().notes)
    notes = made("geo/im2gps3k", tmp_path, gallery="leaky.csv").check().notes
    assert any(each.startswith("1 true places are in the gallery") for each in notes)


def test_what_is_missing_is_counted(tmp_path):
    benchmark = made("geo/im2gps3k", tmp_path)
    (tmp_path / "im2gps3ktest" / "b_2.jpg").unlink()
    check = benchmark.check()
    assert check.missing == ("query/b_2.jpg",) and any("4 photos here, 2997" in each for each in check.notes)


@pytest.mark.parametrize(
    "header",
    ["IMG_ID,LAT,LON", "img_file,latitude,longitude", "filename,Lat,Lng", "image_file,lat,long"],
)
def test_columns_go_by_any_usual_name(header):
    table = read_positions(f"{header}\na.jpg,1.5,-2.5\n", "x.csv")
    assert table.rows == [("a.jpg", 1.5, -2.5)] and table.pictures and not table.bad


def test_rows_without_a_place_are_left_out_and_counted(tmp_path):
    text = "IMG_ID,LAT,LON\na,1,2\nb,nan,2\nc,91,2\nd,1,181\ne,,\nf,x,2\n,1,2\n"
    table = read_positions(text, "x.csv")
    assert [row[0] for row in table.rows] == ["a"] and table.bad == 6
    benchmark = made("geo/im2gps3k", tmp_path)
    with (tmp_path / "im2gps3k_places365.csv").open("a") as file:
        file.write("e_5.jpg,x,99,0,,,,\n")
    assert any(each.startswith("1 rows of") for each in benchmark.check().notes)


def test_a_geometry_that_says_another_place_is_refused():
    text = "IMG_ID,LAT,LON,geometry\na,{},{},POINT (2.5 1.5)\n"
    assert read_positions(text.format(1.5, 2.5), "x.csv").rows == [("a", 1.5, 2.5)]
    with pytest.raises(LoaderError, match="line 2"):
        read_positions(text.format(2.5, 1.5), "x.csv")


@pytest.mark.parametrize("text", ["IMG_ID,LAT\na,1\n", "IMG_ID,LON\na,1\n", ""])
def test_a_table_without_places_is_refused(text):
    with pytest.raises(LoaderError, match="has no column of the l"):
        read_positions(text, "x.csv")


@pytest.mark.parametrize(
    "options", [{"kind": "streets"}, {"distance": "flat"}, {"kind": "photos", "gallery": "100k"}], ids=str
)
def test_options_that_make_no_sense_are_refused(tmp_path, options):
    with pytest.raises(UsageError):
        made("geo/im2gps3k", tmp_path, **options)


def test_a_gallery_that_is_not_there_is_named(tmp_path):
    with pytest.raises(LoaderError, match=r"nowhere\.csv"):
        list(made("geo/im2gps3k", tmp_path, gallery="nowhere.csv").gallery())


def test_it_runs_against_places_with_an_encoder_of_places(tmp_path):
    root = photos(tmp_path / "files")
    weights, clip = one_file(tmp_path / "geoclip"), trunk(tmp_path / "clip")
    encoder = {"weights": str(weights), "clip": str(clip), "device": "cpu", "precision": "fp32"}
    options = {"root": str(root), "gallery": "gallery.csv"}
    benchmark = registry().create("benchmarks", "geo/im2gps3k", options)
    with prepare(tmp_path / "c.collection", "geo/im2gps3k", options, "geo/geoclip", encoder) as collection:
        found = evaluate(benchmark, collection, root=root)
    assert (found.answered, found.left_out, found.gallery, found.lacking) == (4, 0, 5, 0)
    assert {"within 1 km", "GeoScore", "median km"} <= found.metrics.keys()
    assert found.plain == {"GeoScore", "mean km"} and len(found.values["within 25 km"]) == 4
    assert "gallery gallery.csv" in benchmark.files.read, "the result file says which gallery"
    assert benchmark.preview(Sample("place", np.array([90.0, -180.0]), (), "degrees")).shape == (64, 128, 3)


def test_it_runs_against_photos_with_any_encoder(tmp_path):
    """The place of the most similar photo: each finds itself, since the gallery holds the same files."""
    root = photos(tmp_path / "files")
    rows = ["IMG_ID,LAT,LON", *(f"{name},{place[0] + 0.1},{place[1]}" for name, place in TRUTH.items())]
    (root / "photos.csv").write_text("\n".join(rows))
    options = {"root": str(root), "gallery": "photos.csv", "kind": "photos"}
    encoder = {"weights": str(trunk(tmp_path / "clip")), "device": "cpu", "precision": "fp32"}
    benchmark = registry().create("benchmarks", "geo/im2gps3k", options)
    with prepare(tmp_path / "c.collection", "geo/im2gps3k", options, "open_clip", encoder) as collection:
        found = evaluate(benchmark, collection, root=root)
    assert found.metrics["within 25 km"] == 100 and found.metrics["within 1 km"] == 0
    assert found.metrics["median km"] == pytest.approx(11.1, abs=0.1)


@pytest.mark.skipif(find_spec("geoclip") is None, reason="the package geoclip is not installed")
def test_the_published_gallery_has_94123_places(tmp_path):
    gallery = made("geo/im2gps3k", tmp_path, gallery="100k")._places
    places = np.array(list(gallery.values()))
    assert len(gallery) == 94_123
    assert places.min(axis=0) == pytest.approx([-55.944, -179.742], abs=1e-3)
    assert places.max(axis=0) == pytest.approx([79.522, 179.984], abs=1e-3)


def test_published_figures_say_how_they_are_known():
    for name in TABLES:
        assert cards()[name].rows and all(row.evidence in ("paper", "secondary") for row in cards()[name].rows)
    geoclip = cards()["geo/im2gps3k"].published
    assert list(geoclip) == [f"within {km} km" for km in (1, 25, 200, 750, 2500)]
