"""Several frames in one file: streamed, with their own functional groups, and what they may claim."""

from __future__ import annotations

import zipfile
import zlib
from io import BytesIO

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import JPEG2000Lossless, JPEGExtended12Bit

from fieldglass.types import Item, Problem
from fieldglass_medical import decode
from fieldglass_medical.codestream import claimed_size
from fieldglass_medical.decode import check_syntax
from fieldglass_medical.file_meta import may_be_deflated
from fieldglass_medical.loader import Dicom
from fieldglass_medical.refusal import Refusal
from medical.dicom_files import REAL, dicom


def scanned(path, **options):
    loader = Dicom(**options)
    found = list(loader.scan(path))
    return loader, [each for each in found if isinstance(each, Item)], [e for e in found if isinstance(e, Problem)]


def group(**tags):
    made = Dataset()
    for name, value in tags.items():
        setattr(made, name, value)
    return made


def enhanced(slopes):
    frames = []
    for slope in slopes:
        each = Dataset()
        each.PixelValueTransformationSequence = [group(RescaleSlope=slope, RescaleIntercept=-10, RescaleType="HU")]
        frames.append(each)
    shared = Dataset()
    shared.PixelMeasuresSequence = [group(PixelSpacing=[0.5, 0.25], SliceThickness=2)]
    return {
        "NumberOfFrames": len(slopes), "PerFrameFunctionalGroupsSequence": frames, "RescaleSlope": None,
        "SharedFunctionalGroupsSequence": [shared], "RescaleIntercept": None, "PixelSpacing": None,
    }  # fmt: skip


def test_each_frame_is_an_item_with_its_own_rescale(tmp_path):
    pixels = np.stack([np.full((4, 6), 100, np.uint16), np.full((4, 6), 200, np.uint16)])
    path = dicom(tmp_path / "a.dcm", pixels, **enhanced([1, 3]))
    loader, items, _ = scanned(path, level="frame")
    assert [item.id.partition("#")[2] for item in items] == ["frame=1", "frame=2"]
    first, second = loader.read(items, path)
    assert (first.units, first.spacing) == ("HU", (0.5, 0.25))
    assert (first.content.min(), second.content.max()) == (90, 590)
    (again,) = loader.read(items[1:], path)
    assert np.array_equal(again.content, second.content)


def test_frames_stream_one_by_one(tmp_path, monkeypatch):
    """A file of 30 frames is opened once a batch, and never more than one decoded frame is asked for ahead."""
    pixels = np.arange(30 * 8 * 8, dtype=np.uint16).reshape(30, 8, 8)
    path = dicom(tmp_path / "a.dcm", pixels, NumberOfFrames=30)
    loader, items, _ = scanned(path, level="frame")
    answers = loader.read(items, path)
    assert next(answers).content[0, 0, 0] == -1024
    path.unlink()  # the handle is held, so the rest still comes
    assert [int(each.content[0, 0, 0]) + 1024 for each in answers] == [64 * index for index in range(1, 30)]


def test_a_frame_that_fails_costs_no_other(tmp_path):
    path = dicom(tmp_path / "a.dcm", np.zeros((3, 8, 8), np.uint16), NumberOfFrames=3)
    data = pydicom.dcmread(path)
    good = jpeg2000()
    data.PixelData = encapsulate([good, good[:60] + b"\0" * 20, good])
    data["PixelData"].VR = "OB"
    data.file_meta.TransferSyntaxUID = JPEG2000Lossless
    data.save_as(path)
    loader, items, _ = scanned(path, level="frame")
    answers = list(loader.read(items, path))
    assert isinstance(answers[1], Problem)
    assert answers[1].code == "dicom-pixels"
    assert np.array_equal(answers[0].content, answers[2].content)


def jpeg2000(size=(8, 8)):
    from io import BytesIO

    from PIL import Image

    buffer = BytesIO()
    Image.fromarray(np.arange(size[0] * size[1], dtype=np.uint16).reshape(size)).save(
        buffer, "JPEG2000", no_jp2=True, irreversible=False
    )
    return buffer.getvalue()


def test_a_stream_of_another_size_is_refused_before_it_is_decoded(tmp_path):
    path = dicom(tmp_path / "a.dcm", np.zeros((8, 8), np.uint16))
    data = pydicom.dcmread(path)
    stream = bytearray(jpeg2000())
    assert claimed_size(bytes(stream)) == (8, 8, 1)
    stream[8:12] = (60_000).to_bytes(4, "big")
    data.PixelData = encapsulate([bytes(stream)])
    data["PixelData"].VR = "OB"
    data.file_meta.TransferSyntaxUID = JPEG2000Lossless
    data.save_as(path)
    loader, items, _ = scanned(path)
    (answer,) = loader.read(items, path)
    assert answer.code == "dicom-frame-size"
    assert "60000 x 8" in answer.message


def test_what_has_no_decoder_names_its_uid_and_the_extra():
    for uid in ("1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.100"):
        try:
            check_syntax(pydicom.uid.UID(uid))
        except Refusal as refusal:
            assert uid in refusal.message
        else:
            assert uid == JPEGExtended12Bit
    with pytest.raises(Refusal, match="unknown transfer syntax"):
        check_syntax(pydicom.uid.UID("1.2.3"))


def test_jpeg_of_12_bits_names_what_to_install_unless_it_is_there(monkeypatch):
    loader, items, _ = scanned(REAL / "JPEG-lossy.dcm")  # a stream that libjpeg refuses too
    for there, code in ((None, "dicom-transfer-syntax"), (object(), "dicom-pixels")):
        monkeypatch.setattr(decode, "find_spec", lambda name, there=there: there)
        (answer,) = loader.read(items, REAL / "JPEG-lossy.dcm")
        assert answer.code == code and JPEGExtended12Bit in answer.message
        assert ("pip install 'fieldglass-medical[libjpeg]'" in answer.message) == (there is None)


def test_a_file_without_a_preamble_is_taken_where_its_length_tells_the_syntax(tmp_path):
    path = dicom(tmp_path / "whole.dcm")
    whole = pydicom.dcmread(path)
    start = path.read_bytes().index(b"\x08\x00\x16\x00UI")
    for name, cut in (("bare", 0), ("short", 50)):
        content = path.read_bytes()[start:]
        (tmp_path / name).write_bytes(content[: len(content) - cut])
    _, items, problems = scanned(tmp_path / "short")
    assert not items and [each.code for each in problems] == ["dicom-transfer-syntax"]
    loader, items, _ = scanned(tmp_path / "bare")
    (sample,) = loader.read(items, tmp_path / "bare")
    assert np.array_equal(sample.content[..., 0] + 1024, whole.pixel_array)


def test_a_deflated_file_is_read_and_a_bomb_is_not(tmp_path, monkeypatch):
    path = dicom(tmp_path / "a.dcm")
    content = path.read_bytes()
    start = content.index(b"\x08\x00\x16\x00UI")
    head = content[:start].replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99")
    size = len(head) - 144
    head = head[:140] + size.to_bytes(4, "little") + head[144:]
    head = head.replace(b"\x02\x00\x10\x00UI\x14\x00", b"\x02\x00\x10\x00UI\x16\x00")
    press = zlib.compressobj(wbits=-15)
    (tmp_path / "deflated.dcm").write_bytes(head + press.compress(content[start:]) + press.flush())
    loader, items, problems = scanned(tmp_path / "deflated.dcm")
    assert not problems
    (sample,) = loader.read(items, tmp_path)
    assert np.array_equal(sample.content[..., 0] + 1024, pydicom.dcmread(path).pixel_array)

    monkeypatch.setattr("fieldglass_medical.opening.MAX_BYTES", 4 << 20)
    press = zlib.compressobj(wbits=-15)
    (tmp_path / "bomb.dcm").write_bytes(head + press.compress(content[start:] + bytes(64 << 20)) + press.flush())
    _, items, problems = scanned(tmp_path / "bomb.dcm")
    assert not items and [each.code for each in problems] == ["dicom-too-large"]


def test_the_files_of_an_archive_are_read(tmp_path):
    first, second = dicom(tmp_path / "1.dcm"), dicom(tmp_path / "2.dcm", np.full((5, 5), 7, np.uint16))
    source = tmp_path / "source"
    source.mkdir()
    with zipfile.ZipFile(source / "scans.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(first, "DICOM/../../IM1")
        archive.write(second, "IM2")
        archive.writestr("notes.txt", "nothing")
        archive.writestr("zeros.dcm", bytes(8 << 20))
    loader, items, problems = scanned(source)
    assert [each.code for each in problems] == ["zip-too-large"]
    assert sorted(sample.content.shape for sample in loader.read(items, source)) == [(5, 5, 1), (24, 20, 1)]
    (source / "scans.zip").write_bytes(b"PK\x03\x04 broken")
    assert [each.code for each in scanned(source)[2]] == ["zip-damaged"]
    assert [each.code for each in loader.read(items, source)] == ["zip-damaged"] * 2


def test_overlays_in_the_high_bits_are_no_part_of_the_values(tmp_path):
    pixels = np.array([[1, 2], [3, 4]], np.uint16)
    tags = {"BitsStored": 12, "HighBit": 11}
    path = dicom(tmp_path / "a.dcm", pixels | 0xF000, **tags)
    loader, items, _ = scanned(path)
    assert (next(loader.read(items, path)).content[..., 0] + 1024).tolist() == pixels.tolist()


def test_a_cine_of_colour_is_a_clip_of_frames_taken_evenly(tmp_path):
    pixels = np.zeros((10, 4, 4, 3), np.uint8)
    pixels[:] = np.arange(10, dtype=np.uint8)[:, None, None, None] * 20
    tags = {
        "NumberOfFrames": 10, "SamplesPerPixel": 3, "PhotometricInterpretation": "RGB", "PlanarConfiguration": 0,
        "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "Modality": "US", "Rows": 4, "Columns": 4,
    }  # fmt: skip
    path = dicom(tmp_path / "a.dcm", pixels, **tags)
    loader, items, _ = scanned(path, max_frames=4)
    clip = next(loader.read(items, path))
    assert (clip.kind, clip.units, clip.content.shape) == ("clip", "srgb8", (4, 4, 4, 3))
    assert clip.content[:, 0, 0, 0].tolist() == [0, 60, 120, 180]
    assert items[0].metadata["burned_in"] == "likely"
    assert [each.code for each in scanned(path, skip_burned_in=True)[2]] == ["dicom-burned-in"]


def test_what_is_cut_off_is_zero_where_that_is_asked_for(tmp_path):
    pixels = np.arange(1, 3 * 8 * 6 + 1, dtype=np.uint16).reshape(3, 8, 6)
    path = dicom(tmp_path / "a.dcm", pixels, NumberOfFrames=3)
    whole = path.read_bytes()
    path.write_bytes(whole[: -(8 * 6 * 2 + 4)])
    assert [each.code for each in scanned(path)[2]] == ["dicom-truncated"]
    loader, items, (warning,) = scanned(path, level="frame", lenient=True)
    assert (warning.code, warning.severity, len(items)) == ("dicom-truncated", "warning", 3)
    assert all(item.metadata["truncated"] is True for item in items)
    first, second, third = (sample.content[..., 0] + 1024 for sample in loader.read(items, path))
    assert np.array_equal(first, pixels[0]) and not third.any()
    assert np.array_equal(second.ravel()[:-2], pixels[1].ravel()[:-2]) and not second.ravel()[-2:].any()
    path.write_bytes(whole[: -(2 * 8 * 6 * 2)])
    assert [each.severity for each in scanned(path, lenient=True)[2]] == ["error"]
    path.write_bytes(whole)
    assert not scanned(path, lenient=True)[2] and "truncated" not in scanned(path, lenient=True)[1][0].metadata


def meta_element(element, vr, value):
    length = len(value).to_bytes(4, "little") if vr == b"OB" else len(value).to_bytes(2, "little")
    return b"\x02\x00" + element.to_bytes(2, "little") + vr + (b"\0\0" if vr == b"OB" else b"") + length + value


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ([(0x10, b"UI", b"1.2.840.10008.1.2.1\0")], False),
        ([(0x10, b"UI", b"1.2.840.10008.1.2.1.99")], True),
        ([(0x02, b"OB", b"\1" * 70_000), (0x10, b"UI", b"1.2.840.10008.1.2.1.99")], True),
        ([(0x10, b"UI", b"1.2.840.10008.1.2.1\0"), (0x10, b"UI", b"1.2.840.10008.1.2.1.99")], True),
        ([(0x02, b"\0\1", b""), (0x10, b"UI", b"1.2.840.10008.1.2.1.99")], True),
        ([(0x02, b"UL", b"\1\0\0\0")] * 65, True),
    ],
    ids=["plain", "deflated", "far behind", "said twice", "no value type", "endless"],
)
def test_a_deflated_syntax_is_not_overlooked(elements, expected):
    meta = b"".join(meta_element(*each) for each in elements)
    assert may_be_deflated(BytesIO(meta + b"\x08\x00\x05\x00CS\x00\x00")) is expected


def test_a_meta_header_that_ends_in_an_element_is_left_to_the_parser():
    assert may_be_deflated(BytesIO(meta_element(0x10, b"UI", b"1.2.840.10008.1.2.1.99")[:-5]))
