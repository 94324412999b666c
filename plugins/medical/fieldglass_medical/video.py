"""The loader of videos, as endoscopes write them: frames as items, decoded one after the other."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fieldglass.errors import MissingExtraError, UsageError
from fieldglass.loaders.formats import SUFFIXES as PICTURES
from fieldglass.loaders.paths import inside, open_regular
from fieldglass.types import Item, Problem, Sample
from fieldglass_medical.crop import cropped, parse_crop
from fieldglass_medical.identity import Identity, default_key
from fieldglass_medical.path_groups import NO_PATIENT, PathGroups
from fieldglass_medical.pictures import Pictures
from fieldglass_medical.private_files import PrivateFiles, problem_of
from fieldglass_medical.refusal import Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Video"]

_SUFFIXES = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm", ".wmv"})
_FAR = 250  # frames that are decoded to pass them over; beyond, the file is searched


class Video(PrivateFiles):
    """Frames of the videos below a folder (MP4, MOV, AVI, MKV, WebM, MPEG, WMV). For research, not for diagnosis.

    :param per_second: frames that are taken of each second.
    :param every: every so many frames instead, where it is not 0.
    :param max_frames: of one video; a longer one is taken evenly.
    :param pattern: where paths name patients: "{patient}/{study}/*.mp4"; the folder of a file is its patient if empty.
    :param table: a table below the folder with the columns file, patient, and if you like study and series.
    :param crop: the part of the frames that is taken, "left,top,right,bottom" as shares: leave names on the screen out.
    :param key: the file of the secret key; made where it is missing.
    :param max_pixels: a video of larger frames is refused from its header.

    (H, W, 3) uint8 sRGB. Needs the extra `video` (OpenCV). One decoded frame is held at a time.
    """

    def __init__(
        self,
        *,
        per_second: float = 1.0,
        every: int = 0,
        max_frames: int = 2000,
        pattern: str = "",
        table: str = "",
        crop: str = "",
        key: str = "",
        max_pixels: int = 50_000_000,
    ) -> None:
        if not 0 < per_second <= 1000 or every < 0 or min(max_frames, max_pixels) < 1:
            raise UsageError("per_second, max_frames and max_pixels must be above 0, and every 0 or more.")
        if pattern and table:
            raise UsageError("Patients are told by a pattern or by a table, not by both.")
        self.per_second, self.every, self.max_frames = per_second, every, max_frames
        self.max_pixels, self.crop = max_pixels, parse_crop(crop)
        self.identity = Identity(Path(key) if key else default_key())
        self.groups = PathGroups(self.identity, pattern, table)
        self._stills = Pictures(crop=crop, key=key, max_pixels=max_pixels)  # to search videos with

    def scan(self, root: Path) -> Iterator[Item | Problem]:
        """An item for each frame that is taken, from the header of its video; a single file may be a picture."""
        if root.suffix.lower() in PICTURES and root.is_file():
            yield from self._stills.scan(root)
            return
        base, names = self.files(root, _SUFFIXES)
        table = self.groups.load(base, alone=self.real(root).is_file())
        for name in names:
            yield from self._items(name, base, table)

    def read(self, items: Sequence[Item], root: Path) -> Iterator[Sample | Problem]:
        """The frames, or why not; a video is opened once for those that follow one another."""
        base = self.base(root)
        for file, run in groupby(items, key=lambda item: str(item.locator.get("file", item.id))):
            found = list(run)
            if "frame" in found[0].locator:
                yield from self._frames(file, found, base)
            else:
                yield from self._stills.read(found, root)

    def preview(self, sample: Sample) -> NDArray[np.uint8]:
        """(H, W, 3) uint8, the frame itself."""
        return self._stills.preview(sample)

    def _items(self, name: str, base: Path, table: Mapping[str, Mapping[str, str]]) -> Iterator[Item | Problem]:
        subject = self.identity.of("file", name)
        try:
            path = inside(base, name)
            status = path.stat()
            with _opened(path) as video:
                total, rate, width, height = _header(video, self.max_pixels)
        except MissingExtraError:
            raise
        except Exception as error:
            yield problem_of(subject, error, "video-damaged", "The video cannot be opened")
            return
        self.identity.remember(base, subject, name)
        groups = self.groups.of(name, table)
        if "patient" not in groups:
            groups["patient"] = subject
            yield Problem(subject, "video-no-patient", NO_PATIENT, severity="warning")
        groups.setdefault("series", self.identity.of("series", subject))
        stamp = self.identity.of("stamp", f"{status.st_size}-{status.st_mtime_ns}")
        step = max(self.every or round(rate / self.per_second), math.ceil(total / self.max_frames), 1)
        for index in range(0, total, step):
            columns = {
                "rows": height, "columns": width, "frame": index + 1, "second": round(index / rate, 3),
                "burned_in": "likely",
            }  # fmt: skip
            named = {"file": subject, "stamp": stamp, "frame": index}
            yield Item(f"{subject}#frame={index + 1}", (), named, columns, groups)

    def _frames(self, file: str, items: list[Item], base: Path) -> Iterator[Sample | Problem]:
        left = list(items)
        while left:
            try:
                with _opened(self.path_of(file, base)) as video:
                    _header(video, self.max_pixels)
                    at = 0
                    for item in items[len(items) - len(left) :]:
                        at = _forward(video, at, int(item.locator["frame"]))
                        yield Sample("image", np.ascontiguousarray(cropped(_frame(video), self.crop)))
                        at += 1
                        left.pop(0)
            except Exception as error:
                yield problem_of(left.pop(0).id, error, "video-damaged", "The frame cannot be decoded")


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The video by FFmpeg alone, where its first bytes are those of a video: a playlist would name other files."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # what FFmpeg says holds the path
    try:
        import cv2
    except ImportError:
        raise MissingExtraError(
            "Videos need OpenCV, which is not installed.", hint="pip install 'fieldglass-medical[video]'"
        ) from None
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # it warns past Python's streams of damaged files
    with open_regular(path) as file:
        head = file.read(512)
    if not _is_video(head):
        raise Refusal("video-format", "Its name says video, its content does not.")
    video = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        if not video.isOpened():
            raise Refusal("video-damaged", "The video cannot be opened: it is damaged, or of an unknown codec.")
        yield video
    finally:
        video.release()


def _is_video(head: bytes) -> bool:
    boxes = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
    starts = (b"\x1aE\xdf\xa3", b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3", b"0&\xb2u\x8ef\xcf\x11")
    riff = head[:4] == b"RIFF" and head[8:12] == b"AVI "
    stream = head[:1] == b"\x47" and head[188:189] == b"\x47" and head[376:377] == b"\x47"  # MPEG-TS
    return head[4:8] in boxes or head.startswith(starts) or riff or stream


def _header(video: Any, max_pixels: int) -> tuple[int, float, int, int]:
    """Frames, frames a second, width and height, as the file says. Refusal where that cannot be."""
    import cv2

    total, rate = video.get(cv2.CAP_PROP_FRAME_COUNT), video.get(cv2.CAP_PROP_FPS)
    width, height = int(video.get(cv2.CAP_PROP_FRAME_WIDTH)), int(video.get(cv2.CAP_PROP_FRAME_HEIGHT))
    if width < 1 or height < 1 or not 1 <= total < 1e8:
        raise Refusal("video-damaged", "The video does not say how many frames of which size it has.")
    if width * height > max_pixels:
        raise Refusal("video-too-large", f"{width} x {height} pixels are over the limit (--set max_pixels=N).")
    return int(total), rate if math.isfinite(rate) and 0 < rate < 10_000 else 25.0, width, height


def _forward(video: Any, at: int, wanted: int) -> int:
    """Go from the frame that comes next to another one; where that is."""
    import cv2

    if wanted - at > _FAR or wanted < at:
        video.set(cv2.CAP_PROP_POS_FRAMES, wanted)
        at = int(video.get(cv2.CAP_PROP_POS_FRAMES))
        if at != wanted:
            raise Refusal("video-truncated", "The video ends before this frame, or cannot be searched.")
    while at < wanted:
        if not video.grab():
            raise Refusal("video-truncated", "The video ends before this frame.")
        at += 1
    return at


def _frame(video: Any) -> NDArray[np.uint8]:
    import cv2

    there, pixels = video.read()
    if not there or pixels is None:
        raise Refusal("video-truncated", "The video ends before this frame.")
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))
