"""The GPS block of a photo, row by row of what cameras write."""

from __future__ import annotations

import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from fieldglass_geo.exif import NoPosition, Position, columns, position, read

SOUTH = (IFDRational(43), IFDRational(11), IFDRational(358332, 10000))
EAST = (IFDRational(171), IFDRational(53), IFDRational(402612, 10000))


def gps(lat=SOUTH, lon=EAST, lat_ref="S", lon_ref="E", **more) -> dict:
    return {1: lat_ref, 2: lat, 3: lon_ref, 4: lon, **{int(tag[1:]): value for tag, value in more.items()}}


def test_degrees_minutes_seconds():
    found = position(gps())
    assert found.lat == pytest.approx(-43.1932870, abs=1e-7)
    assert found.lon == pytest.approx(171.8945170, abs=1e-7)
    assert found.flags == ()


@pytest.mark.parametrize(
    ("lat_ref", "lon_ref", "signs"),
    [
        ("N", "E", (1, 1)),
        ("N", "W", (1, -1)),
        ("S", "W", (-1, -1)),
        ("s", "west", (-1, -1)),
        ("South", "E\x00", (-1, 1)),
    ],
)
def test_the_letter_gives_the_sign(lat_ref, lon_ref, signs):
    found = position(gps(lat_ref=lat_ref, lon_ref=lon_ref))
    assert (sign_of(found.lat), sign_of(found.lon)) == signs


def sign_of(value: float) -> int:
    return (value > 0) - (value < 0)


@pytest.mark.parametrize(
    ("lat", "expected", "flags"),
    [
        ((43.5, 0.0, 0.0), -43.5, ()),
        ((43, 30.6, 0), -43.51, ()),
        ((43.5,), -43.5, ("partial_dms",)),
        (43.5, -43.5, ("partial_dms",)),
        ((43, 30), -43.5, ("partial_dms",)),
        ((IFDRational(43), IFDRational(30), IFDRational(0, 0)), -43.5, ("bad_seconds",)),
        ((-43, 30, 0), -43.5, ("double_sign",)),
        ((90, 0, 0), -90.0, ()),
    ],
)
def test_forms_that_are_understood(lat, expected, flags):
    found = position(gps(lat=lat))
    assert isinstance(found, Position)
    assert found.lat == pytest.approx(expected, abs=1e-9)
    assert found.flags == flags


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        ({}, "absent"),
        ({1: "N", 2: (1, 2, 3)}, "absent"),
        (gps(lat=(IFDRational(1, 0), IFDRational(0), IFDRational(0))), "undefined_rational"),
        (gps(lat=(IFDRational(43), IFDRational(0, 0), IFDRational(0))), "undefined_rational"),
        (gps(lat=(float("nan"), 0, 0)), "undefined_rational"),
        (gps(lat=(float("inf"), 0, 0)), "undefined_rational"),
        (gps(lat=("x", 0, 0)), "undefined_rational"),
        (gps(lat=()), "undefined_rational"),
        (gps(lat_ref=None), "missing_ref"),
        (gps(lat_ref=""), "missing_ref"),
        (gps(lat_ref="\x00"), "missing_ref"),
        (gps(lat_ref="E"), "missing_ref"),
        (gps(lat=(-43, 11, 0), lat_ref="N"), "contradictory_sign"),
        (gps(lat=(43, 61, 0)), "out_of_range"),
        (gps(lat=(43, 11, 60)), "out_of_range"),
        (gps(lat=(43, -1, 0)), "out_of_range"),
        (gps(lat=(91, 0, 0)), "out_of_range"),
        (gps(lat=(90, 0, 1)), "out_of_range"),
        (gps(lat=(171, 53, 40), lon=(43, 11, 35)), "out_of_range"),
        (gps(lon=(181, 0, 0)), "out_of_range"),
        (gps(lat=(0, 0, 0), lon=(0, 0, 0)), "null_island"),
    ],
)
def test_what_gives_no_position_says_why(block, reason):
    assert position(block) == NoPosition(reason)


def test_zero_latitude_alone_is_a_place():
    assert position(gps(lat=(0, 0, 0))).lat == 0


@pytest.mark.parametrize(("ref", "sign"), [(None, 1), (0, 1), (b"\x00", 1), (1, -1), (b"\x01", -1)])
def test_altitude_is_below_the_sea_where_it_says_so(ref, sign):
    assert position(gps(_5=ref, _6=IFDRational(25, 2))).altitude == sign * 12.5


def test_altitude_and_error_over_zero_are_left_out():
    found = position(gps(_6=IFDRational(25, 0), _31=IFDRational(0, 0)))
    assert (found.altitude, found.error_m) == (None, None)


@pytest.mark.parametrize(("datum", "flags"), [("WGS-84", ()), ("WGS 84", ()), ("WGS84\x00", ()), ("TOKYO", ("datum",))])
def test_another_datum_is_flagged(datum, flags):
    assert position(gps(_18=datum)).flags == flags


def photo(path, block):
    picture = Image.new("RGB", (16, 16), "red")
    exif = picture.getexif()
    exif[0x0112] = 1
    exif.get_ifd(0x8825).update(block)
    picture.save(path, exif=exif)
    return path


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_a_real_file_of_each_format(tmp_path, suffix):
    found = columns((photo(tmp_path / f"a{suffix}", gps(_6=IFDRational(250, 2), _31=IFDRational(5))),))
    assert found["lat"] == pytest.approx(-43.193287, abs=1e-6)
    assert found["lon"] == pytest.approx(171.894517, abs=1e-6)
    assert (found["altitude"], found["gps_error_m"]) == (125.0, 5.0)


def test_a_bad_position_is_a_column_to_filter_by(tmp_path):
    assert columns((photo(tmp_path / "a.jpg", gps(lat=(0, 0, 0), lon=(0, 0, 0))),)) == {"gps_problem": "null_island"}


def test_no_position_adds_nothing(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "a.jpg")
    (tmp_path / "b.jpg").write_bytes(b"\xff\xd8\xff\xe1 not a picture")
    (tmp_path / "c.txt").write_text("no picture")
    assert columns((tmp_path / "a.jpg",)) == columns((tmp_path / "b.jpg",)) == columns((tmp_path / "c.txt",)) == {}
    assert columns(()) == {}
    assert read(tmp_path / "gone.jpg") == NoPosition("absent")
