"""`rs/change`: the same place at another date, and nothing else; the most alike or the most changed first."""

from __future__ import annotations

import json
from datetime import date

import numpy as np
import pytest
import rasterio
import shapely
from click.testing import CliRunner
from rasterio.transform import from_origin

import fieldglass
from fieldglass.cli import main
from fieldglass.errors import FilterError, QueryError, UsageError
from fieldglass.testing import ArrayGallery, ComposerContract
from fieldglass.types import Query, QueryImage, QueryText, Sample
from fieldglass_remote_sensing.change import Change
from fieldglass_remote_sensing.revisits import Revisits

BANDS = ("B02", "B03", "B04", "B08")
CHIP = "june.tif#tile=0,0,0"


def cells(place):
    """Twelve places in a row, each taken on five days; every box overlaps its right neighbour by a tenth."""
    west = 10 + 0.9 * (place % 12) * 0.01
    box = {"west": west, "south": 50.0, "east": west + 0.01, "north": 50.01}
    return {**box, "date": f"2023-0{1 + place // 12}-10T10:00:00+00:00"}


class TestChange(ComposerContract):
    composer = "rs/change"
    parts = "image"

    def gallery(self):
        made = super().gallery()
        rows = made.vectors("image", np.arange(made.size))
        return ArrayGallery(made.ids(np.arange(60)), {"image": rows}, [cells(place) for place in range(60)])

    test_the_order_of_the_gallery_does_not_matter = None  # its gallery has no columns; see `test_a_permuted_gallery`

    def test_a_permuted_gallery_gives_the_same_items(self):
        gallery = self.gallery()
        order = np.random.default_rng(3).permutation(60)
        rows = gallery.vectors("image", order)
        turned = ArrayGallery(gallery.ids(order), {"image": rows}, gallery.metadata(order))
        for query in self.queries():
            kept = [self._compose([query], each).where[0].bitmap(each) for each in (gallery, turned)]
            assert np.array_equal(kept[0][order], kept[1])


class TestChangeWithText(TestChange):
    parts = "both"


def kept(gallery, query, **options):
    (where,) = Change(**options).compose([query], TestChange().make_encoder(), gallery).where
    return set(gallery.ids(np.flatnonzero(where.bitmap(gallery))))


def test_place_days_and_side_decide():
    gallery = TestChange().gallery()
    query = Query(images=(QueryImage(id="p29"),))  # place 5, on 10 March
    assert kept(gallery, query) == {"p5", "p17", "p41", "p53"}
    assert kept(gallery, query, when="before") == {"p5", "p17"}
    assert kept(gallery, query, when="after", days=32) == {"p53"}  # 31 days to 10 April
    assert len(kept(gallery, query, overlap=0.09)) == 12
    assert len(kept(gallery, query, overlap=0.11)) == 4


def test_the_smaller_footprint_counts_and_the_antimeridian_is_crossed():
    wide = {"west": 179.9, "south": 0.0, "east": -179.9, "north": 0.2, "date": "2020-01-01"}
    small = {"west": -179.99, "south": 0.05, "east": -179.95, "north": 0.1, "date": "2021-01-01"}
    point = {"lat": 0.07, "lon": -179.97, "date": "2022-01-01"}
    undated = {**small, "date": None}
    vectors = np.ones((4, 1, 16), dtype=np.float32)
    gallery = ArrayGallery(["wide", "small", "point", "undated"], {"image": vectors}, [wide, small, point, undated])
    assert kept(gallery, Query(images=(QueryImage(id="wide"),)), overlap=1) == {"small"}
    assert kept(gallery, Query(images=(QueryImage(id="small"),)), overlap=1) == {"wide"}
    for name, what in (("point", "no footprint"), ("undated", "no date")):
        with pytest.raises(QueryError, match=what):
            kept(gallery, Query(images=(QueryImage(id=name),)))
    with pytest.raises(FilterError, match="has a date"):
        Revisits(shapely.box(-180, 0, -179, 1), date(2020, 1, 1)).bitmap(
            ArrayGallery(["undated"], {"image": vectors[:1]}, [undated])
        )


def test_a_picture_without_a_place_or_two_pictures_are_refused():
    bare = QueryImage(sample=Sample("image", np.zeros((4, 4, 3), dtype=np.uint8)))
    gallery = TestChange().gallery()
    with pytest.raises(QueryError, match="no footprint and date"):
        kept(gallery, Query(images=(bare,)))
    with pytest.raises(QueryError, match="one picture"):
        kept(gallery, Query(images=(QueryImage(id="p1"), QueryImage(id="p2"))))
    for wrong in ({"overlap": 0}, {"days": 0}, {"when": "then"}, {"order": "best"}, {"text_weight": 2}):
        with pytest.raises(UsageError):
            Change(**wrong)


def test_queries_with_and_without_a_text_share_a_batch():
    gallery, encoder = TestChange().gallery(), TestChange().make_encoder()
    queries = [Query(images=(QueryImage(id="p1"),)), Query(images=(QueryImage(id="p2"),), texts=(QueryText("red"),))]
    probes = Change(text_weight=0.5).compose(queries, encoder, gallery)
    assert not probes.probes[1].vectors[0].any() and probes.probes[1].vectors[1].any()


# From files


def write(path, brightness, date, west=600_000):
    """A scene of two tiles; `brightness` of each."""
    noise = np.random.default_rng(0).integers(0, 400, (4, 64, 128))
    pixels = noise + np.repeat(np.array(brightness), 64)[None, None, :]
    profile = {"driver": "GTiff", "count": 4, "height": 64, "width": 128, "dtype": "uint16", "nodata": 0}
    with rasterio.open(path, "w", crs="EPSG:32633", transform=from_origin(west, 5_350_000, 10, 10), **profile) as file:
        file.write(pixels.astype(np.uint16))
        file.update_tags(TIFFTAG_DATETIME=date)
        for number, band in enumerate(BANDS, 1):
            file.set_band_description(number, band)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("change")
    (folder / "scenes").mkdir()
    write(folder / "scenes" / "june.tif", (1000, 1000), "2023:06:15 10:00:00")
    write(folder / "scenes" / "alike.tif", (1000, 4000), "2023:07:15 10:00:00")
    write(folder / "scenes" / "other.tif", (7000, 1000), "2023:05:15 10:00:00")
    write(folder / "scenes" / "again.tif", (1000, 1000), "2023:06:15 10:00:09")  # the same pass
    write(folder / "scenes" / "away.tif", (1000, 1000), "2023:07:15 10:00:00", west=700_000)
    run("index", folder / "scenes", "--to", folder / "c.collection", "--set", "loader.size=64")
    return folder


def run(*arguments, code=0):
    done = CliRunner().invoke(main, ["rs", *map(str, arguments)])
    assert done.exit_code == code, done.output
    return done


def hits(place, *options):
    done = run("change", place / "c.collection", "--format", "json", *options)
    return [hit["id"] for hit in json.loads(done.stdout)["hits"]]


def test_the_command_finds_the_place_at_other_dates(place):
    others = ["alike.tif#tile=0,0,0", "other.tif#tile=0,0,0"]
    assert hits(place, "--like", CHIP) == others
    assert hits(place, "--like", CHIP, "--order", "changed") == others[::-1]
    assert hits(place, "--like", CHIP, "--before") == others[1:]
    assert hits(place, "--like", CHIP, "--after", "--days", "31") == []
    assert sorted(hits(place, "--like", CHIP, "--text", "flooded")) == others
    assert hits(place, "--like", CHIP, "--where", "date > '2023-07'") == others[:1]
    assert hits(place, "--like", CHIP, "--sensor", "sentinel-1") == []


def test_an_exported_chip_has_a_place_and_a_date(place):
    chips = place / "chips"
    run("similar", place / "c.collection", CHIP, "-k", 1, "--export-chips", chips)
    (chip,) = chips.glob("*.tif")
    assert hits(place, "--image", chip) == ["alike.tif#tile=0,0,0", "other.tif#tile=0,0,0"]


def test_mistakes_of_the_command_are_told(place):
    assert "one picture" in run("change", place / "c.collection", "--text", "flooded", code=2).output
    run("change", place / "c.collection", code=2)
    run("change", place / "c.collection", "--like", CHIP, "--overlap", "0", code=2)


def test_search_and_explain_agree(place):
    with fieldglass.open(place / "c.collection") as opened:
        question = opened.ask(like=CHIP)
        result = opened.answer([question], composer="rs/change")[0]
        assert result.matched == 2
        for hit in result:
            found = opened.explain(hit.id, question, composer="rs/change")
            assert (found.rank, found.score) == (hit.rank, pytest.approx(hit.score))
        assert opened.explain("away.tif#tile=0,0,0", question, composer="rs/change").rank is None
