"""The GPS block of a photo, row by row of what cameras write."""

from __future__ import annotations

import pytest
from PIL.TiffImagePlugin import IFDRational

from fieldglass.errors import UsageError
from fieldglass_geo.gps import position
from fieldglass_geo.position import NoPosition, Position, Rules

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
    found = position(block)
    assert isinstance(found, NoPosition)
    assert found.reason == reason
    assert found.message


def test_swapped_axes_are_hinted_at():
    assert "swapped" in position(gps(lat=(171, 53, 40), lon=(43, 11, 35))).hint
    assert not position(gps(lat=(43, 61, 0))).hint
    assert "swapped" not in position(gps(lon=(181, 0, 0))).hint


def test_half_a_position_is_told():
    assert "without the other" in position({1: "N", 2: (1, 2, 3)}).hint
    assert not position({}).hint


@pytest.mark.parametrize(("letters", "signs"), [("NE", (1, 1)), ("se", (-1, 1)), ("SW", (-1, -1))])
def test_missing_letters_can_be_assumed(letters, signs):
    found = position(gps(lat_ref="\x00", lon_ref=None), Rules(assume_ref=letters))
    assert (sign_of(found.lat), sign_of(found.lon)) == signs
    assert found.flags == ("assumed_ref",)


def test_a_letter_that_is_there_is_not_assumed_away():
    assert position(gps(), Rules(assume_ref="NW")).lat < 0
    assert position(gps(), Rules(assume_ref="NW")).flags == ()


@pytest.mark.parametrize(("trust", "sign"), [("sign", -1), ("ref", 1)])
def test_a_contradiction_is_settled_on_demand(trust, sign):
    found = position(gps(lat=(-43, 30, 0), lat_ref="N"), Rules(trust=trust))
    assert found.lat == sign * 43.5
    assert found.flags == (f"trusted_{trust}",)


def test_zero_zero_is_a_place_on_demand():
    found = position(gps(lat=(0, 0, 0), lon=(0, 0, 0), lat_ref="N"), Rules(allow_zero=True))
    assert (found.lat, found.lon) == (0.0, 0.0)


@pytest.mark.parametrize(
    "options",
    [{"assume_ref": "XX"}, {"trust": "me"}, {"round_coords": "9"}, {"max_gap": "-1"}, {"drop": "1"}, {"lenient": "x"}],
)
def test_rules_that_cannot_be_are_refused(options):
    with pytest.raises(UsageError):
        Rules.of(options)


def test_zero_latitude_alone_is_a_place():
    assert position(gps(lat=(0, 0, 0))).lat == 0


@pytest.mark.parametrize(("ref", "sign"), [(None, 1), (0, 1), (b"\x00", 1), (1, -1), (b"\x01", -1)])
def test_altitude_is_below_the_sea_where_it_says_so(ref, sign):
    assert position(gps(_5=ref, _6=IFDRational(25, 2))).altitude == sign * 12.5


def test_altitude_and_error_over_zero_are_left_out():
    found = position(gps(_6=IFDRational(25, 0), _31=IFDRational(0, 0)))
    assert (found.altitude, found.error_m) == (None, None)


def test_dilution_of_precision_stands_in_for_the_error():
    assert position(gps(_11=IFDRational(3, 1))).error_m == 15
    assert position(gps(_11=IFDRational(3, 1), _31=IFDRational(4))).error_m == 4
    assert position(gps(_11=IFDRational(3, 0))).error_m is None


@pytest.mark.parametrize(("value", "heading"), [(IFDRational(905, 10), 90.5), (IFDRational(1, 0), None), (400, None)])
def test_heading(value, heading):
    assert position(gps(_17=value)).heading == heading


@pytest.mark.parametrize(("datum", "flags"), [("WGS-84", ()), ("WGS 84", ()), ("WGS84\x00", ()), ("TOKYO", ("datum",))])
def test_another_datum_is_flagged(datum, flags):
    assert position(gps(_18=datum)).flags == flags
