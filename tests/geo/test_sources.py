"""What else speaks of a photo's place: XMP packets and sidecars, Google Takeout files, GPX tracks; and its time."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from fieldglass.errors import UsageError
from fieldglass_geo.gpx import read_gpx
from fieldglass_geo.moments import exposed, offset_of, received
from fieldglass_geo.position import NoPosition, Position, Rules
from fieldglass_geo.takeout import note_names, read_note
from fieldglass_geo.where_taken import find
from fieldglass_geo.xmp import read_xmp
from geo.pictures import COPENHAGEN, block, photo

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def xmp(**said: str) -> bytes:
    cells = " ".join(f'exif:{name}="{value}"' for name, value in said.items())
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/" {cells}/></rdf:RDF></x:xmpmeta>'
    ).encode()


def place(packet: bytes, rules: Rules | None = None):
    return read_xmp(packet, rules or Rules()).position


@pytest.mark.parametrize(
    ("lat", "lon", "expected"),
    [
        ("43,11.597S", "171,53.671E", (-43.1932833, 171.8945167)),
        ("43,11,35.82S", "171,53,40.26e", (-43.1932833, 171.8945167)),
        ("43.5N", "12,30W", (43.5, -12.5)),
        ("-43,30S", "12,30E", (-43.5, 12.5)),
    ],
)
def test_an_xmp_angle(lat, lon, expected):
    found = place(xmp(GPSLatitude=lat, GPSLongitude=lon, GPSAltitude="1234/100", GPSAltitudeRef="1"))
    assert (found.lat, found.lon) == pytest.approx(expected, abs=1e-6)
    assert found.altitude == -12.34


def test_elements_are_read_like_attributes():
    packet = xmp().replace(b"/></rdf:RDF>", b"><exif:GPSLatitude>55,30N</exif:GPSLatitude>"
                           b"<exif:GPSLongitude>12,30E</exif:GPSLongitude></rdf:Description></rdf:RDF>")  # fmt: skip
    assert place(packet).lat == 55.5


@pytest.mark.parametrize(
    ("lat", "reason"),
    [
        ("55.5", "missing_ref"),
        ("55,30E", "missing_ref"),
        ("-55,30N", "contradictory_sign"),
        ("55,60N", "out_of_range"),
        ("91,0N", "out_of_range"),
        ("nan", "undefined_rational"),
        ("north", "undefined_rational"),
    ],
)
def test_xmp_that_gives_no_place_says_why(lat, reason):
    assert place(xmp(GPSLatitude=lat, GPSLongitude="12,30E")).reason == reason


def test_a_plain_decimal_is_read_in_lenient_mode_alone():
    packet = xmp(GPSLatitude="55.5", GPSLatitudeRef="S", GPSLongitude="12.5", GPSLongitudeRef="E")
    assert place(packet).reason == "missing_ref"
    found = place(packet, Rules(lenient=True))
    assert (found.lat, found.lon, found.flags) == (-55.5, 12.5, ("xmp_decimal",))


@pytest.mark.parametrize("packet", [b"<x", b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", b"\xff\xfe\x00"])
def test_a_hostile_packet_says_nothing(packet):
    assert place(packet).reason == "unreadable"


def test_exif_wins_over_xmp_and_a_conflict_is_flagged(tmp_path):
    path = photo(tmp_path / "a.jpg", block(*COPENHAGEN), xmp=xmp(GPSLatitude="55,0N", GPSLongitude="12,34E"))
    found = find(path)
    assert found.position.lat == pytest.approx(COPENHAGEN[0])
    assert (found.source, found.flags) == ("exif", ("exif_xmp_conflict",))
    near = photo(tmp_path / "b.jpg", block(*COPENHAGEN), xmp=xmp(GPSLatitude="55,40.57N", GPSLongitude="12,34.1E"))
    assert find(near).flags == ()


@pytest.mark.parametrize("name", ["a.jpg.xmp", "a.xmp", "a.jpg.XMP"])
def test_a_sidecar_places_a_photo_that_says_nothing(tmp_path, name):
    path = photo(tmp_path / "a.jpg", block(0, 0))
    (tmp_path / name).write_bytes(xmp(GPSLatitude="55,30N", GPSLongitude="12,30E"))
    found = find(path)
    assert (found.position.lat, found.source, found.flags) == (55.5, "xmp", ("null_island",))
    assert find(path, Rules(sidecars=False)).position == NoPosition("null_island")


def test_a_sidecar_that_is_a_link_is_not_followed(tmp_path):
    (tmp_path / "secret").write_bytes(xmp(GPSLatitude="55,30N", GPSLongitude="12,30E"))
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.xmp").symlink_to(tmp_path / "secret")
    assert find(photo(tmp_path / "photos" / "a.jpg")).position == NoPosition("absent")


# Google Takeout


@pytest.mark.parametrize(
    ("photo_name", "sidecar"),
    [
        ("IMG_1.jpg", "IMG_1.jpg.json"),
        ("IMG_1.jpg", "IMG_1.jpg.supplemental-metadata.json"),
        ("IMG_1.jpg", "IMG_1.json"),
        ("IMG_20230115_123456789.jpg", "IMG_20230115_123456789.jpg.supplemental-metada.json"),
        ("a" * 44 + ".jpg", "a" * 44 + ".j.json"),
        ("IMG_1(2).jpg", "IMG_1.jpg(2).json"),
        ("IMG_1(2).jpg", "IMG_1.jpg.supplemental-metadata(2).json"),
        ("IMG_1(2).jpg", "IMG_1(2).jpg.json"),
        ("IMG_1-edited.jpg", "IMG_1.jpg.json"),
        ("IMG_1-bearbeitet(1).jpg", "IMG_1-bearbeitet.jpg(1).json"),
    ],
)
def test_the_name_of_a_takeout_file(photo_name, sidecar):
    assert sidecar in list(note_names(photo_name))


def test_another_photos_takeout_file_is_not_taken():
    assert "IMG_1.jpg.json" not in list(note_names("IMG_1(2).jpg"))
    assert "IMG_1.jpg(1).json" not in list(note_names("IMG_1.jpg"))


def note(**said) -> bytes:
    return json.dumps({"title": "a.jpg", "photoTakenTime": {"timestamp": "1714564800"}, **said}).encode()


def at(lat, lon, altitude=0.0):
    return {"latitude": lat, "longitude": lon, "altitude": altitude}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"geoData": at(55.5, 12.5, 7.0), "geoDataExif": at(0, 0)}, Position(55.5, 12.5, 7.0)),
        ({"geoData": at(0, 0), "geoDataExif": at(55.5, 12.5)}, Position(55.5, 12.5)),
        ({"geoDataExif": at(55.5, 12.5)}, Position(55.5, 12.5)),
        ({"geoData": at(0.0, 0.0), "geoDataExif": at(0.0, 0.0)}, NoPosition("absent")),
        ({}, NoPosition("absent")),
        ({"geoData": at(95, 12)}, NoPosition("out_of_range", "Are latitude and longitude swapped?")),
        ({"geoData": at("x", 12)}, NoPosition("undefined_rational")),
        ({"geoData": at(float("nan"), 12)}, NoPosition("undefined_rational")),
        ({"geoData": [1, 2]}, NoPosition("absent")),
    ],
)
def test_the_two_fields_of_takeout(said, expected):
    found = read_note(note(**said), Rules())
    assert found.position == expected
    assert found.taken == NOON


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"{" * 100_000, b'{"a": 1}', b"\xff"])
def test_other_json_is_no_takeout_file(content):
    assert read_note(content, Rules()) is None


def test_a_takeout_file_places_its_photo(tmp_path):
    path = photo(tmp_path / "a.jpg")
    (tmp_path / "a.jpg.supplemental-metadata.json").write_bytes(note(geoData=at(0, 0), geoDataExif=at(55.5, 12.5)))
    found = find(path)
    assert (found.position.lon, found.source, found.taken) == (12.5, "takeout", NOON)


# GPX


def track(tmp_path, *points: tuple[float, float, float]):
    """Points of (seconds after noon, latitude, longitude)."""
    cells = "".join(
        f'<trkpt lat="{lat}" lon="{lon}"><ele>{10 + seconds / 10}</ele>'
        f"<time>{(NOON + timedelta(seconds=seconds)).isoformat().replace('+00:00', 'Z')}</time></trkpt>"
        for seconds, lat, lon in points
    )
    path = tmp_path / "walk.gpx"
    path.write_text(
        f'<gpx xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>{cells}</trkseg></trk></gpx>', encoding="utf-8"
    )
    return path


def test_a_track_places_photos_between_its_points(tmp_path):
    path = str(track(tmp_path, (0, 55, 12), (100, 56, 14), (1000, 57, 15)))
    found = read_gpx(path).at(NOON + timedelta(seconds=25), 300)
    assert (found.lat, found.lon, found.altitude) == pytest.approx((55.25, 12.5, 12.5))
    assert read_gpx(path).at(NOON + timedelta(seconds=100), 300).lat == 56
    assert read_gpx(path).at(NOON + timedelta(seconds=500), 300) is None
    assert read_gpx(path).at(NOON + timedelta(seconds=500), 900).lon == pytest.approx(14 + 4 / 9)
    assert read_gpx(path).at(NOON - timedelta(seconds=1), 300) is None
    assert read_gpx(path).at(NOON + timedelta(seconds=1001), 300) is None


def test_a_track_over_the_antimeridian(tmp_path):
    found = read_gpx(str(track(tmp_path, (0, 0, 179), (100, 0, -179)))).at(NOON + timedelta(seconds=75), 300)
    assert found.lon == pytest.approx(-179.5)


def test_a_photo_is_placed_by_its_time_and_offset(tmp_path):
    path = str(track(tmp_path, (0, 55, 12), (100, 56, 14)))
    plain = photo(tmp_path / "a.jpg", taken="2024:05:01 14:00:50")
    assert find(plain, Rules(gpx=path)).position.reason == "absent"  # no offset: its time is not known
    found = find(plain, Rules(gpx=path, offset="+02:00"))
    assert (found.position.lat, found.source) == (55.5, "gpx")
    told = photo(tmp_path / "b.jpg", taken="2024:05:01 14:00:50", offset="+02:00")
    assert find(told, Rules(gpx=path, offset="-08:00")).position.lat == 55.5  # its own word goes before
    placed = photo(tmp_path / "c.jpg", block(1, 1), taken="2024:05:01 14:00:50", offset="+02:00")
    assert find(placed, Rules(gpx=path)).source == "exif"


@pytest.mark.parametrize("content", ["", "<gpx>", "<gpx/>", "<!DOCTYPE gpx><gpx/>", "x"])
def test_a_file_that_is_no_track_is_refused(tmp_path, content):
    path = tmp_path / "a.gpx"
    path.write_text(content)
    with pytest.raises(UsageError):
        read_gpx(str(path))


# Time


def test_the_satellites_time_goes_before_the_cameras(tmp_path):
    path = photo(
        tmp_path / "a.jpg", block(1, 1, _7=(12, 0, 0), _29="2024:05:01"), taken="2024:05:01 18:00:00", offset="+02:00"
    )
    assert find(path).taken == NOON


@pytest.mark.parametrize(
    ("time", "date"), [((25, 0, 0), "2024:05:01"), ((12, 0), "2024:05:01"), ((1, 2, float("nan")), "2024:05:01"),
                       ((12, 0, 0), "1970:01:01"), ((12, 0, 0), ""), (None, "2024:05:01")]
)  # fmt: skip
def test_a_satellites_time_that_cannot_be(time, date):
    assert received({7: time, 29: date}) is None


def test_exposure_needs_an_offset():
    assert exposed("2024:05:01 14:00:00", "+02:00") == NOON
    assert exposed("2024:05:01 12:00:00", "Z") == NOON
    assert exposed("2024:05:01 14:00:00", "") is None
    assert exposed("0000:00:00 00:00:00", "+02:00") is None
    assert exposed("2024:05:01 14:00:00", "soon") is None


@pytest.mark.parametrize("text", ["", "2", "+25:00", "+02:99", "CET"])
def test_an_offset_that_is_none(text):
    with pytest.raises(UsageError):
        offset_of(text)
