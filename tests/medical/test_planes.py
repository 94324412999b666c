"""Volumes and clips are explained on the slice or frame that made them alike, which the page names."""

from __future__ import annotations

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pydicom
import pytest
from click.testing import CliRunner

from fieldglass.cli import main
from fieldglass.errors import UsageError
from fieldglass.testing.tiny import TinyEncoder
from fieldglass.types import Accepts, Item, Prepared, Sample
from fieldglass_medical.encoders.display import sections
from fieldglass_medical.loader import Dicom
from fieldglass_medical.planes import middle, most_alike, named, plane, suited
from medical.studies import NAME, picture, slice_of

RED, GREEN, GREY, BLACK = (250, 20, 20), (20, 250, 20), (130, 110, 120), (0, 0, 0)
SHOWN = (SimpleNamespace(preview=lambda sample: sample.content),) * 2


class Stacks(TinyEncoder):
    """Mean vectors of at most eight slices, besides pictures."""

    def __init__(self):
        super().__init__()
        self.accepts = (*TinyEncoder.accepts, Accepts("stack", "volume"), Accepts("stack", "clip"))
        self.options = {"slices": 8}

    def prepare(self, sample):
        if sample.kind not in ("volume", "clip"):
            return super().prepare(sample)
        chosen = sections(len(sample.content), 8)
        return Prepared([super(Stacks, self).prepare(plane(sample, at)) for at in chosen], "stack")

    def images(self, batch):
        if batch[0].tower != "stack":
            return super().images(batch)
        means = np.stack([super(Stacks, self).images(each.content).mean(axis=0) for each in batch])
        return means / np.linalg.norm(means, axis=-1, keepdims=True)


def stack(colours, kind="volume", **more):
    found = np.zeros((len(colours), 24, 24, 3), np.uint8)
    found[:] = np.array(colours, np.uint8)[:, None, None]
    return Sample(kind, found, **more)


@pytest.mark.parametrize("kind", ["volume", "clip"])
def test_a_picture_is_shown_beside_the_slice_that_is_like_it(kind):
    asked = Sample("image", np.full((24, 24, 3), RED, np.uint8))
    found = most_alike(Stacks(), asked, stack([GREY, GREY, GREEN, RED, GREY], kind), SHOWN)
    assert (found.query, found.hit, found.compared) == (0, 3, (1, 5))
    assert found.similarity == pytest.approx(1, abs=1e-5)
    back = most_alike(Stacks(), stack([GREY, RED, GREEN], kind), asked, SHOWN)
    assert (back.query, back.hit, back.compared) == (1, 0, (3, 1))


def test_empty_slices_are_not_what_two_volumes_share():
    mine, other = stack([BLACK, BLACK, RED, RED, RED, GREY]), stack([BLACK, GREEN, RED, BLACK])
    found = most_alike(Stacks(), mine, other, SHOWN)
    assert found.hit == 2 and found.query in (2, 3, 4) and found.compared == (4, 2)
    assert most_alike(Stacks(), stack([BLACK] * 3), mine, SHOWN).compared == (3, 4)


def test_only_slices_that_the_encoder_took_are_compared():
    colours = [GREY] * 40
    colours[20] = RED  # of eight parts of 40, the middles are 2, 7, 12, 17, 22 ...
    colours[22] = (200, 60, 60)
    found = most_alike(Stacks(), Sample("image", np.full((24, 24, 3), RED, np.uint8)), stack(colours), SHOWN)
    assert found.hit == 22 and found.compared == (1, 8)


def test_an_encoder_of_pictures_saw_the_middle_slice_alone():
    found = most_alike(TinyEncoder(), stack([RED, GREY, GREEN]), stack([RED, RED, GREY, RED]), SHOWN)
    assert (found.query, found.hit, found.compared) == (1, 2, (1, 1))


def test_an_encoder_of_volumes_alone_compares_no_slices():
    encoder = Stacks()
    encoder.accepts = encoder.accepts[-2:]
    with pytest.raises(UsageError, match="whole volumes alone"):
        most_alike(encoder, stack([RED, RED]), stack([RED, RED]), SHOWN)


def test_a_plane_keeps_units_mask_and_spacing():
    values, valid = np.arange(48, dtype=np.float32).reshape(3, 4, 4, 1), np.zeros((3, 4, 4), bool)
    valid[1] = True
    sample = Sample("volume", values, ("HU",), "HU", valid, (2.5, 0.5, 0.7))
    found = plane(sample, 1)
    assert found.kind == "image" and np.array_equal(found.content, values[1]) and found.mask.all()
    assert found.units == "HU" and found.spacing == (0.5, 0.7) and middle(sample) == 1
    shown = suited(TinyEncoder(), found, SimpleNamespace(preview=lambda each: np.full((4, 4, 3), 7, np.uint8)))
    assert shown.units == "srgb8" and shown.content.max() == 7 and shown.mask is found.mask


def test_slices_and_frames_have_numbers_and_places():
    volume = stack([RED] * 5, spacing=(2.5, 1, 1))
    assert named(volume, 2, None, None) == "slice 3 of 5 (5 mm from the first)"
    assert named(replace(volume, spacing=None), 0, None, None) == "slice 1 of 5"
    clip, item = stack([RED] * 4, "clip"), Item("a", metadata={"frames": 100})
    loader = SimpleNamespace(max_frames=4)  # the first and the last, and two between
    assert [named(clip, at, item, loader) for at in (0, 1, 3)] == [f"frame {n} of 100" for n in (1, 34, 100)]
    assert named(clip, 1, None, loader) == "frame 2 of 4"
    assert named(Sample("image", clip.content[0]), 0, item, loader) == ""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two patients with series of six slices, of which one shows something, as volumes in `med/mini`."""
    folder = tmp_path_factory.mktemp("planes")
    rng = np.random.default_rng(5)
    for patient, label in enumerate(("disc", "checks")):
        (folder / "archive" / f"Jane{patient}").mkdir(parents=True)
        for number in range(6):
            pixels = rng.integers(1024, 1064, (64, 64)).astype(np.uint16)
            if number == 1 + patient:
                pixels = picture(label, patient)
            slice_of(
                folder / "archive" / f"Jane{patient}" / f"{number}.dcm", pixels, patient=f"P{patient}", number=number
            )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIELDGLASS_MEDICAL_KEY", str(folder / "medical.key"))
        archive, collection = folder / "archive", folder / "c.collection"
        done = CliRunner().invoke(
            main, ["med", "index", str(archive), "--to", str(collection), "--set", "level=series"]
        )
        assert done.exit_code == 0, done.output
        yield folder


def report(place, query, page):
    given = ["med", "similar", str(place / "c.collection"), str(query), "--report", str(page), "--maps", "1"]
    done = CliRunner().invoke(main, given)
    assert done.exit_code == 0, done.output
    text = page.read_text(encoding="utf-8")
    assert NAME not in text and "Jane" not in text and "No similarity map" not in text
    return text


def test_the_report_explains_a_series_by_its_slices(place, tmp_path, monkeypatch):
    monkeypatch.setenv("FIELDGLASS_MEDICAL_KEY", str(place / "medical.key"))
    query = slice_of(tmp_path / "q.dcm", picture("disc", 9), patient="new")
    text = report(place, query, tmp_path / "a.html")
    assert "Of 6 compared of the hit, slice 2 of 6 (2.5 mm from the first) is most like the query." in text
    assert "<b>slice 2 of 6 (2.5 mm from the first)</b>, window centre 40 HU" in text
    text = report(place, place / "archive" / "Jane0", tmp_path / "b.html")  # volume against volume
    assert re.search(r"of 6 compared of the query, slice \d of 6 \(.*\) is most like that one\.", text)
    assert text.count("<b>slice ") == 2


def test_a_clip_of_a_file_is_explained_by_its_frame(place, tmp_path, monkeypatch):
    monkeypatch.setenv("FIELDGLASS_MEDICAL_KEY", str(place / "medical.key"))
    frames = np.stack([np.full((64, 64), 24, np.uint16)] * 7 + [picture("disc", 3)])  # seven show nothing
    path = slice_of(tmp_path / "clip.dcm", frames[0], patient="new")
    data = pydicom.dcmread(path)
    data.NumberOfFrames, data.PixelData = len(frames), frames.tobytes()
    del data.ImagePositionPatient, data.ImageOrientationPatient
    data.save_as(path)
    loader = Dicom(max_frames=4)
    ((item, sample),) = [(each, next(iter(loader.read([each], path)))) for each in loader.scan(path)]
    assert named(sample, 3, item, loader) == "frame 8 of 8" and named(sample, 1, item, loader) == "frame 3 of 8"
    assert "of the query, frame 8 of 8 alone was compared" in report(place, path, tmp_path / "c.html")
