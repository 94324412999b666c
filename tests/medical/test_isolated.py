"""Decoders in a child process: equal to those in this one, and what a child may do is a Refusal."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np
import pydicom
import pytest

from fieldglass.types import Problem, Sample
from fieldglass_medical import decode, isolated
from fieldglass_medical.decode import frames
from fieldglass_medical.isolated import DecoderRefusal, decoded
from fieldglass_medical.loader import Dicom
from fieldglass_medical.opening import open_dicom
from fieldglass_medical.refusal import Refusal

REAL = Path(pydicom.__file__).parent / "data" / "test_files"
LOSSLESS = "1.2.840.10008.1.2.4.70"


def opened(name):
    return open_dicom((REAL / name).open("rb"))


@pytest.mark.parametrize(
    "name", ["MR_small_jpeg_ls_lossless.dcm", "SC_rgb_jpeg_gdcm.dcm", "SC_rgb_jls_lossy_line.dcm", "JPEG2000.dcm"]
)
def test_it_gives_what_pydicom_gives(name):
    (ours,) = frames(opened(name), [0])
    theirs = pydicom.dcmread(REAL / name).pixel_array
    assert np.array_equal(ours, theirs) and ours.dtype == theirs.dtype


def options(side):
    return {
        "rows": side, "columns": side, "samples_per_pixel": 1, "bits_allocated": 8, "bits_stored": 8,
        "pixel_representation": 0, "photometric_interpretation": "MONOCHROME2", "pixel_keyword": "PixelData",
    }  # fmt: skip


def test_what_is_no_frame_is_refused_and_the_child_goes_on():
    for _ in range(2):
        with pytest.raises((Refusal, DecoderRefusal)):
            decoded(b"\xff\xd8" + bytes(100), LOSSLESS, "gdcm", options(8))
    child = isolated._POOL.take()
    isolated._POOL.give(child)
    assert child._process.poll() is None


def stand_in(monkeypatch, body):
    """A child that says it is ready and then does `body` with the request."""
    text = (
        "import json, sys, os, time\n"
        "def say(about, content=b''):\n"
        "    head = json.dumps(about).encode()\n"
        "    sizes = len(head).to_bytes(4, 'little') + len(content).to_bytes(8, 'little')\n"
        "    sys.stdout.buffer.write(sizes + head + content)\n"
        "    sys.stdout.buffer.flush()\n"
        "say({'ready': 1})\n"
        "sizes = sys.stdin.buffer.read(12)\n"
        f"{body}\n"
    )
    start = isolated.subprocess.Popen
    monkeypatch.setattr(
        isolated.subprocess, "Popen", lambda command, **how: start([command[0], "-S", "-c", text], **how)
    )
    monkeypatch.setattr(isolated, "_POOL", isolated._Pool())


@pytest.mark.parametrize(
    "body",
    [
        "os.abort()",
        "sys.exit(0)",
        "time.sleep(60)",
        "sys.stdout.buffer.write(b'\\xff' * 12); sys.stdout.buffer.flush()",
        "say([1, 2])",
        "say({'shape': [8, 8], 'dtype': '|O1'}, bytes(64))",
        "say({'shape': [8, 9], 'dtype': '|u1'}, bytes(72))",
        "say({'shape': [8, 8], 'dtype': '|u1'}, bytes(63))",
    ],
    ids=["aborts", "leaves", "hangs", "babbles", "no object", "objects", "another shape", "too short"],
)
def test_whatever_the_child_does_is_a_refusal(monkeypatch, body):
    stand_in(monkeypatch, body)
    monkeypatch.setattr(isolated, "_ANSWER_S", -11.0)  # one second in all
    started = time.monotonic()
    with pytest.raises(Refusal) as error:
        decoded(b"frame", LOSSLESS, "gdcm", options(8))
    assert error.value.code == "dicom-pixels" and time.monotonic() - started < 20
    isolated._POOL.close()


def test_a_child_that_died_costs_its_own_frame_alone(tmp_path):
    loader = Dicom()
    path = REAL / "MR_small_jpeg_ls_lossless.dcm"
    (item,) = (each for each in loader.scan(path) if not isinstance(each, Problem))
    assert isinstance(next(loader.read([item], path)), Sample)
    child = isolated._POOL.take()
    isolated._POOL.give(child)
    child._process.kill()
    child._process.wait()
    answer = next(loader.read([item], path))
    assert isinstance(answer, Problem) and answer.code == "dicom-pixels"
    assert isinstance(next(loader.read([item], path)), Sample)


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="the limit of memory is that of Linux")
def test_the_child_limits_itself():
    child = isolated._POOL.take()
    request = {"syntax": LOSSLESS, "plugin": "gdcm", "options": options(8), "seconds": 3, "memory": 1 << 28}
    child.ask(json.loads(json.dumps(request)), bytes(20), 20)
    limits = Path(f"/proc/{child._process.pid}/limits").read_text()
    isolated._POOL.give(child)
    lines = {line[:26].strip(): line[26:].split()[0] for line in limits.splitlines()}
    assert lines["Max cpu time"].isdigit() and int(lines["Max address space"]) < 4 << 30


def test_large_jpeg_2000_is_decoded_in_a_child_and_small_in_this_process(monkeypatch):
    asked = []
    monkeypatch.setattr(decode, "decoded", lambda *given: asked.append(given[2]) or np.zeros((1024, 256), np.int16))
    list(frames(opened("JPEG2000.dcm"), [0]))
    assert asked == ["pylibjpeg"]
    list(frames(opened("MR_small_jp2klossless.dcm"), [0]))
    assert asked == ["pylibjpeg"]
