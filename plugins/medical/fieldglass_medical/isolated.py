"""Decodes frames in child processes: by decoders that a damaged frame can make end, hang or fill the memory, and by
those that hold the interpreter's lock, so that all cores decode.

A child answers one request at a time and stays for the next. It limits its own memory, and its processor time for each
frame; the parent kills one that does not answer. Nothing that a child sends is trusted: it is a JSON header, whose
shape must be that of the request, and raw bytes.
"""

from __future__ import annotations

import atexit
import json
import math
import os
import subprocess
import sys
import threading
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from fieldglass_medical.refusal import Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DecoderRefusal", "decoded"]

_START_S, _ANSWER_S = 60.0, 10.0  # of the wall clock; the child's own limit is of processor time, and shorter
_FRAME_CPU_S, _PIXELS_PER_S = 3, 2_000_000
_MEMORY = 768 << 20
_TYPES = ("|u1", "|i1", "<u2", "<i2", "<u4", "<i4", ">u2", ">i2", ">u4", ">i4")
_OPTIONS = (
    "bits_allocated", "bits_stored", "columns", "photometric_interpretation", "pixel_keyword", "pixel_representation",
    "planar_configuration", "rows", "samples_per_pixel",
)  # fmt: skip


class DecoderRefusal(Exception):
    """The decoder looked at the frame and does not take it."""


def decoded(frame: bytes, syntax: str, plugin: str, options: dict[str, Any]) -> NDArray[Any]:
    """The stored values of one compressed frame, (rows, columns) or (rows, columns, 3).

    `options` are those of pydicom's decoders. DecoderRefusal where the plug-in says no, Refusal where it fails.
    """
    asked = {name: options[name] for name in _OPTIONS if options.get(name) is not None}
    rows, columns, samples = int(asked["rows"]), int(asked["columns"]), int(asked["samples_per_pixel"])
    seconds = max(_FRAME_CPU_S, math.ceil(rows * columns / _PIXELS_PER_S))
    need = 16 * rows * columns * samples
    request = {"syntax": syntax, "plugin": plugin, "options": asked, "seconds": seconds, "memory": _MEMORY + need}
    child = _POOL.take()
    try:
        answer, content = child.ask(request, frame, _ANSWER_S + 4 * seconds)
    except (OSError, EOFError, ValueError):
        child.end()
        said = "Its decoder ended, or took too long: the frame is damaged."
        raise Refusal("dicom-pixels", said) from None
    _POOL.give(child)
    if "refused" in answer:
        raise DecoderRefusal
    if "failed" in answer:
        raise Refusal("dicom-pixels", "The decoder finds the frame damaged.")
    return _checked(answer, content, (rows, columns, samples))


def _checked(answer: dict[str, Any], content: bytes, wanted: tuple[int, int, int]) -> NDArray[Any]:
    rows, columns, samples = wanted
    shape = (rows, columns) if samples == 1 else wanted
    kind = str(answer.get("dtype"))
    size = math.prod(shape) * int(kind[2:]) if kind in _TYPES else -1
    if answer.get("shape") != list(shape) or len(content) != size:
        raise Refusal("dicom-pixels", "The decoder gives another size than the header says.")
    return np.frombuffer(content, dtype=np.dtype(kind)).reshape(shape)


class _Child:
    def __init__(self) -> None:
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "fieldglass_medical.isolated_child"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment,
        )  # fmt: skip
        self._within(_START_S, self._receive)

    def ask(self, request: dict[str, Any], frame: bytes, seconds: float) -> tuple[dict[str, Any], bytes]:
        """Send a frame and wait for its answer. OSError, EOFError or ValueError where the child does not live on."""
        head = json.dumps(request).encode()
        sizes = len(head).to_bytes(4, "little") + len(frame).to_bytes(8, "little")

        def exchange() -> tuple[dict[str, Any], bytes]:
            to = _pipe(self._process.stdin)
            to.write(sizes + head)
            to.write(frame)
            to.flush()
            return self._receive()

        return self._within(seconds, exchange)

    def end(self) -> None:
        """Kill it and take its exit."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            try:
                _pipe(pipe).close()
            except OSError:  # what was left to write has no reader
                continue

    def _receive(self) -> tuple[dict[str, Any], bytes]:
        head = _exactly(_pipe(self._process.stdout), 12)
        about = json.loads(_exactly(_pipe(self._process.stdout), int.from_bytes(head[:4], "little")))
        content = _exactly(_pipe(self._process.stdout), int.from_bytes(head[4:], "little"))
        if not isinstance(about, dict):
            raise ValueError
        return about, content

    def _within(self, seconds: float, work: Any) -> Any:
        clock = threading.Timer(seconds, self._process.kill)
        clock.daemon = True
        clock.start()
        try:
            return work()
        finally:
            clock.cancel()


class _Pool:
    """Children that are at leisure; a thread takes one, or starts one where there is none."""

    def __init__(self) -> None:
        self._idle: list[_Child] = []
        self._lock = threading.Lock()
        self._owner = 0

    def take(self) -> _Child:
        with self._lock:
            if self._owner != os.getpid():  # after a fork the children are the parent's
                self._idle, self._owner = [], os.getpid()
                atexit.register(self.close)
            if self._idle:
                return self._idle.pop()
        try:
            return _Child()
        except (OSError, EOFError, ValueError):
            raise Refusal("dicom-decoder", "The process that decodes it could not be started.") from None

    def give(self, child: _Child) -> None:
        with self._lock:
            self._idle.append(child)

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for child in idle:
            child.end()


_POOL = _Pool()


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise EOFError
    return pipe


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    if size > 1 << 33:
        raise ValueError
    found = pipe.read(size)
    if len(found) != size:
        raise EOFError
    return found
