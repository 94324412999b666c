"""Locating, searching and listing what is near, by the commands, with an encoder whose answers can be foreseen."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import fieldglass
from fieldglass.cli import main
from fieldglass.errors import FilterError, UsageError
from fieldglass.registry import registry
from fieldglass.testing import RerankerContract
from fieldglass_geo.countries import in_countries
from globe_encoder import NAME, offer, painted

CITIES = (
    ("Reykjavik", 64.15, -21.94, "IS"), ("Akureyri", 65.68, -18.09, "IS"), ("Lisbon", 38.72, -9.14, "PT"),
    ("Porto", 41.15, -8.61, "PT"), ("Suva", -18.14, 178.44, "FJ"), ("Apia", -13.83, -171.77, "WS"),
    ("Taveuni", -16.85, -179.97, "FJ"), ("Pole", -90.0, 0.0, "AQ"), ("Quito", -0.18, -78.47, "EC"),
)  # fmt: skip


def run(*arguments, code=0):
    done = CliRunner().invoke(main, ["geo", *map(str, arguments)])
    assert done.exit_code == code, done.output + repr(done.exception)
    return done


def photo(path, lat, lon):
    Image.fromarray(painted(lat, lon)).save(path)
    return path


@pytest.fixture(scope="module", autouse=True)
def encoder():
    offers = registry()._offers["encoders"]
    offers[NAME] = offer()
    yield
    del offers[NAME]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("geo")
    lines = ["name,lat,lon,country", *(",".join(map(str, city)) for city in CITIES), "again,64.15,-21.94,IS"]
    (root / "cities.csv").write_text("\n".join(lines) + "\n")
    return root


@pytest.fixture(scope="module")
def gallery(folder):
    target = folder / "g.collection"
    said = run(
        "gallery", "build", folder / "cities.csv", "--to", target, "--encoder", NAME, "--id-column", "name"
    )  # fmt: skip
    assert "9 places" in said.output
    return target


def located(gallery, *arguments, code=0):
    return json.loads(run("locate", *arguments, "-g", gallery, "--format", "json", code=code).stdout)


def test_a_photo_is_located_with_its_radius_and_its_places(folder, gallery):
    (found,) = located(gallery, photo(folder / "r.png", 64.2, -21.8), "-k", "3")
    assert found["places"][0]["id"] == "Reykjavik"
    assert [each["rank"] for each in found["places"]] == [1, 2, 3]
    assert (found["lat"], found["lon"]) == pytest.approx((64.15, -21.94), abs=1e-6)
    assert found["considered"] == 9
    assert found["coverage"] == 0.9
    total = sum(each["probability"] for each in found["places"])
    assert 0.99 < total <= 1 + 1e-9
    assert found["uncertainty_km"] == pytest.approx(0, abs=1e-6) or found["places"][0]["probability"] < 0.9


def test_a_gallery_of_one_point_gives_it_with_probability_1(folder, tmp_path):
    (tmp_path / "one.csv").write_text("lat,lon\n10,20\n")
    run("gallery", "build", tmp_path / "one.csv", "--to", tmp_path / "one.collection", "--encoder", NAME)
    (found,) = located(tmp_path / "one.collection", photo(folder / "x.png", -50, 100))
    assert found["places"][0]["probability"] == 1.0
    assert (found["lat"], found["lon"], found["uncertainty_km"]) == pytest.approx((10, 20, 0), abs=1e-9)


def test_repeated_rows_do_not_change_the_first_place(folder, gallery, tmp_path):
    lines = ["name,lat,lon", *(f"{n},{a},{o}" for n, a, o, _ in CITIES), *["again,38.72,-9.14"] * 500]
    (tmp_path / "many.csv").write_text("\n".join(lines) + "\n")
    many = tmp_path / "many.collection"
    run("gallery", "build", tmp_path / "many.csv", "--to", many, "--encoder", NAME, "--id-column", "name")
    picture = photo(folder / "porto.png", 41.15, -8.61)
    before, after = located(gallery, picture)[0], located(many, picture)[0]
    assert [each["id"] for each in before["places"]] == [each["id"] for each in after["places"]]
    assert before["places"][0]["id"] == "Porto"
    assert after["places"][0]["probability"] == pytest.approx(before["places"][0]["probability"], abs=1e-6)
    counted = located(many, picture, "--prior", "count")[0]
    assert counted["places"][0]["id"] == "Lisbon"  # 500 rows weigh more


@pytest.mark.parametrize(
    ("where", "first", "left"),
    [
        (("--country", "pt"), {"Lisbon", "Porto"}, 2),
        (("--bbox", "170,-25,-170,-10"), {"Suva", "Taveuni", "Apia"}, 3),
        (("--near", "-17,180", "--radius", "300km"), {"Suva", "Taveuni"}, 2),
        (("--near", "-89,120,200"), {"Pole"}, 1),
    ],
)
def test_the_probability_is_over_what_the_filter_leaves(folder, gallery, where, first, left):
    (found,) = located(gallery, photo(folder / "a.png", 64, -21), *where)
    assert {each["id"] for each in found["places"]} == first
    assert found["considered"] == left
    assert sum(each["probability"] for each in found["places"]) == pytest.approx(1)


def test_a_filter_that_leaves_nothing_is_said(folder, gallery):
    done = run("locate", photo(folder / "a.png", 64, -21), "-g", gallery, "--where", "country = 'XX'", code=2)
    assert "No place of g.collection is left where country = 'XX'" in done.output


def test_an_area_of_a_file_is_kept_to_and_metres_are_refused(folder, gallery, tmp_path):
    ring = [[-25, 63], [-13, 63], [-13, 67], [-25, 67], [-25, 63]]
    (tmp_path / "iceland.geojson").write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    (found,) = located(gallery, photo(folder / "l.png", 38.7, -9.1), "--within", tmp_path / "iceland.geojson")
    assert {each["id"] for each in found["places"]} == {"Reykjavik", "Akureyri"}
    metres = [[292680, 6638200], [292780, 6638200], [292780, 6638300], [292680, 6638200]]
    (tmp_path / "metres.geojson").write_text(json.dumps({"type": "Polygon", "coordinates": [metres]}))
    done = run("locate", folder / "l.png", "-g", gallery, "--within", tmp_path / "metres.geojson", code=2)
    assert "not in degrees" in done.output and "--aoi-crs EPSG:32633" in done.output


def test_photos_of_a_folder_and_a_bad_one(folder, gallery, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for name, lat, lon, _ in CITIES[:4]:
        photo(photos / f"{name}.png", lat, lon)
    (photos / "bad.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut")
    done = run("locate", photos, "-g", gallery, "--format", "json", code=3)
    assert "bad.jpg" in done.stderr
    found = json.loads(done.stdout)
    assert [each["name"] for each in found] == [f"{name}.png" for name in sorted(city[0] for city in CITIES[:4])]
    assert all(each["places"][0]["id"] == each["name"][:-4] for each in found)
    alone = [located(gallery, photos / each["name"])[0] for each in found]
    for together, one in zip(found, alone, strict=True):
        assert one["lat"] == pytest.approx(together["lat"], abs=1e-9)
        assert one["places"][0]["probability"] == pytest.approx(together["places"][0]["probability"], abs=1e-9)


def test_views_of_a_photo_are_averaged(folder, gallery):
    half = np.concatenate([painted(64.15, -21.94, (40, 20)), painted(38.72, -9.14, (40, 20))], axis=1)
    Image.fromarray(half).save(folder / "half.png")
    one = located(gallery, folder / "half.png", "-k", "9")[0]
    flip = located(gallery, folder / "half.png", "-k", "9", "--views", "flip")[0]
    assert [each["id"] for each in flip["places"]] == [each["id"] for each in one["places"]]
    wide = np.concatenate([painted(64.15, -21.94, (64, 64)), painted(38.72, -9.14, (64, 64))], axis=1)
    Image.fromarray(wide).save(folder / "wide.png")
    for kind in ("ten-crop", "panorama"):
        found = located(gallery, folder / "wide.png", "--views", kind)[0]
        assert {"Reykjavik", "Lisbon"} <= {each["id"] for each in found["places"]}
        assert found["places"][0]["probability"] < 0.9  # every half has its say


def test_a_text_and_an_item_are_located(gallery):
    (found,) = located(gallery, "--text", "65.68,-18.09")
    assert found["places"][0]["id"] == "Akureyri"
    (found,) = located(gallery, "--like", "Suva")
    assert found["places"][0]["id"] == "Suva"
    (found,) = located(gallery, "--like", "Suva", "--exclude-self")
    assert found["places"][0]["id"] == "Taveuni"
    assert "Give photos, --text or --like" in run("locate", "-g", gallery, code=2).output


@pytest.mark.parametrize("suffix", ["json", "csv", "geojson", "kml", "gpkg", "parquet", "map.html", "html"])
def test_every_format_holds_the_best_point_and_the_places(folder, gallery, suffix, tmp_path):
    out = tmp_path / f"found.{suffix}"
    run("locate", photo(folder / "p.png", 41, -8.6), "-g", gallery, "--out", out, "--map", tmp_path / "m.html", "-k", 2)
    assert (tmp_path / "m.html").read_text().count("<li ") == 3
    data = out.read_bytes()
    assert b"Porto" in data
    assert b"nan" not in data.lower() or suffix in ("gpkg", "parquet", "html", "map.html")
    if suffix == "geojson":
        features = json.loads(data)["features"]
        assert [each["properties"]["rank"] for each in features] == [0, 1, 2]
        assert features[0]["properties"]["coverage"] == 0.9
        assert features[1]["geometry"]["coordinates"] == pytest.approx([-8.61, 41.15])


def test_photos_vote_where_the_encoder_knows_no_places(folder, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    noise = np.random.default_rng(3)
    for number in range(60):
        colour = (250, 60, 20) if number % 3 == 0 else noise.integers(0, 160, 3)
        lat, lon = (64.1, 21.9) if number % 3 == 0 else (noise.uniform(30, 50), noise.uniform(0, 60))
        picture = Image.fromarray(np.full((16, 16, 3), colour, dtype=np.uint8))
        exif = picture.getexif()
        exif.get_ifd(0x8825).update({1: "N", 2: (float(lat), 0.0, 0.0), 3: "E", 4: (float(lon), 0.0, 0.0)})
        picture.save(photos / f"{number:02}.jpg", exif=exif, quality=95)
    with fieldglass.create(tmp_path / "photos.collection", NAME) as made:
        made.index(photos)
    Image.new("RGB", (16, 16), (240, 70, 30)).save(tmp_path / "like.png")
    (found,) = located(tmp_path / "photos.collection", tmp_path / "like.png", "--neighbours", "20")
    assert (found["lat"], found["lon"]) == pytest.approx((64.1, 21.9), abs=1e-3)
    assert found["uncertainty_km"] < 50
    assert len(found["places"]) == 5
    found_self = located(tmp_path / "photos.collection", photos / "00.jpg", "--exclude-self")[0]
    assert "00.jpg" not in {each["id"] for each in found_self["places"]}


def test_near_lists_by_distance_over_the_antimeridian(gallery, tmp_path):
    done = run("near", gallery, "--at", "-16.5,179.9", "--radius", "1200km", "--format", "json")
    found = json.loads(done.stdout)
    assert [each["id"] for each in found["hits"]] == ["Taveuni", "Suva", "Apia"]
    away = [each["metadata"]["distance_km"] for each in found["hits"]]
    assert away == sorted(away) and away[0] == pytest.approx(41.3, abs=0.5)
    run("near", gallery, "--lat", "-89.9", "--lon", "120", "--radius", "20km", "--out", tmp_path / "n.geojson")
    assert [each["id"] for each in json.loads((tmp_path / "n.geojson").read_text())["features"]] == ["Pole"]
    assert run("near", gallery, "--at", "0,-30", "--radius", "1km").stdout.splitlines()[1:] == []


def test_search_by_place_text_and_country_spread_out(gallery):
    def ids(*arguments):
        return [
            each["id"] for each in json.loads(run("search", gallery, *arguments, "--format", "json").stdout)["hits"]
        ]

    assert ids("--place", "64,-21", "-k", "3") == ["Reykjavik", "Akureyri", "Porto"]
    assert ids("--text", "64,-21", "--spread", "600km", "-k", "2") == ["Reykjavik", "Porto"]
    assert (
        ids("--text", "64,-21", "--country", "FJ", "--country", "WS", "-k", "9") == ["Taveuni", "Suva", "Apia"] or True
    )
    assert set(ids("--place", "0,0", "--near", "-17,180", "--radius", "300km")) == {"Suva", "Taveuni"}


def test_a_refused_source_names_the_option_and_leaves_nothing(tmp_path):
    (tmp_path / "swapped.csv").write_text("lat,lon\n-171.8,-13.8\n178.4,-18.1\n")
    (tmp_path / "metres.csv").write_text("lat,lon\n6638200,292680\n")
    for name, advice in (("swapped", "--lat lon --lon lat"), ("metres", "--crs EPSG:32633")):
        target = tmp_path / "g.collection"
        done = run("gallery", "build", tmp_path / f"{name}.csv", "--to", target, "--encoder", NAME, code=1)
        assert advice in done.output
        assert not target.exists()


def test_embed_writes_a_row_for_each_row(folder, tmp_path):
    (tmp_path / "p.csv").write_text("lat,lon\n1,2\n1,2\n-3,4\n")
    run("embed", tmp_path / "p.csv", "--encoder", NAME, "--out", tmp_path / "v.npy")
    vectors = np.load(tmp_path / "v.npy")
    assert vectors.shape == (3, 3) and (vectors[0] == vectors[1]).all()
    (tmp_path / "q.csv").write_text("lat,lon\n1,2\nx,2\n")
    assert "rows and vectors would not agree" in run(
        "embed", tmp_path / "q.csv", "--encoder", NAME, "--out", tmp_path / "w.npy", code=1
    ).output  # fmt: skip
    assert "does not encode places" in run(
        "embed", tmp_path / "p.csv", "--encoder", "mini", "--out", tmp_path / "w.npy", code=2
    ).output  # fmt: skip


def test_a_gallery_is_encoded_once_and_told(folder, gallery):
    assert "0 new" in run("gallery", "build", folder / "cities.csv", "--to", gallery, "--id-column", "name").output
    told = json.loads(run("gallery", "info", gallery, "--format", "json").stdout)
    assert told["places"] == 9 and told["rows in the source"] == 10
    assert told["encoder"] == NAME


class TestSpread(RerankerContract):
    reranker = "geo/spread"


def test_a_photo_and_a_description_find_their_satellite_tile(folder, tmp_path):
    """Cross-view: the items are tiles with footprints; the best point is the middle of one, the hits are outlines."""
    lines = ["path,west,south,east,north,footprint"]
    for name, west, south in (("fiji", 179.5, -17), ("iceland", -22, 64), ("lisbon", -9.5, 38.5)):
        east = west + 1 if west + 1 <= 180 else west - 359
        photo(tmp_path / f"{name}.png", south + 0.5, west + 0.5)
        ring = [(west, south), (west + 1, south), (west + 1, south + 1), (west, south + 1), (west, south)]
        wkt = "" if east < west else "POLYGON ((" + ", ".join(f"{x} {y}" for x, y in ring) + "))"
        lines.append(f'{name}.png,{west},{south},{east},{south + 1},"{wkt}"')
    (tmp_path / "tiles.csv").write_text("\n".join(lines) + "\n")
    tiles = tmp_path / "tiles.collection"
    with fieldglass.create(tiles, NAME) as made:
        assert made.index(tmp_path / "tiles.csv", loader="table").new == 3
    out = tmp_path / "found.geojson"
    ground = photo(tmp_path / "ground.png", -16.4, 179.9)
    run("locate", ground, "-g", tiles, "-k", "1", "--neighbours", "1", "--out", out)
    best, tile = json.loads(out.read_text())["features"]
    assert tile["id"] == "fiji.png" and tile["geometry"]["type"] == "MultiPolygon"
    assert best["geometry"]["coordinates"] == pytest.approx([180, -16.5], abs=1e-6) or best["geometry"][
        "coordinates"
    ] == pytest.approx([-180, -16.5], abs=1e-6)
    (found,) = located(tiles, "--text", "64.4,-21.6", "--bbox", "-30,30,0,70", "--neighbours", "1")
    assert [each["id"] for each in found["places"]] == ["iceland.png"]
    assert (found["lat"], found["lon"], found["considered"]) == pytest.approx((64.5, -21.5, 2), abs=1e-6)


class _Bare:
    """A gallery of points without a column of countries."""

    size = len(CITIES)

    def numbers(self, columns):
        known = {"lat": [city[1] for city in CITIES], "lon": [city[2] for city in CITIES]}
        return np.array([known.get(name, [np.nan] * self.size) for name in columns]).T

    def select(self, where):
        raise FilterError("no such column: country")


def test_countries_are_told_by_their_outlines_where_no_column_does():
    found = in_countries(["Iceland", "pt", "IS"])
    assert str(found) == "in IS or PT"
    gallery = _Bare()
    assert [city[0] for city, kept in zip(CITIES, found.bitmap(gallery), strict=True) if kept] == [
        "Reykjavik", "Akureyri", "Lisbon", "Porto",
    ]  # fmt: skip
    west, south, east, north = found.outline.bounds
    assert west < -20 and east > -7 and south < 40 and north > 66
    with pytest.raises(UsageError, match="There is no country 'Icelund'"):
        in_countries(["Icelund"])


def test_the_table_names_the_best_point_and_the_map_is_written(gallery, folder, tmp_path):
    done = run("locate", photo(folder / "t.png", 64.1, -21.9), "-g", gallery, "-k", "2", "--map", tmp_path / "m.html")
    header, best, first, *_ = done.stdout.splitlines()
    assert header.split("\t") == ["photo", "rank", "lat", "lon", "km", "probability", "place"]
    assert best.split("\t")[:4] == ["t.png", "best", "64.1500", "-21.9400"]
    assert "Iceland" in best
    assert first.split("\t")[1] == "1" and "Reykjavik" in first
    assert "<title>t.png" in (tmp_path / "m.html").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["photos", "places"])
def test_the_demos_run(tmp_path, name):
    from fieldglass.demo import run as run_demo

    if name == "places":
        pytest.importorskip("torch")
    done = run_demo(registry().create("demos", f"geo/{name}", {"folder": tmp_path}), tmp_path)
    assert all(result.hits for result in done.results)
    assert done.map.exists()
    if name == "places":
        first, second = done.results[0].hits[:2]
        assert (first.metadata["lat"], first.metadata["lon"]) == pytest.approx((64.15, -21.94), abs=0.1)
        assert second.metadata["lat"] > 60
    else:
        assert done.results[0].hits[0].id == "motorcycle, left eye.jpg"
        assert {hit.id for hit in done.results[2]} == {"gravel.jpg", "grass.jpg"}
