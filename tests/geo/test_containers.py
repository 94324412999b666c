"""EXIF and XMP found in real files of each format, and hostile ones that must cost nothing."""

from __future__ import annotations

import logging
import struct
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fieldglass.registry import registry
from fieldglass.types import Item
from fieldglass_geo.containers import read_header
from fieldglass_geo.position import NoPosition
from fieldglass_geo.tiff import read_tags
from fieldglass_geo.where_taken import find
from geo.pictures import COPENHAGEN, block, photo


def lies_in_copenhagen(found) -> bool:
    return (found.position.lat, found.position.lon) == pytest.approx(COPENHAGEN, abs=1e-6)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".avif"])
def test_each_format(tmp_path, suffix):
    if suffix == ".avif":
        pytest.importorskip("PIL._avif")
    found = find(photo(tmp_path / f"a{suffix}", block(*COPENHAGEN, _6=12.5, _31=5)))
    assert lies_in_copenhagen(found)
    assert (found.source, found.position.altitude, found.position.error_m) == ("exif", 12.5, 5.0)


def test_heic_needs_no_decoder(tmp_path):
    heif = pytest.importorskip("pillow_heif")
    picture = Image.new("RGB", (64, 64), "red")
    exif = picture.getexif()
    exif[0x010F] = "Fieldglass"
    exif.get_ifd(0x8825).update(block(*COPENHAGEN))
    heif.from_pillow(picture).save(tmp_path / "a.heic", exif=exif.tobytes(), quality=50)
    assert lies_in_copenhagen(find(tmp_path / "a.heic"))


def test_the_name_does_not_matter(tmp_path):
    photo(tmp_path / "a.png", block(*COPENHAGEN)).rename(tmp_path / "a.jpg")
    assert lies_in_copenhagen(find(tmp_path / "a.jpg"))


def test_a_png_block_after_the_picture(tmp_path):
    content = photo(tmp_path / "a.png", block(*COPENHAGEN)).read_bytes()
    at = content.index(b"eXIf") - 4
    length = 12 + int.from_bytes(content[at : at + 4], "big")
    end = content.index(b"IEND") - 4
    moved = content[:at] + content[at + length : end] + content[at : at + length] + content[end:]
    (tmp_path / "b.png").write_bytes(moved)
    assert lies_in_copenhagen(find(tmp_path / "b.png"))


def test_an_xmp_packet_is_found_in_each_format(tmp_path):
    packet = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"></x:xmpmeta>'
    for suffix in (".jpg", ".webp"):
        assert read_header(photo(tmp_path / f"a{suffix}", xmp=packet)).xmp.strip(b"\0") == packet


def test_signed_rationals_are_accepted():
    assert read_tags(tiff([(1, 2, b"N\0"), (2, 10, struct.pack("<6i", 55, 1, 40, 1, 0, 1))])).gps[2] == (55, 40, 0)


def test_a_geotiff_warns_of_nothing(tmp_path):
    picture = Image.new("RGB", (8, 8))
    picture.save(tmp_path / "a.tif", tiffinfo={277: 4})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert find(tmp_path / "a.tif").position == NoPosition("absent")


def test_a_damaged_block_is_no_place(tmp_path):
    content = photo(tmp_path / "a.jpg", block(*COPENHAGEN)).read_bytes()
    at = content.index(b"Exif\0\0") + 6
    (tmp_path / "b.jpg").write_bytes(content[:at] + b"XX" + content[at + 2 :])
    assert find(tmp_path / "b.jpg").position.reason == "unreadable"


def test_a_directory_that_points_to_itself_or_outside(tmp_path):
    whole = tiff([(1, 2, b"N\0")])
    for pointer in (8, 0xFFFFFFFF, len(whole) - 1):
        at = whole.index(struct.pack("<HHI", 0x8825, 4, 1)) + 8
        bent = whole[:at] + struct.pack("<I", pointer) + whole[at + 4 :]
        assert 1 not in read_tags(bent).gps


def test_values_that_claim_to_be_huge_are_left():
    entry = struct.pack("<HHII", 2, 5, 0xFFFFFFFF, 8)
    head = b"II*\0" + struct.pack("<I", 8)
    main = struct.pack("<H", 1) + struct.pack("<HHII", 0x8825, 4, 1, 26) + struct.pack("<I", 0)
    assert read_tags(head + main + struct.pack("<H", 1) + entry).gps == {}


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 400))
def test_noise_never_raises(tmp_path_factory, noise, at):
    folder = tmp_path_factory.getbasetemp()
    good = folder / "good.heic"
    if not good.exists():
        good.write_bytes(heic(tiff([(1, 2, b"N\0")])))
    content = good.read_bytes()
    bent = folder / "bent.heic"
    bent.write_bytes(content[:at] + noise + content[at + len(noise) :])
    read_header(bent)
    read_tags(noise)
    read_tags(b"II*\0" + noise)
    png = folder / "bent.png"
    png.write_bytes(b"\x89PNG\r\n\x1a\n" + noise)
    read_header(png)
    jpeg = folder / "bent.jpg"
    jpeg.write_bytes(b"\xff\xd8\xff\xe1" + noise)
    read_header(jpeg)


def test_a_png_that_ends_early(tmp_path):
    whole = photo(tmp_path / "a.png", block(*COPENHAGEN)).read_bytes()
    (tmp_path / "b.png").write_bytes(whole[: whole.index(b"eXIf") + 10])
    assert isinstance(find(tmp_path / "b.png").position, NoPosition)


def test_our_own_heic_is_read(tmp_path):
    """The boxes that the test of noise bends are right before they are bent."""
    values = [
        (1, 2, b"N\0"), (2, 5, struct.pack("<6I", 55, 1, 40, 1, 0, 1)),
        (3, 2, b"E\0"), (4, 5, struct.pack("<6I", 12, 1, 30, 1, 0, 1)),
    ]  # fmt: skip
    (tmp_path / "a.heic").write_bytes(heic(tiff(values)))
    assert find(tmp_path / "a.heic").position.lon == 12.5


def tiff(values: list[tuple[int, int, bytes]]) -> bytes:
    """A little-endian block whose main directory has nothing but a GPS directory of (tag, type, data)."""
    start = 8 + 2 + 12 + 4
    table, data = b"", b""
    after = start + 2 + 12 * len(values) + 4
    sizes = {2: 1, 5: 8, 10: 8}
    for tag, kind, content in values:
        count = len(content) // sizes[kind]
        if len(content) <= 4:
            table += struct.pack("<HHI", tag, kind, count) + content.ljust(4, b"\0")
        else:
            table += struct.pack("<HHII", tag, kind, count, after + len(data))
            data += content
    main = struct.pack("<H", 1) + struct.pack("<HHII", 0x8825, 4, 1, start) + struct.pack("<I", 0)
    directory = struct.pack("<H", len(values)) + table + struct.pack("<I", 0)
    return b"II*\0" + struct.pack("<I", 8) + main + directory + data


def heic(exif: bytes) -> bytes:
    """The boxes of a HEIC file that hold an EXIF item, and no picture."""

    def box(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", 8 + len(content)) + name + content

    payload = struct.pack(">I", 6) + b"Exif\0\0" + exif
    ftyp = box(b"ftyp", b"heic\0\0\0\0mif1heic")
    infe = box(b"infe", b"\x02\0\0\0" + struct.pack(">HH", 1, 0) + b"Exif" + b"\0")
    iinf = box(b"iinf", b"\0\0\0\0" + struct.pack(">H", 1) + infe)

    def meta(offset: int) -> bytes:
        iloc = b"\0\0\0\0" + bytes([0x44, 0x00]) + struct.pack(">HHHHII", 1, 1, 0, 1, offset, len(payload))
        return box(b"meta", b"\0\0\0\0" + iinf + box(b"iloc", iloc))

    offset = len(ftyp) + len(meta(0)) + 8
    return ftyp + meta(offset) + box(b"mdat", payload)


def test_the_hooks_print_nothing_of_a_tiff_of_many_bands(tmp_path, capfd):
    """Pillow cannot open it, and would log that to the terminal."""
    entries = [(256, 4, 1, 1), (257, 4, 1, 1), (258, 3, 1, 16), (262, 3, 1, 1), (277, 3, 1, 12)]
    table = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    path = tmp_path / "a.tif"
    path.write_bytes(b"II*\0" + struct.pack("<IH", 8, len(entries)) + table + b"\0\0\0\0")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logging.getLogger(), "handlers", [])  # pytest's own; a program has none
        found = dict(registry().metadata(Item("a.tif", ("a.tif",)), (path,)))
    assert found["core"] == found["geo"] == {}
    assert capfd.readouterr().err == ""
