"""Decoding: every good picture comes out right, every bad one with its code."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, features

import bad_images
from fieldglass.loaders.files import Files
from fieldglass.loaders.picture import PictureError, decode
from fieldglass.types import Item, Problem


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    bad_images.write(folder)
    return folder


def read(folder: Path, name: str, **options):
    (answer,) = Files(**options).read([Item(name, (name,))], folder)
    return answer


def content(data: bytes, **options):
    return decode(io.BytesIO(data), **options)


@pytest.mark.parametrize("name", bad_images.BAD)
def test_a_bad_picture_is_a_problem_with_its_code(corpus, name):
    answer = read(corpus, name)
    assert isinstance(answer, Problem)
    assert (answer.subject, answer.code) == (name, bad_images.BAD[name])
    assert answer.message.endswith(".")


@pytest.mark.parametrize("name", bad_images.GOOD)
def test_an_unusual_picture_is_srgb8(corpus, name):
    answer = read(corpus, name)
    assert not isinstance(answer, Problem), answer
    assert answer.units == "srgb8"
    assert answer.content.dtype == np.uint8
    assert answer.content.shape == {"rotated.jpg": (64, 48, 3), "1x1.png": (1, 1, 3)}.get(name, (48, 64, 3))


def test_the_whole_corpus_is_scanned_and_the_rest_passed_over(corpus):
    found = {each.subject if isinstance(each, Problem) else each.id for each in Files().scan(corpus)}
    assert found == set(bad_images.GOOD) | set(bad_images.BAD)


@pytest.mark.parametrize(
    ("name", "format_name"),
    [("eps.jpg", "EPS"), ("pdf.jpg", "PDF"), ("svg.png", "SVG"), ("fits.tif", "FITS"), ("zip.jpg", "ZIP"),
     ("jpeg2000.jpg", "JPEG 2000"), ("text.jpg", "text"), ("logo.svg", "SVG"), ("lfs-pointer.jpg", "Git LFS")],
)  # fmt: skip
def test_a_refused_format_is_named(corpus, name, format_name):
    assert format_name in read(corpus, name).message


@pytest.mark.parametrize("name", ["cmyk.jpg", "cmyk.tif", "is-a-png.jpg", "is-a-jpeg.png", "palette.png",
                                  "animated.gif", "animated.webp", "zip-appended.jpg"])  # fmt: skip
def test_colours_are_those_of_the_original(corpus, name):
    wanted = np.asarray(bad_images.picture()).astype(int)
    away = np.abs(read(corpus, name).content.astype(int) - wanted)
    assert away[:, 4:-4].mean() < 3


def test_orientation_is_applied_for_all_eight_values():
    base = bad_images.picture(32, 16)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]
        turned = base if stored is None else base.transpose(Image.Transpose(stored))
        found = content(bad_images.encoded(turned, "PNG", exif=exif))
        assert np.array_equal(found, np.asarray(base)), orientation


def test_damaged_exif_does_not_lose_the_picture():
    data = bad_images.encoded(bad_images.picture(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert content(data).shape == (48, 64, 3)


@pytest.mark.parametrize("name", ["sixteen.png", "sixteen.tif", "int32.tif", "float.tif"])
def test_sixteen_bits_are_scaled_not_clipped(corpus, name):
    ramp = np.linspace(0, 255, 64 * 48).reshape(48, 64)
    found = read(corpus, name).content[..., 0].astype(float)
    assert np.abs(found - ramp).max() <= 1
    assert len(np.unique(found)) == 256


def test_sixteen_bit_colour_keeps_its_range(corpus):
    found = read(corpus, "rgb16.png").content
    assert (found.min(), found.max(), len(np.unique(found))) == (0, 255, 256)


def test_floats_of_any_range_and_nan():
    values = np.array([[-2.0, np.nan, 0.0, 2.0]], dtype=np.float32)
    found = content(bad_images.encoded(Image.fromarray(values), "TIFF"))[0, :, 0]
    assert found.tolist() == [0, 0, 128, 255]


def test_alpha_is_on_white():
    picture = Image.new("RGBA", (2, 1), (255, 0, 0, 0))
    picture.putpixel((1, 0), (0, 0, 0, 128))
    assert content(bad_images.encoded(picture, "PNG")).tolist() == [[[255, 255, 255], [127, 127, 127]]]


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "AVIF"])
def test_every_listed_format_round_trips(kind):
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    wanted = np.asarray(bad_images.picture()).astype(int)
    found = content(bad_images.encoded(bad_images.picture(), kind, **({"lossless": True} if kind == "WEBP" else {})))
    assert np.abs(found - wanted).mean() < 2


def test_heic_is_read_with_its_extra():
    heif = pytest.importorskip("pillow_heif")
    out = io.BytesIO()
    heif.from_pillow(bad_images.picture()).save(out, quality=95)
    found = content(out.getvalue()).astype(int)
    assert np.abs(found - np.asarray(bad_images.picture()).astype(int)).mean() < 4


def test_another_profile_becomes_srgb():
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # The same with red and blue exchanged, under another name: red comes out blue.
    other = srgb.replace(b"rXYZ", b"tXYZ").replace(b"bXYZ", b"rXYZ").replace(b"tXYZ", b"bXYZ")
    other = other.replace("sRGB".encode("utf-16-be"), "tRGB".encode("utf-16-be")).replace(b"sRGB", b"tRGB")
    red = Image.new("RGB", (2, 2), (255, 0, 0))
    for kind in ("PNG", "JPEG", "WEBP"):
        assert content(bad_images.encoded(red, kind, icc_profile=srgb))[0, 0, 0] > 250
        assert content(bad_images.encoded(red, kind, icc_profile=other))[0, 0, 2] > 250
        assert content(bad_images.encoded(red, kind, icc_profile=b"junk"))[0, 0, 0] > 250
    see_through = Image.new("RGBA", (2, 2), (255, 0, 0, 255))
    assert content(bad_images.encoded(see_through, "PNG", icc_profile=other))[0, 0].tolist() == [0, 0, 255]


def test_lab_is_read():
    found = content(bad_images.encoded(Image.new("LAB", (2, 2), (128, 128, 128)), "TIFF"))[0, 0]
    assert np.abs(found.astype(int) - 119).max() < 4


def test_the_pixel_limit_is_an_option_and_is_checked_before_decoding(corpus):
    assert read(corpus, "rgba.png", max_pixels=64 * 48 - 1).code == "image-too-large"
    assert read(corpus, "rgba.png", max_pixels=64 * 48).kind == "image"
    header = (corpus / "bomb.png").read_bytes()[:64]  # decoding this would fail otherwise
    (corpus / "bomb-header.png").write_bytes(header)
    assert "9000 x 9000" in read(corpus, "bomb-header.png").message


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_picture_is_reduced_to_twice_what_the_encoder_wants(kind):
    data = bad_images.encoded(bad_images.picture(2000, 1500), kind)
    small, whole = content(data, pixels=224), content(data)
    assert whole.shape == (1500, 2000, 3)
    assert 448 <= small.shape[0] < 900
    again = np.asarray(Image.fromarray(whole).resize((64, 48), Image.Resampling.BICUBIC)).astype(int)
    assert np.abs(np.asarray(Image.fromarray(small).resize((64, 48), Image.Resampling.BICUBIC)) - again).mean() < 1


def test_no_byte_string_breaks_the_decoder():
    rng = np.random.default_rng(0)
    sources = [bad_images.encoded(bad_images.picture(), kind) for kind in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP")]
    taken = refused = 0
    for _ in range(600):
        data = bytearray(sources[rng.integers(len(sources))])
        for _ in range(rng.integers(1, 8)):
            data[rng.integers(len(data))] = rng.integers(256)
        try:
            found = content(bytes(data[: rng.integers(1, len(data) + 1)] if rng.random() < 0.3 else data))
        except PictureError as error:
            refused += 1
            assert error.code.startswith("image-")
        else:
            taken += 1
            assert found.dtype == np.uint8
            assert found.shape[2] == 3
    assert taken > 20
    assert refused > 20
