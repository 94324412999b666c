"""Videos: which frames are taken, that they are the right ones, and what is refused."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from fieldglass.errors import UsageError
from fieldglass.testing import LoaderContract
from fieldglass.types import Item, Problem
from fieldglass_medical.video import Video

cv2 = pytest.importorskip("cv2")
CODECS = {".avi": "MJPG", ".mp4": "mp4v"}


def written(path, frames=60, size=(64, 48), rate=25):
    """A video whose frame n has a grey of 4 n, and a bright square at the left."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*CODECS[path.suffix]), rate, size)
    assert writer.isOpened()
    for number in range(frames):
        frame = np.full((size[1], size[0], 3), number % 60 * 4, np.uint8)
        frame[:, :8] = (0, 0, 255)  # red, as OpenCV writes it
        writer.write(frame)
    writer.release()
    return path


class TestVideo(LoaderContract):
    loader = "med/video"

    def source(self, folder):
        written(folder / "jane" / "a.avi")
        return folder

    def damage(self, path):
        path.write_bytes(b"RIFF\0\0\0\0AVI " + bytes(200))


def scanned(root, **options):
    loader = Video(**options)
    found = list(loader.scan(root))
    return loader, [e for e in found if isinstance(e, Item)], [e for e in found if isinstance(e, Problem)]


@pytest.mark.parametrize("suffix", [".avi", ".mp4"])
@pytest.mark.parametrize(
    ("options", "numbers"),
    [({}, [0, 25, 50]), ({"every": 20}, [0, 20, 40]), ({"per_second": 2.5}, [0, 10, 20, 30, 40, 50]),
     ({"every": 1, "max_frames": 4}, [0, 15, 30, 45])],
)  # fmt: skip
def test_the_frames_that_are_asked_for(tmp_path, suffix, options, numbers):
    path = written(tmp_path / f"a{suffix}")
    loader, items, _ = scanned(path, **options)
    assert [item.metadata["frame"] - 1 for item in items] == numbers
    assert [item.metadata["second"] for item in items] == [round(each / 25, 3) for each in numbers]
    samples = list(loader.read(items, path))
    greys = [float(sample.content[24, 40].mean()) / 4 for sample in samples]
    assert np.allclose(greys, numbers, atol=1.0)  # MPEG-4 is some grey levels behind
    red = samples[0].content[24, 2]
    assert red[0] > 180 and red[2] < 80
    assert samples[0].content.shape == (48, 64, 3)


def test_far_frames_are_those_that_come_one_after_the_other(tmp_path):
    path = written(tmp_path / "a.mp4", frames=600)
    loader, items, _ = scanned(path, every=1)
    near = list(loader.read(items, path))
    for number in (0, 299, 413, 599, 280):
        (far,) = loader.read([items[number]], path)
        assert np.array_equal(far.content, near[number].content), number


def test_a_video_is_a_series_of_a_patient(tmp_path):
    written(tmp_path / "jane" / "a.avi", frames=30)
    written(tmp_path / "jane" / "b.avi", frames=30)
    _, items, problems = scanned(tmp_path)
    assert not problems and len({item.groups["patient"] for item in items}) == 1
    assert len({item.groups["series"] for item in items}) == 2
    assert all("jane" not in str(item) for item in items)
    assert {item.metadata["burned_in"] for item in items} == {"likely"}


def test_the_screen_beside_the_view_is_left_out(tmp_path):
    path = written(tmp_path / "a.avi")
    loader, items, _ = scanned(path, crop="0.25,0,1,1")
    sample = next(loader.read(items, path))
    assert sample.content.shape == (48, 48, 3) and sample.content.max() < 40


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", "video-format"),
        (b"", "video-format"),
        (b"\0\0\0\x18ftypmp42" + bytes(300), "video-damaged"),
    ],
)
def test_what_is_no_video_is_refused(tmp_path, content, code, capfd):
    (tmp_path / "a.mp4").write_bytes(content)
    assert [each.code for each in scanned(tmp_path / "a.mp4")[2]] == [code]
    assert "cap.cpp" not in capfd.readouterr().err  # OpenCV writes past Python's streams


def test_a_cut_video_gives_the_frames_it_has(tmp_path):
    path = written(tmp_path / "a.avi", frames=60)
    loader, items, _ = scanned(path, every=10)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    answers = list(loader.read(items, path))
    codes = [each.code if isinstance(each, Problem) else "" for each in answers]
    assert codes[0] == "" and codes[-1].startswith("video-") and len(codes) == 6


def test_a_large_frame_is_refused_from_the_header(tmp_path):
    assert [each.code for each in scanned(written(tmp_path / "a.avi"), max_pixels=100)[2]] == ["video-too-large"]


def test_frames_stream(tmp_path):
    path = written(tmp_path / "a.avi", frames=100, size=(320, 240))
    loader, items, _ = scanned(path, every=1)
    next(loader.read(items, path))
    tracemalloc.start()
    for _ in loader.read(items, path):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 320 * 240 * 3


def test_options_that_cannot_be():
    for options in ({"per_second": 0}, {"every": -1}, {"max_frames": 0}, {"pattern": "{patient}", "table": "x.csv"}):
        with pytest.raises(UsageError):
            Video(**options)
